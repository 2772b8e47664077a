"""The zoo, and networks beside it, against the numbers that torchvision's own gave: parameters, GMACs, logits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch

import specc
from specc.analyses import Costs
from specc.backends import onnx as onnx_backend
from specc.elaborate import choose, elaborate
from specc.ir.graph import Graph
from specc.source import Source
from specc.syntax import parse, read
from tests.networks.published import Published, Rounded

ZOO = Path(__file__).parents[2] / "examples" / "zoo"
OTHERS = Path(__file__).parent / "others"
RESNETS = {
    "resnet18": "ResNet18",
    "resnet34": "ResNet34",
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "resnet152": "ResNet152",
    "resnext50_32x4d": "ResNeXt50_32x4d",
    "wide_resnet50_2": "WideResNet50_2",
}
SPECS = {name: (ZOO / "resnet.cnn", model) for name, model in RESNETS.items()} | {
    "alexnet": (ZOO / "alexnet.cnn", "AlexNet"),
    "densenet121": (ZOO / "densenet.cnn", "DenseNet121"),
    "densenet201": (ZOO / "densenet.cnn", "DenseNet201"),
    "googlenet": (ZOO / "googlenet.cnn", "GoogLeNet"),
    "mnasnet1_0": (ZOO / "mnasnet.cnn", "MNASNet1_0"),
    "mobilenet_v2": (ZOO / "mobilenet_v2.cnn", "MobileNetV2"),
    "squeezenet1_0": (ZOO / "squeezenet.cnn", "SqueezeNet1_0"),
    "squeezenet1_1": (ZOO / "squeezenet.cnn", "SqueezeNet1_1"),
    "vgg11": (ZOO / "vgg.cnn", "VGG11"),
    "vgg16": (ZOO / "vgg.cnn", "VGG16"),
    "vgg16_bn": (ZOO / "vgg.cnn", "VGG16_bn"),
    "vgg19": (ZOO / "vgg.cnn", "VGG19"),
    "convnext_tiny": (ZOO / "convnext.cnn", "ConvNeXtTiny"),
    "efficientnet_b0": (ZOO / "efficientnet.cnn", "EfficientNetB0"),
    "inception_v3": (OTHERS / "inception_v3.cnn", "InceptionV3"),
    "mobilenet_v3_large": (OTHERS / "mobilenet_v3.cnn", "MobileNetV3Large"),
    "mobilenet_v3_small": (OTHERS / "mobilenet_v3.cnn", "MobileNetV3Small"),
    "regnet_x_400mf": (OTHERS / "regnet.cnn", "RegNetX_400MF"),
    "regnet_y_400mf": (OTHERS / "regnet.cnn", "RegNetY_400MF"),
    "shufflenet_v2_x1_0": (OTHERS / "shufflenet_v2.cnn", "ShuffleNetV2"),
}
COUNTED = {
    "DenseNet161": ("densenet.cnn", 28_681_000, 7.728),
    "DenseNet169": ("densenet.cnn", 14_149_480, 3.36),
    "VGG11_bn": ("vgg.cnn", 132_868_840, 7.609),
    "VGG13": ("vgg.cnn", 133_047_848, 11.308),
    "VGG13_bn": ("vgg.cnn", 133_053_736, 11.308),
    "VGG19_bn": ("vgg.cnn", 143_678_248, 19.632),
}
"""Parameters and GMACs published for the models of the zoo whose logits are not tested: they differ in numbers only."""
SIBLINGS = {"densenet201", "resnet34", "resnet101", "resnet152", "vgg11", "vgg16", "vgg19", "wide_resnet50_2"}
"""Each has the steps of another one that is always run, in other numbers, which counts and shapes show, too; VGG's have
the same steps with norms and without."""

LARGE = "vgg16_bn"
"""Its file, of half a gigabyte, has nodes as the others have: onnxruntime reads it among the siblings."""

each_network = pytest.mark.parametrize("name", SPECS)
each_network_run = pytest.mark.parametrize(
    ("name", "in_onnxruntime"),
    [
        *(
            pytest.param(name, True, id=name, marks=[pytest.mark.sibling] * (name in {*SIBLINGS, LARGE}))
            for name in SPECS
        ),
        pytest.param(LARGE, False, id=f"{LARGE} in PyTorch", marks=pytest.mark.slow),
    ],
)


@cache
def load(name: str) -> Graph:
    path, model = SPECS[name]
    return specc.load(path, model=model).graph


def counts(graph: Graph, size: dict[str, int]) -> tuple[int, float]:
    """Parameters, and 10^9 multiply-accumulates as they are published: to three decimals."""
    sized = Costs(graph.at({symbol.name: size[symbol.name] for symbol in graph.symbols}))
    return sized.params, round(sized.macs / 1e9, 3)


@each_network
def test_counts_are_the_published_ones(name: str) -> None:
    graph, published = load(name), Published(name)
    facts = published.facts
    assert counts(graph, published.size) == (facts["params"], facts["published_gmacs"])
    assert facts["params"] == facts["published_params"]
    assert [p.shape for _, p in graph.state if not p.integer] == published.shapes


@pytest.mark.parametrize("name", COUNTED)
def test_counts_of_their_siblings(name: str) -> None:
    file, *published = COUNTED[name]
    graph = specc.load(ZOO / file, model=name).graph
    assert [*counts(graph, {"H": 224, "W": 224})] == published


@pytest.mark.parametrize(
    ("file", "settings", "published", "unit"),
    [
        ("eegnet.cnn", {}, 2258, 1),
        ("eegnet.cnn", {"filters": 4}, 1066, 1),
        ("cbam.cnn", {"model": "ResNet18_CBAM"}, 11.78, 1e6),
        ("cbam.cnn", {"model": "ResNet50_CBAM"}, 28.09, 1e6),
        ("fpn.cnn", {}, 26_799_296 + 53_120, 1),
        ("siamese.cnn", {}, 38_951_745, 1),
        ("yolov3_tiny.cnn", {}, 8_852_366, 1),
    ],
)
def test_counts_of_the_papers(file: str, settings: dict[str, Any], published: float, unit: float) -> None:
    """Tables 3 of Lawhern et al. (P300) and of Woo et al.; torchvision's resnet_fpn_backbone, which counts none of
    the norms that it freezes, and these; Koch et al. as others have built it; YOLOv3-tiny in PyTorch."""
    assert round(specc.load(ZOO / file, **settings).params / unit, 2) == published


def test_no_model_of_the_zoo_is_left_out() -> None:
    models = {model.name for path in ZOO.glob("*.cnn") for model in parse(read(path)).models}
    published = {model for path, model in SPECS.values() if path.parent == ZOO}
    by_hand = {"UNet", "Rhythm", "Clips", "TCN", "EEGNet", "ResNet18_CBAM", "ResNet50_CBAM"}
    by_hand |= {
        "FPN",
        "Siamese",
        "YOLOv3Tiny",
        "FCN8s",
        "DeepLabV3",
        "HRNet",
        "NonLocal",
        "BoTNet",
    }  # in test_others.py
    assert models == published | set(COUNTED) | by_hand


@pytest.mark.parametrize(("file", "lines"), [("resnet.cnn", 80), ("vgg.cnn", 30)])
def test_families_are_short(file: str, lines: int) -> None:
    assert len((ZOO / file).read_text(encoding="utf-8").splitlines()) <= lines


@pytest.mark.parametrize("name", [*RESNETS, "googlenet", "densenet121", "densenet201"])
def test_names_are_torchvisions(name: str) -> None:
    """So torchvision's state dicts load by name."""
    assert [path for path, p in load(name).state if not p.integer] == Published(name).names


