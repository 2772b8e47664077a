"""What operators require of shapes, and the refusals that several of them share.

A claim about sizes must hold for every size that a contract allows: numbers are refused with their arithmetic, formulas
with the condition that makes the claim hold.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from json import dumps
from math import gcd
from typing import TypeVar

from specc.diagnostics.finding import conjunction
from specc.ir.conditions import AtLeast, Claim, Equal, always_at_least, assigned, points
from specc.ir.op import Op, Refusal
from specc.ir.rounding import Bins
from specc.ir.size import Dim, Size
from specc.ir.traits import MOST_PHASES, Taps, Whole, taps
from specc.ir.types import TensorType, at, fixed, times

Entry = TypeVar("Entry", bound=Dim)

AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def require_spatial(op: Op, x: TensorType, *axes: int) -> int:
    """The number of spatial axes of ``x``; refuses where it is none of ``axes`` (default 1, 2, 3)."""
    allowed = axes or (1, 2, 3)
    if len(x.spatial) in allowed and x.sample:
        return len(x.spatial)
    layouts = {0: "[N, F]", 1: "[N, C, L]", 2: "[N, C, H, W]", 3: "[N, C, D, H, W]"}
    wanted = " or ".join(layouts[n] for n in allowed)
    helps: tuple[str, ...] = ()
    if len(x.sample) == 1:
        helps = (f"reshape((-1, C, …)) turns the {x.sample[0]} features back into channels and places",)
    raise Refusal("S0101", f"{op.kind} takes {wanted}, and its input is {x}", cause=0, helps=helps)


def require_sample(op: Op, x: TensorType) -> None:
    """Refuses an input of the batch alone."""
    if not x.sample:
        raise Refusal("S0101", f"{op.kind} takes at least [N, F], and its input is {x}", cause=0)


def require_channels(op: Op, x: TensorType) -> int:
    """The number of channels (or features) of ``x``; refuses where it is symbolic."""
    return fixed_number(op, x.sample[0], "channels" if x.spatial else "features")


def numbers(sizes: tuple[Dim, ...]) -> tuple[int, ...]:
    """``sizes`` as the numbers they are. Raises TypeError where one is symbolic."""
    return tuple(map(fixed, sizes))


def all_places(x: TensorType, axes: tuple[int, ...]) -> Bins:
    """All places of each of ``axes`` (the batch counted) as one bin; none while a size is symbolic."""
    return tuple((axis, (range(fixed(x.sample[axis - 1])),)) for axis in axes) if x.is_fixed else ()


def below_one(sizes: tuple[Dim, ...]) -> int | None:
    """Index of the least number below 1 among ``sizes``; None where there is none."""
    low = [size for size in sizes if isinstance(size, int) and size < 1]
    return sizes.index(min(low)) if low else None


def per_axis(value: Entry | tuple[Entry, ...], axes: int, op: Op, argument: str) -> tuple[Entry, ...]:
    """One entry for each spatial axis; refuses a list of another length."""
    if not isinstance(value, tuple):
        return (value,) * axes
    if len(value) == axes:
        return value
    raise Refusal(
        "S0303",
        f"{argument} has {len(value)} entries, and the input of {op.kind} has {axes} spatial "
        f"{'axis' if axes == 1 else 'axes'}",
        argument=argument,
        label=f"needs one number, or a list of {axes}",
    )


@lru_cache(maxsize=4096)  # arithmetic with symbols takes its time: 5 % of a first elaboration of examples/zoo
def slide(size: Dim, kernel: int, stride: int, padding: int, dilation: int) -> Dim:
    """Positions of a window: floor((n + p - d(k - 1) - 1)/s) + 1, p the padding of both ends.

    The formula of torch.nn.Conv2d and MaxPool2d.
    """
    spare = padding - dilation * (kernel - 1)
    return size + spare if stride == 1 else (size + (spare - 1)) // stride + 1


@lru_cache(maxsize=4096)  # the proof of what must hold of sizes: 27 % of a first elaboration of examples/zoo
def fitting(
    spatial: tuple[Dim, ...],
    kernel: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...] | str,
    dilation: int | tuple[int, ...],
) -> tuple[Dim, ...] | None:
    """Positions of a window along 1 to 3 axes, by `slide`; None where there may be none, or something is unusual.

    An attribute is one number for every axis, or a list. The channels are no argument, so that layers which differ
    in these alone share one result.
    """
    axes = len(spatial)
    if axes not in (1, 2, 3) or isinstance(padding, str):
        return None
    each = [v if isinstance(v, tuple) else (v,) * axes for v in (kernel, stride, padding, dilation)]
    if any(len(entries) != axes for entries in each):
        return None
    k, s, p, d = each
    out = tuple(map(slide, spatial, k, s, [2 * width for width in p], d))
    return out if all(always_at_least(size, 1) for size in out) else None


def slide_text(
    size: Dim, kernel: int, stride: int, before: int, after: int, dilation: int, *, ceil_mode: bool = False
) -> str:
    """The formula of `slide` with its numbers, without the result: ``floor((13 + 2*0 - 2)/2) + 1``.

    What comes out even is not said to be rounded.
    """
    padding = f"2*{before}" if before == after else f"({before} + {after})"
    span = f"{kernel}" if dilation == 1 else f"({dilation}*({kernel} - 1) + 1)"
    quotient = f"({size} + {padding} - {span})/{stride}"
    if ceil_mode:
        return f"ceil({quotient}) + 1"
    is_even = (size + before + after - dilation * (kernel - 1) - 1) % stride == 0
    return f"{quotient} + 1" if is_even else f"floor({quotient}) + 1"


def refuse_large_kernel(
    op: Op,
    x: TensorType,
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
    arithmetic: str,
    *,
    candidates: tuple[dict[str, object], ...],
) -> Refusal:
    """The refusal of a window that fits nowhere; of the ``candidates`` it suggests those that really fit."""
    changes = [c for c in candidates if any(getattr(op, name) != value for name, value in c.items())]
    return Refusal(
        "S0104",
        f"{_window_text(kernel, dilation)} is larger than its input of {times(x.spatial)}",
        argument="kernel",
        label=f"needs at least {times(reach_of(kernel, dilation))}",
        cause=0,
        notes=(arithmetic,),
        helps=tuple(h for c in changes if (h := suggestion(op, c, x))),
    )


def require_fit(
    x: TensorType,
    out: tuple[Dim, ...],
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
    formula: Callable[[int], str],
) -> None:
    """Refuses a window that fits into its input at some sizes only.

    Args:
        out: the number of windows along each axis.
        formula: the arithmetic of an axis.
    """
    open_axes = [axis for axis, size in enumerate(out) if not always_at_least(size, 1)]
    if not open_axes:
        return
    raise unproven(
        f"{_window_text(kernel, dilation)} fits into its input of {times(x.spatial)}",
        (AtLeast(out[axis], 1) for axis in open_axes),
        argument="kernel",
        notes=tuple(map(formula, open_axes)),
    )


def _window_text(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> str:
    reach = reach_of(kernel, dilation)
    shown = times(kernel) if len(set(kernel)) > 1 else str(kernel[0])
    return f"kernel {shown} (dilated to {times(reach)})" if reach != kernel else f"kernel {shown}"


def reach_of(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """The extent of a window: d(k - 1) + 1."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def suggestion(op: Op, update: dict[str, object], *inputs: TensorType) -> str | None:
    """``padding=2 keeps 2 x 2``, if the operator takes its inputs with that change; else None."""
    try:
        result = op.model_copy(update=update).infer(*inputs)
    except Refusal:
        return None
    # The language writes true and "text" as JSON does, and pairs in parentheses.
    texts = {name: dumps(v) if isinstance(v, (bool, str)) else str(v) for name, v in update.items()}
    arguments = ", ".join(f"{name}={text}" for name, text in texts.items())
    return f"{arguments} {'keeps' if result.spatial == inputs[0].spatial else 'gives'} {times(result.spatial)}"


