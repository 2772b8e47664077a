"""ONNX files of a working tree compared with what they were in a commit: those that are named, none of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from specc.compare.commit import Commit, OutOfReach
from specc.compare.difference import FileChange, ModelChange
from specc.compare.onnx_files import Version, compare_versions, file_version
from specc.diagnostics import UsageError
from specc.filesystem import DISK
from specc.onnxfile import OnnxFile

MOST_BYTES = 2**31
"""Of a file in a commit: git gives it as a whole, and no message of ONNX is larger."""

_POINTER = b"version https://git-lfs"
"""How a file begins in whose place Git LFS keeps a pointer."""


def compared(name: str, place: str, old: Commit, sizes: Mapping[str, int] | None) -> FileChange:
    """The file that the user calls ``name`` compared with its earlier version.

    Args:
        place: its absolute path without links.
        sizes: at which costs are counted.

    Raises:
        UsageError: it cannot be read as it is now, or is in neither version.
    """
    exists, existed = DISK.has(name), old.is_file(place)
    shown = old.shown(place)
    if not exists and not existed:
        raise UsageError(f"{name}: there is no such file, now or in {old.ref}")
    now = file_version(OnnxFile(Path(name))) if exists else None
    if not existed and (obstacle := old.obstacle(place)) is None:
        assert now is not None
        return FileChange(None, name, (ModelChange(None, now.name),))
    with TemporaryDirectory(prefix="specc-") as folder:
        try:
            if not existed and obstacle is not None:
                raise obstacle
            then = _earlier(place, old, Path(folder))
        except (OutOfReach, UsageError) as error:
            return FileChange(shown, name if exists else None, note=f"cannot be compared: {error}", incomparable=True)
        if now is None:
            return FileChange(shown, None, (ModelChange(then.name, None),))
        return FileChange(shown, name, (ModelChange(then.name, now.name, compare_versions(then, now, sizes)),))


def _earlier(place: str, old: Commit, folder: Path) -> Version:
    """The version in the commit, written to a folder with the files that hold its weights.

    Raises:
        OutOfReach, UsageError: it cannot be read.
    """
    path = folder / Path(place).name
    path.write_bytes(_content(place, old))
    origin = Path(old.shown(place))
    for location in OnnxFile(path, origin=origin).data_files:
        beside = str(Path(place).parent / location)
        if old.is_file(beside):
            (folder / location).parent.mkdir(parents=True, exist_ok=True)
            (folder / location).write_bytes(_content(beside, old))
    return file_version(OnnxFile(path, origin=origin))


def _content(place: str, old: Commit) -> bytes:
    if old.size(place) > MOST_BYTES:
        raise UsageError(f"{old.shown(place)} has more than 2 GB")
    content = old.read(place, MOST_BYTES)
    if content.startswith(_POINTER):
        raise UsageError(f"{old.shown(place)} is a pointer of Git LFS, and what it points to is not in the repository")
    return content
