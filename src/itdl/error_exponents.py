"""How fast the probability of a wrong decision falls with the number n of labels seen: exact, and its exponent.

n labels are drawn from p(y|x), and the hypothesis of largest likelihood is chosen. The probability of each choice
depends on the labels only by their type (how often each occurs), so for few labels it is an exact sum. Its exponent,
-1/n log P(wrong) for large n, is a Chernoff information. The distortion of the dual bottleneck is of the same make:
-log Z_t, Z_t = sum_y prod_x p(y|x)^p(x|t), is the Chernoff function of many hypotheses at the weights p(x|t).

Source: coverthomas2006, sections 11.1 (types), 11.9 (Chernoff information); piran2020dual, abstract (ii).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, logsumexp, softmax, xlogy

from itdl.checks import Array, BadInput, matrix, simplex

__all__ = ["chernoff", "chernoff_function", "confusion", "exponent", "geometric_mean", "types"]

MOST_TYPES = 500_000
TIE = 1e-9  # nats per label: likelihoods closer than that count as equal


def geometric_mean(pyx: ArrayLike, posterior: ArrayLike) -> Array:
    """prod_x p(y|x)^p(x|t) / Z_t: the q of smallest sum_x p(x|t) D[q || p(y|x)].   (X, Y), (..., X) -> (..., Y)."""
    return np.asarray(softmax(_mean_log(pyx, posterior), axis=-1))


def chernoff_function(pyx: ArrayLike, posterior: ArrayLike) -> Array:
    """-log Z_t = min over q of sum_x p(x|t) D[q || p(y|x)], in nats.   (X, Y), (..., X) -> (...).

    For two rows and weights (s, 1 - s) it is the function whose maximum over s is their Chernoff information.
    """
    return -np.asarray(logsumexp(_mean_log(pyx, posterior), axis=-1))


def exponent(source: ArrayLike, right: ArrayLike, wrong: ArrayLike) -> Array:
    """lim -1/n log P(wrong is at least as likely as right | labels from source), in nats; (..., Y) each -> (...).

    = max over s >= 0 of -log sum_y source(y) (wrong(y)/right(y))^s: Chernoff's bound, tight by Cramer's theorem. Zero
    where the source itself favours `wrong`, or the two are equal. By bisection on the slope, which grows with s.
    """
    p, r, w = (_positive_rows(n, a) for n, a in (("source", source), ("right", right), ("wrong", wrong)))
    if len({a.shape[-1] for a in (p, r, w)}) != 1:
        raise BadInput(f"source {p.shape}, right {r.shape} and wrong {w.shape} must share an alphabet")
    p, gain = np.broadcast_arrays(p, np.log(w) - np.log(r))
    reachable = gain.max(axis=-1) > 0
    low, high = np.zeros(gain.shape[:-1]), np.ones(gain.shape[:-1])
    while (grow := reachable & (_tilted_mean(p, gain, high) < 0)).any():
        high[grow] *= 2
    for _ in range(100):
        middle = (low + high) / 2
        rising = _tilted_mean(p, gain, middle) > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    best = -logsumexp(np.log(p) + low[..., None] * gain, axis=-1)
    return np.asarray(np.where(reachable, np.maximum(best, 0), 0))


def chernoff(p: ArrayLike, q: ArrayLike) -> Array:
    """C(p, q) = -min over s in [0, 1] of log sum_y p^s q^(1-s), in nats: the best exponent of telling p from q."""
    return exponent(p, p, q)


def types(n: int, n_y: int) -> Array:
    """Every way to count n labels of n_y kinds.   -> (C(n + n_y - 1, n_y - 1), n_y), rows summing to n."""
    if n < 1 or n_y < 2:
        raise BadInput(f"n is {n} and n_y is {n_y}; counting needs at least one label of two kinds")
    number = float(np.exp(gammaln(n + n_y) - gammaln(n + 1) - gammaln(n_y)))
    if number > MOST_TYPES:
        raise BadInput(f"{n} labels of {n_y} kinds have {number:.3g} types, allowed {MOST_TYPES}; take fewer labels")
    rows = np.arange(n + 1)[:, None]
    for _ in range(n_y - 2):
        left = n - rows.sum(axis=1)
        repeated = np.repeat(rows, left + 1, axis=0)
        following = np.concatenate([np.arange(k + 1) for k in left])
        rows = np.column_stack([repeated, following])
    return np.column_stack([rows, n - rows.sum(axis=1)]).astype(float)


def confusion(sources: ArrayLike, hypotheses: ArrayLike, n: int) -> Array:
    """P(hypothesis m is the likeliest | n labels from source s), exactly.   (S, Y), (M, Y) -> (S, M).

    The sum over all types; a tie is broken evenly. With the hypotheses as sources, 1 - its diagonal is the error.
    """
    p, q = _positive_rows("sources", sources), _positive_rows("hypotheses", hypotheses)
    if p.ndim != 2 or q.ndim != 2 or p.shape[1] != q.shape[1]:
        raise BadInput(f"sources {p.shape} and hypotheses {q.shape} must be two lists over one alphabet")
    seen = types(n, p.shape[1])
    likelihood = seen @ np.log(q).T
    chosen = likelihood >= likelihood.max(axis=1, keepdims=True) - TIE * n
    ways = gammaln(n + 1) - gammaln(seen + 1).sum(axis=1)
    return np.asarray(np.exp(ways[:, None] + seen @ np.log(p).T).T @ (chosen / chosen.sum(axis=1, keepdims=True)))


def _mean_log(pyx: ArrayLike, posterior: ArrayLike) -> Array:
    """sum_x p(x|t) log p(y|x), with 0 log 0 = 0: rows without weight do not matter."""
    pyx, posterior = simplex("pyx", matrix("pyx", pyx)), simplex("posterior", posterior)
    if pyx.ndim != 2 or posterior.shape[-1] != len(pyx):
        raise BadInput(f"posterior has shape {posterior.shape} for {len(pyx)} rows of p(y|x); pass one weight per row")
    return np.asarray(xlogy(posterior[..., None], pyx).sum(axis=-2))


def _tilted_mean(p: Array, gain: Array, s: Array) -> Array:
    """Slope in s of log sum_y p e^(s gain): the mean of gain under the tilted distribution."""
    logs = np.log(p) + s[..., None] * gain
    return np.asarray((softmax(logs, axis=-1) * gain).sum(axis=-1))


def _positive_rows(name: str, p: ArrayLike) -> Array:
    array = simplex(name, p)
    if (array <= 0).any():
        raise BadInput(
            f"{name} holds a zero probability; likelihoods need full support: mix with a little uniform first"
        )
    return array
