"""What an ONNX file says of its own making: entries of ``metadata_props``, put behind the proven bytes.

A protobuf message is the sequence of its fields, so two messages one behind the other are one, with the fields of both.
What was proven stays as it is, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from onnx import ModelProto, StringStringEntryProto

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

PREFIX = "specc."
"""How the keys of all entries begin."""

ROOM = 2**16
"""Bytes that `metadata_of` gives at most: a file is told to fit into protobuf's 2 GB with them."""

LONGEST = 4096
"""Characters of an entry that are kept: nobody reads more, and it bounds the whole."""


_SEAL = f"{PREFIX}sha256"
_PIECE = 2**20


def metadata_of(path: Path, entries: Mapping[str, str]) -> bytes:
    """What is to be put behind the bytes of ``path``: ``{"spec": "sha256:…"}`` becomes the entry ``specc.spec``.

    The last entry, ``specc.sha256``, is the hash of all that stands before it: who changes the file later, and keeps
    what it says of itself, is found out.
    """
    said = _written({PREFIX + key: _short(value) for key, value in entries.items()})
    hashed = _hash(path, path.stat().st_size)
    hashed.update(said)
    end = said + _written({_SEAL: hashed.hexdigest()})
    if len(end) > ROOM:
        raise ValueError(f"{len(end)} bytes of metadata are more than {ROOM}")
    return end


def is_sealed(path: Path, model: ModelProto) -> bool | None:
    """Whether the file is as it was when its metadata were written; None where it does not say how it was."""
    seal = entries_of(model).get(_SEAL)
    if seal is None:
        return None
    end = _written({_SEAL: seal})
    length = max(0, path.stat().st_size - len(end))
    with path.open("rb") as file:
        file.seek(length)
        return file.read() == end and _hash(path, length).hexdigest() == seal


def _hash(path: Path, length: int) -> Hash:
    """Of the first ``length`` bytes."""
    hashed = sha256()
    with path.open("rb") as file:
        while piece := file.read(min(_PIECE, length)):
            hashed.update(piece)
            length -= len(piece)
    return hashed


def _written(entries: Mapping[str, str]) -> bytes:
    props = [StringStringEntryProto(key=key, value=value) for key, value in entries.items()]
    return bytes(ModelProto(metadata_props=props).SerializeToString(deterministic=True))


def entries_of(model: ModelProto) -> dict[str, str]:
    """Every entry of a file, whoever made it, in order. Of a key that is there twice the last one counts, as in ONNX
    Runtime."""
    return {entry.key: entry.value for entry in model.metadata_props}


def claimed_weights(model: ModelProto) -> str:
    """Where the file says that its weights come from: ``seed 0``, or a hash; empty where it does not say."""
    return entries_of(model).get(f"{PREFIX}weights", "")


def _short(value: str) -> str:
    """What UTF-8 does not have, as a name from a foreign file system, is escaped."""
    text = value.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
