"""Flat networks as specs: the text that a person would have written, and the same network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import specc
from specc.importing.network import ImportedNetwork, ImportedOutput, ImportedPort, ImportedStep
from specc.importing.structure import comparison, structured
from specc.ir.graph import Graph
from tests.importing.flattening import flattened


def graph(text: str) -> Graph:
    return specc.loads(text).graph


def written(text: str, *, with_paths: bool = True) -> str:
    """The text of a spec's network after its blocks have been forgotten; it is the same network."""
    original = graph(text)
    spec = structured(flattened(original, with_paths=with_paths))
    assert spec.structure == "loops"
    comparison.paired(original, spec.graph)
    if with_paths:
        assert not spec.renamed
        assert dict(spec.graph.state) == dict(original.state)
    return spec.text


def unchanged(text: str) -> None:
    assert written(text) == text


def test_chain_with_labels() -> None:
    unchanged("""model Net : [N, 1, 32, 32] -> (scores: [N, 10]) {
  conv1: conv(6, 5, padding=2) -> relu -> maxpool(2)
  "c-2": conv(16, [3, 5], bias=false) -> bn2: bn(eps=0.001) -> leakyrelu(0.2)
  flatten -> 0: fc(10)
}
""")


def test_names_that_the_language_gives_are_left_out() -> None:
    """In groups they begin anew; calls have the name of their block."""
    unchanged("""block unit(c, stride = 1) {
  conv(c, 3, stride=stride, padding=1, bias=false) -> bn -> relu6
}

model Net : [N, 3, 32, 32] -> [N, 10] {
  conv(16, 3, padding=1) -> bn -> relu6
  unit(16) -> unit(24, stride=2)
  unit(24)
  conv(32, 1) -> relu
  head: { globalavgpool -> conv(32, 1) -> relu }
  flatten -> scores: fc(10)
}
""")


def test_names_that_are_called_or_would_change_stay() -> None:
    """An earlier value is called by its label, and a step alone has the number of its round without one."""
    text = written("""model Net : [N, 3, 32, 32] -> (early: [N, 8, 32, 32], late: [N, 8, 32, 32]) {
  conv(8, 3, padding=1) -> bn -> relu -> conv2: conv(8, 3, padding=1)
  let early = conv2
  body: repeat 3 { conv1: conv(8, 1) }
  bn -> late: conv(8, 1)
}
""")
    assert "  conv2: conv(8, 3, padding=1)\n" in text


def test_names_that_somebody_has_chosen_stay() -> None:
    unchanged("""model Net : [N, 3, 32, 32] -> [N, 8, 32, 32] {
  conv1: conv(8, 3, padding=1) -> norm1: bn -> relu
  conv2: conv(8, 3, padding=1) -> norm2: bn -> relu
}
""")


def test_arms_begin_where_they_go_apart() -> None:
    unchanged("""model Net : [N, 8, 32, 32] -> [N, 16, 32, 32] {
  add {
    | c1: conv(8, 3, padding=1, bias=false) -> b1: bn -> relu
      c2: conv(8, 3, padding=1, bias=false) -> b2: bn
      mul { | _ | globalavgpool -> se: conv(8, 1) -> sigmoid }
    | _
  }
  relu
  concat { | left: conv(8, 1) | maxpool(3, stride=1, padding=1) -> right: conv(8, 1) }
}
""")


RESIDUAL = """block layer(c, stride = 1) {
  add {
    | conv1: conv(c, 3, stride=stride, padding=1, bias=false) -> bn1: bn -> relu
      conv2: conv(c, 3, padding=1, bias=false) -> bn2: bn
    | if in.channels != c { downsample: { 0: conv(c, 1, stride=stride, bias=false) -> 1: bn } }
  }
  relu
}
"""


def test_residual_blocks() -> None:
    """The shortcut has a convolution where the channels change; no call says so."""
    unchanged(f"""{RESIDUAL}
model Net : [N, 3, H, W] -> [N, 32, _, _] {{
  stem: conv(16, 3, padding=1, bias=false) -> norm: bn -> relu
  layer1: layer(16) -> layer2: layer(16)
  layer3: layer(32, stride=2) -> layer4: layer(32)
}}
""")


