"""Text that every machine has: the docstrings of the scientific packages as they are installed, checked by digest.

Nothing is downloaded. The versions are locked, so the text is the same everywhere; a text with another SHA-256 is
refused, never used in its place.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from dataclasses import dataclass
from functools import cache

import numpy as np

from itdl.checks import DataError

__all__ = ["ALPHABET", "Text", "docstrings"]

DOCSTRINGS_SHA256 = "2ccbfc4435e42084268e26c22c1b9a7859babb5b5ac2be2dc90a72767e802011"
# Not scipy.signal and scipy.stats: they write some docstrings anew at each import, with random numbers in them.
PACKAGES = (
    *("numpy", "numpy.fft", "numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.strings"),
    *("scipy.cluster.hierarchy", "scipy.cluster.vq", "scipy.constants", "scipy.fft", "scipy.integrate"),
    *("scipy.interpolate", "scipy.io", "scipy.linalg", "scipy.ndimage", "scipy.optimize"),
    *("scipy.sparse", "scipy.sparse.csgraph", "scipy.sparse.linalg", "scipy.spatial", "scipy.special"),
    *("sklearn.cluster", "sklearn.covariance", "sklearn.datasets", "sklearn.decomposition", "sklearn.ensemble"),
    *("sklearn.feature_extraction.text", "sklearn.feature_selection", "sklearn.gaussian_process"),
    *("sklearn.linear_model", "sklearn.manifold", "sklearn.metrics", "sklearn.mixture", "sklearn.naive_bayes"),
    *("sklearn.neighbors", "sklearn.neural_network", "sklearn.preprocessing", "sklearn.svm"),
    *("sklearn.tree", "sklearn.utils"),
)
REWRITTEN = {"sinc"}  # whoever imports scipy.signal adds to this docstring of NumPy
ALPHABET = "\n" + "".join(chr(c) for c in range(32, 127))
HELD_OUT = 20  # every so-many-th text is not for training


@dataclass(frozen=True)
class Text:
    """Symbols (n,), each a place in ALPHABET, of two sets of docstrings that share none."""

    train: np.ndarray
    test: np.ndarray

    def read(self, symbols: np.ndarray) -> str:
        """The characters of symbols."""
        return "".join(ALPHABET[i] for i in symbols)


@cache
def docstrings() -> Text:
    """Each different docstring of the public functions and classes of NumPy, SciPy and scikit-learn, once.

    In the order of packages and names; whatever is neither printable ASCII nor the end of a line reads "?". Every
    twentieth is held out. Raises `DataError` if the text is not the recorded one.
    """
    texts = list(dict.fromkeys(text for package in PACKAGES for text in _texts(package)))
    found = hashlib.sha256("\x00".join(texts).encode()).hexdigest()
    if found != DOCSTRINGS_SHA256:
        raise DataError(
            f"the docstrings of NumPy, SciPy and scikit-learn have SHA-256 {found}, expected {DOCSTRINGS_SHA256}; "
            "install the locked versions, and run Python without -OO"
        )
    held = texts[HELD_OUT - 1 :: HELD_OUT]
    kept = [text for i, text in enumerate(texts, 1) if i % HELD_OUT]
    return Text(_symbols(kept), _symbols(held))


def _texts(package: str) -> list[str]:
    """Docstrings of public functions and classes, in alphabetical order of their names, without indentation."""
    module = importlib.import_module(package)
    public = [getattr(module, name) for name in sorted(set(module.__all__) - REWRITTEN)]
    return [inspect.cleandoc(o.__doc__) + "\n" for o in public if _documented(o)]


def _documented(thing: object) -> bool:
    """Functions and classes with a docstring of their own; instances may write theirs when they are made.

    Not NumPy's scalar types: theirs name the platform.
    """
    if inspect.isclass(thing) and issubclass(thing, np.generic):
        return False
    return (inspect.isroutine(thing) or inspect.isclass(thing) or isinstance(thing, np.ufunc)) and bool(thing.__doc__)


def _symbols(texts: list[str]) -> np.ndarray:
    place = {character: i for i, character in enumerate(ALPHABET)}
    return np.array([place.get(c, place["?"]) for c in "\n".join(texts)], dtype=np.int64)
