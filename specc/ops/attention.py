"""Attention between learned projections: each place of a sequence takes a mean of the places that answer to it."""

from collections.abc import Mapping
from math import sqrt
from typing import TypeVar

from specc.ir.conditions import Equal
from specc.ir.init import Constant, Init, Uniform, pytorch_default
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.rounding import Attention
from specc.ir.targets import Builder, ModuleCall, Ref, TorchModule, Value
from specc.ir.traits import UNKNOWN, AxisMap, Opaque, Whole, same
from specc.ir.types import TensorType, fixed
from specc.ops.fields import Flag, Positive
from specc.ops.registry import register
from specc.ops.shapes import as_factor, fixed_number, never_equal, require_divides, unproven

Part = TypeVar("Part")

_MASKED = "every place attends to all: a mask is no argument; masked attention is written with matmul and softmax"
_ALTERNATIVES = {
    "embed_dim": "leave it out: the input tells it",
    "dropout": "no attention weights are dropped; dropout behind it drops results",
    "attn_mask": _MASKED,
    "key_padding_mask": _MASKED,
    "is_causal": _MASKED,
    "batch_first": "leave it out: the batch is first always, [N, L, E]",
    "need_weights": "leave it out: a step gives one value; matmul and softmax give the weights",
    "average_attn_weights": "leave it out: a step gives one value; matmul and softmax give the weights",
    "kdim": "linear before it gives keys as many features as the query has",
    "vdim": "linear before it gives values as many features as the query has",
    "add_bias_kv": "it is not supported; with matmul and softmax it can be written",
    "add_zero_attn": "it is not supported; with matmul and softmax it can be written",
    "head_dim": "num_heads tells it: the features over the heads",
    "key_dim": "num_heads tells it: the features over the heads",
}


