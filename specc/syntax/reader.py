"""From a file to a Source: UTF-8 text without hidden characters, of bounded size."""

from __future__ import annotations

import os
import re
import shlex
import sys
from codecs import BOM_UTF8
from pathlib import Path
from typing import NoReturn

from specc.diagnostics import Code, Diagnostic, Label, SpecError, UsageError
from specc.filesystem import DISK, FileSystem
from specc.source import Source

LARGEST = 2**20
"""The largest spec that is read, in bytes."""

# Control characters but tab and line ends; bidirectional overrides, which make a text read differently from
# what it says; lone surrogates, which no UTF-8 file holds but a program's string may.
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)")


def read(path: str | Path, files: FileSystem = DISK) -> Source:
    """The spec at ``path``, shown under that name in posix form. A byte order mark is dropped.

    Raises:
        UsageError: there is no such file, the system will not let it be read, or it is an ONNX file.
        SpecError: it is no UTF-8 text, holds control characters, or is larger than `LARGEST`.
    """
    name = Path(path).as_posix()
    if "\0" in name:
        raise UsageError(f"{name!r} is no path: it contains a NUL character")
    shown = files.shown(name)
    try:
        if files.kind(name) == "folder":
            raise UsageError(f"{shown} is a folder, not a spec: name a file in it")
        data = files.read(name, LARGEST)
        if len(data) > LARGEST:
            _refuse_size(name, files.size(name))
        return _decode(name, data)
    except SpecError:
        # What is no text may be a network, called as ONNX or onnxruntime call theirs.
        suffix = Path(name).suffix.lower()
        if suffix == ".onnx":
            message = f"{shown} is an ONNX file, not a spec: specc inspect {shlex.quote(shown)} says what it is"
            raise UsageError(message) from None
        if suffix == ".ort":
            message = "is in onnxruntime's own format, not a spec: take the ONNX file that it was made from"
            raise UsageError(f"{shown} {message}") from None
        raise
    except FileNotFoundError:
        raise UsageError(f"{shown}: there is no such file") from None
    except PermissionError:
        raise UsageError(f"{shown}: you have no permission to read it") from None
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read: {error.strerror or error}") from None


def read_stdin() -> Source:
    """The spec on standard input, shown as ``<stdin>``. Raises as `read` does."""
    name = "<stdin>"
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    try:
        data = sys.stdin.buffer.read(LARGEST + 1)
        if len(data) > LARGEST:
            _refuse_size(name, os.fstat(sys.stdin.buffer.fileno()).st_size)
        return _decode(name, data)
    except OSError as error:
        raise UsageError(f"standard input cannot be read: {error.strerror or error}") from None


def refuse_hidden_characters(source: Source) -> None:
    """Raises SpecError at the first control character, bidirectional override or lone carriage return."""
    hidden = _HIDDEN.search(source.text)
    if not hidden:
        return
    name = f"U+{ord(hidden[0]):04X}"
    message = f"the text contains the hidden character {name}"
    if hidden[0] == "\0":
        message = "the text contains a NUL byte: this is no text file"
    if hidden[0] == "\r":
        message = f"the text contains a carriage return ({name}) without a newline after it"
    _refuse(source, message, *hidden.span(), "remove it: only tabs and line ends are allowed here")


def _refuse_size(name: str, size: int) -> NoReturn:
    # A pipe has no size; all that is known is that it went past the limit.
    known = f"{size / 2**20:.1f} MiB ({size:,} bytes)" if size > LARGEST else "larger than that"
    message = f"the file is too large for a spec: it is {known}, the limit is {LARGEST // 2**20} MiB"
    _refuse(Source(name, ""), message, 0, 0, "keep large tables of numbers in a weights file")


def _decode(name: str, data: bytes) -> Source:
    try:
        source = Source(name, data.decode("utf-8-sig"), has_mark=data.startswith(BOM_UTF8))
    except UnicodeDecodeError as error:
        shown = Source(name, error.object.decode("utf-8", "backslashreplace"))
        start, bad = len(error.object[: error.start].decode("utf-8")), error.object[error.start]
        # utf-8-sig counts from behind the byte order mark.
        offset = error.start + len(data) - len(error.object)
        message = f"the file is not UTF-8: byte 0x{bad:02x} at offset {offset} is not part of any character"
        _refuse(shown, message, start, start + len(f"\\x{bad:02x}"), "save the file as UTF-8")
    refuse_hidden_characters(source)
    return source


def _refuse(source: Source, message: str, start: int, end: int, help_: str) -> NoReturn:
    raise SpecError([Diagnostic(Code.UNREADABLE, message, Label(source.span(start, end)), helps=(help_,))])