@each_network_run
def test_logits_are_torchvisions(name: str, in_onnxruntime: bool, tmp_path: Path) -> None:
    graph, published = load(name), Published(name)
    module, image = published.module(graph), published.input()
    with torch.no_grad():
        logits = module(image)
    assert wrong(logits, published) <= 1e-9
    if not in_onnxruntime:
        return

    path = tmp_path / "network.onnx"
    with path.open("wb") as file:
        onnx_backend.write(graph, Rounded(module.state_dict()), file)
    with torch.no_grad():
        rounded = module.float()(image.float())
    del module
    got = run(path, image)
    scale = published.facts["output_absmax"]
    rounding = (rounded.double() - logits).abs().max().item() / scale
    # PyTorch in float32 says how far rounding alone takes this network from the truth.
    assert rounding <= 1e-4
    assert np.abs(got - logits.numpy()).max() <= scale * (4 * rounding + 2**-22)


def wrong(logits: torch.Tensor, published: Published) -> float:
    """How far the logits are from the published ones, as part of the largest of these."""
    facts = published.facts
    assert list(logits.shape) == facts["output_shape"]
    differences = [
        (logits[:, :10] - torch.tensor(facts["output_first_10"], dtype=torch.float64)).abs().max().item(),
        abs(logits.mean().item() - facts["output_mean"]),
        abs(logits.std().item() - facts["output_std"]),
        abs(logits.abs().max().item() - facts["output_absmax"]),
    ]
    return max(differences) / float(facts["output_absmax"])


