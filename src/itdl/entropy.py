"""Entropy and its relatives for discrete distributions, in nats.

A distribution is an array whose last axis sums to one; a joint `pxy` is a matrix that sums to one. The convention
0 log 0 = 0 is built in. Convert at the edge with `bits`, never inside.

Source: coverthomas2006, chapter 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr, xlogy

from itdl.checks import Array, BadInput, finite, simplex

__all__ = [
    "binary_entropy",
    "bits",
    "conditional_entropy",
    "conditional_mutual_information",
    "cross_entropy",
    "entropy",
    "kl",
    "mutual_information",
]


def bits(nats: ArrayLike) -> Array:
    """Nats to bits: divide by log 2."""
    return np.asarray(np.asarray(nats, dtype=float) / np.log(2))


def entropy(p: ArrayLike) -> Array:
    """H(p) = -sum p log p, in nats.   p (..., n) -> (...)."""
    p = simplex("p", p)
    return np.asarray(-xlogy(p, p).sum(axis=-1))


def binary_entropy(p: ArrayLike) -> Array:
    """h(p) = -p log p - (1 - p) log(1 - p) of a coin that shows heads with probability p, in nats.   (...) -> (...)."""
    p = finite("p", p)
    if ((p < 0) | (p > 1)).any():
        raise BadInput(f"p runs from {p.min()} to {p.max()}; a probability lies between 0 and 1")
    return np.asarray(-xlogy(p, p) - xlogy(1 - p, 1 - p))


def cross_entropy(p: ArrayLike, q: ArrayLike) -> Array:
    """H(p, q) = -sum p log q: nats paid when data from p are coded for q; inf where q misses p."""
    p, q = _pair(p, q)
    return np.asarray(-xlogy(p, q).sum(axis=-1))


def kl(p: ArrayLike, q: ArrayLike) -> Array:
    """D(p || q) = sum p log(p/q): the part of the cross-entropy that better modelling could save; inf if q misses p."""
    p, q = _pair(p, q)
    return np.asarray(rel_entr(p, q).sum(axis=-1))


def mutual_information(pxy: ArrayLike) -> float:
    """I(X; Y) = H(X) + H(Y) - H(X, Y), in nats.   pxy (n, m) -> scalar."""
    pxy = _joint(pxy)
    # Not D(pxy || px py): that product underflows once two marginals are near 1e-160, and the answer is inf.
    return float(entropy(pxy.sum(axis=1)) + entropy(pxy.sum(axis=0)) - entropy(pxy.ravel()))


def conditional_entropy(pxy: ArrayLike) -> float:
    """H(Y | X) = H(X, Y) - H(X), in nats.   pxy (n, m) -> scalar."""
    pxy = _joint(pxy)
    return float(entropy(pxy.ravel()) - entropy(pxy.sum(axis=1)))


def conditional_mutual_information(pxyz: ArrayLike) -> float:
    """I(X; Y | Z) = H(X, Z) + H(Y, Z) - H(X, Y, Z) - H(Z), in nats.   pxyz (n, m, l) -> scalar."""
    pxyz = simplex("pxyz", pxyz, axis=None)
    if pxyz.ndim != 3:
        raise BadInput(f"pxyz has shape {pxyz.shape}; a joint distribution of three variables is an array p(x, y, z)")
    xz, yz, z = pxyz.sum(axis=1), pxyz.sum(axis=0), pxyz.sum(axis=(0, 1))
    return float(entropy(xz.ravel()) + entropy(yz.ravel()) - entropy(pxyz.ravel()) - entropy(z))


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[Array, Array]:
    p, q = simplex("p", p), simplex("q", q)
    if p.shape[-1] != q.shape[-1]:
        raise BadInput(f"p has {p.shape[-1]} outcomes but q has {q.shape[-1]}; they must share an alphabet")
    if p.shape != q.shape and min(p.ndim, q.ndim) > 1:
        raise BadInput(f"p has shape {p.shape} but q has {q.shape}; pass as many of each, or one of them as a vector")
    return p, q


def _joint(pxy: ArrayLike) -> Array:
    pxy = simplex("pxy", pxy, axis=None)
    if pxy.ndim != 2:
        raise BadInput(f"pxy has shape {pxy.shape}; a joint distribution is a matrix p(x, y)")
    return pxy
