"""Codes for labels: what one of them saves for the nats it spends, and the beta up to which that pays.

Labels drawn evenly among K classes, independent of the inputs, cannot be sent in less than log K nats each on average.
With the loss in nats, summed, no code can therefore pay beyond beta = 1 on average, whatever network, prior and
posterior it comes from; how far below it stops paying is how wasteful the code is.

Source: achille2018emergence, section 7 (the transition over beta). The bound is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from itdl.checks import Array, BadInput, finite, positive

__all__ = ["beta_star", "cross_evaluate", "one_hot_code"]


def cross_evaluate(losses: ArrayLike, kls: ArrayLike, betas: ArrayLike) -> Array:
    """How much every solution costs beyond the best of its siblings at its own beta.   (..., b) -> (..., b), >= 0.

    A solution found at one beta is a candidate at every other; where this is not zero, the search got stuck.
    """
    loss, kl = finite("losses", losses), finite("kls", kls)
    strengths = np.atleast_1d(finite("betas", betas))
    if loss.shape != kl.shape or loss.shape[-1:] != strengths.shape:
        raise BadInput(f"losses {loss.shape}, kls {kl.shape} and betas {strengths.shape} do not fit")
    cost = loss[..., None, :] + strengths[:, None] * kl[..., None, :]
    return np.asarray(loss + strengths * kl - cost.min(axis=-1))


def beta_star(losses: ArrayLike, kls: ArrayLike, uniform: float, *, floor: float = 1.0) -> Array:
    """The largest beta at which a reached solution beats the uniform code: max (uniform - L)/KL.   (..., b) -> (...).

    `uniform` = N log K, in nats, summed like `losses`. Solutions with a KL below `floor` nats are the prior with some
    noise and do not count; without any other the value is zero.
    """
    loss, kl = finite("losses", losses), finite("kls", kls)
    if loss.shape != kl.shape:
        raise BadInput(f"losses have shape {loss.shape} and kls {kl.shape}; they must agree")
    counted = kl >= positive("floor", floor)
    return np.asarray(np.where(counted, (uniform - loss) / np.where(counted, kl, 1), 0).max(axis=-1, initial=0))


def one_hot_code(ratio: float) -> tuple[float, float]:
    """(E_Q L, KL) of a binary label in a weight of its own: Q = N(+-m, s^2), P = N(0, m^2 + s^2), m/s = `ratio`.

    KL = 1/2 log(1 + ratio^2); E_Q L = E log(1 + exp(-s (ratio + e))), e ~ N(0, 1), at the s that makes it least, by
    quadrature. Its exchange rate (log 2 - E_Q L)/KL tends to 1 as the ratio falls to 0, and never reaches it.
    """
    c = positive("ratio", ratio)
    nodes = np.linspace(-12, 12, 4801)
    density = np.exp(-(nodes**2) / 2)
    density /= density.sum()

    def loss(log_s: float) -> float:
        return float(density @ np.logaddexp(0, -np.exp(log_s) * (c + nodes)))

    best = optimize.minimize_scalar(loss, bounds=(-12, 4), method="bounded", options={"xatol": 1e-9})
    return float(best.fun), 0.5 * float(np.log1p(c**2))
