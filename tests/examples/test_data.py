"""Data that is missing, damaged or of the wrong kind is refused with what is wrong, and nothing else is done."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.example

PIXELS = np.arange(3 * 28 * 26, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 26)
CLASSES = np.array([3, 0, 9], np.uint8)


def idx(array: np.ndarray) -> bytes:
    """By the format's own description."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(PIXELS)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(CLASSES))
    return tmp_path


def test_images_stand_in_the_middle(folder: Path) -> None:
    from data import idx_folder

    found = idx_folder(folder, 32, 33)
    for images in (found.train, found.test):
        assert images.pixels.shape == (3, 1, 32, 33)
        assert np.array_equal(images.pixels[:, 0, 2:30, 3:29], PIXELS)
        assert images.pixels.sum(dtype=int) == PIXELS.sum(dtype=int)
        assert np.array_equal(images.classes, CLASSES)


Damage = Callable[[Path, Path], object]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing": (lambda images, _: images.unlink(), "has no t10k-images-idx3-ubyte, nor t10k-images-idx3-ubyte.gz"),
    "cut while compressed": (lambda images, _: images.write_bytes(images.read_bytes()[:-40]), "cannot read"),
    "another checksum": (lambda images, _: images.write_bytes(images.read_bytes()[:-8] + bytes(8)), "cannot read"),
    "cut": (
        lambda _, labels: labels.write_bytes(idx(CLASSES)[:-1]),
        "is damaged: behind its head 3 bytes are promised, not 2",
    ),
    "cut in its head": (
        lambda images, _: images.write_bytes(idx(PIXELS)[:15]),
        "is damaged: it ends after 15 bytes, within its head of 16",
    ),
    "images of no size": (
        lambda images, _: images.write_bytes(idx(PIXELS[:, :0])),
        "its images are 0 x 26, which is nothing",
    ),
    "a byte too many": (
        lambda images, _: images.write_bytes(idx(PIXELS) + b"\0"),
        "is damaged: behind its head 2,184 bytes (3 x 28 x 26) are promised, not 2,185",
    ),
    "a size beyond all bounds": (
        lambda _, labels: labels.write_bytes(b"\0\0\x08\x01\xff\xff\xff\xff"),
        "is damaged: behind its head 4,294,967,295 bytes are promised, not 0",
    ),
    "a page of a web site": (lambda _, labels: labels.write_bytes(b"<!DOCTYPE html>"), "it begins with 3c 21 44 4f"),
    "empty": (lambda _, labels: labels.write_bytes(b""), "it begins with nothing, not 00 00 08 01"),
    "images for labels": (lambda _, labels: labels.write_bytes(idx(PIXELS)), "it begins with 00 00 08 03, not 00 00"),
    "a folder": (lambda _, labels: (labels.unlink(), labels.mkdir()), "has no t10k-labels-idx1-ubyte"),
    "large images": (
        lambda images, _: images.write_bytes(idx(np.zeros((3, 64, 28), np.uint8))),
        "its images are 64 x 28, and 32 x 32 have to hold them",
    ),
    "fewer labels": (lambda _, labels: labels.write_bytes(idx(CLASSES[1:])), "has 3 images, and "),
    "nothing in it": (
        lambda images, labels: (images.write_bytes(idx(PIXELS[:0])), labels.write_bytes(idx(CLASSES[:0]))),
        "has no image",
    ),
    "an eleventh class": (
        lambda _, labels: labels.write_bytes(idx(np.array([3, 10, 9], np.uint8))),
        "label 1 (counted from 0) is 10, not one of 0 to 9",
    ),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_bad_files_are_refused(folder: Path, damage: Damage, words: str) -> None:
    from data import DataError, idx_folder

    damage(folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte")
    with pytest.raises(DataError) as caught:
        idx_folder(folder, 32, 32)
    assert words in str(caught.value)
    assert str(folder) in str(caught.value)


def test_no_folder(tmp_path: Path) -> None:
    from data import DataError, idx_folder

    with pytest.raises(DataError, match="there is no folder"):
        idx_folder(tmp_path / "nowhere", 32, 32)


def test_digits() -> None:
    from data import digits

    found = digits()
    assert (len(found.train), len(found.test)) == (1500, 297)
    assert found.train.pixels.shape[1:] == (1, 32, 32)
    assert found.train.pixels.max() == 255
    assert {*found.test.classes.tolist()} == {*range(10)}
