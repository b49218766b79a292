"""Information through a Gaussian stochastic encoder Z | x ~ N(mean(x), var(x) I), in nats.

An infinite ensemble is such an encoder (Z is the output of one random member), and so is a variational bottleneck.
Arrays carry time first: mean (T, m, k), var (T, m) over m test inputs; every function returns one number per time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from itdl import estimators
from itdl.checks import Array, BadInput, finite, positive
from itdl.entropy import entropy

__all__ = [
    "bayes_loss",
    "calibrated_label_information",
    "gibbs_loss",
    "kl_to_prior",
    "log_density",
    "logistic_label_information",
    "max_entropy_bound",
    "mixture_information",
    "output_entropy",
    "sample_bounds",
    "scores",
]

LOG_2PI = float(np.log(2 * np.pi))


def gibbs_loss(mean: ArrayLike, var: ArrayLike, y: ArrayLike, *, noise_var: float = 0.0) -> Array:
    """E[-log N(y; z, 1)] = 1/2 |y - mean|^2 + k/2 var + k/2 log 2 pi, averaged over inputs, in nats.   -> (T,).

    With `noise_var` > 0, y (m, k) is the noiseless target and the label noise is averaged exactly.
    Source: shwartzziv2020information, eq. 10 with the signs that make it a negative log-likelihood.
    """
    mean, var, y = _encoder(mean, var, y)
    k = mean.shape[-1]
    error = ((y - mean) ** 2).sum(axis=-1) + k * positive("noise_var", noise_var, zero=True)
    return np.asarray(0.5 * (error + k * var).mean(axis=-1) + 0.5 * k * LOG_2PI)


def bayes_loss(mean: ArrayLike, var: ArrayLike, y: ArrayLike, *, noise_var: float = 0.0) -> Array:
    """-log N(y; mean, (1 + var) I), the loss of the whole ensemble's prediction, averaged over inputs.   -> (T,)."""
    mean, var, y = _encoder(mean, var, y)
    k = mean.shape[-1]
    error = ((y - mean) ** 2).sum(axis=-1) + k * positive("noise_var", noise_var, zero=True)
    return np.asarray(0.5 * (error / (1 + var) + k * np.log(1 + var)).mean(axis=-1) + 0.5 * k * LOG_2PI)


def calibrated_label_information(mean: ArrayLike, var: ArrayLike, y: ArrayLike, *, noise_var: float = 0.0) -> Array:
    """I(Z;Y) >= -1/2 log(1 - rho^2), rho^2 = cov(mean, y)^2 / (var(y) (var(mean) + E var)), for Gaussian y.   -> (T,).

    The bound of the best affine Gaussian decoder N(a z + b, s^2); one output only. y (m, 1) is the noiseless target
    when `noise_var` is given. Zero where the mean does not vary with x, infinite where it determines y without noise.
    """
    mean, var, y = _encoder(mean, var, y)
    if mean.shape[-1] != 1:
        raise BadInput(f"mean has {mean.shape[-1]} outputs; the calibrated bound is for one output")
    centred = mean[..., 0] - mean[..., 0].mean(axis=-1, keepdims=True)
    shared = (centred * (y[:, 0] - y.mean())).mean(axis=-1)
    total = (centred**2).mean(axis=-1) + var.mean(axis=-1)
    spread = (y.var() + positive("noise_var", noise_var, zero=True)) * total
    rho2 = np.divide(shared**2, spread, out=np.zeros_like(spread), where=spread > 0)
    with np.errstate(divide="ignore"):
        return np.asarray(-0.5 * np.log1p(-np.minimum(rho2, 1)))


def logistic_label_information(
    mean: ArrayLike, var: ArrayLike, labels: ArrayLike, scale: ArrayLike, *, nodes: int = 32
) -> Array:
    """I(Z;Y) >= H(Y) - E log(1 + exp(-2 scale y z)) for labels y in {-1, +1}, in nats.   scale () or (T,) -> (T,).

    The decoder q(y | z) = 1/(1 + exp(-2 scale y z)) sums to one, so this is a bound at any scale; 0 at scale 0 for
    balanced labels. The average over z ~ N(mean, var) is by Gauss-Hermite quadrature, to 1e-4 while scale^2 var <= 4
    (a steeper decoder has a kink that needs more `nodes`); one output only.
    """
    mean, var, y = _encoder(mean, var, labels)
    if mean.shape[-1] != 1 or not np.isin(y, (-1, 1)).all():
        raise BadInput("the logistic bound is for one output and labels -1 and +1; recode the labels")
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    z = mean + np.sqrt(var)[..., None] * points  # (T, m, nodes)
    steepness = finite("scale", scale)
    if steepness.shape not in ((), (len(mean),)):
        raise BadInput(
            f"scale has shape {steepness.shape}; it must be one number, or one for each of {len(mean)} times"
        )
    slope = 2 * np.broadcast_to(steepness, len(mean))[:, None, None]
    loss = np.logaddexp(0, -slope * y * z) @ (weights / weights.sum())
    share = float((y > 0).mean())
    return np.asarray(entropy([share, 1 - share]) - loss.mean(axis=1))


