"""The traits that an operator claims, tried in PyTorch; and those it does not claim, which must fail somewhere.

A claim must hold at every example. What is not claimed must fail at one at least of the examples that are alike in
their flags and modes, or stand in `CHOICES`: so a trait that a new operator has and does not claim is found.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from math import inf, prod
from typing import Literal, get_args, get_origin

import torch
from torch import nn

from specc.ir.op import Op
from specc.ir.traits import ANY, NON_NEGATIVE, NON_POSITIVE, Norm, Pointwise, Range
from specc.ir.types import TensorType
from specc.ops.shapes import numbers

Tensors = tuple[torch.Tensor, ...]

BATCH = 8
MOST_ENTRIES = 1_000
"""Of a matrix that is tried."""
ENOUGH = 3
"""So many examples, at least, before it is said that a trait might be claimed."""

RANGES = (ANY, NON_NEGATIVE, NON_POSITIVE, Range(0, 1), Range(-1, 2), Range(0, 6), Range(-1, 0), Range(0.1, 0.7))
SPECIAL = (0.0, -0.0, 1.0, -1.0, 6.0, 0.1, -0.5, 3.0, -3.0, 1e-30, -1e-30, 1e15, -1e15)
"""In float64 and in float32, where their squares are numbers too."""

CHOICES = {
    ("identity", "upsample"): "a size says what comes out whatever comes in; the cubic mode makes NaN of infinities",
    ("identity", "adaptiveavgpool"): "a size says what comes out whatever comes in",
    ("identity", "adaptivemaxpool"): "a size says what comes out whatever comes in",
    ("identity", "lrn"): "alpha = 0 makes NaN where a square overflows",
    ("keeps_order", "pixelunshuffle"): "places that are one block keep their order, and few others are drawn",
    ("centres", "softmax"): "it takes no mean away, though a number added to all that it compares changes nothing",
    ("centres", "logsoftmax"): "it takes no mean away, though a number added to all that it compares changes nothing",
    ("least of bounds", "lrn"): "a negative alpha or k: nearly all that is no NaN is 0 or more",
    ("least of bounds", "div"): "of two zeros below a number either may be the one below 0, which turns the sign",
    ("most of bounds", "div"): "of two zeros below a number either may be the one below 0, which turns the sign",
    ("least of bounds", "pow"): "1/-0.0 is below 0 where nothing else is",
    ("least of bounds", "tanhshrink"): "a tanh that is rounded up is above a small x",
    ("most of bounds", "tanhshrink"): "a tanh that is rounded up is above a small x",
    ("matrix", "dropout"): "in training it is another one at every draw",
    ("matrix", "alphadropout"): "in training it is another one at every draw",
    ("matrix", "stochasticdepth"): "in training it is another one at every draw",
    ("matrix", "fuse"): "of one value alone its factor is nearly 1, whatever its weight is",
    ("zeroed", "alphadropout"): "what it drops is not 0, and mean and variance stay as they are",
    ("bias_axis", "batchnorm"): "affine=false omits the weight as well",
    ("bias_axis", "instancenorm"): "affine=false omits the weight as well",
    ("bias_axis", "groupnorm"): "affine=false omits the weight as well",
    ("bias_axis", "layernorm"): "over several axes it lies along all of them",
}
"""Traits that are not claimed though they hold, at some examples or at all of them, and why."""


class Tried:
    """One operator's traits at all its examples.

    Attributes:
        open: by trait and what the examples have in common, of those that do not claim it, whether one shows why.
    """

    def __init__(self, operator: type[Op]) -> None:
        self.kind = operator.kind
        self.open: dict[tuple[object, ...], list[bool]] = defaultdict(list)
        self._modes = [
            name
            for name, field in operator.model_fields.items()
            if any(part is bool or get_origin(part) is Literal for part in _parts(field.annotation))
        ]

    def example(self, op: Op, module: nn.Module, types: tuple[TensorType, ...], seed: int) -> None:
        torch.default_generator.manual_seed(seed)
        self.op, self.types, self.seed = op, types, seed
        self.module = copied(module).double()
        for tensor in self.module.parameters():
            nn.init.normal_(tensor)
        for name, tensor in self.module.named_buffers():
            if tensor.is_floating_point():
                nn.init.uniform_(tensor, 0.5 if "var" in name else -2, 2)
        self.group = tuple(getattr(op, name) for name in self._modes)
        self.is_pointwise = isinstance(op.window(*types), Pointwise)
        inputs = self.draw(ANY)
        self.modes = (True, False)
        runs = [*self.runs(inputs)]
        self.trains = len(runs) == 2
        if self.trains and torch.allclose(*runs, rtol=0, atol=0, equal_nan=True):
            self.modes = (True,)  # most operators are the same after training: it is shown once, not in every run
        self.elements(inputs)
        self.bounds()
        self.norm(inputs)
        self.tensors(inputs)
        self.matrix()

    def finish(self) -> None:
        for (trait, *where), shown in self.open.items():
            if len(shown) >= ENOUGH and not any(shown) and (trait, self.kind) not in CHOICES:
                raise AssertionError(f"{self.kind} might claim {trait} {where}: {len(shown)} examples are so")

    # ---- running ----------------------------------------------------------------------------------------

    def draw(self, *ranges: Range, special: bool = True) -> Tensors:
        """Inputs in these ranges, the last one for all that follow."""
        made = []
        for index, x in enumerate(self.types):
            least, most = ranges[min(index, len(ranges) - 1)]
            value = 3 * torch.randn(BATCH, *numbers(x.sample), dtype=torch.float64)
            if special:
                chosen = torch.tensor([*SPECIAL, least, most], dtype=torch.float64)
                chosen = chosen[chosen.isfinite()][torch.randint(int(chosen.isfinite().sum()), value.shape)]
                value = torch.where(torch.rand(value.shape) < 0.3, chosen, value)
            if least >= 0:
                value = value.abs()
            if most <= 0:
                value = -value.abs()
            made.append(value.clamp(least, most))
        return tuple(made)

    def runs(self, inputs: Tensors, module: nn.Module | None = None) -> Iterator[torch.Tensor]:
        """The results in training, where PyTorch trains it, and after it; each of the module as it was."""
        for training in self.modes:
            torch.default_generator.manual_seed(self.seed)
            try:
                yield (module or self.unchanged()).train(training)(*inputs).detach()
            except ValueError as error:
                if "when training" not in str(error):
                    raise

    def unchanged(self) -> nn.Module:
        """To be run: that changes buffers and nothing else."""
        return copied(self.module) if [*self.module.buffers()] else self.module

    def trained(self, inputs: Tensors) -> torch.Tensor:
        return next(self.runs(inputs))

    def judge(self, trait: str, claimed: bool, holds: Callable[[], bool], *where: object) -> None:
        if claimed:
            assert holds(), f"{self.op} of {self.types} claims {trait} {where}"
        elif self.op.identity(*self.types) is None:  # which shows nothing of the others
            self.open[trait, self.group, *where].append(not holds())

    # ---- the traits -------------------------------------------------------------------------------------

    def elements(self, inputs: Tensors) -> None:
        op, types = self.op, self.types
        result, opposite = [*self.runs(inputs)], [*self.runs(tuple(-x for x in inputs))]

        def is_identity() -> bool:
            given = [(y, inputs[0]) for y in result] + [(y, -inputs[0]) for y in opposite]
            return all(torch.equal(y, x) for y, x in given)

        def keeps_order() -> bool:
            return all(torch.equal(y.flatten(1), inputs[0].flatten(1)) for y in result)

        def selects() -> bool:
            plain = self.draw(ANY, special=False)
            there = torch.cat([x.flatten() for x in plain])
            return all(bool(torch.isin(y, there).all()) for y in self.runs(plain))

        def homogeneous() -> bool:
            plain = self.draw(ANY, special=False)
            pairs = zip(self.runs(plain), self.runs(tuple(2.5 * x for x in plain)), strict=True)
            return all(torch.allclose(2.5 * y, z, rtol=1e-9, equal_nan=True) for y, z in pairs)

        def is_straight() -> bool:
            a, b = self.draw(ANY, special=False), self.draw(ANY, special=False)
            middle = tuple((x + y) / 2 for x, y in zip(a, b, strict=True))
            run = [*map(list, map(self.runs, (a, b, middle)))]
            return all(torch.allclose((x + y) / 2, z) for x, y, z in zip(*run, strict=True))

        certain = all(size >= 2 for x in types for size in numbers(x.sample))  # an axis of 1 is in order in any order
        if op.identity(*types) or (op.passes and len(types) == 1):
            assert op.identity(*types), f"{op} passes what it takes"
            assert is_identity(), f"{op} of {types} claims: {op.identity(*types)}"
        elif certain and len(types) == 1:
            assert not is_identity() or ("identity", self.kind) in CHOICES, f"{op} of {types} is the identity"
        self.judge("keeps_order", op.keeps_order, keeps_order)
        self.judge("selects", op.selects(*types), selects)
        if not op.parameters(*types) and not op.activation:
            self.judge("homogeneous", op.homogeneous(*types), homogeneous)
        if (scaling := op.scaling(*types)) is not None:
            (plain,) = self.draw(ANY, special=False)
            column = [1] * (0 if scaling.axis is None else len(types[0].sample) - 1 - scaling.axis)
            mean, std = (torch.tensor(n, dtype=torch.float64).reshape(-1, *column) for n in (scaling.mean, scaling.std))
            for y in self.runs((plain,)):
                torch.testing.assert_close(y, (plain - mean) / std)
        if op.activation:
            assert op.infer(*types) == types[0]
        elif self.is_pointwise and len(types) == 1 and not op.parameters(*types):
            assert is_straight(), f"{op} is an activation"

    def bounds(self) -> None:
        """Claims in float64 and float32; of signs that are not claimed, one example."""
        others = RANGES[self.seed % len(RANGES)], RANGES[self.seed // 8 % len(RANGES)]
        modules = {number: copied(self.module).to(number) for number in (torch.float64, torch.float32)}
        for taken in ((ANY,), (NON_NEGATIVE,), (NON_POSITIVE,), others):
            ranges = tuple(taken[min(index, len(taken) - 1)] for index in range(len(self.types)))
            least, most = self.op.bounds(ranges, *self.types)
            inputs = self.draw(*ranges)
            below = above = some = False
            for number, module in modules.items():
                ends = torch.tensor([least, most], dtype=number)
                for y in self.runs(tuple(x.to(number) for x in inputs), module):
                    known = y[~y.isnan()]
                    inside = bool((known >= ends[0]).all()) and bool((known <= ends[1]).all())
                    assert inside, f"{self.op} of {ranges} claims {least} to {most}: {y}"
                    below, above = below or bool((known < 0).any()), above or bool((known > 0).any())
                    some = some or len(known) > 0
            if some and all(end in (-inf, 0, inf) for range_ in ranges for end in range_):
                if least < 0:
                    self.open["least of bounds", self.group, ranges].append(below)
                if most > 0:
                    self.open["most of bounds", self.group, ranges].append(above)
        if not self.is_pointwise or len(self.types) > 1:
            assert self.op.fixed_points() is None or self.op.identity(*self.types)
            return
        claimed = self.op.fixed_points()
        for range_ in (NON_NEGATIVE, NON_POSITIVE) if claimed is None else (claimed,):
            (x,) = self.draw(range_)

            def is_fixed(x: torch.Tensor = x) -> bool:
                single = copied(self.module).float()
                runs = [(y, x) for y in self.runs((x,))] + [(y, x.float()) for y in self.runs((x.float(),), single)]
                return all(torch.equal(y, x) for y, x in runs)

            if claimed is not None or not (self.op.identity(*self.types) or self.op.zeroed()):
                self.judge("fixed_points", claimed is not None, is_fixed, range_)

    def matrix(self) -> None:
        """The claimed one times a sample, and the bias, is what PyTorch gives; without one, sums do not stay sums."""
        op, types = self.op, self.types
        if len(types) - op.measured != 1 or op.activation:
            return
        if max(op.macs(*types), *(prod(numbers(x.sample)) for x in (types[0], op.infer(*types)))) > MOST_ENTRIES:
            return
        claimed = op.matrix(*types)
        if claimed is None and any(self.open["matrix", self.group]):
            return  # it has been shown that its kind is not linear
        plain, others = self.draw(ANY, special=False), self.draw(ANY, special=False)
        if claimed is None:
            sums = tuple(x + y for x, y in zip(plain, others, strict=True))
            runs = zip(self.runs(plain), self.runs(others), self.runs(sums), strict=True)
            added = all(torch.allclose(x + y, z) for x, y, z in runs)
            self.judge("matrix", claimed=False, holds=lambda: added)
            return
        entries = [*islice(claimed, MOST_ENTRIES + 1)]
        if len(entries) > MOST_ENTRIES:
            return
        rows, columns = (torch.tensor([entry[i] for entry in entries], dtype=torch.int64) for i in range(2))
        weight = next((tensor.detach().flatten() for tensor in self.module.parameters()), torch.ones(1))
        factors = torch.tensor([entry.factor for entry in entries], dtype=torch.float64)
        taken = torch.tensor([0 if entry.weight is None else entry.weight for entry in entries], dtype=torch.int64)
        assert {entry.weight is None for entry in entries} <= {not op.parameters(*types)}
        products = plain[0].flatten(1)[:, columns] * (factors * weight[taken] if op.parameters(*types) else factors)
        made = torch.zeros(BATCH, prod(numbers(op.infer(*types).sample)), dtype=torch.float64)
        made = made.index_add(1, rows, products).reshape(BATCH, *numbers(op.infer(*types).sample))
        axis = op.bias_axis(*types)
        if axis is not None:
            bias = dict(self.module.named_parameters())["bias"].detach()
            made = made + bias.reshape(-1, *(1 for _ in types[0].sample[axis + 1 :]))
        for result in self.runs(plain):
            torch.testing.assert_close(made, result, msg=f"{op} of {types}")

    def norm(self, inputs: Tensors) -> None:
        """In training. What of the statistics is not claimed must not be seen at all, but for means of channels."""
        claimed = self.op.norm(*self.types) or Norm()
        plain = self.draw(ANY, special=False)
        if not self.trains:
            return  # one value a channel, which PyTorch does not train
        if len(self.types) == 1 and self.types[0].sample:
            shift = torch.randn(self.types[0].channels, *(1 for _ in self.types[0].spatial), dtype=torch.float64)

            def centres() -> bool:
                return torch.allclose(self.trained((plain[0] + shift,)), self.trained(plain), rtol=1e-6, atol=1e-6)

            self.judge("centres", claimed.centres, centres)
        others = tuple(torch.cat([x[:1], x[1:] + 1]) for x in plain)
        pair = self.trained(plain)[:1], self.trained(others)[:1]
        mixes = not torch.allclose(*pair, rtol=0, atol=0, equal_nan=True)
        assert mixes == claimed.over_batch, f"{self.op}: over_batch"
        module = copied(self.module)
        before = {name: tensor.clone() for name, tensor in module.named_buffers()}
        next(self.runs(plain, module))
        records = any(not torch.equal(tensor, before[name]) for name, tensor in module.named_buffers())
        assert records == claimed.running, f"{self.op}: running"

    def tensors(self, inputs: Tensors) -> None:
        op, types = self.op, self.types
        axis, named = op.bias_axis(*types), dict(self.module.named_parameters())
        if axis is not None:
            size = numbers(op.infer(*types).sample)[axis]
            more, plain = torch.randn(size, dtype=torch.float64), self.draw(ANY, special=False)
            shifted = copied(self.module)
            with torch.no_grad():
                dict(shifted.named_parameters())["bias"].add_(more)
            along = more.reshape(size, *(1 for _ in op.infer(*types).sample[axis + 1 :]))
            for y, z in zip(self.runs(plain), self.runs(plain, shifted), strict=True):
                torch.testing.assert_close(z, y + along)
        else:
            assert "bias" not in named or ("bias_axis", self.kind) in CHOICES, f"{op} has a bias"
        conv = op.convolution(*types)
        assert (conv is not None) == hasattr(self.module, "kernel_size"), f"{op}: convolution"
        if conv is not None:
            theirs = self.module
            assert (conv.kernel, conv.stride) == (theirs.kernel_size, theirs.stride)
            padded = (
                theirs.padding == "same" and prod(conv.kernel) > 1
                if isinstance(theirs.padding, str)
                else any(theirs.padding) or hasattr(theirs, "call")
            )
            assert (conv.transposed, conv.padded) == (theirs.transposed, padded)
        self.zeroed()

    def zeroed(self) -> None:
        """Of ones, each is dropped or made 1/(1 - p), as often as it should be."""
        ones = tuple(torch.ones(100, *numbers(x.sample), dtype=torch.float64) for x in self.types)
        torch.default_generator.manual_seed(self.seed)
        try:
            y, z = (self.module.train()(*ones).detach() for _ in range(2))
        except ValueError:
            return
        p = self.op.zeroed()
        if not p:
            assert torch.allclose(y, z, equal_nan=True) or ("zeroed", self.kind) in CHOICES, (
                f"{self.op} is random in training"
            )
            return
        left = torch.tensor(1 / (1 - p) if p < 1 else 0.0, dtype=torch.float64)
        assert bool(((y == 0) | torch.isclose(y, left)).all())
        assert abs(float((y == 0).double().mean()) - p) < 0.25  # 100 samples, which may be dropped whole: five sigma


def copied(module: nn.Module) -> nn.Module:
    """Its own parameters and buffers; what a step calls is shared."""
    call = getattr(module, "call", None)
    return copy.deepcopy(module, {id(call): call})


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)
