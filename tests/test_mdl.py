"""Description length: each code by a second road (quadrature, enumeration, chain rule), laws, refusals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose
from scipy import integrate, optimize, stats

from itdl import coding, mdl, weights
from itdl.checks import Array, BadInput


def task(n: int, k: int, seed: int = 0) -> tuple[Array, Array]:
    g = np.random.default_rng(seed)
    x = g.standard_normal((n, k))
    return x, x @ g.standard_normal(k) + 0.7 * g.standard_normal(n)


# Two parts


@LAW
@given(st.floats(0.01, 3), st.floats(0.1, 4))
def test_the_words_of_a_lattice_satisfy_kraft_with_equality(step: float, sd: float) -> None:
    reach = math.ceil(9 * sd / step)
    points = step * np.arange(-reach, reach + 1)
    found = mdl.lattice_lengths(points, step, sd)
    assert np.exp(-found).sum() == pytest.approx(1, abs=1e-9)
    assert_allclose(found, found[::-1], rtol=1e-12)


def test_a_cell_by_quadrature_and_far_out() -> None:
    mass, _ = integrate.quad(lambda u: stats.norm.pdf(u, scale=2.0), 1.25, 1.75)
    assert_allclose(mdl.lattice_lengths([1.5], 0.5, 2.0), -math.log(mass), rtol=1e-9)
    far = mdl.lattice_lengths([-60.0, 60.0], 1.0, 1.0)
    tail = stats.norm.logsf(59.5)
    assert_allclose(far, -tail, rtol=1e-12)
    fine = mdl.lattice_lengths([0.0, 3e-9], 1e-9, 1.0)
    assert_allclose(fine, 0.5 * math.log(2 * math.pi) - math.log(1e-9), rtol=1e-7)


@pytest.mark.parametrize("h", [0.1, 3.0, 400.0])
def test_the_best_step_costs_half_a_nat_of_misfit(h: float) -> None:
    step = float(mdl.optimal_step(h))
    best = optimize.minimize_scalar(lambda s: -s + h * math.exp(2 * s) / 24, bracket=(-5, 2))
    assert math.exp(best.x) == pytest.approx(step, rel=1e-5)
    assert h * step**2 / 24 == pytest.approx(0.5)


def test_rounding_costs_what_it_must_beyond_the_evidence() -> None:
    """One weight, one datum of precision h: mean two-part length over where the datum falls, less -log evidence."""
    h, sd, g = 400.0, 1.0, np.random.default_rng(3)
    y = math.sqrt(sd**2 + 1 / h) * g.standard_normal(200_000)
    best = y * h / (h + 1 / sd**2)
    step = float(mdl.optimal_step(h + 1 / sd**2))
    q = np.rint(best / step) * step
    misfit = 0.5 * h * (y - q) ** 2 + 0.5 * math.log(2 * math.pi / h)
    two_part = mdl.lattice_lengths(q, step, sd) + misfit
    evidence = -stats.norm.logpdf(y, scale=math.sqrt(sd**2 + 1 / h))
    assert (two_part - evidence).mean() == pytest.approx(mdl.ROUNDING_LOSS, abs=3e-3)
    assert round(20 * mdl.ROUNDING_LOSS / math.log(10), 2) == 1.53  # decibels, as engineers quote it


def quadratic(rows: Array) -> Array:
    return np.asarray(50 * ((rows - np.array([0.3, -1.2, 0.0])) ** 2).sum(axis=1) + 7)


def test_the_two_part_code_is_the_cheapest_of_those_tried() -> None:
    steps, sds = [0.05, 0.25, 1.0, 4.0], [0.3, 1.0]
    found = mdl.two_part_bits([0.31, -1.18, 0.02], quadratic, steps, sds)
    table = np.empty((4, 2))
    for (i, step), (j, sd) in itertools.product(enumerate(steps), enumerate(sds)):
        q = np.round(np.array([0.31, -1.18, 0.02]) / step) * step
        mass = stats.norm.cdf(q + step / 2, scale=sd) - stats.norm.cdf(q - step / 2, scale=sd)
        table[i, j] = 3 - np.log2(mass).sum() + quadratic(q[None])[0] / math.log(2)
    assert_allclose(found.lengths, table, rtol=1e-9)
    assert found.total_bits == pytest.approx(table.min())
    assert found.choice_bits == 3
    i, j = np.unravel_index(table.argmin(), table.shape)
    assert (found.step, found.prior_sd) == (steps[i], sds[j])
    assert_allclose(found.weights, np.round(np.array([0.31, -1.18, 0.02]) / steps[i]) * steps[i])
    assert found.label_bits == pytest.approx(quadratic(found.weights[None])[0] / math.log(2))


# Mixtures


def test_bic_by_hand() -> None:
    assert_allclose(mdl.bic([10.0, 20.0], 3, 100), np.array([10, 20]) + 1.5 * math.log(100))
    assert mdl.bic(5.0, 0, 7) == 5


@pytest.mark.parametrize("n", [100, 1000, 10000])
def test_bic_evidence_and_prequential_code_of_a_coin_agree_within_a_bit(n: int) -> None:
    counts = [8 * n // 10, 2 * n // 10]
    criterion = float(mdl.bic(coding.hindsight(counts), 1, n)) / math.log(2)
    for add in (0.5, 1.0):
        assert abs(float(coding.mixture_length(counts, add)) / math.log(2) - criterion) < 1


@LAW
@given(st.integers(1, 12), st.integers(1, 4), SEEDS)
def test_bits_back_with_the_posterior_is_the_evidence(n: int, k: int, seed: int) -> None:
    x, y = task(n, k, seed)
    exact = weights.linear_regression(x, y, 1.5, 0.4)
    found = mdl.variational_length(exact.mean, exact.cov, x, y, 1.5, 0.4)
    assert found == pytest.approx(exact.minus_log_evidence, rel=1e-9, abs=1e-9)


@FEW
@given(SEEDS)
def test_any_other_posterior_costs_its_divergence(seed: int) -> None:
    """E_Q L + KL(Q||P) = -log evidence + KL(Q||posterior)"""
    x, y = task(15, 3, seed)
    g = np.random.default_rng(seed)
    exact = weights.linear_regression(x, y, 1.0, 0.5)
    a = g.standard_normal((3, 3))
    mean, cov = g.standard_normal(3), a @ a.T + 0.1 * np.eye(3)
    inverse = np.linalg.inv(exact.cov)
    shift = mean - exact.mean
    logs = np.linalg.slogdet(exact.cov)[1] - np.linalg.slogdet(cov)[1]
    divergence = 0.5 * (np.trace(inverse @ cov) + shift @ inverse @ shift - 3 + logs)
    excess = mdl.variational_length(mean, cov, x, y, 1.0, 0.5) - exact.minus_log_evidence
    assert excess == pytest.approx(divergence, rel=1e-7)


# One after the other


@LAW
@given(st.integers(1, 12), st.integers(1, 4), SEEDS)
def test_one_after_the_other_is_the_evidence(n: int, k: int, seed: int) -> None:
    """The chain rule, in any order of the points."""
    x, y = task(n, k, seed)
    order = np.random.default_rng(seed).permutation(n)
    exact = weights.linear_regression(x, y, 1.5, 0.4).minus_log_evidence
    for rows in (slice(None), order):
        assert mdl.online_regression(x[rows], y[rows], 1.5, 0.4).sum() == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_the_first_target_is_priced_by_the_prior() -> None:
    found = mdl.online_regression([[2.0]], [1.0], 3.0, 0.5)
    assert_allclose(found, -stats.norm.logpdf(1, scale=math.sqrt(12.5)), rtol=1e-12)


def test_blocks_by_hand() -> None:
    assert mdl.block_ends(100, 10).tolist() == [10, 20, 40, 80, 100]
    assert mdl.block_ends(10, 10).tolist() == [10]
    assert mdl.block_ends(4, 1, 1.1).tolist() == [1, 2, 3, 4]
    assert mdl.block_ends(30, 10, 1.5).tolist() == [10, 15, 22, 30]


def test_the_prequential_code_by_hand() -> None:
    losses = np.log(2) * np.array([[9.0, 9, 1, 2, 3], [9.0, 9, 0, 0, 1]])
    found = mdl.prequential_bits(losses, [2, 4, 5], 8)
    assert_allclose(found.blocks, [[6, 3, 3], [6, 0, 1]])
    assert_allclose(found.total_bits, [12, 7])
    assert mdl.prequential_bits(losses[0], [2, 5], 8).blocks.shape == (2,)


def brute(lengths: Array, share: float) -> float:
    """-log of the sum over all sequences of models of their prior times their likelihood."""
    models, blocks = lengths.shape
    total = 0.0
    for path in itertools.product(range(models), repeat=blocks):
        p = 1 / models * math.exp(-lengths[path[0], 0])
        for b in range(1, blocks):
            p *= (1 - share) * (path[b] == path[b - 1]) + share / models
            p *= math.exp(-lengths[path[b], b])
        total += p
    return -math.log(total)


@FEW
@given(SEEDS, st.integers(2, 3), st.integers(1, 5), st.sampled_from([0.0, 0.1, 0.7, 1.0]))
def test_switching_is_the_mixture_over_all_sequences(seed: int, models: int, blocks: int, share: float) -> None:
    lengths = np.random.default_rng(seed).uniform(0, 6, (models, blocks))
    found = mdl.switching(lengths, share)
    assert found.blocks.sum() == pytest.approx(brute(lengths, share), rel=1e-9)
    assert_allclose(found.weights.sum(axis=0), 1)
    assert_allclose(found.weights[:, 0], 1 / models)


@LAW
@given(SEEDS, st.integers(0, 3))
def test_switching_loses_little_against_any_sequence_of_models(seed: int, changes: int) -> None:
    g = np.random.default_rng(seed)
    models, blocks, share = 3, 8, 0.1
    lengths = g.uniform(0, 40, (models, blocks))
    at = np.sort(g.choice(blocks - 1, changes, replace=False)) + 1
    path = np.zeros(blocks, dtype=int)
    for c in at:
        path[c:] = (path[c - 1] + 1 + g.integers(0, 2)) % 3
    best = lengths[path, np.arange(blocks)].sum()
    stays, moves = blocks - 1 - changes, changes
    bound = math.log(models) - stays * math.log(1 - share + share / models) - moves * math.log(share / models)
    assert mdl.switching(lengths, share).blocks.sum() <= best + bound + 1e-9


def test_switching_takes_many_messages_at_once() -> None:
    lengths = np.random.default_rng(1).uniform(0, 6, (2, 4, 5))
    found = mdl.switching(lengths, 0.2)
    assert found.blocks.shape == (4, 5)
    assert found.weights.shape == (2, 4, 5)
    for m in range(4):
        assert_allclose(found.blocks[m], mdl.switching(lengths[:, m], 0.2).blocks)


# Bad input

X, Y = task(4, 2)
EYE = np.eye(2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mdl.lattice_lengths([0.3], 0.5, 1), r"points are up to 0.4 of a step off the lattice of step 0.5"),
        (lambda: mdl.lattice_lengths([np.nan], 0.5, 1), r"points\[0\] is nan"),
        (lambda: mdl.lattice_lengths([0], 0, 1), "step is 0; it must be one number above zero"),
        (lambda: mdl.lattice_lengths([0], 1, -1), "prior_sd is -1; it must be one number above zero"),
        (lambda: mdl.optimal_step([1, 0]), "curvature falls to 0; a weight that the loss does not hold"),
        (lambda: mdl.two_part_bits([[1.0]], quadratic, [1], [1]), r"weights have shape \(1, 1\); flatten them"),
        (lambda: mdl.two_part_bits([np.inf], quadratic, [1], [1]), r"weights\[0\] is inf"),
        (lambda: mdl.two_part_bits([1.0], lambda q: [1, 2], [1], [1]), r"loss returned shape \(2,\) for 1 rows"),
        (lambda: mdl.two_part_bits([1.0], lambda q: [np.nan], [1], [1]), r"loss of the rounded weights\[0\] is nan"),
        (lambda: mdl.two_part_bits([1.0], quadratic, [np.nan], [1]), r"steps\[0\] is nan"),
        (lambda: mdl.two_part_bits([1.0], quadratic, [1], []), "sds is empty"),
        (lambda: mdl.bic(1.0, -1, 5), "k is -1 and n is 5; they count parameters"),
        (lambda: mdl.bic(1.0, 1, 0), "k is 1 and n is 0"),
        (lambda: mdl.bic(1.0, 1.5, 5), "k is 1.5 and n is 5"),
        (lambda: mdl.bic(1.0, 1, 5.5), "k is 1 and n is 5.5"),
        (lambda: mdl.bic(np.nan, 1, 5), "loss is nan"),
        (
            lambda: mdl.variational_length([0, 0], EYE, X, Y[:3], 1, 1),
            r"x has shape \(4, 2\), y \(3,\) and mean \(2,\)",
        ),
        (lambda: mdl.variational_length([0], EYE, X, Y, 1, 1), r"y \(4,\) and mean \(1,\); give \(n, k\)"),
        (lambda: mdl.variational_length([0, 0], EYE, X, Y, 0, 1), "prior_var is 0"),
        (lambda: mdl.variational_length([0, 0], EYE, X, Y, 1, 0), "noise_var is 0"),
        (lambda: mdl.variational_length([0, 0], -EYE, X, Y, 1, 1), "cov_p is not positive definite"),
        (lambda: mdl.online_regression(X, Y[:3], 1, 1), r"x has shape \(4, 2\) and y \(3,\); give \(n, k\) and \(n,\)"),
        (lambda: mdl.online_regression(X[None], Y[:1], 1, 1), r"x has shape \(1, 4, 2\)"),
        (lambda: mdl.online_regression(X, Y, 0, 1), "prior_var is 0"),
        (lambda: mdl.online_regression(X, Y, 1, 0), "noise_var is 0"),
        (lambda: mdl.block_ends(10, 0), "first is 0 of n = 10; the first block has at least one label"),
        (lambda: mdl.block_ends(10, 11), "first is 11 of n = 10"),
        (lambda: mdl.block_ends(10, 2.5), "first is 2.5 of n = 10"),
        (lambda: mdl.block_ends(10.5, 2), "first is 2 of n = 10.5"),
        (lambda: mdl.block_ends(10, 2, 1), "ratio is 1; blocks must grow"),
        (lambda: mdl.prequential_bits([1.0, 1], [1, 3], 2), r"ends are \[1, 3\] for 2 labels"),
        (lambda: mdl.prequential_bits([1.0, 1], [1, 1, 2], 2), r"ends are \[1, 1, 2\] for 2 labels"),
        (lambda: mdl.prequential_bits([1.0, 1], [0, 2], 2), r"ends are \[0, 2\] for 2 labels"),
        (lambda: mdl.prequential_bits([1.0, 1], [[1, 2]], 2), "they must rise, and end there"),
        (lambda: mdl.prequential_bits([1.0, 1], [1, 2], 1), "classes is 1; there must be two at least"),
        (lambda: mdl.prequential_bits([1.0, np.nan], [1, 2], 2), r"losses\[1\] is nan"),
        (lambda: mdl.switching([1.0, 2], 0.1), r"lengths have shape \(2,\) and share is 0.1"),
        (lambda: mdl.switching([[1.0]], 1.1), r"lengths have shape \(1, 1\) and share is 1.1"),
        (lambda: mdl.switching([[1.0]], -0.1), "share is -0.1; it must be one number zero or above"),
        (lambda: mdl.switching([[np.inf]], 0.1), r"lengths\[0, 0\] is inf"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
