"""How numbers, sizes, steps and interfaces are written for people."""

from __future__ import annotations

from collections.abc import Iterable

from specc.diagnostics.words import listed
from specc.elaborate.values import display
from specc.ir.graph import Graph, Handed, Region
from specc.ir.op import Op
from specc.ir.symbols import USUAL, Symbol, asked_of
from specc.ir.types import times

LONGEST_VALUE = 24
"""Characters of an argument's value that are shown; of a longer list only ``[...]``. ASCII goes anywhere."""
LONGEST_HEADER = 48
"""Characters of a loop's first line that are shown."""
NOTHING = "-"
"""Stands where a number is not known or not claimed."""


def count(number: int) -> str:
    """``81,194``"""
    return f"{number:,}"


def scaled(number: int | None) -> str:
    """``416.5 k``, ``15.47 G``: four digits and a unit, exact below ten thousand."""
    if number is None:
        return NOTHING
    if number < 10_000:
        return count(number)
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.4g} {unit}"
    raise AssertionError("unreachable: numbers below 10,000 are exact")


def memory(size: int | None) -> str:
    """Bytes in binary units: ``22.5 KiB``."""
    if size is None:
        return NOTHING
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        amount /= 1024
        if amount < 1024 or unit == "TiB":
            return f"{amount:.4g} {unit}"
    raise AssertionError("unreachable: the last unit returns")


def field(sizes: tuple[int, ...] | None) -> str:
    """A receptive field; ``-`` where none is claimed."""
    return times(sizes) if sizes else NOTHING


def cut(text: str, width: int) -> str:
    """``text``, at most ``width`` characters of it."""
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."


def step(op: Op) -> str:
    """An operator as a call, with the arguments that it really has: ``conv(64, 3, stride=2, bias=false)``."""
    fields = type(op).model_fields
    given = [_value(getattr(op, name)) for name, field in fields.items() if field.is_required()]
    optional = op.non_default(*(name for name, field in fields.items() if not field.is_required()))
    return _call(op.kind, [*given, *(f"{name}={_value(value)}" for name, value in optional.items())])


def block(of: Region) -> str:
    """A block as a call with the values of its arguments; of a loop its first line."""
    match of.kind:
        case "block":
            return _call(of.title, [f"{name}={_value(value)}" for name, value in of.arguments])
        case "loop":
            header = " ".join(of.span.text.partition("{")[0].split())
            return cut(header, LONGEST_HEADER)
        case "round":
            return f"round of {of.span.text.split(maxsplit=1)[0]}"
    return of.kind


def interface(graph: Graph) -> str:
    """``a [N, 1, H, W], b [N, 1, H, W] -> score [N, 1] where H % 8 == 0``"""
    inputs = ", ".join(f"{port.name} {port.type}" for port in graph.inputs)
    outputs = ", ".join(f"{port.name} {port.type}" for port, _ in graph.outputs)
    allowed = asked_of(graph.symbols)
    return f"{inputs} -> {outputs}" + (f" where {allowed}" if allowed else "")


def example_sizes(symbols: Iterable[Symbol]) -> dict[str, int]:
    """Sizes that the contract allows: those at 224 or next above it, else the largest."""
    return {symbol.name: symbol.near(USUAL) for symbol in symbols}


def ask_at_sizes(graph: Graph) -> str:
    """How to get the numbers that depend on symbolic sizes."""
    options = " ".join(f"--at {name}={size}" for name, size in example_sizes(graph.symbols).items())
    allowed = asked_of(graph.symbols)
    within = f", or any other sizes with {allowed}" if allowed else ""
    names = listed(symbol.name for symbol in graph.symbols)
    return f"MACs, memory and receptive field depend on {names}: add {options}{within}"


def _call(name: str, arguments: list[str]) -> str:
    return f"{name}({', '.join(arguments)})" if arguments else name


def _value(value: object) -> str:
    text = (str(value) if isinstance(value, Handed) else display(value)).replace("…", "...")
    return "[...]" if isinstance(value, tuple) and len(text) > LONGEST_VALUE else cut(text, LONGEST_VALUE)
