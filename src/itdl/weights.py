"""Information in weights: the trade-off E_Q[L] + beta KL(Q||P), its minimisers, and what they cost, in nats.

L is the summed negative log-likelihood of the training labels, P the code of the weights before the data, Q after them;
the information in the weights is KL(Q||P) at the Q that minimises. With the sum, beta = 1 makes the minimum a code
length; with the mean over N points the same trade-off has beta/N.

Sources: achille2019where, section 2, and achille2019complexity, section 5. Where a formula differs from version 5 of
the former as a third party transcribes it, it is the one we derive, and `tests/test_weights.py` proves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp, xlogy

from itdl import gaussian
from itdl.checks import Array, BadInput, finite, matrix, positive, simplex, spd
from itdl.numerics import logdet

__all__ = [
    "GaussianInformation",
    "Gibbs",
    "Regression",
    "brunel_nadal",
    "gaussian_information",
    "gibbs",
    "linear_regression",
    "linear_regression_information",
    "optimal_covariance",
    "quadratic_cost",
]


@dataclass(frozen=True)
class Gibbs:
    """The best Q over finitely many hypotheses, one per beta: Q (b, n), E_Q L, KL(Q||P) and min C, (b,) each.

    `residual` is |E_Q L + beta KL - min C|, which only rounding keeps from zero.
    """

    posterior: Array
    loss: Array
    information: Array
    cost: Array
    residual: Array


def gibbs(losses: ArrayLike, prior: ArrayLike, betas: ArrayLike) -> Gibbs:
    """Q = P exp(-L/beta)/Z and min C = -beta log Z, for each beta.   losses, prior (n,), betas (b,).

    A loss may be infinite (a hypothesis the data exclude), but not all with prior mass. Source: achille2019complexity,
    section 2; the identity is Donsker and Varadhan's.
    """
    p = simplex("prior", prior)
    cost = np.asarray(losses, dtype=float)
    if cost.shape != p.shape or np.isnan(cost).any() or (cost == -np.inf).any():
        raise BadInput(f"losses have shape {cost.shape} for a prior of shape {p.shape}; one number above -inf for each")
    if not np.isfinite(cost[p > 0]).any():
        raise BadInput(
            "every loss with prior mass is infinite; at least one hypothesis must be able to explain the data"
        )
    strengths = _betas(betas)
    with np.errstate(divide="ignore"):
        exponent = np.log(p) - cost / strengths[:, None]
    log_z = logsumexp(exponent, axis=1)
    posterior = np.exp(exponent - log_z[:, None])
    held = posterior > 0
    ratio = np.where(held, posterior / np.where(p > 0, p, 1), 1)
    information = xlogy(posterior, ratio).sum(axis=1)
    loss = (posterior * np.where(held, cost, 0)).sum(axis=1)
    free = -strengths * log_z
    return Gibbs(posterior, loss, information, free, np.abs(loss + strengths * information - free))


@dataclass(frozen=True)
class GaussianInformation:
    """KL(Q||P) of the best Gaussian about a minimum, in nats: the part of its place and that of its shape.

    `cost` is min C - L(w), the price of both in units of the loss; `stiffness` the s_j = lambda^2 h_j/beta that the
    data fix, as many as the smaller side of what was given (all others are zero).
    """

    norm: float
    curvature: float
    cost: float
    stiffness: Array

    @property
    def information(self) -> float:
        """|w|^2/(2 lambda^2) + 1/2 sum g(s_j)."""
        return self.norm + self.curvature


def gaussian_information(
    mean: ArrayLike,
    prior_sd: ArrayLike,
    beta: float,
    *,
    hessian: ArrayLike | None = None,
    factor: ArrayLike | None = None,
    eigenvalues: ArrayLike | None = None,
) -> GaussianInformation:
    """Information at a minimum w of a loss with Hessian H, taken as quadratic, for P = N(0, lambda^2), lambda finite.

    IW = |w|^2/(2 lambda^2) + 1/2 sum g(s_j), g(s) = log(1 + s) - s/(1 + s), with s_j the eigenvalues of
    lambda H lambda/beta; min C = L(w) + beta |w|^2/(2 lambda^2) + beta/2 sum log(1 + s_j). Flat directions are free.

    mean (k,); `prior_sd` one number or (k,). H, of the summed loss, as exactly one of: `hessian` (k, k), symmetric;
    `factor` A (m, k) with H = A^T A, of which the smaller Gram matrix is diagonalised; `eigenvalues` of H, for one
    common `prior_sd`. Raises `BadInput` where H + beta/lambda^2 has a direction that is not convex.
    Source: achille2019where, proposition 2.5 and equation 8 (as we derive them); achille2019complexity, theorem 5.4.
    """
    w, sd = np.atleast_1d(finite("mean", mean)), finite("prior_sd", prior_sd)
    positive("smallest prior_sd", sd.min())
    if w.ndim != 1 or sd.shape not in ((), w.shape):
        raise BadInput(f"mean has shape {w.shape} and prior_sd {sd.shape}; give (k,), and one number or (k,)")
    strength = positive("beta", beta)
    s = _curvatures(len(w), sd, hessian, factor, eigenvalues) / strength
    if (s <= -1).any():
        raise BadInput(
            f"lambda^2 h/beta falls to {s.min():.3g}, so H + beta/lambda^2 is not positive definite; find a minimum"
        )
    norm = 0.5 * float(np.sum((w / sd) ** 2))
    log_sum = 0.5 * float(np.log1p(s).sum())
    return GaussianInformation(norm, log_sum - 0.5 * float((s / (1 + s)).sum()), strength * (norm + log_sum), s)


def _curvatures(
    k: int, sd: Array, hessian: ArrayLike | None, factor: ArrayLike | None, eigenvalues: ArrayLike | None
) -> Array:
    """Eigenvalues of lambda H lambda, from whichever form of H was given."""
    if sum(form is not None for form in (hessian, factor, eigenvalues)) != 1:
        raise BadInput("give exactly one of hessian, factor and eigenvalues")
    if eigenvalues is not None:
        h = np.atleast_1d(finite("eigenvalues", eigenvalues))
        if sd.ndim or h.ndim != 1 or len(h) > k:
            raise BadInput(f"eigenvalues {h.shape} need one prior_sd, not {sd.shape}, and at most {k} entries")
        return np.asarray(sd**2 * h)
    if factor is not None:
        a = matrix("factor", factor, columns=k) * sd
        gram = a @ a.T if len(a) <= k else a.T @ a
        return np.asarray(np.maximum(np.linalg.eigvalsh(gram), 0))
    full = matrix("hessian", np.zeros((1, 1)) if hessian is None else hessian)
    if full.shape != (k, k) or np.abs(full - full.T).max() > 1e-10 * np.abs(full).max():
        raise BadInput(f"hessian has shape {full.shape} for {k} weights; it must be square and symmetric")
    scale = np.broadcast_to(sd, k)
    return np.asarray(np.linalg.eigvalsh(scale[:, None] * full * scale))


def optimal_covariance(hessian: ArrayLike, prior_sd: float, beta: float) -> Array:
    """Sigma = beta (H + beta/lambda^2)^-1, the covariance of the best Gaussian about a minimum.   (k, k) -> (k, k)."""
    h, strength = matrix("hessian", hessian), positive("beta", beta)
    precision = h + strength / positive("prior_sd", prior_sd) ** 2 * np.eye(len(h))
    spd("hessian + beta/prior_sd^2", precision)
    return np.asarray(strength * np.linalg.inv(precision))


def quadratic_cost(cov: ArrayLike, hessian: ArrayLike, mean: ArrayLike, prior_sd: float, beta: float) -> float:
    """C - L(w) = 1/2 tr(H Sigma) + beta KL(N(w, Sigma) || N(0, lambda^2)) for any covariance Sigma (k, k)."""
    sigma, w = matrix("cov", cov), finite("mean", mean)
    divergence = gaussian.kl(w, sigma, 0 * w, positive("prior_sd", prior_sd) ** 2 * np.eye(len(w)))
    return 0.5 * float(np.sum(matrix("hessian", hessian) * sigma)) + positive("beta", beta) * divergence


@dataclass(frozen=True)
class Regression:
    """The Bayesian posterior N(mean, cov) of linear regression, and -log p(y|X), the code length of the targets."""

    mean: Array
    cov: Array
    minus_log_evidence: float


def linear_regression(x: ArrayLike, y: ArrayLike, prior_var: float, noise_var: float) -> Regression:
    """y = X w + e with w ~ N(0, prior_var), e ~ N(0, noise_var), independent.   x (n, k), y (n,)."""
    x, y = matrix("x", x), finite("y", y)
    prior_var, noise_var = positive("prior_var", prior_var), positive("noise_var", noise_var)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise BadInput(f"x has shape {x.shape} and y {y.shape}; give (n, k) and (n,)")
    n, k = x.shape
    cov = optimal_covariance(x.T @ x / noise_var, prior_var**0.5, 1.0)
    mean = cov @ (x.T @ y) / noise_var
    misfit = np.sum((y - x @ mean) ** 2) / noise_var + mean @ mean / prior_var
    logs = n * np.log(2 * np.pi * noise_var) + k * np.log(prior_var) - logdet("posterior covariance", cov)
    return Regression(mean, cov, 0.5 * float(misfit + logs))


def linear_regression_information(x: ArrayLike, prior_var: float, noise_var: float) -> float:
    """I(w; y | X) = 1/2 log det(I + prior_var/noise_var X^T X), in nats; k < n and k > n alike.   x (n, k)."""
    singular = np.linalg.svd(matrix("x", x), compute_uv=False)
    ratio = positive("prior_var", prior_var) / positive("noise_var", noise_var)
    return 0.5 * float(np.log1p(ratio * singular**2).sum())


def brunel_nadal(data_entropy: float, jacobian: ArrayLike, fisher: ArrayLike, beta: float) -> float:
    """I(w; D) ~ H(D) - 1/2 log((2 pi e beta)^d/|A^T F A|) for w ~ N(w*(D), beta F^-1) and small beta, in nats.

    A = dw*/dD (k, d), F (k, k). Worth -inf where A has less than rank d: some change of the data then leaves no trace.
    Source: brunel1998mutual; achille2019where, proposition 2.9, with the power of beta that we derive, beta^d.
    """
    a, factor = matrix("jacobian", jacobian), spd("fisher", fisher)
    if a.shape[0] != len(factor):
        raise BadInput(f"jacobian has shape {a.shape} and fisher {factor.shape}; their first axes must agree")
    singular = np.linalg.svd(factor.T @ a, compute_uv=False)
    d = a.shape[1]
    if d > len(singular) or singular[-1] <= 1e-13 * singular[0]:
        return -np.inf
    return float(data_entropy - 0.5 * d * np.log(2 * np.pi * np.e * positive("beta", beta)) + np.log(singular).sum())


def _betas(betas: ArrayLike) -> Array:
    array = np.atleast_1d(finite("betas", betas))
    if array.ndim != 1 or (array <= 0).any():
        raise BadInput(f"betas are {array.tolist()}; give one number or a list, all above zero")
    return array
