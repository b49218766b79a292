"""Conditional exponential families p(y|x) = exp(-sum_r lam_r(y) A_r(x) - lam_0(x)) and the dual bottleneck inside them.

A_r(x) are the features, lam_r(y) the multipliers, and lam_0(x) = log sum_y exp(-lam(y).A(x)) makes it sum to one. The
geometric mean of members is a member, with the mean of their features; the arithmetic mean is none in general. So the
dual bottleneck can be solved for the R numbers A_r(t) of each cluster, and extends to every x with known features.

Source: piran2020dual, abstract (iii); the formulas as we derive them. Arrays: features (X, R), multipliers (R, Y).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, optimize
from scipy.special import log_softmax, logsumexp, softmax, xlogy

from itdl.checks import Array, BadInput, finite, matrix, positive, simplex

__all__ = ["Fit", "Representation", "conditional", "counts", "distance", "encode", "fit", "joint", "solve_dual"]


def conditional(features: ArrayLike, multipliers: ArrayLike) -> Array:
    """p(y|x) = softmax_y(-lam(y).A(x)).   features (X, R), multipliers (R, Y) -> (X, Y)."""
    features, multipliers = _pair(features, multipliers)
    return np.asarray(softmax(-features @ multipliers, axis=-1))


def joint(features: ArrayLike, multipliers: ArrayLike, px: ArrayLike | None = None) -> Array:
    """p(x, y) = p(x) p(y|x), with p(x) uniform unless given.   (X, R), (R, Y), (X,) -> (X, Y)."""
    pyx = conditional(features, multipliers)
    return _inputs(px, len(pyx))[:, None] * pyx


def distance(decoders: ArrayLike, multipliers: ArrayLike) -> Array:
    """How far distributions lie from the family of these multipliers, in log units.   (..., Y), (R, Y) -> (...).

    The largest |log p(y) + a.lam(y) + c| over y, with a (R,) and c from least squares: zero for members, whatever
    their features. Refuses multipliers that reach every distribution, where it would be zero by construction.
    """
    decoders, multipliers = simplex("decoders", decoders), matrix("multipliers", multipliers)
    n_y = decoders.shape[-1]
    if multipliers.ndim != 2 or multipliers.shape[1] != n_y:
        raise BadInput(f"multipliers {multipliers.shape} and decoders {decoders.shape} need one column per y each")
    if (decoders <= 0).any():
        raise BadInput("decoders hold a zero, whose logarithm no family has; mix them with a little uniform first")
    basis = linalg.orth((multipliers - multipliers.mean(axis=1, keepdims=True)).T)
    if basis.shape[1] >= n_y - 1:
        raise BadInput(
            f"{len(multipliers)} multipliers reach every distribution over {n_y} labels, so the distance is always "
            "zero; use fewer features or more labels"
        )
    logs = np.log(decoders)
    logs -= logs.mean(axis=-1, keepdims=True)
    return np.asarray(np.abs(logs - logs @ basis @ basis.T).max(axis=-1))


def counts(labels: ArrayLike, n_labels: int) -> Array:
    """Samples as counts: row i is one at labels[i].   (N,) -> (N, n_labels)."""
    found = finite("labels", labels)
    if found.ndim != 1 or (found != np.floor(found)).any() or found.min() < 0 or found.max() >= n_labels:
        raise BadInput(f"labels run from {found.min()} to {found.max()}; pass a list of whole numbers below {n_labels}")
    return np.asarray(np.eye(n_labels)[found.astype(int)])


@dataclass(frozen=True)
class Fit:
    """Maximum likelihood with an L2 penalty: the multipliers (R, Y), and how nearly stationary they are."""

    multipliers: Array
    log_likelihood: float  # sum of counts log p(y|x), without the penalty
    gradient: float  # largest |entry| of the gradient of the objective, per observation
    n_iter: int


def fit(features: ArrayLike, observed: ArrayLike, *, penalty: float, tol: float = 1e-8) -> Fit:
    """The multipliers that maximise sum_xy n(x, y) log p(y|x) - penalty/2 |lam|^2, from counts n(x, y) >= 0 (X, Y).

    Strictly concave for penalty > 0 (without it the multipliers are free up to a constant per feature, and infinite
    where labels can be separated). A constant feature is a feature like others. Raises if `tol` on the gradient per
    observation is not reached.
    """
    features, observed = matrix("features", features), matrix("observed", observed)
    penalty = positive("penalty", penalty)
    if features.ndim != 2 or observed.ndim != 2 or len(features) != len(observed):
        raise BadInput(f"features {features.shape} and observed counts {observed.shape} must have one row per x")
    if (observed < 0).any() or not observed.sum() > 0:
        raise BadInput("observed counts are negative or all zero; count each pair (x, y) at least somewhere")
    total = observed.sum()
    shape = (features.shape[1], observed.shape[1])
    found = optimize.minimize(
        lambda lam: _objective(lam.reshape(shape), features, observed / total, penalty / total),
        np.zeros(shape[0] * shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 0, "gtol": tol, "maxcor": 30},
    )
    gradient = float(np.abs(found.jac).max())
    if gradient > tol:
        raise BadInput(
            f"the fit stopped at a gradient of {gradient:.3g} per observation, wanted {tol:g}; scale the features to "
            "order one or raise the penalty"
        )
    multipliers = found.x.reshape(shape)
    likelihood = float((observed * log_softmax(-features @ multipliers, axis=1)).sum())
    return Fit(multipliers, likelihood, gradient, int(found.nit))


def _objective(lam: Array, features: Array, observed: Array, penalty: float) -> tuple[float, Array]:
    """Penalised negative log-likelihood per observation, and its gradient, flat."""
    logits = -features @ lam
    logs = log_softmax(logits, axis=1)
    value = -float((observed * logs).sum()) + 0.5 * penalty * float((lam**2).sum())
    slope = features.T @ (observed - observed.sum(axis=1, keepdims=True) * np.exp(logs)) + penalty * lam
    return value, slope.ravel()


@dataclass(frozen=True)
class Representation:
    """The dual bottleneck inside the family at each beta, in nats; T clusters, each known by its features."""

    betas: Array  # (B,)
    weights: Array  # (B, T) p(t)
    features: Array  # (B, T, R) A_r(t) = sum_x p(x|t) A_r(x); zero weight where a cluster is dead
    multipliers: Array  # (R, Y)
    encoder: Array  # (B, X, T) p(t|x)
    decoder: Array  # (B, T, Y) p(y|t), members of the family
    i_xt: Array  # (B,) I(X;T)
    distortion: Array  # (B,) E D[p(y|t) || p(y|x)]
    residual: Array  # (B,) largest change of p(t|x) in the last step
    n_iter: Array  # (B,)
    converged: np.ndarray  # (B,)

    @property
    def objective(self) -> Array:
        """I(X;T) + beta E d_dual."""
        return np.asarray(self.i_xt + self.betas * self.distortion)


def solve_dual(
    features: ArrayLike,
    multipliers: ArrayLike,
    betas: ArrayLike,
    *,
    px: ArrayLike | None = None,
    start: ArrayLike | None = None,
    tol: float = 1e-13,
    max_iter: int = 20_000,
) -> Representation:
    """Minimise I(X;T) + beta E D[p(y|t) || p(y|x)] over encoders, in R numbers per cluster; all betas at once.

    p(t) -> p(x|t) -> A(t) -> p(y|t), lam(t) = E_{p(y|t)} lam(y) -> d(x,t) = lam(t).[A(x) - A(t)] - lam_0(t) + lam_0(x)
    -> p(t|x) = p(t) exp(-beta d)/Z, until no p(t|x) moves by more than `tol`. The iteration descends to the fixed
    point its `start` (X, T) or (B, X, T) leads to; by default the identity, the solution at beta = infinity.
    """
    features, multipliers = _pair(features, multipliers)
    betas = np.atleast_1d(finite("betas", betas))
    if betas.ndim != 1 or (betas <= 0).any():
        raise BadInput(f"betas of shape {betas.shape} reach down to {betas.min()}; pass a list of numbers above zero")
    px = _inputs(px, len(features))
    n_x, n_b = len(features), len(betas)
    first = simplex("start", np.eye(n_x) if start is None else start)
    if first.ndim not in (2, 3) or first.shape[-2] != n_x or (first.ndim == 3 and len(first) != n_b):
        raise BadInput(f"start has shape {first.shape}; pass p(t|x) with {n_x} rows, once or for each of {n_b} betas")
    encoder = np.broadcast_to(first, (n_b, *first.shape[-2:])).copy()
    residual, n_iter, active = np.full(n_b, np.inf), np.zeros(n_b, dtype=int), np.arange(n_b)
    while active.size and n_iter.max() < max_iter:
        old = encoder[active]
        weights = px @ old
        centres, _, distortion = _cluster(old, weights, px, features, multipliers)
        with np.errstate(divide="ignore"):
            encoder[active] = softmax(np.log(weights)[:, None] - betas[active, None, None] * distortion, axis=-1)
        residual[active] = np.abs(encoder[active] - old).max(axis=(1, 2))
        n_iter[active] += 1
        active = active[residual[active] > tol]
    weights = px @ encoder
    centres, decoder, distortion = _cluster(encoder, weights, px, features, multipliers)
    expected = np.einsum("x,bxt,bxt->b", px, encoder, distortion)
    i_xt = (px @ xlogy(encoder, encoder)).sum(axis=-1) - xlogy(weights, weights).sum(axis=-1)
    return Representation(
        betas, weights, centres, multipliers, encoder, decoder, i_xt, expected, residual, n_iter, residual <= tol
    )


def encode(features: ArrayLike, solution: Representation) -> Array:
    """p(t|x) for any x whose features are known, by the encoder equation.   (N, R) -> (B, N, T)."""
    features, _ = _pair(features, solution.multipliers)
    distortion = _distortion(features, solution.features, solution.multipliers)
    with np.errstate(divide="ignore"):
        prior = np.log(solution.weights)[:, None]
    return np.asarray(softmax(prior - solution.betas[:, None, None] * distortion, axis=-1))


def _cluster(encoder: Array, weights: Array, px: Array, features: Array, lam: Array) -> tuple[Array, Array, Array]:
    """A(t) (B, T, R), p(y|t) (B, T, Y) and d_dual(x, t) (B, X, T); a dead cluster sits at the mean features."""
    joint_xt = encoder * px[:, None]
    alive = weights > 0
    centres = np.where(
        alive[..., None],
        np.einsum("bxt,xr->btr", joint_xt, features) / np.where(alive, weights, 1)[..., None],
        px @ features,
    )
    return centres, np.asarray(softmax(-centres @ lam, axis=-1)), _distortion(features, centres, lam)


def _distortion(features: Array, centres: Array, lam: Array) -> Array:
    """D[p(y|t) || p(y|x)] = lam(t).[A(x) - A(t)] - lam_0(t) + lam_0(x).   (X, R), (B, T, R), (R, Y) -> (B, X, T)."""
    logits = -centres @ lam
    mean = np.asarray(softmax(logits, axis=-1)) @ lam.T
    at_t = (mean * centres).sum(axis=-1) + logsumexp(logits, axis=-1)
    return np.asarray(features @ mean.swapaxes(1, 2) - at_t[:, None] + logsumexp(-features @ lam, axis=-1)[:, None])


def _pair(features: ArrayLike, multipliers: ArrayLike) -> tuple[Array, Array]:
    features, multipliers = matrix("features", features), matrix("multipliers", multipliers)
    if features.ndim != 2 or multipliers.ndim != 2 or features.shape[1] != len(multipliers):
        raise BadInput(
            f"features {features.shape} and multipliers {multipliers.shape} must be (X, R) and (R, Y), with the same R"
        )
    return features, multipliers


def _inputs(px: ArrayLike | None, n_x: int) -> Array:
    weights = np.full(n_x, 1 / n_x) if px is None else simplex("px", px)
    if weights.shape != (n_x,):
        raise BadInput(f"px has shape {weights.shape} for {n_x} rows of features; pass one probability per x")
    return weights
