"""What the lints claim, asked of PyTorch: a step without effect gives what it takes, a bias before a norm changes
nothing, the places that a pool leaves out do not reach its result."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from specc.backends.torch import torch_module
from specc.diagnostics import Code, Diagnostic
from specc.elaborate import check_file
from specc.ir.graph import Graph, Node, Port
from specc.lint import lint
from specc.source import Source
from specc.syntax import parse
from specc.weights import Initialised
from tests.lint.test_corpus import CORPUS, linted


def steps_found(name: str, code: Code) -> Iterator[tuple[Graph, Node, Diagnostic]]:
    """Every step that a corpus file's findings of ``code`` point at, with its network."""
    file = parse(Source(name, (CORPUS / "found" / f"{name}.cnn").read_text()))
    checked = check_file(file)
    findings = [finding for finding in lint(file, checked) if finding.code == code]
    assert findings, "the corpus shows the lint"
    for finding in findings:
        place = finding.primary.span.start
        nodes = [(one.graph, node) for one in checked for node in one.graph.nodes if _covers(node, place)]
        assert nodes, "a finding points at a step"
        yield *nodes[0], finding


def _covers(node: Node, place: int) -> bool:
    return node.span.start <= place < node.span.end and "|" not in node.span.text


def at_numbers(graph: Graph) -> Graph:
    return graph.at({symbol.name: 9 for symbol in graph.symbols})


def between(graph: Graph, node: Node) -> nn.Module:
    """The network up to ``node``, which gives out what that takes and what that gives."""
    sized = at_numbers(graph)
    here = [step.name for step in sized.nodes].index(node.name)
    step = sized.nodes[here]
    ports = Port("taken", step.input_types[0]), Port("given", step.type)
    outputs = ((ports[0], step.inputs[0]), (ports[1], step.name))
    module: nn.Module = torch_module(Graph(graph.name, sized.inputs, outputs, sized.nodes[: here + 1]), Initialised(0))
    return module


def inputs_of(graph: Graph, batch: int = 4, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randint(256, (batch, *port.type.sample), generator=generator, dtype=torch.uint8)
        if port.is_cast
        else 3 * torch.randn(batch, *port.type.sample, generator=generator)
        for port in at_numbers(graph).inputs
    ]


@pytest.mark.parametrize(
    "name", ["no_effect", "no_effect_of_shapes", "no_effect_of_ranges", "no_effect_by_traits", "no_effect_on_bytes"]
)
def test_a_step_without_effect_gives_exactly_what_it_takes(name: str) -> None:
    for graph, node, finding in steps_found(name, Code.NO_EFFECT):
        module = between(graph, node)
        for training in (True, False):
            taken, given = module.train(training)(*inputs_of(graph))
            assert torch.equal(taken, given), f"{finding.primary.span} {finding.message}"


@pytest.mark.parametrize("curve", ["relu", "relu6", "leakyrelu(0.3)", "elu", "celu(2.0)", "prelu", "hardtanh"])
@pytest.mark.parametrize(
    "before",
    [
        *("relu", "relu6", "sigmoid", "hardsigmoid", "softmax", "softplus", "tanh", "softsign", "hardtanh(0, 6)"),
        *(
            "gelu",
            "selu",
            "mish",
            "logsoftmax",
            "hardswish",
            "relu -> avgpool(2)",
            "tanh -> maxpool(2)",
            "affine(1, 2)",
        ),
        *("sigmoid -> pad(1)", "sigmoid -> pad(1, value=-2)", "relu -> affine(-1)", "tanh -> globalavgpool"),
        'sigmoid -> upsample(scale_factor=2, mode="bilinear")',
        'sigmoid -> affine(8) -> relu6 -> upsample(scale_factor=2, mode="bicubic")',
        *(
            "add { | relu | sigmoid }",
            "mul { | relu | tanh }",
            "concat { | relu6 | tanh }",
            "maximum { | relu | tanh }",
        ),
        *(
            "relu -> lppool(3, 2)",
            "lppool(2, 2)",
            "lppool(1, 2)",
            "sigmoid -> affine(-1, 1)",
            "sigmoid -> affine(0.1, -0.1)",
        ),
        *("relu6 -> mul { | _ | sigmoid }", "sub { | relu | sigmoid }", "softplus(threshold=-3)", "relu -> lrn(3)"),
        *("sub { | hardtanh(1, 2) | sigmoid }", "sigmoid -> affine(-0.3) -> affine(-1)", "hardtanh(0.1, 0.7)"),
        *("relu6 -> layernorm", "relu -> rmsnorm(elementwise_affine=false)", 'relu6 -> pad(1, mode="circular")'),
    ],
)
def test_what_is_said_to_change_nothing_changes_nothing(before: str, curve: str) -> None:
    """Of every pair: what is claimed holds, on values from far below 0 to far above."""
    text = f"model M : [N, 2, 8, 8] {{ {before} -> {curve} }}"
    (checked,) = check_file(parse(Source("pair.cnn", text)))
    last = checked.graph.nodes[-1]
    is_told = any(f.code == Code.NO_EFFECT and f.primary.span.start == last.span.start for f in linted(text))
    taken, given = between(checked.graph, last)(40 * torch.randn(8, 2, 8, 8))
    assert torch.equal(taken, given) or not is_told


