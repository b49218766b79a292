"""PAC-Bayes: what the training error of a random predictor promises about new data, and with which confidence.

A posterior Q over predictors may depend on the data in any way, a prior P may not depend on the n points of the bound.
With a loss in [0, 1], r = E_Q of the mean loss on the n points and R = E_Q of its expectation, all bounds here hold
with probability 1 - delta over the draw of the points, for every Q at once. They differ in how they turn
KL(Q||P) and n into a distance between r and R. KL in nats; everything broadcasts.

Sources: maurer2004note (kl form, for n >= 8); langford2001bounds (its older form); mcallester1999pac;
thiemann2017strongly (lambda); mcallester2013pac (linear); catoni2007pac (theorem 1.2.6); perezortiz2021tighter
(quadratic); dziugaite2017computing (grid of priors, sampled risks); hoeffding1963probability (means of draws).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr, xlog1py

from itdl.checks import Array, BadInput, finite

__all__ = [
    "Inverse",
    "binary_kl",
    "catoni_bound",
    "catoni_grid_bound",
    "deviation",
    "gaussian_kl",
    "grid_charge",
    "grid_variance",
    "kl_bound",
    "kl_inverse",
    "lambda_bound",
    "linear_bound",
    "mcallester_bound",
    "monte_carlo_bound",
    "older_kl_bound",
    "quadratic_bound",
]

HALVINGS = 1100  # more than any bracket of floats can be halved
GRID_SCALE, GRID_PRECISION = 1.0, 100.0  # dziugaite2017computing starts at 0.1; the weights there are smaller
LAST_BELOW_ONE = np.nextafter(1.0, 0.0)


def binary_kl(q: ArrayLike, p: ArrayLike) -> Array:
    """kl(q||p) = q log(q/p) + (1 - q) log((1 - q)/(1 - p)), nats; inf where p is 0 or 1 and q is not. Broadcasts."""
    q, p = _shares("q", q), _shares("p", p)
    # Small p would be lost in 1 - p.
    rest = xlog1py(1 - q, -q) - xlog1py(1 - q, -p)
    return np.asarray(np.maximum(rel_entr(q, p) + rest, 0))


@dataclass(frozen=True)
class Inverse:
    """The edge of {p : kl(q||p) <= c}: it lies between `inside`, which belongs to the set, and `value`, which does not.

    `value` is thus safe to promise. Where `saturated`, no number of this precision short of 0 or 1 is outside the set;
    `value` is then exactly that end, and a bound that comes out as 1 says nothing.
    """

    value: Array
    inside: Array
    saturated: np.ndarray


def kl_inverse(q: ArrayLike, c: ArrayLike, *, lower: bool = False) -> Inverse:
    """sup{p >= q : kl(q||p) <= c}, or with `lower` inf{p <= q : ...}, by bisection to neighbouring floats.

    q in [0, 1], c >= 0 nats, broadcast. At c = 0 it is q. Near q the rounding of kl limits the bracket to about 1e-8.
    """
    q, c = np.broadcast_arrays(_shares("q", q), _budget(c))
    # The lower inverse at q is one minus the upper one at 1 - q, but 1 - q would lose small numbers.
    inside, outside = q.copy(), np.full(q.shape, 0.0 if lower else 1.0)
    end, last = (0.0, np.nextafter(0.0, 1.0)) if lower else (1.0, LAST_BELOW_ONE)
    saturated = (q == end) | (binary_kl(q, np.full(q.shape, last)) <= c)
    for _ in range(HALVINGS):
        middle = 0.5 * (inside + outside)
        open_ = (middle != inside) & (middle != outside) & ~saturated & (c > 0)
        if not open_.any():
            break
        holds = binary_kl(q, middle) <= c
        inside, outside = np.where(open_ & holds, middle, inside), np.where(open_ & ~holds, middle, outside)
    still = c == 0
    return Inverse(np.where(still, q, outside), np.where(still, q, inside), saturated & ~still)


def deviation(kl: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Array:
    """kappa = (KL + ln(2 sqrt(n)/delta))/n: what kl(r||R) may be, nats.   maurer2004note, for n >= 8."""
    n = _points(n, 8)
    return np.asarray((_budget(kl, "kl") + np.log(2 * np.sqrt(n) / _confidence(delta))) / n)


def kl_bound(emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Array:
    """R <= sup{p : kl(r||p) <= kappa}, the tightest of those that need kappa alone (Maurer, Seeger)."""
    return kl_inverse(emp_risk, deviation(kl, n, delta)).value


def older_kl_bound(emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Array:
    """The same with (KL + ln(n/delta))/(n - 1), the form of langford2001bounds that dziugaite2017computing used."""
    n = _points(n, 2)
    return kl_inverse(emp_risk, (_budget(kl, "kl") + np.log(n / _confidence(delta))) / (n - 1)).value


def mcallester_bound(emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Array:
    """R <= r + sqrt(kappa/2), by Pinsker's inequality; may exceed 1."""
    return np.asarray(_shares("emp_risk", emp_risk) + np.sqrt(deviation(kl, n, delta) / 2))


