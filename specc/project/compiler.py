"""Which compiler this is: all that makes the findings, as one hash."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from specc.project.kept import keep

PACKAGE = str(Path(__file__).parent.parent)
_LIBRARIES = (("pydantic", "version.py"), ("lark", "__init__.py"), ("yaml", "__init__.py"))
"""What has a say in findings, and where its version stands."""


def compiler(folder: Path, package: str = PACKAGE) -> bytes:
    """The hash of specc's own files (those below ``package``), of Python, and of the libraries' versions.

    The bytes count, not their times: where continuous integration installs specc anew for each run, a cache that is
    carried along is still good. They are read once: ``folder`` keeps the hash for files with just these times.
    """
    files = [*_libraries(), *sorted(_files(package))]
    known = folder / "compilers" / hashed(*map(_stamp, files)).hex()
    with suppress(OSError):
        if len(found := known.read_bytes()) == len(hashed()):
            return found
    found = hashed(sys.version.encode(), *(part for file in files for part in (_inside(file, package), _bytes(file))))
    keep(str(known), found)
    return found


def hashed(*parts: bytes) -> bytes:
    """The hash of some texts, wherever one ends and the next begins."""
    from hashlib import sha256  # loads OpenSSL

    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def encoded(text: str) -> bytes:
    """The text, or a path of any bytes, as bytes."""
    return text.encode("utf-8", "surrogatepass")


def _stamp(path: str) -> bytes:
    stat = os.stat(path)  # hundreds of files: Path costs time
    return ascii((path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, sys.version)).encode()


def _inside(path: str, package: str) -> bytes:
    return encoded(os.path.relpath(path, package) if path.startswith(package) else os.path.basename(path))


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _libraries() -> Iterator[str]:
    for name, version in _LIBRARIES:
        found = find_spec(name)
        if found is not None and found.origin is not None:
            yield os.path.join(os.path.dirname(found.origin), version)


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            elif entry.name.endswith((".py", ".json", ".lark")):
                yield entry.path
