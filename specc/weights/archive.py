"""A file of named tensors, whatever its format: what it holds, and the numbers of each in pieces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from specc.diagnostics import UsageError
from specc.weights.tensors import Array

_NAME = 100


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a file.

    Attributes:
        dtype: as NumPy and PyTorch call it (``float32``, ``bfloat16``), or the file's own word.
        shape: as in the file.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def counts(self) -> bool:
        """Whether it can be a ``num_batches_tracked``: one whole number."""
        return self.shape == () and self.dtype.startswith(("int", "uint"))


@dataclass(frozen=True, kw_only=True)
class Archive(ABC):
    """An open file of tensors.

    Attributes:
        path: the file.
        entries: its tensors by name, in the file's order.
        sorted_by_name: its writer sorts the tensors by name, so that their order says nothing of the network's.
        notes: what its reader decided and the user should know.
    """

    path: Path
    entries: Mapping[str, TensorEntry]
    sorted_by_name: bool = False
    notes: tuple[str, ...] = ()

    @abstractmethod
    def pieces(self, name: str) -> Iterator[Array]:
        """The elements of one tensor in row-major order, in flat pieces of at most `tensors.CHUNK`.

        They are of the entry's own dtype, in any byte order; NumPy knows no bfloat16: its 16 bits come as uint16.

        Raises:
            OSError, UsageError: the file cannot be read, or is damaged.
        """

    @abstractmethod
    def without(self, prefix: str) -> str:
        """The line of Python that writes this file's tensors to another one, their names without ``prefix``."""

    @property
    def renamed(self) -> str:
        """A path for that other file, beside this one."""
        return str(self.path.with_name(f"{self.path.stem}-renamed{self.path.suffix}"))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the system's reasons why a file cannot be read into the user's words."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


def damaged(path: Path, what: str, reason: object) -> UsageError:
    """The error for a file that looks like ``what`` and is none."""
    return UsageError(f"cannot read {path}: it is no {what}, or damaged ({plain(' '.join(str(reason).split()))})")


def plain(text: str) -> str:
    """A foreign text, fit for a terminal: control characters spelt out, endless ones cut."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= _NAME else shown[:_NAME] + "…"
