"""Invertible maps of R^d, each with its inverse: what leaves mutual information alone and moves every distance.

Coordinate maps are strictly rising functions of each coordinate. `spiral` turns the plane of the first two coordinates
by an angle that depends on the length of the point; turning keeps the length, so turning back by the same angle undoes
it. `normal_scores` is no such map but what a sample allows: ranks, which no rising map of a coordinate can change.

Source: czyz2023beyond (half-cube, asinh and spiral maps); cubic: song2020understanding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from itdl.checks import Array, BadInput, finite, matrix

__all__ = ["ASINH", "CUBIC", "HALF_CUBE", "IDENTITY", "Map", "normal_scores", "spiral"]


@dataclass(frozen=True)
class Map:
    """A map of points (..., d) and the map that undoes it."""

    name: str
    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]


IDENTITY = Map("none", np.array, np.array)
CUBIC = Map("cubic", lambda x: x**3, np.cbrt)
HALF_CUBE = Map(
    "half-cube", lambda x: x * np.sqrt(np.abs(x)), lambda y: np.asarray(np.sign(y) * np.cbrt(np.abs(y)) ** 2)
)
ASINH = Map("asinh", np.arcsinh, np.sinh)


def spiral(speed: float) -> Map:
    """Turns the first two coordinates by `speed` |x|^2 radians; |x| is the length of the whole point."""
    rate = float(finite("speed", speed))
    return Map(f"spiral {rate:g}", lambda x: _turned(x, rate), lambda y: _turned(y, -rate))


def _turned(x: Array, rate: float) -> Array:
    if x.shape[-1] < 2:
        raise BadInput(f"x has {x.shape[-1]} coordinate, shape {x.shape}; a spiral turns a plane and needs two")
    angle = rate * (x**2).sum(axis=-1)
    c, s = np.cos(angle), np.sin(angle)
    turned = np.array(x)
    turned[..., 0], turned[..., 1] = c * x[..., 0] - s * x[..., 1], s * x[..., 0] + c * x[..., 1]
    return turned


def normal_scores(x: ArrayLike) -> Array:
    """Phi^-1((r + 1/2)/n) of each coordinate's rank r = 0..n-1: blind to rising maps of a coordinate.   (n, d) alike.

    The order of equal values is that of the rows.
    """
    x = matrix("x", x)
    if x.ndim != 2:
        raise BadInput(f"x has shape {x.shape}; samples are rows: (n, d)")
    ranks = np.argsort(np.argsort(x, axis=0, kind="stable"), axis=0)
    return np.asarray(ndtri((ranks + 0.5) / len(x)))