def test_one_block_in_another() -> None:
    unchanged("""block unit(c, kernel, stride = 1) {
  conv: conv(c, kernel, stride=stride, padding=kernel // 2, bias=false)
  bn: bn(eps=0.001) -> relu
}

block mixed(c1, c2, c3, c4) {
  concat {
    | branch1: unit(c1, 1)
    | branch2: { 0: unit(c2, 1) -> 1: unit(c3, 3) }
    | branch4: { maxpool(3, stride=1, padding=1) -> 1: unit(c4, 1) }
  }
}

model Net : [N, 3, H, W] -> [N, 10] where H >= 3, W >= 3 {
  conv1: unit(16, 7, stride=2) -> maxpool(2)
  mixed3a: mixed(4, 6, 8, 3) -> mixed3b: mixed(5, 8, 8, 9)
  mixed4a: mixed(5, 4, 9, 9)
  globalavgpool -> flatten -> fc: fc(10)
}
""")


def test_channels_that_a_block_hands_on() -> None:
    """What a call in a block is given is a formula of the block's own channels."""
    unchanged("""block unit(c, kernel, stride = 1) {
  conv: conv(c, kernel, stride=stride, padding=kernel // 2, bias=false)
  bn: bn(eps=0.001) -> relu
}

block residual {
  add { | _ | a: unit(in.channels // 2, 1) -> b: unit(in.channels, 3) }
}

block down(c) {
  a: unit(c, 3, stride=2) -> b: unit(c, 3)
  skip: conv(4 * c, 1)
}

model Net : [N, 3, H, W] -> [N, 10] {
  stem: unit(16, 7, stride=2) -> stage1: repeat 3 { residual }
  down1: down(8) -> stage2: repeat 4 { residual }
  down2: down(16) -> stage3: repeat 3 { residual }
  down3: down(12)
  globalavgpool -> flatten -> fc: fc(10)
}
""")


def test_rounds_are_no_option() -> None:
    """Stages of two rounds and of three are two loops, and not one block with the third under a condition."""
    stage = """{{
    begin: conv({c}, 2, stride=2) -> bn0: bn
    rounds: {{ {rounds} }}
    end: conv({c}, 1) -> bn1: bn -> silu
  }}"""
    one = "add {{ | _ | a: conv({c}, 1) -> n: bn -> silu -> b: conv({c}, 3, padding=1) }}"
    texts = [
        stage.format(c=c, rounds=" -> ".join(f"{i}: {{ {one.format(c=c)} }}" for i in range(n)))
        for c, n in ((16, 2), (24, 3), (32, 2), (48, 3))
    ]
    body = " -> ".join(f"stage{i}: {text}" for i, text in enumerate(texts))
    assert " if " not in written(f"model Net : [N, 3, 32, 32] -> [N, 48, 2, 2] {{ {body} }}")


def test_values_that_a_block_is_given() -> None:
    unchanged("""block unit(c) {
  conv: conv(c, 3, padding=1) -> relu
}

block up(c, skip) {
  concat { | skip | deconv: convtranspose(c, 2, stride=2) }
  conv1: conv(c, 3, padding=1) -> relu
  conv2: conv(c, 3, padding=1) -> relu
}

model Net : [N, 1, H, W] -> [N, 2, H, W] where H % 8 == 0, W % 8 == 0 {
  a: unit(8) -> maxpool(2)
  b: unit(16) -> maxpool(2)
  c: unit(24) -> maxpool(2)
  d: unit(64) -> up1: up(48, c)
  up2: up(8, b) -> up3: up(4, a)
  head: conv(2, 1)
}
""")


def test_rounds_and_tables() -> None:
    """A row of equal calls is a repeat, and what differs between rounds stands in a table."""
    unchanged(f"""{RESIDUAL.replace("layer", "residual")}
model Net : [N, 3, H, W] -> [N, 32, _, _] {{
  stem: conv(16, 3, padding=1, bias=false) -> norm: bn -> relu
  layer1: repeat 3 {{ residual(16) }}
  layer2: for stride in [2, 1, 1, 1] {{ residual(32, stride=stride) }}
}}
""")


