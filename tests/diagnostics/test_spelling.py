"""Which names a wrong one may stand for, and which is put in its place without asking: only what is nothing else."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
import torch

import specc
from specc.diagnostics import Safety, SpecError, spelling, vocabulary
from specc.diagnostics.spelling import slip, suggest
from specc.diagnostics.vocabulary import ARGUMENTS, ATTRIBUTES, CHOICES, LAYERS
from specc.elaborate import check_file
from specc.ops import find, names
from specc.ops.fields import choices
from specc.ops.registry import operators
from specc.project.fixes import applied
from specc.source import Source
from specc.syntax import parse

EXAMPLES = Path(__file__).parents[1] / "examples"


def safety(word: str, *known: str) -> Safety | None:
    near = suggest(word, known or names(), "layer")
    return near and near.safety


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("cnov", "conv"),
        ("convv", "conv"),
        ("Conv", "conv"),
        ("rellu", "relu"),
        ("rwlu", "relu"),
        ("maxpol", "maxpool"),
        ("botle", "bottle"),
        ("widht", "width"),
        ("kernal", "kernel"),
        ("out_chanels", "out_channels"),
        ("covn2", "conv2"),
        ("BottleNeck", "Bottleneck"),
        ("True", "true"),
    ],
)
def test_a_slip_of_the_keyboard_is_safe(word: str, name: str) -> None:
    near = suggest(word, (name, "conv_transposed", "x"))
    assert near is not None
    assert (near.names, near.safety) == ((name,), Safety.SAFE)


@pytest.mark.parametrize(
    ("word", "name", "what"),
    [
        ("down2", "down1", "another number"),
        ("down", "down1", "no number"),
        ("conv2d", "conv", "axes"),
        ("conv10", "conv1", "a digit doubled would be one"),
        ("conv_a", "conv_b", "a letter for a number"),
        ("stageA", "stageB", "a capital for a number"),
        ("branch_x", "branch_y", "two axes"),
        ("stop", "step", "two words"),
        ("step", "stop", "two words"),
        ("sum", "sub", "short words"),
        ("c", "C", "single letters"),
        ("groups", "group", "singular and plural"),
        ("stage", "stages", "singular and plural"),
        ("vonv", "conv", "the first letter"),
        ("conb", "conv", "the last letter"),
        ("xconv", "conv", "a name made of another"),
        ("sconv", "conv", "a name made of another"),
        ("minpool", "maxpool", "the contrary"),
        ("unpool", "inpool", "the contrary"),
        ("prenorm", "postnorm", "the contrary"),
        ("deconv", "conv", "made of another"),
        ("no_bias", "bias", "the contrary"),
        ("convolver", "conv", "made of another"),
        ("cconv", "conv", "a prefix, and MATLAB's circular convolution"),
        ("aavgpool", "avgpool", "a prefix: adaptive"),
        ("conv", "cconv", "a prefix"),
        ("unsample", "upsample", "the contrary"),
        ("content", "context", "two words"),
        ("rellu6", "relu", "a slip and a digit"),
        ("glu", "gelu", "a word of another tool"),
        ("rrelu", "relu", "a word of another tool"),
        ("slide", "slice", "a word"),
        ("maax", "amax", "a slip of max"),
        ("man", "mean", "three letters"),
        ("hardsrhink", "hardshrinks", "a slip of a word of another tool"),
    ],
)
def test_what_may_be_meant_is_no_safe_slip(word: str, name: str, what: str) -> None:
    for kind in ("layer", "argument", "value", "name"):
        near = suggest(word, (name,), kind)
        assert near is None or near.safety is not Safety.SAFE, what


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("minpool", "maxpool"),
        ("unpool", "inpool"),
        ("fwd_path", "bwd_path"),
        ("encode", "decode"),
        ("no_bias", "bias"),
        ("deconv", "conv"),
        ("convolver", "conv"),
    ],
)
def test_the_contrary_is_not_even_shown(word: str, name: str) -> None:
    assert suggest(word, (name,)) is None


def test_a_slip_of_two_names_is_of_neither() -> None:
    near = suggest("conbv", ("convv", "conv", "combv"))
    assert near is not None
    assert near.safety is Safety.DISPLAY_ONLY
    assert set(near.names) == {"conv", "convv", "combv"} & set(near.names) != set()


def test_a_number_is_told_as_what_there_is() -> None:
    near = suggest("down2", ("down1", "down3", "up1"))
    assert near is not None
    assert near.text == "there are down1 and down3"


@pytest.mark.parametrize("count", [200, 800])
def test_many_names_are_not_compared_with_each_of_many_words(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand labels and a thousand slips each slip is compared with the few that it may be one of."""
    draw, compared = random.Random(count), []
    monkeypatch.setattr(spelling, "slip", lambda word, name: (compared.append(name), slip(word, name))[1])
    known = [f"{''.join(draw.choices('abcdefgh', k=9))}x" for _ in range(count)]
    for name in known:
        near = suggest(f"{name[:4]}z{name[4:]}", known)
        assert near is not None
        assert near.names == (name,)
    assert len(compared) <= 2 * count