CURVES = (
    *("relu", "relu6", "leakyrelu(0.3)", "leakyrelu(-0.3)", "elu", "elu(-1.0)", "celu(2.0)", "selu", "prelu", "gelu"),
    *("hardtanh", "hardtanh(0, 6)", "hardtanh(0, 3)", "hardtanh(1, 2)", "hardtanh(-1, 8)", "tanh", "softplus"),
)


@pytest.mark.parametrize("second", CURVES)
def test_what_may_be_left_out_changes_nothing(second: str) -> None:
    """Of every pair: all that is told to be left out, at once; and that something is told where nothing changes."""
    x = torch.cat([40 * torch.randn(8, 2, 8, 8), torch.randn(8, 2, 8, 8)])
    for first in CURVES:
        text = f"model M : [N, 2, 8, 8] {{ bn(affine=false) -> {first} -> {second} -> bn(affine=false) }}"
        shorter = text
        fixes = [finding.fix for finding in linted(text) if finding.fix is not None]
        for edit in sorted((edit for fix in fixes for edit in fix.edits), key=lambda edit: -edit.span.start):
            shorter = shorter[: edit.span.start] + edit.text + shorter[edit.span.end :]
        modules = [
            torch_module(check_file(parse(Source("m.cnn", t)))[0].graph, Initialised(0)) for t in (text, shorter)
        ]
        long, short = (module.eval()(x) for module in modules)
        assert torch.equal(long, short), f"{text} is not {shorter}"


def test_what_a_sigmoid_gives_is_told_of_relu_and_not_of_tanh() -> None:
    assert [f.code for f in linted("model M : [N, 2] { sigmoid -> relu }")] == [Code.NO_EFFECT]
    assert linted("model M : [N, 2] { tanh -> relu }") == []


def shifted(module: nn.Module, path: str) -> None:
    """Another bias."""
    with torch.no_grad():
        module.get_parameter(path).add_(torch.linspace(-2, 3, module.get_parameter(path).numel()))


def test_a_bias_before_a_norm_changes_nothing_in_training_and_gets_no_gradient() -> None:
    for graph, node, _ in steps_found("bias_before_norm", Code.BIAS_BEFORE_NORM):
        module = torch_module(graph, Initialised(0)).train()
        inputs = inputs_of(graph, batch=8)
        before = module(*inputs)
        bias, weight = (module.get_parameter(f"{node.name}.{what}") for what in ("bias", "weight"))
        (before * torch.linspace(0, 1, before.numel()).reshape(before.shape)).sum().backward()
        assert bias.grad.abs().max() <= 1e-4 * weight.grad.abs().max()
        shifted(module, f"{node.name}.bias")
        torch.testing.assert_close(module(*inputs), before, rtol=1e-4, atol=1e-4)


def test_the_biases_of_which_nothing_is_said_count() -> None:
    text = (CORPUS / "silent" / "biases_that_count.cnn").read_text()
    (counts, *_) = check_file(parse(Source("silent.cnn", text)))
    biased = [n for n in counts.graph.nodes if getattr(n.op, "bias", False) and n.op.kind in ("conv", "linear")]
    assert len(biased) >= 6
    for node in biased:
        if node.op.frozen:  # type: ignore[attr-defined]
            continue  # left alone for another reason: it is somebody's choice
        module = torch_module(counts.graph, Initialised(0)).train()
        inputs = inputs_of(counts.graph, batch=8)
        before = module(*inputs)
        shifted(module, f"{node.name}.bias")
        assert (module(*inputs) - before).abs().max() > 1e-2, node.name


