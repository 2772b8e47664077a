"""What may be written at a place: layers and the names of the file, or the arguments of the call around it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from specc.elaborate.arguments import signature
from specc.elaborate.assertions import METRICS
from specc.elaborate.evaluation import ATTRIBUTES
from specc.elaborate.values import display
from specc.ops import find, operators
from specc.report.operators import meaning
from specc.server.bindings import Bindings
from specc.server.signature import open_call
from specc.source import Source, is_yaml
from specc.syntax import ast
from specc.syntax.tokens import is_name, is_word

_COMMENT = re.compile(r"(?<!\S)#")
_BEHIND = re.compile(r"(?<![\w.])([A-Za-z_]\w*(?:\[[^\[\]]*\]|\.\w+)*)\.\w*$")
_TEXT = re.compile(r'"[^"\n]*"')


class Offer(NamedTuple):
    """A word, and what it is.

    Attributes:
        text: what is put in, where that is more than the word: ``padding=``.
    """

    word: str
    kind: Literal["layer", "block", "name", "argument"]
    detail: str
    text: str


def offers(source: Source, file: ast.File | None, at: int, bindings: Bindings | None = None) -> list[Offer]:
    """None within a comment or a text.

    Args:
        file: the tree of what can be parsed; None: nothing can.
        bindings: of that tree, and of what it imports; without them, nothing is known of values behind others.
    """
    if is_yaml(source.name):
        return _in_yaml(source, file, at)
    line = _TEXT.sub("", source.before(at))
    if "#" in line or '"' in line:
        return []
    if behind := _BEHIND.search(source.before(at)):
        return _members(source, behind[1], at, bindings)
    call = open_call(source, at)
    arguments = _arguments(file, call.name, bindings, call.start) if call and call.is_direct else None
    if arguments is not None:
        return arguments
    numbers = METRICS if line.lstrip().startswith("assert ") else ()
    claims = [Offer(one, "name", "a number of the network", one) for one in numbers]
    return [*claims, *_names(file, at), *(Offer(one.kind, "layer", meaning(one), one.kind) for one in operators())]


def _in_yaml(source: Source, file: ast.File | None, at: int) -> list[Offer]:
    """In a mapping behind a layer or a block its arguments; else what begins a step."""
    before = source.before(at)
    if _COMMENT.search(before):
        return []
    called = _called_in_yaml(before)
    arguments = _arguments(file, called) if called else None
    if arguments is not None:
        return [one._replace(text=f"{one.word}: ") for one in arguments]
    layers = (Offer(one.kind, "layer", meaning(one), f"{one.kind}: ") for one in operators())
    return [*_names(file, at), *layers]


def _called_in_yaml(before: str) -> str | None:
    """The key behind which brackets are open at the end of a line: ``conv: [8, 3, {``, ``maxpool: {size: 2, ``."""
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        if before[at] in "]}":
            depth += 1
        elif before[at] in "[{" and depth:
            depth -= 1
        elif before[at] in "[{" and (name := re.search(r"([A-Za-z_]\w*)[\"']?\s*:\s*$", before[:at])):
            return name[1]
    return None


def _members(source: Source, words: str, at: int, bindings: Bindings | None) -> list[Offer]:
    """What stands behind a value: the labels in it, and its sizes."""
    labels = bindings.behind(source.name, words, at) if bindings else []
    found = [Offer(one.name, "name", f"a {one.kind} of {one.owner}", one.name) for one in labels if is_word(one.name)]
    return [*found, *(Offer(name, "argument", "of the value", name) for name in ATTRIBUTES)]


def _arguments(file: ast.File | None, name: str, bindings: Bindings | None = None, at: int = 0) -> list[Offer] | None:
    """Those of a block or a layer; None: it is neither."""
    called = bindings.applicable(file.source.name, name, at) if file and bindings else None
    if called is not None and called.part.block is not None:
        params = called.part.block.params[called.given :]
        return [Offer(one.name, "argument", one.span.text, f"{one.name}=") for one in params]
    for item in file.items if file else ():
        if isinstance(item, ast.BlockDefinition) and item.name == name:
            return [Offer(one.name, "argument", one.span.text, f"{one.name}=") for one in item.params]
    kind = find(name)
    if kind is None:
        return None
    return [
        Offer(name, "argument", "required" if field.is_required() else f"= {display(field.default)}", f"{name}=")
        for name, field in kind.model_fields.items()
    ]


def _names(file: ast.File | None, at: int) -> list[Offer]:
    """Blocks, lets and imported names of the file, and what the model or block at an offset names besides."""
    found: dict[str, Offer] = {}
    here: ast.BlockDefinition | ast.ModelDefinition | None = None
    for item in file.items if file else ():
        if isinstance(item, (ast.BlockDefinition, ast.ModelDefinition)) and item.span.start <= at <= item.span.end:
            here = item
        if isinstance(item, ast.BlockDefinition):
            found[item.name] = Offer(item.name, "block", signature(item), item.name)
        elif isinstance(item, ast.Let):
            found[item.name] = _let(item)
        elif isinstance(item, ast.Import):
            found |= {one.name: Offer(one.name, "name", f"from {item.path}", one.name) for one in item.names}
    if here is not None:
        of = f"of {here.name}"
        inputs = here.contract.inputs if here.contract else ()
        own = [(param.name, f"a parameter {of}") for param in here.params]
        own += [(name.name, f"a size {of}") for port in inputs for name in ast.free_names(port.shape)]
        own += [(port.name, f"an input {of}") for port in inputs if port.name]
        for name, detail in own:
            found.setdefault(name, Offer(name, "name", detail, name))
    for part in ast.parts(here or file):
        label = getattr(part, "label", None)
        if isinstance(label, ast.Binder) and is_name(label.name):
            found.setdefault(label.name, Offer(label.name, "name", "a label", label.name))
        elif isinstance(part, ast.Let):
            found.setdefault(part.name, _let(part))
        for variable in part.names if isinstance(part, (ast.For, ast.Comprehension)) else ():
            found.setdefault(variable.name, Offer(variable.name, "name", "a loop's variable", variable.name))
    found.pop("_", None)
    return list(found.values())


def _let(let: ast.Let) -> Offer:
    return Offer(let.name, "name", f"= {let.value.span.text}", let.name)