def test_an_index_of_too_many_names_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "_MOST_INDEXED", 3)
    for name in ("bottleneck", "downsample", "transition", "projection", "bottleneck"):
        near = suggest(f"{name[:5]}{name[4:]}", (name, "identity", "another"))
        assert near is not None
        assert near.names == (name,)


# ---- words of other tools --------------------------------------------------------------------------------------------


def own_names() -> set[str]:
    """What PyTorch and ONNX have names for, as they write it, in small letters, and with and without ``2d``."""
    modules = (torch, torch.nn, torch.nn.functional, torch.nn.init, torch.special)
    words = {word for module in modules for word in dir(module) if not word.startswith("__")}
    words |= {schema.name for schema in onnx.defs.get_all_schemas()}
    words |= {word.lower() for word in words}
    words |= {re.sub(r"_?[123]d_?$", "", word) for word in words}
    words |= {f"{word}2d" for word in words}
    return words - set(names()) - {""}


KERAS = (
    "Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average AveragePooling1D "
    "AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D "
    "Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM2D Cropping1D Cropping2D Cropping3D Dense "
    "DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Flatten GRU GaussianDropout "
    "GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling2D GroupNormalization Identity Lambda "
    "LSTM LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D Maximum Minimum MultiHeadAttention Multiply "
    "Normalization PReLU Permute RNN RandomFlip ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D "
    "SeparableConv2D Softmax SpatialDropout1D SpatialDropout2D SpectralNormalization Subtract TimeDistributed "
    "UnitNormalization UpSampling1D UpSampling2D ZeroPadding2D celu elu exponential gelu glu hard_shrink hard_sigmoid "
    "hard_silu hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink "
    "softmax softplus softsign sparse_plus sparsemax squareplus swish tanh tanh_shrink threshold"
).split()
DARKNET = "convolutional deconvolutional connected local crop route shortcut reorg upsample maxpool avgpool yolo swish logistic loggy relie ramp plse lhtan hardtan".split()  # noqa: E501
MXNET = "FullyConnected Convolution Deconvolution Pooling LeakyReLU SoftmaxOutput InstanceNorm L2Normalization LRN Pad Crop SliceChannel SwapAxis UpSampling BilinearSampler ROIPooling SVMOutput hsigmoid".split()  # noqa: E501


@pytest.mark.parametrize("known", [names(), (*names(), "down1", "block", "stem", "gate", "merge")])
def test_no_name_of_another_tool_is_rewritten(known: tuple[str, ...]) -> None:
    """Not even where unsafe fixes are asked for. A name that is one here but for capitals is that."""
    own = own_names() | {*KERAS, *DARKNET, *MXNET}
    own |= {word.lower() for word in own}
    assert len(own) > 4000
    wrong = {}
    for word in sorted(own):
        near = None if word in known else suggest(word, known, "layer")
        if near and near.safety is not Safety.DISPLAY_ONLY and word.lower() not in known:
            wrong[word] = near
    assert not wrong


