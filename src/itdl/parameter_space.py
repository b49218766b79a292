"""What training does to the parameters of an infinite ensemble: functions of one spectrum, O(n) per time, in nats.

Written in the eigenbasis of Theta with lam_i, learned fractions e_i = 1 - exp(-tau lam_i), K_ii the diagonal of
V^T K V and y_i the entries of V^T Y. theta_0 ~ N(0, I). For models linear in theta these are exact; for deeper
networks the KL leaves out a term of order one from the curvature of the network (`kl` says which).

Source: shwartzziv2020information, appendix C.5 to C.7; where a printed formula differs, the one here is as we derive it
and chapter 06 shows the numbers that decide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import cumulative_simpson
from scipy.interpolate import CubicHermiteSpline

from itdl.checks import Array, BadInput, matrix, positive, spd, times
from itdl.ensembles import InfiniteEnsemble, exponents, learned

__all__ = [
    "PathLength",
    "distance",
    "drift",
    "fisher_trace",
    "information",
    "kl",
    "kl_as_printed",
    "path_length",
    "residuals",
    "spectral_energy",
]


def fisher_trace(ensemble: InfiniteEnsemble) -> float:
    """tr F = k tr Theta, the same at every time; for the loss summed over training points (divide by n for a mean)."""
    return ensemble.outputs * float(ensemble.eigenvalues.sum())


def spectral_energy(ensemble: InfiniteEnsemble, noise_var: float = 0.0) -> Array:
    """k (K_ii + noise_var) + |y_i|^2, the expected squared initial residual in each eigendirection.   -> (n,).

    Averaged over label noise of variance `noise_var` on top of the ensemble's targets.
    """
    variance = np.diagonal(ensemble.nngp) + positive("noise_var", noise_var, zero=True)
    return np.asarray(ensemble.outputs * variance + (ensemble.targets**2).sum(axis=1))


def distance(ensemble: InfiniteEnsemble, at: ArrayLike, *, noise_var: float = 0.0) -> Array:
    """E |theta_tau - theta_0|^2 = sum_i e_i^2/lam_i times `spectral_energy`.   times (T,) -> (T,)."""
    lam, e = _spectrum(ensemble, at)
    return np.asarray(np.divide(e**2, lam, out=np.zeros_like(e), where=lam > 0) @ spectral_energy(ensemble, noise_var))


def drift(ensemble: InfiniteEnsemble, at: ArrayLike) -> Array:
    """d/dtau 1/2 E |theta_tau - theta_0|^2 = sum_i e_i (1 - e_i) (k K_ii + |y_i|^2).   times (T,) -> (T,).

    Peaks where a cluster of eigendirections is being learned, dips between two clusters.
    """
    e = _spectrum(ensemble, at)[1]
    return np.asarray((e * (1 - e)) @ spectral_energy(ensemble))


def kl(ensemble: InfiniteEnsemble, at: ArrayLike, *, noise_var: float = 0.0) -> Array:
    """KL(p(theta_tau | D) || p(theta_0)) >= I(theta; D) on average over D, in nats.   times (T,) -> (T,).

        k sum_i (tau lam_i - e_i) + 1/2 E |theta_tau - theta_0|^2

    With `noise_var` the targets are noiseless, and label noise of that variance is averaged over.
    Exact for models linear in theta. For networks of depth >= 1 it is the kernel part: a term
    1/2 E tr((sum_n a_n Hess z_n)^2), a = Theta^-1 (I - E) r_0, of order one at infinite width is left out.
    As we derive it; the printed eq. 27 lacks the 1/2 and the -e_i. Infinite at tau = inf.
    """
    lam, e = _spectrum(ensemble, at)
    x = exponents(lam, times("times", at))
    # x - e cancels for small x: there the series of x - 1 + exp(-x) is exact to 1e-13.
    small = np.minimum(x, 1e-4)
    volume = np.where(x < 1e-4, small**2 * (0.5 - small / 6 + small**2 / 24), x - e)
    return np.asarray(ensemble.outputs * volume.sum(axis=1) + 0.5 * distance(ensemble, at, noise_var=noise_var))


def kl_as_printed(ensemble: InfiniteEnsemble, at: ArrayLike) -> Array:
    """Eq. 27 of shwartzziv2020information: tau k tr Theta + E |theta_tau - theta_0|^2, kept to be compared."""
    return np.asarray(times("times", at) * fisher_trace(ensemble) + distance(ensemble, at))


def information(ensemble: InfiniteEnsemble, at: ArrayLike, label_cov: ArrayLike) -> Array:
    """I(theta_tau; Y | X) = 1/2 log det(I + A S A), A = diag(e_i exp(tau lam_i)/sqrt(lam_i)), S = V^T cov(Y) V.

    In nats. Exact for one output and models linear in theta, with labels Y ~ N(0, label_cov).   label_cov (n, n),
    times (T,) -> (T,). Finite times only; written so that exp(tau lam) never overflows.
    """
    t, cov = times("times", at), matrix("label_cov", label_cov, columns=ensemble.n)
    spd("label_cov", cov)
    if np.isinf(t).any():
        raise BadInput("times reach infinity, where I(theta; Y | X) is infinite; ask for finite times")
    s = ensemble.basis.T @ cov @ ensemble.basis
    lam, e = _spectrum(ensemble, t)
    with np.errstate(divide="ignore"):  # log 0 = -inf where nothing is learned
        log_a = np.log(e) + np.outer(t, lam) - 0.5 * np.log(np.where(lam > 0, lam, 1))
    large, small = np.maximum(log_a, 0), np.exp(np.minimum(log_a, 0))
    # With D = diag(max(A, 1)): I + A S A = D (D^-2 + (A/D) S (A/D)) D, and no entry of the bracket overflows.
    inner = s * small[:, :, None] * small[:, None, :] + np.exp(-2 * large)[:, :, None] * np.eye(len(s))
    return np.asarray(large.sum(axis=1) + 0.5 * np.linalg.slogdet(inner)[1])


def residuals(ensemble: InfiniteEnsemble, rng: np.random.Generator, draws: int) -> Array:
    """Draws of the initial residual z_0(X) - Y of one output, in the eigenbasis.   -> (draws, n)."""
    values, vectors = np.linalg.eigh(ensemble.nngp)
    noise = rng.standard_normal((draws, ensemble.n)) * np.sqrt(np.maximum(values, 0))
    return np.asarray(noise @ vectors.T - ensemble.targets[:, 0])


class PathLength(NamedTuple):
    """Length of the outputs' path (Fisher metric) and what bounds it, for each draw and time."""

    length: Array
    chord: Array
    triangle: Array
    cauchy_schwarz: Array