def test_a_concat_that_grows() -> None:
    unchanged("""block layer {
  norm: bn -> relu -> conv: conv(4, 3, padding=1, bias=false)
}

model Net : [N, 8, 8, 8] -> [N, 4, 8, 8] {
  dense1: for i in range(6) { concat { | _ | "layer{i + 1}": layer } }
  conv: conv(4, 1)
}
""")


def test_skips_through_a_loop() -> None:
    unchanged("""model Net : [N, 8, 16, 16] -> [N, 8, 16, 16] {
  a: conv(8, 3, padding=1) -> maxpool(2)
  b: conv(8, 3, padding=1) -> maxpool(2)
  c: conv(8, 3, padding=1) -> maxpool(2) -> relu
  up: for skip in [c, b, a] {
    concat { | skip | upsample(scale_factor=2) } -> conv: conv(8, 3, padding=1, bias=false)
    norm: bn -> relu
  }
}
""")


def test_what_stands_in_one_loop_is_no_block() -> None:
    unchanged("""model Net : [N, 3, 64, 64] -> [N, 4, 64, 64] {
  body: for c in [16, 32, 64] { conv(c, 3, padding=1) -> bn -> tanh }
  conv(4, 1)
}
""")


def test_an_output_that_is_called_like_the_weights_before_it() -> None:
    unchanged("""model Net : [N, 8, 16, 16] -> (score: [N, 1], early: [N, 8, 16, 16]) {
  early: conv(8, 3, padding=1) -> relu
  globalavgpool -> flatten -> score: fc(1) -> sigmoid
}
""")


def test_a_shared_tower() -> None:
    unchanged("""model Pair : (left: [N, 1, 16, 16], right: [N, 1, 16, 16]) -> [N, 1] {
  shared embed = {
    conv1: conv(8, 3) -> relu -> maxpool(2)
    conv2: conv(8, 3) -> relu -> maxpool(2)
    flatten -> dense: fc(4)
  }
  sub {
    | left -> embed
    | right -> embed
  } -> abs -> same: fc(1)
}
""")


def test_a_shared_tower_in_each_block() -> None:
    unchanged("""block gate {
  shared mlp = {
    down: conv(in.channels // 2, 1) -> relu
    up: conv(in.channels, 1)
  }
  mul {
    | _
    | add {
        | globalavgpool -> mlp
        | globalmaxpool -> mlp
      } -> sigmoid
  }
}

model Net : [N, 8, 16, 16] -> [N, 24, 16, 16] {
  a: conv(16, 3, padding=1)
  gate1: gate
  b: conv(24, 3, padding=1)
  gate2: gate
}
""")


def test_blocks_without_names() -> None:
    """What comes again is a part, whatever it is called; stages are loops of their own."""
    stages = "\n".join(
        f"  layer{i}: for s in [{1 if i == 1 else 2}, 1, 1, 1] {{ residual({32 * i}, stride=s) }}" for i in (1, 2, 3)
    )
    text = written(
        f"""{RESIDUAL.replace("layer", "residual")}
model Net : [N, 3, H, W] -> [N, 10] {{
  stem: conv(16, 3, padding=1, bias=false) -> norm: bn -> relu
{stages}
  globalavgpool -> flatten -> fc(10)
}}
""",
        with_paths=False,
    )
    assert (
        text
        == """block residual(c, stride = 1) {
  add {
    | conv(c, 3, stride=stride, padding=1, bias=false) -> bn -> relu
      conv(c, 3, padding=1, bias=false) -> bn
    | if in.channels != c { conv(c, 1, stride=stride, bias=false) -> bn }
  }
  relu
}

model Net : [N, 3, H, W] -> [N, 10] {
  conv(16, 3, padding=1, bias=false) -> bn -> relu
  repeat 4 { residual(32) }
  for stride in [2, 1, 1, 1] { residual(64, stride=stride) }
  for stride in [2, 1, 1, 1] { residual(96, stride=stride) }
  globalavgpool -> flatten -> fc(10)
}
"""
    )