def require_divides(op: Op, argument: str, divisor: int, number: Dim, what: str, *others: int) -> None:
    """Refuses where ``divisor`` (the value of ``argument``) does not divide ``number`` of ``what``.

    ``others``: what it must divide too, so that only values that fit everywhere are suggested.
    """
    if isinstance(number, Size):
        claim = f"{argument} = {divisor} divides the {number} {what} of {op.kind}"
        require_multiples((number,), divisor, claim, argument=argument)
        return
    if number % divisor == 0:
        return
    common = gcd(number, *others)
    divisors = [d for d in range(1, min(common, 4096) + 1) if common % d == 0]
    fits = sorted(sorted(divisors, key=lambda d: abs(d - divisor))[:3])
    numbers = " and ".join(map(str, dict.fromkeys((number, *others))))
    raise Refusal(
        "S0103",
        f"{argument} = {divisor} does not divide the {number} {what} of {op.kind}",
        argument=argument,
        label=f"{number} = {number // divisor}*{divisor} + {number % divisor}",
        helps=(f"{argument} that divide {numbers}: {', '.join(map(str, fits))}",),
    )


def sliding(
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: tuple[int, ...],
    outside: str = "zeros",
) -> tuple[Taps, ...]:
    """A window that slides over the spatial axes, with so many places of padding before each, of that mode."""
    axes = zip(kernel, stride, dilation, padding, strict=True)
    return tuple([taps(k, s, d, -p, outside) for k, s, d, p in axes])


