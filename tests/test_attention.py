"""Attention: entropies by hand and by torch, the bound by a search, random logits by sampling, collapse in decimals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose
from scipy import integrate, optimize, stats

from itdl import attention, entropy
from itdl.checks import Array, BadInput

INF = math.inf


def softmax(u: Array) -> Array:
    w = np.exp(u - u.max(axis=-1, keepdims=True))
    return np.asarray(w / w.sum(axis=-1, keepdims=True))


# Entropy of a row


def test_entropy_by_hand() -> None:
    assert_allclose(attention.entropy_of_scores(np.log([[0.5, 0.25, 0.25]])), 1.5 * math.log(2), rtol=1e-14)
    assert_allclose(attention.entropy_of_scores([3.0, 3.0, 3.0, 3.0]), math.log(4), rtol=1e-15)
    assert attention.entropy_of_scores([5.0]) == 0


def test_a_masked_token_is_not_there() -> None:
    assert_allclose(attention.entropy_of_scores([1.0, -INF, 1.0]), math.log(2), rtol=1e-15)
    assert attention.entropy_of_scores([-INF, 2.0, -INF]) == 0
    assert_allclose(attention.logit_length([1.0, -INF, 3.0]), math.sqrt(2), rtol=1e-15)
    assert_allclose(attention.bound_of_scores([1.0, -INF, 3.0]), attention.entropy_of_scores([1.0, 3.0]), rtol=1e-12)


@LAW
@given(SEEDS, st.integers(1, 12), st.floats(0.01, 8))
def test_entropy_is_that_of_the_softmax(seed: int, tokens: int, sigma: float) -> None:
    u = sigma * np.random.default_rng(seed).standard_normal((3, tokens))
    assert_allclose(attention.entropy_of_scores(u), entropy.entropy(softmax(u)), rtol=1e-9, atol=1e-13)
    assert_allclose(attention.entropy_of_scores(u + 700), attention.entropy_of_scores(u), rtol=1e-6, atol=1e-12)


def test_the_tiny_entropy_of_a_peaked_row_keeps_its_digits() -> None:
    """p = e^-u/(1 + e^-u): -p log p - log(1 - p)(1 - p) = p (1 + u) + ..."""
    for u in (40.0, 100.0, 600.0):
        assert_allclose(attention.entropy_of_scores([u, 0.0]), math.exp(-u) * (1 + u), rtol=1e-12)


# The smallest entropy


def test_the_bound_is_the_entropy_of_one_token_ahead() -> None:
    for tokens, sigma in ((2, 0.3), (4, 2.0), (64, 5.0), (256, 16.0)):
        ahead = np.r_[math.sqrt((tokens - 1) / tokens), np.full(tokens - 1, -1 / math.sqrt(tokens * (tokens - 1)))]
        assert_allclose(np.linalg.norm(ahead), 1, rtol=1e-12)
        bound = attention.entropy_bound(sigma, tokens)
        assert_allclose(bound, attention.entropy_of_scores(sigma * ahead), rtol=1e-10)
        assert_allclose(attention.bound_of_scores(sigma * ahead), bound, rtol=1e-10)
    assert attention.entropy_bound(3.0, 1) == 0
    assert_allclose(attention.entropy_bound(0.0, [2, 9]), np.log([2, 9]), rtol=1e-15)


def test_for_long_logits_it_falls_like_the_length_times_its_exponential() -> None:
    tokens, sigma = 1000, 60.0
    leading = tokens * sigma * math.exp(-sigma * math.sqrt(tokens / (tokens - 1)))
    assert_allclose(attention.entropy_bound(sigma, tokens), leading, rtol=0.03)


@pytest.mark.parametrize(("tokens", "sigma"), [(3, 1.0), (4, 2.0), (6, 0.5), (5, 4.0)])
def test_a_search_on_the_sphere_finds_nothing_below_it(tokens: int, sigma: float) -> None:
    def height(v: Array) -> float:
        return float(attention.entropy_of_scores(sigma * v / np.linalg.norm(v)))

    rng = np.random.default_rng(0)
    lows = [optimize.minimize(height, rng.standard_normal(tokens), tol=1e-12).fun for _ in range(12)]
    bound = float(attention.entropy_bound(sigma, tokens))
    assert min(lows) >= bound - 1e-12
    assert_allclose(min(lows), bound, rtol=1e-6)


@LAW
@given(SEEDS, st.integers(1, 40), st.floats(0, 20))
def test_no_row_lies_below_its_bound(seed: int, tokens: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    u = sigma * rng.standard_normal((5, tokens)) + rng.uniform(-5, 5)
    found = attention.entropy_of_scores(u)
    assert (found >= attention.bound_of_scores(u) - 1e-12).all()
    assert (attention.bound_of_scores(u) >= attention.entropy_bound(np.linalg.norm(u, axis=-1), tokens) - 1e-12).all()


@FEW
@given(SEEDS)
def test_the_paper_s_length_is_above_that_of_every_row(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((2, 7, 4)), rng.standard_normal((4, 4))
    rows = attention.logit_length(x @ w @ x.swapaxes(-1, -2))
    assert (rows <= attention.spectral_length(x, w)[:, None] + 1e-9).all()
    gram = np.linalg.norm(x[0] @ x[0].T, 2) * np.linalg.norm(w, 2)
    assert_allclose(attention.spectral_length(x, w)[0], gram, rtol=1e-10)


# Random logits


def test_two_random_logits_by_quadrature() -> None:
    """The difference of two logits is N(0, 2 sigma^2); the entropy is that of a biased coin."""

    def coin(u: float) -> float:
        return float(attention.entropy_of_scores([u, 0.0]))

    for sigma in (0.3, 1.0, 4.0, 12.0):
        deviation = sigma * math.sqrt(2)
        wanted = 2 * integrate.quad(lambda u, s=deviation: coin(u) * stats.norm.pdf(u, scale=s), 0, 60, limit=400)[0]
        assert_allclose(attention.random_entropy(sigma, 2), wanted, rtol=1e-8)


@pytest.mark.parametrize(("sigma", "tokens"), [(0.5, 3), (1.5, 1024), (2.0, 64), (6.0, 17)])
def test_random_logits_by_sampling(sigma: float, tokens: int) -> None:
    drawn = attention.entropy_of_scores(sigma * np.random.default_rng(1).standard_normal((4000, tokens)))
    error = drawn.std() / math.sqrt(len(drawn))
    assert abs(drawn.mean() - float(attention.random_entropy(sigma, tokens))) < 4 * error


def test_random_logits_at_the_ends() -> None:
    assert_allclose(attention.random_entropy(0.0, [1, 7, 1e6]), np.log([1, 7, 1e6]), atol=1e-9)
    assert_allclose(attention.random_entropy([0.5, 3.0], 1), 0, atol=1e-9)
    # Weak logits lose sigma^2/2, but for the token's own share.
    assert_allclose(attention.random_entropy(0.05, 1e6) - math.log(1e6), -(0.05**2) / 2, rtol=1e-4)
    falls = np.diff(attention.random_entropy(np.linspace(0.1, 20, 40), 50))
    assert (falls < 0).all()
    frozen = attention.random_entropy(3 * np.sqrt(np.log(1e24)), 1e24)  # exponents beyond those of a float
    assert 0 < frozen < 0.03 * np.log(1e24)


def test_many_tokens_approach_the_limit_from_above() -> None:
    tokens = np.array([1e3, 1e6, 1e12, 1e24])
    for b in (1.0, 1.2, 1.8):
        sigma = b * np.sqrt(np.log(tokens))
        gap = (attention.random_entropy(sigma, tokens) - attention.random_entropy_limit(sigma, tokens)) / np.log(tokens)
        assert (gap > 0).all()
        assert (np.diff(gap) < 0).all()
    assert_allclose(attention.random_entropy_limit([1.0, 9.0], 100), [math.log(100) - 0.5, 0])


# Collapse


def layers(rng: np.random.Generator, *shape: int, d: int = 6) -> tuple[Array, Array]:
    return rng.standard_normal((*shape, d, d)) / d, rng.standard_normal((*shape, d, d)) / math.sqrt(d)


def test_self_attention_is_torch_s() -> None:
    rng = np.random.default_rng(2)
    x, w_q, w_k, w_v = rng.standard_normal((3, 5, 4)), *rng.standard_normal((3, 4, 4))
    parts = [torch.as_tensor(p) for p in (x @ w_q, x @ w_k, x @ w_v)]
    wanted = torch.nn.functional.scaled_dot_product_attention(*parts, scale=1.0).numpy()
    assert_allclose(attention.self_attention(x, w_q @ w_k.T, w_v), wanted, rtol=1e-10)


def test_the_residual_is_the_share_of_differences() -> None:
    assert attention.token_residual([[1.0, 2.0], [1.0, 2.0]]) == 0
    assert_allclose(attention.token_residual([[1.0, 0.0], [-1.0, 0.0]]), 1)
    assert_allclose(attention.token_residual([[3.0, 0.0], [1.0, 0.0]]), math.sqrt(2 / 10))


@FEW
@given(SEEDS)
def test_collapse_is_the_layers_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, (qk, v) = rng.standard_normal((5, 6)), layers(rng, 2)
    w_in, w_out = rng.standard_normal((2, 6, 8)), rng.standard_normal((2, 8, 6))
    y, wanted = x, [attention.token_residual(x)]
    for layer in range(2):
        y = 0.5 * y + softmax(y @ qk[layer] @ y.T) @ y @ v[layer]
        y = 0.5 * y + np.maximum(y @ w_in[layer], 0) @ w_out[layer]
        y = y * math.sqrt(y.size) / np.linalg.norm(y)
        wanted.append(attention.token_residual(y))
    assert_allclose(attention.collapse(x, qk, v, mlp=(w_in, w_out), skip=0.5), wanted, rtol=1e-9)


@FEW
@given(SEEDS)
def test_the_pure_chain_is_the_same_as_far_as_rounding_lets_us_see(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, (qk, v) = rng.standard_normal((2, 5, 6)), layers(rng, 2, 8)
    seen, log = attention.collapse(x, qk, v), attention.pure_collapse(x, qk, v)
    above = seen > 1e-8
    assert above[:, :2].all()
    assert_allclose(np.exp(log)[above], seen[above], rtol=1e-5)


def test_far_below_rounding_the_collapse_is_that_of_arithmetic_with_many_digits() -> None:
    """Two tokens and one feature in decimals of 500 digits against the logarithm."""
    from decimal import Decimal, getcontext

    getcontext().prec = 500
    x, qk, v = [Decimal("1.25"), Decimal("0.5")], Decimal("0.75"), Decimal("0.5")
    logs = []
    for _ in range(6):
        rows = [[(a * qk * b).exp() for b in x] for a in x]
        x = [sum(w * b for w, b in zip(row, x, strict=True)) * v / sum(row) for row in rows]
        power = ((x[0] ** 2 + x[1] ** 2) / 2).sqrt()
        x = [a / power for a in x]
        logs.append(float((abs(x[0] - x[1]) / 2).ln()))  # |X - mean| / |X| at unit power
    weights = np.full((6, 1, 1), 0.75), np.full((6, 1, 1), 0.5)
    found = attention.pure_collapse([[1.25], [0.5]], *weights)
    assert logs[-1] < -200
    assert_allclose(found[1:], logs, rtol=1e-10)


def test_the_rate_is_cubic_and_a_skip_breaks_it() -> None:
    rng = np.random.default_rng(4)
    x, (qk, v) = rng.standard_normal((8, 6)), layers(rng, 14)
    log = attention.pure_collapse(x, qk, v)
    assert_allclose(log[10:] / log[9:-1], 3, atol=0.05)
    assert attention.collapse(x, qk, v, skip=1.0)[-1] > 1e-3


# Layer normalisation


@LAW
@given(SEEDS, st.floats(1e-3, 1e3), st.floats(-50, 50))
def test_normalisation_forgets_scale_and_mean_and_nothing_else(seed: int, scale: float, shift: float) -> None:
    x = np.random.default_rng(seed).standard_normal((3, 8))
    y = attention.layer_norm(x)
    assert_allclose(attention.layer_norm(scale * x + shift), y, rtol=0, atol=1e-7 / min(scale, 1))
    assert_allclose(y.mean(axis=-1), 0, atol=1e-12)
    assert_allclose((y**2).mean(axis=-1), 1, rtol=1e-12)
    deviation, mean = x.std(axis=-1, keepdims=True), x.mean(axis=-1, keepdims=True)
    assert_allclose(deviation * y + mean, x, atol=1e-12)


def test_normalisation_is_torch_s_and_its_eps_gives_the_scale_away() -> None:
    x = 3 * np.random.default_rng(3).standard_normal((4, 9))
    y = attention.layer_norm(x, eps=1e-5)
    assert_allclose(y, torch.nn.functional.layer_norm(torch.as_tensor(x), (9,), eps=1e-5).numpy(), rtol=1e-10)
    assert_allclose(attention.recovered_variance(y, 1e-5), x.var(axis=-1), rtol=1e-7)
    assert attention.recovered_variance(attention.layer_norm(x), 1e-5).min() > 1e9


# Refusals

ROW, X, W = [0.0, 1.0], np.ones((3, 2)) + np.eye(3)[:, :2], np.eye(2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: attention.entropy_of_scores([math.nan, 1.0]), r"scores\[0\] is nan"),
        (lambda: attention.entropy_of_scores([INF, 1.0]), r"scores\[0\] is inf"),
        (lambda: attention.entropy_of_scores([[0.0, 1.0], [-INF, -INF]]), "masked throughout; keep one token"),
        (lambda: attention.entropy_of_scores(1.0), "hold no row"),
        (lambda: attention.logit_length([-INF]), "masked throughout"),
        (lambda: attention.entropy_bound(-1.0, 4), "length reaches down to -1.0; the length of a vector is never"),
        (lambda: attention.entropy_bound(1.0, 0), "not whole or below 1"),
        (lambda: attention.entropy_bound(1.0, 2.5), "not whole or below 1"),
        (lambda: attention.random_entropy(-1.0, 4), "pass sigma >= 0 and at least one token"),
        (lambda: attention.random_entropy(1.0, 0.5), "pass sigma >= 0 and at least one token"),
        (lambda: attention.self_attention(X, np.eye(3), W), r"w_qk has shape \(3, 3\) for tokens of 2 features"),
        (lambda: attention.collapse(X, np.ones((1, 3, 3)), np.ones((1, 2, 2))), "for tokens of 2 features"),
        (lambda: attention.pure_collapse(X, np.ones((1, 3, 3)), np.ones((1, 2, 2))), "for tokens of 2 features"),
        (lambda: attention.pure_collapse(np.ones((3, 2)), W[None], W[None]), "tokens are all alike"),
        (lambda: attention.token_residual(np.zeros((2, 2))), "a block of zeros only"),
        (lambda: attention.layer_norm([[1.0, 1.0]]), "a row of equal entries, whose variance is 0; pass eps > 0"),
        (lambda: attention.layer_norm(ROW, eps=-1), "eps is -1; it must be one number zero or above"),
        (lambda: attention.recovered_variance(ROW, 0.0), "eps is 0.0; it must be one number above zero"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
