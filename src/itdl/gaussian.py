"""Closed forms for jointly Gaussian variables, in nats: entropy, KL, mutual information, information bottleneck.

The bottleneck asks for the T that keeps most about Y for what it keeps about X. For Gaussian (X, Y) the answer is
known: T is a noisy linear view of X along the directions v_i of cov(x|y) cov(x)^-1, with eigenvalues lam_i = 1 -
rho_i^2 (rho_i the canonical correlations); direction i enters once beta exceeds 1/(1 - lam_i).

Source: chechik2005information (theorem 3.1 and section 4); entropies: coverthomas2006, chapter 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from itdl.checks import Array, BadInput, finite, matrix, positive, spd
from itdl.numerics import logdet

__all__ = ["Bottleneck", "entropy", "frontier", "information_bottleneck", "kl", "mutual_information"]


def entropy(cov: ArrayLike) -> float:
    """h(X) = 1/2 log det(2 pi e cov), differential, in nats.   cov (n, n) -> scalar."""
    cov = matrix("cov", cov)
    return 0.5 * (len(cov) * float(np.log(2 * np.pi * np.e)) + logdet("cov", cov))


def kl(mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike) -> float:
    """D(N_p || N_q) = 1/2 [tr(C_q^-1 C_p) + |L_q^-1 (m_p - m_q)|^2 - n + log det C_q - log det C_p], in nats."""
    p, q = np.atleast_1d(finite("mean_p", mean_p)), np.atleast_1d(finite("mean_q", mean_q))
    cov_p, factor = matrix("cov_p", cov_p), spd("cov_q", cov_q)
    if not p.shape == q.shape == cov_p.shape[:1] == factor.shape[:1]:
        raise BadInput(f"dimensions differ: means {p.shape}, {q.shape}, covariances {cov_p.shape}, {factor.shape}")
    shift, logdet_p = p - q, logdet("cov_p", cov_p)
    white = linalg.solve_triangular(factor, cov_p, lower=True)
    trace = np.trace(linalg.solve_triangular(factor, white.T, lower=True))
    distance = np.sum(linalg.solve_triangular(factor, shift, lower=True) ** 2)
    logdets = 2 * np.log(np.diagonal(factor)).sum() - logdet_p
    return 0.5 * float(trace + distance - len(shift) + logdets)


def mutual_information(cov: ArrayLike, n_x: int) -> float:
    """I(X; Y) = 1/2 log(det C_x det C_y / det C), in nats; X is the first `n_x` coordinates of cov (n, n)."""
    cov, n_x = _joint(cov, n_x)
    blocks = logdet("cov of x", cov[:n_x, :n_x]) + logdet("cov of y", cov[n_x:, n_x:])
    return 0.5 * (blocks - logdet("cov", cov))


@dataclass(frozen=True)
class Bottleneck:
    """Optimal trade-offs: I(X;T) and I(T;Y) in nats at each beta, and the betas at which directions enter."""

    betas: Array
    i_xt: Array
    i_ty: Array
    beta_critical: Array
    eigenvalues: Array


def information_bottleneck(cov: ArrayLike, n_x: int, betas: ArrayLike) -> Bottleneck:
    """Minimise I(X;T) - beta I(T;Y) over T given X, for each beta >= 1.   cov (n, n), betas (b,) -> curves (b,).

    With the sum over directions that beta has let in: I(X;T) = 1/2 sum log((beta - 1)(1 - lam_i)/lam_i) and
    I(T;Y) = I(X;T) - 1/2 sum log(beta (1 - lam_i)).
    """
    lam = _eigenvalues(cov, n_x)
    betas = np.atleast_1d(finite("betas", betas))
    if (betas < 1).any():
        raise BadInput(f"betas reach down to {betas.min()}; below 1 nothing is ever kept, so start at 1")
    signal = np.maximum(1 - lam, 1e-300)
    active = betas[:, None] * signal > 1
    with np.errstate(divide="ignore"):
        rate = np.where(active, np.log((betas[:, None] - 1) * signal / lam), 0)
    price = np.where(active, np.log(betas[:, None] * signal), 0)
    i_xt = 0.5 * rate.sum(axis=1)
    return Bottleneck(betas, i_xt, i_xt - 0.5 * price.sum(axis=1), 1 / signal[lam < 1], lam)


def frontier(cov: ArrayLike, n_x: int, i_x: ArrayLike) -> Array:
    """The most I(T;Y) that I(X;T) = i_x can buy, in nats.   i_x (...) -> (...).

    With k directions in, I(T;Y) = I(X;T) - k/2 log(prod (1 - lam)^(1/k) + e^(2 I(X;T)/k) prod lam^(1/k)); direction
    k+1 enters where that many nats have been spent. For one-dimensional Y: -1/2 log(1 - rho^2 (1 - e^(-2 I(X;T)))).
    """
    lam = _eigenvalues(cov, n_x)
    lam = lam[lam < 1]
    i_x = finite("i_x", i_x)
    if (i_x < 0).any():
        raise BadInput(f"i_x reaches down to {i_x.min()}; information is never negative")
    result = np.zeros_like(i_x)
    for k in range(1, len(lam) + 1):
        entry = _rate_at(lam[:k], 1 / (1 - lam[k - 1]))
        noise, signal = np.log(lam[:k]).mean(), np.log1p(-lam[:k]).mean()
        kept = i_x - 0.5 * k * np.logaddexp(signal, 2 * i_x / k + noise)
        result = np.where(i_x >= entry, kept, result)
    return result


def _rate_at(lam: Array, beta: float) -> float:
    """I(X;T) at `beta` when exactly the directions in `lam` are in."""
    return 0.5 * float(np.log((beta - 1) * (1 - lam) / lam).sum())


def _eigenvalues(cov: ArrayLike, n_x: int) -> Array:
    """lam_i = 1 - rho_i^2, ascending, one per coordinate of X, of cov(x|y) cov(x)^-1."""
    cov, n_x = _joint(cov, n_x)
    positive("smallest eigenvalue of cov", np.linalg.eigvalsh(cov)[0])
    x, xy, y = cov[:n_x, :n_x], cov[:n_x, n_x:], cov[n_x:, n_x:]
    given_y = x - xy @ np.linalg.solve(y, xy.T)
    lam = linalg.eigh((given_y + given_y.T) / 2, x, eigvals_only=True)
    n_y = len(cov) - n_x
    # At most n_y directions of X can know anything about Y; for the others lam is 1 up to rounding.
    return np.asarray(np.where(np.arange(n_x) < n_y, np.minimum(lam, 1), 1.0))


def _joint(cov: ArrayLike, n_x: int) -> tuple[Array, int]:
    cov = matrix("cov", cov)
    spd("cov", cov)
    if not isinstance(n_x, int | np.integer) or not 0 < n_x < len(cov):
        raise BadInput(f"n_x is {n_x} for a covariance of {len(cov)} variables; both X and Y need at least one")
    return cov, int(n_x)