def sample_axis(op: Op, dim: int, x: TensorType, argument: str = "dim") -> int:
    """``dim`` of the whole tensor as a positive axis; refuses one out of range, and the batch."""
    axis = dim + x.rank if dim < 0 else dim
    if not 0 <= axis < x.rank:
        raise Refusal(
            "S0303",
            f"{argument} = {dim} is no axis of {x}",
            argument=argument,
            cause=0,
            label=f"from {-x.rank} to {x.rank - 1}",
        )
    if axis == 0:
        raise Refusal(
            "S0106",
            f"{op.kind} over axis 0 would mix the samples of a batch",
            argument=argument,
            label=f"axis 0 of {x} is the batch",
        )
    return axis


def unslide(size: Dim, kernel: int, stride: int, cropped: int, extra: int, dilation: int) -> Dim:
    """(n - 1)s - 2p + d(k - 1) + output_padding + 1: the formula of torch.nn.ConvTranspose2d; 2p is ``cropped``."""
    return (size - 1) * stride - cropped + dilation * (kernel - 1) + extra + 1


def transposed_taps(kernel: int, stride: int, padding: int, dilation: int) -> Taps | None:
    """Output o meets input j by place t of the filter where js + td - p = o: one phase for each of s places.

    With the first such t, those that follow are s/gcd(s, d) apart, and each lies d/gcd(s, d) inputs further back.
    """
    if stride > MOST_PHASES:
        return None
    common = gcd(stride, dilation)
    phases = []
    for place in range(padding, padding + stride):
        meeting = range(min(kernel, stride // common))
        first = next((t for t in meeting if (place - t * dilation) % stride == 0), None)
        if first is None:
            phases.append(range(0))
            continue
        last = (place - first * dilation) // stride
        more = (kernel - 1 - first) // (stride // common)
        step = dilation // common
        phases.append(range(last - more * step, last + 1, step))
    return Taps(1, tuple(phases), bordered=True)


def across(x: TensorType, axes: tuple[int, ...]) -> Whole:
    """The window of an operator whose every element depends on all of the given axes (without the batch).

    Flat features may be places that were flattened, so mixing them sees everything.
    """
    return Whole() if len(x.sample) == 1 else Whole(axes)


def per_channel(x: TensorType, channels: int) -> tuple[int, ...]:
    """The shape in which one number a channel is laid along the channel axis of ``x``: (C, 1, 1 …)."""
    return (channels, *(1 for _ in x.spatial))


def as_factor(size: Dim) -> str:
    """``size`` as it stands in a product: ``(H/2 + 1)``, and 7 as 7."""
    text = str(size)
    return f"({text})" if isinstance(size, Size) and not text.isidentifier() else text


def equation(formula: str, result: Dim) -> str:
    """``2*16 = 32``; the formula alone where that is how the result is written."""
    return formula if formula == str(result) else f"{formula} = {result}"


def product_text(sizes: tuple[Dim, ...]) -> str:
    """``16*(H/2)*W``."""
    return "*".join(map(as_factor, sizes)) if len(sizes) > 1 else "".join(map(str, sizes))


def unproven(
    claim: str,
    needed: Iterable[Claim],
    *,
    necessary: bool = True,
    detail: str = "",
    argument: str | None = None,
    label: str = "",
    cause: int | None = 0,
    notes: tuple[str, ...] = (),
    helps: tuple[str, ...] = (),
) -> Refusal:
    """The refusal of a claim that does not hold for every size, with the condition that makes it hold.

    Args:
        claim: a sentence: "kernel 5 fits into its input of H x W".
        needed: what it comes to.
        necessary: whether the claim fails wherever what is needed does not hold.
        detail: follows the claim, after a colon.
        notes: facts; where there are none, and no condition is known to be necessary, sizes at which the claim fails.
    """
    parts = tuple(needed)
    condition = conjunction(part.condition() for part in parts)
    if condition:
        condition = condition._replace(necessary=condition.necessary and necessary)
    message = condition.sentence(claim) if condition else f"it is not proven that {claim}"
    exact = condition is not None and condition.necessary
    if necessary and not exact and not notes:
        # The first of the sizes that are tried at which it fails.
        for sizes in points(size for part in parts for size in part if not isinstance(size, int)):
            if not all(part.holds(sizes) for part in parts):
                notes = (f"at {assigned(sizes)} it does not hold",)
                break
    return Refusal(
        "S0108",
        f"{message}: {detail}" if detail else message,
        argument=argument,
        label=label,
        cause=cause,
        notes=notes,
        helps=() if condition else helps,
        where=condition or None,
    )


def require_at_least(
    sizes: Iterable[Dim],
    least: Iterable[int],
    claim: str,
    *,
    argument: str | None = None,
) -> None:
    """Refuses ``claim`` where some size may fall below its bound of ``least``."""
    short = [AtLeast(*pair) for pair in zip(sizes, least, strict=True) if not always_at_least(*pair)]
    if short:
        raise unproven(claim, short, argument=argument)


def require_multiples(sizes: Iterable[Dim], divisor: int, claim: str, *, argument: str) -> None:
    """Refuses ``claim`` where ``divisor`` may leave a rest of some size."""
    uneven = [size for size in sizes if size % divisor != 0]
    if uneven:
        raise unproven(claim, (Equal(size % divisor, 0) for size in uneven), argument=argument)


def fixed_number(op: Op, size: Dim, what: str, *helps: str) -> int:
    """``size`` where it is a number; refuses by name where it depends on a symbol.

    Args:
        what: what is counted: "channels", "features".
    """
    if isinstance(size, int):
        return size
    names = " and ".join(symbol.name for symbol in size.symbols)
    shown = f"here it is {size}" if str(size) == names else f"{size} depends on {names}"
    raise Refusal("S0108", f"{op.kind} takes a fixed number of {what}, and {shown}", cause=0, helps=helps)


def fixed_numbers(op: Op, sizes: Iterable[Dim], what: str, *helps: str) -> tuple[int, ...]:
    """`fixed_number` of each."""
    return tuple(fixed_number(op, size, what, *helps) for size in sizes)


def never_equal(a: Dim, b: Dim) -> bool:
    """Whether one of the two is the larger at every size."""
    if isinstance(a, int) and isinstance(b, int):
        return a != b
    return always_at_least(a - b, 1) or always_at_least(b - a, 1)


def counterexample(a: Dim, b: Dim) -> str | None:
    """``at H = 33, 5 and 4``: sizes at which the two differ; None where none of those tried shows it."""
    for sizes in points((a, b)):
        x, y = at(a, sizes), at(b, sizes)
        if x != y:
            return f"at {assigned(sizes)}, {x} and {y}"
    return None
