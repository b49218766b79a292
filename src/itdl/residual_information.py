"""What a chain of noisy layers still knows about its input, and how a residual block is undone.

Without noise an injective layer keeps everything, whatever it does; with noise the question has a number. Linear maps
with Gaussian noise, x_{l+1} = T_l x_l + s_{l+1} xi, are exactly solvable: with J the product of the maps and C C^T the
noise accumulated so far, I(x; x_l) = 1/2 log det(1 + M M^T) with M = C^-1 J. In nats.

Sources: coverthomas2006, chapter 8 (Gaussian entropies), behrmann2019invertible (theorem 1 and its iteration); the
recursion is ours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite, matrix, positive

__all__ = ["chain_information", "invert_residual", "orthogonal_information"]


def chain_information(maps: ArrayLike, noise: ArrayLike) -> Array:
    """I(x; x_l) for x ~ N(0, 1), x_0 = x + s_0 xi, x_{l+1} = T_l x_l + s_{l+1} xi.   (..., L, d, d) -> (..., L + 1).

    `noise` is one standard deviation for all layers, or one each, (L + 1,). The state is kept whitened: with
    T C = U diag(s) V^T and noise t, C' = U diag(sqrt(s^2 + t^2)) and M' = diag(s/sqrt(s^2 + t^2)) V^T M. No matrix is
    inverted, so that chains which amplify or contract over many layers keep their digits.
    """
    maps = matrix("maps", maps)
    if maps.ndim < 3 or maps.shape[-1] != maps.shape[-2]:
        raise BadInput(f"maps has shape {maps.shape}; it must be (..., layers, d, d)")
    layers, d = maps.shape[-3], maps.shape[-1]
    deviations = finite("noise", noise)
    if deviations.shape not in ((), (layers + 1,)) or (deviations <= 0).any():
        raise BadInput(f"noise has shape {deviations.shape}; pass one number above zero, or {layers + 1} of them")
    deviations = np.broadcast_to(deviations, layers + 1)
    root = np.broadcast_to(deviations[0] * np.eye(d), (*maps.shape[:-3], d, d))
    white = np.broadcast_to(np.eye(d) / deviations[0], root.shape)
    found = [_information(white)]
    for layer in range(layers):
        u, s, vt = np.linalg.svd(maps[..., layer, :, :] @ root)
        spread = np.sqrt(s**2 + deviations[layer + 1] ** 2)
        root = u * spread[..., None, :]
        white = (s / spread)[..., :, None] * (vt @ white)
        found.append(_information(white))
    return np.stack(found, axis=-1)


def orthogonal_information(d: int, noise: float, layers: int) -> Array:
    """The same for orthogonal maps: d/2 log(1 + 1/(s^2 (l + 1))), l = 0..layers.   -> (layers + 1,)."""
    if d < 1 or layers < 0:
        raise BadInput(f"d is {d} and layers {layers}; pass at least one dimension and no negative number of layers")
    return np.asarray(d / 2 * np.log1p(1 / (positive("noise", noise) ** 2 * np.arange(1, layers + 2))))


def invert_residual(branch: Callable[[Array], Array], y: ArrayLike, steps: int) -> Array:
    """x with x + branch(x) = y, after `steps` of x <- y - branch(x); the error falls like Lip(branch)^steps.

    A branch with a Lipschitz constant of 1 or more may have no inverse: compare x + branch(x) with y.
    """
    y = finite("y", y)
    if steps < 1:
        raise BadInput(f"steps is {steps}; take at least one")
    x = y
    for _ in range(steps):
        x = y - branch(x)
    return finite("the result", x)


def _information(white: Array) -> Array:
    """1/2 log det(1 + M M^T)."""
    return np.asarray(0.5 * np.log1p(np.linalg.svd(white, compute_uv=False) ** 2).sum(axis=-1))
