"""Networks to try the check of parity on: a small one of every operator, and endless random ones of every form."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_STEPS = {
    "conv": ("[N, 4, 9, 8]", "conv(6, [3, 2], padding=[1, 0], stride=[2, 1]) -> conv(6, 3, padding=1)"),
    "conv same": ("[N, 3, 7, 6]", 'conv(4, [2, 3], padding="same") -> conv(4, 3, padding="same", dilation=2)'),
    "conv groups": ("[N, 4, 7, 6]", "conv(8, 3, padding=1, groups=2) -> conv(8, 3, groups=8) -> conv(2, 1)"),
    "conv modes": (
        "[N, 2, 7, 6]",
        'conv(3, 3, padding=1, padding_mode="reflect") -> conv(3, 3, padding=1, padding_mode="replicate") '
        '-> conv(3, 3, padding=1, padding_mode="circular")',
    ),
    "conv 1-D": ("[N, 4, 17]", "conv(6, 5, padding=2, stride=2) -> bn -> relu -> conv(6, 3, padding=2, dilation=2)"),
    "conv 3-D": ("[N, 2, 5, 6, 4]", "conv(3, 3, padding=[1, 1, 0]) -> bn -> relu -> maxpool(2)"),
    "convtranspose": (
        "[N, 3, 5, 4]",
        "convtranspose(4, 3, stride=2, padding=1, output_padding=1) -> relu -> convtranspose(4, [3, 2], groups=2)",
    ),
    "convtranspose wide": ("[N, 2, 5, 4]", "convtranspose(3, 2, stride=1, dilation=2, output_padding=1)"),
    "linear": ("[N, 5, 6]", "linear(4) -> gelu -> linear(4, bias=false)"),
    "fc": ("[N, 6]", "fc(6) -> relu -> fc(6) -> sigmoid -> fc(6, bias=false) -> fc(4) -> softmax"),
    "maxpool": ("[N, 3, 9, 8]", "maxpool(3, stride=2, padding=1, ceil_mode=true) -> maxpool([2, 1])"),
    "maxpool dilated": ("[N, 3, 9, 8]", "maxpool(2, stride=1, padding=1, dilation=2)"),
    "avgpool": ("[N, 3, 9, 8]", "avgpool(3, stride=2, padding=1) -> conv(3, 1) -> avgpool(2)"),
    "avgpool uncounted": ("[N, 3, 9, 8]", "avgpool(3, stride=2, padding=1, count_include_pad=false, ceil_mode=true)"),
    "avgpool divisor": ("[N, 3, 9, 8]", "avgpool(2, divisor_override=3) -> tanh"),
    "lppool": ("[N, 3, 9, 8]", "lppool(2, 2) -> conv(3, 1)"),
    "adaptive": ("[N, 3, 11, 9]", "adaptiveavgpool([4, 5]) -> conv(3, 1) -> adaptivemaxpool([3, 2])"),
    "adaptive even": ("[N, 3, 8, 12]", "adaptiveavgpool([4, 6]) -> conv(3, 1) -> adaptivemaxpool(2)"),
    "global": ("[N, 4, 7, 6]", "conv(4, 3) -> globalavgpool -> flatten -> fc(3)"),
    "global maximum": ("[N, 4, 7, 6]", "conv(4, 3) -> globalmaxpool -> flatten -> fc(3)"),
    "global large": ("[N, 2, 65, 64]", "globalavgpool -> flatten -> fc(3)"),
    "batchnorm": ("[N, 4, 7, 6]", "conv(4, 1) -> bn -> leakyrelu -> bn(affine=false)"),
    "instancenorm": ("[N, 4, 7, 6]", "instancenorm -> conv(4, 1) -> instancenorm(affine=true) -> relu6"),
    "groupnorm": ("[N, 4, 7, 6]", "groupnorm(2) -> elu"),
    "layernorm": ("[N, 4, 7, 6]", "layernorm -> conv(4, 1) -> layernorm([4, 7, 6])"),
    "rmsnorm": ("[N, 4, 7, 6]", "rmsnorm -> conv(4, 1) -> rmsnorm([7, 6], eps=0.001)"),
    "lrn": ("[N, 6, 5, 4]", "lrn(3) -> conv(6, 1) -> lrn(4, alpha=0.01, beta=0.5, k=2.0)"),
    "relus": ("[N, 3, 5, 4]", "relu -> conv(3, 1) -> relu6 -> conv(3, 1) -> leakyrelu(0.2) -> prelu(3) -> hardtanh"),
    "exponentials": ("[N, 3, 5, 4]", "elu -> conv(3, 1) -> selu -> conv(3, 1) -> celu(0.5)"),
    "gelu": ("[N, 3, 5, 4]", 'gelu -> conv(3, 1) -> gelu("tanh")'),
    "smooth": ("[N, 3, 5, 4]", "silu -> conv(3, 1) -> mish -> conv(3, 1) -> softsign -> conv(3, 1) -> softplus"),
    "functions": (
        "[N, 4, 5, 4]",
        "abs -> affine(1, 0.2) -> log -> exp -> sqrt -> pow(2.5) -> clamp(0.1, 3) -> pow(3) -> conv(4, 1)"
        " -> clamp(max=2) -> logsigmoid -> neg -> conv(4, 1) -> pow(-2)",
    ),
    "shrinks": (
        "[N, 4, 5, 4]",
        "softshrink(0.3) -> conv(4, 1) -> hardshrink(0.2) -> tanhshrink -> conv(4, 1) -> threshold(0.1, -0.3) -> glu(1)"
        " -> div { | minimum { | _ | neg } | exp } -> softmin",
    ),
    "constants": (
        "[N, 8, 4, 4]",
        "standardize([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 0.3) -> depthtospace(2)"
        " -> affine([1.5, -0.5], [0.1, 0.2]) -> conv(2, 1) -> spacetodepth(2) -> normalize"
        " -> scale(0.5, dim=none) -> sum(3)",
    ),
    "expanded": ("[N, 3, 4, 5]", "wide: conv(4, 1) -> globalavgpool -> expand(like=wide) -> add { | _ | wide }"),
    "cropped": ("[N, 3, 8, 9]", "wide: conv(4, 3) -> small: conv(4, 3) -> add { | _ | wide -> crop(like=small) }"),
    "attention": (
        "[N, 6, 8]",
        "layernorm -> matmul { | matmul { | linear(4) | linear(4) -> permute(0, 2, 1) } -> affine(0.5) -> softmax(-1)"
        " | linear(8) } -> fuse { | _ | linear(8) | relu }",
    ),
    "heads": ("[N, 6, L]", "permute(0, 2, 1) -> multiheadattention(2) -> permute(0, 2, 1) -> reshape(-1, 2, 3, L)"),
    "softplus": ("[N, 3, 5, 4]", "softplus(2.0, 10) -> tanh -> sigmoid"),
    "hard": ("[N, 3, 5, 4]", "hardsigmoid -> conv(3, 1) -> hardswish -> conv(3, 1) -> hardtanh(-0.5, 2)"),
    "softmax": ("[N, 4, 5, 4]", "softmax -> conv(4, 1) -> logsoftmax -> softmax(dim=2)"),
    "pad": ("[N, 3, 5, 4]", 'pad([1, 2, 0, 1]) -> conv(3, 2) -> pad(1, "reflect") -> pad([1, 0], value=0.5)'),
    "pad modes": ("[N, 3, 5, 4]", 'pad([1, 2, 0, 1], "replicate") -> conv(3, 2) -> pad([1, 2, 2, 0], "circular")'),
    "nearest": ("[N, 3, 5, 4]", "upsample(scale_factor=2) -> conv(3, 2) -> upsample(size=[7, 12])"),
    "bilinear": (
        "[N, 3, 5, 4]",
        'upsample(scale_factor=2, mode="bilinear") -> conv(3, 2) -> upsample(size=[7, 5], mode="bilinear")',
    ),
    "bilinear corners": ("[N, 3, 5, 4]", 'upsample(size=[8, 7], mode="bilinear", align_corners=true)'),
    "bicubic": (
        "[N, 3, 5, 4]",
        'upsample(scale_factor=2, mode="bicubic") -> conv(3, 2) -> upsample(size=[7, 5], mode="bicubic")',
    ),
    "linear upsampling": ("[N, 3, 7]", 'upsample(scale_factor=2, mode="linear") -> conv(3, 2)'),
    "pixelshuffle": ("[N, 8, 5, 4]", "pixelshuffle(2) -> conv(8, 1) -> channelshuffle(4)"),
    "pixelunshuffle": ("[N, 2, 6, 4]", "conv(3, 1) -> pixelunshuffle(2) -> channelshuffle(3)"),
    "places": ("[N, 4, 5, 6]", "slice(1, 3) -> slice(1, 5, dim=3) -> permute(0, 1, 3, 2) -> reshape(-1, 4, 10)"),
    "reduce": ("[N, 4, 5, 6]", "conv(4, 1) -> mean([2, 3], keepdim=true) -> conv(3, 1) -> amax(1)"),
    "mean of equal axes": ("[N, 4, 5, 5]", "conv(4, 1) -> mean(3) -> amax(2, keepdim=true)"),
    "scales": ("[N, 3, 5, 4]", "affine(0.17, 0.5) -> scale(0.5) -> dropout -> identity -> alphadropout"),
    "merges": (
        "[N, 4, 6, 5]",
        "add { | _ | conv(4, 3, padding=1) } -> sub { | conv(4, 1) | _ } -> maximum { | _ | conv(4, 1) -> relu } "
        "-> mul { | _ | globalavgpool -> conv(4, 1) -> sigmoid } -> stochasticdepth(0.1)",
    ),
    "concat": ("[N, 4, 6, 6]", "concat { | _ | conv(4, 3, padding=1) -> relu } -> concat(dim=2) { | _ | tanh }"),
    "three arms": ("[N, 4, 6, 5]", "add { | _ | conv(4, 1) | conv(4, 3, padding=1) -> relu } -> flatten -> fc(3)"),
    "sizes": (
        "[N, 4, H, W]",
        "conv(4, 3, padding=1, stride=2) -> groupnorm(2) -> lrn(3) -> maxpool(2, stride=2, ceil_mode=true) "
        "-> globalavgpool -> flatten -> fc(3)",
    ),
    "even sizes": (
        "[N, 4, H, W] -> [N, 4, H, W] where H % 4 == 0, W % 2 == 0",
        "pixelunshuffle(2) -> channelshuffle(2) -> conv(4, 1) -> upsample(scale_factor=2) -> instancenorm",
    ),
    "bytes": ("uint8 [N, 3, 6, 5]", "affine(0.004) -> standardize([0.4, 0.5, 0.6], 0.3) -> conv(4, 3) -> relu"),
    "fixed batch": ("[2, 3, 6, 5]", "conv(4, 3) -> bn -> relu -> flatten -> fc(4)"),
}

SMALL: dict[str, str] = {
    **{name: f"model M : {contract} {{\n  {steps}\n}}\n" for name, (contract, steps) in _STEPS.items()},
    "two inputs": """
