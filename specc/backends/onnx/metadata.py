"""What an ONNX file says of its own making: entries of ``metadata_props``, put behind the proven bytes.

A protobuf message is the sequence of its fields, so two messages one behind the other are one, with the fields of both.
What was proven stays as it is, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto, StringStringEntryProto

PREFIX = "specc."
"""How the keys of all entries begin."""

ROOM = 2**16
"""Bytes that `metadata_bytes` gives at most: a file is told to fit into protobuf's 2 GB with them."""

LONGEST = 4096
"""Characters of an entry that are kept: nobody reads more, and it bounds the whole."""


def metadata_bytes(entries: Mapping[str, str]) -> bytes:
    """The end of a file: ``{"spec": "sha256:…"}`` is the entry ``specc.spec``. No time, no path, no host."""
    props = [StringStringEntryProto(key=PREFIX + key, value=_short(value)) for key, value in entries.items()]
    end = bytes(ModelProto(metadata_props=props).SerializeToString(deterministic=True))
    if len(end) > ROOM:
        raise ValueError(f"{len(end)} bytes of metadata are more than {ROOM}")
    return end


def entries_of(model: ModelProto) -> dict[str, str]:
    """Every entry of a file, whoever made it, in order. Of a key that is there twice the last one counts, as in ONNX
    Runtime."""
    return {entry.key: entry.value for entry in model.metadata_props}


def _short(value: str) -> str:
    """What UTF-8 does not have, as a name from a foreign file system, is escaped."""
    text = value.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
