"""Helps for habits of other languages, and for texts in the place of something else.

Real numbers for whole ones, ``in`` in a loop, an input without a batch, the input's channels among a layer's arguments;
expressions and several arguments in quotes. What a help suggests for a text has been tried. The
fix that inserts a missing ``flatten`` is here, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from specc.diagnostics import Edit, Fix, Safety, SpecError
from specc.elaborate.errors import Invalid, Unknown, in_form, short
from specc.elaborate.evaluation import attribute_of, evaluate
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Evaluated, Signal, Value, display
from specc.ir.conditions import always_at_least
from specc.ir.op import Op
from specc.ir.size import Dim, Size
from specc.ir.types import TensorType
from specc.ops.fields import choices
from specc.source import Source, Span
from specc.syntax import ast, is_yaml

_TRUTHS = {"yes": True, "on": True, "no": False, "off": False}

# ---- numbers and sizes ----------------------------------------------------------------------------------------------


def real_for_whole(value: Value, expression: ast.Expr | Evaluated) -> tuple[str, ...]:
    """How a real number becomes the whole one that is wanted; nothing for any other value."""
    if isinstance(value, tuple):
        reals = any(isinstance(entry, float) for entry in value)
        return ("round(…), floor(…) and ceil(…) make whole numbers of real ones",) if reals else ()
    if not isinstance(value, float) or not math.isfinite(value):
        return ()
    if isinstance(expression, ast.Number):
        return (f"write {int(value)}",) if value.is_integer() and abs(value) < 2**31 else ()
    text = short(expression.span.text)
    if value.is_integer():
        return (f"round({text}) is the whole number {display(int(value))}",)
    return (f"floor({text}) is {display(math.floor(value))}, and ceil({text}) is {display(math.ceil(value))}",)


def last_axis(argument: ast.Argument, names: Iterable[str]) -> tuple[str, ...]:
    """What ``axis=-1`` of Keras is, whose channels come last, for a layer of arguments with these names."""
    if argument.name != "axis" or "dim" not in names or argument.value.span.text.replace(" ", "") != "-1":
        return ()
    return (
        "axis is called dim here; the last axis of Keras is the channels, which are dim=1 here: dim=-1 is the last as "
        "it stands here",
    )


def input_for_current(expressions: Iterable[ast.Expr | Evaluated], scope: Scope) -> tuple[str, ...]:
    """What `in` is, where a number at fault was read from it and the current value has another."""
    entry, current = scope.get("in"), scope.get("_")
    if not isinstance(entry, Signal) or not isinstance(current, Signal):
        return ()
    for part in ast.parts(tuple(expressions)):
        match part:
            case ast.Attribute(_, ast.Name(_, "in"), name):
                size = attribute_of(entry, name)
                # Who asks for a symbolic size by `in` means that of the input.
                if not isinstance(size, Size) and size != attribute_of(current, name):
                    what = "the model's input" if isinstance(entry.producer, str) else "what the block is given"
                    return (f"in is {what}, {entry.type}, wherever it stands; the current value is _, {current.type}",)
    return ()


def named_batch(name: str, scope: Scope) -> tuple[str, ...]:
    """Where a result names the batch, and the input has a number there: the name may be missing in front of it."""
    entry = scope.get("in")
    if not isinstance(entry, Signal) or entry.type is None or not isinstance(entry.producer, str):
        return ()
    sizes = ", ".join(map(str, entry.type.shape))
    return (
        f"the first axis of the input is the batch, here {entry.type.batch}; of any number of samples it is "
        f"[{name}, {sizes}]",
    )


def missing_batch(value: TensorType, stated: ast.Shape, scope: Scope) -> tuple[str, ...]:
    """Where a contract lacks one axis, or has one more, and the batch is a number: the batch may be missing."""
    entry = scope.get("in")
    if (
        isinstance(entry, Signal)
        and entry.type
        and len(stated.dims) == value.rank + 1
        and isinstance(entry.producer, str)
    ):
        from specc.elaborate.image_axes import image, of_input

        if helps := of_input(entry):
            return helps
        sizes = ", ".join(map(str, entry.type.sample))
        return (image(1, f"[{entry.type.batch}, 1, {sizes}]"),) if entry.type.rank == 3 == value.rank else ()
    if not isinstance(value.batch, int) or len(stated.dims) != value.rank - 1:
        return ()
    before = ""
    if isinstance(entry, Signal) and entry.type is not None:
        before = f"[N, {', '.join(map(str, entry.type.shape))}] -> "
    after = f"[N, {', '.join(dim.span.text for dim in stated.dims)}]"
    return (f"axis 0 is the batch, here {value.batch}; of samples without it the contract is {before}{after}",)


def batch_for_channels(value: TensorType, stated: list[Dim], scope: Scope) -> tuple[str, ...]:
    """Where a result states another number for the first axis than the model's input: its channels, most likely.

    ``[3, 32, 32] -> [8, 32, 32]`` is an image without its batch, or another value whose sizes have moved by an axis.
    """
    entry = scope.get("in")
    if not isinstance(entry, Signal) or entry.type is None or not isinstance(entry.producer, str):
        return ()
    first, given = stated[0], entry.type
    if not isinstance(given.batch, int) or first == given.batch or stated[1:2] == [given.batch]:
        return ()
    if value.batch != given.batch or not value.rank == given.rank > 2:
        return ()
    from specc.elaborate.image_axes import without_batch

    has_moved = first == value.sample[0] and stated[2:] == [*value.sample[1:]] and stated[1] != value.sample[0]
    if not without_batch(given) and not has_moved:
        return ()
    before, after = (f"[N, {', '.join(map(str, sizes))}]" for sizes in (given.shape, stated))
    return (f"axis 0 is the batch, here {given.batch}; of samples without it the contract is {before} -> {after}",)


def same_sizes(merge: ast.Merge, inputs: tuple[Signal, ...], cause: int, scope: Scope) -> tuple[str, ...]:
    """Where two arms of open sizes do not agree at all of them, the step that makes them: ``pad(like=top)``.

    In general where neither arm is a value with a name, or where none is known to be the larger.
    """
    helps: tuple[str, ...] = ()
    for skip, other in ((0, cause), (cause, 0)):
        (step, *more), larger, smaller = merge.arms[skip].statements, inputs[skip].type, inputs[other].type
        if larger is None or smaller is None or larger.batch != smaller.batch or larger.rank != smaller.rank:
            continue
        differences = [a - b for a, b in zip(larger.spatial, smaller.spatial, strict=True)]
        if not any(isinstance(difference, Size) for difference in differences):
            continue
        helps = ("for every size: pad, crop and upsample take the sizes of another value: pad(like=…)",)
        is_value = isinstance(step, ast.Call) and step.bare and isinstance(scope.get(step.name), Signal)
        name = step.span.text
        if more or name == "_" or not (is_value or isinstance(step, ast.Reference)):
            continue
        for layer, sign in (("pad", 1), ("crop", -1)):
            if all(always_at_least(sign * difference, 0) for difference in differences):
                return (f"for every size: let arm {other + 1} end in {layer}(like={short(name)})",)
    return helps


# ---- arms -----------------------------------------------------------------------------------------------------------


def arms(call: ast.Call) -> tuple[str, ...]:
    """A help that shows a layer with the arms that it joins."""

    def name(value: ast.Expr | Evaluated) -> str:
        """A name, as such or as the text that it is in YAML; empty for anything else."""
        text = value.name if isinstance(value, ast.Name) else getattr(value, "value", "")
        return text if isinstance(text, str) and len(text) <= 20 and text.isidentifier() else ""

    names = [name(argument.value) for argument in call.arguments if argument.name is None]
    values = names if len(names) > 1 and all(names) else ["…", "…"]
    language = f"{call.name} {{ | {' | '.join(values)} }}"
    in_yaml = f"`{{{call.name}: , arms: [{', '.join(values)}]}}`"
    return (f"{in_form(call.span, language, in_yaml)} with one arm for each, _ for the current value",)


# ---- texts in the place of something else ----------------------------------------------------------------------------


def text_argument(
    kind: type[Op], name: str, argument: ast.Argument, values: Mapping[str, Value], scope: Scope
) -> tuple[str, ...]:
    """What may be written in place of a text that attribute ``name`` of an operator does not take, as helps.

    Args:
        argument: the attribute's; without a text in it there is no help.
        values: the operator's attributes, the wrong one among them.
    """
    text, span = next(_texts(argument.value), (None, argument.span))
    if text is None:
        return ()
    if "," in text and not isinstance(argument.value, ast.Sequence):
        return _several(text, span)
    in_yaml = is_yaml(span.source.name)
    meanings: list[tuple[Value, str]] = []
    if text.lower() in _TRUTHS:
        truth = _TRUTHS[text.lower()]
        word = display(truth)
        meanings.append((truth, f"write `{word}`: in YAML 1.2 `{text}` is a text" if in_yaml else f"write {word}"))
    if text in ("None", "none"):
        meanings.append((None, "write `null`" if in_yaml else "write none"))
    expression = _parsed(text)
    try:
        if expression is not None:
            meanings.append((evaluate(expression, scope), _as_expression(text, span)))
    except (Invalid, Unknown):
        pass
    for meaning, advice in meanings:
        is_value = isinstance(meaning, Signal) and name in kind.measures
        if is_value or _is_allowed(kind, name, argument.value, {**values, name: meaning}, scope):
            return (advice,)
    is_expression = expression is not None and text not in ("None", "null")
    if in_yaml and not _is_quoted(span) and not choices(kind.model_fields[name]) and is_expression:
        return (f"{short(text)} is a text here: an expression begins with `=`",)
    return ()


def several_arguments(arguments: tuple[ast.Argument, ...]) -> tuple[str, ...]:
    """What to write where a text is the only argument and was to be all of them: ``conv: 16, 3``."""
    if len(arguments) != 1 or arguments[0].name is not None or isinstance(arguments[0].value, ast.Sequence):
        return ()
    text, span = next(_texts(arguments[0].value), ("", arguments[0].span))
    return _several(text, span) if "," in text else ()


def unread_text(name: str, body: ast.Body) -> tuple[str, ...]:
    """What to write where nothing reads a parameter but a text that names it: ``fc: classes`` in YAML."""
    for part in ast.parts(body):
        for text, span in _texts(part) if isinstance(part, ast.Text) and name in part.value else ():
            expression = _parsed(text)
            if any(isinstance(read, (ast.Name, ast.Call)) and read.name == name for read in ast.parts(expression)):
                return (f'"{short(text)}" is a text, and does not read it; {_as_expression(text, span)}',)
    return ()


def _several(text: str, span: Span) -> tuple[str, ...]:
    """What to write for ``conv: 16, 3`` and ``conv("16, 3")``, where one text stands for several arguments."""
    from specc.syntax.yaml.writer import arguments_in_yaml

    in_yaml = arguments_in_yaml(text)
    if not in_yaml:
        return ()
    advice = f"write `{in_yaml}`" if is_yaml(span.source.name) else f"leave out the quotes: {short(text)}"
    return (f'"{short(text)}" is one text: {advice}',)


def _texts(value: ast.Expr | Evaluated) -> Iterator[tuple[str, Span]]:
    """The texts of an argument, alone or in a list, with their places.

    What `default` gives is evaluated, and may have been a name.
    """
    if isinstance(value, ast.Sequence):
        for item in value.items:
            yield from _texts(item)
    elif isinstance(value, (ast.Text, Evaluated)) and isinstance(text := value.value, str):
        span = value.span
        if _is_quoted(span) or span.source.text[span.start : span.end] == text:
            yield text, span


def _is_quoted(span: Span) -> bool:
    # A span of YAML has the text of the language; quotes are in the file only.
    return span.source.text[span.start : span.start + 1] in ("'", '"')


def _as_expression(text: str, span: Span) -> str:
    from specc.syntax.yaml import nodes

    if not is_yaml(span.source.name):
        return f"leave out the quotes: {short(text)}"
    if not _is_quoted(span):
        return f"an expression begins with `=`: `={short(text)}`"
    if nodes.literal(text) is not None:
        return f"leave out the quotes: `{short(text)}`"
    return f'an expression begins with `=`: `"={short(text)}"`'


def _parsed(text: str) -> ast.Expr | None:
    """The expression that a text is; None where it is none, or more."""
    from specc.syntax.parser import parse
    from specc.syntax.yaml.loader import is_self_contained

    if not is_self_contained(text):
        return None
    try:
        (item,) = parse(Source("", f"let value = {text}\n")).items
    except SpecError:
        return None
    assert isinstance(item, ast.Let), "it was written so"
    return item.value


def _is_allowed(kind: type[Op], name: str, value: ast.Expr | Evaluated, values: dict[str, Value], scope: Scope) -> bool:
    """Whether the operator takes the attribute, with every text in it read as the first of them is."""
    try:
        if isinstance(value, ast.Sequence):
            values[name] = _read_anew(value, scope)
        kind(**values)
    except (Invalid, Unknown):
        return False
    except ValidationError as error:
        return all(problem["loc"] and problem["loc"][0] != name for problem in error.errors())
    return True


def _read_anew(value: ast.Expr, scope: Scope) -> Value:
    """A list with the texts in it read as expressions."""
    if isinstance(value, ast.Sequence):
        return tuple(_read_anew(item, scope) for item in value.items)
    expression = _parsed(value.value) if isinstance(value, ast.Text) else value
    if expression is None:
        raise Unknown
    return evaluate(expression, scope)


# ---- the flatten that is missing ------------------------------------------------------------------------------------


def flattened(step: ast.Call, value: TensorType | None) -> Fix | None:
    """The fix that inserts ``flatten`` before ``step``; None where it has no place.

    It is safe where the map has one place: flatten and a global pool give the same there. Of any other map most people
    mean flatten (as in LeNet), others a global pool (as in ResNet), or `linear`, which takes every place for itself;
    the three have different weights, so the user decides.
    """
    span = step.name_span.to(step.span)
    if is_yaml(span.source.name):
        edit = _entry_before(span)
    else:
        start = (step.label.span if step.label else span).start
        edit = Edit(span.source.span(start, start), "flatten -> ")
    if edit is None:
        return None
    is_one_place = value is not None and len(value.spatial) > 1 and all(size == 1 for size in value.spatial)
    return Fix((edit,), Safety.SAFE if is_one_place else Safety.UNSAFE)


def _entry_before(step: Span) -> Edit | None:
    """``flatten`` as an entry of its own before the step's, where that is in a list of YAML."""
    from specc.syntax.yaml.nodes import List, Mapping, Node, tree

    source = step.source
    waiting: list[Node | None] = [tree(source)]
    entries: dict[int, tuple[int, int]] = {}  # the places of list and entry by those of the words that may be a step
    while waiting:
        node = waiting.pop()
        if isinstance(node, List):
            for item in node.items:
                words = [pair.key for pair in item.pairs.values()] if isinstance(item, Mapping) else [item]
                entries |= {word.start: (node.start, item.start) for word in words}
            waiting += node.items
        elif isinstance(node, Mapping):
            waiting += [pair.value for pair in node.pairs.values()]
    around, entry = entries.get(step.start, (None, step.start))
    if around is None or "\n" in source.text[entry : step.start]:
        return None
    place, before, dash = source.span(entry, entry), source.before(entry), len(source.before(around))
    if source.text[around] == "[":
        return Edit(place, "flatten, ")
    return Edit(place, f"flatten\n{' ' * dash}{before[dash:]}") if before[dash : dash + 1] == "-" else None