@pytest.mark.parametrize("p", [0.1, 0.5, 0.75])
def test_a_norm_behind_dropout_keeps_another_variance_than_it_meets(p: float) -> None:
    torch.manual_seed(0)
    x = torch.randn(200_000, 1)
    norm = nn.BatchNorm1d(1, momentum=None)
    norm(F.dropout(x, p, training=True))
    (finding,) = linted(f"model M : [N, 8] {{ fc(8) -> dropout({p}) -> bn }}")
    assert finding.code is Code.DROPOUT_BEFORE_NORM
    claimed = float(re.search(r"is ([\d.]+) times", finding.primary.text)[1])  # type: ignore[index]
    assert norm.running_var.item() / x.var().item() == pytest.approx(claimed, rel=0.02)


def test_a_repeated_activation_adds_nothing() -> None:
    x = torch.cat([torch.randn(1000) * 10, torch.tensor([0.0, -0.0, torch.inf, -torch.inf])])
    for curve in (F.relu, F.relu6, lambda y: F.hardtanh(y, -2, 2)):
        assert torch.equal(curve(curve(x)), curve(x))
    for first in (F.relu, F.leaky_relu, F.elu, F.celu):
        assert torch.equal(F.relu(first(x)), F.relu(x))
        assert torch.equal(F.relu6(first(x)), F.relu6(x))
    assert torch.sigmoid(torch.sigmoid(x)).max().item() == pytest.approx(0.731, abs=1e-3)
    assert torch.tanh(torch.tanh(x)).max().item() == pytest.approx(0.762, abs=1e-3)
    twice = F.softmax(F.softmax(100 * torch.randn(50, 10), 1), 1)
    assert (twice.amax(1) / twice.amin(1)).max().item() <= 2.7183


def reached(pool: nn.Module, size: int) -> list[bool]:
    """Of each place, whether the result depends on it: a sample for each, with that place alone above the others."""
    samples = torch.eye(size).unsqueeze(1)
    nothing = pool(torch.zeros(1, 1, size))[0]
    return [bool((row != nothing).any()) for row in pool(samples)]


