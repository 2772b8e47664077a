"""Receptive fields from the windows of the steps: exact, place by place.

A receptive field has a number for each axis of the network's input: how many places lie from the first to the last that
one place of a value (all its channels together) reads; the most that any of its places does. So what a value has along
an axis is where each of its places reads, from which first place to which last one. Size and jump alone (Araujo, Norris
and Sim, "Computing Receptive Fields of Convolutional Neural Networks", 2019) are not enough: behind an upsampling, a
window may lie within the copies of one place or across the border between two; and arms whose windows do not overlap
see the union of both.

Where a place reads is periodic: behind a stride of 2, place i + 1 reads what i reads, 2 further on; behind an
upsampling by 3, place i + 3 reads what i reads, 1 further on. So larger sizes cost no more, and padding is not
subtracted: its places are places like others.

Some networks are not periodic: those that are fitted to a size (``align_corners``, bins that do not divide the input),
and those whose arms do not keep step. They are read once more with the very places that there are, from the first to
the last, and in padding there are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from math import gcd, lcm
from typing import NamedTuple

from specc.ir.graph import Graph, Node
from specc.ir.traits import EACH, MOST_PHASES, Flat, Joined, Moved, Opaque, Pointwise, Sliding, Taps, Whole
from specc.ir.types import fixed

_LONGEST_PERIOD = 4096
"""Places after which reading repeats itself at the latest; else each is computed by itself."""
_MOST_PLACES = MOST_PHASES
"""Places of an axis that are computed one by one: a tenth of a second for each step."""
_MOST_READ = 2**22
"""Places that these may read in all, where the outermost ones do not decide."""


class Reason(Enum):
    """Why no receptive field is claimed."""

    FLAT_INPUT = "the inputs have no spatial axes"
    RANKS = "the inputs have different numbers of spatial axes"
    REARRANGED = "the step lays places out anew"
    JOINED = "the step puts the places of one value behind those of another"
    CROSSED = "the places of one arm are not beside those of the other"
    IRREGULAR = "the places are too many, and too irregular, to be told"


class Unclaimed(NamedTuple):
    """Nothing is claimed of a value: why, and from which step on (None: from the inputs on)."""

    reason: Reason
    step: Node | None


class Fields(NamedTuple):
    """What the steps of a network see.

    Attributes:
        sizes: by step the receptive field, a number per spatial axis of the inputs; None where none is claimed.
        unclaimed: of the latter, why.
    """

    sizes: Mapping[str, tuple[int, ...] | None]
    unclaimed: Mapping[str, Unclaimed]


def receptive_fields(graph: Graph) -> Fields:
    """The receptive fields of the steps of a graph without symbols."""
    fields = _fields(graph, by_place=False)
    if None in fields.values():
        by_place = _fields(graph, by_place=True)
        fields = {name: field or by_place[name] for name, field in fields.items()}
    known = {name: field or Unclaimed(Reason.IRREGULAR, None) for name, field in fields.items()}
    return Fields(
        {name: None if isinstance(field, Unclaimed) else field for name, field in known.items()},
        {name: field for name, field in known.items() if isinstance(field, Unclaimed)},
    )


# ---- one axis of the input ----------------------------------------------------------------------------------

_Span = tuple[int, int] | None
"""The first and the last place that are read; None: none is."""


class _Reading(NamedTuple):
    """Which places of an axis of the network's input the places of a value read.

    Place q * len(spans) + r reads spans[r], q * ``advance`` further on. An advance of None: ``spans`` are those of all
    the places that there are, and beyond them nothing is read.

    Attributes:
        padded: places in padding are among those that are read.
        bounds: without padding, the first and the last place that a place can read which is not at the border of any
            earlier value; None where a border makes no difference.
    """

    spans: tuple[_Span, ...]
    advance: int | None
    padded: bool = False
    bounds: _Span = None

    @property
    def is_constant(self) -> bool:
        """Whether every place reads the same."""
        return self.advance == 0 and len(self.spans) == 1

    @property
    def is_ordered(self) -> bool:
        """Whether every place reads something, and none begins or ends before those of an earlier place."""
        following = self.spans[1:] if self.advance is None else (*self.spans[1:], self.at(len(self.spans)))
        return None not in self.spans and all(
            a is not None and b is not None and a[0] <= b[0] and a[1] <= b[1]
            for a, b in zip(self.spans, following, strict=False)
        )

    def at(self, place: int) -> _Span:
        if self.advance is None:
            return self.spans[place] if 0 <= place < len(self.spans) else None
        rounds, phase = divmod(place, len(self.spans))
        span, further = self.spans[phase], rounds * self.advance
        return span and (span[0] + further, span[1] + further)

    def over(self, places: range, *, ordered: bool = False) -> _Span:
        """What ``places`` read together. ``ordered``: `is_ordered`, so that the outermost of them decide."""
        if self.advance is None:
            below = -(places.start // places.step) if places.start < 0 else 0
            places = range(places.start + below * places.step, min(places.stop, len(self.spans)), places.step)
        if ordered:
            return _union([self.at(place) for place in (*places[:1], *places[-1:])])
        if self.advance is None or len(places) <= 2 * len(self.spans):
            return _union(map(self.at, places))
        # In between are the same places moved by whole periods, and neither the first nor the last of them.
        return _union(map(self.at, (*places[: len(self.spans)], *places[-len(self.spans) :])))

    def everything(self, places: int) -> _Reading | None:
        """Every one of so many places as one that reads what all do; None where the period does not say that."""
        span = self.over(range(places))
        return _constant(span) if self._is_inside(span) else None

    def widest(self, places: int) -> int | None:
        """The most that any of so many places reads, from its first to its last; None as of `everything`."""
        widest = max(map(_extent, self.spans[:places]))
        if self.bounds is None or not self.advance:
            return widest
        for phase, span in enumerate(self.spans[:places]):
            if span is not None and _extent(span) == widest:
                # The first place of this phase that reads nothing before the bounds.
                rounds = max(0, -((span[0] - self.bounds[0]) // self.advance))
                place = phase + rounds * len(self.spans)
                if place < places and self._is_inside(self.at(place)):
                    return widest
        return None

    def _is_inside(self, span: _Span) -> bool:
        return span is None or self.bounds is None or (self.bounds[0] <= span[0] and span[1] <= self.bounds[1])


def _constant(span: _Span) -> _Reading:
    return _Reading((span,), 0)


def _extent(span: _Span) -> int:
    return 0 if span is None else span[1] - span[0] + 1


def _union(spans: Iterable[_Span]) -> _Span:
    known = [span for span in spans if span is not None]
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None


def _intersection(spans: Iterable[_Span]) -> _Span:
    """What lies within all ``spans``, None being no bounds at all."""
    known = [span for span in spans if span is not None]
    return (max(first for first, _ in known), min(last for _, last in known)) if known else None


def _through(reading: _Reading, taps: Taps, before: int, after: int) -> _Reading | None:
    """The reading behind a step that reads by ``taps``; None where it is not periodic, or too long.

    Args:
        before, after: places of its input and of its result.
    """
    # What reads everything goes on to; but for places that read nothing, where a filter is smaller than the stride.
    if taps is EACH or (reading.is_constant and all(taps.phases)):
        return reading
    if taps.advance == 0 and len(taps.phases) == 1:
        return reading.everything(before)
    if reading.advance is None or reading.is_constant:
        if after > _MOST_PLACES or (not reading.is_ordered and after * max(map(len, taps.phases)) > _MOST_READ):
            return None
        return _by_place(_read(reading, taps, after))
    if taps.fitted:
        return None
    padded, bounds = reading.padded, reading.bounds
    rounds, phase = divmod(after - 1, len(taps.phases))
    last = taps.phases[phase].stop - 1 + rounds * taps.advance
    if not padded and taps.bordered:
        bounds = _intersection([bounds, reading.over(range(before))])
    elif not padded and (last >= before or min(window.start for window in taps.phases) < 0):
        padded, bounds = True, None
    if len(reading.spans) == len(taps.phases) == 1 and reading.spans[0] is not None:
        (first, last), (window,), advance = reading.spans[0], taps.phases, reading.advance
        ends = first + window[0] * advance, last + window[-1] * advance
        return _Reading((ends,), taps.advance * advance, padded, bounds)
    rounds = len(reading.spans) // gcd(len(reading.spans), taps.advance)
    period, advance = rounds * len(taps.phases), rounds * taps.advance // len(reading.spans) * reading.advance
    if period > _LONGEST_PERIOD:
        return None
    return _shortest(_read(reading, taps, period), advance)._replace(padded=padded, bounds=bounds)


def _read(reading: _Reading, taps: Taps, places: int) -> tuple[_Span, ...]:
    """What the first so many places read by ``taps``."""
    ordered, spans = reading.is_ordered, []
    for place in range(places):
        spans.append(reading.over(taps.at(place), ordered=ordered))
    return tuple(spans)


def _shortest(spans: tuple[_Span, ...], advance: int) -> _Reading:
    """The same by the shortest period that it has."""
    for part in range(1, len(spans)):
        if len(spans) % part == 0 and advance * part % len(spans) == 0:
            less = _Reading(spans[:part], advance * part // len(spans))
            if all(less.at(place) == span for place, span in enumerate(spans)):
                return less
    return _Reading(spans, advance)


def _by_place(spans: tuple[_Span, ...]) -> _Reading:
    return _constant(spans[0]) if len(set(spans)) == 1 else _Reading(spans, None)


def _met(readings: list[_Reading], places: int) -> _Reading | None:
    """Where several arms meet: at each of so many places the union of what they read; None where it is not periodic."""
    different = list(dict.fromkeys(readings))
    if len(different) == 1:
        return different[0]
    moving = [reading for reading in different if not reading.is_constant]
    if len(moving) < len(different):
        constant = _union(reading.spans[0] for reading in different if reading.is_constant)
        everything = [reading.everything(places) for reading in moving]
        if all(whole is not None and _union([constant, whole.spans[0]]) == constant for whole in everything):
            return _constant(constant)
    if len(moving) < len(different) or any(reading.advance is None for reading in moving):
        if places > _MOST_PLACES or any(reading.bounds is not None for reading in moving):
            return None
        return _by_place(tuple([_union(reading.at(place) for reading in different) for place in range(places)]))
    period = lcm(*(len(reading.spans) for reading in moving))
    advances = {period // len(reading.spans) * (reading.advance or 0) for reading in moving}
    if len(advances) > 1 or period > _LONGEST_PERIOD:
        return None
    union = tuple([_union(reading.at(place) for reading in moving) for place in range(period)])
    padded = any(reading.padded for reading in moving)
    bounds = None if padded else _intersection(reading.bounds for reading in moving)
    return _shortest(union, advances.pop())._replace(padded=padded, bounds=bounds)


# ---- one input ----------------------------------------------------------------------------------------------


class _View(NamedTuple):
    """What a value reads of one input.

    Attributes:
        readings: along each spatial axis of the input; None where it is not periodic.
        axes: the input's axis that each axis of a sample lies along; None for channels and features.
        places: of the value along each axis of the input.
        flattened: sizes and axes of the sample before its places became features, where these read different places.
    """

    readings: tuple[_Reading | None, ...]
    axes: tuple[int | None, ...]
    places: tuple[int, ...]
    flattened: tuple[tuple[int, ...], tuple[int | None, ...]] | None = None

    @property
    def is_constant(self) -> bool:
        return all(map(_is_constant, self.readings))

    def everything(self, axis: int) -> _Reading | None:
        """Every place as one that reads the whole of the axis."""
        reading = self.readings[axis]
        return reading and reading.everything(self.places[axis])

    def lies(self, along: int) -> int | None:
        """The axis of a sample that lies along that of the input."""
        return self.axes.index(along) if along in self.axes else None


def _is_constant(reading: _Reading | None) -> bool:
    return reading is not None and reading.is_constant


class _Unclaimable(Exception):
    """Nothing can be claimed any more."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


