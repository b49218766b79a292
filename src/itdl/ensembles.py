"""Infinite ensembles of infinitely-wide networks in training time: a Gaussian with known mean and covariance.

Under gradient flow on 1/2 sum (z - y)^2, an infinitely-wide network moves linearly along its NTK, and the ensemble
over initialisations stays Gaussian. With Theta = V diag(lam) V^T on the training points, learned fractions
e_i = 1 - exp(-tau lam_i) and the smoother b(x) = Theta(x, X) V diag(e/lam) V^T,

    mean(x) = b(x) Y,    cov(x, x') = K(x, x') + b(x) K b(x')^T - b(x) K(X, x') - K(x, X) b(x')^T.

One eigendecomposition serves every time. Moreover the functions e(tau)/lam of a few dozen times span those of all
times to working precision, so only these few meet the n x n matrices (`numerics.row_skeleton`).

Source: shwartzziv2020information (eqs. 1-6; the joint covariance is symmetrised here), lee2019wide (section 2.3).
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from itdl import kernels
from itdl.checks import Array, BadInput, finite, matrix
from itdl.checks import times as checked_times
from itdl.numerics import Skeleton, row_skeleton, times_upper, upper_half

__all__ = ["InfiniteEnsemble", "Prediction", "exponents", "learned"]

POINTS = 64  # test points handled at once: bounds the memory of the products with V^T K V
NEIGHBOURS = 128  # eigenvalues handled at once in these products


def exponents(eigenvalues: Array, times: Array) -> Array:
    """tau lam, with inf * 0 = 0: a direction with eigenvalue 0 never moves.   (n,), (T,) -> (T, n)."""
    with np.errstate(invalid="ignore"):  # inf * 0 is decided by the line below
        exponent = np.outer(times, eigenvalues)
    exponent[:, eigenvalues == 0] = 0
    return exponent


def learned(eigenvalues: Array, times: Array) -> Array:
    """e = 1 - exp(-tau lam), the fraction of each eigendirection learned by tau.   (n,), (T,) -> (T, n).

    A direction with eigenvalue 0 is never learned, not even at tau = inf.
    """
    return -np.expm1(-exponents(eigenvalues, times))


@dataclass(frozen=True)
class Prediction:
    """The ensemble's outputs z(x, tau): mean (T, m, k), variance (T, m) of each output, covariance (T, m, m) or None.

    Outputs are independent given x, and share one variance.
    """

    mean: Array
    var: Array
    cov: Array | None = None


class InfiniteEnsemble:
    """The infinite ensemble trained on (x_train, y_train), at any gradient-flow time tau in [0, inf].

    x_train (n, d), y_train (n,) or (n, k). `eigenvalues` (n,) are those of Theta, ascending; those below rounding
    (max(n, d) eps times the largest: duplicated points, rank-deficient inputs) are set to exactly zero, counted in
    `unresolved`, and their directions never learn. Raises `BadInput` for inputs that do not fit together.
    """

    def __init__(
        self,
        x_train: ArrayLike,
        y_train: ArrayLike,
        *,
        depth: int,
        activation: str,
        sigma_w: float,
        sigma_b: float,
    ) -> None:
        self.architecture = kernels.Architecture(depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
        self.x = matrix("x_train", x_train)
        self.y = _targets(y_train, len(self.x))
        nngp, ntk = kernels.nngp_and_ntk(self.x, **self.architecture)
        lam, self.basis = np.linalg.eigh(ntk)
        lam[lam <= max(self.x.shape) * np.finfo(float).eps * lam[-1]] = 0
        self.eigenvalues: Array = lam
        self.unresolved = int((lam == 0).sum())
        self.targets: Array = self.basis.T @ self.y  # V^T Y (n, k)
        half = times_upper(self.basis.T, upper_half(nngp)) @ self.basis
        self.nngp: Array = half + half.T  # V^T K V; K and Theta do not commute
        self._half = upper_half(self.nngp)

    @property
    def n(self) -> int:
        """Number of training points."""
        return len(self.x)

    @property
    def outputs(self) -> int:
        """Number k of outputs."""
        return int(self.y.shape[1])

    def with_targets(self, y_train: ArrayLike) -> InfiniteEnsemble:
        """The same networks trained on other targets, (n,) or (n, k), without a new eigendecomposition."""
        other = copy(self)
        other.y = _targets(y_train, self.n)
        other.targets = self.basis.T @ other.y
        return other

    def predict(self, x: ArrayLike, times: ArrayLike, *, cov: bool = False) -> Prediction:
        """Mean and variance (and with `cov=True` the joint covariance) of the outputs at x.   x (m, d), times (T,)."""
        x, t = matrix("x", x, columns=self.x.shape[1]), checked_times("times", times)
        if cov:
            return self._joint(x, t)
        pivots = self._pivots(t)
        gain = self._gain(t[pivots.pivots])
        parts = [self._marginals(x[i : i + POINTS], gain, pivots.coefficients) for i in range(0, len(x), POINTS)]
        return Prediction(*(np.concatenate(p, axis=1) for p in zip(*parts, strict=True)))

    def smoother(self, x: ArrayLike, time: float) -> Array:
        """b(x) = Theta(x, X) Theta^-1 (I - E), the weights of the targets in the mean.   x (m, d) -> (m, n)."""
        x, t = matrix("x", x, columns=self.x.shape[1]), checked_times("time", time)
        if len(t) != 1:
            raise BadInput(f"time has {len(t)} entries; a smoother is that of one time")
        ntk = kernels.ntk(x, self.x, **self.architecture) @ self.basis
        return np.asarray((self._gain(t) * ntk) @ self.basis.T)

    def sensitivity(self, x: ArrayLike, times: ArrayLike) -> Array:
        """|b(x, tau)|^2: variance of the mean per unit of label noise.   x (m, d), times (T,) -> (T, m)."""
        x, t = matrix("x", x, columns=self.x.shape[1]), checked_times("times", times)
        ntk = kernels.ntk(x, self.x, **self.architecture) @ self.basis
        return np.asarray(self._gain(t) ** 2 @ (ntk**2).T)

    def train_loss(self, times: ArrayLike) -> Array:
        """Expected 1/(2n) |z(X) - Y|^2 = 1/(2n) (|E Y|^2 + k tr(E K E)), E = exp(-tau Theta).   (T,) -> (T,)."""
        left = 1 - learned(self.eigenvalues, checked_times("times", times))
        energy = (self.targets**2).sum(axis=1) + self.outputs * np.diagonal(self.nngp)
        return np.asarray(left**2 @ energy / (2 * self.n))

    def _gain(self, times: Array) -> Array:
        """e/lam, the gain of the smoother in each eigendirection.   (T,) -> (T, n); 0 where lam is 0."""
        e = learned(self.eigenvalues, times)
        return np.divide(e, self.eigenvalues, out=np.zeros_like(e), where=self.eigenvalues > 0)

    def _cross(self, x: Array) -> tuple[Array, Array]:
        """K(x, X) V and Theta(x, X) V.   x (m, d) -> two arrays (m, n)."""
        nngp, ntk = kernels.nngp_and_ntk(x, self.x, **self.architecture)
        return nngp @ self.basis, ntk @ self.basis

    def _marginals(self, x: Array, gain: Array, mix: Array) -> tuple[Array, Array]:
        """Mean (T, m, k) and variance (T, m) from the gains (r, n) at the pivot times, combined by `mix` (T, r)."""
        k_cross, t_cross = self._cross(x)
        smoothers = t_cross[:, None, :] * gain  # b(x) V, (m, r, n)
        mean = np.tensordot(mix, smoothers @ self.targets, axes=(1, 1))
        shared = smoothers @ k_cross[:, :, None]  # (m, r, 1)
        mixed = (mix[:, :, None] * mix[:, None, :]).reshape(len(mix), -1)  # (T, r r)
        change = mixed @ self._pairs(t_cross, gain, smoothers).reshape(len(x), -1).T - mix @ shared[:, :, 0].T
        return mean, kernels.diagonals(x, **self.architecture).nngp + 2 * change

    def _pairs(self, t_cross: Array, gain: Array, smoothers: Array) -> Array:
        """b_r U b_s^T of all pairs of pivot times, V^T K V = U + U^T.   (m, n), (r, n), (m, r, n) -> (m, r, r).

        Among neighbouring eigenvalues fewer gains are independent than over all: only these few meet U.
        """
        pairs = np.zeros((*smoothers.shape[:2], len(gain)))
        for start in range(0, self.n, NEIGHBOURS):
            near = slice(start, start + NEIGHBOURS)
            few, mix = row_skeleton(self._weighted(gain)[:, near])
            left = t_cross[:, None, near] * gain[few, near]
            moved = left.reshape(-1, left.shape[-1]) @ self._half[near, start:]
            moved = moved.reshape(*left.shape[:2], -1) @ smoothers[:, :, start:].swapaxes(1, 2)
            pairs += mix @ moved
        return pairs

    def _joint(self, x: Array, times: Array) -> Prediction:
        """All of `Prediction`: the covariance's elements at the pivot times for pairs of gains, then combined."""
        k_cross, t_cross = self._cross(x)
        pivots = self._pivots(times, pairs=True)
        gain, mix = self._gain(times[pivots.pivots]), pivots.coefficients
        mean = np.empty((len(gain), len(x), self.outputs))
        change = np.empty((len(gain), len(x), len(x)))
        for i, g in enumerate(gain):
            b = g * t_cross
            mean[i] = b @ self.targets
            half = (times_upper(b, self._half) - k_cross) @ b.T
            np.add(half, half.T, out=change[i])
        cov = np.tensordot(mix, change, axes=1)
        cov += kernels.nngp(x, **self.architecture)
        return Prediction(np.tensordot(mix, mean, axes=1), np.diagonal(cov, axis1=1, axis2=2).copy(), cov)

    def _weighted(self, gain: Array) -> Array:
        """The gains as they count in predictions.   (T, n) -> (T, n).

        Theta(x, X) v_i is of order sqrt(lam_i); a little more keeps the error of the mean at rounding.
        """
        return np.asarray(gain * (self.eigenvalues**0.75 * self.eigenvalues[-1] ** 0.25))

    def _pivots(self, times: Array, *, pairs: bool = False) -> Skeleton:
        """The few times whose gains span those of all `times`; with `pairs`, also the products e_i e_j."""
        gain = self._weighted(self._gain(times))
        if pairs:
            few = row_skeleton(gain.T).pivots
            e = learned(self.eigenvalues[few], times)
            i, j = np.triu_indices(len(few))
            gain = np.hstack([gain[:, few], e[:, i] * e[:, j]])
        return row_skeleton(gain)


def _targets(y_train: ArrayLike, n: int) -> Array:
    """Targets as a matrix (n, k)."""
    y = finite("y_train", y_train)
    if y.ndim not in (1, 2):
        raise BadInput(f"y_train has shape {y.shape}; it must be (points,) or (points, outputs)")
    if len(y) != n:
        raise BadInput(f"x_train has {n} points but y_train has {len(y)}; each point needs a target")
    return y.reshape(n, -1)