def test_those_that_are_another_thing_in_capitals() -> None:
    for word in ("Mean", "HardSigmoid"):
        assert safety(word) is Safety.DISPLAY_ONLY


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("swish", "silu"), ("hsigmoid", "hardsigmoid"), ("hswish", "hardswish"), ("deconv", "convtranspose"),
        ("cat", "concat"), ("gap", "globalavgpool"), ("dense", "fc"), ("clamp_min", "clamp"), ("ClipByValue", "clamp"),
        ("droppath", "stochasticdepth"), ("drop_path", "stochasticdepth"), ("interpolate", "upsample"),
        ("squeeze", "flatten"), ("divide", "div"), ("bmm", "matmul"), ("split", "slice"), ("chunk", "slice"),
        ("upconv", "convtranspose"), ("sepconv", "conv"), ("MaxPool2d", "maxpool"), ("leaky_relu", "leakyrelu"),
        ("conv2d", "conv"), ("Conv2DTranspose", "convtranspose"), ("GlobalAveragePooling2D", "globalavgpool"),
        ("mha", "multiheadattention"), ("attention", "multiheadattention"),
        ("self_attention", "multiheadattention"), ("unflatten", "reshape"), ("view_as", "reshape"),
        ("max", "amax"), ("min", "minimum"), ("norm", "batchnorm"), ("softmax2d", "softmax"), ("rsqrt", "pow"),
    ],
)  # fmt: skip
def test_what_it_is_called_here(word: str, name: str) -> None:
    near = suggest(word, names(), "layer")
    assert near is not None
    assert near.safety is Safety.DISPLAY_ONLY
    assert re.search(rf"\b{name}\b", near.text)


@pytest.mark.parametrize("word", ["Conv", "ConvTranspose", "Scale"])
def test_a_class_of_another_tool_with_other_arguments_is_not_rewritten(word: str) -> None:
    """``Conv(3, 8, 3)`` is of YOLO: the input's channels come first."""
    near = suggest(word, names(), "layer")
    assert near is not None
    assert (near.names, near.safety) == ((word.lower(),), Safety.DISPLAY_ONLY)


@pytest.mark.parametrize(
    ("word", "known", "name"),
    [
        ("group", ("out_channels", "groups"), "groups"),
        ("num_group", ("num_groups", "eps"), "num_groups"),
        ("axes", ("dims",), "dims"),
        ("blocksize", ("downscale_factor",), "downscale_factor"),
        ("blocksize", ("upscale_factor",), "upscale_factor"),
    ],
)
def test_a_word_of_several_names_is_that_of_the_place(word: str, known: tuple[str, ...], name: str) -> None:
    near = suggest(word, known, "argument")
    assert near is not None
    assert near.names == (name,)
    assert near.text == f"{word} is called {name} here"


@pytest.mark.parametrize("word", "erf median fold rrelu bilinear".split())
def test_what_is_nothing_here_is_taken_for_nothing(word: str) -> None:
    assert suggest(word, names(), "layer") is None


def test_every_name_that_a_word_is_called_is_one() -> None:
    fields = {name for kind in operators() for name in kind.model_fields}
    assert {name for term in LAYERS.values() for name in term.names} <= set(names())
    assert {name for term in ARGUMENTS.values() for name in term.names} <= fields
    assert {name for term in ATTRIBUTES.values() for name in term.names} <= {
        "channels",
        "rank",
        "shape",
        "batch",
        "features",
    }
    texts = {text for kind in operators() for field in kind.model_fields.values() for text in choices(field)}
    assert {name for term in CHOICES.values() for name in term.names} <= texts


def test_no_word_is_a_name_here() -> None:
    """But for those that stand for their forms with 2d."""
    assert {word for word in LAYERS if find(word)} <= {"conv", "convtranspose"}
    assert not any(word != vocabulary.squeezed(word) and word == word.lower() and "_" in word for word in LAYERS)