_Shape = tuple[int, ...]
_Views = tuple[_View, ...]
"""Of one input. Several where features that were places stand side by side: each view is of some of the features."""
_Value = Mapping[str, _Views]
"""By the name of the input; a value has no entry for an input that it does not depend on."""


# ---- a network ----------------------------------------------------------------------------------------------


def _fields(graph: Graph, *, by_place: bool) -> dict[str, tuple[int, ...] | Unclaimed | None]:
    """The receptive field of every step, None where it is not periodic.

    Args:
        by_place: every place of an input is a reading of its own, and no period is looked for.
    """

    def axis(places: int) -> _Reading | None:
        """An axis of an input: each place reads itself."""
        if not by_place:
            return _Reading(((0, 0),), 1)
        return _Reading(tuple([(place, place) for place in range(places)]), None) if places <= _MOST_PLACES else None

    values: dict[str, _Value | Unclaimed] = {}
    for port in graph.inputs:
        sample = tuple(map(fixed, port.type.sample))
        axes = (None, *range(len(sample) - 1))[: len(sample)]
        values[port.name] = {port.name: (_View(tuple(map(axis, sample[1:])), axes, sample[1:]),)}
    fields: dict[str, tuple[int, ...] | Unclaimed | None] = {}
    for node in graph.nodes:
        inputs = [values[name] for name in node.reads]
        value = values[node.name] = _value_after(node, inputs)
        if value is inputs[0] and node.inputs[0] in fields:
            fields[node.name] = fields[node.inputs[0]]
        else:
            fields[node.name] = value if isinstance(value, Unclaimed) else _size(node, value)
    return fields


