"""Attention as a source of entropy and of loss: entropy of softmax rows and its bounds, rank collapse, normalisation.

A row of attention is softmax(u) of logits u over T tokens; logits of -inf are masked tokens, which do not count.
Entropies in nats. Logits are those the softmax sees: a factor 1/sqrt(d) belongs to them.

Sources: zhai2023stabilizing (lower bound; here with the logits' own length where the paper has a product of spectral
norms), dong2021attention (rank collapse), giorlandino2025two (random logits as a random energy model),
ba2016layer (layer normalisation). The exact mean entropy of random logits is derived here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite, matrix, positive

__all__ = [
    "bound_of_scores",
    "collapse",
    "entropy_bound",
    "entropy_of_scores",
    "layer_norm",
    "logit_length",
    "pure_collapse",
    "random_entropy",
    "random_entropy_limit",
    "recovered_variance",
    "self_attention",
    "spectral_length",
    "token_residual",
]


def entropy_of_scores(scores: ArrayLike) -> Array:
    """H(softmax(u)) along the last axis, in nats.   scores (..., T) -> (...).

    Relative accuracy also where nearly all weight lies on one token: with u measured from its largest entry and r the
    sum of the other exponentials, H = log(1 + r) - sum e^u u / (1 + r).
    """
    u = _scores(scores)
    top = u.argmax(axis=-1)[..., None]
    u = u - np.take_along_axis(u, top, axis=-1)
    weights = np.exp(u)
    np.put_along_axis(weights, top, 0, axis=-1)
    rest = weights.sum(axis=-1)
    return np.asarray(np.log1p(rest) - (weights * np.where(weights > 0, u, 0)).sum(axis=-1) / (1 + rest))


def entropy_bound(length: ArrayLike, tokens: ArrayLike) -> Array:
    """The smallest entropy that logits of that length allow, in nats: one token gap = length sqrt(T/(T-1)) ahead.

    log(1 + (T-1) eta) + length sqrt(T(T-1)) eta/(1 + (T-1) eta), eta = e^-gap; 0 for one token. `length` is any upper
    bound on |u|, best that of the centred logits.   broadcasts (...), (...) -> (...).   zhai2023stabilizing.
    """
    sigma, n = finite("length", length), finite("tokens", tokens)
    if (sigma < 0).any():
        raise BadInput(f"length reaches down to {sigma.min()}; the length of a vector is never negative")
    if (n < 1).any() or (n != np.round(n)).any():
        raise BadInput("tokens holds a number that is not whole or below 1; a row of attention has at least one token")
    gap = sigma * np.sqrt(n / np.maximum(n - 1, 1))
    rest = (n - 1) * np.exp(-gap)
    return np.asarray(np.log1p(rest) + gap * rest / (1 + rest))


def logit_length(scores: ArrayLike) -> Array:
    """|u - mean u| of each row over its unmasked tokens: what softmax sees of the length.   (..., T) -> (...)."""
    u = _scores(scores)
    seen = np.isfinite(u)
    u = np.where(seen, u, 0)
    mean = u.sum(axis=-1, keepdims=True) / seen.sum(axis=-1, keepdims=True)
    return np.asarray(np.linalg.norm(np.where(seen, u - mean, 0), axis=-1))


def bound_of_scores(scores: ArrayLike) -> Array:
    """`entropy_bound` of each row at its own length and number of unmasked tokens.   (..., T) -> (...)."""
    return entropy_bound(logit_length(scores), np.isfinite(_scores(scores)).sum(axis=-1))


def spectral_length(x: ArrayLike, w_qk: ArrayLike) -> Array:
    """|W_QK|_2 |X X^T|_2, the paper's bound on the length of every row of X W_QK X^T.   x (..., T, d) -> (...)."""
    x, w_qk = matrix("x", x), matrix("w_qk", w_qk)
    return np.asarray(np.linalg.norm(w_qk, 2, axis=(-2, -1)) * np.linalg.norm(x, 2, axis=(-2, -1)) ** 2)


def random_entropy(sigma: ArrayLike, tokens: ArrayLike) -> Array:
    """E H(softmax(u)) for T independent logits u_i ~ N(0, sigma^2), exactly, in nats.   broadcasts -> (...).

    With F(sigma) = E log sum_i e^(sigma g_i) the mean entropy is F - sigma F'. A standard Gumbel variable added to the
    logarithm has P(. <= v) = phi(v)^T, phi(v) = E exp(-e^(sigma g - v)), so that F is an integral of phi^T less Euler's
    constant. Both integrals by the trapezoid rule, whose error here falls exponentially.
    """
    sigmas, counts = np.broadcast_arrays(finite("sigma", sigma), finite("tokens", tokens))
    if (sigmas < 0).any() or (counts < 1).any():
        raise BadInput("sigma or tokens is out of range; pass sigma >= 0 and at least one token")
    values = [_random_entropy(float(s), float(n)) for s, n in zip(sigmas.ravel(), counts.ravel(), strict=True)]
    return np.asarray(values).reshape(sigmas.shape)


