"""In which order other tools take the arguments of a layer, and which of them each is here.

A line has the layer, and behind the arrow the arguments as they come there, by their names here: those that stand by
their place here too; behind a first ``;`` those that are written here by name; behind a second those that have names
there as well.

- ``-channels``: not written here, since the input tells it; ``-`` alone: not written, and of no meaning here.
- ``>activation``: a step of its own.
- ``stride?``: need not be given.
- ``kernel=2``: what it is there where nothing says it, and here it must be said.
- ``1-momentum``: the rest to 1.

A layer with braces is a text that the arguments are put into, by their names; ``{...}`` are those that remain.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple


class ForeignArgument(NamedTuple):
    """One of a layer of another tool.

    Attributes:
        name: its name here; empty where it has no meaning here.
        role: what becomes of it: it is told by the input, a step of its own, or the rest to 1; empty where it stays
        one. default: what it is there where nothing says it, and is written here; empty if nothing. optional: whether
        it need not be given.
    """

    name: str
    role: Literal["told", "step", "rest", ""] = ""
    default: str = ""
    optional: bool = False


class ForeignSignature(NamedTuple):
    """How a layer of another tool is called.

    Attributes:
        layer: what it is here.
        places: the arguments by their place there.
        names: those that have a name there only.
        most_placed: how many of ``places`` stand by their place here.
    """

    layer: str
    places: tuple[ForeignArgument, ...]
    names: tuple[ForeignArgument, ...]
    most_placed: int


_CONV = "stride padding dilation groups bias padding_mode ; init"
_TRANSPOSED = "stride padding output_padding groups bias dilation -"
_KERAS_CONV = "stride padding ; dilation groups >activation bias init"
_DEPTHWISE = "conv(_.channels, {kernel}{...}, groups=_.channels"

_LINES = {
    # PyTorch
    "Conv1d Conv2d Conv3d": f"conv <- -channels out_channels kernel ; {_CONV}",
    "LazyConv1d LazyConv2d LazyConv3d": f"conv <- out_channels kernel ; {_CONV}",
    "ConvTranspose1d ConvTranspose2d ConvTranspose3d": f"convtranspose <- -channels out_channels kernel ; "
    f"{_TRANSPOSED}",
    "Normalize": "standardize <- mean std",
    "Linear": "linear <- -features out_features ; bias",
    "LazyLinear": "linear <- out_features ; bias",
    "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm": "bn <- -channels ; eps momentum affine track_running_stats",
    "LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d": "bn <- ; eps momentum affine track_running_stats",
    "InstanceNorm1d InstanceNorm2d InstanceNorm3d": "instancenorm <- -channels ; eps momentum affine "
    "track_running_stats",
    "GroupNorm": "groupnorm <- num_groups ; -channels eps affine",
    # Keras, and MXNet's Gluon
    "Conv1D Conv2D Conv3D Convolution1D Convolution2D Convolution3D": f"conv <- out_channels kernel ; {_KERAS_CONV}",
    "Conv1DTranspose Conv2DTranspose Conv3DTranspose": "convtranspose <- out_channels kernel ; stride padding ; "
    "output_padding dilation groups >activation bias",
    "DepthwiseConv1D DepthwiseConv2D": f"{_DEPTHWISE}) <- kernel ; stride padding ; dilation >activation bias",
    "SeparableConv1D SeparableConv2D": f"{_DEPTHWISE}, bias=false) -> conv({{out_channels}}, 1) <- out_channels "
    f"kernel ; "
    "stride padding ; dilation >activation",
    "InnerProduct": "fc <- out_features ; bias",
    "Dense": "fc <- out_features ; >activation bias ; init",
    "BatchNormalization": "bn <- ; - 1-momentum=0.99 eps=0.001 bias scale",
    "GroupNormalization": "groupnorm <- num_groups=32 ; - eps=0.001",
    "MaxPooling1D MaxPooling2D MaxPooling3D MaxPool1D MaxPool2D MaxPool3D": "maxpool <- kernel=2 ; stride padding",
    "AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D": "avgpool <- kernel=2 ; stride padding",  # noqa: E501
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D": "globalavgpool -> flatten",
    "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D": "globalmaxpool -> flatten",
    "UpSampling1D UpSampling2D UpSampling3D": "upsample <- ; scale_factor=2 - mode",
    "Dropout": "dropout <- p",
    "MaxPool1d MaxPool2d MaxPool3d maxpool maxpool1d maxpool2d maxpool3d maxpooling maxpooling2d": "maxpool <- "
    "kernel stride? padding? ; ; dilation ceil_mode",
    "AvgPool1d AvgPool2d AvgPool3d avgpool avgpool1d avgpool2d avgpool3d averagepool avgpooling": "avgpool <- "
    "kernel stride? padding? ; ; ceil_mode "
    "count_include_pad",
    "upsampling upsampling1d upsampling2d upsampling3d": "upsample <- ; scale_factor=2 - mode",
    "ZeroPad1d ZeroPad2d ZeroPad3d zeropad ZeroPadding1D ZeroPadding2D ZeroPadding3D": "pad <- padding=1",
    "ReflectionPad1d ReflectionPad2d ReflectionPad3d": 'pad({padding}, mode="reflect") <- padding',
    "ReplicationPad1d ReplicationPad2d ReplicationPad3d": 'pad({padding}, mode="replicate") <- padding',
    "CircularPad1d CircularPad2d CircularPad3d": 'pad({padding}, mode="circular") <- padding',
    "UpsamplingNearest2d": "upsample <- ; size? scale_factor?",
    "UpsamplingBilinear2d": 'upsample(scale_factor={scale_factor}, mode="bilinear", align_corners=true) <- ; size? '
    "scale_factor?",
    # Darknet
    "leaky": "leakyrelu <- negative_slope=0.1",
    # of several tools, in small letters
    "dense": "fc <- out_features ; >activation bias",
    "bn1d bn2d bn3d batchnorm1d batchnorm2d batchnorm3d": "bn <- -channels ; eps momentum affine track_running_stats",
    "instancenorm1d instancenorm2d instancenorm3d": "instancenorm <- -channels ; eps momentum affine "
    "track_running_stats",
    "bn": "bn <- -channels ; eps momentum affine track_running_stats",
    "batchnorm": "batchnorm <- -channels ; eps momentum affine track_running_stats",
    "instancenorm": "instancenorm <- -channels ; eps momentum affine track_running_stats",
    "pointwise pointwiseconv pwconv": "conv({out_channels}, 1{...}) <- out_channels ; stride ; groups bias",
    "groupnorm": "groupnorm <- num_groups ; -channels eps affine",
    "groupconv groupedconv groupconv2d groupedconv2d": "conv <- out_channels kernel ; ; stride padding dilation "
    "groups bias init",
}

# Words that some tools write with the input's channels first, and some without: how many numbers there are says which.
_WITH_CHANNELS = {
    "conv conv1d conv2d conv3d convolution convolution1d convolution2d convolution3d Conv Convolution":
        f"conv <- -channels out_channels kernel ; {_CONV} >activation",
    "convtranspose convtranspose1d convtranspose2d convtranspose3d deconv deconvolution transposeconv transposedconv "
    "convtransposed deconv1d deconv2d deconv3d ConvTranspose Deconvolution":
        f"convtranspose <- -channels out_channels kernel ; {_TRANSPOSED}",
    "linear": "linear <- -features out_features ; bias ; init >activation",
    "fc fullyconnected FullyConnected": "fc <- -features out_features ; bias ; init >activation",
    "sepconv sepconv2d separableconv separableconv2d separable depthwiseseparable depthwiseseparableconv "
    "SeparableConv2d":
        f"{_DEPTHWISE}, bias=false) -> conv({{out_channels}}, 1) <- -channels out_channels kernel ; stride "
        f"padding dilation",
    "conv1x1": "conv({out_channels}, 1{...}) <- -channels out_channels ; stride groups bias",
    "conv3x3": "conv({out_channels}, 3{...}, padding=1) <- -channels out_channels ; stride groups bias",
    "depthwise depthwiseconv depthwiseconv2d dwconv DepthwiseConv2d":
        f"{_DEPTHWISE}) <- -channels kernel ; stride padding dilation bias",
}  # fmt: skip


def _argument(mark: str) -> ForeignArgument:
    name, _, default = mark.rstrip("?").partition("=")
    optional = mark.endswith("?") or bool(default)
    if name.startswith("1-"):
        return ForeignArgument(name[2:], "rest", default, optional)
    roles: dict[str, Literal["told", "step"]] = {"-": "told", ">": "step"}
    if role := roles.get(name[:1]):
        return ForeignArgument(name[1:], role, default, optional=True)
    return ForeignArgument(name, "", default, optional)


def _signature(line: str) -> ForeignSignature:
    layer, _, arguments = line.partition(" <- ")
    placed, named, by_name = (tuple(map(_argument, part.split())) for part in (*arguments.split(";"), "", "")[:3])
    return ForeignSignature(layer, (*placed, *named), by_name, len(placed))


SIGNATURES: Mapping[str, ForeignSignature] = MappingProxyType(
    {word: _signature(line) for words, line in _LINES.items() for word in words.split()}
)
"""By words as they are written there; of those in small letters, without underscores."""

CHANNELS_FIRST: Mapping[str, ForeignSignature] = MappingProxyType(
    {word: _signature(line) for words, line in _WITH_CHANNELS.items() for word in words.split()}
)
"""The same of words that come with the input's channels or without."""

FAMILIAR = frozenset(
    "abs adaptiveavgpool adaptivemaxpool add affine alphadropout avgpool bn celu channelshuffle clamp clip concat conv "
    "convtranspose depthtospace div dropout elu exp fc flatten gelu globalavgpool globalmaxpool glu groupnorm "
    "hardshrink hardsigmoid hardswish hardtanh identity layernorm leakyrelu linear log logsigmoid logsoftmax "
    "matmul maximum "
    "maxpool mean minimum mish mul neg permute pixelshuffle pixelunshuffle pow prelu relu relu6 rmsnorm selu "
    "sigmoid silu "
    "softmax softmin softplus softshrink softsign spacetodepth sqrt sub sum tanh tanhshrink threshold upsample".split()
)
"""Layers that are called alike in PyTorch, but for capitals, underscores and ``2d``, with the same arguments."""
