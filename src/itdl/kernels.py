"""Kernels of infinitely-wide fully-connected networks: NNGP (what an untrained one is) and NTK (how it learns).

A network of `depth` hidden layers with activation phi, in the NTK parametrisation: every layer computes
sigma_w/sqrt(fan_in) W h + sigma_b b with W, b ~ N(0, 1). As the widths grow, its outputs at initialisation become a
Gaussian process with covariance K (NNGP), and gradient flow moves them along Theta = dz/dtheta dz/dtheta^T (NTK),
which stays what it was at initialisation. With p(x, x') = x.x'/d and duals F, F' of phi,

    K_0 = sigma_w^2 p + sigma_b^2            T_0 = K_0
    K_h+1 = sigma_w^2 F(K_h) + sigma_b^2     T_h+1 = K_h+1 + sigma_w^2 F'(K_h) T_h

and after `depth` steps K = K_depth, Theta = T_depth. (In the standard parametrisation, W ~ N(0, sigma_w^2/fan_in),
K is the same but Theta grows with the widths; it is not offered here.)

Sources: lee2018deep (K), jacot2018neural (Theta); duals: cho2009kernel (ReLU), williams1997computing (erf).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, matrix, positive

__all__ = ["ACTIVATIONS", "Architecture", "Kernels", "diagonals", "nngp", "nngp_and_ntk", "ntk"]

BLOCK = 128  # a 128 x 128 block of float64 and its temporaries stay in a core's second-level cache


class Architecture(TypedDict):
    """The keywords every kernel function takes: `nngp(x, **architecture)`."""

    depth: int
    activation: str
    sigma_w: float
    sigma_b: float


class Kernels(NamedTuple):
    """K and Theta over the same pairs of inputs."""

    nngp: Array
    ntk: Array


def nngp(
    x1: ArrayLike, x2: ArrayLike | None = None, *, depth: int, activation: str, sigma_w: float, sigma_b: float
) -> Array:
    """K(x1, x2): covariance of the outputs at initialisation.   x1 (n, d), x2 (m, d) -> (n, m); x2=None means x1."""
    return nngp_and_ntk(x1, x2, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b).nngp


def ntk(
    x1: ArrayLike, x2: ArrayLike | None = None, *, depth: int, activation: str, sigma_w: float, sigma_b: float
) -> Array:
    """Theta(x1, x2): inner products of the outputs' gradients.   x1 (n, d), x2 (m, d) -> (n, m); x2=None means x1."""
    return nngp_and_ntk(x1, x2, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b).ntk


def nngp_and_ntk(
    x1: ArrayLike, x2: ArrayLike | None = None, *, depth: int, activation: str, sigma_w: float, sigma_b: float
) -> Kernels:
    """Both kernels in one pass over cache-sized blocks; of a symmetric pair only the upper triangle is computed.

    x1 (n, d), x2 (m, d) -> two arrays (n, m). `sigma_w` and `sigma_b` are standard deviations. Raises `BadInput` for
    another activation, a negative scale, a negative or broken depth, or inputs of different width d.
    """
    layers = _Layers.of(depth, activation, sigma_w, sigma_b)
    a = _points("x1", x1)
    b = a if x2 is None else _points("x2", x2, columns=a.shape[1])
    k, t = np.empty((len(a), len(b))), np.empty((len(a), len(b)))
    along_a = layers.variances(a)
    along_b = along_a if x2 is None else layers.variances(b)
    for i in range(0, len(a), BLOCK):
        for j in range(i if x2 is None else 0, len(b), BLOCK):
            rows, columns = slice(i, i + BLOCK), slice(j, j + BLOCK)
            block = layers.block(a[rows], b[columns], along_a[:, rows], along_b[:, columns])
            k[rows, columns], t[rows, columns] = block
            if x2 is None and j > i:
                k[columns, rows], t[columns, rows] = block.nngp.T, block.ntk.T
    if x2 is None:
        # A point meets itself at angle 0, where the general ReLU formula loses half of its digits.
        np.fill_diagonal(k, along_a[-1])
        np.fill_diagonal(t, layers.ntk_diagonal(along_a))
        k, t = _mirrored(k), _mirrored(t)
    return Kernels(k, t)


def diagonals(x: ArrayLike, *, depth: int, activation: str, sigma_w: float, sigma_b: float) -> Kernels:
    """K(x, x) and Theta(x, x) at each point alone, exact for coinciding arguments.   x (n, d) -> two arrays (n,)."""
    layers = _Layers.of(depth, activation, sigma_w, sigma_b)
    variances = layers.variances(_points("x", x))
    return Kernels(variances[-1], layers.ntk_diagonal(variances))


class _Dual(NamedTuple):
    """E[phi phi] and E[phi' phi'] of two correlated Gaussians, in general and for one Gaussian with itself."""

    block: Callable[[Array, Array, Array, float], tuple[Array, Array]]
    diagonal: Callable[[Array], tuple[Array, Array]]