def test_parts_without_names_that_are_called_from_elsewhere() -> None:
    """A value inside of what comes again is taken further down: there it is no part."""
    text = written(
        """model Net : [N, 4, 16, 16] -> (early: [N, 8, 16, 16], late: [N, 8, 16, 16]) {
  conv(8, 3, padding=1) -> bn -> relu -> conv(8, 3, padding=1) -> bn -> relu -> maxpool(1)
  conv(8, 3, padding=1) -> bn -> relu -> conv(8, 3, padding=1) -> bn -> early: relu -> maxpool(1)
  conv(8, 3, padding=1) -> bn -> relu -> conv(8, 3, padding=1) -> bn -> relu -> maxpool(1)
  conv(8, 3, padding=1) -> bn -> relu -> late: conv(8, 1)
}
""",
        with_paths=False,
    )
    assert "-> early: unit -> maxpool(1)" in text


def step(operator: str, *inputs: str, name: str = "", value: str, **arguments: Any) -> ImportedStep:
    return ImportedStep(name, operator, arguments, inputs, (value,))


def network(*steps: ImportedStep, outputs: tuple[str, ...], inputs: tuple[str, ...] = ("x",)) -> ImportedNetwork:
    ports = tuple(ImportedPort(name, ("N", 4, 8, 8)) for name in inputs)
    return ImportedNetwork("Net", ports, tuple(ImportedOutput(f"o{v}", v) for v in outputs), steps, {})


def test_concats_of_all_before_go_on_from_each_other() -> None:
    """As torch.cat of a list that grows."""
    values = [step("relu", f"r{k - 1}" if k == 1 else f"c{k - 1}", value=f"r{k}") for k in range(1, 5)]
    steps = [step("tanh", "x", value="r0")]
    for k, value in enumerate(values, 1):
        steps += [value, step("concat", *(f"r{j}" for j in range(k + 1)), value=f"c{k}")]
    spec = structured(network(*steps, outputs=("c4",)))
    assert spec.structure == "loops"
    assert "tanh -> repeat 4 { concat { | _ | relu } }" in spec.text


def of_weights(text: str) -> str:
    """The text of a spec's network where only the steps with weights have names, as in files; they keep them."""
    original = graph(text)
    flat = flattened(original)
    spec = structured(replace(flat, steps=tuple(s if s.tensors else replace(s, name="") for s in flat.steps)))
    assert spec.structure == "loops"
    comparison.paired(original, spec.graph)
    assert not spec.renamed
    return spec.text


def test_what_stands_behind_a_shared_tower_is_no_part_of_it() -> None:
    text = """model Pair : (left: [N, 1, 16, 16], right: [N, 1, 16, 16]) -> [N, 1] {
  shared embed = {
    conv1: conv(8, 3) -> relu -> maxpool(2)
    flatten -> dense: fc(4)
  }
  sub {
    | left -> embed -> sigmoid
    | right -> embed -> sigmoid
  } -> same: fc(1)
}
"""
    assert of_weights(text) == text


def test_rounds_that_are_called_from_elsewhere() -> None:
    """By their numbers: a label of the first round would be one of all of them."""
    text = """block part(c) { 0: conv(c, 1) -> relu -> 2: conv(8, 3, padding=1) -> relu }

model Heads : [N, 3, 32, 32] -> [N, 12, 16, 16] {
  first: part(24) -> extra: repeat 3 { part(16) }
  concat {
    | extra[0] -> a: conv(4, 1) -> maxpool(2)
    | extra[1] -> b: conv(4, 1) -> maxpool(2)
    | extra -> c: conv(4, 1) -> maxpool(2)
  }
}
"""
    assert "extra: repeat 3 { stack(16) }" in of_weights(text)


def test_groups_that_others_come_between() -> None:
    """A part of a part of one is no block: its names go on in another part."""
    layers = "conv1: conv(9, 3, padding=1, bias=false) -> tanh -> conv2: conv(7, 3, padding=1) -> norm1: bn"
    text = "model Net : [N, 3, 32, 32] {\n down: { 0: { first: conv(4, 3) -> relu -> 1: bn } }\n"
    for j in (1, 2):
        text += f"""  stage{j}: conv(8, 3, padding=1)
  down: {{ {j}: {{ {layers} -> conv3: conv(8, 1) }} }}
  other{j}: conv(8, 3, padding=1)
  down: {{ {j}: {{ last: conv(8, 3, padding=1) }} }}
"""
    assert of_weights(f"{text}}}").count("last: ") == 2