model M : (a: [N, 2, 6, 5], b: [N, 2, 6, 5]) -> (near: [N, 2], far: [N, 2]) {
  shared tower = conv(4, 3) -> bn -> relu
  one: { a -> tower } -> two: { b -> tower }
  sub { | one | two } -> globalavgpool -> flatten -> near: fc(2)
  concat { | one | two } -> globalavgpool -> flatten -> far: fc(2) -> tanh
}
""",
    "blocks": """
block unit(c, stride = 1) {
  add {
    | conv1: conv(c, 3, stride=stride, padding=1, bias=false) -> bn1: bn -> relu
      conv2: conv(c, 3, padding=1, bias=false) -> bn2: bn
    | if stride != 1 or in.channels != c { down: { conv(c, 1, stride=stride, bias=false) -> bn } }
  }
  relu
}
block plain(c, stride = 1) { conv(c, 3, stride=stride, padding=1) -> relu6 }
model M : [N, 2, 9, 8] -> [N, 3] {
  unit(4) -> unit(4) -> unit(6, 2) -> plain(6) -> plain(6) -> globalavgpool -> flatten -> fc(3)
}
""",
    "skips": """
block double(c) { repeat 2 { conv(c, 3, padding=1, bias=false) -> bn -> relu } }
block up(c, skip) { concat { | skip | convtranspose(c, 2, stride=2) } -> double(c) }
model M : [N, 1, H, W] -> [N, 2, H, W] where H % 4 == 0, W % 4 == 0 {
  e1: double(2) -> maxpool(2) -> e2: double(4) -> maxpool(2) -> double(8)
  up(4, e2) -> up(2, e1) -> conv(2, 1)
}
""",
}
"""Specs by name. Every operator is in one of them, and so is every mutation."""

_POINTWISE = (
    "relu", "relu", "relu6", "leakyrelu(0.2)", "prelu", "elu", "selu", "celu(0.5)", "gelu", 'gelu("tanh")', "silu",
    "mish", "sigmoid", "tanh", "softplus", "softplus(2.0)", "softsign", "hardsigmoid", "hardswish", "hardtanh",
    "dropout", "scale(0.5)", "affine(0.5, 0.1)", "softmax", "logsoftmax", "softmin", "logsigmoid", "abs", "neg",
    "pow(2)", "clamp(-1, 2)", "softshrink", "hardshrink", "tanhshrink", "threshold(0, 0.1)",
)  # fmt: skip
_NORM = ("bn", "bn", "bn", "bn(eps=0.001)", "instancenorm", "groupnorm(2)", "layernorm", "rmsnorm", "lrn(3)")
_SAME = (
    "conv(_.channels, 3, padding=1)", "conv(_.channels, 1)", "conv(_.channels, 3, padding=1, groups=2)",
    "conv(_.channels, 3, padding=1, groups=_.channels)", 'conv(_.channels, 3, padding="same", dilation=2)',
    'conv(_.channels, 3, padding=1, padding_mode="reflect")', "maxpool(3, stride=1, padding=1)",
    "avgpool(3, stride=1, padding=1)", "avgpool(3, stride=1, padding=1, count_include_pad=false)",
)  # fmt: skip
_CHANGING = (
    "conv({c}, 3)", "conv({c}, 3, padding=1, stride=2)", "conv({c}, 1)", "convtranspose({c}, 2, stride=2)",
    "convtranspose({c}, 3, stride=2, padding=1)", "maxpool(2)", "maxpool(3, stride=2, padding=1, ceil_mode=true)",
    "avgpool(2)", "lppool(2, 2)", "pad(1)", "upsample(scale_factor=2)", "adaptiveavgpool(5)", "adaptivemaxpool(4)",
    'upsample(scale_factor=2, mode="bilinear")', 'upsample(scale_factor=1.5, mode="bicubic")', "channelshuffle(2)",
    "pixelunshuffle(2)", "pixelshuffle(2)", "permute(0, 1, 3, 2)", "linear(5)", "mean(2, keepdim=true)", "slice(1, 3)",
)  # fmt: skip
_ENDS = ("globalavgpool -> flatten", "globalmaxpool -> flatten", "flatten", "adaptiveavgpool(2) -> flatten")
_BLOCK = """
block unit(c, stride = 1) {{
  add {{
    | conv1: conv(c, 3, stride=stride, padding=1, bias=false) -> bn1: bn -> {act}
      conv2: conv(c, 3, padding=1) -> {norm}
    | if stride != 1 or in.channels != c {{ down: {{ conv(c, 1, stride=stride) -> bn }} }}
  }}
  {act}
}}
"""


class _Writer:
    """One random spec. Not all that it writes fits together."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._labels = 0

    def spec(self) -> str:
        return self._draw.choice((self._trunk, self._trunk, self._branched, self._siamese, self._hourglass))()

    def _input(self) -> str:
        size = self._draw.choice(("8, 8", "13, 9", "12, 16", "H, W", "H, W", "21", "L", "6, 5, 7"))
        return f"[N, {self._one((2, 4, 6))}, {size}]"

    def _where(self, shape: str) -> str:
        """Room for windows and norms, where sizes are symbolic."""
        symbols = [name for name in "HWL" if f" {name}" in shape]
        return " where " + ", ".join(f"{name} >= 12" for name in symbols) if symbols else ""

    def _trunk(self) -> str:
        end = f" -> {self._draw.choice(_ENDS)} -> fc(5)" if self._draw.random() < 0.6 else ""
        shape = self._input()
        return f"{self._block()}model M : {shape}{self._where(shape)} {{\n  {self._chain(2, 6)}{end}\n}}\n"

    def _branched(self) -> str:
        """A second output from the middle."""
        shape = self._input()
        outputs = "(score: [N, 5], early: [N, 3])"
        return (
            f"{self._block()}model M : {shape} -> {outputs}{self._where(shape)} {{\n  {self._chain(1, 3)}\n"
            f"  middle: {self._one(_POINTWISE)}\n  globalavgpool -> flatten -> early: fc(3)\n"
            f"  middle -> {self._chain(1, 3)} -> globalavgpool -> flatten -> score: fc(5)\n}}\n"
        )

    def _siamese(self) -> str:
        """Two inputs through shared steps."""
        shape, merge = self._input(), self._one(("add", "sub", "maximum", "concat", "mul"))
        return (
            f"model M : (left: {shape}, right: {shape}) -> (score: [N, 4]){self._where(shape)} {{\n"
            f"  shared tower = conv(4, 3, padding=1) -> {self._one(_NORM)} -> {self._one(_POINTWISE)}\n"
            f"  {merge} {{ | left -> tower -> {self._one(_SAME)} | right -> tower }}\n"
            f"  {self._chain(1, 2, block=False)} -> globalavgpool -> flatten -> score: fc(4)\n}}\n"
        )

    def _hourglass(self) -> str:
        """Down and up again, joined by skips."""
        c = self._one((2, 4))
        size = self._one(("8, 12", "H, W", "16"))
        where = " where H % 4 == 0, W % 4 == 0" if size == "H, W" else ""
        up = self._one((f"convtranspose({c}, 2, stride=2)", "upsample(scale_factor=2)"))
        return (
            f"model M : [N, 2, {size}]{where} {{\n"
            f"  conv({c}, 3, padding=1) -> fine: {self._one(_POINTWISE)}\n"
            f"  maxpool(2) -> {self._one(_SAME)} -> coarse: {self._one(_POINTWISE)}\n"
            f"  maxpool(2) -> {self._section(block=False)} -> {up} -> concat {{ | coarse | _ }}\n"
            f"  {self._one(_SAME)} -> {up} -> concat {{ | fine | _ }} -> conv(2, 1)\n}}\n"
        )

    def _block(self) -> str:
        return _BLOCK.format(act=self._one(_POINTWISE), norm=self._one(_NORM))

    def _chain(self, least: int, most: int, *, block: bool = True) -> str:
        return "\n  ".join(self._section(block=block) for _ in range(self._draw.randint(least, most)))

    def _section(self, *, block: bool) -> str:
        forms: list[Callable[[], str]] = [self._unit, self._unit, self._changed, self._skip, self._arms, self._gate]
        if block:
            forms += [self._call, self._repeat]
        return self._draw.choice(forms)()

    def _unit(self) -> str:
        return f"{self._one(_SAME)} -> {self._one(_NORM)} -> {self._one(_POINTWISE)}"

    def _changed(self) -> str:
        return self._one(_CHANGING).format(c=self._one((4, 6, 8)))

    def _skip(self) -> str:
        merge = self._one(("add", "add", "add", "sub", "maximum"))
        return f"{merge} {{ | _ | {self._unit()} -> {self._one(_SAME)} }}"

    def _arms(self) -> str:
        return f"concat {{ | conv(4, 1) -> relu | {self._one(_SAME)} | conv(2, 3, padding=1) -> {self._one(_NORM)} }}"

    def _gate(self) -> str:
        return f"mul {{ | _ | globalavgpool -> conv(_.channels, 1) -> {self._one(('sigmoid', 'hardsigmoid'))} }}"

    def _call(self) -> str:
        return f"unit({self._one((4, 6))}, {self._one((1, 1, 2))})"

    def _repeat(self) -> str:
        return f"repeat 2 {{ unit({self._one((4, 6))}) }}"

    def _one(self, choices: tuple[object, ...]) -> str:
        return str(self._draw.choice(choices))


def random_specs(seed: int) -> Iterator[str]:
    """Endless random specs: chains, skips, branches, blocks, shared steps, hourglasses; one to two inputs and outputs;
    one to three spatial axes, of fixed or symbolic size. Two of three fit together.
    """
    draw = random.Random(seed)
    while True:
        yield _Writer(draw).spec()
