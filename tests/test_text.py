"""Text from docstrings: the recorded one, whatever was imported before; split in two; refused when it differs."""

import subprocess
import sys

import numpy as np
import pytest

from itdl import text
from itdl.checks import DataError


def test_the_text_is_the_recorded_one_and_is_text() -> None:
    docs = text.docstrings()
    assert len(docs.train) > 4_000_000
    assert 10 < len(docs.train) / len(docs.test) < 30
    for symbols in (docs.train, docs.test):
        assert symbols.dtype == np.int64
        assert symbols.min() == 0
        assert symbols.max() < len(text.ALPHABET) == 96
    words = docs.read(docs.train[:200_000])
    assert "Returns\n-------" in words
    assert "array" in words
    assert "Alias on this platform" not in docs.read(docs.train)


def test_characters_are_places_in_the_alphabet() -> None:
    symbols = text._symbols(["aé", "b"])
    assert "".join(text.ALPHABET[i] for i in symbols) == "a?\nb"


def test_no_text_stands_in_both_parts() -> None:
    docs = text.docstrings()
    train, test = docs.read(docs.train), docs.read(docs.test)
    texts = list(dict.fromkeys(t for package in text.PACKAGES for t in text._texts(package)))
    clean = ["".join(c if c in text.ALPHABET else "?" for c in t) for t in texts]
    assert all(t in test for t in clean[19:400:20])
    assert all(t in train for t in clean[:19])
    assert len(texts) == len(set(texts))


def test_other_imports_change_nothing() -> None:
    code = "import scipy.signal, scipy.stats, sklearn.model_selection; from itdl.text import docstrings; docstrings()"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_another_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text.docstrings.cache_clear()
    monkeypatch.setattr(text, "PACKAGES", ("numpy.fft",))
    with pytest.raises(DataError, match=r"have SHA-256 .*, expected .*; install the locked versions"):
        text.docstrings()
    text.docstrings.cache_clear()