def test_what_is_called_in_a_group_that_goes_on() -> None:
    text, last = "model Wave : [N, 8, 16] {\n", ""
    for j in range(4):
        text += f"""{last}  m{j}: mul {{
    | filter: {{ {j}: conv(8, 3, padding=1) -> tanh }}
    | gate: {{ {j}: conv(8, 3, padding=1) -> sigmoid }}
  }}
"""
        text += f"  skip: {{ {j}: conv(4, 1) }}\n" if j < 3 else "  skip: {\n"
        last = f"  m{j} -> rest: {{ {j}: conv(8, 1) }}\n"
    text += "    3: conv(4, 1) -> add { | skip[0] | skip[1] | skip[2] | _ } -> relu\n  }\n  end: conv(8, 1)\n}"
    found = of_weights(text)
    assert "| skip[0]" in found


def test_outputs_come_before_labels() -> None:
    """A label that is called like an output of another value gives way."""
    flat = flattened(graph("model A : [N, 4, 8, 8] -> (a, c) { a: conv(4, 1) -> relu -> b: bn\n c: conv(2, 1) }"))
    swapped = tuple(ImportedOutput(name, output.value) for name, output in zip("cb", flat.outputs, strict=True))
    spec = structured(replace(flat, outputs=swapped))
    assert spec.structure == "loops"
    assert [(port.name, value) for port, value in spec.graph.outputs] == [("c", "a"), ("b", "c_")]
    assert spec.renamed == {
        f"{new}.{role}": f"{old}.{role}" for old, new in (("b", "b_"), ("c", "c_")) for role in _roles(spec, old)
    }


def _roles(spec: Any, label: str) -> list[str]:
    """The tensors of a module."""
    return [name.removeprefix(f"{label}.") for name in spec.renamed.values() if name.startswith(f"{label}.")]


def test_several_inputs_and_outputs() -> None:
    spec = structured(
        network(
            step("relu", "a", value="1"),
            step("tanh", "b", value="2"),
            step("add", "1", "2", value="3"),
            step("sigmoid", "1", value="4"),
            step("sigmoid", "3", value="5"),
            inputs=("a", "b"),
            outputs=("4", "5", "3"),
        )
    )
    assert spec.structure == "loops"
    assert [(port.name, port.type.rank) for port, _ in spec.graph.outputs] == [("o4", 4), ("o5", 4), ("o3", 4)]


def test_concats_of_concats_are_one() -> None:
    one = graph("model A : [N, 4, 8, 8] { concat { | _ | relu | tanh } }")
    other = graph("model A : [N, 4, 8, 8] { concat { | concat { | _ | relu } | tanh } }")
    comparison.paired(one, other)
    comparison.paired(other, one)


@pytest.mark.parametrize(
    "text",
    [
        "model A : [N, 4, 8, 8] { concat { | relu | _ | tanh } }",
        "model A : [N, 4, 8, 8] { concat { | _ | relu | sigmoid } }",
        "model A : [N, 4, 8, 8] { concat(dim=2) { | concat(dim=2) { | _ | relu } | tanh } }",
        "model A : [N, 5, 8, 8] { concat { | _ | relu | tanh } }",
        "model A : (x: [N, 4, 8, 8]) { concat { | _ | relu | tanh } }",
        "model A : [N, 4, 8, 8] -> (y) { concat { | _ | relu | tanh } }",
        "model A : [N, 4, 8, 8] { concat { | _ | relu | tanh -> identity } }",
    ],
)
def test_other_networks_are_others(text: str) -> None:
    one = graph("model A : [N, 4, 8, 8] { concat { | _ | relu | tanh } }")
    with pytest.raises(comparison.Different):
        comparison.paired(one, graph(text))


def test_weights_of_one_are_not_those_of_two() -> None:
    one = graph("model A : [N, 4, 8, 8] { shared c = conv(4, 1)\n c -> c }")
    two = graph("model A : [N, 4, 8, 8] { conv(4, 1) -> conv(4, 1) }")
    for pair in ((one, two), (two, one)):
        with pytest.raises(comparison.Different, match="weights"):
            comparison.paired(*pair)
