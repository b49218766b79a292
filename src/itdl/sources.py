"""Sources of symbols with memory whose entropy rate is known: Markov chains, walks on graphs, hidden Markov models.

For a stationary source the entropy rate h is the cross-entropy of the best predictor, H(X_t | all that came before), in
nats per symbol; any predictor q pays h plus its excess, E KL(p(. | past) || q(. | past)). The excess is computed from
the exact conditionals, never as a sampled cross-entropy minus h, which would drown it in noise.

Source: coverthomas2006, sections 4.2 to 4.5. The source without memory and with a power law is in `zipf_bits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite, matrix, positive, simplex
from itdl.entropy import entropy, kl
from itdl.zipf_bits import ZipfBits

__all__ = ["HMM", "BilinearMarkov", "GraphWalk", "Markov", "ZipfBits"]

MOST_WORDS = 4_000_000  # of an enumeration of all observed words, times states


@dataclass(frozen=True)
class Markov:
    """X_t depends on X_t-1 alone: transition (V, V), each row p(. | state). Its stationary law must be unique."""

    transition: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "transition", _stochastic("transition", self.transition, square=True))

    @cached_property
    def stationary(self) -> Array:
        """pi with pi P = pi, (V,)."""
        n = len(self.transition)
        system = np.vstack([self.transition.T - np.eye(n), np.ones(n)])
        pi, _, rank, _ = np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=1e-12)
        if rank < n:
            raise BadInput(
                f"the chain of {n} states falls into parts that never meet; its stationary law is not unique"
            )
        pi = np.maximum(pi, 0)
        return np.asarray(pi / pi.sum())

    def entropy(self) -> float:
        """h = sum_x pi_x H(P_x), in nats per symbol."""
        return float(self.stationary @ entropy(self.transition))

    def conditional(self, states: ArrayLike) -> Array:
        """p(. | state) for each state.   (...) -> (..., V)"""
        return np.asarray(self.transition[_symbols("states", states, len(self.transition))])

    def excess(self, q: ArrayLike) -> Array:
        """sum_x pi_x KL(P_x || q_x), what a predictor pays over h; inf where q misses P.   q (..., V, V) -> (...)"""
        q = matrix("q", q)
        return np.asarray(kl(np.broadcast_to(self.transition, q.shape), q) @ self.stationary)

    def sample(self, rng: np.random.Generator, n: int, chains: int = 1) -> np.ndarray:
        """`chains` independent stationary stretches of n symbols, (chains, n)."""
        return _walk(rng, self.stationary, self.transition, _count("n", n), _count("chains", chains))


@dataclass(frozen=True)
class BilinearMarkov(Markov):
    """A chain whose logits have a power-law spectrum: P = softmax over columns of Z, with

        Z = scale V U diag(s) W^T / |s|,    s_j = j^-gamma,    U and W random orthogonal,

    so that entries of Z have variance scale^2. For small scale the best logits of rank r keep the r largest s_j.
    """

    gamma: float
    scale: float

    @classmethod
    def draw(cls, rng: np.random.Generator, *, vocabulary: int, gamma: float, scale: float) -> Self:
        """U, then W, from the QR factors of normal matrices."""
        v = _count("vocabulary", vocabulary)
        gamma, scale = positive("gamma", gamma, zero=True), positive("scale", scale, zero=True)
        u, w = (np.linalg.qr(rng.standard_normal((v, v)))[0] for _ in range(2))
        s = np.arange(1, v + 1) ** -gamma
        z = scale * v * (u * (s / np.linalg.norm(s))) @ w.T
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return cls(p / p.sum(axis=1, keepdims=True), gamma, scale)

    def rank_excess(self, ranks: ArrayLike) -> Array:
        """scale^2/2 sum_{j > r} s_j^2 / |s|^2: excess of the best logits of rank r to second order in `scale`, nats."""
        r = np.atleast_1d(finite("ranks", ranks)).astype(int)
        s2 = np.arange(1, len(self.transition) + 1) ** (-2 * self.gamma)
        left = np.append(np.cumsum(s2[::-1])[::-1], 0.0)
        if r.min() < 0 or r.max() > len(s2):
            raise BadInput(f"ranks lie in {r.min()} to {r.max()}; a table of {len(s2)} rows has ranks 0 to {len(s2)}")
        return np.asarray(0.5 * self.scale**2 * left[r] / left[0])


@dataclass(frozen=True)
class GraphWalk:
    """A walker on an undirected graph that leaves each node by an edge chosen evenly. adjacency (V, V), 0 or 1."""

    adjacency: Array

    def __post_init__(self) -> None:
        a = matrix("adjacency", self.adjacency)
        if a.ndim != 2 or a.shape[0] != a.shape[1] or (a != a.T).any() or not np.isin(a, (0, 1)).all():
            raise BadInput(f"adjacency of shape {a.shape} is not a symmetric matrix of zeros and ones")
        if (a.sum(axis=1) == 0).any():
            raise BadInput(f"node {int(np.argmin(a.sum(axis=1)))} has no edge; a walker could not leave it")
        object.__setattr__(self, "adjacency", a)

    @property
    def stationary(self) -> Array:
        """pi_i = d_i/(2m) for degrees d_i and m edges, (V,)."""
        return np.asarray(self.adjacency.sum(axis=1) / self.adjacency.sum())

    @property
    def chain(self) -> Markov:
        return Markov(self.adjacency / self.adjacency.sum(axis=1, keepdims=True))

    def entropy(self) -> float:
        """h = sum_i d_i log d_i/(2m), in nats per step."""
        return float(self.stationary @ np.log(self.adjacency.sum(axis=1)))

    def conditional(self, states: ArrayLike) -> Array:
        """p(. | node), (..., V)."""
        return self.chain.conditional(states)

    def sample(self, rng: np.random.Generator, n: int, chains: int = 1) -> np.ndarray:
        """`chains` independent stationary walks over n nodes, (chains, n)."""
        return _walk(rng, self.stationary, self.chain.transition, _count("n", n), _count("chains", chains))


@dataclass(frozen=True)
class HMM:
    """A Markov chain seen through noise: hidden transition (S, S), emission (S, V). No closed form of h is known."""

    transition: Array
    emission: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "transition", _stochastic("transition", self.transition, square=True))
        object.__setattr__(self, "emission", _stochastic("emission", self.emission))
        if len(self.transition) != len(self.emission):
            raise BadInput(f"there are {len(self.transition)} hidden states but {len(self.emission)} rows of emission")

    @cached_property
    def stationary(self) -> Array:
        return Markov(self.transition).stationary

    def entropy_bounds(self, n: int) -> tuple[float, float]:
        """H(X_n | X_1 .. X_n-1, S_1) <= h <= H(X_n | X_1 .. X_n-1), in nats, by enumeration of all words.

        Both close with n, geometrically. Source: coverthomas2006, theorem 4.5.1.
        """
        states, letters = self.emission.shape
        if states**2 * letters ** _count("n", n) > MOST_WORDS:
            raise BadInput(f"n is {n}; {letters}^{n} words from {states} states are too many to list, take a smaller n")
        # weights[s, w, j] = p(word w so far, hidden state now j | S_1 = s)
        weights = np.eye(states)[:, None]
        blocks = []
        for step in range(n):
            moved = weights if step == 0 else weights @ self.transition
            weights = (moved[:, :, None] * self.emission.T).reshape(states, -1, states)
            p = weights.sum(axis=2)
            blocks.append((float(self.stationary @ entropy(p)), float(entropy(self.stationary @ p))))
        before = blocks[-2] if n > 1 else (0.0, 0.0)
        return blocks[-1][0] - before[0], blocks[-1][1] - before[1]

    def entropy(self, tol: float = 1e-4) -> float:
        """The middle of the bounds, once they are within `tol` nats; `BadInput` if that needs too many words."""
        n, (low, high) = 1, self.entropy_bounds(1)
        while high - low > positive("tol", tol):
            n += 1
            low, high = self.entropy_bounds(n)
        return (low + high) / 2

    def conditional(self, symbols: ArrayLike) -> Array:
        """p(x_t | x_1 .. x_t-1) along observed stretches, by the forward filter.   (..., n) -> (..., n, V)"""
        x = _symbols("symbols", symbols, self.emission.shape[1])
        belief = np.broadcast_to(self.stationary, (*x.shape[:-1], len(self.stationary)))
        predicted = np.empty((*x.shape, self.emission.shape[1]))
        for t in range(x.shape[-1]):
            predicted[..., t, :] = belief @ self.emission
            seen = belief * self.emission.T[x[..., t]]
            belief = seen / seen.sum(axis=-1, keepdims=True) @ self.transition
        return predicted

    def sample(self, rng: np.random.Generator, n: int, chains: int = 1) -> np.ndarray:
        """`chains` independent stationary stretches of n observed symbols, (chains, n)."""
        hidden = _walk(rng, self.stationary, self.transition, _count("n", n), _count("chains", chains))
        return _draw(rng, self.emission[hidden])


def _stochastic(name: str, p: ArrayLike, *, square: bool = False) -> Array:
    p = simplex(name, matrix(name, p))
    if p.ndim != 2 or (square and p.shape[0] != p.shape[1]):
        raise BadInput(f"{name} has shape {p.shape}; it must be a {'square ' * square}matrix, one row per state")
    return p


def _count(name: str, n: int) -> int:
    if not isinstance(n, int | np.integer) or n < 1:
        raise BadInput(f"{name} is {n}; it must be a whole number above zero")
    return int(n)


def _symbols(name: str, x: ArrayLike, letters: int) -> np.ndarray:
    array = finite(name, x)
    if (array != np.floor(array)).any() or array.min() < 0 or array.max() >= letters:
        raise BadInput(f"{name} must be whole numbers from 0 to {letters - 1}")
    return array.astype(np.int64)


def _walk(rng: np.random.Generator, first: Array, transition: Array, n: int, chains: int) -> np.ndarray:
    path = np.empty((chains, n), dtype=np.int64)
    path[:, 0] = _draw(rng, np.broadcast_to(first, (chains, len(first))))
    for t in range(1, n):
        path[:, t] = _draw(rng, transition[path[:, t - 1]])
    return path


def _draw(rng: np.random.Generator, p: Array) -> np.ndarray:
    """One symbol from each row of p (..., V)."""
    steps = np.cumsum(p, axis=-1)
    # The last step is one but for rounding; a symbol of no probability is never reached.
    return np.asarray((rng.random((*p.shape[:-1], 1)) * steps[..., -1:] >= steps).sum(axis=-1))