@register
class MultiheadAttention(Op):
    """Each place of [N, L, E] as a mean of the values of all places, head by head: torch.nn.MultiheadAttention.

    Query, keys and values are linear in the input. A head has E/num_heads features of each, and weighs the values by
    softmax(query * keys/√(E/num_heads)); a last linear layer joins the heads. No weight is dropped or masked.

    With arms it is cross attention: ``{ | query | memory }``, or ``{ | query | keys | values }``. Of a map
    ``flatten(2) -> permute(0, 2, 1)`` makes a sequence, and ``permute(0, 2, 1) -> reshape(like=…)`` a map again.
    """

    kind = "multiheadattention"
    arity = (1, 3)

    num_heads: Positive
    bias: Flag = True
    frozen: Flag = False

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        if name == "bias" and type(heads := values.get("bias")) is int:  # PyTorch's second number
            return (f"the input tells embed_dim, which is not written here: multiheadattention({heads})",)
        return (_ALTERNATIVES[name],) if name in _ALTERNATIVES else ()

    def infer(self, *inputs: TensorType) -> TensorType:
        for place, x in enumerate(inputs):
            if len(x.sample) != 2:
                helps = ("flatten(2) -> permute(0, 2, 1) makes a sequence of the places of a map",)
                raise Refusal(
                    "S0101",
                    f"multiheadattention takes sequences, [N, L, E], and its input is {x}",
                    cause=place,
                    helps=helps if len(x.sample) > 2 else (),
                )
        query, keys, values = _parts(*inputs)
        features = fixed_number(self, query.sample[1], "features")
        require_divides(self, "num_heads", self.num_heads, features, "features")
        for place, x in enumerate(inputs):
            if fixed_number(self, x.sample[1], "features") != features:
                raise Refusal(
                    "S0105",
                    f"the arms of multiheadattention have {features} and {x.sample[1]} features",
                    cause=place,
                    label=f"needs {features}",
                    helps=(f"linear({features}) in the arm gives it as many",),
                )
        if any(x.batch != query.batch for x in inputs) or never_equal(keys.sample[0], values.sample[0]):
            raise Refusal(
                "S0105",
                f"multiheadattention takes a value for each key: {keys} and, as arm {len(inputs)}, {values}",
                cause=len(inputs) - 1,
                label="needs as many places as the keys have",
            )
        if keys.sample[0] != values.sample[0]:
            claim, needed = "multiheadattention finds a value for each key", [Equal(keys.sample[0], values.sample[0])]
            raise unproven(claim, needed, detail=f"{keys} and, as arm 3, {values}", cause=2)
        return query

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(2, mixed=1) if len(inputs) == 1 else UNKNOWN

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        features = fixed(inputs[0].sample[1])
        # xavier_uniform_ of all three projections as one weight, as PyTorch's layer draws it.
        packed, square = Uniform(sqrt(6 / (4 * features))), (features, features)
        tensors: list[tuple[str, tuple[int, ...], Init]] = [
            ("in_proj_weight", (3 * features, features), packed),
            ("in_proj_bias", (3 * features,), Constant(0.0)),
            ("out_proj.weight", square, pytorch_default(square)),
            ("out_proj.bias", (features,), Constant(0.0)),
        ]
        is_trained = not self.frozen
        return tuple([Parameter(*each, trainable=is_trained) for each in tensors if self.bias or len(each[1]) > 1])

    def macs(self, *inputs: TensorType) -> int:
        """Four linear layers, the products of queries and keys, and the means of the values by these."""
        (length, features), (attended, _), _ = (map(fixed, x.sample) for x in _parts(*inputs))
        return (2 * length + 2 * attended) * features * features + 2 * length * attended * features

    def window(self, *inputs: TensorType) -> Whole | Opaque:
        # Of a query that is another value its own place alone is read: no window says that.
        return Whole() if len(inputs) == 1 else Opaque()

    def rounding(self, *inputs: TensorType) -> Attention:
        _, keys, _ = _parts(*inputs)
        return Attention(self.num_heads, keys.sample[0])

    def torch(self, *inputs: TensorType) -> TorchModule:
        options = self.non_default("bias") | {"batch_first": True}
        arms = (Value(0), Value(min(1, len(inputs) - 1)), Value(len(inputs) - 1))
        call = ModuleCall(arms, {"need_weights": False}, item=0)
        return TorchModule("nn.MultiheadAttention", (inputs[0].sample[1], self.num_heads), options, call=call)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        features = fixed(inputs[0].sample[1])
        size = features // self.num_heads

        def linear(x: Ref, weight: Ref, bias: Ref) -> Ref:
            product = build.node("MatMul", x, build.node("Transpose", weight, perm=[1, 0]))
            return build.node("Add", product, bias) if bias else product

        def rows(name: str, part: int) -> Ref:
            """Those of the query, the keys or the values in a tensor that has all three."""
            ends = (build.integers([place * features]) for place in (part, part + 1))
            return build.node("Slice", build.parameter(name), *ends, build.integers([0]))

        def heads(part: int, perm: list[int]) -> Ref:
            bias = rows("in_proj_bias", part) if self.bias else ""
            projected = linear(_parts(*values)[part], rows("in_proj_weight", part), bias)
            by_head = build.node("Reshape", projected, build.integers([0, 0, self.num_heads, size]))
            return build.node("Transpose", by_head, perm=perm)

        query = build.node("Mul", heads(0, [0, 2, 1, 3]), build.floats(size**-0.5))
        weights = build.node("Softmax", build.node("MatMul", query, heads(1, [0, 2, 3, 1])), axis=-1)
        mean = build.node("Transpose", build.node("MatMul", weights, heads(2, [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        joined = build.node("Reshape", mean, build.integers([0, 0, features]))
        return linear(joined, build.parameter("out_proj.weight"), build.parameter("out_proj.bias") if self.bias else "")

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        query, keys, _ = _parts(*inputs)
        features = fixed(query.sample[1])
        total = f" = {self.macs(*inputs):,}" if all(x.is_fixed for x in inputs) else ""
        places, attended = map(as_factor, (query.sample[0], keys.sample[0]))
        projected = f"4*{places}" if len(inputs) == 1 else f"2*({places} + {attended})"
        return (
            f"heads: {self.num_heads} of {features}/{self.num_heads} = {features // self.num_heads} features",
            f"macs: {projected}*{features}*{features} of the projections + 2*{places}*{attended}*{features}{total}",
        )


def _parts(*arms: Part) -> tuple[Part, Part, Part]:
    """Query, keys and values."""
    return arms[0], arms[min(1, len(arms) - 1)], arms[-1]
