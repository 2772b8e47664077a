"""What is asked for beside a spec, as typed values: each option is checked here, once, whichever door it came through.

The Python API makes them of its arguments, a command of what was typed, and both hear the same of what makes no sense:
an option that would change nothing is refused, never dropped. What needs a network to be judged (a label for every
channel, a size that the contract allows) is judged where the network is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, cast

from specc.diagnostics import OptionError, UsageError
from specc.ir.targets import DEFAULT_OPSET

if TYPE_CHECKING:
    from torch import nn

    from specc.backends.onnx.runtimes import Target
    from specc.verify.result import Progress, Tolerance
    from specc.weights import Weights
    from specc.weights.tensors import State

    Labels = Sequence[str] | Mapping[str, Sequence[str]]
    WeightSource = str | Path | Mapping[str, Any] | nn.Module | Weights

PROOFS = (QUICK, FULL) = ("quick", "full")
"""How much a proof runs."""
PROVIDERS = ("cpu", "cuda")
"""Where onnxruntime can run a proof."""
MATCHES = ("name", "order")
"""How the tensors of a file of weights are found: by name, or by order and shape."""
SUFFIXES = {"onnx": ".onnx", "torch": ".py"}
"""What the names of files end with, by what they hold."""


@dataclass(frozen=True, slots=True)
class WeightOptions:
    """Where a model's numbers come from: a seed, a file, or what has been read already.

    Attributes:
        seed: 0 to 2^63 - 1; 0 if nothing is given.
        weights: the path of a safetensors, .npz or PyTorch file; a state dict, of tensors or NumPy arrays; a module of
            PyTorch's; or what `specc.Model.weights` has made of one.
        match: one of `MATCHES`; by name if left out.
    """

    seed: int | None = None
    weights: WeightSource | None = None
    match: str | None = None

    def __post_init__(self) -> None:
        if self.weights is None:
            if self.match is not None:
                raise OptionError(
                    "match",
                    "says how the tensors of a file are found, and no file is given: add --weights FILE "
                    "(weights=FILE in Python)",
                )
        elif isinstance(self.weights, (str, Path, Mapping)) or _is_module(self.weights):
            if self.seed is not None:
                held = "a file holds them" if isinstance(self.weights, (str, Path)) else "the state dict has them"
                raise UsageError(f"a seed draws the weights and {held}: leave out one of the two")
            if self.match is not None and self.match not in MATCHES:
                raise OptionError("match", f"{self.match!r} is none of {' and '.join(MATCHES)}")
        elif not hasattr(self.weights, "chunks"):
            kind = type(self.weights).__name__
            expected = "the path of a file, a state dict, a PyTorch module, or what Model.weights has made of one"
            raise UsageError(f"weights is {expected}, and not of type {kind}")
        elif self.seed is not None or self.match is not None:
            raise UsageError("weights that are read already have no seed and nothing left to match: leave these out")

    @property
    def is_empty(self) -> bool:
        """Whether no option is set: a file that is proven has weights of its own then."""
        return self.seed is None and self.weights is None

    def read(self, state: State) -> Weights:
        """The weights of a model with these tensors.

        Raises:
            UsageError: the file or state dict does not hold exactly the model's tensors; the seed is no whole number.
            MissingDependency: it is a PyTorch file, and torch is not installed.
        """
        from specc.weights import Initialised, read_weights, take_weights

        match = cast(Literal["name", "order"], self.match or "name")
        if isinstance(self.weights, (str, Path)):
            return read_weights(Path(self.weights), state, match)
        if isinstance(self.weights, Mapping):
            return take_weights(self.weights, state, match)
        if _is_module(self.weights):
            return take_weights(self.weights.state_dict(), state, match)
        if self.weights is not None:
            return cast("Weights", self.weights)
        seed = 0 if self.seed is None else self.seed
        is_whole = isinstance(seed, Integral) and not isinstance(seed, bool)  # of NumPy, too; what is none is refused
        return Initialised(int(seed) if is_whole else seed)


def _is_module(value: object) -> TypeGuard[nn.Module]:
    """Without importing torch: whoever has a module of its own has imported it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


