"""Experiments of chapter 14 that need no training: rows of attention, random logits, stacks, noisy chains, norms.

`index` numbers independent repetitions. Everything in nats.

Sources: zhai2023stabilizing (lower bound), dong2021attention (collapse), giorlandino2025two (random logits),
behrmann2019invertible (inverse of a residual block), ba2016layer (layer normalisation).
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from itdl import attention, gaussian, residual_information, rng
from itdl.checks import Array
from itdl.sweep import Result

__all__ = [
    "NAME",
    "ahead",
    "chains",
    "features_kept",
    "inverse",
    "normalisation",
    "random_logits",
    "random_rows",
    "rank_collapse",
    "smallest_entropy",
]

NAME = "attention laws"
KINDS = ("plain", "orthogonal", "raw", "scaled", "unit")


def ahead(tokens: int, k: int = 1) -> Array:
    """The centred direction of unit length in which k tokens are ahead of the others, (tokens,)."""
    u = np.zeros(tokens)
    u[:k] = 1
    u -= u.mean()
    return np.asarray(u / np.linalg.norm(u))


def random_rows(*, seed: int, index: int, tokens: int, sigma: float, rows: int) -> Result:
    """Rows of logits of length `sigma` in random directions, the one-token direction among them.

    `slack`: smallest entropy less bound. `slack_slip`: with the gap sigma in the place of sigma sqrt(T/(T-1)).
    `mean`, of the entropies of the random rows; `bound`.
    """
    u = rng.stream(seed, NAME, "rows", tokens, str(sigma), index).standard_normal((rows, tokens))
    u -= u.mean(axis=1, keepdims=True)
    u *= sigma / np.linalg.norm(u, axis=1, keepdims=True)
    found = attention.entropy_of_scores(np.vstack([u, sigma * ahead(tokens)]))
    bound = float(attention.entropy_bound(sigma, tokens))
    slip = float(attention.entropy_bound(sigma * np.sqrt((tokens - 1) / tokens), tokens))
    return {
        "slack": float(found.min()) - bound, "slack_slip": float(found.min()) - slip,
        "mean": float(found[:-1].mean()), "bound": bound,
    }  # fmt: skip


def smallest_entropy(*, seed: int, tokens: int, sigma: float, starts: int) -> Result:
    """The smallest entropy of logits of length `sigma` by search from random directions, less the bound; `two_ahead`:
    the entropy with two tokens ahead, less the bound."""

    def entropy(v: Array) -> float:
        return float(attention.entropy_of_scores(sigma * v / np.linalg.norm(v)))

    draws = rng.stream(seed, NAME, "search", tokens, str(sigma)).standard_normal((starts, tokens))
    low = min(optimize.minimize(entropy, v, tol=1e-12).fun for v in draws)
    bound = float(attention.entropy_bound(sigma, tokens))
    return {"gap": low - bound, "two_ahead": entropy(ahead(tokens, 2)) - bound}


def random_logits(*, seed: int, tokens: int, sigma: float, rows: int) -> Result:
    """Mean entropy of sampled random logits and its standard error; the exact mean, and log T - sigma^2/2."""
    u = sigma * rng.stream(seed, NAME, "logits", tokens, str(sigma)).standard_normal((rows, tokens))
    found = attention.entropy_of_scores(u)
    exact = float(attention.random_entropy(sigma, tokens))
    return {
        "mean": float(found.mean()), "error": float(found.std() / rows**0.5), "exact": exact,
        "limit": float(np.log(tokens) - sigma**2 / 2),
    }  # fmt: skip


def rank_collapse(*, seed: int, index: int, tokens: int, d: int, depth: int) -> Result:
    """Share of token differences after each of `depth` random layers, (depth + 1,), unit power after each.

    `log_pure`, its logarithm for attention alone; `skip`, `mlp` (in the place of the skip), `both`. Queries, keys and
    values have weights of variance 1/d, the MLP (4 d wide) of 2/d and 1/(4 d). `small`: values divided by the depth,
    beside a skip.
    """
    draws = rng.stream(seed, NAME, "collapse", index)
    x = draws.standard_normal((tokens, d))
    q, k, v = draws.standard_normal((3, depth, d, d)) / d**0.5
    qk = q @ k.swapaxes(-1, -2) / d**0.5
    w_in = draws.standard_normal((depth, d, 4 * d)) * (2 / d) ** 0.5
    mlp = w_in, draws.standard_normal((depth, 4 * d, d)) / (4 * d) ** 0.5
    return {
        "log_pure": attention.pure_collapse(x, qk, v), "skip": attention.collapse(x, qk, v, skip=1.0),
        "mlp": attention.collapse(x, qk, v, mlp=mlp), "both": attention.collapse(x, qk, v, mlp=mlp, skip=1.0),
        "small": attention.collapse(x, qk, v / depth, skip=1.0),
    }  # fmt: skip


def chains(*, seed: int, index: int, d: int, layers: int, noise: float, samples: int = 0) -> Result:
    """I(x; x_l) along noisy linear chains, (layers + 1,), of the five `KINDS` of maps.

    Of W with weights of variance 1/d: W, its orthogonal factor, 1 + W, 1 + W/sqrt(layers), (1 + W)/sqrt 2. `fresh`:
    the raw chain if only the noise of the last layer counted. With `samples`, also `sampled`: the Gaussian
    information of that many draws after the raw chain.
    """
    draws = rng.stream(seed, NAME, "chains", index)
    w = draws.standard_normal((layers, d, d)) / d**0.5
    one = np.eye(d)
    maps = dict(zip(KINDS, (w, np.linalg.qr(w)[0], one + w, one + w / layers**0.5, (one + w) / 2**0.5), strict=True))
    found: Result = {name: residual_information.chain_information(m, noise) for name, m in maps.items()}
    through = np.stack([one, *_products(maps["raw"])])
    found["fresh"] = 0.5 * np.log1p((np.linalg.svd(through, compute_uv=False) / noise) ** 2).sum(axis=-1)
    if samples:
        x = draws.standard_normal((samples, d))
        h = x + noise * draws.standard_normal((samples, d))
        for t in maps["raw"]:
            h = h @ t.T + noise * draws.standard_normal((samples, d))
        found["sampled"] = gaussian.mutual_information(np.cov(np.hstack([x, h]).T), d)
    return found


def _products(maps: Array) -> list[Array]:
    """T_0, T_1 T_0, ..."""
    made = [maps[0]]
    for t in maps[1:]:
        made.append(t @ made[-1])
    return made


def inverse(*, seed: int, index: int, d: int, lipschitz: float, steps: int, inputs: int = 64) -> Result:
    """Relative error of x from y = x + F(x) by the fixed point, F(x) = a tanh(x W), |a| |W|_2 = `lipschitz`.

    `error`: for a = 1. `error_turned`: for a W turned into -`lipschitz` times the identity, the worst direction.
    """
    draws = rng.stream(seed, NAME, "inverse", index)
    w = draws.standard_normal((d, d))
    w *= lipschitz / np.linalg.norm(w, 2)
    x = draws.standard_normal((inputs, d))
    found: Result = {}
    for name, turned in (("error", w), ("error_turned", -lipschitz * np.eye(d))):

        def branch(z: Array, turned: Array = turned) -> Array:
            return np.asarray(np.tanh(z @ turned))

        back = residual_information.invert_residual(branch, x + branch(x), steps)
        found[name] = float(np.linalg.norm(back - x) / np.linalg.norm(x))
    return found


def normalisation(*, seed: int, index: int, d: int, rows: int, eps: float) -> Result:
    """Layer normalisation of a x + b with a from 0.01 to 100: what changes, and whether a can be read from the result.

    `moved`, `moved_eps`: largest |LN(a x + b) - LN(x)|, without and with eps. `read`, `read_single`, `read_none`:
    squared correlation of log variance with log(1 - mean y^2), in double and single precision, and without eps.
    """
    draws = rng.stream(seed, NAME, "norm", index)
    x, a, b = draws.standard_normal((rows, d)), 10 ** draws.uniform(-2, 2, (rows, 1)), draws.standard_normal((rows, 1))
    scaled = a * x + b
    plain, usual = attention.layer_norm(scaled), attention.layer_norm(scaled, eps=eps)
    single = _single_norm(scaled, eps)
    found: Result = {
        "moved": float(np.abs(plain - attention.layer_norm(x)).max()),
        "moved_eps": float(np.abs(usual - attention.layer_norm(x, eps=eps)).max()),
    }
    for name, y in (("read", usual), ("read_single", single), ("read_none", plain)):
        missing = np.log(np.maximum(np.abs(1 - (y**2).mean(axis=-1)), 1e-18))
        found[name] = float(np.corrcoef(np.log(scaled.var(axis=-1)), missing)[0, 1] ** 2)
    return found


def _single_norm(x: Array, eps: float) -> Array:
    """Layer normalisation of single precision, its result in double."""
    s = x.astype(np.float32)
    centred = s - s.mean(axis=-1, keepdims=True)
    return np.asarray((centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(eps))).astype(float))


def features_kept(
    *, seed: int, index: int, n: int, kept: list[int], relevant: int, noise: float, view: float
) -> Result:
    """Least squares from the first k features, each seen with noise of deviation `view`, for every k in `kept`, (K,).

    The label is the mean of `relevant` unit normal features times sqrt(relevant), plus noise. `loss`: log loss of the
    Gaussian prediction from n points, in nats, exact over test points; `formula`: its expectation under a prediction
    with the true residual variance; `i_x`, `i_y`: I(X;T) and I(T;Y).
    """
    draws = rng.stream(seed, NAME, "features", index)
    most = max(kept)
    x = draws.standard_normal((n, most))
    weights = np.where(np.arange(most) < relevant, relevant**-0.5, 0)
    y = x @ weights + noise * draws.standard_normal(n)
    t = x + view * draws.standard_normal((n, most))
    share = 1 / (1 + view**2)
    found: dict[str, list[float]] = {"loss": [], "formula": [], "i_x": [], "i_y": []}
    for k in kept:
        residual = noise**2 + 1 - share * min(k, relevant) / relevant
        off = np.linalg.lstsq(t[:, :k], y, rcond=None)[0] - share * weights[:k]
        risk = residual + (1 + view**2) * float(off @ off)
        found["loss"].append(0.5 * (np.log(2 * np.pi * residual) + risk / residual))
        found["formula"].append(0.5 * (np.log(2 * np.pi * residual) + 1 + k / (n - k - 1)))
        found["i_x"].append(k / 2 * np.log1p(1 / view**2))
        found["i_y"].append(0.5 * np.log((1 + noise**2) / residual))
    return {name: np.array(values) for name, values in found.items()}