def _random_entropy(sigma: float, tokens: float) -> float:
    reach, step = 9 + np.sqrt(2 * np.log(tokens)), 0.25 / max(sigma, 1)  # beyond the largest of all logits
    g = np.arange(-reach, reach + step, step)
    weight = step * np.exp(-(g**2) / 2) / np.sqrt(2 * np.pi)
    v = np.arange(-reach * sigma - 5, np.log(tokens) + reach * sigma + 40, 0.25)
    z = np.exp(np.minimum(sigma * g - v[:, None], 700))  # e^-z is 0 long before
    missing = -np.expm1(-z) @ weight  # 1 - phi
    slope = -(z * np.exp(-z)) @ (g * weight)  # d phi / d sigma
    # Where phi is 0 the power is 0 whatever the logarithm says.
    log_phi = np.log1p(-np.minimum(missing, 1 - 1e-16))
    below = np.exp(tokens * log_phi)
    mean = v[-1] - np.trapezoid(below, v) - np.euler_gamma
    derivative = -np.trapezoid(tokens * np.exp((tokens - 1) * log_phi) * slope, v)
    return float(mean - sigma * derivative)


def random_entropy_limit(sigma: ArrayLike, tokens: ArrayLike) -> Array:
    """log T - sigma^2/2 while sigma^2 < 2 log T, then 0: the leading order of `random_entropy` for many tokens."""
    sigma, n = finite("sigma", sigma), finite("tokens", tokens)
    return np.asarray(np.maximum(np.log(n) - sigma**2 / 2, 0))


def self_attention(x: ArrayLike, w_qk: ArrayLike, w_v: ArrayLike) -> Array:
    """softmax(X W_QK X^T) X W_V.   x (..., T, d), weights (..., d, d) -> (..., T, d)."""
    x, w_qk, w_v = matrix("x", x), matrix("w_qk", w_qk), matrix("w_v", w_v)
    _square("w_qk", w_qk, x)
    return np.asarray(_softmax(x @ w_qk @ x.swapaxes(-1, -2)) @ x @ w_v)


def token_residual(x: ArrayLike) -> Array:
    """|X - mean over tokens|_F / |X|_F: 0 where all tokens are alike.   (..., T, d) -> (...)."""
    x = matrix("x", x)
    size = np.linalg.norm(x, axis=(-2, -1))
    if (size == 0).any():
        raise BadInput("x has a block of zeros only; the share of its tokens' differences is not defined")
    return np.asarray(np.linalg.norm(x - x.mean(axis=-2, keepdims=True), axis=(-2, -1)) / size)


def collapse(
    x: ArrayLike, w_qk: ArrayLike, w_v: ArrayLike, *, mlp: tuple[ArrayLike, ArrayLike] | None = None, skip: float = 0.0
) -> Array:
    """`token_residual` before and after every layer x <- skip x + branch(x).   x (..., T, d) -> (..., L + 1).

    Branches are self-attention, weights (..., L, d, d), and with `mlp` = (w_in, w_out), (..., L, d, h) and
    (..., L, h, d), relu(x w_in) w_out after it. After each layer X is scaled to unit power per entry, as a whole.
    """
    tokens, w_qk, w_v = matrix("x", x), matrix("w_qk", w_qk), matrix("w_v", w_v)
    _square("w_qk", w_qk, tokens)
    maps = [matrix("mlp", w) for w in mlp] if mlp else []
    found = [token_residual(tokens)]
    for layer in range(w_qk.shape[-3]):
        tokens = skip * tokens + self_attention(tokens, w_qk[..., layer, :, :], w_v[..., layer, :, :])
        if maps:
            inside, outside = (w[..., layer, :, :] for w in maps)
            tokens = skip * tokens + np.maximum(tokens @ inside, 0) @ outside
        tokens = tokens / np.sqrt((tokens**2).mean(axis=(-2, -1), keepdims=True))
        found.append(token_residual(tokens))
    return np.stack(found, axis=-1)