def quadratic_bound(emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Array:
    """R <= (sqrt(r + kappa/2) + sqrt(kappa/2))^2, from kl(r||R) >= (R - r)^2/(2 R) for r < R; may exceed 1."""
    half = deviation(kl, n, delta) / 2
    return np.asarray((np.sqrt(_shares("emp_risk", emp_risk) + half) + np.sqrt(half)) ** 2)


def lambda_bound(
    emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike, lam: ArrayLike | None = None
) -> Array:
    """R <= r/(1 - lam/2) + kappa/(lam (1 - lam/2)), for all lam in (0, 2) at once; the best when None. May exceed 1.

    The best one is 2/(sqrt(2 r/kappa + 1) + 1), so that choosing it costs nothing.
    """
    r, kappa = _shares("emp_risk", emp_risk), deviation(kl, n, delta)
    chosen = 2 / (np.sqrt(2 * r / kappa + 1) + 1) if lam is None else finite("lam", lam)
    if (chosen <= 0).any() or (chosen >= 2).any():
        raise BadInput(f"lam lies between {chosen.min():g} and {chosen.max():g}; it must lie strictly between 0 and 2")
    return np.asarray(r / (1 - chosen / 2) + kappa / (chosen * (1 - chosen / 2)))


def linear_bound(emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike, beta: ArrayLike) -> Array:
    """R <= (r + beta (KL + ln(1/delta))/n)/(1 - 1/(2 beta)), for ONE beta > 1/2 fixed before the data; may exceed 1."""
    beta = finite("beta", beta)
    if (beta <= 0.5).any():
        raise BadInput(f"beta falls to {beta.min():g}; the bound holds above 1/2 only")
    price = (_budget(kl, "kl") + np.log(1 / _confidence(delta))) / _points(n, 1)
    return np.asarray((_shares("emp_risk", emp_risk) + beta * price) / (1 - 1 / (2 * beta)))


def catoni_bound(emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike, strength: ArrayLike) -> Array:
    """R <= (1 - exp(-a r - (KL + ln(1/delta))/n))/(1 - exp(-a)), for ONE strength a > 0 fixed before the data."""
    a = finite("strength", strength)
    if (a <= 0).any():
        raise BadInput(f"strength falls to {a.min():g}; it must be above zero")
    price = (_budget(kl, "kl") + np.log(1 / _confidence(delta))) / _points(n, 1)
    return np.asarray(-np.expm1(-a * _shares("emp_risk", emp_risk) - price) / -np.expm1(-a))


def catoni_grid_bound(
    emp_risk: ArrayLike, kl: ArrayLike, n: ArrayLike, delta: ArrayLike, strengths: ArrayLike
) -> Array:
    """The least of several `catoni_bound`s, each at delta over their number: they then hold together."""
    a = np.atleast_1d(finite("strengths", strengths))
    risk, price, points = (np.asarray(x, dtype=float)[..., None] for x in (emp_risk, kl, n))
    shared = _confidence(delta)[..., None] / len(a)
    return np.asarray(catoni_bound(risk, price, points, shared, a).min(axis=-1))


def monte_carlo_bound(mean: ArrayLike, draws: ArrayLike, delta: ArrayLike) -> Array:
    """What an average of `draws` independent [0, 1] numbers promises about their mean expectation, at 1 - delta.

    sup{p : kl(mean||p) <= ln(1/delta)/draws}; the numbers may have different expectations. Hoeffding, Chernoff.
    """
    return kl_inverse(mean, np.log(1 / _confidence(delta)) / _points(draws, 1)).value


def gaussian_kl(mean_q: ArrayLike, var_q: ArrayLike, mean_p: ArrayLike, var_p: ArrayLike) -> Array:
    """KL(N(mean_q, diag var_q) || N(mean_p, diag var_p)) = 1/2 sum [v - 1 - ln v + (m_q - m_p)^2/var_p], nats.

    v = var_q/var_p; all (..., k), broadcast -> (...). `gaussian.kl` does full covariances.
    """
    mean_q, mean_p = finite("mean_q", mean_q), finite("mean_p", mean_p)
    var_q, var_p = finite("var_q", var_q), finite("var_p", var_p)
    for name, var in (("var_q", var_q), ("var_p", var_p)):
        if (var <= 0).any():
            raise BadInput(f"{name} falls to {var.min():g}; variances must be above zero")
    ratio = var_q / var_p
    terms = ratio - 1 - np.log(ratio) + (mean_q - mean_p) ** 2 / var_p
    if terms.ndim == 0:
        raise BadInput("means and variances are single numbers; give at least one of them as a list (k,)")
    return np.asarray(0.5 * terms.sum(axis=-1))


def grid_variance(j: ArrayLike) -> Array:
    """Prior variance exp(-j/100), j = 1, 2, ...: fixed before the data, so close together that any can be had."""
    return np.asarray(GRID_SCALE * np.exp(-_points(j, 1, "j") / GRID_PRECISION))


def grid_charge(j: ArrayLike) -> Array:
    """ln(pi^2 j^2/6), nats: what choosing prior j adds to KL, since shares 6/(pi j)^2 of delta sum to delta."""
    return np.asarray(np.log(np.pi**2 * _points(j, 1, "j") ** 2 / 6))


def _shares(name: str, x: ArrayLike) -> Array:
    array = finite(name, x)
    if (array < 0).any() or (array > 1).any():
        low, high = array.min(), array.max()
        raise BadInput(f"{name} lies between {low:g} and {high:g}; it must lie in [0, 1]: rescale the loss")
    return array


def _budget(c: ArrayLike, name: str = "c") -> Array:
    array = finite(name, c)
    if (array < 0).any():
        raise BadInput(f"{name} falls to {array.min():g}; a divergence is never negative")
    return array


def _confidence(delta: ArrayLike) -> Array:
    array = finite("delta", delta)
    if (array <= 0).any() or (array >= 1).any():
        raise BadInput(f"delta lies between {array.min():g} and {array.max():g}; it must lie strictly between 0 and 1")
    return array


def _points(n: ArrayLike, least: int, name: str = "n") -> Array:
    array = finite(name, n)
    if (array < least).any() or (array != np.round(array)).any():
        raise BadInput(f"{name} falls to {array.min():g}; give whole numbers, at least {least}")
    return array
