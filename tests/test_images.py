"""Readers of image files: real formats written small by the test; whatever is not the recorded file is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl import images
from itdl.checks import DataError

PIXELS = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3) * 10
LABELS = np.array([3, 9], dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def fashion_files(**changes: bytes) -> dict[str, bytes]:
    """The four files, with a change under `train_images` and the like."""
    names = dict(
        zip(("train_images", "train_labels", "test_images", "test_labels"), images.FASHION.sha256, strict=True)
    )
    content = [idx(PIXELS), idx(LABELS), idx(PIXELS[:1]), idx(LABELS[:1])]
    return dict(zip(images.FASHION.sha256, content, strict=True)) | {names[k]: c for k, c in changes.items()}


def archive(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def batches() -> dict[str, bytes]:
    """Six batches of two records: label, then 3072 pixels of the batch's number."""
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    record = {name: bytes([i, *[20 * i] * 3072, i, *[255] * 3072]) for i, name in enumerate(names)}
    return {"batches.meta.txt": b"airplane\n", **record, "readme.html": b"<html>"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITDL_DATA", str(tmp_path))
    return tmp_path


def lay(folder: Path, files: Mapping[str, bytes]) -> images.Source:
    """Write the files and record their digests, as the publisher's are recorded."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return images.Source("https://example.org", {n: hashlib.sha256(c).hexdigest() for n, c in files.items()})


def test_fashion_images_come_as_rows_between_minus_one_and_one(folder: Path) -> None:
    made = images.fashion_mnist(lay(folder, fashion_files()))
    assert made.train.pixels.shape == (2, 12)
    assert_allclose(made.train.pixels, PIXELS.reshape(2, 12) / 127.5 - 1)
    assert made.train.labels.tolist() == [3, 9]
    assert made.test.labels.tolist() == [3]
    assert_allclose(made.test.pixels, made.train.pixels[:1])


def test_cifar_batches_are_joined_in_order(folder: Path) -> None:
    made = images.cifar10(lay(folder, {"cifar-10-binary.tar.gz": archive(batches())}))
    assert made.train.pixels.shape == (10, 3072)
    assert made.train.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert made.test.labels.tolist() == [5, 5]
    assert_allclose(made.train.pixels[4], 40 / 127.5 - 1)
    assert_allclose(made.train.pixels[5], 1)


def test_recorded_digests_are_whole_and_different() -> None:
    recorded = [*images.FASHION.sha256.values(), *images.CIFAR10.sha256.values()]
    assert len(set(recorded)) == 5
    assert all(len(bytes.fromhex(digest)) == 32 for digest in recorded)


@pytest.mark.parametrize("named", [None, "", "/nowhere/at/all"])
def test_without_a_folder_the_variable_is_named(named: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITDL_DATA", raising=False)
    if named is not None:
        monkeypatch.setenv("ITDL_DATA", named)
    with pytest.raises(DataError, match=r"ITDL_DATA is .*; set it to the folder that holds the image files"):
        images.cifar10()


def test_a_missing_file_is_named_with_its_source_and_its_place(folder: Path) -> None:
    files = fashion_files()
    del files["t10k-labels-idx1-ubyte.gz"]
    lay(folder, files)
    whole = lay(folder, {}).page, {n: hashlib.sha256(c).hexdigest() for n, c in fashion_files().items()}
    with pytest.raises(DataError, match=r"t10k-labels.*gz is missing in .*; get it from https://example.org and put"):
        images.fashion_mnist(images.Source(*whole))


def test_other_bytes_are_refused_before_they_are_read(folder: Path) -> None:
    lay(folder, fashion_files())
    with pytest.raises(DataError, match=r"train-images.* has SHA-256 .*, expected 3aede38.*; get it again from https"):
        images.fashion_mnist()
    lay(folder, {"cifar-10-binary.tar.gz": b"no archive"})
    with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz has SHA-256 .*, expected c4a38c5"):
        images.cifar10()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_images": b"plain"}, r"train-images.* is no whole gzip file \(.*\); get it again"),
        ({"train_images": idx(PIXELS)[:-9]}, "train-images.* is no whole gzip file"),
        ({"train_images": idx(LABELS)}, "train-images.* starts with 00000801, expected 00000803, an idx file of bytes"),
        (
            {"train_labels": gzip.compress(bytes([0, 0, 13, 1]))},
            "train-labels.* starts with 00000d01, expected 00000801",
        ),
        ({"train_labels": gzip.compress(bytes([0, 0, 8, 1, 0]))}, r"announces \[0\] entries but holds -3 bytes"),
        (
            {"train_labels": gzip.compress(gzip.decompress(idx(LABELS)) + b"x")},
            r"train-labels.* announces \[2\] entries but holds 3 bytes",
        ),
        ({"train_labels": idx(LABELS[:0])}, r"announces \[0\] entries"),
        ({"train_labels": idx(LABELS[:1])}, "train-labels.*: 1 labels up to 3 for 2 images; there is one of 0 to 9"),
        ({"test_labels": idx(LABELS[:1] + 7)}, "t10k-labels.*: 1 labels up to 10 for 1 images"),
    ],
)
def test_fashion_files_in_another_shape_are_refused(folder: Path, changes: dict[str, bytes], words: str) -> None:
    source = lay(folder, fashion_files(**changes))
    with pytest.raises(DataError, match=words):
        images.fashion_mnist(source)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"plain", r"is no whole tar.gz archive \(.*\); get it again from https://example.org"),
        (archive(batches())[:-30], "is no whole tar.gz archive"),
        (
            archive({k: c for k, c in batches().items() if "batch_2" not in k and "test" not in k}),
            "lacks data_batch_2.bin, test_batch.bin; get it again",
        ),
        (archive(batches() | {"data_batch_3.bin": b"abc"}), r"data_batch_3.bin holds 3 bytes, .* of 3073"),
        (archive(batches() | {"data_batch_3.bin": b""}), r"data_batch_3.bin holds 0 bytes"),
        (archive(batches() | {"test_batch.bin": bytes([10] * 3073)}), "1 labels up to 10 for 1 images"),
    ],
)
def test_archives_in_another_shape_are_refused(folder: Path, content: bytes, words: str) -> None:
    source = lay(folder, {"cifar-10-binary.tar.gz": content})
    with pytest.raises(DataError, match=words):
        images.cifar10(source)