def pure_collapse(x: ArrayLike, w_qk: ArrayLike, w_v: ArrayLike) -> Array:
    """log of what `collapse` gives without skip and MLP, at any depth: no rounding ends it.   -> (..., L + 1).

    X is carried as mean + s R, R of unit norm and s as its logarithm. Rows of attention differ only through s^2 r_i
    W_QK r_j; with E_ij = expm1(s^2 r_i W_QK r_j)/s^2 and w the weights of the mean token, the layer turns R into
    s^2 w_j (E_ij - w.E_i)/(1 + s^2 w.E_i) R W_V less its mean: a factor s^2 in each layer, hence a cube.
    """
    x, w_qk, w_v = matrix("x", x), matrix("w_qk", w_qk), matrix("w_v", w_v)
    _square("w_qk", w_qk, x)
    x = np.broadcast_to(x, (*np.broadcast_shapes(x.shape[:-2], w_qk.shape[:-3]), *x.shape[-2:]))
    tokens, d = x.shape[-2:]
    if (np.ptp(x, axis=-2).max(axis=-1) == 0).any():
        raise BadInput("x has a block whose tokens are all alike; nothing is left to collapse")
    mean = x.mean(axis=-2, keepdims=True)
    log_size, r = _polar(x - mean)
    found = [_log_residual(mean, log_size, tokens)]
    for layer in range(w_qk.shape[-3]):
        qk, v = w_qk[..., layer, :, :], w_v[..., layer, :, :]
        size, square = np.exp(log_size), np.exp(2 * log_size)
        common = _softmax(size * (mean @ qk @ r.swapaxes(-1, -2)))
        products = r @ qk @ r.swapaxes(-1, -2)
        e = np.where(square > 1e-20, np.expm1(square * products) / np.maximum(square, 1e-20), products)
        shift = (common * e).sum(axis=-1, keepdims=True)
        difference = common * (e - shift) / (1 + square * shift)
        average = difference.mean(axis=-2, keepdims=True)
        mean = (mean + size * ((common + square * average) @ r)) @ v
        grown, r = _polar((difference - average) @ r @ v)
        log_size = 3 * log_size + grown
        power = np.sqrt(((mean**2).sum(axis=(-2, -1), keepdims=True) + np.exp(2 * log_size) / tokens) / d)
        mean, log_size = mean / power, log_size - np.log(power)
        found.append(_log_residual(mean, log_size, tokens))
    return np.stack(found, axis=-1)


def layer_norm(x: ArrayLike, *, eps: float = 0.0) -> Array:
    """(x - mean x)/sqrt(var x + eps) along the last axis, without gain and offset.   (..., d) -> (..., d)."""
    x, eps = finite("x", x), positive("eps", eps, zero=True)
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    if eps == 0 and (variance == 0).any():
        raise BadInput("x has a row of equal entries, whose variance is 0; pass eps > 0 or leave that row out")
    return np.asarray(centred / np.sqrt(variance + eps))


def recovered_variance(y: ArrayLike, eps: float) -> Array:
    """The variance of x from y = layer_norm(x, eps=eps): the mean of y^2 is q = var/(var + eps).   (..., d) -> (...).

    With eps > 0 the scale is not removed but hidden in the last digits; inf where they are rounded away.
    """
    q = (finite("y", y) ** 2).mean(axis=-1)
    with np.errstate(divide="ignore"):
        return np.asarray(positive("eps", eps) * q / np.maximum(1 - q, 0))


def _polar(deviation: Array) -> tuple[Array, Array]:
    """Logarithm of the Frobenius norm, with its axes kept, and the matrix divided by the norm."""
    size = np.linalg.norm(deviation, axis=(-2, -1), keepdims=True)
    return np.log(size), deviation / size


def _log_residual(mean: Array, log_size: Array, tokens: int) -> Array:
    total = np.logaddexp(np.log(tokens * (mean**2).sum(axis=(-2, -1), keepdims=True)), 2 * log_size) / 2
    return np.asarray((log_size - total)[..., 0, 0])


def _softmax(u: Array) -> Array:
    weights = np.exp(u - u.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _scores(scores: ArrayLike) -> Array:
    """Logits with -inf allowed, but not in a whole row."""
    u = np.asarray(scores, dtype=np.float64)
    finite("scores", np.where(np.isneginf(u), 0, u))
    if u.ndim == 0 or np.isneginf(u).all(axis=-1).any():
        raise BadInput(
            f"scores of shape {u.shape} hold no row or one that is masked throughout; keep one token in each"
        )
    return u


def _square(name: str, w: Array, x: Array) -> None:
    if w.shape[-2:] != (x.shape[-1], x.shape[-1]):
        raise BadInput(f"{name} has shape {w.shape} for tokens of {x.shape[-1]} features; it must be square in them")
