"""FashionMNIST and CIFAR-10 from files of your own: the two image sets that are too large to come with the book.

Nothing is downloaded. The files are looked for in the folder that the environment variable ITDL_DATA names, under the
names their publishers gave them, and used only if their SHA-256 is the one recorded here.

Sources: xiao2017fashion (idx files, gzip), krizhevsky2009learning (binary version, tar.gz).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from itdl.checks import Array, DataError

__all__ = ["CIFAR10", "FASHION", "Images", "Split", "cifar10", "fashion_mnist", "folder"]

VARIABLE = "ITDL_DATA"
CLASSES = 10


@dataclass(frozen=True)
class Source:
    """Where a data set comes from: its page, and the SHA-256 of each of its files."""

    page: str
    sha256: Mapping[str, str]


FASHION = Source(
    "https://github.com/zalandoresearch/fashion-mnist (folder data/fashion)",
    {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)
CIFAR10 = Source(
    "https://www.cs.toronto.edu/~kriz/cifar.html (binary version)",
    {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
)


@dataclass(frozen=True)
class Split:
    """n images as rows of pixels scaled to [-1, 1], (n, d), and their labels 0 to 9, (n,)."""

    pixels: Array
    labels: np.ndarray


@dataclass(frozen=True)
class Images:
    """The training and the test part, as published."""

    train: Split
    test: Split


def folder() -> Path:
    """The folder of image files that ITDL_DATA names. Raises `DataError` if it is unset or no folder."""
    named = os.environ.get(VARIABLE)
    if not named or not Path(named).is_dir():
        raise DataError(f"{VARIABLE} is {named!r}; set it to the folder that holds the image files")
    return Path(named)


def fashion_mnist(source: Source = FASHION) -> Images:
    """60000 + 10000 grey images of clothes, 28 x 28. Raises `DataError` for a file that is missing or not the one."""
    parts = []
    for part in ("train", "t10k"):
        names = [f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"]
        images, labels = (_idx(name, _verified(name, source), axes) for name, axes in zip(names, (3, 1), strict=True))
        parts.append(_split(names[1], images.reshape(len(images), -1), labels))
    return Images(*parts)


def cifar10(source: Source = CIFAR10) -> Images:
    """50000 + 10000 colour images, 32 x 32, rows of 3 x 1024 pixels. Raises `DataError` as `fashion_mnist`."""
    (name,) = source.sha256
    train, test = [f"data_batch_{i}.bin" for i in range(1, 6)], "test_batch.bin"
    batches: dict[str, np.ndarray] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_verified(name, source)), mode="r:gz") as archive:
            for member in archive:
                file = Path(member.name).name
                if member.isfile() and file in {*train, test}:
                    batches[file] = _records(file, archive.extractfile(member))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{name} is no whole tar.gz archive ({error}); get it again from {source.page}") from None
    if absent := [file for file in [*train, test] if file not in batches]:
        raise DataError(f"{name} lacks {', '.join(absent)}; get it again from {source.page}")
    rows = np.concatenate([batches[file] for file in train]), batches[test]
    return Images(*(_split(name, part[:, 1:], part[:, 0]) for part in rows))


def _verified(name: str, source: Source) -> bytes:
    """The bytes of a file, checked before anything reads them."""
    path = folder() / name
    if not path.is_file():
        raise DataError(f"{name} is missing in {path.parent}; get it from {source.page} and put it there")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256[name]:
        raise DataError(f"{path} has SHA-256 {found}, expected {source.sha256[name]}; get it again from {source.page}")
    return content


def _idx(name: str, content: bytes, axes: int) -> np.ndarray:
    """An idx file of unsigned bytes: magic 0 0 8 axes, the sizes as big-endian 32 bit numbers, then the entries."""
    try:
        raw = gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{name} is no whole gzip file ({error}); get it again") from None
    magic = bytes([0, 0, 8, axes])
    if raw[:4] != magic:
        raise DataError(
            f"{name} starts with {raw[:4].hex()}, expected {magic.hex()}, an idx file of bytes; get it again"
        )
    head = 4 + 4 * axes
    sizes = np.frombuffer(raw[4:head], dtype=">u4").astype(int) if len(raw) >= head else np.zeros(axes, dtype=int)
    if sizes.prod() != len(raw) - head or sizes.prod() == 0:
        raise DataError(f"{name} announces {sizes.tolist()} entries but holds {len(raw) - head} bytes; get it again")
    return np.frombuffer(raw, dtype=np.uint8, offset=head).reshape(sizes)


def _records(name: str, file: IO[bytes] | None) -> np.ndarray:
    """Records of one label byte and 3072 pixel bytes."""
    raw = file.read() if file else b""
    if not raw or len(raw) % 3073:
        raise DataError(f"{name} holds {len(raw)} bytes, no whole number of records of 3073; get the archive again")
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3073)


def _split(name: str, pixels: np.ndarray, labels: np.ndarray) -> Split:
    if len(pixels) != len(labels) or labels.max() >= CLASSES:
        raise DataError(
            f"{name}: {len(labels)} labels up to {labels.max()} for {len(pixels)} images; there is one of 0 to "
            f"{CLASSES - 1} for each image: get the files again"
        )
    return Split(pixels / 127.5 - 1, labels.astype(np.int64))
