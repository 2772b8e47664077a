"""A layer of another tool with its arguments, as it is called here: ``Conv2d(3, 8, 3)`` is ``conv(8, 3)``.

Words come from `specc.diagnostics.vocabulary`, the order of their arguments from `specc.diagnostics.signatures`. What
is not certain has no form here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from specc.diagnostics.signatures import CHANNELS_FIRST, FAMILIAR, SIGNATURES, ForeignArgument, ForeignSignature
from specc.diagnostics.vocabulary import ARGUMENTS, CHOICES, LAYERS, squeezed

MERGES = frozenset("add sub mul div maximum minimum concat matmul".split())
"""The layers that join several values."""

_LEFT_OUT = frozenset(
    "inplace training dtype device dataformat inputshape inputdim batchinputshape biasinitializer betainitializer "
    "gammainitializer kernelregularizer biasregularizer activityregularizer kernelconstraint biasconstraint".split()
)
"""GivenArguments that say nothing of what is computed, or what the contract says."""
_TOLD = ("channels", "features")
"""What of the input a layer need not be told."""
_AGREED = frozenset(
    "p dim dims keepdim negative_slope alpha beta threshold value min max min_val max_val exponent approximate "
    "mode size "
    "scale_factor align_corners num_parameters init start_dim end_dim groups upscale_factor downscale_factor blocksize "
    "eps affine bias num_groups".split()
)
"""GivenArguments that layers have which are called alike."""
_CONTRARY = frozenset("nobias trainable requiresgrad".split())
"""GivenArguments that say the contrary of what they are here."""
_CONTEXTUAL = frozenset("alpha slope leak scale scales factor size axes group groups dims".split())
"""GivenArguments that are of one name here for some layers, and of another for others."""
_SQUEEZES = frozenset("se selayer seblock semodule squeezeexcite squeezeexcitation squeezeandexcitation".split())
_OWN = frozenset(name for term in ARGUMENTS.values() for name in term.names)
_BARE = frozenset("relu relu6 selu sigmoid silu mish tanh hardsigmoid hardswish softsign tanhshrink logsigmoid".split())
"""Activations without arguments, of which some tools say as the first one whether they work in place."""
_KERNELS = frozenset(map(str, range(1, 12)))
_NUMBER = r"-?\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?"


class GivenArguments(NamedTuple):
    """Those of a call, as texts of the language."""

    placed: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()


class Rendering(NamedTuple):
    """A layer of another tool as it is written here.

    Attributes:
        text: the steps.
        layer: the first layer of them.
        told: what the input tells, of what was given: ``channels``; empty if nothing.
    """

    text: str
    layer: str
    told: str = ""


def layer_named(word: str) -> str:
    """The layer that a word stands for; empty where it is none, or one that is not called alike."""
    forms = (word, word.lower().replace("_", ""), squeezed(word))
    for form in forms:
        if (term := LAYERS.get(form)) is not None:
            return term.names[0] if term.agrees else ""
        if form in FAMILIAR:
            return form
    return ""


def with_number(merge: str, number: str, *, is_first: bool = False) -> str:
    """The steps behind a value that join it with a number; empty where the merge takes values only.

    Args:
        number: one, or a formula of numbers in parentheses; without one there are no steps.
        is_first: whether it stands before the value.
    """
    if not number:
        return ""
    inner = number[1:-1] if number.startswith("(") else number
    minus = number[1:] if number.startswith("-") else f"-{number}"
    is_zero = re.fullmatch(r"-?0*\.?0*", number) is not None
    match merge, is_first:
        case "add", _:
            return f"affine(1, {inner})"
        case "sub", True:
            return f"affine(-1, {inner})"
        case "sub", False:
            return f"affine(1, {minus})"
        case "mul", _:
            return f"affine({inner})"
        case "div", True:
            return "pow(-1)" if number in ("1", "1.0") else f"pow(-1) -> affine({inner})"
        case "div", False if not is_zero:
            return f"affine(1 / {number})"
        case "maximum", _:
            return f"clamp(min={inner})"
        case "minimum", _:
            return f"clamp(max={inner})"
    return ""


def rendered(word: str, arguments: GivenArguments, channels: int | None = None) -> Rendering | None:
    """A layer with its arguments, as it is written here; None where that is not certain.

    Args:
        channels: of the input, or its features, where they are known: some tools write them first, and some do not.
    """
    plain = squeezed(word)
    if plain in ("activation", "act") and len(arguments.placed) == 1 and not arguments.named:
        return _activation(arguments.placed[0])
    if plain in _SQUEEZES and channels is not None:
        return _squeeze(arguments, channels)
    if plain == "relu" and word != plain and (arguments.placed or arguments.named):
        return _relu(arguments)
    signature = _signature(word, arguments, channels)
    if signature is None:
        layer = layer_named(word)
        if not layer or word in CHANNELS_FIRST or plain in CHANNELS_FIRST or layer in MERGES:
            return None
        if layer in _BARE and arguments.placed:
            if arguments.placed not in (("true",), ("false",)):
                return None
            arguments = arguments._replace(placed=())
        alike = {"alpha": "negative_slope"} if layer == "leakyrelu" else {}
        named = _named(((alike.get(name, name), value) for name, value in arguments.named), ())
        if named is None or not {name for name, _ in named} <= _AGREED:
            return None
        return Rendering(_call(layer, [*arguments.placed, *(f"{name}={value}" for name, value in named)]), layer)
    return _in_signature(word, signature, arguments)


def other_numbers(written: str, text: str) -> str:
    """Where a layer that is called so here computes other numbers, and no argument says so; empty where none does."""
    if "UpSampling" in written and 'mode="bicubic"' in text:
        return "; its numbers differ: the cubic of TensorFlow has a = -0.5, that of PyTorch, which is here, -0.75"
    return ""


def _relu(arguments: GivenArguments) -> Rendering | None:
    """That of Keras has a largest value, which is a layer of its own here; PyTorch's first argument is ``inplace``."""
    values = [*zip(("maxvalue", "negativeslope", "threshold"), arguments.placed, strict=False)]
    values += [(name.lower().replace("_", ""), value) for name, value in arguments.named]
    given = {name: value for name, value in values if name not in _LEFT_OUT | {"name"}}
    if len(arguments.placed) > 3 or len(given) > 1:
        return None
    (name, value) = next(iter(given.items()), ("", ""))
    if not given or (name == "maxvalue" and value in ("true", "false", "none")):
        return Rendering("relu", "relu")
    if name == "maxvalue" and re.fullmatch(_NUMBER, value) and float(value) > 0:
        return Rendering("relu6", "relu6") if float(value) == 6 else Rendering(f"clamp(0, {value})", "clamp")
    return Rendering(f"leakyrelu({value})", "leakyrelu") if name in ("negativeslope", "alpha") else None


