"""Bounds for one predictor that has a short description, and the classical ones that ask how much a class can do.

A code fixed before the data gives every predictor a prefix-free word; with 2^-bits as prior, KL(Q||P) of a single
predictor is the length of its word, and no Q and no logarithm of sqrt(n) are needed. Lengths and losses in nats.

Sources: langford2005tutorial (Occam's razor bound); zhou2019nonvacuous (lengths that name themselves);
lotfi2024nonvacuous (smoothed log loss); vapnik1971uniform (growth function); mohri2018foundations (theorem 3.5);
golowich2018size (theorem 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite, matrix, positive
from itdl.pacbayes import kl_inverse

__all__ = [
    "growth_bound",
    "hoeffding_occam_bound",
    "margin_bound",
    "norm_complexity",
    "occam_bound",
    "rademacher_bound",
    "sauer",
    "smoothing_range",
    "unnamed_length",
]


def occam_bound(emp_risk: ArrayLike, length: ArrayLike, n: ArrayLike, delta: float) -> Array:
    """R <= sup{p : kl(r||p) <= (length + ln(1/delta))/n}, loss in [0, 1], code length in nats.   (...) -> (...)."""
    return kl_inverse(emp_risk, _price(length, n, delta)).value


def hoeffding_occam_bound(emp_risk: ArrayLike, length: ArrayLike, n: ArrayLike, delta: float) -> Array:
    """R <= r + sqrt((length + ln(1/delta))/(2 n)), the form of lotfi2024nonvacuous; may exceed 1."""
    return np.asarray(finite("emp_risk", emp_risk) + np.sqrt(_price(length, n, delta) / 2))


def unnamed_length(bits: ArrayLike) -> Array:
    """bits ln 2 + ln(bits (bits + 1)), nats: a file of so many bits whose length is not told beforehand.   bits >= 1.

    Shares 1/(l (l + 1)) of the prior go to the lengths l = 1, 2, ...; they sum to one.
    """
    array = finite("bits", bits)
    if (array < 1).any():
        raise BadInput(f"bits falls to {array.min():g}; a file has at least one bit")
    return np.asarray(array * np.log(2) + np.log(array) + np.log1p(array))


def smoothing_range(share: ArrayLike, vocabulary: int) -> Array:
    """Delta = ln(1 + (1 - a) V/a): how far -log(a/V + (1 - a) p) can vary with p in [0, 1], nats.   a in (0, 1].

    The largest loss is ln(V/a), the least -ln(a/V + 1 - a). With a = 1 nothing is left of the model.
    """
    a = finite("share", share)
    if (a <= 0).any() or (a > 1).any():
        raise BadInput(f"share lies between {a.min():g} and {a.max():g}; it must lie in (0, 1]")
    if vocabulary < 2:
        raise BadInput(f"vocabulary is {vocabulary}; there must be at least two symbols to predict")
    return np.asarray(np.log1p((1 - a) * vocabulary / a))


def sauer(dimension: int, points: int) -> float:
    """ln sum_{i <= d} C(N, i), nats: the most labellings of N points that a class of VC dimension d can have."""
    if dimension < 0 or points < 1:
        raise BadInput(f"dimension is {dimension} and points {points}; give zero or above, and at least one")
    i = np.arange(1, min(dimension, points) + 1)
    terms = np.concatenate([[0.0], np.cumsum(np.log((points - i + 1) / i))])
    return float(np.logaddexp.reduce(terms))


def growth_bound(emp_risk: ArrayLike, log_growth: ArrayLike, n: ArrayLike, delta: float) -> Array:
    """R <= r + sqrt(8 (ln S(2 n) + ln(4/delta))/n) for a whole class; `log_growth` is ln S(2 n). May exceed 1."""
    price = (finite("log_growth", log_growth) + np.log(4 / _delta(delta))) / _size(n)
    return np.asarray(finite("emp_risk", emp_risk) + np.sqrt(8 * price))


def rademacher_bound(emp_risk: ArrayLike, complexity: ArrayLike, n: ArrayLike, delta: float) -> Array:
    """R <= r + Rad + sqrt(ln(1/delta)/(2 n)), Rad the expected best correlation with random signs; may exceed 1."""
    return np.asarray(
        finite("emp_risk", emp_risk)
        + finite("complexity", complexity)
        + np.sqrt(-np.log(_delta(delta)) / (2 * _size(n)))
    )


def norm_complexity(x: ArrayLike, layers: Sequence[tuple[ArrayLike, ArrayLike]]) -> float:
    """Rademacher complexity of all ReLU networks whose layers are no longer than these: x (n, d), (W, b) a layer.

    sqrt(sum |x_i|^2)/n * (sqrt(2 ln 2 * depth) + 1) * prod |W_l|_F. A bias counts as a weight from a unit that is
    always 1 and is carried on: x gets a last coordinate 1, hidden layers a row (0, 1).
    """
    x = matrix("x", x)
    if not layers:
        raise BadInput("layers is empty; give the weights and biases of at least one layer")
    squares = [np.sum(finite("W", w) ** 2) + np.sum(finite("b", b) ** 2) for w, b in layers]
    product = np.sqrt(squares[-1]) * np.prod(np.sqrt(np.array(squares[:-1]) + 1))
    return float(np.sqrt(np.sum(x**2) + len(x)) / len(x) * (np.sqrt(2 * np.log(2) * len(layers)) + 1) * product)


def margin_bound(margin_error: ArrayLike, complexity: ArrayLike, margin: float, n: int, delta: float) -> Array:
    """R <= share of points with margin below `margin` + 2 Rad/margin + 3 sqrt(ln(2/delta)/(2 n)); may exceed 1.

    For real scores with a sign, one fixed `margin` > 0, and the sample's own complexity.
    """
    width = positive("margin", margin)
    slack = 3 * np.sqrt(np.log(2 / _delta(delta)) / (2 * _size(n)))
    return np.asarray(finite("margin_error", margin_error) + 2 * finite("complexity", complexity) / width + slack)


def _price(length: ArrayLike, n: ArrayLike, delta: float) -> Array:
    nats = finite("length", length)
    if (nats < 0).any():
        raise BadInput(f"length falls to {nats.min():g}; a code length is never negative")
    return np.asarray((nats - np.log(_delta(delta))) / _size(n))


def _delta(delta: float) -> float:
    if not 0 < positive("delta", delta) < 1:
        raise BadInput(f"delta is {delta}; it must lie strictly between 0 and 1")
    return float(delta)


def _size(n: ArrayLike) -> Array:
    array = finite("n", n)
    if (array < 1).any():
        raise BadInput(f"n falls to {array.min():g}; at least one point is needed")
    return array