def snippets() -> Iterator[tuple[str, str]]:
    """What the notes say to write, with the word."""
    step = r"(?:[a-z]+ \{[^}]*\}|[a-z]+\((?:[^()]|\([^()]*\))*\)|[a-z]+)"
    for word, term in LAYERS.items():
        for found in re.finditer(rf"{step}(?: -> {step})*", term.note):
            is_step = find(re.split(r"[ ({]", found[0])[0]) and re.search(r"[({]", found[0])
            if is_step and not re.search(r"\b[abx]\b", found[0]):  # formulas are no steps
                yield word, found[0]


def test_what_the_notes_say_to_write_is_right() -> None:
    checked = 0
    for _, written in snippets():
        check_file(parse(Source("a.cnn", f"model M : [N, 8, 16, 16] {{ {written} }}\n")))
        checked += 1
    assert checked >= 40


X = torch.linspace(-4, 4, 2 * 8 * 4 * 4, dtype=torch.float64).reshape(2, 8, 4, 4)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("minpool", lambda x: -torch.nn.functional.max_pool2d(-x, 2)),
        ("amin", lambda x: torch.amin(x, 1)),
        ("square", torch.square),
        ("reciprocal", torch.reciprocal),
        ("clampmin", lambda x: torch.clamp(x, min=0)),
        ("quickgelu", lambda x: x * torch.sigmoid(1.702 * x)),
        ("crelu", lambda x: torch.cat([x.relu(), (-x).relu()], 1)),
    ],
)
def test_what_the_notes_say_to_write_computes_what_was_meant(
    tmp_path: Path, word: str, meant: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    written = max((text for of, text in snippets() if of == word), key=len)
    (tmp_path / "a.cnn").write_text(f"model M : [N, 8, 4, 4] {{ {written} }}\n")
    torch.testing.assert_close(specc.load(tmp_path / "a.cnn").to_torch().double()(X), meant(X))


# ---- what a safe fix does to a network -------------------------------------------------------------------------------


def slips(word: str, draw: random.Random) -> Iterator[str]:
    """The word with a mistake of a typist, or as somebody has it with another word in mind."""
    letters = "abcdefghijklmnopqrstuvwxyz_0123456789"
    for _ in range(6):
        at, other = draw.randrange(len(word)), draw.choice(letters)
        text = draw.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + other + word[at + 1 :],
                word[:at] + other + word[at:],
                word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
                word[:at] + word[at].swapcase() + word[at + 1 :],
                draw.choice(("un", "de", "no_", "in_", "min", "pre", "log", "up")) + word,
                word + draw.choice(("1", "2", "2d", "s", "_", "er", "_a")),
            )
        )
        if re.fullmatch(r"[A-Za-z_]\w*", text) and text != word:
            yield text


def words(text: str) -> list[re.Match[str]]:
    code = re.sub(r"#[^\n]*", lambda found: " " * len(found[0]), text)
    return list(re.finditer(r"[A-Za-z_]\w*", code))


def numbers(text: str, name: str) -> list[object] | None:
    """Shapes, parameters and MACs of every model; None where the text is wrong."""
    try:
        checked = check_file(parse(Source(name, text)))
    except SpecError:
        return None
    return [
        ([str(node.type) for node in network.graph.nodes], network.costs.params, network.costs.macs)
        for network in checked
    ]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.cnn")), ids=lambda path: path.stem)
def test_a_safe_fix_gives_the_network_back_that_was_meant(path: Path) -> None:
    """The names that are written are those that stood there; or another one was misspelt, and all are as that is."""
    text, name, draw = path.read_text(), path.as_posix(), random.Random(path.name)
    meant, places, fixed = numbers(text, name), words(text), 0
    for place in draw.sample(places, min(12, len(places))):
        for slipped in slips(place[0], draw):
            source = Source(name, text[: place.start()] + slipped + text[place.end() :])
            try:
                check_file(parse(source))
            except SpecError as error:
                fixes = [f.fix for f in error.diagnostics if f.fix and f.fix.safety is Safety.SAFE]
                edits = sorted({edit for fix in fixes for edit in fix.edits}, key=lambda edit: edit.span.start)
                if edits:
                    fixed += 1
                    after = applied(source.text, edits)
                    assert after == text or numbers(after, name) in (meant, None), slipped
    assert fixed
