"""Where the windows of a pool stand, whatever is made of the elements in them."""

from typing import NamedTuple

from specc.ir.conditions import always_at_least
from specc.ir.rounding import Bins
from specc.ir.size import Dim
from specc.ops.shapes import numbers, reach_of, slide_text
from specc.ops.sides import Sides


class Grid(NamedTuple):
    """One entry for each spatial axis.

    Attributes:
        sides: places of padding before and after.
        is_same: there are ceil(n/stride) windows, and the padding is what these take: TensorFlow's "same".
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    sides: Sides
    ceil_mode: bool = False
    is_same: bool = False

    @property
    def reach(self) -> tuple[int, ...]:
        """The extent of a window: d(k - 1) + 1."""
        return reach_of(self.kernel, self.dilation)

    @property
    def slack(self) -> tuple[int, ...]:
        """Padding at the end that makes a window slide as often as ``ceil_mode`` says, whatever the size is.

        With b places before and a behind, torch.nn.MaxPool2d counts ceil((n + b + a - r)/s) + 1 windows of reach r,
        less the last where it would start in the padding at the end, at n + b or behind. Windows that start before are
        ceil((n + b)/s), so the count is the smaller of the two, ceil((n + b + min(a - r + s, 0))/s), and never more
        than one is lost, since a < r. With e more places at the end, floor((n + b + a + e - r)/s) + 1 is
        ceil((n + b + a + e - r + 1)/s): equal where e = min(s - 1, r - 1 - a).
        """
        if not self.ceil_mode:
            return (0,) * len(self.kernel)
        after = numbers(self.sides.after)
        return tuple(min(s - 1, r - 1 - a) for s, r, a in zip(self.stride, self.reach, after, strict=True))

    def sizes(self, spatial: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """Number of windows along each axis, as torch.nn.MaxPool2d counts them."""
        if self.is_same:
            return tuple((n + s - 1) // s for n, s in zip(spatial, self.stride, strict=True))
        axes = zip(spatial, self.reach, self.stride, numbers(self.sides.totals), self.slack, strict=True)
        return tuple((n + p + e - r) // s + 1 for n, r, s, p, e in axes)

    def bins(self, spatial: tuple[int, ...]) -> Bins:
        """The places of each window, but for those in the padding."""
        before, out = numbers(self.sides.before), numbers(self.sizes(spatial))
        axes = zip(spatial, out, self.reach, self.stride, before, strict=True)
        return tuple(
            (axis, tuple(range(max(i * s - b, 0), min(i * s - b + r, n)) for i in range(o)))
            for axis, (n, o, r, s, b) in enumerate(axes, start=2)
        )

    def overhang(self, spatial: tuple[Dim, ...]) -> tuple[int, ...]:
        """How far the last window reaches beyond the padding (``ceil_mode`` only): at most, of a symbolic size.

        ONNX's own ceil_mode counts otherwise in some opsets and runtimes, so it is written as padding.
        """
        if not self.ceil_mode:
            return (0,) * len(self.kernel)
        ends = ((o - 1) * s + r for o, s, r in zip(self.sizes(spatial), self.stride, self.reach, strict=True))
        beyond = (end - n - p for end, n, p in zip(ends, spatial, numbers(self.sides.totals), strict=True))
        return tuple(max(0, b) if isinstance(b, int) else e for b, e in zip(beyond, self.slack, strict=True))

    def may_miss(self, spatial: tuple[Dim, ...]) -> bool:
        """Whether some window may see nothing but padding: it steps over an input shorter than the dilation."""
        if not self.sides.is_fixed:
            return any(not always_at_least(n, d) for n, d in zip(spatial, self.dilation, strict=True))
        before = numbers(self.sides.before)
        return any(
            not always_at_least(n, (i * s - b) % d + 1)
            for n, o, s, b, d in zip(spatial, self.sizes(spatial), self.stride, before, self.dilation, strict=True)
            for i in range(-(-b // s) if not isinstance(o, int) else min(o, -(-b // s)))
        )

    def text(self, spatial: tuple[Dim, ...], axis: int) -> str:
        """The formula of one axis with its numbers and result."""
        n, k, s, d = spatial[axis], self.kernel[axis], self.stride[axis], self.dilation[axis]
        count = self.sizes(spatial)[axis]
        if self.is_same:
            return f"ceil({n}/{s}) = {count}"
        before, after = numbers(self.sides.before)[axis], numbers(self.sides.after)[axis]
        formula = slide_text(n, k, s, before, after, d, ceil_mode=self.ceil_mode)
        if not self.ceil_mode:
            return f"{formula} = {count}"
        full = -(-(n + before + after - self.reach[axis]) // s) + 1
        if full == count:
            return f"{formula} = {count}"
        dropped = "and the last starts in the padding" if isinstance(n, int) else "less one that starts in the padding"
        return f"{formula} = {full}, {dropped}: {count}"

    @property
    def reads_one(self) -> bool:
        """Whether the windows are the single places of the input, one after the other."""
        return set(self.kernel + self.stride) == {1}
