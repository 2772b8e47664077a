"""What changed for those who call the network: its inputs and outputs, and the sizes that it takes.

A change is breaking where a caller that worked before may not work any more: one who feeds inputs and reads outputs by
name (as ONNX Runtime does) or by place (as a PyTorch module is called).

Sizes of one network and of the other cannot be compared as they are: ``H`` of one contract may be ``X``, or 224, in the
other, and may be allowed other values. Both are therefore put in symbols of their own, one for every set of symbols
that stand at the same places of the inputs, with the values that all of them allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from specc.ir.conditions import always_at_least
from specc.ir.graph import Graph, Port
from specc.ir.size import Dim, Size, of
from specc.ir.symbols import Symbol, contract_condition, restrict
from specc.ir.types import TensorType

Side = Literal["model", "parameter", "input", "output"]
Kind = Literal["added", "removed", "renamed", "reordered", "shape", "type", "where"]


class PairedPorts(NamedTuple):
    """Inputs or outputs of two networks: those that both have, in the order of the old one, and those of one alone."""

    pairs: tuple[tuple[Port, Port], ...]
    removed: tuple[Port, ...]
    added: tuple[Port, ...]


class Ports(NamedTuple):
    """All ports of two networks."""

    inputs: PairedPorts
    outputs: PairedPorts


def pair_ports(before: Graph, after: Graph) -> Ports:
    """Pair the ports by name; of the others, those of one shape, in order: they are renamed."""
    outputs = [port for port, _ in before.outputs], [port for port, _ in after.outputs]
    return Ports(_paired(before.inputs, after.inputs), _paired(*outputs))


def _paired(before: Sequence[Port], after: Sequence[Port]) -> PairedPorts:
    rest = {port.name: port for port in after}
    partner = {port.name: rest.pop(port.name) for port in before if port.name in rest}
    for port in before:
        alike = [new for new in rest.values() if new.declaration == port.declaration]
        if port.name not in partner and alike:
            partner[port.name] = rest.pop(alike[0].name)
    pairs = tuple((port, partner[port.name]) for port in before if port.name in partner)
    return PairedPorts(pairs, tuple(port for port in before if port.name not in partner), tuple(rest.values()))


# ---- sizes in common terms ----------------------------------------------------------------------------------

SymbolMap = Mapping[str, Symbol]
"""For each symbol of a network the common one, which has the values that both networks allow."""


class CommonSizes(NamedTuple):
    """The sizes that two networks both allow."""

    before: SymbolMap
    after: SymbolMap


def common_sizes(before: Graph, after: Graph, inputs: PairedPorts) -> CommonSizes | None:
    """What both networks allow; None where there is nothing."""
    symbols = {
        (is_new, symbol.name): symbol
        for is_new, graph in ((False, before), (True, after))
        for port in graph.inputs
        for symbol in _symbols(port.type)
    }
    groups = {key: [key] for key in symbols}  # symbols that have one value
    numbers: dict[tuple[bool, str], int] = {}
    for old, new in inputs.pairs:
        for size, other in zip(old.type.shape, new.type.shape, strict=False):
            # A formula there says nothing of its symbols: many sizes may give the same.
            keys = [(is_new, str(dim)) for is_new, dim in ((False, size), (True, other)) if _is_symbol(dim)]
            if len(keys) == 2 and groups[keys[0]] is not groups[keys[1]]:
                group, joined = groups[keys[0]], groups[keys[1]]
                group += joined
                groups |= dict.fromkeys(joined, group)
            for number in (size, other):
                if isinstance(number, int) and keys:
                    numbers.setdefault(keys[0], number)
    common: dict[tuple[bool, str], Symbol] = {}
    try:
        for i, (key, group) in enumerate(groups.items()):
            if key not in common:
                every = Symbol(str(i))
                for s in (symbols[key] for key in group):
                    every = restrict(every, least=s.least, most=s.most, modulus=s.modulus, residue=s.residue)
                for number in (numbers[key] for key in group if key in numbers):
                    every = restrict(every, least=number, most=number)
                common |= dict.fromkeys(group, every)
    except ValueError:  # in words, that no value is left
        return None
    return CommonSizes(*({name: common[new, name] for new, name in symbols if new is side} for side in (False, True)))


def in_common_terms(size: Dim, common: SymbolMap) -> Dim:
    """A size of one network in the symbols common to both."""
    for symbol in size.symbols if isinstance(size, Size) else ():
        assert isinstance(size, Size), "it returns as soon as none remains"
        own = common[symbol.name]
        narrower = Symbol(symbol.name, own.least, own.most, own.modulus, own.residue)
        size = size.narrowed(narrower)
        if isinstance(size, Size) and narrower in size.symbols:
            size = size.merged(own, narrower)
        if isinstance(size, int):
            return size
    return size


def _is_symbol(size: Dim) -> bool:
    """Whether it is a symbol itself, no formula of symbols."""
    return isinstance(size, Size) and len(size.symbols) == 1 and str(size) == size.symbols[0].name


def _symbols(type_: TensorType) -> list[Symbol]:
    return list(dict.fromkeys(symbol for size in type_.shape if isinstance(size, Size) for symbol in size.symbols))


def _is_same(old: TensorType, new: TensorType, sizes: CommonSizes | None) -> bool:
    """Whether the two are one shape wherever both networks take the inputs."""
    if old.rank != new.rank or sizes is None:
        return str(old) == str(new)
    places = zip(old.shape, new.shape, strict=True)
    return all(in_common_terms(a, sizes.before) == in_common_terms(b, sizes.after) for a, b in places)


# ---- what changed -------------------------------------------------------------------------------------------


class PortChange(NamedTuple):
    """One change of the interface.

    Attributes:
        name: of the port, as it is called now; of the symbol, of kind ``where``; empty for the order of all.
        before, after: the shape, the type, the name, the condition or the order; None where there is none.
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


