"""Probabilities as code lengths: what a message costs under a model, and what it costs not to know the best one.

A code and a distribution are two views of one thing: word lengths l with sum 2^-l <= 1 are the lengths of some prefix
code, and a distribution q asks for words of -log2 q. Lengths here are ideal ones, in nats (`entropy.bits` converts),
except where a function says "bits" because its words are whole. `compressor` makes real bytes of them.

The regret of a code on a message is its length less that of the best member of a family, chosen once the message is
known. Here the family is that of independent letters with fixed probabilities.

Sources: coverthomas2006, chapters 5 (codes) and 13 (universal codes); kontkanen2007linear (recursion of `shtarkov`).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlogy

from itdl.checks import Array, BadInput, finite, positive, simplex

__all__ = [
    "best_temperature",
    "code_lengths",
    "hindsight",
    "kraft",
    "mixture_length",
    "online_lengths",
    "prefix_code",
    "regret",
    "shannon_lengths",
    "shtarkov",
    "tempered",
]


def code_lengths(symbols: ArrayLike, q: ArrayLike) -> Array:
    """-log q_t(x_t) of each symbol, nats; inf where q_t rules it out.   symbols (n,), q (n, V) or (V,) -> (n,)."""
    rows = simplex("q", q)
    x = _symbols("symbols", symbols, rows.shape[-1])
    if rows.ndim == 1:
        rows = np.broadcast_to(rows, (len(x), rows.shape[0]))
    if x.ndim != 1 or rows.shape[:-1] != x.shape:
        raise BadInput(f"q has shape {np.shape(q)} for symbols of shape {x.shape}; give one row for each, or one row")
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(rows[np.arange(len(x)), x]))


def shannon_lengths(p: ArrayLike) -> np.ndarray:
    """ceil(-log2 p): whole bits that a prefix code can have, less than one bit above the ideal ones each."""
    p = simplex("p", p)
    if (p == 0).any():
        raise BadInput("p has a zero; a letter that never comes has no word, leave it out")
    # p = m 2^e with m in [1/2, 1): exact, where a rounded logarithm could miss a power of two.
    return np.asarray(1 - np.frexp(p)[1], dtype=np.int64)


def kraft(lengths: ArrayLike) -> float:
    """sum 2^-l over words of l bits; at most 1 for every code in which no word begins another."""
    return float(np.exp2(-_lengths(lengths)).sum())


def prefix_code(lengths: ArrayLike) -> list[str]:
    """Words of these lengths, as text of 0 and 1, none of which begins another; `BadInput` if the Kraft sum is above 1.

    In order of length each word is the next free one: the last word plus one, with zeros appended.
    """
    bits = _lengths(lengths)
    longest = int(bits.max())
    if sum(1 << (longest - bit) for bit in bits.tolist()) > 1 << longest:  # exact, where a sum of floats could round
        raise BadInput(f"words of these lengths have a Kraft sum of {kraft(bits):.6g}; no prefix code has more than 1")
    order = np.argsort(bits, kind="stable")
    words, value = {int(order[0]): "0" * int(bits[order[0]])}, 0
    for last, this in pairwise(order.tolist()):
        value = (value + 1) << int(bits[this] - bits[last])
        words[this] = f"{value:0{int(bits[this])}b}"
    return [words[i] for i in range(len(bits))]


def hindsight(counts: ArrayLike) -> Array:
    """-sum k log(k/n): the message under the best fixed probabilities, known afterwards, nats.   (..., V) -> (...)."""
    k = _counts(counts)
    return np.asarray(xlogy(k.sum(axis=-1), k.sum(axis=-1)) - xlogy(k, k).sum(axis=-1))


def mixture_length(counts: ArrayLike, add: float) -> Array:
    """Length of a message when letter x has probability (k_x + add)/(n + add V) after n letters, nats.

    log G(n + V a)/G(V a) - sum log G(k + a)/G(a) with the gamma function G: the order of the letters does not matter.
    `add` 1/2 is the rule of Krichevsky and Trofimov, 1 that of Laplace.   counts (..., V) -> (...).
    """
    k, a = _counts(counts), positive("add", add)
    n, letters = k.sum(axis=-1), k.shape[-1]
    whole = gammaln(n + letters * a) - gammaln(letters * a)
    return np.asarray(whole - (gammaln(k + a) - gammaln(a)).sum(axis=-1))


def regret(counts: ArrayLike, add: float) -> Array:
    """`mixture_length` less `hindsight`, nats.   counts (..., V) -> (...)."""
    return np.asarray(mixture_length(counts, add) - hindsight(counts))


def shtarkov(n: int, letters: int = 2) -> float:
    """The least worst regret any code of n letters can have, nats: the log of the sum of best probabilities.

    C_V = sum over messages of max_theta p(message) has C_1 = 1, C_2 = sum_k C(n, k) (k/n)^k (1 - k/n)^(n - k) and
    C_(V+2) = C_(V+1) + n/V C_V.   Source: kontkanen2007linear.
    """
    n, letters = _whole("n", n), _whole("letters", letters)
    k = np.arange(n + 1)
    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    two = np.logaddexp.reduce(choose - hindsight(np.stack([k, n - k], axis=-1)))
    logs = [0.0, float(two)]
    for v in range(1, letters - 1):
        logs.append(float(np.logaddexp(logs[-1], np.log(n / v) + logs[-2])))
    return logs[letters - 1]


def online_lengths(symbols: ArrayLike, letters: int, *, order: int = 0, add: float = 0.5) -> Array:
    """Nats for each symbol of a code that counts what followed each context of `order` symbols, (n,) -> (n,).

    -log (k + add)/(m + add V), with m earlier visits of the context and k of them followed by this symbol. The stretch
    is preceded by zeros.
    """
    letters, add = _whole("letters", letters), positive("add", add)
    x = _symbols("symbols", symbols, letters)
    if x.ndim != 1 or not isinstance(order, int | np.integer) or order < 0:
        raise BadInput(f"symbols have shape {x.shape} and order is {order}; pass one row, and an order of 0 or more")
    before = np.concatenate([np.zeros(order, dtype=np.int64), x])
    context = np.zeros(len(x), dtype=np.int64)
    for lag in range(1, order + 1):
        context = np.unique(context * letters + before[order - lag : order - lag + len(x)], return_inverse=True)[1]
    seen, followed = _earlier(context), _earlier(context * letters + x)
    return np.asarray(np.log(seen + add * letters) - np.log(followed + add))


def tempered(logits: ArrayLike, temperature: float) -> Array:
    """softmax(z/T): the emission probabilities of logits z at temperature T.   (..., V) -> (..., V)."""
    z = finite("logits", logits) / positive("temperature", temperature)
    if z.ndim == 0:
        raise BadInput("logits is a single number; a distribution needs one for each letter")
    weights = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def best_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The T at which `labels` (n,) have their shortest code under softmax(z/T), logits (n, V).

    The length is convex in b = 1/T, with slope sum_t (E_q z - z_label): the root of that is found between b = 1e-3 and
    1e3. Raises `BadInput` where no root lies between: the labels are then all (or nearly all) the largest logits, so
    that colder is always shorter, or too seldom, so that no temperature pays.
    """
    z = finite("logits", logits)
    y = _symbols("labels", labels, z.shape[-1])
    if z.ndim != 2 or y.shape != z.shape[:1]:
        raise BadInput(f"logits have shape {z.shape} for labels of shape {y.shape}; give one row for each label")
    chosen, low, high = z[np.arange(len(y)), y].sum(), -3.0, 3.0
    if not _slope(z, chosen, low) < 0 < _slope(z, chosen, high):
        raise BadInput("no temperature between 0.001 and 1000 is best for these labels; check logits and labels")
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(z, chosen, middle) < 0 else (low, middle)
    return float(10 ** -((low + high) / 2))