def _squeeze(arguments: GivenArguments, channels: int) -> Rendering | None:
    """Squeeze-and-excitation, which some write with the channels, some with what they are divided by, 16 in the
    paper.
    """
    numbers = [
        *arguments.placed,
        *(value for name, value in arguments.named if squeezed(name) in ("reduction", "ratio", "r")),
    ]
    if not all(map(str.isdigit, numbers)) or len(numbers) < len(arguments.placed) + len(arguments.named):
        return None
    if numbers and numbers[0] == str(channels):
        numbers = numbers[1:]
    inner = channels // int(numbers[0]) if numbers and int(numbers[0]) else channels // 16
    if len(numbers) > 1 or not inner:
        return None
    gate = f"globalavgpool -> conv({inner}, 1) -> relu -> conv({channels}, 1) -> sigmoid"
    return Rendering(f"mul {{ | _ | {gate} }}", "mul")


def _signature(word: str, arguments: GivenArguments, channels: int | None) -> ForeignSignature | None:
    small = word.lower().replace("_", "")
    signature = SIGNATURES.get(word) or (SIGNATURES.get(small) if word == word.lower() else None)
    ambiguous = CHANNELS_FIRST.get(word) or (CHANNELS_FIRST.get(small) if word == word.lower() else None)
    if signature or ambiguous is None:
        return signature
    names = {squeezed(name) for name, _ in arguments.named}
    is_linear = ambiguous.layer in ("linear", "fc")
    first_is_theirs = channels is not None and arguments.placed[:1] == (str(channels),)
    count, most = len(arguments.placed), ambiguous.most_placed - 1
    with_channels = (
        "inchannels" in names
        or "infeatures" in names
        or (count == most and "kernelsize" in names)
        or (count > most and first_is_theirs)
        or (is_linear and count == 2 and all(map(str.isdigit, arguments.placed)))  # a second number is no bias
    )
    if count == 3 == most + 1 and first_is_theirs and _could_be_own(*arguments.placed[1:]):
        return None
    if with_channels:
        return ambiguous
    if count == most == 2 and first_is_theirs and (word == "Conv" or arguments.placed[1] not in _KERNELS):
        return None  # Conv(64, 128) lacks its kernel, conv2d(64, 3) does not
    if count <= most and not (count == most and names & {"kernelsize", "kernel"}):
        return ambiguous._replace(places=ambiguous.places[1:], most_placed=ambiguous.most_placed - 1)
    return None


