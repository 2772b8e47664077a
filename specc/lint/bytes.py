"""S0513: bytes that meet weights as they came."""

from __future__ import annotations

from specc.analyses.dataflow import BYTES
from specc.diagnostics import Code
from specc.ir.graph import Node
from specc.ir.init import Fixed
from specc.lint.lints import Lint, Match, Network


def _unscaled_bytes(node: Node, network: Network) -> Match | None:
    """Only where nothing but choosing and moving stands between the input and weights that are trained."""
    # Of one axis they are factors, of a norm or a slope, and no matter how large what they meet is.
    weights = [parameter for parameter in node.parameters if len(parameter.shape) > 1 and parameter.name == "weight"]
    if not network.bytes or not any(weight.trainable and not isinstance(weight.init, Fixed) for weight in weights):
        return None
    if network.weighed[node.inputs[0]] != BYTES or node.op.norm(*node.input_types) is not None:
        return None
    return Match(
        node,
        f"{node.op.kind} takes bytes as they are, from 0 to 255",
        "nothing has scaled them",
        notes=("weights start for numbers around 0 and 1, and published ones are trained for them",),
        helps=("affine(1 / 255), or standardize with mean and deviation of the data, in front of it does that",),
    )


LINTS = (Lint(Code.UNSCALED_BYTES, "macs", _unscaled_bytes, everywhere=False),)
