"""Labelled images: scikit-learn's digits, drawn birds and planes, or a folder of IDX files such as MNIST's."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drawing import bird_or_plane
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
IDX_NAMES = {part: (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")}
"""What MNIST calls the two files of its training part and of its test part; each may end in .gz."""


class DataError(Exception):
    """The data are missing or not what they should be; the message is for whoever started the program."""


@dataclass(frozen=True)
class Images:
    """Images with the number of the class that each belongs to.

    Attributes:
        pixels: [images, channels, height, width], 0 to 255.
        classes: [images].
    """

    pixels: Bytes
    classes: Bytes

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, part: slice) -> Images:
        return Images(self.pixels[part], self.classes[part])


@dataclass(frozen=True)
class Data:
    """What to train with, what to test with, and what the classes are called."""

    train: Images
    test: Images
    labels: tuple[str, ...]


def digits() -> Data:
    """1,797 digits of 8 x 8 that scikit-learn brings, each pixel as 4 x 4: the last 297 are for the test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.round(found.images * 255 / 16).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    images = Images(pixels[:, np.newaxis], found.target.astype(np.uint8))
    return Data(images[:1500], images[1500:], tuple("0123456789"))


def shapes() -> Data:
    """2,500 birds and planes, the same in every run: the last 500 are for the test."""
    generator = np.random.default_rng(0)
    classes = generator.integers(2, size=2500, dtype=np.uint8)
    images = Images(np.stack([bird_or_plane(generator, is_plane=number == 1) for number in classes]), classes)
    return Data(images[:2000], images[2000:], ("bird", "plane"))


def idx_folder(folder: Path, height: int = 32, width: int = 32) -> Data:
    """MNIST's four files, or others in their format: the images stand in the middle of ``height`` x ``width``.

    Raises:
        DataError: a file is missing, damaged or not in this format, the images are larger than that, or a label is
            not 0 to 9.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: --data is digits, shapes, or a folder with the four IDX files")
    train, test = (_part(folder, *names, height, width) for names in IDX_NAMES.values())
    return Data(train, test, tuple("0123456789"))


def _part(folder: Path, images_name: str, labels_name: str, height: int, width: int) -> Images:
    images_file, labels_file = _file(folder, images_name), _file(folder, labels_name)
    pixels, classes = read_idx(images_file, 3), read_idx(labels_file, 1)
    count, *sizes = pixels.shape
    if count != len(classes):
        raise DataError(f"{images_file} has {count:,} images, and {labels_file} has {len(classes):,} labels")
    if not count:
        raise DataError(f"{images_file} has no image")
    if 0 in sizes:
        raise DataError(f"{images_file}: its images are {sizes[0]} x {sizes[1]}, which is nothing")
    if sizes[0] > height or sizes[1] > width:
        raise DataError(
            f"{images_file}: its images are {sizes[0]} x {sizes[1]}, and {height} x {width} have to hold them"
        )
    if classes.max() > 9:
        at = int(classes.argmax())
        raise DataError(f"{labels_file}: label {at:,} (counted from 0) is {classes[at]}, not one of 0 to 9")
    above, left = (height - sizes[0]) // 2, (width - sizes[1]) // 2
    around = ((0, 0), (above, height - sizes[0] - above), (left, width - sizes[1] - left))
    return Images(np.pad(pixels, around)[:, np.newaxis], classes)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder} has no {name}, nor {name}.gz")


def read_idx(path: Path, axes: int) -> Bytes:
    """An array of bytes in the IDX format: two zero bytes, 8 for bytes, the number of axes, their sizes, the numbers.

    Raises:
        DataError: it is not such a file, or damaged, or has another number of axes.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    start = 4 + 4 * axes
    if content[:4] != bytes([0, 0, 8, axes]):
        head = content[:4].hex(" ") or "nothing"
        of = "labels" if axes == 1 else "images"
        raise DataError(f"{path} is no IDX file of {of}: it begins with {head}, not 00 00 08 0{axes}")
    if len(content) < start:
        raise DataError(f"{path} is damaged: it ends after {len(content)} bytes, within its head of {start}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", axes, offset=4))
    promised, there = int(np.prod(shape, dtype=object)), len(content) - start
    if there != promised:
        sizes = f" ({' x '.join(f'{size:,}' for size in shape)})" if axes > 1 else ""
        raise DataError(f"{path} is damaged: behind its head {promised:,} bytes{sizes} are promised, not {there:,}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