def max_entropy_bound(mean: ArrayLike, var: ArrayLike) -> Array:
    """I(Z;X) <= 1/2 log det(cov(mean) + E var I) - k/2 E log var, in nats.   -> (T,).

    The Gaussian has the largest entropy at given covariance; deterministic, and finite as long as var > 0.
    """
    mean, var = _encoder(mean, var)
    centred = mean - mean.mean(axis=1, keepdims=True)
    k = mean.shape[-1]
    cov = np.einsum("tmi,tmj->tij", centred, centred) / mean.shape[1]
    cov += var.mean(axis=1)[:, None, None] * np.eye(k)
    return np.asarray(0.5 * np.linalg.slogdet(cov)[1] - 0.5 * k * np.log(_noisy(var)).mean(axis=1))


def mixture_information(mean: ArrayLike, var: ArrayLike, *, nodes: int = 2000) -> Array:
    """I(Z;X) when X is uniform over the given inputs, in nats: h(mixture) - E h(Z|x), one output.   -> (T,).

    The mixture's entropy by the trapezoid rule over its whole range; at most log m. Refuses a variance so small that
    `nodes` points cannot resolve it.
    """
    mean, var = _encoder(mean, var)
    if mean.shape[-1] != 1:
        raise BadInput(f"mean has {mean.shape[-1]} outputs; the quadrature is for one output")
    spread, found = np.sqrt(_noisy(var)), []
    for centre, sd in zip(mean[..., 0], spread, strict=True):
        z, step = np.linspace((centre - 9 * sd).min(), (centre + 9 * sd).max(), nodes, retstep=True)
        if step > sd.min():
            raise BadInput(f"{nodes} nodes are {step:.2g} apart but a spread is {sd.min():.2g}; ask for more nodes")
        density = np.mean(np.exp(-0.5 * ((z[:, None] - centre) / sd) ** 2) / sd, axis=1) / np.sqrt(2 * np.pi)
        found.append(-step * xlogy(density, density).sum())
    return np.array(found) - output_entropy(var)


def scores(mean: ArrayLike, var: ArrayLike, rng: np.random.Generator) -> Iterator[Array]:
    """log p(z_i | x_j) for one draw z_i per input, a matrix (m, m) per time: what `itdl.estimators` turns into bounds.

    The same standard normal draw serves every time, so that curves over time are smooth.
    """
    mean, var = _encoder(mean, var)
    z = mean + np.sqrt(_noisy(var))[..., None] * rng.standard_normal(mean.shape[1:])
    return (log_density(*at) for at in zip(z, mean, var, strict=True))


def sample_bounds(mean: ArrayLike, var: ArrayLike, rng: np.random.Generator) -> tuple[Array, Array]:
    """InfoNCE lower and leave-one-out upper bounds on I(Z;X), one draw of z per input.   -> two arrays (T,)."""
    pairs = [(estimators.info_nce(s), estimators.leave_one_out(s)) for s in scores(mean, var, rng)]
    lower, upper = np.array(pairs).T
    return lower, upper


def log_density(z: Array, mean: Array, var: Array) -> Array:
    """log N(z_i; mean_j, var_j I) for every pair.   z (m, k), mean (m, k), var (m,) -> (m, m)."""
    distance = sum(np.subtract.outer(z[:, c], mean[:, c]) ** 2 for c in range(mean.shape[1]))
    return np.asarray(-0.5 * (distance / var + mean.shape[1] * (np.log(var) + LOG_2PI)))


def kl_to_prior(mean: ArrayLike, var: ArrayLike, prior_var: ArrayLike) -> Array:
    """E_x KL(N(mean, var I) || N(0, prior_var I)), in nats.   prior_var scalar or (m,) -> (T,).

    k/2 E[log(prior/var) + var/prior - 1] + E |mean|^2/(2 prior). An upper bound on I(Z; D | X) for
    every output prior that does not know the data set D.
    """
    mean, var = _encoder(mean, var)
    prior = finite("prior_var", prior_var)
    if prior.shape not in ((), var.shape[1:]) or (prior <= 0).any():
        found = f"shape {prior.shape}, minimum {prior.min():.3g}"
        raise BadInput(f"prior_var has {found}; it must be one variance above 0, or one for each input")
    ratio = _noisy(var) / prior
    k = mean.shape[-1]
    return np.asarray((0.5 * k * (ratio - 1 - np.log(ratio)) + (mean**2).sum(axis=-1) / (2 * prior)).mean(axis=1))


def output_entropy(var: ArrayLike, outputs: int = 1) -> Array:
    """E_x h(Z | X = x) = k/2 E log(2 pi e var), differential, in nats.   var (T, m) -> (T,)."""
    return np.asarray(0.5 * outputs * (np.log(_noisy(finite("var", var))) + LOG_2PI + 1).mean(axis=-1))


def _encoder(mean: ArrayLike, var: ArrayLike, y: ArrayLike | None = None) -> tuple[Array, ...]:
    mean, var = finite("mean", mean), finite("var", var)
    if mean.ndim != 3 or mean.shape[:2] != var.shape:
        raise BadInput(f"mean has shape {mean.shape} and var {var.shape}; they must be (T, m, k) and (T, m)")
    if y is None:
        return mean, var
    y = finite("y", y)
    y = y[:, None] if y.ndim == 1 else y
    if y.shape != mean.shape[1:]:
        raise BadInput(f"y has shape {y.shape}; for means of shape {mean.shape} it must be {mean.shape[1:]}")
    return mean, var, y


def _noisy(var: Array) -> Array:
    """An encoder without noise would carry infinite information: refuse it instead of taking log 0."""
    if (low := float(var.min())) <= 0:
        raise BadInput(f"var reaches down to {low:.3g}; these quantities are finite only where every var is above 0")
    return var