def _size(node: Node, value: _Value) -> tuple[int, ...] | Unclaimed | None:
    """The most that a place reads, along each axis: of the inputs, the one of which that is most.

    None as of `_fields`.
    """
    views = [view for views in value.values() for view in views]
    if len({len(view.readings) for view in views}) > 1:
        return Unclaimed(Reason.RANKS, node)
    sizes = []
    for view in views:
        pairs = zip(view.readings, view.places, strict=True)
        size = [widest for reading, places in pairs if reading and (widest := reading.widest(places)) is not None]
        if len(size) < len(view.readings):
            return None
        sizes.append(size)
    return tuple(map(max, zip(*sizes, strict=True))) or Unclaimed(Reason.FLAT_INPUT, None)


def _value_after(node: Node, inputs: list[_Value | Unclaimed]) -> _Value | Unclaimed:
    values: list[_Value] = []
    for value in inputs:
        if isinstance(value, Unclaimed):
            return value
        values.append(value)
    window = node.op.window(*node.input_types)
    if isinstance(window, Pointwise) and len(values) == 1:
        return values[0]
    sample = tuple(map(fixed, node.type.sample))
    try:
        if isinstance(window, Joined) and (joined := _joined(values, window.axis)) is not None:
            return joined
        if isinstance(window, (Pointwise, Joined)):
            return _merged(node, sample, values)
        if isinstance(window, Whole) and window.axes is None:
            return {name: (_whole(views, len(sample)),) for name, views in values[0].items()}
        return {
            name: tuple([_view_after(window, view, node, sample) for view in views])
            for name, views in values[0].items()
        }
    except _Unclaimable as error:
        return Unclaimed(error.reason, node)