def _could_be_own(kernel: str, stride: str) -> bool:
    """Whether ``conv2d(16, 3, 2)`` may begin with its filters: then a kernel and a stride follow as they are usual."""
    return kernel in ("1", "3", "5", "7") and stride in ("1", "2")


def _in_signature(word: str, signature: ForeignSignature, arguments: GivenArguments) -> Rendering | None:
    known = (*signature.places, *signature.names)
    given = _given(signature, arguments)
    if given is None:
        return None
    layer = re.split(r"[ ({]", signature.layer)[0]
    values, behind, told = dict[str, str](), "", ""
    for argument in known:
        value = given.get(argument, argument.default)
        if not value:
            continue
        if argument.role == "told":
            told = argument.name or told
        elif argument.role == "step":
            step = _activation(value)
            if step is None:
                return None
            behind = f" -> {step.text}" if step.text else ""
        elif argument.name == "padding" and value.startswith('"'):
            padding = _padding(layer, value.lower(), values.get("stride", "1"))
            if padding is None:
                return None
            values |= {"padding": padding} if padding else {}
            if layer == "avgpool" and padding:
                values["count_include_pad"] = "false"  # TensorFlow's mean is of what the input has
        elif layer == "pad" and not value.isdigit():
            if (sides := _sides(word, value)) is None:
                return None
            values[argument.name] = sides
        elif argument.role == "rest":
            values[argument.name] = f"{1 - float(value):.6g}" if re.fullmatch(_NUMBER, value) else f"1 - {value}"
        else:
            values[argument.name] = value
    if any(not (argument.optional or argument in given) for argument in signature.places[: signature.most_placed]):
        return None
    if not set(re.findall(r"\{(\w+)\}", signature.layer)) <= values.keys():
        return None
    if word.endswith("DTranspose") and "padding" not in values:
        if (added := _added(values)) is None:
            return None
        values |= {"output_padding": added} if added else {}
    text = _put_into(signature, values)
    return Rendering(text + behind, layer, told)


def _given(signature: ForeignSignature, arguments: GivenArguments) -> dict[ForeignArgument, str] | None:
    """The values by argument; None where one is none of the layer's."""
    known = {argument.name: argument for argument in (*signature.places, *signature.names)}
    named = _named(arguments.named, tuple(known))
    if named is None or len(arguments.placed) > len(signature.places):
        return None
    given = dict(zip(signature.places, arguments.placed, strict=False))
    for name, value in named:
        argument = known.get(name) or ForeignArgument(name, "told")
        if argument in given or (name not in known and name not in _TOLD):
            return None
        given[argument] = value
    return given


def _put_into(signature: ForeignSignature, values: dict[str, str]) -> str:
    """The layer with its arguments: the first by their places, as far as none is missing, the rest by name."""
    if "{" in signature.layer:
        fixed = re.findall(r"\{(\w+)\}", signature.layer)
        more = "".join(f", {name}={value}" for name, value in values.items() if name not in fixed)
        text = signature.layer.replace("{...}", more)
        for name in fixed:
            text = text.replace(f"{{{name}}}", values[name])
        return text
    placed = [argument.name for argument in signature.places[: signature.most_placed] if argument.role != "told"]
    missing = next((place for place, name in enumerate(placed) if name not in values), len(placed))
    by_place = placed[:missing]
    by_name = [f"{name}={value}" for name, value in values.items() if name not in by_place]
    return _call(signature.layer, [*(values[name] for name in by_place), *by_name])


