"""Joint distributions of X and Y whose mutual information is known exactly, in nats: what estimators are tried on.

Each task has `information()`, `sample(rng, n)` -> x (n, d_x), y (n, d_y), and `log_ratio(x, y)` = log p(x, y)/(p(x)
p(y)) for points (..., d_x), (..., d_y) that broadcast. The mean of the log-ratio over samples is the information by a
second road, and the log-ratio is the best critic that a variational bound can have.

Invertible maps of X and of Y change no information (`Mapped`): the log-ratio of the images is that of the originals.
Tails can carry information without any correlation (`Student`).

Sources: czyz2023beyond (the families of tasks), coverthomas2006 (section 8.6, invariance); entropy of Student's t as
derived here from its density.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.special import digamma, gammaln

from itdl import entropy, gaussian
from itdl.checks import Array, BadInput, positive, spd
from itdl.maps import Map

__all__ = ["AdditiveUniform", "Discrete", "Gaussian", "Mapped", "Student", "Task", "dense", "sparse"]


class Task(Protocol):
    """A joint distribution with exactly known mutual information."""

    def information(self) -> float:
        """I(X;Y) in nats."""

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """n independent pairs, x (n, d_x) and y (n, d_y)."""

    def log_ratio(self, x: Array, y: Array) -> Array:
        """log p(x, y)/(p(x) p(y)).   (..., d_x), (..., d_y) -> (...)."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    """(X, Y) normal with mean zero and covariance `cov` (n, n); X is its first `n_x` coordinates."""

    cov: Array
    n_x: int

    def __post_init__(self) -> None:
        gaussian.mutual_information(self.cov, self.n_x)  # refuses what is no covariance of two variables

    def information(self) -> float:
        """1/2 log(det C_x det C_y / det C)."""
        return gaussian.mutual_information(self.cov, self.n_x)

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """A Cholesky factor times standard normal numbers."""
        z = rng.standard_normal((n, len(self.cov))) @ spd("cov", self.cov).T
        return z[:, : self.n_x], z[:, self.n_x :]

    def log_ratio(self, x: Array, y: Array) -> Array:
        """I + 1/2 (x' C_x^-1 x + y' C_y^-1 y - z' C^-1 z), z = (x, y)."""
        of_x, of_y, of_both = self.lengths(x, y)
        return np.asarray(self.information() + 0.5 * (of_x + of_y - of_both))

    def lengths(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """x' C_x^-1 x, y' C_y^-1 y and z' C^-1 z."""
        k, (c_x, c_y, c) = self.n_x, self._inverses
        of_x, of_y = (np.einsum("...i,ij,...j", a, b, a) for a, b in ((x, c_x), (y, c_y)))
        own_x, own_y = (np.einsum("...i,ij,...j", a, b, a) for a, b in ((x, c[:k, :k]), (y, c[k:, k:])))
        return of_x, of_y, own_x + own_y + 2 * ((x @ c[:k, k:]) * y).sum(axis=-1)

    @cached_property
    def _inverses(self) -> tuple[Array, Array, Array]:
        k = self.n_x
        x, y, both = (np.asarray(np.linalg.inv(c), dtype=float) for c in (self.cov[:k, :k], self.cov[k:, k:], self.cov))
        return x, y, both


def sparse(d: int, pairs: int, information: float) -> Gaussian:
    """X and Y of d coordinates each, of which the first `pairs` are correlated alike, one by one; I = `information`."""
    if not 1 <= pairs <= d:
        raise BadInput(f"pairs is {pairs} with d = {d}; it must lie between 1 and {d}")
    share = positive("information", information, zero=True) / pairs
    cov = np.eye(2 * d)
    at = np.arange(pairs)
    cov[at, d + at] = cov[d + at, at] = np.sqrt(-np.expm1(-2 * share))
    return Gaussian(cov, d)


def dense(d: int, rho: float) -> Gaussian:
    """X and Y of d coordinates each, where every two of the 2d coordinates have correlation rho."""
    if not 0 <= rho < 1:
        raise BadInput(f"rho is {rho}; it must lie in [0, 1)")
    return Gaussian((1 - rho) * np.eye(2 * d) + rho, d)


@dataclass(frozen=True, eq=False)
class Student:
    """(X, Y) a multivariate Student t: the normal of `shape` divided by sqrt(chi2/dof), one divisor for all."""

    shape: Gaussian
    dof: float

    def __post_init__(self) -> None:
        positive("dof", self.dof)

    def information(self) -> float:
        """The normal's I plus h(d_x) + h(d_y) - h(d_x + d_y), h(k) the entropy of k standard t variables.

        h(k) = (v+k)/2 [psi((v+k)/2) - psi(v/2)] + k/2 log(pi v) + log Gamma(v/2) - log Gamma((v+k)/2).
        """
        n, k = len(self.shape.cov), self.shape.n_x
        return self.shape.information() + self._entropy(k) + self._entropy(n - k) - self._entropy(n)

    def _entropy(self, k: int) -> float:
        v = self.dof
        half = 0.5 * (v + k)
        shape = half * (digamma(half) - digamma(v / 2)) + 0.5 * k * np.log(np.pi * v)
        return float(shape + gammaln(v / 2) - gammaln(half))

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Normal pairs, each divided by its own sqrt(chi2/dof)."""
        x, y = self.shape.sample(rng, n)
        divisor = np.sqrt(rng.chisquare(self.dof, n) / self.dof)[:, None]
        return x / divisor, y / divisor

    def log_ratio(self, x: Array, y: Array) -> Array:
        """log t(z) - log t(x) - log t(y), each with its own dimension."""
        n, k = len(self.shape.cov), self.shape.n_x
        of_x, of_y, of_both = self.shape.lengths(x, y)
        constant = self.shape.information() + self._log_peak(n) - self._log_peak(k) - self._log_peak(n - k)
        return constant - self._tail(of_both, n) + self._tail(of_x, k) + self._tail(of_y, n - k)

    def _log_peak(self, k: int) -> float:
        return float(gammaln(0.5 * (self.dof + k)) - gammaln(self.dof / 2) - 0.5 * k * np.log(np.pi * self.dof))

    def _tail(self, length: Array, k: int) -> Array:
        return np.asarray(0.5 * (self.dof + k) * np.log1p(length / self.dof))


@dataclass(frozen=True)
class AdditiveUniform:
    """X uniform on [0, 1], Y = X + U with U uniform on [-width, width]."""

    width: float

    def __post_init__(self) -> None:
        positive("width", self.width)

    def information(self) -> float:
        """width - log(2 width) up to a width of 1/2, then 1/(4 width)."""
        return self.width - float(np.log(2 * self.width)) if self.width <= 0.5 else 1 / (4 * self.width)

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """x (n, 1), y (n, 1)."""
        x = rng.random((n, 1))
        return x, x + rng.uniform(-self.width, self.width, (n, 1))

    def log_ratio(self, x: Array, y: Array) -> Array:
        """-log of the length of [y - width, y + width] within [0, 1] where |y - x| <= width, else -inf."""
        a, b = np.broadcast_arrays(x[..., 0], y[..., 0])
        seen = np.minimum(b + self.width, 1) - np.maximum(b - self.width, 0)
        # The rounding of x + u may carry y just beyond the edge it was drawn within.
        inside = (np.abs(b - a) <= self.width * (1 + 1e-12)) & (seen > 0)
        return np.where(inside, -np.log(np.where(inside, seen, 1)), -np.inf)


@dataclass(frozen=True, eq=False)
class Discrete:
    """X a row and Y a column of the joint table `pxy`; samples are their numbers."""

    pxy: Array

    def __post_init__(self) -> None:
        self.information()  # refuses what is no joint distribution

    def information(self) -> float:
        """H(X) + H(Y) - H(X, Y)."""
        return entropy.mutual_information(self.pxy)

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """x (n, 1), y (n, 1): whole numbers as floats."""
        cell = rng.choice(self.pxy.size, n, p=self.pxy.ravel())
        x, y = np.divmod(cell, self.pxy.shape[1])
        return x[:, None].astype(float), y[:, None].astype(float)

    def log_ratio(self, x: Array, y: Array) -> Array:
        """log p(x, y)/(p(x) p(y)) of the table; -inf in an empty cell."""
        row, column = x[..., 0].astype(int), y[..., 0].astype(int)
        p, product = self.pxy[row, column], self.pxy.sum(axis=1)[row] * self.pxy.sum(axis=0)[column]
        ratio = np.divide(p, product, out=np.ones_like(p), where=p > 0)
        return np.where(p > 0, np.log(ratio), -np.inf)


@dataclass(frozen=True, eq=False)
class Mapped:
    """The pair (f(X), g(Y)) of invertible maps: other variables, the same information."""

    task: Task
    of_x: Map
    of_y: Map

    def information(self) -> float:
        """That of the task: each side determines the other's argument and is determined by it."""
        return self.task.information()

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """The images of a sample of the task."""
        x, y = self.task.sample(rng, n)
        return self.of_x.forward(x), self.of_y.forward(y)

    def log_ratio(self, x: Array, y: Array) -> Array:
        """The task's, at the originals: the Jacobians of numerator and denominator cancel."""
        return self.task.log_ratio(self.of_x.inverse(x), self.of_y.inverse(y))