def _determinant(k12: Array, k11: Array, k22: Array, noise: float) -> Array:
    """k11 k22 - k12^2 >= 0; zero where it is rounding only: the inputs coincide (or oppose) to working precision."""
    det = np.outer(k11, k22)
    floor = noise * det
    det -= k12 * k12
    np.copyto(det, 0, where=det < floor)
    return det


def _erf_block(k12: Array, k11: Array, k22: Array, noise: float) -> tuple[Array, Array]:
    """F = (2/pi) arctan(2 k12/s), F' = (4/pi)/s with s^2 = (1 + 2 k11)(1 + 2 k22) - 4 k12^2 >= 1."""
    # Multiplied out around the determinant: as it stands, s^2 cancels to noise where k is large.
    s = _determinant(k12, k11, k22, noise)
    s *= 4
    s += np.add.outer(1 + 2 * k11, 2 * k22)
    np.sqrt(s, out=s)
    doubled = 2 * k12
    doubled /= s
    np.arctan(doubled, out=doubled)
    doubled *= 2 / np.pi
    return doubled, np.divide(4 / np.pi, s, out=s)


def _erf_diagonal(k: Array) -> tuple[Array, Array]:
    s = np.sqrt(1 + 4 * k)
    return (2 / np.pi) * np.arctan2(2 * k, s), (4 / np.pi) / s


def _relu_block(k12: Array, k11: Array, k22: Array, noise: float) -> tuple[Array, Array]:
    """F = (s + (pi - angle) k12)/(2 pi), F' = (pi - angle)/(2 pi), angle = arctan2(s, k12), s^2 = k11 k22 - k12^2."""
    s = _determinant(k12, k11, k22, noise)
    np.sqrt(s, out=s)
    derivative = np.arctan2(s, k12)
    np.subtract(np.pi, derivative, out=derivative)
    derivative /= 2 * np.pi
    s /= 2 * np.pi
    s += derivative * k12
    return s, derivative


def _relu_diagonal(k: Array) -> tuple[Array, Array]:
    return k / 2, np.full_like(k, 0.5)


_DUALS = {"erf": _Dual(_erf_block, _erf_diagonal), "relu": _Dual(_relu_block, _relu_diagonal)}
ACTIVATIONS = tuple(_DUALS)


class _Layers(NamedTuple):
    """The recursion over hidden layers for one architecture."""

    depth: int
    dual: _Dual
    w2: float
    b2: float

    @classmethod
    def of(cls, depth: int, activation: str, sigma_w: float, sigma_b: float) -> _Layers:
        if isinstance(depth, bool) or not isinstance(depth, int | np.integer) or depth < 0:
            raise BadInput(f"depth is {depth!r}; it must be a whole number of hidden layers, zero or above")
        if activation not in _DUALS:
            raise BadInput(f"activation is {activation!r}; the kernels are known for {' and '.join(_DUALS)}")
        w, b = positive("sigma_w", sigma_w, zero=True), positive("sigma_b", sigma_b, zero=True)
        return cls(int(depth), _DUALS[activation], w * w, b * b)

    def variances(self, x: Array) -> Array:
        """K_h(x, x) for every layer h.   x (n, d) -> (depth + 1, n)."""
        k = self.w2 * np.einsum("ij,ij->i", x, x) / x.shape[1] + self.b2
        layers = [k]
        for _ in range(self.depth):
            layers.append(self.w2 * self.dual.diagonal(layers[-1])[0] + self.b2)
        return np.stack(layers)

    def ntk_diagonal(self, variances: Array) -> Array:
        """Theta(x, x) from the variances of all layers.   (depth + 1, n) -> (n,)."""
        t = variances[0]
        for k, k_next in pairwise(variances):
            t = k_next + self.w2 * self.dual.diagonal(k)[1] * t
        return np.asarray(t)

    def block(self, a: Array, b: Array, along_a: Array, along_b: Array) -> Kernels:
        """K and Theta between the rows of a and b, whose variances per layer are given."""
        k = (self.w2 / a.shape[1]) * (a @ b.T)
        k += self.b2
        t = k.copy()
        noise = 8 * np.finfo(float).eps * a.shape[1] ** 0.5  # of k12^2 beside k11 k22, products of sums over d terms
        for k11, k22 in zip(along_a[:-1], along_b[:-1], strict=True):
            k, derivative = self.dual.block(k, k11, k22, noise)
            k *= self.w2
            k += self.b2
            derivative *= self.w2
            t *= derivative
            t += k
        return Kernels(k, t)


def _points(name: str, x: ArrayLike, columns: int | None = None) -> Array:
    array = matrix(name, x, columns=columns)
    if array.ndim != 2:
        raise BadInput(f"{name} has shape {array.shape}; it must be a matrix (points, features)")
    return array


def _mirrored(a: Array) -> Array:
    """The diagonal blocks came from one matrix product, symmetric only to rounding: copy the upper triangle down."""
    for i in range(0, len(a), BLOCK):
        block = a[i : i + BLOCK, i : i + BLOCK]
        block[:] = np.triu(block) + np.triu(block, 1).T
    return a
