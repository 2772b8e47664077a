"""Random networks whose receptive fields are known from gradients alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from random import Random
from unittest.mock import patch

import torch
from torch.nn import functional

from specc.analyses.seen import Seen, Untold
from specc.api import Model
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse

LENGTH = 160
MOST = 1500
"""Places of a value, at most."""
MODES = ("constant", "reflect", "replicate", "circular")


def checked(steps: str, *sample: int) -> Model:
    """The network of ``steps``. Raises SpecError."""
    sizes = ", ".join(map(str, sample))
    (model,) = check_file(parse(Source("m.cnn", f"model M : [N, {sizes}] {{\n  {steps}\n}}\n")))
    return Model(model)


# ---- what gradients say -------------------------------------------------------------------------------------


def measured(network: Model, *sample: int, unwrapped: bool = False) -> tuple[int, ...]:
    """The widest span of places of the input, along each axis, that any place of the output has a gradient to.

    Args:
        unwrapped: leave out what spans more than half of the input: places whose circular padding is its other end.
    """
    return widest(touched(network, sample), sample, unwrapped=unwrapped)


def widest(touched: torch.Tensor, sample: tuple[int, ...], *, unwrapped: bool = False) -> tuple[int, ...]:
    """The same of what is `touched`."""
    widest = [0] * (len(sample) - 1)
    for seen in touched:
        if not seen.any():
            continue
        places = seen.nonzero()
        first, last = places.min(0).values.tolist(), places.max(0).values.tolist()
        spans = [b - a + 1 for a, b in zip(first, last, strict=True)]
        if not unwrapped or all(2 * span <= n for span, n in zip(spans, sample[1:], strict=True)):
            widest = [*map(max, widest, spans)]
    return tuple(widest)


def touched(network: Model, sample: tuple[int, ...]) -> torch.Tensor:
    """Of each place of the output (all its channels), the places of the input with a gradient."""
    x, (y,) = positive(network, sample)
    places = y.flatten(2).sum(1)[0] if y.dim() > 2 else y[0]
    basis = torch.eye(len(places), dtype=torch.float64)
    (gradients,) = torch.autograd.grad(places, x, basis, is_grads_batched=True)
    return above_zero(gradients[:, 0].abs().sum(1))


def above_zero(strength: torch.Tensor) -> torch.Tensor:
    """Of each row, what is no rounding beside the rest of it."""
    return strength > 1e-12 * strength.flatten(1).amax(1).clamp_min(1e-300).view(-1, *[1] * (strength.dim() - 1))


def positive(network: Model, sample: tuple[int, ...]) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """One sample, of which gradients can be asked, and the outputs for it.

    Weights and inputs are positive and pools are sums, so that nothing cancels.
    """
    generator = torch.Generator().manual_seed(5)
    module = network.to_torch(seed=2).double().eval()
    with torch.no_grad():
        for tensor in module.parameters():
            tensor.copy_(0.5 + torch.rand(tensor.shape, dtype=torch.float64, generator=generator))
    x = 1 + torch.rand(1, *sample, dtype=torch.float64, generator=generator)
    x.requires_grad_()
    with _smooth():
        y = module(x)
    return x, y if isinstance(y, tuple) else (y,)


def marked(sight: Seen) -> set[tuple[int, ...]]:
    """The places, without channels, that are seen."""
    assert not isinstance(sight, Untold)
    return {place for box in sight for place in product(*box[1:])}


@contextmanager
def _smooth() -> Iterator[None]:
    """Max pools as sums over the same windows: every element of a window counts."""

    def pooled(size: int, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def pool(x: torch.Tensor, kernel: object, *args: object, **options: object) -> torch.Tensor:
            indices = function(x, kernel, *args, return_indices=True, **options)
            out = indices[0].shape[2:]
            return _window_sums(x, out, size, kernel, **options)  # type: ignore[arg-type]

        return pool

    patches = [
        patch.object(functional, f"max_pool{n}d", pooled(n, getattr(functional, f"max_pool{n}d"))) for n in (1, 2)
    ]
    with patches[0], patches[1]:
        yield


def _window_sums(
    x: torch.Tensor,
    out: tuple[int, ...],
    axes: int,
    kernel: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
) -> torch.Tensor:
    def each(value: int | tuple[int, ...]) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * axes

    options = zip(each(kernel), each(kernel if stride is None else stride), each(padding), each(dilation), strict=True)
    for axis, (k, s, p, d) in enumerate(options, start=2):
        starts = torch.arange(out[axis - 2]) * s - p
        places = starts[:, None] + torch.arange(k) * d
        known = ((places >= 0) & (places < x.shape[axis])).double()
        read = x.index_select(axis, places.clamp(0, x.shape[axis] - 1).flatten()).unflatten(axis, places.shape)
        shape = [1] * read.dim()
        shape[axis : axis + 2] = places.shape
        x = (read * known.view(shape)).sum(axis + 1)
    return x


# ---- random networks ----------------------------------------------------------------------------------------


class Draw:
    """Steps over [N, 2, L], each of which fits.

    Args:
        modes: those of padding; none: no step pads.
        fitted: with steps that depend on the size of their input, and arms that do not keep step.
    """

    def __init__(self, seed: int, *, modes: tuple[str, ...] = (), fitted: bool = False) -> None:
        self._random = Random(seed)
        self._modes, self._fitted = modes, fitted
        self.circular = False

    def network(self, length: int = LENGTH) -> str:
        steps, size = "", length
        for _ in range(self._random.randint(2, 6)):
            step, after = self._fitting(steps, length)
            steps, size = f"{steps} -> {step}" if steps else step, after
            if size < 3:
                break
        return steps

    def _fitting(self, before: str, length: int) -> tuple[str, int]:
        while True:
            step = self._step(before, length)
            if (size := _length(f"{before} -> {step}" if before else step, length)) is not None and 0 < size <= MOST:
                self.circular |= "circular" in step
                return step, size

    def _step(self, before: str, length: int) -> str:
        kinds = ["conv", "conv", "pool", "transposed", "up", "up", "crop", "merge", "merge"]
        kinds += ["pad"] * bool(self._modes) + ["fitted", "drifting"] * self._fitted
        kinds += ["gate"] * (self._fitted and not self._modes)
        match self._random.choice(kinds):
            case "conv":
                return self._conv()
            case "pool":
                return self._pool()
            case "transposed":
                return self._transposed()
            case "up":
                return self._up()
            case "crop":
                return self._crop()
            case "pad":
                mode = self._random.choice(self._modes)
                return f'pad([{self._number(0, 4)}, {self._number(0, 4)}], mode="{mode}")'
            case "merge":
                return self._merge(before, length)
            case "fitted":
                return self._sized()
            case "gate":
                return "mul { | _ | globalavgpool }"
        return self._cut_alike([self._random.choice([self._conv(), self._up(), self._pool()]), "_"], before, length)

    def _number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def _conv(self, stride: int | None = None) -> str:
        stride = self._random.choice([1, 1, 1, 2, 3]) if stride is None else stride
        options = f"stride={stride}, dilation={self._random.choice([1, 1, 2, 3])}"
        if self._modes:
            mode = self._random.choice(self._modes).replace("constant", "zeros")
            options += f', padding={self._number(0, 3)}, padding_mode="{mode}"'
        return f"conv(2, {self._number(1, 5)}, {options})"

    def _pool(self, stride: int | None = None) -> str:
        kernel = self._number(1, 4)
        stride = self._number(1, 4) if stride is None else stride
        options = f"{kernel}, stride={stride}"
        if self._modes:
            options += f", padding={self._number(0, kernel // 2)}, ceil_mode={self._random.choice(['true', 'false'])}"
        if self._random.random() < 0.5:
            return f"avgpool({options})"
        return f"maxpool({options}, dilation={self._number(1, 2)})"

    def _transposed(self, stride: int | None = None) -> str:
        stride = self._number(1, 5) if stride is None else stride
        dilation = self._random.choice([1, 1, 2, 3])
        extra = self._number(0, max(stride, dilation) - 1)
        padding = self._number(0, 2)
        return (
            f"convtranspose(2, {self._number(1, 6)}, stride={stride}, padding={padding}, output_padding={extra}, "
            f"dilation={dilation})"
        )

    def _up(self) -> str:
        factor = self._random.choice([2, 3, 4, 5, 1.5, 2.5, 0.5, 0.6, 0.75])
        return f'upsample(scale_factor={factor}, mode="{self._random.choice(["nearest", "linear"])}")'

    def _crop(self) -> str:
        if not self._modes and self._random.random() < 0.2:
            return "slice(40, 43, dim=2)"
        return f"slice({self._number(0, 6)}, {-self._number(1, 6)}, dim=2)"

    def _sized(self) -> str:
        size = self._number(3, 90)
        return self._random.choice(
            [
                f"adaptiveavgpool({min(size, 12)})",
                f"upsample(size={size})",
                f'upsample(size={size}, mode="linear")',
                f'upsample(size={size}, mode="linear", align_corners=true)',
                'upsample(scale_factor=2, mode="linear", align_corners=true)',
            ]
        )

    def _merge(self, before: str, length: int) -> str:
        """Arms that keep step: all go down by the same stride, or up and down again."""
        stride = self._random.choice([1, 1, 2, 3])

        def arm() -> str:
            kind = self._random.random()
            if kind < 0.25 and stride == 1:
                return "_"
            if kind < 0.5:
                return self._conv(stride)
            if kind < 0.7:
                return self._pool(stride)
            factor = self._random.choice([2, 3])
            up = self._random.choice([f"upsample(scale_factor={factor})", self._transposed(factor)])
            return f"{up} -> {self._random.choice([self._conv, self._pool])(factor * stride)}"

        return self._cut_alike([arm() for _ in range(self._number(2, 3))], before, length)

    def _cut_alike(self, arms: list[str], before: str, length: int) -> str:
        """The arms, each cut to the length of the shortest at some place."""
        sizes = [_length(f"{before} -> {arm}" if before else arm, length) for arm in arms]
        known = [size for size in sizes if size is not None]
        if len(known) < len(arms):
            return "nothing"  # does not fit: another is drawn
        cut = []
        for arm, size in zip(arms, known, strict=True):
            start = self._number(0, min(size - min(known), 6))
            cut.append(f"{arm} -> slice({start}, {start + min(known)}, dim=2)" if size > min(known) else arm)
        return (
            f"{self._random.choice(['add', 'mul', 'concat'])} {{ {' '.join(f'| {arm}' for arm in cut)} }} -> conv(2, 1)"
        )


def _length(steps: str, length: int) -> int | None:
    """Places of the result; None where the steps do not fit."""
    try:
        network = checked(steps, 2, length)
    except SpecError:
        return None
    size = network.graph.outputs[0][0].type.sample[1]
    assert isinstance(size, int)
    return size


KINDS: dict[str, Callable[[int], Draw]] = {
    "plain": Draw,
    "padded": partial(Draw, modes=MODES),
    "fitted": partial(Draw, fitted=True),
    "padded and fitted": partial(Draw, modes=MODES[:1], fitted=True),
}
"""What is drawn, by seed."""
