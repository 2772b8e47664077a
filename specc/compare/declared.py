"""The interface of files of which one cannot be read as a network: what they declare, and nothing beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from specc.compare.interface import InterfaceChange, PortChange, Side

if TYPE_CHECKING:
    from specc.onnxfile import PortInfo

OPEN = "?"
"""A size that is not declared."""


class DeclaredPorts(NamedTuple):
    """What a file declares."""

    inputs: tuple[PortInfo, ...]
    outputs: tuple[PortInfo, ...]


def compare_declared(before: DeclaredPorts, after: DeclaredPorts) -> InterfaceChange:
    """The changes; what is declared on one side alone is no proof of anything, and counts as breaking."""
    names: dict[str, str] = {}
    changes = [*_ports("input", before.inputs, after.inputs, names)]
    changes += _ports("output", before.outputs, after.outputs, names)
    return InterfaceChange(tuple(changes))


def _ports(
    side: Side, before: Sequence[PortInfo], after: Sequence[PortInfo], names: dict[str, str]
) -> Iterator[PortChange]:
    """
    Args:
        names: what new names of sizes stand for, which the inputs say.
    """
    is_input = side == "input"
    rest = {port.name: port for port in after}
    partner = {port.name: rest.pop(port.name) for port in before if port.name in rest}
    for port in before:
        alike = [new for new in rest.values() if (new.dtype, new.shape) == (port.dtype, port.shape)]
        if port.name not in partner and alike:
            partner[port.name] = rest.pop(alike[0].name)
            yield PortChange(side, "renamed", alike[0].name, port.name, alike[0].name, True, "a caller by name fails")
    for port in before:
        if port.name not in partner:
            effect = "a caller that gives it is refused" if is_input else "a caller that reads it finds nothing"
            yield PortChange(side, "removed", port.name, _declaration(port), None, True, effect)
    for port in rest.values():
        effect = "a caller must give it" if is_input else "a caller that takes the results by place gets one more"
        yield PortChange(side, "added", port.name, None, _declaration(port), True, effect)
    order = [new.name for new in partner.values()]
    now = [port.name for port in after if port.name in order]
    if order != now:
        effect = "a caller by place gives or gets another one"
        yield PortChange(side, "reordered", "", ", ".join(order), ", ".join(now), True, effect)
    for old in before:
        if old.name not in partner:
            continue
        new = partner[old.name]
        if old.dtype != new.dtype:
            effect = f"a caller {'must give' if is_input else 'gets'} {new.dtype}"
            yield PortChange(side, "type", new.name, old.dtype, new.dtype, True, effect)
        effect, breaks = (_taken if is_input else _given)(old.shape, new.shape, names)
        if effect:
            yield PortChange(side, "shape", new.name, _shape(old), _shape(new), breaks, effect)


Shape = tuple[int | str, ...] | None


def _taken(old: Shape, new: Shape, names: dict[str, str]) -> tuple[str, bool]:
    """What a caller has of an input's new shape, and whether it breaks one that gave the old; empty for nothing."""
    if old is None or new is None:
        return ("", False) if old == new else ("only one of the files declares a shape", True)
    if len(old) != len(new):
        return "takes other sizes", True
    less = more = False
    for axis, (size, other) in enumerate(zip(old, new, strict=True)):
        was = f"{OPEN}{axis}" if size == OPEN else str(size)
        if isinstance(other, int):
            less |= size != other
        elif other != OPEN and names.setdefault(other, was) != was:
            less = True  # it has to be what another size is
        else:
            more |= isinstance(size, int)
    if less:
        return ("takes other sizes" if more else "takes less than before"), True
    if more:
        return "takes what it took, and more", False
    return ("", False) if old == new else ("takes what it took, its sizes are called otherwise", False)


def _given(old: Shape, new: Shape, names: dict[str, str]) -> tuple[str, bool]:
    if old == new:
        return "", False
    if old is None or new is None:
        return "only one of the files declares a shape", True
    if tuple(names.get(size, size) if isinstance(size, str) else str(size) for size in new) == tuple(map(str, old)):
        return "the same shape, its sizes are called otherwise", False
    return "a caller gets another shape", True


def _shape(port: PortInfo) -> str:
    return "of no declared shape" if port.shape is None else f"[{', '.join(map(str, port.shape))}]"


def _declaration(port: PortInfo) -> str:
    return str(port).removeprefix(f"{port.name}: ")
