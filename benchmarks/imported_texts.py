"""What comes back of a spec's text: the zoo and random specs compiled, and imported.

    python -m benchmarks.imported_texts           # a table
    python -m benchmarks.imported_texts --specs   # and which specs they are

A file says the network and its names. It says no comments, asserts, stated shapes and dropouts; nor which numbers are
parameters, and what they were computed of. docs/import.md carries the table.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import specc
from specc.diagnostics import SpecError
from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import structured
from specc.onnxfile import OnnxFile
from specc.ops import find
from specc.source import Source
from specc.syntax import ast, parse
from specc.syntax.format import formatted
from tests.importing.test_round_trip import written
from tests.verify.specimens import random_specs

EXAMPLES = Path(__file__).parents[1] / "examples"
UNSAID = frozenset(("dropout", "alphadropout", "stochasticdepth", "featurealphadropout", "identity"))
"""Steps of which a file says nothing."""
SAME = "the same text"
NAMES = "the same but for names and lines"
STEPS = "the same but for what no file says"
OTHER = "other words for the same network"


@dataclass(slots=True)
class _Shape:
    """The tree of a model and its blocks as a list, with numbers in the place of names: by the order of the text.

    Attributes:
        erases: whether what no file says is left out.
        values: numbers that stand for parameters of the model.
    """

    file: ast.File
    erases: bool
    numbers: dict[str, int] = field(default_factory=dict)
    values: dict[str, ast.Number] = field(default_factory=dict)

    def of(self, model: str) -> list[object]:
        blocks = {item.name: item for item in self.file.items if isinstance(item, ast.BlockDefinition)}
        (first,) = [item for item in self.file.items if isinstance(item, ast.ModelDefinition) and item.name == model]
        if self.erases:
            self.values = {p.name: p.default for p in first.params if isinstance(p.default, ast.Number)}
            contract = first.contract and first.contract._replace(outputs=None)
            first = first._replace(params=(), contract=contract)
        found = [*self._words(first)]
        done: set[str] = set()
        while waiting := [name for name in self.numbers if name in blocks and name not in done]:
            done.add(waiting[0])
            found += self._words(blocks[waiting[0]])
        return found

    def _words(self, tree: object) -> Iterator[object]:
        if isinstance(tree, str):
            yield tree if find(tree) or tree in ("in", "_", "bn") else self.numbers.setdefault(tree, len(self.numbers))
        elif not isinstance(tree, tuple):
            yield tree
        elif isinstance(tree, ast.Name) and tree.name in self.values:
            yield from self._words(self.values[tree.name])
        elif not hasattr(tree, "_fields"):
            yield len([part for part in tree if not self._is_erased(part)])
            for part in tree:
                if not self._is_erased(part):
                    yield from self._words(part)
        else:
            yield type(tree).__name__
            for name, part in zip(tree._fields, tree, strict=True):
                if "span" not in name and name not in ("bare", "type_name"):
                    yield from self._words(part)

    def _is_erased(self, part: object) -> bool:
        return self.erases and (
            isinstance(part, (ast.Assert, ast.Checkpoint)) or (isinstance(part, ast.Call) and part.name in UNSAID)
        )


def judged(text: str, model: specc.Model) -> str:
    """How much of a text comes back."""
    back = structured(read_network(OnnxFile(written(model)))).text
    if formatted(Source("spec.cnn", text)) == back:
        return SAME
    own, other = parse(Source("spec.cnn", text)), parse(Source("back.cnn", back))
    for erases, verdict in ((False, NAMES), (True, STEPS)):
        if _Shape(own, erases).of(model.name) == _Shape(other, erases).of(model.name):
            return verdict
    return OTHER


def causes(text: str, model: str) -> Iterator[str]:
    """What a text has that an import writes otherwise."""
    file = parse(Source("spec.cnn", text))
    items = [i for i in file.items if not isinstance(i, ast.ModelDefinition) or i.name == model]
    nodes = [part for item in items for part in ast.parts(item)]
    calls = [part for part in nodes if isinstance(part, ast.Call)]
    if any(isinstance(i, ast.ModelDefinition) and i.params for i in items):
        yield "parameters of the model"
    if any(isinstance(i, ast.Import) for i in items):
        yield "imports"
    if any(isinstance(i, ast.Default) for i in items):
        yield "`default`"
    if any(isinstance(part, ast.Let) for part in [*items, *nodes]):
        yield "`let`"
    if any(isinstance(part, ast.Attribute) for part in nodes):
        yield "sizes of values: `_.channels`"
    if any(isinstance(part, ast.If) for part in nodes):
        yield "conditions"
    if any(isinstance(part, ast.Repeat) and not isinstance(part.rounds, ast.Number) for part in nodes):
        yield "a number of rounds that is computed"
    if any(isinstance(part, ast.For) and not isinstance(part.table, ast.Sequence) for part in nodes):
        yield "a loop over what is computed"
    blocks = {i.name for i in items if isinstance(i, ast.BlockDefinition)}
    uses = Counter(call.name for call in calls)
    if any(uses[name] == 1 for name in blocks):
        yield "a block that is called once"
    if any(uses[name] == 0 for name in blocks):
        yield "a block that is not called, or is an argument"
    if any(call.name.startswith("adaptive") for call in calls):
        yield "adaptive pools that are pools"


def specs() -> Iterator[tuple[str, str, str, specc.Model]]:
    """The corpus, the name and the text of each spec, and its model."""
    for path in sorted([*EXAMPLES.glob("*.cnn"), *EXAMPLES.glob("zoo/*.cnn")]):
        text = path.read_text()
        for model in parse(Source(path.name, text)).models:
            yield "zoo", f"{path.name} {model.name}", text, specc.load(path, model=model.name)
    for seed in range(4):
        for number, text in enumerate(islice(random_specs(seed), 60)):
            try:
                yield "random", f"seed {seed}, {number}", text, specc.loads(text)
            except SpecError:
                continue  # one of three does not fit together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", action="store_true", help="print which specs they are, too")
    shows_specs = parser.parse_args().specs
    verdicts: dict[str, Counter[str]] = {"zoo": Counter(), "random": Counter()}
    reasons: dict[str, Counter[str]] = {"zoo": Counter(), "random": Counter()}
    for corpus, name, text, model in specs():
        verdict = judged(text, model)
        verdicts[corpus][verdict] += 1
        if verdict == OTHER:
            reasons[corpus].update(causes(text, model.name))
        if shows_specs:
            print(f"{name}: {verdict}", flush=True)
    print("| of the text comes back | zoo | random specs |\n|---|---|---|")
    for verdict in (SAME, NAMES, STEPS, OTHER):
        print(f"| {verdict} | {verdicts['zoo'][verdict]} | {verdicts['random'][verdict]} |")
    print("\n| of these have | zoo | random specs |\n|---|---|---|")
    for reason, _ in (reasons["zoo"] + reasons["random"]).most_common():
        print(f"| {reason} | {reasons['zoo'][reason]} | {reasons['random'][reason]} |")


if __name__ == "__main__":
    main()
