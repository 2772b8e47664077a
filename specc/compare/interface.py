"""What changed for those who call the network: its inputs and outputs, and the sizes that it takes.

A change is breaking where a caller that worked before may not work any more: one who feeds inputs and reads outputs by
name (as ONNX Runtime does) or by place (as a PyTorch module is called).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from specc.compare.pairing import Paired, Ports, Sizes, allows, in_common_terms, takes
from specc.ir.graph import Graph, Port
from specc.ir.size import Dim, of
from specc.ir.symbols import Symbol, asked_of
from specc.ir.types import TensorType

Side = Literal["model", "parameter", "input", "output"]
Kind = Literal["added", "removed", "renamed", "reordered", "shape", "where"]


class PortChange(NamedTuple):
    """One change of the interface.

    Attributes:
        name: of the port, as it is called now; of the symbol, of kind ``where``; empty for the order of all.
        before, after: the shape, the name, the condition or the order; None where there is none.
        breaking: whether a caller that worked before may not work any more.
        effect: what that means for a caller, in a few words.
    """

    side: Side
    kind: Kind
    name: str
    before: str | None
    after: str | None
    breaking: bool
    effect: str


class InterfaceChange(NamedTuple):
    changes: tuple[PortChange, ...]

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    @property
    def breaking(self) -> bool:
        return any(change.breaking for change in self.changes)


def compare_interface(before: Graph, after: Graph, ports: Ports, sizes: Sizes | None, renamed: bool) -> InterfaceChange:
    """The interface's changes.

    Args:
        renamed: whether another name of the network is a change: it is none where the caller asked for both.
    """
    changes: list[PortChange] = []
    if renamed and before.name != after.name:
        effect = "the emitted class and the model that is asked for are called so"
        changes.append(PortChange("model", "renamed", after.name, before.name, after.name, True, effect))
    changes += [*_presence("input", ports.inputs), *_inputs(ports.inputs, sizes)]
    changes += _order("input", ports.inputs, after.inputs)
    changes += [*_presence("output", ports.outputs), *_outputs(ports.outputs, sizes)]
    changes += _order("output", ports.outputs, tuple(port for port, _ in after.outputs))
    return InterfaceChange(tuple(changes))


def _presence(side: Side, paired: Paired) -> Iterator[PortChange]:
    given = side == "input"
    for port in paired.removed:
        effect = "a caller that gives it is refused" if given else "a caller that reads it finds nothing"
        yield PortChange(side, "removed", port.name, str(port.type), None, True, effect)
    for port in paired.added:
        effect = "a caller must give it" if given else "a caller that takes the results by place gets one more"
        yield PortChange(side, "added", port.name, None, str(port.type), True, effect)
    for old, new in paired.pairs:
        if old.name != new.name:
            yield PortChange(side, "renamed", new.name, old.name, new.name, True, "a caller by name does not find it")


def _order(side: Side, paired: Paired, after: tuple[Port, ...]) -> Iterator[PortChange]:
    place = {port.name: i for i, port in enumerate(after)}
    now = sorted((new for _, new in paired.pairs), key=lambda port: place[port.name])
    if now != [new for _, new in paired.pairs]:
        before, present = (", ".join(port.name for port in ports) for ports in ([n for _, n in paired.pairs], now))
        effect = "a caller by place gives or gets another one"
        yield PortChange(side, "reordered", "", before, present, True, effect)


def _inputs(paired: Paired, sizes: Sizes | None) -> Iterator[PortChange]:
    """The shapes that the paired inputs take."""
    seen: set[str] = set()
    forth: dict[str, Dim] = {}
    back: dict[str, Dim] = {}
    for old, new in paired.pairs:
        same = same_type(old.type, new.type, sizes)
        taken, wider = takes(old, new, forth, same), not takes(new, old, back, same)
        if str(old.type) != str(new.type):
            effect = _effect(taken, wider) or "takes what it took, its sizes are called otherwise"
            before, after = (str(port.type) + _suffix(port.type) for port in (old, new))
            yield PortChange("input", "shape", new.name, before, after, not taken, effect)
        elif not taken or wider:
            symbols = list(zip(_symbols(old.type), _symbols(new.type), strict=True))
            for one, other in symbols:
                if one != other and one.name not in seen:
                    seen.add(one.name)
                    yield _where(one, other)
            if not taken and all(allows(other, of(one)) for one, other in symbols):
                # By itself it takes what it took, and together with the inputs before it does not.
                effect = "a size must now be the same as in another input"
                yield PortChange("input", "shape", new.name, str(old.type), str(new.type), True, effect)


def _effect(taken: bool, wider: bool) -> str:
    """
    Args:
        taken: all sizes that were taken still are.
        wider: sizes are taken that were not.
    """
    if taken:
        return "takes what it took, and more" if wider else ""
    return "takes other sizes" if wider else "takes less than before"


def _where(one: Symbol, other: Symbol) -> PortChange:
    """The same size, and other values of it are allowed."""
    taken, wider = allows(other, of(one)), not allows(one, of(other))
    effect = _effect(taken, taken or wider)
    before, after = (str(symbol.condition) or f"any {symbol.name}" for symbol in (one, other))
    return PortChange("input", "where", one.name, before, after, not taken, effect)


def _outputs(paired: Paired, sizes: Sizes | None) -> Iterator[PortChange]:
    for old, new in paired.pairs:
        same = same_type(old.type, new.type, sizes)
        before, after = str(old.type), str(new.type)
        if not same:
            yield PortChange("output", "shape", new.name, before, after, True, "a caller gets another shape")
        elif before != after and sizes is not None:
            effect = "the same shape wherever both take the inputs"
            yield PortChange("output", "shape", new.name, before, after, False, effect)


def same_type(old: TensorType, new: TensorType, sizes: Sizes | None) -> bool:
    """Whether the two are one shape wherever both networks take the inputs."""
    if old.rank != new.rank or sizes is None:
        return str(old) == str(new)
    return all(
        in_common_terms(a, sizes.before) == in_common_terms(b, sizes.after)
        for a, b in zip(old.shape, new.shape, strict=True)
    )


def _symbols(type_: TensorType) -> list[Symbol]:
    found = (symbol for size in type_.shape if not isinstance(size, int) for symbol in size.symbols)
    return list(dict.fromkeys(found))


def _suffix(type_: TensorType) -> str:
    """The conditions on its symbols, as in the contract."""
    stated = asked_of(_symbols(type_))
    return f" where {stated}" if stated else ""
