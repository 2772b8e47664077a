"""Proofs made by hand, to be shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import inf

import numpy as np

from specc.report.proof_wording import ProofSubject
from specc.source import Source
from specc.verify.result import Parity, Reproduction, Row, StepRow, TensorRow

SUBJECT = ProofSubject("Big", "big.onnx")

CONV, RELU = (
    "element [0, 1] is 2 and should be 1: off by 1, allowed: 1e-06",
    "3 of 8 elements are not PyTorch's to the bit",
)
"""Why a step fails."""


def proof(count: int, failing: Collection[int] = (), *, extra: str = "") -> Parity:
    """A proof of ``count`` steps, convolutions and relus by turns, on a line each.

    Args:
        failing: the places of those that fail. Of a convolution at place n the error is (n + 1) * 10.
        extra: behind every name and text that a spec or a file may choose.
    """
    lines = ["conv(4, 3)" if place % 2 == 0 else "relu" for place in range(count)]
    text = "model Big : [N, 3, H, W] {\n" + "".join(f"  {line}\n" for line in lines) + "}\n"
    source = Source(f"nets/big.cnn{extra}", text)
    steps = []
    offset = text.index("\n") + 1
    for place, line in enumerate(lines):
        span = source.span(offset + 2, offset + 2 + len(line))
        steps.append(_step(place, line, span, place not in failing, extra))
        offset += len(line) + 3
    rows = (
        Row("interface", True),
        Row(f"normal{extra}", True, "", 1, False, "output", 1.25, 0.5, 12.0),
        Row("spikes", not failing, "output is far off" if failing else "", 1, True, "output", 2.5, 0.75, 12.0),
    )
    tensors = tuple(TensorRow(f"{step.name}.weight", "same") for step in steps[::2])
    placed = tuple((step.name, "CPUExecutionProvider") for step in steps)
    settings = (("onnxruntime", f"1.0{extra}"), ("TF32", "off"))
    return Parity("cpu", rows, tuple(steps), tensors, placed, settings, (f"something{extra}",) if extra else ())


def _step(place: int, line: str, span: object, passed: bool, extra: str) -> StepRow:
    exact = line == "relu"
    error = 0.0 if exact else 0.5 / (place + 1)
    row = StepRow(
        (f"{'relu' if exact else 'conv'}{place}{extra}",),
        line + extra,
        span,  # type: ignore[arg-type]
        "exact" if exact else "sum of 27 products",
        exact,
        passed,
        "" if passed else (RELU if exact else CONV) + extra,
        why="" if exact else "errors of the partial sums",
        runs=16,
        error_onnx=error,
        error_torch=0.0 if exact else 0.25,
        case=f"normal{extra}",
        batch=2,
        optimised=False,
        nodes=("Relu" if exact else "Conv",),
    )
    return row if passed else replace(row, error_onnx=inf if exact else 10.0 * (place + 1))


def reproduced(parity: Parity) -> Parity:
    """The proof with what shows its first step that fails."""
    row = parity.first_divergence
    assert row is not None
    one = np.ones((1, 2), np.float32)
    found = Reproduction(row, b"model", {"x": one}, one.astype(np.float64), one, np.full((1, 2), 1e-6), "source\n")
    return replace(parity, reproduction=found)
