"""Every command on networks of any size: what cannot be told without numbers is said, and nothing breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from specc import Model, ops
from specc.elaborate import check_file
from specc.ir.graph import Node, Region
from specc.report.costs import explain
from specc.source import Source
from specc.syntax import parse
from tests.cli.conftest import Specc
from tests.elaborate.random_specs import Spec, specs

NEAR_AN_OUTPUT = {
    "abs": ["abs"],
    "adaptiveavgpool": ["adaptiveavgpool(1)", "adaptiveavgpool([none, 1])"],
    "adaptivemaxpool": ["adaptivemaxpool(1)", "adaptivemaxpool([none, 1])"],
    "add": ["add { | _ | relu }"],
    "affine": ["affine(2)"],
    "alphadropout": ["alphadropout(0.5)"],
    "amax": ["amax(dim=1)", "amax(dim=[2, 3], keepdim=true)"],
    "avgpool": [
        "avgpool(2)",
        "avgpool(3, padding=1, stride=2)",
        'avgpool(3, stride=2, padding="same_upper", count_include_pad=false)',
    ],
    "batchnorm": ["bn"],
    "celu": ["celu"],
    "channelshuffle": ["channelshuffle(2)"],
    "clamp": ["clamp(max=2)"],
    "concat": ["concat { | _ | relu }", "concat(dim=2) { | _ | relu }"],
    "conv": ["conv(2, 3, padding=1)", 'conv(2, 3, padding="same")', 'conv(2, 3, stride=2, padding="same_upper")'],
    "convtranspose": ["convtranspose(2, 2, stride=2)", "convtranspose(2, 3, stride=2, padding=[[0, 1], [1, 0]])"],
    "crop": ["small: conv(4, 3) -> add { | _ | in -> crop(like=small) }"],
    "depthtospace": ["depthtospace(2)"],
    "div": ["div { | _ | globalavgpool }"],
    "dropout": ["dropout(0.5)"],
    "elu": ["elu"],
    "exp": ["exp"],
    "expand": ["wide: relu -> globalavgpool -> expand(like=wide)"],
    "fc": ["globalavgpool -> flatten -> fc(2)"],
    "flatten": ["flatten", "flatten(2)"],
    "fuse": ["fuse { | _ | relu }"],
    "gelu": ["gelu"],
    "globalavgpool": ["globalavgpool"],
    "globalmaxpool": ["globalmaxpool"],
    "glu": ["glu(1)"],
    "groupnorm": ["groupnorm(2)"],
    "hardshrink": ["hardshrink"],
    "hardsigmoid": ["hardsigmoid"],
    "hardswish": ["hardswish"],
    "hardtanh": ["hardtanh"],
    "identity": ["identity"],
    "instancenorm": ["instancenorm", "instancenorm(track_running_stats=true)"],
    "layernorm": ["permute(0, 2, 3, 1) -> layernorm"],
    "leakyrelu": ["leakyrelu"],
    "linear": ["permute(0, 2, 3, 1) -> linear(2)"],
    "log": ["log"],
    "logsigmoid": ["logsigmoid"],
    "logsoftmax": ["logsoftmax"],
    "lppool": ["lppool(2, 2)"],
    "lrn": ["lrn(3)"],
    "matmul": ["matmul { | _ | permute(0, 1, 3, 2) }"],
    "maximum": ["maximum { | _ | relu }"],
    "maxpool": ["maxpool(2)", "maxpool(3, stride=2, padding=1, ceil_mode=true)"],
    "mean": ["mean(dim=[2, 3])", "mean(dim=2)"],
    "minimum": ["minimum { | _ | relu }"],
    "mish": ["mish"],
    "mul": ["mul { | _ | globalavgpool }"],
    "multiheadattention": ["flatten(2) -> permute(0, 2, 1) -> multiheadattention(2)"],
    "neg": ["neg"],
    "normalize": ["normalize", "normalize(dim=3)"],
    "pad": ["pad(1)", 'pad(1, mode="reflect")', "pad([0, 1])"],
    "permute": ["permute(0, 2, 3, 1)"],
    "pixelshuffle": ["pixelshuffle(2)"],
    "pixelunshuffle": ["pixelunshuffle(2)"],
    "pow": ["pow(2)", "pow(0.3)"],
    "prelu": ["prelu", "prelu(4)"],
    "relu": ["relu"],
    "relu6": ["relu6"],
    "reshape": ["reshape(-1, 4, H * W)", "reshape(-1, 2, 2 * H * W)", "reshape(-1, 2, 2, H, W)"],
    "rmsnorm": ["permute(0, 2, 3, 1) -> rmsnorm"],
    "scale": ["scale"],
    "selu": ["selu"],
    "sigmoid": ["sigmoid"],
    "silu": ["silu"],
    "slice": ["slice(1, -1, dim=2)"],
    "softmax": ["softmax", "softmax(dim=3)"],
    "softmin": ["softmin"],
    "softplus": ["softplus"],
    "softshrink": ["softshrink"],
    "softsign": ["softsign"],
    "spacetodepth": ["spacetodepth(2)"],
    "sqrt": ["sqrt"],
    "standardize": ["standardize([1, 2, 3, 4], 0.5)"],
    "stochasticdepth": ["add { | _ | relu -> stochasticdepth(0.5) }"],
    "sub": ["sub { | _ | relu }"],
    "sum": ["sum(dim=[2, 3])", "sum(dim=2)"],
    "tanh": ["tanh"],
    "tanhshrink": ["tanhshrink"],
    "threshold": ["threshold(0, 1)"],
    "upsample": ["upsample(scale_factor=2)", 'upsample(size=[2 * H, 2 * W], mode="bilinear")'],
}
CONTRACT = "[N, 4, H, W] where H % 2 == 0, W % 2 == 0, H >= 4, W >= 4"


def test_every_operator_is_tried() -> None:
    assert set(NEAR_AN_OUTPUT) == {operator.kind for operator in ops.operators()}


def test_near_an_output(specc: Specc, here: Path) -> None:
    bodies = [body for several in NEAR_AN_OUTPUT.values() for body in several]
    # by itself, and before and behind another step
    models = [around.format(body) for body in bodies for around in ("{}", "relu -> {} -> relu")]
    text = "\n".join(f"model M{i} : {CONTRACT} {{ {body} }}" for i, body in enumerate(models))
    ask_everything(specc, here, text, {"H": 6, "W": 8})


@settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(specs().filter(lambda spec: spec.sizes != [{}]))
def test_random_networks(specc: Specc, here: Path, spec: Spec) -> None:
    ask_everything(specc, here, spec.text, spec.sizes[1])


def ask_everything(specc: Specc, here: Path, text: str, sizes: dict[str, int]) -> None:
    """The fixture refuses tracebacks and internal errors; every command answers."""
    (here / "net.cnn").write_text(text, encoding="utf-8")
    for form in ("full", "concise", "json", "github", "gitlab", "junit", "sarif"):
        specc("check", "net.cnn", "--no-cache", "--fail-on=error", f"--format={form}")
    assert specc("check", "net.cnn", "--no-cache", "--fail-on=error", "--statistics").code == 0
    at = [f"--at={name}={size}" for name, size in sizes.items()]
    assert specc("show", "net.cnn").code == 0
    assert specc("show", "net.cnn", *at, "--depth=1").code == 0
    (here / "other.cnn").write_text(re.sub(r"\brelu\b", "gelu", text), encoding="utf-8")
    for form in ("text", "json", "markdown"):
        assert specc("diff", "net.cnn", "other.cnn", f"--format={form}").code == 0
    for checked in check_file(parse(Source("net.cnn", text))):
        _ask_of_one(specc, Model(checked), sizes)
    assert specc("fmt", "--annotate", "other.cnn").code == 0


def names(members: tuple[Node | Region, ...]) -> Iterator[str]:
    for member in members:
        yield member.name
        if isinstance(member, Region):
            yield from names(member.members)


def _ask_of_one(specc: Specc, model: Model, sizes: dict[str, int]) -> None:
    fixed = model.at(**{symbol.name: sizes[symbol.name] for symbol in model.symbols})
    for name in names(model.graph.members):
        assert "  in float32: " in explain(model.costs, name) or "  holds " in explain(model.costs, name)
        assert "  sees: " in explain(fixed.costs, name)
    model.torch_source()
    model.to_onnx("net.onnx", verify=False)
    described = json.loads(Path("net.specc.json").read_text(encoding="utf-8"))
    assert [port["name"] for port in described["outputs"]] == [port.name for port, _ in model.graph.outputs]
    for form in ("full", "json"):
        assert specc("inspect", "net.onnx", f"--format={form}").code == 0
