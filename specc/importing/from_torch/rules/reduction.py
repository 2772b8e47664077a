"""Numbers of whole axes."""

from __future__ import annotations

from typing import Any

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Unsayable
from specc.importing.shapes import reshaped

_POOLS = {"mean": "globalavgpool", "amax": "globalmaxpool"}


@rule("mean.dim", "sum.dim_IntList", "amax")
def reduce(call: CallReader) -> str:
    x = call.data("self")
    kind, axes, keeps = call.type(x), call.axes("dim", x), bool(call["keepdim"])
    if call.name != "amax":
        call.demand("dtype", None, "float32")
    if not axes or 0 in axes:
        raise Unsayable(f"it goes over all axes of {kind}, the batch among them")
    if axes == tuple(range(2, kind.rank)) and call.name in _POOLS and kind.rank <= 5:
        pooled = call.step(_POOLS[call.name], x)
        return pooled if keeps else reshaped(call, pooled, kind.shape[:2])
    if len(axes) == kind.rank - 1 and not keeps:
        raise Unsayable(f"it makes one number of all axes of {kind}, and a value of the language has an axis")
    arguments: dict[str, Any] = {"dim": axes[0] if len(axes) == 1 else axes}
    return call.step(call.name, x, keepdim=keeps, **arguments)