def _named(named: Iterable[tuple[str, str]], names: Sequence[str]) -> list[tuple[str, str]] | None:
    """The named arguments by their names here, of ``names`` where these are known; None where one has none."""
    found = list[tuple[str, str]]()
    for name, value in named:
        plain = name.lower().replace("_", "")
        if plain in _LEFT_OUT:
            continue
        renamed = _name_here(name, plain, names)
        if plain in _CONTRARY:
            contrary = {"true": "false", "false": "true"}.get(value)
            if contrary is None or not renamed:
                return None
            found.append((renamed, contrary))
        elif renamed == "init" and (start := CHOICES.get(value.strip('"').lower().replace("_", ""))) and start.names:
            found.append(("init", f'"{start.names[0]}"'))
        elif not renamed or renamed == "init" or (plain == "axis" and value != "1"):
            return None  # the last axis is another one where the channels come last
        else:
            found.append((renamed, value))
    return found


def _name_here(name: str, plain: str, names: Sequence[str]) -> str:
    """What an argument is called here; empty where that is not certain."""
    if plain in ("inchannels", "infeatures", "numfeatures", "numchannels"):
        return "channels" if "channels" in names else "features"
    if name in names:
        return name
    if plain == "activation":
        return "activation" if "activation" in names else ""
    term = ARGUMENTS.get(plain)
    if not names and (term is None or name in _OWN or plain in _CONTEXTUAL):
        return name
    known = [each for each in term.names if not names or each in names] if term else []
    return known[0] if len(known) == 1 else ""


def _padding(layer: str, text: str, stride: str) -> str | None:
    """TensorFlow's "same" and "valid"; empty where it is said best by nothing, None where there is no such padding."""
    if text == '"valid"':
        return ""
    if text != '"same"' or layer not in ("conv", "maxpool", "avgpool", "convtranspose"):
        return text if layer == "conv" and text == '"same_upper"' else None
    return '"same"' if layer == "conv" and stride in ("1", "[1, 1]") else '"same_upper"'


def _sides(word: str, text: str) -> str | None:
    """The widths of a list, as `pad` has them: pairs, the last axis first; None where the tool means something else.

    PyTorch has them so. In Keras a number is of both sides of an axis, and the first axis comes first.
    """
    if re.fullmatch(r"\[\d+(?:, \d+)*\]", text) and word.endswith("d"):
        return text
    if not word.endswith("D") or not re.fullmatch(r"\[(?:\d+|\[\d+, \d+\])(?:, (?:\d+|\[\d+, \d+\]))*\]", text):
        return None
    if word.endswith("1D"):  # of its one axis the two sides
        return text if re.fullmatch(r"\[\d+, \d+\]", text) else None
    axes = [re.findall(r"\d+", axis) for axis in re.findall(r"\d+|\[\d+, \d+\]", text[1:-1])]
    if len(axes) != int(word[-2]):
        return None
    return f"[{', '.join(width for axis in reversed(axes) for width in (axis[0], axis[-1]))}]"


def _added(values: dict[str, str]) -> str | None:
    """What Keras adds behind a transposed convolution whose kernel is smaller than its stride, as ``output_padding``,
    so that the result has stride times as many places; empty where it adds nothing, None where that is not certain.
    """
    sizes = [values.get(name, "1") for name in ("kernel", "stride")]
    if not all(re.fullmatch(r"\d+|\[\d+(?:, \d+)*\]", size) for size in sizes):
        return ""  # names, which only the whole spec knows
    kernels, strides = (re.findall(r"\d+", size) for size in sizes)
    count = max(len(kernels), len(strides))
    kernels, strides = (each * count if len(each) == 1 else each for each in (kernels, strides))
    added = [str(max(0, int(stride) - int(kernel))) for kernel, stride in zip(kernels, strides, strict=False)]
    if not any(map(int, added)):
        return ""
    if len(kernels) != len(strides) or {"output_padding", "dilation"} & values.keys():
        return None
    return added[0] if len({*added}) == 1 else f"[{', '.join(added)}]"


def _activation(text: str) -> Rendering | None:
    """``activation="relu"`` as a step; a linear one is none."""
    word = text.strip('"')
    if word in ("linear", "none"):
        return Rendering("", "")
    layer = layer_named(word)
    if not layer or not re.fullmatch(r"[A-Za-z_]\w*", word) or layer in (*MERGES, "leakyrelu"):
        return None  # of a leaky one every tool has a slope of its own
    return Rendering(layer, layer)


def _call(layer: str, arguments: list[str]) -> str:
    return f"{layer}({', '.join(arguments)})" if arguments else layer
