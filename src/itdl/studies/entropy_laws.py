"""Experiments of chapter 01 on identities: each law on random joint distributions, and a slip that breaks it.

`index` numbers independent repetitions. Sparse distributions are drawn on purpose: zeros are where slips hide.

Source: coverthomas2006, chapter 2.
"""

from __future__ import annotations

import numpy as np

from itdl import entropy as info
from itdl import rng
from itdl.checks import Array
from itdl.sweep import Result

__all__ = ["NAME", "channel", "die", "joints", "laws", "three_bits"]

NAME = "entropy laws"
SHAPE = (3, 4, 3)  # outcomes of X, Y and Z


def die(*, seed: int, index: int, p: list[float], throws: int) -> Result:
    """Mean surprise of `throws` throws of a loaded die over its entropy: `own` by -log p, `fair` as if it were fair."""
    faces = rng.stream(seed, NAME, "die", index).choice(len(p), size=throws, p=p)
    own = -np.log(np.array(p))[faces].mean() / info.entropy(p)
    return {"own": float(own), "fair": float(np.log(len(p)) / info.entropy(p))}


def joints(seed: int, index: int, trials: int) -> Array:
    """`trials` distributions p(x, y, z), dense ones and sparse ones.   -> (trials, 3, 4, 3)."""
    r = rng.stream(seed, NAME, "joints", index)
    alpha = r.choice([0.1, 0.5, 2.0], size=trials)
    weights = r.gamma(alpha[:, None], size=(trials, int(np.prod(SHAPE)))) + 1e-300
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)).reshape(-1, *SHAPE))


def laws(*, seed: int, index: int, trials: int) -> Result:
    """The largest violation of each law over random distributions, in nats, and under `_slip` that of a wrong one.

    uniform: H(X) - log n (slip: the cross-entropy to another distribution). given: H(X|Y) - H(X) (slip: at the one
    value of Y that tells least). chain: |H(X,Y) - H(X) - H(Y|X)| (slip: H(Y) for H(Y|X)). parts: |I(XY;Z) - I(X;Z) -
    I(Y;Z|X)| (slip: I(Y;Z) for I(Y;Z|X)). processing: I(X;Z) - I(X;Y) where Z is made from Y alone (slip: from both).
    """
    found = [_one(p) for p in joints(seed, index, trials)]
    return {name: float(max(one[name] for one in found)) for name in found[0]}


def _one(p: Array) -> dict[str, float]:
    """The gaps of one joint; H(Y|X) is the mean entropy of rows here, not a difference of entropies."""
    xy, xz, yz = p.sum(axis=2), p.sum(axis=1), p.sum(axis=0)
    x, y, other = xy.sum(axis=1), xy.sum(axis=0), np.roll(xy.sum(axis=1), 1)
    h_x, h_y, h_xy = (float(info.entropy(q)) for q in (x, y, xy.ravel()))
    given_x, given_y = float(x @ info.entropy(xy / x[:, None])), info.entropy(xy.T / y[:, None])
    i_xz, i_yz, i_xy = (info.mutual_information(q) for q in (xz, yz, xy))
    both = info.mutual_information(p.reshape(-1, p.shape[2]))
    markov = xy @ (yz / y[:, None])  # p(x, z) where z is drawn from p(z | y)
    return {
        "uniform": h_x - np.log(len(x)),
        "uniform_slip": float(info.cross_entropy(x, other)) - np.log(len(x)),
        "given": float(y @ given_y) - h_x,
        "given_slip": float(given_y.max()) - h_x,
        "chain": abs(h_xy - h_x - given_x),
        "chain_slip": abs(h_xy - h_x - h_y),
        "parts": abs(both - i_xz - info.conditional_mutual_information(p.transpose(1, 2, 0))),
        "parts_slip": abs(both - i_xz - i_yz),
        "processing": info.mutual_information(markov) - i_xy,
        "processing_slip": i_xz - i_xy,
    }


def three_bits(kind: str) -> Array:
    """p(x, y, z): "xor", z = x xor y of fair bits; "chain", x copied with noise to y and y to z.   -> (2, 2, 2)."""
    flip = np.array([[0.9, 0.1], [0.1, 0.9]])
    if kind == "chain":
        return np.asarray(0.5 * flip[:, :, None] * flip[None])
    x, y, z = np.ogrid[:2, :2, :2]
    return np.asarray(0.25 * ((x ^ y) == z))


def channel(eps: float, p: float = 0.5) -> Array:
    """Joint of a bit that is 1 with probability `p` and its copy through a channel that flips it with `eps`."""
    return np.asarray(np.array([[1 - p], [p]]) * np.array([[1 - eps, eps], [eps, 1 - eps]]))