def _view_after(window: Sliding | Whole | Moved | Flat | Opaque, view: _View, node: Node, sample: _Shape) -> _View:
    match window:
        case Sliding(axes):
            if view.flattened is not None and (node.type != node.input_types[0] or any(taps != EACH for taps in axes)):
                raise _Unclaimable(Reason.REARRANGED)
            return _slid(view, axes, sample)
        case Whole(axes, dropped):
            readings, places = list(view.readings), list(view.places)
            for axis in axes or ():
                if (along := view.axes[axis]) is not None:
                    readings[along] = view.everything(along)
                    places[along] = 1 if axis in dropped else places[along]
            left = tuple([along for axis, along in enumerate(view.axes) if axis not in dropped])
            return view._replace(readings=tuple(readings), axes=left, places=tuple(places))
        case Moved(order):
            return view._replace(axes=tuple([view.axes[axis] for axis in order]))
        case Flat():
            readings = [view.everything(a) if size == 1 else view.readings[a] for a, size in enumerate(view.places)]
            flat = _View(tuple(readings), (None,), view.places)
            before = tuple(map(fixed, node.input_types[0].sample))
            return flat if flat.is_constant else flat._replace(flattened=(before, view.axes))
        case Opaque():
            raise _Unclaimable(Reason.REARRANGED)


