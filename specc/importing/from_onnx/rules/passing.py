"""Nodes that give what they take, when nothing is trained."""

from __future__ import annotations

from onnx import TensorProto, helper

from specc.importing.from_onnx.call import NodeReader, Value, rule
from specc.importing.from_onnx.folding import cast_to
from specc.importing.program import Known, Unsayable

COMPARISONS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Not")
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


@rule("Identity")
def identity(call: NodeReader) -> Value:
    return call.value(0)


@rule("Dropout")
def dropout(call: NodeReader) -> list[Value]:
    """Of the share that it drops in training the file says what it likes: the network that is run drops nothing."""
    x = call.value(0)
    call.ignore("seed")
    call.demand("is_test", 0, 1)
    if len(call.outputs) > 1 and call.outputs[1]:
        raise Unsayable("it gives out which elements it drops")
    if call.has_input(2):
        mode = call.known(2)
        if bool(mode.read().any()):
            raise Unsayable("it is in training mode, and drops elements at random")
    share = call.number(1, 0.5) if call.opset >= 12 else call.attribute("ratio", 0.5)
    call.has_input(1) and call.value(1)
    if not isinstance(x, str) or not share:
        return [x]
    return [call.step("dropout", x, **({} if share == 0.5 else {"p": round(float(share), 7)}))]


def _type_of(value: Value) -> int:
    """As ONNX numbers it; values of the network are float32."""
    if isinstance(value, Known):
        return TensorProto.INT64 if value.is_size else helper.np_dtype_to_tensor_dtype(value.dtype)
    return TensorProto.FLOAT


@rule("Cast", "CastLike")
def cast(call: NodeReader) -> Value:
    """Between floating-point types; the network is computed in float32."""
    x = call.value(0)
    call.ignore("saturate")
    call.ignore("round_mode")
    to = call.required("to", 0) if call.op_type == "Cast" else _type_of(call.value(1))
    if isinstance(x, Known):
        return cast_to(x, to)
    if to in FLOATS or (to == TensorProto.BOOL and call.program.maker(x, *COMPARISONS) is not None):
        return x
    raise Unsayable(f"it makes {helper.tensor_dtype_to_np_dtype(to).name} of a value of the network, which are float32")
