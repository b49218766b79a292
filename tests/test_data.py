"""Data: the Gaussian task knows its information, the digits are the recorded ones."""

from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from itdl import data, gaussian, rng
from itdl.checks import BadInput, DataError


def task(**changes: float) -> data.GaussianTask:
    size = {"d": 6, "n": 40, "m": 30, "information": 0.447} | changes
    return data.gaussian_task(rng.stream(3, "task"), **size)  # type: ignore[arg-type]


@pytest.mark.parametrize("information", [0.05, 0.447, 3.0])
def test_the_task_has_the_information_asked_for(information: float) -> None:
    drawn = task(information=information)
    assert_allclose(gaussian.mutual_information(drawn.covariance, 6), information, rtol=1e-12)
    assert_allclose(drawn.y_var, np.exp(2 * information), rtol=1e-12)


def test_samples_have_the_covariance_they_claim() -> None:
    drawn = task(n=200_000)
    sampled = np.cov(np.column_stack([drawn.x_train, drawn.y_train]).T)
    assert_allclose(sampled, drawn.covariance, atol=0.03)
    assert_allclose(np.var(drawn.y_train - drawn.y_train_clean), drawn.noise_var, rtol=0.02)


def test_test_targets_are_noiseless_and_streams_decide_the_draw() -> None:
    drawn = task()
    assert_allclose(drawn.y_test, drawn.x_test @ drawn.teacher)
    assert np.array_equal(drawn.x_train, task().x_train)
    other = data.gaussian_task(rng.stream(4, "task"), d=6, n=40, m=30, information=0.447)
    assert not np.array_equal(drawn.x_train, other.x_train)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"d": 0}, "d, n and m are 0, 40 and 30"), ({"m": 0}, "at least one"), ({"information": 0}, "information is 0")],
)
def test_impossible_tasks_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        task(**changes)


def test_the_digits_are_whole() -> None:
    digits = data.digits()
    assert digits.pixels.shape == (1797, 64)
    assert (digits.pixels.min(), digits.pixels.max()) == (-1, 1)
    assert digits.parity[digits.labels == 7].tolist() == [-1] * int((digits.labels == 7).sum())
    assert digits.parity[digits.labels == 8].min() == 1


def test_other_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "DIGITS_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"digits have SHA-256 f6d9.*expected 000.*install the locked version"):
        data.digits()


def test_the_patterns_have_the_counts_of_the_published_task() -> None:
    patterns = data.sphere_patterns()
    ones = patterns.bits.sum(axis=1).astype(int)
    by_ones = np.bincount(ones, weights=patterns.labels).astype(int).tolist()
    assert patterns.labels.sum() == 2118
    assert by_ones == [0, 0, 0, 0, 0, 60, 532, 732, 495, 220, 66, 12, 1]
    assert len(np.unique(patterns.bits, axis=0)) == 4096
    assert patterns.bits[5].tolist() == [0] * 9 + [1, 0, 1]


def test_the_rule_of_the_patterns_by_another_road() -> None:
    """The same labels as a list of cases, on an icosahedron built by walking along its edges."""
    patterns = data.sphere_patterns()
    north, south, upper, lower = 0, 11, range(1, 6), range(6, 11)
    adjacent = np.zeros((12, 12))
    for i in range(5):
        edges = [(north, 1 + i), (1 + i, 1 + (i + 1) % 5), (1 + i, 6 + i), (1 + i, 6 + (i + 1) % 5)]
        for a, b in [*edges, (6 + i, 6 + (i + 1) % 5), (6 + i, south)]:
            adjacent[a, b] = adjacent[b, a] = 1
    assert adjacent.sum(axis=0).tolist() == [5] * 12
    assert len([*upper, *lower]) == 10
    steps = np.where(adjacent, 1, np.where(adjacent @ adjacent > 0, 2, 3)) * (1 - np.eye(12))
    w = patterns.bits.sum(axis=1)
    e1, a = (0.5 * np.einsum("ni,ij,nj->n", patterns.bits, steps == s, patterns.bits) for s in (1, 3))
    seven = (w == 7) & ~((e1 == 8) & (a == 2))
    six = (w == 6) & ((e1 >= 7) | ((e1 == 6) & (a == 0)))
    cases = (w >= 8) | seven | six | ((w == 5) & (e1 == 7))

    # The two builds number the vertices differently, so patterns are compared class by class, not one by one.
    def classes(labels: np.ndarray, one: np.ndarray, far: np.ndarray) -> list[tuple[float, ...]]:
        return sorted(zip(w, one, far, labels.astype(float), strict=True))

    assert cases.sum() == 2118
    golden = (1 + 5**0.5) / 2
    corners = np.array([np.roll((0, i, j * golden), s) for s in range(3) for i in (-1, 1) for j in (-1, 1)])
    cosine = corners @ corners.T / (1 + golden**2)
    own = [
        0.5 * np.einsum("ni,ij,nj->n", patterns.bits, np.abs(cosine - c) < 1e-9, patterns.bits) for c in (5**-0.5, -1)
    ]
    assert classes(cases, e1, a) == classes(patterns.labels, *own)


def test_words_are_counted_as_a_reader_would() -> None:
    table = data.word_topics()
    assert table.topics == ("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "stats",
                            "linear_model", "metrics")  # fmt: skip
    public = [getattr(scipy.linalg, name) for name in sorted(scipy.linalg.__all__)]
    holds = [bool(re.search(r"(?<![a-z])inverse(?![a-z])", (o.__doc__ or "").lower())) for o in public if callable(o)]
    found = table.counts[:, table.words.index("inverse"), table.topics.index("linalg")]
    assert found.tolist() == [sum(holds[::2]), sum(holds[1::2])]
    assert found.min() > 3


def test_the_table_of_words_keeps_its_rules() -> None:
    table = data.word_topics()
    total = table.counts.sum(axis=(0, 2))
    assert list(table.words) == sorted(set(table.words))
    assert min(map(len, table.words)) == 5
    assert total.min() >= 40
    assert total.max() <= 0.2 * 814
    assert not {"scipy", "stats", "linalg", "metrics"} & set(table.words)
    assert_allclose(table.joint.sum(), 1)
    assert_allclose(table.joint.sum(axis=1), total / total.sum())


def test_another_table_of_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "RARE", 41)
    with pytest.raises(DataError, match=r"docstrings of SciPy and scikit-learn have SHA-256 .*, expected 33bc.*-OO"):
        data.word_topics()