def path_length(ensemble: InfiniteEnsemble, residual: ArrayLike, at: ArrayLike, *, nodes: int = 2000) -> PathLength:
    """L(tau) = int_0^tau |Theta exp(-s Theta) r_0| ds and its bounds.   residual (draws, n), times (T,) -> (draws, T).

    chord |(I - E) r_0| <= L <= sum_i |r_i| e_i (triangle, finite at tau = inf) and
    L <= sqrt(tau/2 sum_i lam_i (1 - exp(-2 tau lam_i)) r_i^2) (Cauchy-Schwarz). By Simpson's rule in log time.
    Source: shwartzziv2020information, eq. 15; the bounds are ours (the printed eq. 16 exchanges square and integral).
    """
    r, t = matrix("residual", residual, columns=ensemble.n), times("times", at)
    lam, e = _spectrum(ensemble, t)
    rates = lam[lam > 0] if lam[-1] > 0 else np.ones(1)
    start, end = 1e-9 / rates[-1], 40 / rates[0]  # before `start` the speed is constant, after `end` it is zero
    log_s = np.linspace(np.log(start), np.log(end), nodes)
    s = np.exp(log_s)
    speed = np.sqrt((lam * np.exp(-np.outer(s, lam))) ** 2 @ (r**2).T).T  # (draws, nodes)
    grown = speed[:, :1] * start + cumulative_simpson(speed * s, x=log_s, initial=0)
    # The times stay out of the grid: Simpson's rule cancels where two nodes nearly meet.
    length = CubicHermiteSpline(log_s, grown, speed * s, axis=1)(np.log(np.clip(t, start, end)))
    length[:, t < start] = speed[:, :1] * t[t < start]
    spent = lam * e * (2 - e)  # 1 - exp(-2 tau lam) without its cancellation
    with np.errstate(invalid="ignore"):
        cauchy_schwarz = np.sqrt(0.5 * t * (r**2 @ spent.T))
    return PathLength(length, np.sqrt(r**2 @ (e**2).T), np.abs(r) @ e.T, cauchy_schwarz)


def _spectrum(ensemble: InfiniteEnsemble, at: ArrayLike) -> tuple[Array, Array]:
    lam = ensemble.eigenvalues
    return lam, learned(lam, times("times", at))
