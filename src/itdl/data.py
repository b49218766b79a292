"""Data sets: synthetic ones drawn from a named stream, and real ones that every machine has, checked by digest.

Nothing is downloaded. A real data set is used only if the SHA-256 of its bytes is the one recorded here.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from sklearn import datasets

from itdl.checks import Array, BadInput, DataError, positive

__all__ = [
    "Digits",
    "GaussianTask",
    "Patterns",
    "WordTopics",
    "digits",
    "gaussian_task",
    "sphere_patterns",
    "word_topics",
]

DIGITS_SHA256 = "f6d9e39f37dc45d327f6db33428ee58970ccceabb2535a5c179de35886b70443"
WORDS_SHA256 = "33bc56926b1dadb66d3f7ed5f44508661c4d42dec50777eb4f5bdc58fb8e9e5c"
TOPICS = (
    "scipy.fft",
    "scipy.integrate",
    "scipy.interpolate",
    "scipy.linalg",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.metrics",
)
RARE, COMMON = 40, 0.2  # a word must stand in so many docstrings, and in no larger share of them


@dataclass(frozen=True)
class GaussianTask:
    """Y = a.X + N(0, 1) with X ~ N(0, I): jointly Gaussian, so I(X;Y) and the best trade-offs are known exactly.

    Test targets are noiseless (`y_test` = a.x): the label noise, of variance `noise_var`, is averaged exactly.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    teacher: Array
    noise_var: float = 1.0

    @property
    def y_train_clean(self) -> Array:
        """a.x at the training points, without their label noise."""
        return np.asarray(self.x_train @ self.teacher)

    @property
    def y_var(self) -> float:
        """Var Y = |a|^2 + noise_var."""
        return float(self.teacher @ self.teacher) + self.noise_var

    @property
    def covariance(self) -> Array:
        """Joint covariance of (X, Y), shape (d + 1, d + 1)."""
        d = len(self.teacher)
        cov = np.eye(d + 1)
        cov[:d, d] = cov[d, :d] = self.teacher
        cov[d, d] = self.y_var
        return cov


def gaussian_task(rng: np.random.Generator, *, d: int, n: int, m: int, information: float) -> GaussianTask:
    """A task with I(X;Y) = 1/2 log(1 + |a|^2) = `information` nats, the teacher a in a random direction.

    n training points in d dimensions, m test points. Source: shwartzziv2020information, section 2 and appendix B.
    """
    if min(d, n, m) < 1:
        raise BadInput(
            f"d, n and m are {d}, {n} and {m}; a task needs at least one dimension and one point of each kind"
        )
    direction = rng.standard_normal(d)
    teacher = direction / np.linalg.norm(direction) * np.sqrt(np.expm1(2 * positive("information", information)))
    x_train, x_test = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    return GaussianTask(x_train, x_train @ teacher + rng.standard_normal(n), x_test, x_test @ teacher, teacher)


@dataclass(frozen=True)
class Digits:
    """1797 handwritten digits: pixels (1797, 64) scaled to [-1, 1] and the digit of each."""

    pixels: Array
    labels: np.ndarray

    @property
    def parity(self) -> Array:
        """+1 for even digits, -1 for odd ones."""
        return np.where(self.labels % 2 == 0, 1.0, -1.0)


def digits() -> Digits:
    """The digits of scikit-learn (alpaydin1998optical). Raises `DataError` if its bytes are not the recorded ones."""
    pixels, labels = datasets.load_digits(return_X_y=True)
    found = hashlib.sha256(pixels.astype("<f8").tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    if found != DIGITS_SHA256:
        raise DataError(
            f"scikit-learn's digits have SHA-256 {found}, expected {DIGITS_SHA256}; install the locked version"
        )
    return Digits(pixels / 8 - 1, labels)


@dataclass(frozen=True)
class Patterns:
    """Every pattern of twelve bits, (4096, 12) in counting order, and its label 0 or 1."""

    bits: Array
    labels: np.ndarray


def sphere_patterns() -> Patterns:
    """The symmetric task of shwartzziv2017opening, made from coordinates: bits are ones at vertices of an icosahedron.

    The label depends on four numbers that no rotation changes: how many ones (w), and how many pairs of ones at each
    angle: adjacent (e1), at cosine -1/sqrt(5) (e2), antipodal (a). It is 1 where 206 w + 4 e1 - 44 e2 - 68 a >= 859.
    This rule is ours; it gives the labels of the published task, of which 2118 are 1.
    """
    golden = (1 + 5**0.5) / 2
    corner = [(0, i, j * golden) for i in (-1, 1) for j in (-1, 1)]
    vertices = np.array([np.roll(c, shift) for shift in range(3) for c in corner]) / (1 + golden**2) ** 0.5
    cosine = vertices @ vertices.T
    bits = (np.arange(4096)[:, None] >> np.arange(11, -1, -1) & 1).astype(float)
    pairs = [0.5 * np.einsum("ni,ij,nj->n", bits, np.abs(cosine - c) < 1e-9, bits) for c in (5**-0.5, -(5**-0.5), -1)]
    score = 206 * bits.sum(axis=1) + np.array([4, -44, -68]) @ pairs
    return Patterns(bits, (score >= 859).astype(np.int64))


@dataclass(frozen=True)
class WordTopics:
    """How many docstrings of each sub-package hold each word: counts (2, words, topics), one table per half."""

    words: tuple[str, ...]
    topics: tuple[str, ...]
    counts: np.ndarray

    @property
    def joint(self) -> Array:
        """p(word, topic) of all docstrings, (words, topics)."""
        table = self.counts.sum(axis=0)
        return np.asarray(table / table.sum())


def word_topics() -> WordTopics:
    """Words and topics of the docstrings of SciPy and scikit-learn as they are installed.

    Every public function and class of ten sub-packages is one text; in alphabetical order they go to the two halves by
    turns. Words have five letters or more, stand in 40 texts or more and in a fifth of them at most, and are not the
    name of a package. Raises `DataError` if the table is not the recorded one.
    """
    texts = [(half, topic, words) for topic in TOPICS for half, words in _texts(topic)]
    seen = Counter(word for *_, words in texts for word in words)
    names = {part for topic in TOPICS for part in topic.split(".")}
    vocabulary = sorted(w for w, n in seen.items() if RARE <= n <= COMMON * len(texts) and w not in names)
    place = {word: i for i, word in enumerate(vocabulary)}
    counts = np.zeros((2, len(vocabulary), len(TOPICS)), dtype=np.int64)
    for half, topic, words in texts:
        counts[half, [place[w] for w in sorted(words) if w in place], TOPICS.index(topic)] += 1
    found = hashlib.sha256("\n".join(vocabulary).encode() + counts.astype("<i8").tobytes()).hexdigest()
    if found != WORDS_SHA256:
        raise DataError(
            f"the words in the docstrings of SciPy and scikit-learn have SHA-256 {found}, expected {WORDS_SHA256}; "
            "install the locked versions, and run Python without -OO"
        )
    return WordTopics(tuple(vocabulary), tuple(topic.split(".")[1] for topic in TOPICS), counts)


def _texts(package: str) -> list[tuple[int, set[str]]]:
    """Half and set of words of the docstring of each public function and class.

    Instances are left out (the distributions of scipy.stats write their docstrings themselves).
    """
    module = importlib.import_module(package)
    public = [getattr(module, name) for name in sorted(module.__all__)]
    texts = [o.__doc__.lower() for o in public if (inspect.isroutine(o) or inspect.isclass(o)) and o.__doc__]
    return [(i % 2, set(re.findall("[a-z]{5,}", text))) for i, text in enumerate(texts)]
