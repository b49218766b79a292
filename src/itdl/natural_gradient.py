"""Natural gradients: the direction d with F d = g, what it does not depend on, and what Adam keeps of it.

The Fisher information F of a model measures how fast its distribution changes, KL(theta, theta + d) = 1/2 d^T F d +
O(|d|^3). In other coordinates u it is (dtheta/du)^T F (dtheta/du), and a gradient is (dtheta/du)^T g: the motion F^-1 g
of the distribution is the same in all of them. F comes as a factor A with F = A^T A/n, one or more rows for each
of n inputs (`geometry.fisher_factor`), so that the smaller of F and A A^T is what has to be solved.

Sources: amari1998natural (natural gradient); kingma2015adam, algorithm 1 (`Moments`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from itdl.checks import Array, BadInput, finite, matrix, positive

__all__ = ["Direction", "Moments", "expected_square", "natural_gradient", "normal_fisher", "pulled_back"]


@dataclass(frozen=True)
class Direction:
    """d with (F + damping I) d = g, (P,), and `residual`, |(F + damping I) d - g|/|g|, the certificate."""

    step: Array
    residual: float


def natural_gradient(factor: ArrayLike, gradient: ArrayLike, *, n: int, damping: float = 0.0) -> Direction:
    """(A^T A/n + damping I)^-1 g from the smaller Gram matrix.   factor A (rows, P), gradient g (P,).

    With fewer rows than parameters, d = (g - A^T (n damping I + A A^T)^-1 A g)/damping (Woodbury). The residual is that
    of the large system, whichever was solved. Raises `BadInput` where the system is singular in double precision.
    """
    a, g = matrix("factor", factor), finite("gradient", gradient)
    if g.shape != a.shape[1:]:
        raise BadInput(f"gradient has shape {g.shape} with a factor of shape {a.shape}; it must be one of its rows")
    if n < 1:
        raise BadInput(f"n is {n}; F is a mean over n inputs, at least one")
    shift = positive("damping", damping, zero=True)
    wide = len(a) < a.shape[1]
    if wide and shift == 0:
        raise BadInput(f"F has rank {len(a)} at most with {a.shape[1]} parameters; pass a damping above zero")
    gram = a @ a.T if wide else a.T @ a
    gram.flat[:: len(gram) + 1] += n * shift
    step = (g - a.T @ _solved(gram, a @ g)) / shift if wide else n * _solved(gram, g)
    size = float(np.linalg.norm(g))
    left = float(np.linalg.norm(a.T @ (a @ step) / n + shift * step - g))
    return Direction(step, left / size if size else left)


def _solved(gram: Array, right: Array) -> Array:
    try:
        found = linalg.cho_solve(linalg.cho_factor(gram, lower=True), right)
    except linalg.LinAlgError:
        raise BadInput(
            f"F + damping I is singular: a Gram matrix of {len(gram)} rows is not positive definite; raise the damping"
        ) from None
    return np.asarray(found)


def pulled_back(fisher: ArrayLike, change: ArrayLike) -> Array:
    """The Fisher information in coordinates u, (dtheta/du)^T F (dtheta/du).   F (P, P), change = dtheta/du (P, Q)."""
    f = matrix("fisher", fisher)
    t = matrix("change", change)
    if f.shape != (len(t), len(t)):
        raise BadInput(f"fisher has shape {f.shape} with a change of shape {t.shape}; it must be square, with its rows")
    return np.asarray(t.T @ f @ t)


def normal_fisher(sd: ArrayLike) -> Array:
    """The Fisher information of N(mean, sd^2) about (mean, sd), diag(1, 2)/sd^2.   sd (...) -> (..., 2, 2)."""
    spread = finite("sd", sd)
    if (spread <= 0).any():
        raise BadInput(f"sd reaches {spread.min():g}; a standard deviation is above zero")
    return np.asarray(np.diag([1.0, 2.0]) / spread[..., None, None] ** 2)


def expected_square(gradients: ArrayLike, batch: int) -> Array:
    """Mean of the squared mean gradient of a minibatch, g^2 + (diag EF - g^2)/B (N - B)/(N - 1), entry by entry.

    gradients (N, P), one row for each example; batch B of them drawn without replacement. EF is the empirical Fisher
    information, the mean of the outer products of the rows, and g the mean row. This is what Adam's second
    moment estimates: for 1 << B << N it is EF/B plus g^2, not F.
    """
    rows = matrix("gradients", gradients)
    n = len(rows)
    if not 1 <= batch <= n:
        raise BadInput(f"batch is {batch} with {n} gradients; it must lie between 1 and {n}")
    mean = rows.mean(axis=0)
    share = (n - batch) / (batch * max(n - 1, 1))
    return np.asarray(mean**2 + ((rows - mean) ** 2).mean(axis=0) * share)


@dataclass(frozen=True)
class Moments:
    """What Adam remembers after `count` gradients: running means of g and of g^2, entry by entry."""

    first: Array
    second: Array
    count: int = 0
    betas: tuple[float, float] = (0.9, 0.999)

    @classmethod
    def zeros(cls, shape: int | tuple[int, ...], betas: tuple[float, float] = (0.9, 0.999)) -> Self:
        """Before the first gradient. Raises `BadInput` unless both betas lie in [0, 1)."""
        if not all(0 <= beta < 1 for beta in betas):
            raise BadInput(f"betas are {betas}; both lie in [0, 1)")
        return cls(np.zeros(shape), np.zeros(shape), 0, betas)

    def seen(self, gradient: Array) -> Moments:
        """The moments after one gradient more."""
        (b1, b2), g = self.betas, gradient
        first, second = b1 * self.first + (1 - b1) * g, b2 * self.second + (1 - b2) * g**2
        return Moments(first, second, self.count + 1, self.betas)

    @property
    def variance(self) -> Array:
        """The second moment v, corrected for its start at zero."""
        return np.asarray(self.second / (1 - self.betas[1] ** self._counted()))

    def step(self, *, power: float = 0.5, eps: float = 1e-8) -> Array:
        """m/(v^power + eps), both corrected: Adam's direction at power 1/2, a diagonal natural gradient's form at 1."""
        mean = self.first / (1 - self.betas[0] ** self._counted())
        return np.asarray(mean / (self.variance**power + eps))

    def _counted(self) -> int:
        if self.count == 0:
            raise BadInput("these moments have seen no gradient; call `seen` first")
        return self.count
