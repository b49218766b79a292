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

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from itdl import kernels
from itdl.checks import Array, BadInput, finite, matrix
from itdl.checks import times as checked_times
from itdl.numerics import row_skeleton

__all__ = ["InfiniteEnsemble", "Prediction", "learned"]

POINTS = 256  # test points handled at once: bounds the memory of the products with V^T K V


def learned(eigenvalues: Array, times: Array) -> Array:
    """e = 1 - exp(-tau lam), the fraction of each eigendirection learned by tau.   (n,), (T,) -> (T, n).

    A direction with eigenvalue 0 is never learned, not even at tau = inf.
    """
    with np.errstate(invalid="ignore"):  # 0 * inf is decided by the line below
        exponent = np.outer(times, eigenvalues)
    exponent[:, eigenvalues == 0] = 0
    return -np.expm1(-exponent)


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
    (n eps times the largest: duplicated points, rank-deficient inputs) are set to exactly zero, counted in
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
        y = finite("y_train", y_train)
        self.y = y[:, None] if y.ndim == 1 else matrix("y_train", y)
        if len(self.x) != len(self.y):
            raise BadInput(f"x_train has {len(self.x)} points but y_train has {len(self.y)}; each point needs a target")
        nngp, ntk = kernels.nngp_and_ntk(self.x, **self.architecture)
        lam, self.basis = np.linalg.eigh(ntk)
        lam[lam <= len(lam) * np.finfo(float).eps * lam[-1]] = 0
        self.eigenvalues: Array = lam
        self.unresolved = int((lam == 0).sum())
        self.targets: Array = self.basis.T @ self.y  # V^T Y (n, k)
        self.nngp: Array = self.basis.T @ nngp @ self.basis  # V^T K V; K and Theta do not commute

    @property
    def n(self) -> int:
        """Number of training points."""
        return len(self.x)

    @property
    def outputs(self) -> int:
        """Number k of outputs."""
        return int(self.y.shape[1])

    def predict(self, x: ArrayLike, times: ArrayLike, *, cov: bool = False) -> Prediction:
        """Mean and variance (and with `cov=True` the joint covariance) of the outputs at x.   x (m, d), times (T,)."""
        x, t = matrix("x", x, columns=self.x.shape[1]), checked_times("times", times)
        # Theta(x, X) v_i is of order sqrt(lam_i); weighting by a little more keeps the error of the mean at rounding.
        gain = self._gain(t)
        skeleton = row_skeleton(gain * self.eigenvalues**0.75)
        blocks = (x[i : i + POINTS] for i in range(0, len(x), POINTS))
        parts = [self._marginals(block, gain[skeleton.pivots], skeleton.coefficients) for block in blocks]
        mean, var = (np.concatenate(p, axis=1) for p in zip(*parts, strict=True))
        return Prediction(mean, var, self._covariance(x, t) if cov else None)

    def smoother(self, x: ArrayLike, time: float) -> Array:
        """b(x) = Theta(x, X) Theta^-1 (I - E), the weights of the targets in the mean.   x (m, d) -> (m, n)."""
        x, t = matrix("x", x, columns=self.x.shape[1]), checked_times("time", time)
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
        smoothers = t_cross[:, None, :] * gain  # (m, r, n)
        mean = np.tensordot(mix, smoothers @ self.targets, axes=(1, 1))
        shared = smoothers @ k_cross[:, :, None]  # (m, r, 1)
        moved = (smoothers.reshape(-1, self.n) @ self.nngp).reshape(smoothers.shape)
        pairs = moved @ smoothers.swapaxes(1, 2) @ mix.T  # (m, r, T)
        change = np.einsum("tr,mrt->tm", mix, pairs - 2 * shared, optimize=True)
        return mean, kernels.diagonals(x, **self.architecture).nngp + change

    def _covariance(self, x: Array, times: Array) -> Array:
        """Joint covariance over the points of x.   -> (T, m, m), symmetric."""
        k_cross, t_cross = self._cross(x)
        prior = kernels.nngp(x, **self.architecture)
        cov = np.empty((len(times), len(x), len(x)))
        for i, gain in enumerate(self._gain(times)):
            b = gain * t_cross
            half = b @ (0.5 * self.nngp @ b.T - k_cross.T)
            cov[i] = prior + half + half.T
        return cov
