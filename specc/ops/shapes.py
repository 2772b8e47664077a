"""Shape rules and refusals that several operators share."""

from fractions import Fraction
from math import gcd

from specc.ir.op import Op, Refusal
from specc.ir.types import TensorType, times
from specc.ir.window import Sliding, Whole

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


def per_axis(value: int | tuple[int, ...], axes: int, op: Op, argument: str) -> tuple[int, ...]:
    """One entry for each spatial axis; refuses a list of another length."""
    if isinstance(value, int):
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


def slide(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Positions of a window: floor((n + p - d(k - 1) - 1)/s) + 1, p the padding of both ends together.

    The formula of torch.nn.Conv2d and MaxPool2d.
    """
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def slide_text(size: int, kernel: int, stride: int, padding: str, dilation: int) -> str:
    """The formula of `slide` with its numbers, without the result. ``padding`` is written out: ``2*1``."""
    span = f"{kernel}" if dilation == 1 else f"({dilation}*({kernel} - 1) + 1)"
    return f"({size} + {padding} - {span})/{stride} + 1"


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
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    shown = times(kernel) if len(set(kernel)) > 1 else str(kernel[0])
    spread = f" (dilated to {times(reach)})" if reach != kernel else ""
    return Refusal(
        "S0104",
        f"kernel {shown}{spread} is larger than its input of {times(x.spatial)}",
        argument="kernel",
        label=f"needs at least {times(reach)}",
        cause=0,
        notes=(arithmetic,),
        helps=tuple(h for c in changes if (h := tried(op, c, x))),
    )


def tried(op: Op, update: dict[str, object], *inputs: TensorType) -> str | None:
    """``padding=2 keeps 2 x 2``, if the operator takes its inputs with that change; else None."""
    try:
        result = op.model_copy(update=update).infer(*inputs)
    except Refusal:
        return None
    written = ", ".join(f"{name}={_written(value)}" for name, value in update.items())
    verb = "keeps" if result.spatial == inputs[0].spatial else "gives"
    return f"{written} {verb} {times(result.spatial)}"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def require_divides(op: Op, argument: str, divisor: int, number: int, what: str, *others: int) -> None:
    """Refuses where ``divisor`` (the value of ``argument``) does not divide ``number`` of ``what``.

    ``others``: what it must divide too, so that only values that fit everywhere are suggested.
    """
    if number % divisor == 0:
        return
    common = gcd(number, *others)
    near = [d for d in range(1, min(common, 4096) + 1) if common % d == 0]
    fits = sorted(sorted(near, key=lambda d: abs(d - divisor))[:3])
    numbers = " and ".join(map(str, dict.fromkeys((number, *others))))
    raise Refusal(
        "S0103",
        f"{argument} = {divisor} does not divide the {number} {what} of {op.kind}",
        argument=argument,
        label=f"{number} = {number // divisor}*{divisor} + {number % divisor}",
        helps=(f"{argument} that divide {numbers}: {', '.join(map(str, fits))}",),
    )


def sliding(kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Sliding:
    return Sliding(kernel, tuple(map(Fraction, stride)), dilation)


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


def across(x: TensorType, axes: tuple[int, ...]) -> Whole:
    """The window of an operator whose every element depends on all of the given axes (without the batch).

    Flat features may be places that were flattened, so mixing them sees everything.
    """
    return Whole() if len(x.sample) == 1 else Whole(axes)


def per_channel(x: TensorType, channels: int) -> tuple[int, ...]:
    """The shape in which one number a channel is laid along the channel axis of ``x``: (C, 1, 1 …)."""
    return (channels, *(1 for _ in x.spatial))
