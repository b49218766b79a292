"""A model that counts what followed the last symbols, and falls back on shorter contexts where it has seen little.

`ContextModel` predicts from counts of contexts of 0 to K symbols, each order falling back on the one below,

    p_k(x | c) = [max(n_k(x) - d, 0) + d m_k p_(k-1)(x)] / n_k,    p_-1 = 1/V,

n_k(x) being the count of x after the last k symbols c, m_k the letters seen there and n_k the sum of counts; p_k =
p_(k-1) in a context never seen. A symbol is counted in the longest context and, as long as it was new there, in the
next shorter one. This is interpolated Kneser-Ney smoothing, an approximation to a hierarchical Pitman-Yor process. It
needs no function but + - * /, so that all processors that round as IEEE 754 says predict the same bits.

`ContextModel` is a model of `compressor`: `predict`, then `update`. Source: teh2006hierarchical.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite, positive

__all__ = ["ContextModel", "context_lengths"]


class ContextModel:
    """Counts of contexts of up to `order` symbols; the past before the first symbol is all zeros."""

    def __init__(self, letters: int, order: int, discount: float = 0.75) -> None:
        self.letters, self.order, self.discount = _settings(letters, order, discount)
        self._past = [0] * self.order
        self._tables: list[dict[tuple[int, ...], Array]] = [{} for _ in range(self.order + 1)]

    def predict(self) -> Array:
        """The probabilities of the next symbol, (1, letters)."""
        p = np.full(self.letters, 1 / self.letters)
        for table, context in zip(self._tables, self._contexts(), strict=True):
            counts = table.get(context)
            if counts is None:
                break
            discounts = self.discount * np.count_nonzero(counts)
            p = (np.maximum(counts - self.discount, 0) + discounts * p) / counts.sum()
        return np.asarray(p[None])

    def update(self, symbols: np.ndarray) -> None:
        """Count the symbol that came, (1,)."""
        (symbol,) = symbols.tolist()
        for table, context in zip(reversed(self._tables), reversed(self._contexts()), strict=True):
            counts = table.setdefault(context, np.zeros(self.letters))
            counts[symbol] += 1
            if counts[symbol] > 1:
                break
        self._past = [*self._past, symbol][1:] if self.order else []

    def _contexts(self) -> list[tuple[int, ...]]:
        """The last 0, 1, .. order symbols."""
        return [tuple(self._past[self.order - k :]) for k in range(self.order + 1)]


def context_lengths(symbols: ArrayLike, letters: int, order: int, discount: float = 0.75) -> Array:
    """Nats for each symbol under `ContextModel`, all at once: each count is one of earlier places.   (n,) -> (n,)"""
    letters, order, discount = _settings(letters, order, discount)
    x = finite("symbols", symbols)
    if x.ndim != 1 or (x != np.floor(x)).any() or x.min() < 0 or x.max() >= letters:
        raise BadInput(f"symbols must be one row of whole numbers from 0 to {letters - 1}")
    x = x.astype(np.int64)
    before = np.concatenate([np.zeros(order, dtype=np.int64), x])
    contexts = [np.zeros(len(x), dtype=np.int64)]
    for k in range(1, order + 1):
        longer = contexts[-1] * letters + before[order - k : order - k + len(x)]
        contexts.append(np.unique(longer, return_inverse=True)[1])
    pairs = [context * letters + x for context in contexts]
    p = np.full(len(x), 1 / letters)
    for k, (context, pair) in enumerate(zip(contexts, pairs, strict=True)):
        counted = _sum_before(pairs[k + 1], np.ones_like(x)) == 0 if k < order else np.ones(len(x), dtype=bool)
        total, own = _sum_before(context, counted), _sum_before(pair, counted)
        kinds = _sum_before(context, counted & (own == 0))
        seen = np.maximum(total, 1)
        p = np.where(total, (np.maximum(own - discount, 0) + discount * kinds * p) / seen, p)
    return np.asarray(-np.log(p))


def _sum_before(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The sum of `values` at earlier places of the same group, (n,) -> (n,)."""
    order = np.argsort(groups, kind="stable")
    before = np.cumsum(values[order]) - values[order]
    ordered = groups[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.maximum.accumulate(np.where(starts, np.arange(len(groups)), 0))
    found = np.empty(len(groups), dtype=np.int64)
    found[order] = before - before[first]
    return found


def _settings(letters: int, order: int, discount: float) -> tuple[int, int, float]:
    for name, value, least in (("letters", letters, 2), ("order", order, 0)):
        if not isinstance(value, int | np.integer) or value < least:
            raise BadInput(f"{name} is {value}; it must be a whole number, {least} or more")
    if not 0 < positive("discount", discount) < 1:
        raise BadInput(f"discount is {discount}; it must lie between 0 and 1")
    return int(letters), int(order), float(discount)