def compare_interface(
    before: Graph, after: Graph, ports: Ports, sizes: CommonSizes | None, renamed: bool
) -> InterfaceChange:
    """The interface's changes.

    Args:
        renamed: whether another name of the network is a change: it is none where the caller asked for both.
    """
    changes: list[PortChange] = []
    if renamed and before.name != after.name:
        effect = "the emitted class and the model that is asked for are called so"
        changes.append(PortChange("model", "renamed", after.name, before.name, after.name, True, effect))
    changes += [*_names("input", ports.inputs), *_inputs(ports.inputs, sizes)]
    changes += _order("input", ports.inputs, after.inputs)
    changes += [*_names("output", ports.outputs), *_outputs(ports.outputs, sizes)]
    changes += _order("output", ports.outputs, tuple(port for port, _ in after.outputs))
    return InterfaceChange(tuple(changes))


def _names(side: Side, ports: PairedPorts) -> Iterator[PortChange]:
    is_input = side == "input"
    for port in ports.removed:
        effect = "a caller that gives it is refused" if is_input else "a caller that reads it finds nothing"
        yield PortChange(side, "removed", port.name, port.declaration, None, True, effect)
    for port in ports.added:
        effect = "a caller must give it" if is_input else "a caller that takes the results by place gets one more"
        yield PortChange(side, "added", port.name, None, port.declaration, True, effect)
    for old, new in ports.pairs:
        if old.name != new.name:
            yield PortChange(side, "renamed", new.name, old.name, new.name, True, "a caller by name does not find it")


def _order(side: Side, ports: PairedPorts, after: tuple[Port, ...]) -> Iterator[PortChange]:
    old = [new.name for _, new in ports.pairs]
    new = [port.name for port in after if port.name in old]
    if old != new:
        effect = "a caller by place gives or gets another one"
        yield PortChange(side, "reordered", "", ", ".join(old), ", ".join(new), True, effect)


def _inputs(ports: PairedPorts, sizes: CommonSizes | None) -> Iterator[PortChange]:
    """The shapes that the paired inputs take."""
    seen: set[str] = set()
    forth: dict[str, Dim] = {}
    back: dict[str, Dim] = {}
    for old, new in ports.pairs:
        if old.dtype != new.dtype:
            yield PortChange("input", "type", new.name, old.dtype, new.dtype, True, f"a caller must give {new.dtype}")
        same = _is_same(old.type, new.type, sizes)
        taken, wider = _takes(old, new, forth, same), not _takes(new, old, back, same)
        if str(old.type) != str(new.type):
            effect = _effect(taken, wider) or "takes what it took, its sizes are called otherwise"
            contracts = ((str(port.type), contract_condition(_symbols(port.type))) for port in (old, new))
            before, after = (f"{shape} where {condition}" if condition else shape for shape, condition in contracts)
            yield PortChange("input", "shape", new.name, before, after, not taken, effect)
        elif not taken or wider:
            symbols = list(zip(_symbols(old.type), _symbols(new.type), strict=True))
            for one, other in symbols:
                if one != other and one.name not in seen:
                    seen.add(one.name)
                    taken_alone, wider_alone = _allows(other, of(one)), not _allows(one, of(other))
                    effect = _effect(taken_alone, taken_alone or wider_alone)
                    before, after = (str(symbol.condition) or f"any {symbol.name}" for symbol in (one, other))
                    yield PortChange("input", "where", one.name, before, after, not taken_alone, effect)
            if not taken and all(_allows(other, of(one)) for one, other in symbols):
                # Alone it takes what it took, and with the inputs before it does not.
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


def _takes(old: Port, new: Port, bound: dict[str, Dim], same: bool) -> bool:
    """Whether the new input takes every tensor that the old one takes. What is not proven does not hold.

    Args:
        bound: what the new network's symbols are in the old one's sizes, as far as the inputs before have said;
            what this one says is added, so every place is looked at.
        same: whether the two types are the same where both are allowed: it decides where sizes are formulas.
    """
    if old.type.rank != new.type.rank:
        return False
    taken = True
    for size, other in zip(old.type.shape, new.type.shape, strict=True):
        if isinstance(other, int):
            taken &= size == other
        elif _is_symbol(other):
            (symbol,) = other.symbols
            taken &= bound.setdefault(symbol.name, size) == size and _allows(symbol, size)
        else:
            taken &= same
    return taken


def _allows(symbol: Symbol, size: Dim) -> bool:
    """Whether it is proven that the symbol may take every value of ``size``."""
    if isinstance(size, int):
        return symbol.allows(size)
    below = symbol.most is None or (size.most is not None and size.most <= symbol.most)
    return below and always_at_least(size, symbol.least) and (size - symbol.residue) % symbol.modulus == 0


def _outputs(ports: PairedPorts, sizes: CommonSizes | None) -> Iterator[PortChange]:
    for old, new in ports.pairs:
        if old.dtype != new.dtype:
            yield PortChange("output", "type", new.name, old.dtype, new.dtype, True, f"a caller gets {new.dtype}")
        before, after = str(old.type), str(new.type)
        if not _is_same(old.type, new.type, sizes):
            yield PortChange("output", "shape", new.name, before, after, True, "a caller gets another shape")
        elif before != after and sizes is not None:
            effect = "the same shape wherever both take the inputs"
            yield PortChange("output", "shape", new.name, before, after, False, effect)
