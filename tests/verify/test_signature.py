"""What a file declares of its inputs and outputs against the spec: what is refused, what is noted, in words."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import pytest
from onnx import TensorProto, helper

from specc.diagnostics import UsageError
from specc.ir.graph import Graph
from specc.onnxfile import OnnxFile
from specc.verify.signature import Signature, compare_signature
from specc.weights import Initialised
from tests.verify.networks import chain, emitted, graph_of

PLAIN = chain("[N, 3]", "fc(10)")
SIZED = graph_of("""
model Sized : [N, 3, H, W] where H >= 8, W >= 8 {
  conv(2, 3, stride=2)
}
""")
EVEN = graph_of("""
model Even : [N, 3, H, W] where H % 16 == 0, W % 16 == 0 {
  conv(2, 3, padding=1) -> maxpool(2)
}
""")


def declaring(inputs: list[object], outputs: list[object], dtype: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """A file with one input and one output of these sizes."""
    ends = [helper.make_tensor_value_info(n, dtype, s) for n, s in (("input", inputs), ("output", outputs))]
    return helper.make_model(helper.make_graph([], "g", ends[:1], ends[1:]))


def compared(graph: Graph, model: onnx.ModelProto, rename: Mapping[str, str] | None = None) -> Signature:
    return compare_signature(graph, OnnxFile(b"", model), rename)


@pytest.mark.parametrize("graph", [PLAIN, SIZED, EVEN])
def test_own_files_are_as_declared(graph: object) -> None:
    found = compared(graph, emitted(graph, Initialised(0)))
    assert (found.faults, found.notes) == ([], [])


def test_faults_are_in_words() -> None:
    graph = chain("[N, 3]", "relu")
    model = emitted(graph, Initialised(0))
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info("input", TensorProto.DOUBLE, ["B", None]))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    assert compared(graph, model).faults == [
        "the file has the input input: float64 [B, ?], the spec input: float32 [N, 3]",
        "the file has the output output: float32 of no declared shape, the spec output: float32 [N, 3]",
    ]


@pytest.mark.parametrize(("dtype", "called"), [(57, "type 57"), (99, "type 99"), (TensorProto.STRING, "string")])
def test_unknown_types_of_elements(dtype: int, called: str) -> None:
    assert compared(PLAIN, declaring(["N", 3], ["N", 10], dtype)).faults == [
        f"the file has the input input: {called} [N, 3], the spec input: float32 [N, 3]",
        f"the file has the output output: {called} [N, 10], the spec output: float32 [N, 10]",
    ]


def test_other_names_are_noted() -> None:
    model = declaring(["N", 3], ["N", 10])
    model.graph.input[0].name, model.graph.output[0].name = "input.1", "21"
    found = compared(PLAIN, model, {})
    assert found.faults == []
    assert found.notes == ['the file calls the input input "input.1"', 'the file calls the output output "21"']
    assert (found.inputs, found.outputs) == ({"input": "input.1"}, {"output": "21"})
    assert found.renamed == {"input.1": "input", "21": "output"}


def test_a_file_of_our_own_has_the_names_of_the_spec() -> None:
    model = declaring(["N", 3], ["N", 10])
    model.graph.input[0].name = "input.1"
    assert compared(PLAIN, model).faults == [
        "the file has the input input.1: float32 [N, 3], the spec input: float32 [N, 3]"
    ]


def test_other_names_of_other_types_are_faults() -> None:
    model = declaring(["N", 4], ["N", 10])
    model.graph.input[0].name = "x"
    assert compared(PLAIN, model, {}).faults == [
        "the file has the input x: float32 [N, 4], the spec input: float32 [N, 3]"
    ]


SEVERAL = graph_of("""
model Two : (a: [N, 3], b: [N, 3], c: [N, 4]) -> (left: [N, 2], right: [N, 5]) {
  concat { | a | b | c } -> both: relu
  both -> left: fc(2)
  both -> right: fc(5)
}
""")


def called(inputs: dict[str, int], outputs: dict[str, int]) -> onnx.ModelProto:
    """A file with these inputs and outputs, each with its number of features."""
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in side.items()]
        for side in (inputs, outputs)
    ]
    return helper.make_model(helper.make_graph([], "g", *ends))


OUT = {"left": 2, "right": 5}
IN_DOUBT = (
    "the file's inputs x and y could be the spec's a and b in one order as in another: say which is which with "
    "--rename x=NAME, in Python rename={'x': NAME}"
)


@pytest.mark.parametrize(
    ("inputs", "outputs", "rename", "faults", "pairs"),
    [
        # told apart by their shapes, or by the names that some have
        ({"a": 3, "b": 3, "z": 4}, {"u": 2, "v": 5}, {}, [], {"z": "c", "u": "left", "v": "right"}),
        ({"x": 3, "b": 3, "z": 4}, OUT, {}, [], {"x": "a", "z": "c"}),
        # two that could be exchanged, in whatever order they stand
        ({"x": 3, "y": 3, "z": 4}, OUT, {}, [IN_DOUBT], None),
        ({"x": 3, "y": 3, "z": 4}, OUT, {"x": "a"}, [], {"x": "a", "y": "b", "z": "c"}),
        ({"x": 3, "y": 3, "z": 4}, OUT, {"x": "b"}, [], {"x": "b", "y": "a", "z": "c"}),
        ({"x": 3, "y": 3, "z": 4}, OUT, {"x": "b", "y": "a"}, [], {"x": "b", "y": "a", "z": "c"}),
        # the spec's own names at other places
        ({"b": 3, "a": 3, "c": 4}, OUT, {}, 2, None),
        ({"b": 3, "x": 3, "c": 4}, OUT, {}, 1, None),
        ({"b": 3, "a": 3, "c": 4}, OUT, {"b": "a", "a": "b"}, [], {"b": "a", "a": "b"}),
        # other places, though the shapes would tell
        ({"z": 4, "x": 3, "y": 3}, OUT, {}, 2, None),
        ({"z": 4, "x": 3, "y": 3}, OUT, {"z": "c", "x": "a"}, [], {"z": "c", "x": "a", "y": "b"}),
        ({"a": 3, "b": 3, "c": 4}, {"v": 5, "u": 2}, {"v": "right"}, [], {"v": "right", "u": "left"}),
        ({"a": 3, "b": 3, "c": 4}, {"v": 5, "u": 2}, {"v": "left"}, 2, None),
    ],
)
def test_which_is_which_is_never_guessed(
    inputs: dict[str, int],
    outputs: dict[str, int],
    rename: dict[str, str],
    faults: list[str] | int,
    pairs: dict[str, str] | None,
) -> None:
    found = compared(SEVERAL, called(inputs, outputs), rename)
    if isinstance(faults, int):
        assert len(found.faults) == faults
    else:
        assert found.faults == faults
    if pairs is not None:
        assert found.renamed == pairs


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        ({"q": "a"}, "the file has no input or output called q: it has x, y, z, left and right"),
        ({"x": "left"}, "x is an input of the file, and the spec's are a, b and c, not left"),
        ({"x": "a", "y": "a"}, "x and y cannot both be a"),
    ],
)
def test_what_cannot_be_renamed_is_refused(rename: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        compared(SEVERAL, called({"x": 3, "y": 3, "z": 4}, OUT), rename)
    assert str(caught.value) == words


def test_another_number_of_outputs() -> None:
    model = declaring(["N", 3], ["N", 10])
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["N", 2]))
    assert compared(PLAIN, model).faults == [
        "the file has 2 outputs (output: float32 [N, 10]; more: float32 [N, 2]), the spec 1 (output: float32 [N, 10])"
    ]


def test_tensors_listed_as_inputs_are_none() -> None:
    """As files of IR 3 list them."""
    model = declaring(["N", 3], ["N", 10])
    model.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]))
    assert compared(PLAIN, model).faults == []


def test_half_precision_says_how_to_keep_float() -> None:
    faults = compared(PLAIN, declaring(["N", 3], ["N", 10], TensorProto.FLOAT16)).faults
    assert faults[0] == (
        "the file has the input input: float16 [N, 3], the spec input: float32 [N, 3]: "
        "converters keep float at both ends with keep_io_types=True"
    )


FAULTY = {
    "batch fixed": ([1, 3], ["N", 10], "N may be other numbers than 1"),
    "batch of the output fixed": (["N", 3], [1, 10], "N may be other numbers than 1"),
    "number of features open": (["N", None], ["N", 10], "axis 1 is 3, and not any number"),
    "number of features named": (["N", "F"], ["N", 10], "axis 1 is 3, and not any number"),
    "another number": (["N", 4], ["N", 10], "the spec input: float32 [N, 3]"),
    "another number out": (["N", 3], ["N", 11], "the spec output: float32 [N, 10]"),
    "another rank": (["N", 3, 1], ["N", 10], "the spec input: float32 [N, 3]"),
    "features called as the batch": (["N", 3], ["N", "N"], "N is not 10"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_faulty_sizes(name: str) -> None:
    inputs, outputs, words = FAULTY[name]
    (fault,) = compared(PLAIN, declaring(inputs, outputs)).faults
    assert words in fault


HALF = ["((H - 3)//2) + 1", "((W - 3)//2) + 1"]

NOTED = {
    "batch renamed": (PLAIN, ["batch", 3], ["batch", 10], ['the file calls N "batch"']),
    "batch unnamed": (PLAIN, [None, 3], ["N", 10], ["input input: the file leaves axis 0 open, which is N"]),
    "features out open": (PLAIN, ["N", 3], ["N", None], ["output output: the file leaves axis 1 open, which is 10"]),
    "features out named": (
        PLAIN,
        ["N", 3],
        ["N", "F"],
        ['output output: the file leaves axis 1 open, as "F", which is 10'],
    ),
    "formula of an exporter": (SIZED, ["N", 3, "H", "W"], ["N", 2, *HALF], []),
    "formula of renamed sizes": (
        SIZED,
        ["s0", 3, "s1", "s2"],
        ["s0", 2, "(s1 - 1)//2", "(s2 + 1)//2 - 1"],
        [f'the file calls {a} "{b}"' for a, b in (("N", "s0"), ("H", "s1"), ("W", "s2"))],
    ),
    "sizes out by names of their own": (
        SIZED,
        ["N", 3, "H", "W"],
        ["N", 2, "height out", "Convoutput_dim_3"],
        ['the file calls floor((H - 1)/2) "height out"', 'the file calls floor((W - 1)/2) "Convoutput_dim_3"'],
    ),
    "formula that holds for the allowed sizes alone": (EVEN, ["N", 3, "H", "W"], ["N", 2, "(H + 1)//2", "W//2"], []),
}


@pytest.mark.parametrize("name", NOTED)
def test_what_others_write_differently_is_noted(name: str) -> None:
    graph, inputs, outputs, notes = NOTED[name]
    found = compared(graph, declaring(inputs, outputs))
    assert found.faults == []
    assert found.notes == notes


UNTRUE = {
    "formula": (["N", 3, "H", "W"], ["N", 2, "H//2", HALF[1]], "H//2 is floor(H/2) here, and not floor((H - 1)/2)"),
    "as large as the input": (["N", 3, "H", "W"], ["N", 2, "H", "W"], "H is not floor((H - 1)/2)"),
    "one name for two sizes": (["N", 3, "S", "S"], ["N", 2, None, None], "S is H here, and not W"),
    "one name for two sizes out": (["N", 3, "H", "W"], ["N", 2, "o", "o"], "o is floor((H - 1)/2) here"),
    "the sizes swapped on the way": (["N", 3, "H", "W"], ["N", 2, *HALF[::-1]], "and not floor((H - 1)/2)"),
    "another's name": (["N", 3, "W", "W"], ["N", 2, None, None], "W stands for H too"),
}


@pytest.mark.parametrize("name", UNTRUE)
def test_untrue_claims_are_faults(name: str) -> None:
    inputs, outputs, words = UNTRUE[name]
    faults = compared(SIZED, declaring(inputs, outputs)).faults
    assert words in faults[-1]


def test_text_that_is_no_arithmetic_is_a_name() -> None:
    for text in (
        "__import__('os')",
        "H ** 9 ** 9",
        "floor(H)",
        "H / 2",
        "(" * 500,
        "0x",
        "H if H else W",
        "H//0",
        "8//0",
        "8 % 0",
    ):
        found = compared(SIZED, declaring(["N", 3, "H", "W"], ["N", 2, text, None]))
        assert found.faults == []
        assert found.notes[0] == f'the file calls floor((H - 1)/2) "{text}"'


def test_pytorch_is_told_what_to_write() -> None:
    model = declaring([1, 3, 32, 32], ["N", 2, None, None])
    assert "torch.onnx" not in compared(SIZED, model).faults[0]
    model.producer_name = "pytorch"
    assert (
        compared(SIZED, model)
        .faults[0]
        .endswith(
            '. torch.onnx.export(model, x, FILE, input_names=["input"], output_names=["output"], '
            'dynamic_shapes=({0: "N", 2: "H", 3: "W"},)) writes what the spec says'
        )
    )
