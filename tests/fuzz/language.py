"""Targets: the language in all its forms, and what is made of a spec that is right."""

from __future__ import annotations

import re
from contextlib import suppress
from random import Random
from typing import Any

from specc.analyses import Costs
from specc.api import loads
from specc.cli import parsing
from specc.compare.difference import Comparison, FailOn, FileChange, compare_models, parameters
from specc.diagnostics import ParityError, SpecError, UsageError
from specc.elaborate import Imports, check_file, constant
from specc.elaborate.values import literal
from specc.filesystem import Memory
from specc.options import WeightOptions
from specc.project.check import check
from specc.project.conversion import convert
from specc.project.selection import CheckOptions
from specc.project.settings import NO_SETTINGS, Configuration
from specc.report.annotation import shapes
from specc.report.costs import explain, summary
from specc.report.formats import COMPARISON_FORMATS, comparison_text
from specc.source import Source
from specc.syntax import ast, parse, read
from specc.syntax.format import annotated, formatted
from specc.syntax.yaml import language_text
from specc.syntax.yaml.writer import to_yaml
from specc.verify.cases import allowed
from tests.fuzz import texts
from tests.fuzz.target import Target, require, require_sound
from tests.syntax.format.scramble import comments, scrambled
from tests.syntax.yaml.texts import without_places
from tests.verify.specimens import random_specs

NAME = "net.cnn"


def source_of(data: bytes, name: str = NAME) -> tuple[Source, Memory]:
    """Raises SpecError."""
    files = Memory({name: data, "lib.cnn": texts.LIBRARY})
    return read(name, files), files


def tree(text: str, name: str = NAME) -> Any:
    return without_places(parse(Source(name, text)))


class _Specs(Target):
    """What reads a spec."""

    def draw(self, random: Random) -> bytes:
        return texts.encoded(texts.spec(random), random)


class Parser(_Specs):
    """From bytes to a tree. A finding has its place inside the text."""

    name, share = "parser", 250

    def answer(self, data: bytes) -> object:
        source, _ = source_of(data)
        return without_places(parse(source))


class Lengths(Parser):
    """One thing over and over: what reads a text, and what explains a mistake in it, takes its time once."""

    name, share = "long", 10

    def draw(self, random: Random) -> bytes:
        return texts.encoded(texts.lengthened(random), random)


class Formatter(_Specs):
    """The one style: the same tree, every comment, and nothing to do the second time."""

    name, share = "fmt", 130

    def draw(self, random: Random) -> bytes:
        text = texts.derived(random, "start") if random.random() < 0.3 else texts.spec(random)
        if "#" not in text:
            with suppress(IndexError, KeyError):  # scrambled text needs its brackets in pairs
                text = scrambled(text, random)
        return texts.encoded(text, random)

    def answer(self, data: bytes) -> object:
        source, _ = source_of(data)
        before = without_places(parse(source))
        text = formatted(source)
        require(tree(text) == before, "formatted it is another spec")
        require(formatted(Source(NAME, text)) == text, "formatted twice is not formatted once")
        require(sorted(comments(text)) == sorted(comments(source.text)), "a comment is lost, or another one")
        return text


class Conversion(_Specs):
    """To YAML and back: the same tree."""

    name, share = "convert", 40

    def answer(self, data: bytes) -> object:
        source, _ = source_of(data)
        before = without_places(parse(source))
        there = convert(source, "cnn").text
        require(tree(there, "net.yaml") == before, "as YAML it is another spec")
        back = convert(Source("net.yaml", there), "yaml").text
        require(tree(back) == before, "back from YAML it is another spec")
        return there, back


class Yaml(Target):
    """A spec in YAML: the language that it is translated to has the same tree."""

    name, share = "yaml", 60

    def draw(self, random: Random) -> bytes:
        return texts.encoded(texts.yaml_spec(random), random)

    def answer(self, data: bytes) -> object:
        source, _ = source_of(data, "net.yaml")
        before = without_places(parse(source))
        text = language_text(source)
        require(tree(text) == before, "as the language it is another spec")
        require(tree(to_yaml(Source(NAME, text)), "net.yaml") == before, "written anew it is another spec")
        return text


class Expressions(Target):
    """Values: what one is written as is the same value again, and numbers are Python's."""

    name, share = "expressions", 300

    _shared = re.compile(
        r"(?:[0-9]{1,3}(?![\w.])|\b(?:min|max|sum|len) ?\(|\b(?:if|else|and|or|not)\b|//|[=!<>]=|[-+*%<>()\[\],: ])+"
    )
    """What means the same in Python, but for `**` and lists times numbers, which may take all its memory."""

    def draw(self, random: Random) -> bytes:
        return texts.encoded(texts.expression(random), random)

    def answer(self, data: bytes) -> object:
        text = data.decode("utf-8", "replace").replace("\n", " ")
        value = constant(parse(Source("--set", f"let value = {text}\n")))
        written = literal(value)
        require(
            literal(constant(parse(Source("--set", f"let value = {written}\n")))) == written, "a value is not read back"
        )
        if self._shared.fullmatch(text) and "**" not in text and not ("[" in text and "*" in text):
            names = {"__builtins__": {}, "min": min, "max": max, "sum": sum, "len": len}
            with suppress(ArithmeticError, IndexError, TypeError, SyntaxError, ValueError):
                require(repr(_tupled(eval(text, names))) == repr(value), "Python has another value")
        return written


def _tupled(value: object) -> object:
    """With lists as the language has them."""
    return tuple(map(_tupled, value)) if isinstance(value, list | tuple) else value