def axes_drawn(drawn: random.Random, count: int) -> Iterator[tuple[int, int, int, int, int, bool]]:
    """Size, kernel, stride, padding, dilation and ceil_mode of pools that fit."""
    while count:
        size, kernel, stride = drawn.randint(2, 24), drawn.randint(1, 5), drawn.randint(1, 7)
        padding, dilation = drawn.randint(0, kernel // 2), drawn.randint(1, 3)
        if dilation * (kernel - 1) + 1 <= size + 2 * padding:
            count -= 1
            yield size, kernel, stride, padding, dilation, drawn.random() < 0.3


def test_places_that_pytorch_never_reads_are_told_and_no_others() -> None:
    told = gaps = helped = 0
    for size, kernel, stride, padding, dilation, ceil in axes_drawn(random.Random(0), 400):
        seen = reached(nn.MaxPool1d(kernel, stride, padding, dilation, ceil_mode=ceil), size)
        behind = size - max(place for place, is_seen in enumerate(seen) if is_seen) - 1
        lost = behind if behind > max(0, stride - dilation * (kernel - 1) - 1) else 0
        arguments = f"{kernel}, {stride}, {padding}, {dilation}, {'true' if ceil else 'false'}"
        found = [f for f in linted(f"model M : [N, 1, {size}] {{ maxpool({arguments}) }}") if f.code == "S0505"]
        claimed = sum(count for f in found for _, count in _left_out(f, 1))
        assert claimed == lost, f"{size} places, maxpool({arguments})"
        for finding in found:
            told += 1
            gaps += _check_share(finding, size, seen.count(False), lost)
            for fitting in _fitting(finding):
                helped += 1
                assert linted(f"model M : [N, 1, {fitting}] {{ maxpool({arguments}) }}") == [], finding.helps
    assert told >= 60
    assert gaps >= 10
    assert helped >= 80


def _check_share(finding: Diagnostic, size: int, unseen: int, lost: int) -> bool:
    """Whether the note counts the places that are not seen, and tells those in gaps from those at the end."""
    gaps = f", {unseen - lost} of them in gaps before the end" if unseen > lost else ""
    assert finding.notes[-1] == f"{unseen} of {size} places are never seen: {100 * unseen / size:.2g}%{gaps}"
    return bool(gaps)


def _fitting(finding: Diagnostic) -> list[str]:
    """The sizes of which the help says that they leave nothing over."""
    return [size for help_ in finding.helps if "leaves nothing" in help_ for size in re.findall(r"\d+", help_)]


def test_patches_by_steps_that_pass_over_places_are_counted_as_they_are() -> None:
    for size, kernel, stride, padding, dilation, _ in axes_drawn(random.Random(1), 300):
        if not 1 < dilation * (kernel - 1) + 1 <= stride:
            continue
        conv = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
        nn.init.ones_(conv.weight)
        seen = reached(conv, size)
        arguments = f"1, {kernel}, stride={stride}, padding={padding}, dilation={dilation}"
        found = linted(f"model M : [N, 1, {size}] {{ conv({arguments}) }}")
        behind = size - max((place for place, is_seen in enumerate(seen) if is_seen), default=-1) - 1
        lost = behind if behind > stride - dilation * (kernel - 1) - 1 else 0
        assert sum(count for f in found for _, count in _left_out(f, 1)) == lost, f"{size} places, conv({arguments})"
        for finding in found:
            _check_share(finding, size, seen.count(False), lost)


def test_long_axes_are_counted_without_going_through_them() -> None:
    """By hand: windows of 2 places 2 apart by steps of 2 see the even places, and a last one is left over."""
    for places, pool, unseen in (
        (2**31 - 1, "maxpool(2)", 1),
        (1_000_000, "maxpool(2, stride=2, dilation=2)", 500_000),
    ):
        (finding,) = linted(f"model M : [N, 1, {places}] {{ {pool} }}")
        assert "leaves out the last place of its input" in finding.message
        assert finding.notes[-1].startswith(f"{unseen:,} of {places:,} places are never seen")
    assert linted("model M : [N, 1, 4_194_305] { maxpool(2, stride=4, dilation=2_097_152) }") == [], "too long"


def test_the_end_is_told_from_the_gaps() -> None:
    (finding,) = linted("model M : [N, 1, 11] { maxpool(3, stride=5) }")
    assert finding.message == "maxpool leaves out the last 3 places of its input of 11"
    assert finding.notes == (
        "2 windows of 3 by steps of 5 end at place 8 of 11",
        "5 of 11 places are never seen: 45%, 2 of them in gaps before the end",
    )
    assert finding.helps == (
        "ceil_mode=true reaches the end, and gives 3 instead of 2",
        "an input of 8 or 13 places leaves nothing over",
    )
    (finding,) = linted("model M : [N, 1, 3, 4, 4] { maxpool(2) }")
    assert finding.notes[0] == "1 window of 2 by steps of 2 ends at slice 2 of 3"
    (finding,) = linted("model M : [N, 1, 18] { maxpool(5, stride=2, dilation=2, ceil_mode=true) }")
    assert finding.message == "maxpool leaves out the last place of its input of 18"
    assert finding.notes == (
        "6 windows of 5 places 2 apart by steps of 2 end at place 17 of 18",
        "9 of 18 places are never seen: 50%, 8 of them in gaps before the end",
    )


def test_what_a_pool_leaves_out_does_not_reach_its_result() -> None:
    for _, node, finding in steps_found("input_dropped", Code.INPUT_DROPPED):
        step = Graph("Step", (Port("x", node.input_types[0]),), ((Port("y", node.type), "step1"),), (_alone(node),))
        module = torch_module(step, Initialised(0))
        (x,) = inputs_of(step, batch=1)
        changed, axes = x.clone(), x.dim() - 2
        for axis, size in _left_out(finding, axes):
            changed.narrow(axis + 2, x.shape[axis + 2] - size, size).add_(100)
        assert not torch.equal(x, changed)
        assert torch.equal(module(x), module(changed)), str(finding.primary.span)
        for axis, size in _left_out(finding, axes):
            more = x.clone()
            more.narrow(axis + 2, x.shape[axis + 2] - size - 1, 1).add_(100)
            assert not torch.equal(module(x), module(more)), "the place before is seen"


def _alone(node: Node) -> Node:
    return Node("step1", node.op, ("x",), node.input_types, node.type, node.span)


def _left_out(finding: Diagnostic, axes: int) -> list[tuple[int, int]]:
    """The axes and numbers of places that the message names."""
    words = {1: ["place"], 2: ["row", "column"], 3: ["slice", "row", "column"]}[axes]
    parts = re.findall(r"the last (?:(\d+) )?(place|slice|row|column)s?", finding.message)
    assert parts
    return [(words.index(word), int(count or 1)) for count, word in parts]


def test_a_larger_or_smaller_input_and_ceil_mode_leave_nothing_over() -> None:
    """The help of every finding has been tried: here by the lint itself, on the changed spec."""
    (finding,) = linted("model M : [N, 1, 12, 9] { maxpool(4, stride=3) }")
    assert finding.helps == (
        "ceil_mode=true sees them too, and gives 4 x 3 instead of 3 x 2",
        "an input of 10 or 13 rows and 7 or 10 columns leaves nothing over",
    )
    for height, width in ((10, 7), (13, 10)):
        assert linted(f"model M : [N, 1, {height}, {width}] {{ maxpool(4, stride=3) }}") == []
    assert linted("model M : [N, 1, 12, 9] { maxpool(4, stride=3, ceil_mode=true) -> [N, 1, 4, 3] }") == []


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_cross_entropy_of_probabilities_never_falls_below_what_is_said(classes: int) -> None:
    (finding,) = linted(f"model M : [N, 8] {{ fc({classes}) -> softmax }}")
    least = float(re.search(r"below ([\d.]+),", finding.notes[0])[1])  # type: ignore[index]
    certain = F.one_hot(torch.tensor([1]), classes).float()
    assert nn.CrossEntropyLoss()(certain, torch.tensor([1])).item() == pytest.approx(least, abs=6e-4)


def test_the_parameters_of_a_heavy_layer_are_those_of_pytorch() -> None:
    (graph, node, finding), *_ = steps_found("heavy_fc", Code.HEAVY_FC)
    module = torch_module(graph, Initialised(0))
    everything = sum(p.numel() for p in module.parameters())
    own = sum(p.numel() for name, p in module.named_parameters() if name.startswith(f"{node.module}."))
    assert f"holds {own:,} of the {everything:,} parameters" in finding.message
    pooled = nn.Linear(64, 1024)
    assert f"{sum(p.numel() for p in pooled.parameters()):,} parameters here" in finding.helps[0]


def test_a_permute_leaves_a_pool_behind_it_the_wrong_axes() -> None:
    """Before it globalavgpool leaves as many features as is said, behind it the places of one axis."""
    found = {graph.name: finding for graph, _, finding in steps_found("heavy_fc", Code.HEAVY_FC)}
    last, turned = found["Last"], found["Turned"]
    assert last.helps[0].startswith("globalavgpool before permute, which moves the channels, leaves 256 features, and ")
    assert turned.helps[0].startswith("globalavgpool before it leaves 256 features")
    x = torch.zeros(1, 256, 32, 32)
    assert nn.AdaptiveAvgPool2d(1)(x).numel() == 256
    assert nn.AdaptiveAvgPool2d(1)(x.permute(0, 2, 3, 1)).numel() == 32
    assert f"{sum(p.numel() for p in nn.Linear(256, 1000).parameters()):,} parameters here" in last.helps[0]


def test_a_norm_of_a_single_value_cannot_be_trained() -> None:
    for graph, *_ in steps_found("single_value_norm", Code.SINGLE_VALUE_NORM):
        module, inputs = torch_module(graph, Initialised(0)), inputs_of(graph, batch=1)
        module.eval()(*inputs)
        with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
            module.train()(*inputs)


def test_the_norms_of_which_nothing_is_said_can() -> None:
    source = Source("silent.cnn", (CORPUS / "silent" / "norms_of_several_values.cnn").read_text())
    for checked in check_file(parse(source)):
        batch = checked.graph.inputs[0].type.batch
        inputs = inputs_of(checked.graph, batch=batch if isinstance(batch, int) else 2)
        torch_module(checked.graph, Initialised(0)).train()(*inputs)


def test_weights_meet_the_bytes_of_which_it_is_said() -> None:
    found = list(steps_found("unscaled_bytes", Code.UNSCALED_BYTES))
    assert len(found) == 5
    for graph, node, _ in found:
        taken, _ = between(graph, node)(*inputs_of(graph))
        assert torch.equal(taken, taken.round())
        assert taken.min() >= 0
        assert 192 < taken.max() <= 255


def test_what_is_suggested_for_three_numbers_is_what_pytorch_makes_of_them() -> None:
    found = list(steps_found("input_channels_given", Code.INPUT_CHANNELS_GIVEN))
    assert len(found) == 16
    for graph, node, finding in found:
        call = re.match(r"write (\w+\(\d+, \d+\)) for that", finding.helps[0])[1]  # type: ignore[index]
        name, numbers = re.search(r"torch\.nn\.(\w+)\((.*)\)$", finding.message).groups()  # type: ignore[union-attr]
        theirs = getattr(nn, name)(*map(int, numbers.split(", ")))
        (ours,) = check_file(parse(Source("right.cnn", f"model M : {graph.inputs[0].type} {{ {call} }}")))
        assert [p.shape for p in ours.graph.nodes[0].parameters] == [tuple(p.shape) for p in theirs.parameters()]
        assert [p.shape for p in node.parameters] != [p.shape for p in ours.graph.nodes[0].parameters]