def _slid(view: _View, axes: tuple[Taps | None, ...], sample: _Shape) -> _View:
    readings, places = list(view.readings), list(view.places)
    for axis, (along, taps, size) in enumerate(zip(view.axes, axes, sample, strict=True)):
        if along is None:
            continue
        before, places[along] = places[along], size
        reading = readings[along]
        if reading is None or (taps is None and reading.is_constant):
            continue
        if taps is None:
            raise _Unclaimable(Reason.IRREGULAR if axis else Reason.REARRANGED)
        readings[along] = _through(reading, taps, before, size)
    return view._replace(readings=tuple(readings), places=tuple(places))


def _whole(views: _Views, rank: int) -> _View:
    """Each element sees all that there is; of views side by side, all of each."""
    first, *others = views
    readings = [first.everything(axis) for axis in range(len(first.readings))]
    for view in others:
        pairs = zip(readings, map(view.everything, range(len(readings))), strict=True)
        readings = [a and b and _constant(_union((a.at(0), b.at(0)))) for a, b in pairs]
    axes = first.axes if len(first.axes) == rank and first.flattened is None else (None,) * rank
    return _View(tuple(readings), axes, first.places)


# ---- several values -----------------------------------------------------------------------------------------


def _joined(values: list[_Value], axis: int) -> _Value | None:
    """Features end to end, of which some were places: each stays what it is. None for channels, which are merged."""
    views = [view for value in values for views in value.values() for view in views]
    if any(view.axes[axis] is not None for view in views):
        raise _Unclaimable(Reason.JOINED)
    if all(view.flattened is None for view in views):
        return None
    names = dict.fromkeys(name for value in values for name in value)
    return {name: tuple(dict.fromkeys(view for value in values for view in value.get(name, ()))) for name in names}


def _merged(node: Node, sample: _Shape, values: list[_Value]) -> _Value:
    """Element by element; an axis of size 1 meets every place of the others."""
    shapes = [tuple(map(fixed, x.sample)) for x in node.input_types]
    merged: dict[str, _Views] = {}
    for name in dict.fromkeys(name for value in values for name in value):
        arms = [(value[name], shape) for value, shape in zip(values, shapes, strict=True) if name in value]
        if len({views for views, _ in arms}) == 1 and all(shape == sample for _, shape in arms):
            merged[name] = arms[0][0]
            continue
        alone = [(views[0], shape) for views, shape in arms if len(views) == 1]
        several = {views for views, _ in arms if len(views) > 1}
        if several and (len(several) > 1 or not all(view.is_constant for view, _ in alone)):
            raise _Unclaimable(Reason.CROSSED)
        parts = [[(part, sample), *alone] for part in several.pop()] if several else [alone]
        merged[name] = tuple([_united(part, sample) for part in parts])
    return merged


def _united(arms: list[tuple[_View, _Shape]], sample: _Shape) -> _View:
    """Along an axis of the input, what arms read may change along one axis of theirs only, the same in all."""
    flattened = {view.flattened for view, _ in arms if not view.is_constant}
    if len(flattened) > 1:
        raise _Unclaimable(Reason.CROSSED)
    views = [view for view, _ in arms]
    readings, places = list(views[0].readings), list(views[0].places)
    layout: dict[int, int] = {}
    moving = [[view for view in views if not _is_constant(view.readings[along])] for along in range(len(readings))]
    # Axes of which every place reads the same come last: it does not matter where they lie.
    for along in sorted(range(len(readings)), key=lambda along: not moving[along]):
        lying = {view.lies(along) for view in moving[along] or views}
        axis = min((axis for axis in lying if axis is not None), default=None)
        if moving[along] and (len(lying) > 1 or (axis is not None and axis in layout)):
            raise _Unclaimable(Reason.CROSSED)
        if axis is not None:
            layout.setdefault(axis, along)
        places[along] = (moving[along] or views)[0].places[along] if axis is None else sample[axis]
        # Of an arm that is widened, the only place is read everywhere.
        known = [
            view.readings[along] if (a := view.lies(along)) is None or shape[a] == sample[a] else view.everything(along)
            for view, shape in arms
        ]
        every = [reading for reading in known if reading is not None]
        readings[along] = _met(every, places[along]) if len(every) == len(known) else None
    axes = tuple([layout.get(axis) for axis in range(len(sample))])
    return _View(tuple(readings), axes, tuple(places), next(iter(flattened), None))