class Arguments(Target):
    """What is typed behind options: values of parameters, sizes, names, limits."""

    name, share = "arguments", 60
    _readers = (parsing.parse_arguments, parsing.parse_sizes, parsing.parse_renames, parsing.parse_sections)
    _usual = ("c=3", "act=relu", "H=224", "input.1=image", "graph,cost+1%", "sizes=[1, [2]]", 'x="a"', "cost + 0.5 %")

    def draw(self, random: Random) -> bytes:
        text = random.choice(self._usual)
        for _ in range(random.choice((0, 1, 1, 2))):
            at = random.randrange(len(text) + 1)
            new = random.choice(
                (texts.word(random), random.choice(texts.ODD), "=", "%", ",", "9" * 5000, texts.expression(random))
            )
            text = text[:at] + new + text[at + random.choice((0, 0, 1, 3)) :]
        return bytes([random.randrange(len(self._readers))]) + texts.encoded(text, random)

    def answer(self, data: bytes) -> object:
        which, text = data[0] if data else 0, data[1:].decode("utf-8", "surrogateescape")
        return repr(self._readers[which % len(self._readers)]([text]))


class Check(_Specs):
    """A spec checked with all lints; of one that fits, tables, explanations, shapes and PyTorch's code."""

    name, share = "check", 70
    largest = 300
    """Steps of a network that is shown."""

    def draw(self, random: Random) -> bytes:
        if random.random() < 0.5:
            return texts.encoded(texts.nearby(random.choice(texts.specs()), random), random)
        return super().draw(random)

    def answer(self, data: bytes) -> object:
        files = Memory({NAME: data, "lib.cnn": texts.LIBRARY})
        outcome = check([NAME], CheckOptions(Configuration(NO_SETTINGS)), files=files)
        if outcome.fails:
            raise SpecError(list(outcome.files[0].findings))
        said = [require_sound(file.findings) for file in outcome.files if file.findings]
        said += self._shown(data)
        return said

    def _shown(self, data: bytes) -> list[str]:
        source, files = source_of(data)
        said: list[str] = []
        file = parse(source)
        for checked in check_file(file, Imports(files)):
            if len(checked.graph.nodes) > self.largest:
                continue
            costs = Costs(checked.graph)
            said.append(summary(costs))
            said += [explain(costs, node.name) for node in checked.graph.nodes[:3]]
            code = loads(source.text, files={"lib.cnn": texts.LIBRARY}, model=checked.graph.name).torch_source()
            compile(code, "net.py", "exec")
            said.append(code)
        if said and not any(isinstance(item, ast.Import) for item in file.items):
            with_shapes = annotated(file, shapes(file))
            require(tree(with_shapes) == without_places(file), "with shapes it is another spec")
            said.append(with_shapes)
        return said


class Difference(Target):
    """Two specs compared, the second made of the first."""

    name, share = "diff", 10
    between = "\n# ---- and then ----\n"

    def draw(self, random: Random) -> bytes:
        while True:
            text = random.choice(texts.specs())
            with suppress(SpecError, UsageError):
                check_file(parse(Source(NAME, text)))
                break
        changed = texts.nearby(text, random) if random.random() < 0.7 else texts.changed(text, random, texts.specs())
        return texts.encoded(text + self.between + changed, random)

    def answer(self, data: bytes) -> object:
        before, _, after = data.decode("utf-8", "replace").partition(self.between)
        files = [parse(Source(name, text)) for name, text in (("old.cnn", before), (NAME, after))]
        old, new = ([checked.graph for checked in check_file(file)] for file in files)
        if sum(len(graph.nodes) for graph in (*old, *new)) > 1000:
            raise UsageError("large ones say the same more slowly")
        models = compare_models(old, new, None, parameters=(parameters(files[0]), parameters(files[1])))
        comparison = Comparison((FileChange("old.cnn", NAME, models),), 0, "main")
        return [
            comparison_text(form, comparison, fail_on=FailOn(frozenset({"graph", "cost"})))
            for form in COMPARISON_FORMATS
        ]


class Proof(Target):
    """What a check accepts, compiled and proven: PyTorch and ONNX agree."""

    name, share = "proof", 0.3
    most = 2_000_000
    """MACs of a network that is proven."""

    def draw(self, random: Random) -> bytes:
        text = next(random_specs(random.getrandbits(32)))
        text = texts.nearby(text, random) if random.random() < 0.8 else texts.changed(text, random, texts.specs())
        return text.encode("utf-8", "surrogatepass")

    def answer(self, data: bytes) -> object:
        model = loads(data.decode("utf-8", "replace"))
        small = model.at(**{symbol.name: allowed(symbol, symbol.least) for symbol in model.symbols})
        if (
            len(model.graph.nodes) > 40
            or small.macs > self.most
            or small.activation_memory > 2**24
            or model.params > 10**6
        ):
            raise UsageError("large ones say the same more slowly")
        try:
            parity = model.to_onnx(self.folder / "net.onnx")
        except ParityError as error:
            # Numbers that leave float32's range are no disagreement: PyTorch's own are as far off, and NaN as it is.
            reason = error.lines[0]
            require("float32 cannot compute" in reason or "nothing is proven" in reason, f"a proof failed: {reason}")
            raise UsageError(*error.lines) from None
        require(parity is not None and parity.passed, "a proof failed")
        return WeightOptions().is_empty


TARGETS = (Expressions, Parser, Lengths, Formatter, Check, Yaml, Arguments, Conversion, Difference, Proof)
