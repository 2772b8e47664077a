"""How an ONNX file was made: entries of ``metadata_props``, appended to the proven bytes.

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
"""The most bytes of metadata: a file has to fit into protobuf's 2 GB with them."""

LONGEST = 4096
"""The most characters of an entry: nobody reads more, and it bounds the whole."""

_SEAL = f"{PREFIX}sha256"
_PIECE = 2**20


def metadata_of(model: Hash, entries: Mapping[str, str]) -> bytes:
    """The bytes to append to those of a model: ``{"spec": "sha256:…"}`` becomes the entry ``specc.spec``.

    The last entry, ``specc.sha256``, is the hash of all that stands before it: a file that is changed later, and not
    its metadata, is recognised.

    Args:
        model: the SHA-256 of the bytes that they are appended to.

    Raises:
        ValueError: more than `ROOM`; our bug.
    """
    texts: dict[str, str] = {}
    for key, value in entries.items():
        # A name from a foreign file system may have what UTF-8 has not; it is escaped.
        text = value.encode("utf-8", "backslashreplace").decode()
        texts[PREFIX + key] = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    props = _serialised(texts)
    hashed = model.copy()
    hashed.update(props)
    end = props + _serialised({_SEAL: hashed.hexdigest()})
    if len(end) > ROOM:
        raise ValueError(f"{len(end)} bytes of metadata are more than {ROOM}")
    return end


def is_sealed(path: Path, model: ModelProto) -> bool | None:
    """Whether the file is as it was when its metadata were written; None where it has no hash of that."""
    seal = entries_of(model).get(_SEAL)
    if seal is None:
        return None
    end = _serialised({_SEAL: seal})
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


def _serialised(entries: Mapping[str, str]) -> bytes:
    props = [StringStringEntryProto(key=key, value=value) for key, value in entries.items()]
    return bytes(ModelProto(metadata_props=props).SerializeToString(deterministic=True))


def entries_of(model: ModelProto) -> dict[str, str]:
    """Every entry of a file, whoever made it, in order. Of equal keys the last one counts, as in ONNX Runtime."""
    return {entry.key: entry.value for entry in model.metadata_props}


def claimed_weights(model: ModelProto) -> str:
    """The origin of the weights, as the file has it: ``seed 0``, or a hash; empty where it has none."""
    return entries_of(model).get(f"{PREFIX}weights", "")
