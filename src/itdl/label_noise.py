"""Label noise: distributions p~(y|x) that stand in for hard labels, which the dual bottleneck cannot do without.

Every model returns the rows p~(.|x_i) as an array (n, K) of probabilities. All of them but the last know x through its
label only.

Source: the five models as we read them in the public code of piran2020dual; where that code divides the columns of a
confusion matrix by its row sums, rows are divided here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from itdl.checks import Array, BadInput, matrix, positive, simplex, spd

__all__ = [
    "confusion",
    "corrupt",
    "gaussian_logits",
    "gaussian_one_hot",
    "normalised_rows",
    "pre_trained",
    "smoothing",
    "soft_confusion",
]


def smoothing(labels: ArrayLike, classes: int, share: float) -> Array:
    """1 - share + share/K on the label, share/K on every other class; share in [0, 1]."""
    if not 0 <= share <= 1:
        raise BadInput(f"share is {share}; the smoothed part of a label lies between 0 and 1")
    return np.asarray((1 - share) * _one_hot(labels, classes) + share / classes)


def normalised_rows(counts: ArrayLike) -> Array:
    """A confusion matrix of counts (true, predicted) as p~(predicted | true): each row divided by its own sum."""
    table = matrix("counts", counts)
    if (table < 0).any() or (table.sum(axis=1) == 0).any():
        raise BadInput("counts has a negative entry or an empty row; every true class needs at least one case")
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def confusion(labels: ArrayLike, rows: ArrayLike) -> Array:
    """Row y of the confusion matrix p~(predicted | true) (K, K) for every label y."""
    table = simplex("rows", matrix("rows", rows))
    return np.asarray(_one_hot(labels, len(table)) @ table)


def gaussian_one_hot(
    labels: ArrayLike, classes: int, sd: float, rng: np.random.Generator, *, floor: float = 1e-7
) -> Array:
    """One-hot + N(0, sd^2) in every entry, clipped to [floor, inf) and divided by its sum, all of it by definition."""
    noisy = _one_hot(labels, classes)
    noisy += positive("sd", sd, zero=True) * rng.standard_normal(noisy.shape)
    clipped = np.maximum(noisy, positive("floor", floor))
    return np.asarray(clipped / clipped.sum(axis=1, keepdims=True))


def gaussian_logits(labels: ArrayLike, rows: ArrayLike, covariance: ArrayLike, rng: np.random.Generator) -> Array:
    """softmax(log rows[y] + N(0, covariance)): the logits of a confusion row with correlated Gaussian noise."""
    logits = _logs(confusion(labels, rows))
    factor = spd("covariance", covariance)
    if len(factor) != logits.shape[1]:
        raise BadInput(f"covariance is for {len(factor)} classes but rows has {logits.shape[1]}; they must be as many")
    return np.asarray(softmax(logits + rng.standard_normal(logits.shape) @ factor.T, axis=1))


def pre_trained(x: ArrayLike, labels: ArrayLike, classes: int, at: ArrayLike, *, strength: float = 1.0) -> Array:
    """The softmax of a model trained beforehand on (x, labels), at other inputs: the one that depends on x.

    The model is multinomial logistic regression, with 1/(2 strength) |w|^2 added to the summed loss.
    """
    y = _labels(labels, classes)
    if len(np.unique(y)) < classes:
        raise BadInput(f"labels hold {len(np.unique(y))} of {classes} classes; the model must see each of them")
    model = LogisticRegression(C=positive("strength", strength), max_iter=5000)
    return np.asarray(model.fit(matrix("x", x), y).predict_proba(matrix("at", at)), dtype=float)


def soft_confusion(
    x: ArrayLike, labels: ArrayLike, classes: int, rng: np.random.Generator, *, folds: int = 3, strength: float = 1.0
) -> tuple[Array, Array]:
    """(rows, p~): what a model that never saw x predicts for it (n, K), and its average by true class (K, K).

    Each of `folds` random parts is predicted by `pre_trained` on the others.
    """
    x, y = matrix("x", x), _labels(labels, classes)
    if not 2 <= folds <= len(y):
        raise BadInput(f"folds is {folds} for {len(y)} points; it must lie between 2 and the number of points")
    predicted = np.empty((len(y), classes))
    for part in np.array_split(rng.permutation(len(y)), folds):
        rest = np.setdiff1d(np.arange(len(y)), part)
        predicted[part] = pre_trained(x[rest], y[rest], classes, x[part], strength=strength)
    return normalised_rows(_one_hot(y, classes).T @ predicted), predicted


def corrupt(labels: ArrayLike, rows: ArrayLike, rng: np.random.Generator) -> np.ndarray:
    """Labels drawn from p~(. | label), (n,) whole numbers: what an unreliable annotator would have written."""
    cumulative = confusion(labels, rows).cumsum(axis=1)
    drawn = (rng.random((len(cumulative), 1)) * cumulative[:, -1:] >= cumulative).sum(axis=1)
    return np.asarray(drawn)


def _one_hot(labels: ArrayLike, classes: int) -> Array:
    return np.asarray(np.eye(classes)[_labels(labels, classes)])


def _labels(labels: ArrayLike, classes: int) -> np.ndarray:
    y = np.asarray(labels)
    if y.ndim != 1 or y.dtype.kind not in "iu" or len(y) == 0:
        raise BadInput(f"labels have shape {y.shape} and kind {y.dtype}; pass one whole number for each point")
    if y.min() < 0 or y.max() >= classes:
        raise BadInput(
            f"labels run from {y.min()} to {y.max()}; with {classes} classes they run from 0 to {classes - 1}"
        )
    return y


def _logs(p: Array) -> Array:
    if (p <= 0).any():
        raise BadInput("rows has zeros, whose logits are infinite; smooth the confusion matrix first")
    return np.asarray(np.log(p))
