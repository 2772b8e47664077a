"""The folder that the results of a sweep go to: what it is about, and a line for each variant, in order.

A line is whole or not there, so that an interrupted sweep has all that came before, and can go on behind it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from specc.atomic import replace
from specc.diagnostics import UsageError
from specc.diagnostics.words import system_reason
from specc.leftovers import lock_file
from specc.report.reasons import FindingSummary
from specc.sweeps.variant import NetworkNumbers, Variant

VERSION = 1
"""Of both files: it grows where a field goes or changes its meaning. New fields may come at any time."""
DESCRIPTION, VARIANTS = "sweep.json", "variants.jsonl"
_FLUSHED = 100
"""Lines between two writings."""


def row(variant: Variant) -> dict[str, Any]:
    """A variant as JSON: numbers as they are; null where one depends on symbolic sizes, or there is no network."""
    numbers = variant.numbers or NetworkNumbers(*(None for _ in NetworkNumbers._fields))  # type: ignore[arg-type]
    return {
        "variant": variant.number,
        "settings": dict(variant.settings),
        "fits": variant.fits,
        "kept": variant.kept,
        **numbers._asdict(),
        "margins": dict(variant.margins),
        "reasons": [reason._asdict() for reason in variant.reasons],
    }


def line(variant: Variant) -> str:
    return json.dumps(row(variant), ensure_ascii=False)


def variant_of(text: str | bytes) -> Variant:
    """What `line` has made a line of. Raises ValueError, LookupError, TypeError where it is none."""
    table = json.loads(text)
    numbers = None
    if table["params"] is not None:
        field = table["receptive_field"]
        numbers = NetworkNumbers(**{name: table[name] for name in NetworkNumbers._fields})
        numbers = numbers._replace(receptive_field=None if field is None else tuple(field))
    reasons = tuple(FindingSummary(**reason) for reason in table["reasons"])
    return Variant(table["variant"], table["settings"], numbers, table["margins"], reasons, table["kept"])


class Results:
    """A folder with the results of one sweep.

    Args:
        folder: made where it is not there.
        description: of the sweep, as of `Sweep.description`.
        resume: go on with what is there.

    Attributes:
        done: how many variants are there.

    Raises:
        UsageError: there are results already, and they are not to be gone on with, or are of another sweep; another
            process writes there; nothing can be written.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any], *, resume: bool) -> None:
        self._folder = folder
        self._path = folder / VARIANTS
        self.done = 0
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise UsageError(f"cannot write into {folder}: it is a file, and results go to a folder")
        with _system_errors(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = open(self._path, "ab+", buffering=0)  # noqa: SIM115 - `__exit__` closes it
        try:
            self._begin(description, resume)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, description: Mapping[str, Any], resume: bool) -> None:
        try:
            lock_file(self._file.fileno())
        except BlockingIOError:
            raise UsageError(
                f"another sweep is writing into {self._folder}: name another folder, or wait for it"
            ) from None
        except OSError:  # a system or a file system without locks
            pass
        if not (self._folder / DESCRIPTION).exists():
            if self._path.stat().st_size:
                raise UsageError(
                    f"{self._path} is there, and no {DESCRIPTION} that says of which sweep: name another folder"
                )
            with replace(self._folder / DESCRIPTION) as file:
                file.write(describe(description))
            return
        if not resume:
            raise UsageError(
                f"{self._folder} has results of a sweep already: --resume goes on with it, or name another folder"
            )
        require_same(self._folder, description)
        self._file.seek(0)
        whole = 0
        for text in self._file:
            try:
                if not text.endswith(b"\n") or variant_of(text).number != self.done:
                    break
            except (ValueError, LookupError, TypeError):
                break
            whole += len(text)
            self.done += 1
        if whole < self._path.stat().st_size and _lines_behind(self._file, whole) > 1:
            raise UsageError(f"{self._path} is damaged behind line {self.done:,}: cut it there, or name another folder")
        with _system_errors(self._path):
            self._file.truncate(whole)  # the end of it is half a line, where a process was killed

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self) -> Iterator[Variant]:
        """The variants that are there."""
        yield from read_variants(self._folder)

    def writing(self, variants: Iterator[Variant]) -> Generator[Variant, None, None]:
        """The variants, each written before the next is asked for, in lots; what is ended before, too.

        Raises:
            UsageError: they cannot be written; those before are there.
        """
        lines: list[str] = []
        try:
            for variant in variants:
                lines.append(line(variant))
                if len(lines) == _FLUSHED:
                    self._write(lines)
                yield variant
        finally:
            self._write(lines)

    def _write(self, lines: list[str]) -> None:
        data = "".join(f"{text}\n" for text in lines).encode("utf-8", "backslashreplace")
        end = os.fstat(self._file.fileno()).st_size
        count = len(lines)
        lines.clear()
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(end)
            message = f"cannot write {self._path}: {system_reason(error)}"
            kept = f"the {self.done:,} variants before are there: make room, and --resume goes on"
            raise UsageError(f"{message}; {kept}") from error
        self.done += count


def read_variants(folder: Path) -> Iterator[Variant]:
    """The variants whose results a folder has, in order."""
    with open(folder / VARIANTS, "rb") as file:
        for text in file:
            yield variant_of(text)


def describe(description: Mapping[str, Any]) -> bytes:
    """What stands in ``sweep.json``."""
    text = json.dumps({"version": VERSION, **description}, indent=2, ensure_ascii=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def require_same(folder: Path, description: Mapping[str, Any]) -> None:
    """Raises UsageError where what a folder has is of another sweep, or nothing says of which."""
    path = folder / DESCRIPTION
    try:
        earlier = json.loads(path.read_bytes())
    except (OSError, ValueError):
        earlier = None
    if not isinstance(earlier, dict):
        raise UsageError(f"{path} cannot be read, and nothing else says what {folder} has: name another folder")
    now = json.loads(describe(description))
    if differs := [key for key in {**earlier, **now} if earlier.get(key) != now.get(key)]:
        raise UsageError(f"{folder} has the results of another sweep: {_differences(earlier, now, differs)}")


def _differences(earlier: Mapping[str, Any], now: Mapping[str, Any], keys: list[str]) -> str:
    if "sha256" in keys and earlier.get("spec") == now.get("spec"):
        return f"{now['spec']} has been edited since then; name another folder"
    if keys == ["specc"]:
        return f"they are of specc {earlier['specc']}, and this is {now['specc']}; name another folder"
    texts = (f"{key} was {json.dumps(earlier.get(key))} and is {json.dumps(now.get(key))}" for key in keys)
    return "; ".join((*texts, "name another folder"))


def _lines_behind(file: BinaryIO, place: int) -> int:
    file.seek(place)
    return sum(1 for _ in file)


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {system_reason(error)}") from error
