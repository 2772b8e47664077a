"""`specc explain --as-matrix`: the matrix of a linear step, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

from specc.analyses.matrix import Addends, NoMatrix, Nonlinear, StepMatrix, TooMany, step_matrix
from specc.diagnostics import UsageError
from specc.diagnostics.words import plural
from specc.ir.graph import Graph, Node
from specc.ir.init import Fixed
from specc.ir.op import Parameter
from specc.ir.types import TensorType, fixed
from specc.report import notation
from specc.report.cost_formats import code
from specc.report.costs import called, head
from specc.version import __version__

if TYPE_CHECKING:
    from specc.weights import Weights

FORMATS = ("text", "json", "csv", "markdown")
VERSION = 1
"""Of the JSON: it grows where a field goes or changes its meaning. New fields may come at any time."""
MOST_SHOWN = 64
"""Rows, and columns, that people are shown."""
MOST_ENTRIES = 2**18
"""Addends that are told at all, one after the other."""
MOST_CELLS = 2**25
"""Entries, zeros and all, of a matrix that is made in memory."""
_USUAL = 6
"""A size at which a matrix can be read."""
_SIMPLE = 1024
"""A denominator up to which a number is shown as a fraction."""
ZERO = "."
"""Stands where an entry is 0 whatever the weights are."""

_SUMS = "what it gives for x + y is not what it gives for x and what it gives for y, added up"
_REASONS = {
    Nonlinear.SEVERAL: "it takes several values, and a matrix is of one",
    Nonlinear.CURVE: f"it bends: {_SUMS}",
    Nonlinear.CHOICE: "which elements go on is decided by the numbers themselves",
    Nonlinear.RANDOM: "in training it drops elements at random, and afterwards it gives what it takes",
    Nonlinear.STATISTICS: "it divides by what it computes of the very numbers that it takes",
    Nonlinear.OTHER: _SUMS,
}

Numbers = Mapping[str, Sequence[float]]
"""Of tensors of a step, by their own name: row-major."""


def matrix_of(graph: Graph, name: str, most: int = MOST_ENTRIES) -> StepMatrix:
    """The matrix of the step called ``name``.

    Raises:
        UsageError: there is no such step, it is a block, it is not linear, its sizes are symbolic; or its entries have
            more than ``most`` addends.
    """
    node = called(graph, name)
    if not isinstance(node, Node):
        inside = notation.some([step.name for step in node[0].nodes], 4)
        raise UsageError(f"{name} is a block, and a matrix is of one step: ask for one of {inside}")
    if not all(x.is_fixed for x in (*node.input_types, node.type)):
        raise UsageError(f"the matrix of {node.name} depends on {notation.at_sizes(graph, _USUAL)}")
    try:
        return step_matrix(node, most)
    except NoMatrix as unlike:
        raise UsageError(f"{node.name} is no matrix: {node.op.kind} is not linear, {_REASONS[unlike.reason]}") from None
    except TooMany:
        sizes = f"{fixed(node.type.elements):,} x {fixed(node.input_types[0].elements):,}"
        raise UsageError(
            f"the matrix of {node.name} is {sizes}, and more than {most:,} of it are not 0: smaller sizes show as much"
        ) from None


def require_dense(matrix: StepMatrix) -> None:
    """Raises UsageError where all its entries, zeros and all, take too much memory."""
    if matrix.rows * matrix.columns > MOST_CELLS:
        raise UsageError(
            f"the matrix of {matrix.node.name} is {matrix.rows:,} x {matrix.columns:,}, which takes "
            f"{notation.memory(8 * matrix.rows * matrix.columns)}, and {notation.memory(8 * MOST_CELLS)} is the most: "
            "a smaller input shows as much"
        )


def constants(node: Node) -> Numbers:
    """The tensors of a step whose numbers stand in the spec."""
    return {tensor.name: tensor.init.values for tensor in node.parameters if isinstance(tensor.init, Fixed)}


def numbers_of(node: Node, weights: Weights) -> Numbers:
    """The tensors of a step with these weights. Raises UsageError as ``weights`` does."""
    from specc.weights import tensor

    return {each.name: tensor(weights, node.path(each), each).reshape(-1).tolist() for each in node.parameters}


def written(graph: Graph, matrix: StepMatrix, numbers: Numbers, form: str, source: str | None = None) -> str:
    """The matrix as a document.

    Args:
        numbers: the tensors that are shown as numbers; the others are symbols.
        form: one of `FORMATS`.
        source: where the numbers are from; None: from the spec.

    Raises:
        UsageError: it is too large to be read, and ``form`` is for people.
    """
    if form == "json":
        return _json(graph, matrix, numbers)
    if form == "csv":
        return _csv(matrix, numbers)
    if max(matrix.rows, matrix.columns) > MOST_SHOWN:
        raise UsageError(
            f"the matrix of {matrix.node.name} has {matrix.rows:,} rows and {matrix.columns:,} columns, and "
            f"{MOST_SHOWN} of each can be read: a smaller input shows as much, and --format json or csv gives the "
            f"{len(matrix.entries):,} entries that are not 0"
        )
    lines = _markdown if form == "markdown" else _text
    return "\n".join(lines(graph, matrix, numbers, source))


# ---- entries ------------------------------------------------------------------------------------------------


def _symbol(letter: str, tensor: Parameter, element: int) -> str:
    """``w01``: the letter and its place, without axes of a single place; ``w10_2`` where one has more than ten."""
    place, kept = _place(tensor, element), [size > 1 for size in tensor.shape]
    shown = [str(at) for at, is_kept in zip(place, kept, strict=True) if is_kept]
    return letter + ("_" if max(tensor.shape, default=1) > 10 else "").join(shown)


def _place(tensor: Parameter, element: int) -> tuple[int, ...]:
    place = []
    for size in reversed(tensor.shape):
        element, at = divmod(element, size)
        place.append(at)
    return tuple(reversed(place))


def _value(matrix: StepMatrix, addends: Addends, numbers: Numbers) -> float | None:
    """The number of an entry; None while its weight is none."""
    if matrix.weight is None:
        return sum(addends.values())
    known = numbers.get(matrix.weight.name)
    if known is None:
        return None
    return sum(factor * float(known[element or 0]) for element, factor in addends.items())


def _number(value: float) -> str:
    """``-1``, ``1/9``, ``0.1234``"""
    simple = Fraction(value).limit_denominator(_SIMPLE)
    if float(simple) == value and simple.denominator > 1 and simple.denominator not in (2, 4, 5, 8, 10):
        return str(simple)
    return f"{value + 0.0:.4g}" if value else "0"


def _entry(matrix: StepMatrix, addends: Addends, numbers: Numbers) -> str:
    """``w01``, ``w00+w02``, ``1/9``, ``-1``"""
    value = _value(matrix, addends, numbers)
    if value is not None or matrix.weight is None:
        return _number(value or 0.0)
    terms = []
    for element, factor in addends.items():
        times = "" if factor == 1 else f"{_number(factor)}*"
        terms.append(times + _symbol("w", matrix.weight, element or 0))
    return "+".join(terms)


def _bias(matrix: StepMatrix, row: int, numbers: Numbers) -> str:
    """Of a row; empty where there is none."""
    if matrix.bias is None:
        return ""
    element, known = matrix.bias_of(row), numbers.get("bias")
    return _symbol("b", matrix.bias, element) if known is None else _number(float(known[element]))


# ---- for people ---------------------------------------------------------------------------------------------


def _text(graph: Graph, matrix: StepMatrix, numbers: Numbers, source: str | None) -> Iterator[str]:
    """A line for each row; between channels a blank line, and a bar."""
    node = matrix.node
    yield from head(graph, node, notation.step(node))
    (x, *_), y = node.input_types, node.type
    yield f"  takes   {node.inputs[0]} {x}: {_counted('x', x)}"
    yield f"  gives   {y}: {_counted('y', y)}"
    yield ""
    entries = {place: _entry(matrix, addends, numbers) for place, addends in matrix.entries.items()}
    biases = [_bias(matrix, row, numbers) for row in range(matrix.rows)]
    width = max(map(len, (*entries.values(), f"x{matrix.columns - 1}", ZERO)))
    first = len(f"y{matrix.rows - 1}")
    cells = [f"x{column}".rjust(width) for column in range(matrix.columns)]
    yield f"  {'':{first}}  {_barred(cells, x)}"
    between = _behind_channel(y)
    for row, bias in enumerate(biases):
        if row and row % between == 0:
            yield ""
        cells = [entries.get((row, column), ZERO).rjust(width) for column in range(matrix.columns)]
        yield f"  {f'y{row}':{first}}  {_barred(cells, x)}{f'  + {bias}' if bias else ''}"
    yield ""
    yield from (f"  {line}" for line in _facts(matrix, numbers, source))


def _markdown(graph: Graph, matrix: StepMatrix, numbers: Numbers, source: str | None) -> Iterator[str]:
    node = matrix.node
    yield code(f"{node.name}: {notation.step(node)}")
    yield ""
    biases = [_bias(matrix, row, numbers) for row in range(matrix.rows)]
    header = ["", *(f"x{column}" for column in range(matrix.columns)), *["bias"] * any(biases)]
    yield f"| {' | '.join(header)} |"
    yield f"|{' --: |' * len(header)}"
    for row, bias in enumerate(biases):
        known = (matrix.entries.get((row, column)) for column in range(matrix.columns))
        cells = ["" if addends is None else _entry(matrix, addends, numbers).replace("*", r"\*") for addends in known]
        yield f"| {' | '.join([f'y{row}', *cells, *[bias] * any(biases)])} |"
    yield ""
    (x, *_), y = node.input_types, node.type
    about = (f"takes {x}: {_counted('x', x)}", f"gives {y}: {_counted('y', y)}", *_facts(matrix, numbers, source))
    yield "```text"
    yield from about
    yield "```"


def _counted(letter: str, x: TensorType) -> str:
    """``x0 to x17, channel by channel, row by row``"""
    elements = fixed(x.elements)
    if elements == 1:
        return f"{letter}0"
    channels = x.sample[0] != 1 and len(x.sample) > 1
    ways = [
        *["channel by channel"][: int(channels)],
        *{3: ["row by row"], 4: ["slice by slice"]}.get(len(x.sample), []),
    ]
    return ", ".join([f"{letter}0 to {letter}{elements - 1}", *ways])


def _behind_channel(x: TensorType) -> int:
    """After how many elements the next channel begins; of flat features, and of one channel, none does."""
    places = prod(map(fixed, x.spatial))
    return places if places > 1 else fixed(x.elements)


def _barred(cells: list[str], x: TensorType) -> str:
    each = _behind_channel(x)
    return "  |  ".join("  ".join(cells[start : start + each]) for start in range(0, len(cells), each))


def _facts(matrix: StepMatrix, numbers: Numbers, source: str | None) -> Iterator[str]:
    """What a symbol stands for, how sparse and how tied the matrix is, and its fully connected twin."""
    node, weight, bias, uses = matrix.node, matrix.weight, matrix.bias, matrix.uses
    cells, filled = matrix.rows * matrix.columns, len(matrix.entries)
    symbols = [
        f"{_symbol(letter, tensor, element)} is {node.path(tensor)}{list(_place(tensor, element))}"
        for letter, tensor, element in (("w", weight, min(uses, default=0)), ("b", bias, 0))
        if tensor is not None and tensor.name not in numbers
    ]
    if symbols:
        yield ", ".join(symbols)
    if shown := [node.path(tensor) for tensor in node.parameters if tensor.name in numbers]:
        yield f"numbers: {' and '.join(shown)}, from {source or 'the spec'}"
    held = f", {filled:,} of them not 0" if weight is None else f": {filled:,} hold a weight, the others are 0"
    yield f"{matrix.rows} x {matrix.columns} = {cells:,} entries{held if filled < cells else ''}"
    if weight is None:
        yield "no weights: the factors are fixed"
    else:
        least, most = min(uses.values(), default=0), max(uses.values(), default=0)
        each = "each in" if len(uses) > 1 else "in"
        times = f"{least} to {most} entries" if least < most else "1 entry" if most == 1 else f"{most} entries"
        shared = "" if bias is None else "; 1 bias" if bias.shape == (1,) else f"; {prod(bias.shape)} biases"
        yield f"{plural(len(uses), 'weight')}, {each} {times}{shared}"
    if weight is not None and len(uses) == filled == cells:
        yield "it is fully connected: every entry is a weight of its own"
        return
    biases = (f" and {matrix.rows} biases" if matrix.rows > 1 else " and 1 bias") if bias else ""
    twin = f"fc({matrix.rows})" if bias else f"fc({matrix.rows}, bias=false)"
    yield f"fully connected, {twin} on all {matrix.columns} elements: {cells:,} weights{biases}"


# ---- for programs -------------------------------------------------------------------------------------------


def _json(graph: Graph, matrix: StepMatrix, numbers: Numbers) -> str:
    """Numbers as they are; null where one is not known. A line for each entry and each row's bias."""
    node, (x, *_) = matrix.node, matrix.node.input_types
    weight, bias = matrix.weight, matrix.bias
    cells = matrix.rows * matrix.columns
    facts = {
        "version": VERSION,
        "specc": __version__,
        "model": graph.name,
        "step": node.name,
        "layer": notation.step(node),
        "input": {"value": node.inputs[0], "shape": x.sample},
        "output": {"shape": node.type.sample},
        "rows": matrix.rows,
        "columns": matrix.columns,
        "nonzeros": len(matrix.entries),
        "weights": len(matrix.uses),
        "biases": prod(bias.shape) if bias else 0,
        "fully_connected": {"weights": cells, "biases": matrix.rows if bias else 0},
    }
    entries = [
        {
            "row": row,
            "column": column,
            "entry": _entry(matrix, addends, numbers),
            "value": _value(matrix, addends, numbers),
            "terms": [
                {"weight": None if element is None or weight is None else _place(weight, element), "factor": factor}
                for element, factor in addends.items()
            ],
        }
        for (row, column), addends in matrix.entries.items()
    ]
    known = numbers.get("bias")
    biases = [
        {
            "row": row,
            "entry": _bias(matrix, row, numbers),
            "element": at,
            "value": None if known is None else float(known[at]),
        }
        for row, at in ((row, matrix.bias_of(row)) for row in range(matrix.rows if bias else 0))
    ]
    parts = ["{\n" + ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in facts.items())]
    for name, rows in (("entries", entries), ("bias", biases)):
        lines = ",\n    ".join(map(json.dumps, rows))
        parts.append(f'  "{name}": [\n    {lines}\n  ]' if rows else f'  "{name}": []')
    return ",\n".join(parts) + "\n}"


def _csv(matrix: StepMatrix, numbers: Numbers) -> str:
    """An entry a line; the biases of the rows in a column of that name. No number where one is not known."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("row", "column", "entry", "value"))
    for (row, column), addends in matrix.entries.items():
        lines.writerow((row, column, _entry(matrix, addends, numbers), _value(matrix, addends, numbers)))
    known = numbers.get("bias")
    for row in range(matrix.rows if matrix.bias else 0):
        value = None if known is None else float(known[matrix.bias_of(row)])
        lines.writerow((row, "bias", _bias(matrix, row, numbers), value))
    return text.getvalue().rstrip("\n")
