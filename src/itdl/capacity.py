"""Capacity: how many labels a threshold unit, a network or a regression can hold, in nats.

A data set with n labels drawn at random holds H nats in each. What of it a model has memorised is what the labels no
longer cost once the model is known, n H minus its summed cross-entropy; the capacity is the most that it can hold.

For a threshold unit the answer is exact. Of the 2^N ways to label N points in general position in R^K a hyperplane
through the origin realises

    T(N, K) = 2 sum_{k < K} C(N - 1, k),

so that T/2^N = P(at most K - 1 heads in N - 1 throws of a fair coin), one half at N = 2K: two labels per weight.

Sources: cover1965geometrical (the count), mackay2003information (chapter 40: equation 40.9, the count, and 40.10, its
approximation); zhang2017understanding (theorem 1: n points take 2n + d weights). Certificates by Gordan's theorem.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from scipy.optimize import nnls
from scipy.special import bdtr, gammaln, ndtr

from itdl.checks import Array, BadInput, finite, matrix, positive

__all__ = [
    "Interpolant",
    "Ridge",
    "Separation",
    "dropout_penalty",
    "interpolate",
    "log_dichotomies",
    "memorised",
    "normal_fraction",
    "ridge",
    "separable_fraction",
    "separate",
    "set_information",
    "string_ceiling",
]

RESOLVED = 1e-12  # of margin and imbalance, both of unit vectors: what rounding can feign


def log_dichotomies(points: ArrayLike, weights: ArrayLike) -> Array:
    """log T(N, K), in nats, also where T has no room in a float.   points N, weights K, whole, >= 1 (...) -> (...)."""
    n, k = _counts(points=points, weights=weights)
    i = np.arange(int(k.max()))
    terms = np.where(
        i < np.minimum(k, n)[..., None],
        gammaln(n)[..., None] - gammaln(i + 1) - gammaln(np.maximum(n[..., None] - i, 1)),
        -np.inf,
    )
    return np.asarray(np.log(2) + np.logaddexp.reduce(terms, axis=-1))


def separable_fraction(points: ArrayLike, weights: ArrayLike) -> Array:
    """T(N, K)/2^N, the share of all labellings that a threshold unit realises.   (...) -> (...), broadcast."""
    n, k = _counts(points=points, weights=weights)
    return np.asarray(bdtr(np.minimum(k, n) - 1, (n - 1).astype(int), 0.5))


def normal_fraction(points: ArrayLike, weights: ArrayLike) -> Array:
    """Phi((K - N/2)/(sqrt(N)/2)), its approximation for many points.   (...) -> (...), broadcast."""
    n, k = _counts(points=points, weights=weights)
    return np.asarray(ndtr((k - n / 2) / (np.sqrt(n) / 2)))


@dataclass(frozen=True)
class Separation:
    """Whether some w has y_i x_i.w > 0 for all i, and the proof of it; a_i = y_i x_i/|x_i|.

    `margin` is min_i a_i.w/|w| at `weights`, (K,): above zero, it proves that the labels can be separated; without
    such a w it is 0. `witness`, (N,), is >= 0 and sums to 1, `imbalance` |sum witness_i a_i|: zero, it proves that they
    cannot (Gordan's theorem).
    """

    margin: float
    weights: Array
    imbalance: float
    witness: Array

    @property
    def separable(self) -> bool:
        return self.margin > 0


def separate(x: ArrayLike, labels: ArrayLike) -> Separation:
    """Is there a hyperplane through the origin with all labels right?   x (N, K), labels (N,) of -1 and 1.

    Finds lambda >= 0 that brings (w, sum lambda_i), w = sum lambda_i a_i, nearest to (0, 1), by non-negative least
    squares. At distance zero lambda is a witness; else w separates: optimality says a_i.w >= 1 - sum lambda_i > 0.
    A feature that is constant makes the unit affine. Raises `BadInput` where the points are too close to both answers.
    """
    x, y = matrix("x", x), finite("labels", labels)
    if x.ndim != 2 or y.shape != x.shape[:1] or not np.isin(y, (-1, 1)).all():
        raise BadInput(f"x has shape {x.shape} and labels {y.shape}; give (N, K) and N labels, each -1 or 1")
    lengths = np.linalg.norm(x, axis=1)
    if (lengths == 0).any():
        raise BadInput(f"x[{int(np.argmin(lengths))}] is the origin, which lies on every hyperplane; leave it out")
    a = x * (y / lengths)[:, None]
    rows, one = np.vstack([a.T, np.ones(len(a))]), np.append(np.zeros(x.shape[1]), 1.0)
    cone, _ = nnls(rows, one, maxiter=100 * len(a))
    w = cone @ a
    size = float(np.linalg.norm(w))
    margin, imbalance = float((a @ w).min()) / max(size, 1e-300), size / float(cone.sum())
    if margin <= RESOLVED < imbalance:
        raise BadInput(f"neither answer has a proof: margin {margin:.1g}, imbalance {imbalance:.1g}; rescale features")
    return Separation(margin if margin > RESOLVED else 0.0, w, imbalance, cone / cone.sum())


def memorised(n: ArrayLike, loss: ArrayLike, entropy: float) -> Array:
    """n H - n times the mean cross-entropy: what n labels of H nats each no longer cost.   n, loss (...) -> (...).

    Negative where a model is worse than chance. The largest over n is an estimate from below of its capacity.
    """
    n, loss, h = finite("n", n), finite("loss", loss), positive("entropy", entropy)
    if (n < 0).any() or (loss < 0).any():
        raise BadInput(f"n reaches down to {n.min()} and loss to {loss.min()}; a cross-entropy of labels has neither")
    return np.asarray(n * (h - loss))


def string_ceiling(strings: ArrayLike, length: int, vocabulary: int) -> Array:
    """n T log V - n log n, the most that `memorised` can find in n different strings of T symbols.   (...) -> (...).

    A model that reads from a common start can at best draw one of the n evenly, log n nats for each.
    """
    n, total = _strings(strings, length, vocabulary)
    return np.asarray(n * total - n * np.log(n))


def set_information(strings: ArrayLike, length: int, vocabulary: int) -> Array:
    """n T log V - log n!, what an unordered collection of n random strings of T symbols holds.   (...) -> (...)."""
    n, total = _strings(strings, length, vocabulary)
    return np.asarray(n * total - gammaln(n + 1))


def _strings(strings: ArrayLike, length: int, vocabulary: int) -> tuple[Array, float]:
    (n,) = _counts(strings=strings)
    _counts(length=length, vocabulary=vocabulary)
    total = length * float(np.log(vocabulary))
    if np.log(n.max()) > total + 1e-12:
        raise BadInput(f"{n.max():.0f} strings of {length} symbols out of {vocabulary} cannot all be different")
    return n, total


@dataclass(frozen=True)
class Interpolant:
    """f(x) = sum_j w_j max(a.x - b_j, 0): direction a (d,), knots b (n,), weights w (n,), in order of a.x_i.

    `activations` (n, n) is the lower triangular matrix of max(a.x_i - b_j, 0) whose solution w is.
    """

    direction: Array
    knots: Array
    weights: Array
    activations: Array

    @property
    def count(self) -> int:
        """2 n + d numbers."""
        return len(self.direction) + len(self.knots) + len(self.weights)

    @cached_property
    def condition(self) -> float:
        """Condition number of the activations: by so much rounding of the labels may grow in the weights."""
        return float(np.linalg.cond(self.activations.astype(np.float64)))

    def __call__(self, x: ArrayLike) -> Array:
        """The outputs, in the precision of the weights.   x (m, d) -> (m,)."""
        points: Array = np.asarray(matrix("x", x, columns=len(self.direction)), dtype=self.weights.dtype)
        return np.asarray(np.maximum(np.dot(points, self.direction)[:, None] - self.knots, 0) @ self.weights)


def interpolate(x: ArrayLike, y: ArrayLike, direction: ArrayLike, *, single: bool = False) -> Interpolant:
    """Two layers of 2 n + d weights through all n points: x (n, d), y (n,), any direction a that tells them apart.

    Between neighbours along a stands a knot, so that each unit more sees one point less. `single` computes in single
    precision. Raises `BadInput` where two points have the same a.x.
    """
    x, y, a = matrix("x", x), finite("y", y), finite("direction", direction)
    if x.ndim != 2 or y.shape != x.shape[:1] or a.shape != x.shape[1:]:
        raise BadInput(f"x has shape {x.shape}, y {y.shape} and direction {a.shape}; give (n, d), (n,) and (d,)")
    kind = np.float32 if single else np.float64
    a = np.asarray(a, dtype=kind)
    z: Array = np.dot(np.asarray(x, dtype=kind), a)
    order = np.argsort(z)
    z = z[order]
    steps = np.diff(z)
    if (steps <= 0).any():
        raise BadInput("two points have the same place along the direction; draw another direction or part the points")
    first = z[0] - (steps[0] if len(steps) else kind(1))
    knots: Array = np.asarray([first, *(z[:-1] + z[1:]) / 2], dtype=kind)
    activations: Array = np.maximum(z[:, None] - knots, 0)
    weights = solve_triangular(activations, np.asarray(y[order], dtype=kind), lower=True)
    return Interpolant(a, knots, weights, activations)


@dataclass(frozen=True)
class Ridge:
    """Per penalty (p,): I(w; y | X) in nats, and the effective degrees of freedom sum_j s_j/(1 + s_j)."""

    information: Array
    freedom: Array


def ridge(x: ArrayLike, penalties: ArrayLike) -> Ridge:
    """Capacity of ridge regression under penalties l: 1/2 sum log(1 + s_j), s_j the eigenvalues of X^T X/l.

    Ridge is the posterior mean for w ~ N(0, noise/l), and this the information of that posterior about the targets.
    x (n, k); penalties above zero, one number, (p,), or one for each weight (p, k).
    """
    x, penalty = matrix("x", x), np.atleast_1d(finite("penalties", penalties))
    shapes = {1: penalty.shape[:1], 2: (len(penalty), x.shape[-1])}
    if x.ndim != 2 or penalty.shape != shapes.get(penalty.ndim) or (penalty <= 0).any():
        raise BadInput(
            f"penalties have shape {penalty.shape}, the smallest {penalty.min():.3g}, for x {x.shape}; give (p,) or "
            f"(p, {x.shape[-1]}), all above zero"
        )
    scale = penalty[:, None, None] if penalty.ndim == 1 else penalty[:, None, :]
    s = np.linalg.svd(x / np.sqrt(scale), compute_uv=False) ** 2
    return Ridge(0.5 * np.log1p(s).sum(axis=1), (s / (1 + s)).sum(axis=1))


def dropout_penalty(x: ArrayLike, rates: ArrayLike) -> Array:
    """r/(1 - r) sum_i x_ij^2, the ridge penalty on weight j that dropping inputs is in linear regression.

    Inputs are dropped with probability r and the others divided by 1 - r, which makes X~; the mean of |y - X~ w|^2 over
    all droppings is then |y - X w|^2 + sum_j penalty_j w_j^2.   x (n, k), rates (r,) in (0, 1) -> (r, k).
    """
    x, rate = matrix("x", x), np.atleast_1d(finite("rates", rates))
    if ((rate <= 0) | (rate >= 1)).any():
        raise BadInput(f"rates are {rate.tolist()}; the share of dropped inputs lies between 0 and 1")
    return np.asarray((rate / (1 - rate))[:, None] * (x**2).sum(axis=0))


def _counts(**numbers: ArrayLike) -> list[Array]:
    """Whole numbers of at least one, broadcast against each other."""
    arrays = [finite(name, value) for name, value in numbers.items()]
    for name, array in zip(numbers, arrays, strict=True):
        if (array < 1).any() or (array != np.floor(array)).any():
            raise BadInput(f"{name} holds {array.min()} to {array.max()}; it must hold whole numbers, at least 1")
    return list(np.broadcast_arrays(*arrays))
