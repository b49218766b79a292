"""A coin's two-part codes, cell by cell, and the most probable coin; both depend on the coordinate they are written in.

A two-part code cuts the coins into cells and sends one of them, -log(prior mass of the cell), then the throws. Where
all cells are equally wide in a coordinate, the shortest code is the mode of the density in that coordinate. The prior
is flat in the probability of heads.

Source: mackay2003information, chapters 3 (bent coins) and 28 (description length).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, xlogy

from itdl.checks import Array, BadInput, finite, positive

__all__ = ["COORDINATES", "cells", "lengths", "most_probable"]

# How a coin's probability of heads may be written, theta as a function of u, with the ends of the range of u that is
# cut into cells. A flat density of theta becomes dtheta/du = (theta (1 - theta))^a in u, up to a factor.
COORDINATES: dict[str, tuple[Callable[[Array], Array], float, float, float]] = {
    "probability": (lambda u: u, 0.0, 1.0, 0.0),
    "angle": (lambda u: np.sin(u) ** 2, 0.0, np.pi / 2, 0.5),
    "logit": (lambda u: np.asarray(expit(u)), -15.0, 15.0, 1.0),
}


def cells(coordinate: str, count: int) -> tuple[Array, Array]:
    """`count` cells of equal width in a coordinate of `COORDINATES`: their edges and centres as probabilities.

    The outermost cells reach to 0 and 1, so that the cells cover every coin.   -> (count + 1,), (count,).
    """
    if coordinate not in COORDINATES:
        raise BadInput(f"coordinate is {coordinate!r}; known are {', '.join(COORDINATES)}")
    if not isinstance(count, int | np.integer) or count < 1:
        raise BadInput(f"count is {count}; it must be a whole number above zero")
    theta, low, high, _ = COORDINATES[coordinate]
    edges = np.linspace(low, high, count + 1)
    inside = theta(edges[1:-1])
    return np.concatenate([[0.0], inside, [1.0]]), np.asarray(theta((edges[1:] + edges[:-1]) / 2))


def lengths(heads: int, tails: int, edges: ArrayLike, centres: ArrayLike) -> Array:
    """Two-part code of a sequence of throws by each cell: -log(width of the cell) - log p(throws | its centre), nats.

    The prior is flat in the probability of heads. edges (m + 1,), centres (m,), as `cells` gives -> (m,).
    """
    h, t = (positive(name, x, zero=True) for name, x in (("heads", heads), ("tails", tails)))
    cuts, theta = finite("edges", edges), finite("centres", centres)
    if cuts.shape != (len(theta) + 1,) or (np.diff(cuts) <= 0).any() or cuts[0] != 0 or cuts[-1] != 1:
        raise BadInput(f"edges {cuts.shape} must rise from 0 to 1 and be one more than the {len(theta)} centres")
    if ((theta < cuts[:-1]) | (theta > cuts[1:])).any():
        raise BadInput("a centre lies outside its cell; take edges and centres from `cells`")
    return np.asarray(-np.log(np.diff(cuts)) - xlogy(h, theta) - xlogy(t, 1 - theta))


def most_probable(heads: int, tails: int, coordinate: str) -> float:
    """The most probable coin when the posterior is a density of this coordinate: (h + a)/(n + 2 a), flat prior.

    a is 0 for the probability itself, 1/2 for the angle, 1 for the logit.
    """
    if coordinate not in COORDINATES:
        raise BadInput(f"coordinate is {coordinate!r}; known are {', '.join(COORDINATES)}")
    h, t = (positive(name, x, zero=True) for name, x in (("heads", heads), ("tails", tails)))
    a = COORDINATES[coordinate][3]
    if h + t + a == 0:
        raise BadInput("no throws: every probability is as likely as any other; throw the coin first")
    return (h + a) / (h + t + 2 * a)
