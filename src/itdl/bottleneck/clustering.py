"""Soft clustering at many inverse temperatures at once: the common core of the information bottleneck and its dual.

Given p(x) and features A(x) in R^Y, find clusters t with weights p(t) and decoders that minimise

    L = - sum_x p(x) log sum_t p(t) exp(-beta d(x, t)),

which is min over encoders of I(X;T) + beta E d at best weights and decoders. Both divergences are linear in the
features, d(x, t) = c(x) - A(x) . slope(t) - offset(t), and the best decoder depends on their mean A(t) under p(x|t):

    IB:    A(x) = p(y|x),      slope = log p(y|t),  offset = 0,         c(x) = -H(Y|x),  p(y|t) = A(t);
    dual:  A(x) = log p(y|x),  slope = p(y|t),      offset = H(Y|t),    c(x) = 0,        p(y|t) prop. to exp A(t).

A state is a codebook: an array (T, 1 + Y) of log p(t) and log p(y|t). One sweep (encoder, then weights and decoders)
costs two matrix products and one exponential per beta, x and t, and never raises L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from itdl.bottleneck.codebooks import ABSENT, TINY, from_sums, gap, merged, normalised, padded
from itdl.checks import Array
from itdl.numerics import AndersonMixing

__all__ = ["Clustering", "Descent"]

UNDERFLOW = -500.0  # exp of less would give denormal numbers, with which products are a hundred times slower
ELEMENTS = 2**15  # betas x clusters x inputs handled at once: what stays in the cache
DUPLICATE = 1e-6  # squared Hellinger distance of decoders that a finished descent may take for one
STRETCHES = 8.0 ** np.arange(1, 9)
HOPELESS = 1e6  # times the gap: more than any descent seen has still gained
PATIENCE = 200  # sweeps after which a descent that has not overtaken its rival is given up
SAME = 1e-9  # nats between two values that are one solution
SCHEDULE = ((10, 5), (20, 10), (40, 20))  # sweeps and memory of the first round, the second, and all later ones


@dataclass
class Descent:
    """Codebooks at each beta and what is known of them; `gap` is the squared step of a sweep, see `Clustering`."""

    codebooks: list[Array]
    value: Array
    gap: Array
    sweeps: np.ndarray
    increase: Array


class Clustering:
    """One problem: p(x) (X,), p(y|x) (X, Y), and which of the two divergences."""

    def __init__(self, px: Array, pyx: Array, *, dual: bool) -> None:
        self.px, self.pyx, self.dual = px, pyx, dual
        features = np.log(np.maximum(pyx, TINY)) if dual else pyx
        self.features = np.hstack([np.ones((len(px), 1)), features])
        self.entropy = 0.0 if dual else -float(px @ xlogy(pyx, pyx).sum(axis=1))

    def codebook(self, encoder: Array) -> Array:
        """Best weights and decoders for an encoder p(t|x).   (X, T) -> (T, 1 + Y)."""
        sums = (encoder * self.px[:, None]).T @ self.features
        return from_sums(sums[encoder.max(axis=0) > 0], geometric=self.dual)[0]

    def distortions(self, decoders: Array) -> Array:
        """d(x, t), in nats.   p(y|t) (T, Y) -> (X, T)."""
        if self.dual:
            return np.asarray(xlogy(decoders, decoders).sum(axis=1) - np.log(self.pyx) @ decoders.T)
        spread = xlogy(self.pyx, self.pyx).sum(axis=1, keepdims=True)
        return np.asarray(spread - self.pyx @ np.log(np.maximum(decoders, TINY)).T)

    def scores(self, state: Array, betas: Array) -> Array:
        """log p(t) - beta d(x, t), up to a constant in t.   (B, T, 1 + Y), (B,) -> (B, T, X)."""
        log_dec, plane, scale = state[..., 1:], np.empty_like(state), betas[:, None, None]
        plane[..., 0] = state[..., 0]
        if self.dual:
            decoder = np.exp(log_dec)
            np.multiply(decoder, scale, out=plane[..., 1:])
            plane[..., 0] -= betas[:, None] * (decoder * log_dec).sum(axis=-1)
        else:
            np.multiply(log_dec, scale, out=plane[..., 1:])
        flat = plane.reshape(-1, plane.shape[-1]) @ self.features.T
        return np.asarray(flat.reshape(*state.shape[:2], -1))

    def encoder(self, state: Array, betas: Array) -> Array:
        """p(t|x).   (B, T, 1 + Y), (B,) -> (B, T, X)."""
        e, z, _ = self._exponentials(state, betas)
        return e / z[:, None]

    def sweep(self, state: Array, betas: Array) -> tuple[Array, Array, Array]:
        """The next codebooks and their metric (B, T, 1 + Y), and L of the present ones (B,)."""
        e, z, top = self._exponentials(state, betas)
        value = -(np.log(z) + top) @ self.px - betas * self.entropy
        e *= (self.px / z)[:, None]
        sums = (e.reshape(-1, len(self.px)) @ self.features).reshape(state.shape)
        image, weight = from_sums(sums, geometric=self.dual)
        absent = state[..., 0] < ABSENT / 2
        image[absent] = state[absent]
        return image, weight, value

    def _exponentials(self, state: Array, betas: Array) -> tuple[Array, Array, Array]:
        """exp(score - largest score of x), their sum over t and that score.   -> (B, T, X), (B, X), (B, X)."""
        e = self.scores(state, betas)
        top = e.max(axis=1)
        e -= top[:, None]
        np.maximum(e, UNDERFLOW, out=e)
        np.exp(e, out=e)
        return e, e.sum(axis=1), top

    def gains(self, state: Array, probes: Array, beta: float, sweeps: int = 5) -> tuple[Array, Array]:
        """KKT factors of clusters without mass, sum_x p(x) exp(-beta d(x, r)) / Z(x), and their decoders.

        A factor above one says that a new cluster with decoder r lowers L. Each probe (log decoder, a row of P) first
        moves `sweeps` times to the mean that its factor weighs.   state (T, 1 + Y), probes (P, Y) -> (P,), (P, Y).
        """
        b = np.array([beta])
        log_z = np.logaddexp.reduce(self.scores(state[None], b)[0], axis=0)
        code = np.concatenate([np.zeros((len(probes), 1)), probes], axis=1)
        for _ in range(sweeps + 1):
            decoders = code[:, 1:]
            ratio = np.exp(np.clip(self.scores(_weightless(code), b)[0] - log_z, UNDERFLOW, -UNDERFLOW))
            code = from_sums((ratio * self.px) @ self.features, geometric=self.dual)[0]
        return np.exp(code[:, 0]), decoders

    def descend(
        self, betas: Array, starts: list[Array], *, tol: float, max_iter: int, rival: Array | float = np.inf
    ) -> Descent:
        """Sweeps with Anderson mixing from one start per beta, until a sweep moves the codebook by less than `tol`.

        The step is measured by 1/8 sum_t p(t) [(d log p(t))^2 + sum_y p(y|t) (d log p(y|t))^2], which is the
        Jensen-Shannon divergence of near codebooks. A proposal that raises L is replaced by the plain sweep. After
        each round, clusters that nearly agree are merged and those without mass dropped, where that does not raise L.
        A descent is given up once it will hardly, or need not, fall below the value of a `rival` solution (B,).
        """
        n = len(betas)
        found = Descent(list(starts), np.full(n, np.inf), np.full(n, np.inf), np.zeros(n, int), np.full(n, -np.inf))
        threshold, on, rounds = np.full(n, 1e-4), np.arange(n), 0
        while len(on):
            for rows in _chunks(on, found.codebooks, len(self.px)):
                self._round(found, rows, betas[rows], threshold, min(rounds, len(SCHEDULE) - 1), tol)
            rounds += 1
            lead = found.value - rival
            lost = (lead > HOPELESS * found.gap) | (np.abs(lead) < SAME) | ((lead > 0) & (found.sweeps > PATIENCE))
            on = on[(found.gap[on] > tol) & (found.sweeps[on] < max_iter) & ~lost[on]]
        return found

    def _round(self, found: Descent, rows: np.ndarray, betas: Array, threshold: Array, stage: int, tol: float) -> None:
        state = padded([found.codebooks[i] for i in rows])
        image, weight, value = self.sweep(state, betas)
        if stage:
            state, image, weight, value = self._stretched(state, image, weight, value, betas)
        sweeps, memory = SCHEDULE[stage]
        mixing, left, fixed = AndersonMixing(memory), gap(state, image, weight), weight
        for _ in range(sweeps):
            found.sweeps[rows] += 1
            if (left <= tol).all():
                break
            proposal = mixing(*(a.reshape(len(rows), -1) for a in (state, image, fixed))).reshape(state.shape)
            plain = mixing.calls == 1
            proposal = image if plain else normalised(proposal)
            new = self.sweep(proposal, betas)
            worse = ~(new[-1] <= value + 1e-14 * np.abs(value)) & (not plain)
            if worse.any():
                mixing.forget(worse)
                proposal[worse] = image[worse]
                for old, again in zip(new, self.sweep(image[worse], betas[worse]), strict=True):
                    old[worse] = again
            rise = np.where(worse | plain, new[-1] - value, -np.inf)
            found.increase[rows] = np.maximum(found.increase[rows], rise)
            state, (image, weight, value) = proposal, new
            left = gap(state, image, weight)
        found.value[rows], found.gap[rows] = value, left
        self._simplify(found, rows, betas, image, threshold, finished=left <= tol)

    def _stretched(self, *now: Array) -> list[Array]:
        """State, image, metric and L where the plain step is taken many times over, if that lowers L more.

        Mixing looks for stationary points, saddles among them, and leaves those as slowly as a plain sweep does.
        """
        state, image, *_, betas = now
        best = list(now[:-1])
        step = image - state
        for times in STRETCHES:
            proposal = normalised(state + times * step)
            trial = proposal, *self.sweep(proposal, betas)
            lower = trial[-1] < best[-1]
            if not lower.any():
                break
            shaped = [lower.reshape(-1, *[1] * (a.ndim - 1)) for a in best]
            best = [np.where(w, new, old) for w, new, old in zip(shaped, trial, best, strict=True)]
        return best

    def _simplify(
        self, found: Descent, rows: np.ndarray, betas: Array, state: Array, threshold: Array, finished: np.ndarray
    ) -> None:
        """Merge and drop where L does not rise; otherwise ask for a ten times closer agreement next time.

        In a finished descent, duplicates that are equal to rounding are put together in any case.
        """
        fewer = {}
        for i, row in enumerate(rows):
            found.codebooks[row] = state[i, state[i, :, 0] > ABSENT / 2]
            distance = max(threshold[row], DUPLICATE * finished[i])
            fewer[row] = merged(found.codebooks[row], distance, geometric=self.dual)
        tried = [i for i, row in enumerate(rows) if len(fewer[row]) < len(found.codebooks[row])]
        if not tried:
            return
        image, _, value = self.sweep(padded([fewer[rows[i]] for i in tried]), betas[tried])
        for i, after, lower in zip(tried, image, value, strict=True):
            row = rows[i]
            if lower <= found.value[row] + (1e-12 if finished[i] else 1e-15):
                found.codebooks[row] = after[: len(fewer[row])]
                found.gap[row] = np.inf
            else:
                threshold[row] = max(threshold[row] / 10, 1e-12)


def _weightless(code: Array) -> Array:
    """The same decoders with log weights of zero, as a batch of one."""
    probe = code.copy()
    probe[:, 0] = 0
    return probe[None]


def _chunks(rows: np.ndarray, codebooks: list[Array], n_x: int) -> list[np.ndarray]:
    """Rows in groups of like size that fit the cache."""
    rows = rows[np.argsort([len(codebooks[i]) for i in rows], kind="stable")]
    groups, start = [], 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or len(codebooks[rows[end]]) * (end + 1 - start) * n_x > ELEMENTS:
            groups.append(rows[start:end])
            start = end
    return groups