def _slope(z: Array, chosen: float, log_b: float) -> float:
    """Derivative of the code length in b at b = 10^log_b."""
    return float((tempered(z, 10**-log_b) * z).sum() - chosen)


def _earlier(groups: np.ndarray) -> np.ndarray:
    """How many earlier entries are equal to each entry, (n,) -> (n,)."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    places = np.arange(len(groups))
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    found = np.empty(len(groups), dtype=np.int64)
    found[order] = places - np.maximum.accumulate(np.where(starts, places, 0))
    return found


def _counts(counts: ArrayLike) -> Array:
    k = finite("counts", counts)
    if k.ndim == 0 or (k < 0).any() or (k != np.floor(k)).any():
        raise BadInput("counts must be whole numbers, none negative, one for each letter")
    return k


def _lengths(lengths: ArrayLike) -> np.ndarray:
    bits = finite("lengths", lengths)
    if bits.ndim != 1 or (bits < 1).any() or (bits != np.floor(bits)).any():
        raise BadInput("lengths must be a list of whole numbers of bits, 1 or more each")
    return bits.astype(np.int64)


def _symbols(name: str, x: ArrayLike, letters: int) -> np.ndarray:
    array = finite(name, x)
    if (array != np.floor(array)).any() or array.min() < 0 or array.max() >= letters:
        raise BadInput(f"{name} must be whole numbers from 0 to {letters - 1}")
    return array.astype(np.int64)


def _whole(name: str, n: int) -> int:
    if not isinstance(n, int | np.integer) or n < 1:
        raise BadInput(f"{name} is {n}; it must be a whole number above zero")
    return int(n)