@dataclass(frozen=True, slots=True)
class ProofOptions:
    """How a proof is run and judged.

    Attributes:
        provider: one of `PROVIDERS`.
        tf32: let CUDA round the factors of products to TF32, and allow for it.
        tolerance: what judges, in place of the bounds that the arithmetic sets.
        rename: what inputs and outputs of the file are called in the spec, by their names in the file.
        progress: called with what is being done, how much of the whole is done, and how much there is, in milliseconds
            of a usual machine; 0 of 0 before that is known.
        level: one of `PROOFS`.
    """

    provider: str = "cpu"
    tf32: bool = False
    tolerance: Tolerance | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    progress: Progress | None = None
    level: str = QUICK

    def __post_init__(self) -> None:
        if self.provider not in PROVIDERS:
            raise OptionError("provider", f"{self.provider!r} is none of {' and '.join(PROVIDERS)}")
        if self.level not in PROOFS:
            raise OptionError("proof", f"{self.level!r} is none of {' and '.join(PROOFS)}")
        if self.tf32 and self.provider != "cuda":
            raise UsageError(
                f"TF32 is a format of NVIDIA GPUs, and the proof runs on {self.provider}: add --provider cuda "
                '(provider="cuda" in Python), or leave it out'
            )
        for name in ("atol", "rtol") if self.tolerance is not None else ():
            value = getattr(self.tolerance, name)
            if not (isfinite(value) and value >= 0):
                raise OptionError(name, f"is a number from 0 on, as in 1e-5, not {value:g}")

    def run(self) -> dict[str, Any]:
        """The arguments of `specc.verify.parity.verify` but for ``rename``."""
        return {
            "provider": self.provider,
            "tf32": self.tf32,
            "tolerance": self.tolerance,
            "progress": self.progress,
            "level": self.level,
        }


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """How an ONNX file is written.

    Attributes:
        opset: 18 to 23.
        targets: the runtimes that it must run on.
        functions: keep the spec's blocks as ONNX local functions.
        sidecar: write ``NAME.specc.json`` too.
        labels: what each channel stands for, for the sidecar: of the only output with as many, or by output.
    """

    opset: int
    targets: tuple[Target, ...]
    functions: bool
    sidecar: bool
    labels: Labels | None


def onnx_options(
    *,
    opset: int | None = None,
    runs_on: str | Sequence[str] = (),
    functions: bool = False,
    sidecar: bool = True,
    labels: Labels | None = None,
) -> OnnxOptions:
    """Raises UsageError where ``runs_on`` is no list of tested runtimes, or ``labels`` no texts, or with no place."""
    from specc.backends.onnx.runtimes import targets

    for texts in labels.values() if isinstance(labels, Mapping) else () if labels is None else (labels,):
        if isinstance(texts, str) or not all(isinstance(label, str) for label in texts):
            raise UsageError(f"labels are a list of texts, one for each channel, and not {texts!r}")
    if labels is not None and not sidecar:
        raise UsageError("labels stand in the sidecar, and --no-sidecar leaves it out (sidecar=False in Python)")
    return OnnxOptions(
        DEFAULT_OPSET if opset is None else opset,
        targets([runs_on] if isinstance(runs_on, str) else runs_on),
        functions,
        sidecar,
        _fixed(labels),
    )


def _fixed(labels: Labels | None) -> Labels | None:
    """A copy, that whoever has given them may not change."""
    if isinstance(labels, Mapping):
        return {name: tuple(texts) for name, texts in labels.items()}
    return None if labels is None else tuple(labels)


def proof_of_output(
    is_wanted: bool, provider: str, level: str | None = None, progress: Progress | None = None
) -> ProofOptions | None:
    """How what is to be written is proven; None: not at all. Raises UsageError where that has no place for it."""
    if not is_wanted and provider != "cpu":
        raise OptionError("provider", f"{provider} is where the proof runs, and it is left out")
    if not is_wanted and level is not None:
        raise OptionError("proof", f"{level} says how much the proof runs, and it is left out")
    options = ProofOptions(provider, progress=progress, level=level or QUICK)
    return options if is_wanted else None


def require_suffix(path: str | Path, target: str) -> None:
    """Raises UsageError where a file is called as another target's."""
    for other, suffix in SUFFIXES.items():
        if other != target and Path(path).suffix == suffix:
            named, written = ("a Python", "ONNX") if target == "onnx" else ("an ONNX", "PyTorch")
            raise UsageError(f"{path} is the name of {named} file, and this writes {written}")


def tolerance(atol: float | None, rtol: float | None) -> Tolerance | None:
    """``|result - truth| <= atol + rtol * |truth|``; None where neither is given."""
    if atol is None and rtol is None:
        return None
    from specc.verify.result import Tolerance

    return Tolerance(atol or 0.0, rtol or 0.0)


def model_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a model's parameters, as the language knows them; numbers of NumPy are numbers too."""
    return {name: _argument(value) for name, value in values.items()}


def _argument(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(_argument, value))
    if isinstance(value, Integral):  # NumPy registers its scalars with these classes; PyTorch's tensors are neither
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise UsageError(f"{value!r} is no number, truth value, text or list, and cannot be a parameter's value")
