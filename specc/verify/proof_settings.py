"""What a proof runs on and is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from specc.diagnostics import UsageError
from specc.verify.growth import TF32_U, U
from specc.verify.result import Level, Tolerance
from specc.verify.sessions import CUDA_OPTIONS, Session, load_runtime, open_session
from specc.verify.whole_progress import WholeProgress
from specc.weights import Array


@dataclass(frozen=True)
class ProofSettings:
    """How the file is run and judged.

    Attributes:
        provider: "cpu" or "cuda"; never another than asked for.
        seed: of the inputs.
        tf32: let CUDA round the factors of products to TF32; the bounds are wider then.
        tolerance: what judges instead of the derived bounds.
        progress: told how far the proof is.
        level: which proof: see `specc.verify.cases` and `specc.verify.step_proof`.
        rename: what inputs and outputs of a file from elsewhere are called in the spec, where that must be said; None
            of a file of our own, which has the spec's names.

    Raises:
        UsageError: TF32 without CUDA.
    """

    provider: str = "cpu"
    seed: int = 0
    tf32: bool = False
    tolerance: Tolerance | None = None
    progress: WholeProgress | None = None
    rename: Mapping[str, str] | None = None
    level: Level = "quick"

    def __post_init__(self) -> None:
        if self.tf32 and self.provider != "cuda":
            raise UsageError(f"TF32 is a format of NVIDIA GPUs, and the proof runs on {self.provider}: leave it out")

    @property
    def u(self) -> float:
        """Unit roundoff of the factors of products."""
        return TF32_U if self.tf32 else U

    def session(self, model: Path | bytes, optimised: bool, tensors: Mapping[str, Array] | None = None) -> Session:
        """See `open_session`."""
        return open_session(model, self.provider, optimised, tf32=self.tf32, tensors=tensors)

    def progress_of(self, what: str) -> Callable[[int, int], None] | None:
        """Progress in ``what`` alone: how many parts are done, of how many."""
        progress = self.progress
        return None if progress is None else lambda done, of: progress(what, done, of)

    def in_words(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of everything that bears on the numbers."""
        cuda = (("cuDNN algorithm search", CUDA_OPTIONS["cudnn_conv_algo_search"]),) if self.provider == "cuda" else ()
        return (
            ("proof", self.level),
            ("provider", self.provider),
            ("onnxruntime", str(load_runtime().__version__)),
            ("PyTorch", metadata.version("torch")),
            ("graph optimisation", "off, and on"),
            ("TF32", "on, with bounds for it" if self.tf32 else "off"),
            *cuda,
            ("deterministic compute", "on"),
            ("seed of the inputs", str(self.seed)),
        )
