"""Label noise: every model gives distributions with the moments of its definition, and refuses what it cannot use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW, SEEDS
from numpy.testing import assert_allclose
from scipy.special import logit

from itdl import label_noise as noise
from itdl import rng
from itdl.checks import BadInput

LABELS = np.array([0, 2, 1, 1])
ROWS = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.18, 0.8]])


def blobs(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping classes in the plane."""
    draw = rng.stream(4, "blobs")
    labels = draw.integers(0, 3, n)
    return np.array([[0, 0], [2, 0], [0, 2.0]])[labels] + draw.standard_normal((n, 2)), labels


@LAW
@given(SEEDS, st.floats(0, 1), st.integers(2, 6))
def test_every_model_gives_distributions_that_favour_the_label(seed: int, share: float, classes: int) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, 7)
    rows = noise.smoothing(np.arange(classes), classes, 0.5 * share + 0.1)
    made = [
        noise.smoothing(labels, classes, share),
        noise.confusion(labels, rows),
        noise.gaussian_one_hot(labels, classes, 0.01, draw),
        noise.gaussian_logits(labels, rows, 0.01 * np.eye(classes), draw),
    ]
    for p in made:
        assert p.shape == (7, classes)
        assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        assert (p >= 0).all()
    assert all((p.argmax(axis=1) == labels).all() for p in made[1:])


def test_smoothing_by_hand() -> None:
    assert_allclose(noise.smoothing([1], 3, 0.3), [[0.1, 0.8, 0.1]])
    assert_allclose(noise.smoothing([1], 4, 0), [[0, 1, 0, 0]])


def test_rows_are_divided_by_their_own_sum() -> None:
    assert_allclose(noise.normalised_rows([[3, 1], [2, 8]]), [[0.75, 0.25], [0.2, 0.8]])


def test_confusion_takes_the_row_of_the_label() -> None:
    assert_allclose(noise.confusion(LABELS, ROWS), ROWS[LABELS])


def test_gaussian_one_hot_is_clipped_and_divided_as_defined() -> None:
    labels = np.zeros(40_000, dtype=int)
    p = noise.gaussian_one_hot(labels, 2, 0.01, rng.stream(1, "noise"), floor=1e-4)
    ratio = p[:, 1] / p[:, 0]
    # Before clipping the second entry is N(0, 0.01^2): half of them end at the floor.
    assert_allclose((ratio < 1.1e-4).mean(), 0.5, atol=0.02)
    assert ratio.min() > 0.9e-4
    assert_allclose(ratio.mean(), 0.01 / np.sqrt(2 * np.pi), rtol=0.05)
    still = noise.gaussian_one_hot([0], 2, 0, rng.stream(1, "noise"))
    assert_allclose(still, [[1, 1e-7]], rtol=1e-6)


def test_gaussian_logits_have_the_mean_and_covariance_asked_for() -> None:
    rows = np.array([[0.7, 0.3], [0.4, 0.6]])
    covariance = np.array([[0.5, 0.2], [0.2, 0.3]])
    p = noise.gaussian_logits(np.ones(50_000, dtype=int), rows, covariance, rng.stream(1, "logits"))
    log_odds = logit(p[:, 0])
    assert_allclose(log_odds.mean(), logit(0.4), atol=0.01)
    assert_allclose(log_odds.var(), 0.5 + 0.3 - 2 * 0.2, rtol=0.02)


def test_a_pre_trained_model_depends_on_the_input_beyond_its_label() -> None:
    x, labels = blobs()
    p = noise.pre_trained(x, labels, 3, x)
    assert p.shape == (120, 3)
    assert (p.argmax(axis=1) == labels).mean() > 0.7
    assert np.ptp(p[labels == 0, 0]) > 0.3
    firm, soft = (noise.pre_trained(x, labels, 3, x, strength=s).max(axis=1).mean() for s in (10, 0.001))
    assert firm > soft + 0.3


def test_no_point_is_predicted_by_a_model_that_saw_it() -> None:
    x, labels = blobs(40)
    draw = rng.stream(2, "folds")
    rows, p = noise.soft_confusion(x, labels, 3, draw, folds=40)
    for i in (0, 17):
        rest = np.delete(np.arange(40), i)
        assert_allclose(p[i], noise.pre_trained(x[rest], labels[rest], 3, x[i : i + 1])[0], rtol=1e-9)
    assert_allclose(rows[1], p[labels == 1].mean(axis=0))


def test_drawn_labels_have_the_frequencies_of_their_row() -> None:
    labels = np.repeat([0, 1, 2], 40_000)
    drawn = noise.corrupt(labels, ROWS, rng.stream(1, "flips"))
    seen = np.stack([np.bincount(part, minlength=3) / 40_000 for part in np.split(drawn, 3)])
    assert_allclose(seen, ROWS, atol=0.01)
    assert noise.corrupt(LABELS, np.eye(3), rng.stream(1, "flips")).tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: noise.smoothing(LABELS, 3, 1.2), r"share is 1\.2; the smoothed part of a label lies between 0 and 1"),
        (lambda: noise.smoothing([0.5], 3, 0.1), "labels have shape .* and kind float64; pass one whole number"),
        (lambda: noise.smoothing([[1]], 3, 0.1), r"labels have shape \(1, 1\)"),
        (lambda: noise.smoothing(np.array([], dtype=int), 3, 0.1), r"labels have shape \(0,\)"),
        (lambda: noise.smoothing([0, 3], 3, 0.1), "labels run from 0 to 3; with 3 classes they run from 0 to 2"),
        (lambda: noise.smoothing([-1, 0], 3, 0.1), "labels run from -1 to 0"),
        (lambda: noise.normalised_rows([[1, 2], [0, 0]]), "a negative entry or an empty row"),
        (lambda: noise.normalised_rows([[1, 2], [3, -1]]), "a negative entry or an empty row"),
        (lambda: noise.confusion(LABELS, 2 * ROWS), "rows sums to 1 only within"),
        (lambda: noise.confusion(LABELS, ROWS[0]), r"rows has shape \(3,\); it must be a matrix"),
        (lambda: noise.gaussian_one_hot(LABELS, 3, -1, rng.stream(1)), "sd is -1; it must be one number zero or above"),
        (lambda: noise.gaussian_one_hot(LABELS, 3, 1, rng.stream(1), floor=0), "floor is 0; .* above zero"),
        (
            lambda: noise.gaussian_logits(LABELS, np.eye(3), np.eye(3), rng.stream(1)),
            "zeros, whose logits are infinite",
        ),
        (lambda: noise.gaussian_logits(LABELS, ROWS, np.eye(2), rng.stream(1)), "covariance is for 2 classes .* has 3"),
        (lambda: noise.gaussian_logits(LABELS, ROWS, -np.eye(3), rng.stream(1)), "covariance is not positive definite"),
        (lambda: noise.pre_trained(np.eye(4), LABELS, 4, np.eye(4)), "labels hold 3 of 4 classes; .* see each of them"),
        (lambda: noise.soft_confusion(*blobs(), 3, rng.stream(1), folds=1), "folds is 1 for 120 points; .* between 2"),
        (lambda: noise.soft_confusion(*blobs(), 3, rng.stream(1), folds=121), "folds is 121 for 120 points"),
    ],
)
def test_bad_input_is_refused(call: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()  # type: ignore[operator]