def run(path: Path, image: torch.Tensor) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # waiting for each other, two take more processor time
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"input": image.float().numpy()})
    return np.asarray(got)


def changed(name: str, change: Callable[[str], str]) -> Graph:
    """The network after a change of its spec."""
    path, model = SPECS[name]
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    file = parse(Source(str(path), change(text)))
    return elaborate(file, choose(file, model), {}).graph


def without(part: str, instead: str = "") -> Callable[[str], str]:
    return lambda text: text.replace(part, instead)


def stride_on_the_first_convolution(text: str) -> str:
    """The bottleneck as it was first published."""
    text = text.replace("conv(mid, 1)", "conv(mid, 1, stride=stride)")
    return text.replace("conv(mid, 3, stride=stride,", "conv(mid, 3,")


def floors_for_ceilings(text: str) -> str:
    """Where these are written, the least size that the contract can allow is larger too."""
    return text.replace(", ceil_mode=true", "").replace("15", "64")


MISTAKES = {
    "stride on the 1x1 convolution": ("resnet50", stride_on_the_first_convolution),
    "no ceil_mode": ("googlenet", floors_for_ceilings),
    "no groups": ("resnext50_32x4d", without(", groups=32")),
    "one layer more": ("densenet121", without("[6, 12, 24, 16]", "[6, 12, 25, 16]")),
    "a larger kernel": ("mnasnet1_0", without("(6, 3, 96, 2, 1)", "(6, 5, 96, 2, 1)")),
}
HIDDEN_MISTAKES = {
    "another eps": ("googlenet", without("eps = 0.001", "eps = 0.0011")),
    "relu without its bound": ("mobilenet_v2", without("relu6", "relu")),
    "another activation": ("mobilenet_v3_small", without("hardswish, 2)", "silu, 2)")),
    "another gate": ("efficientnet_b0", without("sigmoid", "hardsigmoid")),
    "no shuffle": ("shufflenet_v2_x1_0", without("  channelshuffle(2)\n")),
    "an average for a maximum": ("squeezenet1_1", without("maxpool", "avgpool")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen_in_the_counts(mistake: str) -> None:
    name, change = MISTAKES[mistake]
    facts = Published(name).facts
    assert counts(changed(name, change), Published(name).size) != (facts["params"], facts["published_gmacs"])


@pytest.mark.parametrize("mistake", HIDDEN_MISTAKES)
def test_a_mistake_that_no_count_shows_is_seen_in_the_logits(mistake: str) -> None:
    name, change = HIDDEN_MISTAKES[mistake]
    graph, published = changed(name, change), Published(name)
    facts = published.facts
    assert counts(graph, published.size) == (facts["params"], facts["published_gmacs"])
    with torch.no_grad():
        logits = published.module(graph)(published.input())
    assert wrong(logits, published) > 1e-9
