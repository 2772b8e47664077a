"""What stands in an ONNX file beside its network: opsets, metadata, precision, the files with its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

OURS = "specc."
"""How the keys begin under which specc says how a file was made."""


_NO_OTHER_SIZE = 0.01
"""The share by which names alone may make a file larger or smaller."""


class Header(NamedTuple):
    """Of one file.

    Attributes:
        opsets: versions by domain; the standard one is "ai.onnx".
        ir_version: of the file's format.
        producer: who says to have written it, with the version.
        metadata: every entry, in order.
        precision: the types of floating-point numbers that are in it.
        data_files: those beside it that hold weights, each with whether it is there.
        size: bytes of all of it.
    """

    opsets: Mapping[str, int]
    ir_version: int
    producer: str
    metadata: Mapping[str, str]
    precision: tuple[str, ...]
    data_files: Mapping[str, bool]
    size: int


Kind = Literal["opset", "IR version", "precision", "weights in", "metadata", "producer", "bytes"]


class HeaderEntryChange(NamedTuple):
    """One thing that changed.

    Attributes:
        name: which of several: the domain of an opset, the key of an entry, the name of a file; else empty.
        before, after: None where there is none.
    """

    kind: Kind
    name: str
    before: str | int | None
    after: str | int | None
    breaking: bool
    effect: str


class HeaderChange(NamedTuple):
    changes: tuple[HeaderEntryChange, ...]

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    @property
    def breaking(self) -> bool:
        """Whether it may not run where the old one ran, rounds otherwise, or lacks what a program reads of it."""
        return any(change.breaking for change in self.changes)


def compare_headers(before: Header | None, after: Header | None) -> HeaderChange:
    """What changed from one file to another; None is a spec, of which it is known that it computes in float32."""
    changes = list(_precision(before, after))
    changes += _data_files({} if before is None else before.data_files, {} if after is None else after.data_files)
    if before is not None and after is not None:
        changes = [*_versions(before, after), *changes, *_metadata(before.metadata, after.metadata)]
        if before.producer != after.producer:
            changes.append(HeaderEntryChange("producer", "", before.producer, after.producer, False, ""))
        if abs(after.size - before.size) > before.size * _NO_OTHER_SIZE:
            changes.append(HeaderEntryChange("bytes", "", before.size, after.size, False, ""))
    return HeaderChange(tuple(changes))


def _versions(before: Header, after: Header) -> Iterator[HeaderEntryChange]:
    for domain in dict.fromkeys([*before.opsets, *after.opsets]):
        old, new = before.opsets.get(domain), after.opsets.get(domain)
        if old == new:
            continue
        effect = "a runtime may know no operators so new"
        if old is None:
            effect = "a runtime must know its operators"
        elif new is None:
            effect = "nothing is taken from it any more"
        elif new < old:
            effect = "runtimes that are older know it, too"
        is_more = new is not None and (old is None or new > old)
        yield HeaderEntryChange("opset", domain, old, new, is_more, effect)
    if before.ir_version != after.ir_version:
        is_newer = after.ir_version > before.ir_version
        effect = "a runtime may know no files so new" if is_newer else "runtimes that are older know it, too"
        yield HeaderEntryChange("IR version", "", before.ir_version, after.ir_version, is_newer, effect)


def _precision(before: Header | None, after: Header | None) -> Iterator[HeaderEntryChange]:
    old, new = (("float32",) if header is None else header.precision for header in (before, after))
    if old and new and old != new:  # a file without weights may have none
        yield HeaderEntryChange("precision", "", ", ".join(old), ", ".join(new), True, "results are rounded otherwise")


def _data_files(before: Mapping[str, bool], after: Mapping[str, bool]) -> Iterator[HeaderEntryChange]:
    for name in dict.fromkeys([*before, *after]):
        old, new = (_presence(files.get(name)) for files in (before, after))
        if after.get(name) is False:
            yield HeaderEntryChange("weights in", name, old, new, True, "without it the file cannot be run")
        elif old != new:
            effect = "has to lie beside the file" if name in after else "is needed no more"
            yield HeaderEntryChange("weights in", name, old, new, name not in before, effect)


def _presence(there: bool | None) -> str | None:
    return None if there is None else "beside it" if there else "missing"


def _metadata(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[HeaderEntryChange]:
    """What specc says of how a file was made is read by no program that runs it, and differs from file to file."""
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if key.startswith(OURS):
            yield HeaderEntryChange("metadata", key, old, new, False, "")
        elif new is None:
            yield HeaderEntryChange("metadata", key, old, new, True, "a program that reads it finds nothing")
        elif old is None:
            yield HeaderEntryChange("metadata", key, old, new, False, "a program may read it")
        else:
            yield HeaderEntryChange("metadata", key, old, new, True, "a program that reads it gets something else")
