"""Exponential families: closed forms, gradients by differences, scikit-learn, and the tabular dual bottleneck."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose
from scipy.optimize import check_grad
from scipy.special import rel_entr
from sklearn.linear_model import LogisticRegression

from itdl import bottleneck, exponential_family
from itdl.checks import Array, BadInput

FEATURES = np.linspace(-1.5, 1.5, 8)[:, None]
MULTIPLIERS = np.array([[-1.5, -0.2, 0.4, 1.7]])


@st.composite
def families(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    """Features (X, R), multipliers (R, Y) with R < Y - 1, and p(x)."""
    rng = np.random.default_rng(draw(SEEDS))
    n_x, n_r = draw(st.integers(2, 6)), draw(st.integers(1, 2))
    n_y = n_r + draw(st.integers(2, 3))
    return rng.standard_normal((n_x, n_r)), rng.standard_normal((n_r, n_y)), rng.dirichlet(np.full(n_x, 3.0))


def test_the_binary_family_is_the_logistic_curve() -> None:
    x = np.linspace(-2, 2, 7)
    p = exponential_family.conditional(x[:, None], [[-1.0, 1.0]])
    assert_allclose(p[:, 1], 1 / (1 + np.exp(2 * x)), rtol=1e-14)


@LAW
@given(families())
def test_the_joint_has_the_margins_asked_for(family: tuple[Array, Array, Array]) -> None:
    features, multipliers, px = family
    joint = exponential_family.joint(features, multipliers, px)
    assert_allclose(joint.sum(axis=1), px, rtol=1e-12)
    assert_allclose(joint / px[:, None], exponential_family.conditional(features, multipliers), rtol=1e-12)
    uniform = exponential_family.joint(features, multipliers)
    assert_allclose(uniform.sum(axis=1), 1 / len(px), rtol=1e-12)


# ---- distance ------------------------------------------------------------------------------------------------------


@LAW
@given(families(), SEEDS)
def test_members_lie_at_distance_zero_and_others_where_they_were_put(
    family: tuple[Array, Array, Array], seed: int
) -> None:
    features, multipliers, _ = family
    members = exponential_family.conditional(features, multipliers)
    assert exponential_family.distance(members, multipliers).max() < 1e-12
    away = np.linalg.svd(np.vstack([np.ones(multipliers.shape[1]), multipliers]))[2][-1]  # orthogonal to the family
    step = np.random.default_rng(seed).uniform(0.1, 1)
    moved = members * np.exp(step * away)
    moved /= moved.sum(axis=1, keepdims=True)
    assert_allclose(exponential_family.distance(moved, multipliers), step * np.abs(away).max(), rtol=1e-9)


@LAW
@given(families(), st.floats(-5, 5), st.floats(0.2, 5))
def test_the_distance_sees_the_span_of_the_multipliers_only(
    family: tuple[Array, Array, Array], shift: float, scale: float
) -> None:
    _, multipliers, _ = family
    decoders = np.random.default_rng(0).dirichlet(np.full(multipliers.shape[1], 2.0), size=3) + 1e-3
    decoders /= decoders.sum(axis=1, keepdims=True)
    plain = exponential_family.distance(decoders, multipliers)
    assert_allclose(exponential_family.distance(decoders, scale * multipliers + shift), plain, rtol=1e-8, atol=1e-12)
    order = np.random.default_rng(1).permutation(multipliers.shape[1])
    assert_allclose(exponential_family.distance(decoders[:, order], multipliers[:, order]), plain, rtol=1e-9)
    assert exponential_family.distance(decoders[0], multipliers).shape == ()


def test_a_constant_multiplier_adds_nothing() -> None:
    decoder = [0.1, 0.2, 0.3, 0.4]
    alone = exponential_family.distance(decoder, MULTIPLIERS)
    beside = exponential_family.distance(decoder, np.vstack([MULTIPLIERS, np.ones(4)]))
    assert alone > 0.01
    assert_allclose(beside, alone, rtol=1e-9)


@pytest.mark.parametrize("multipliers", [[[-1.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
def test_a_family_of_everything_is_refused(multipliers: list[list[float]]) -> None:
    n_y = len(multipliers[0])
    with pytest.raises(BadInput, match=f"multipliers reach every distribution over {n_y} labels"):
        exponential_family.distance(np.full(n_y, 1 / n_y), multipliers)


# ---- fit -----------------------------------------------------------------------------------------------------------


@FEW
@given(families(), SEEDS)
def test_the_gradient_is_that_of_the_objective(family: tuple[Array, Array, Array], seed: int) -> None:
    features, multipliers, _ = family
    rng = np.random.default_rng(seed)
    observed = rng.dirichlet(np.ones(features.shape[0] * multipliers.shape[1])).reshape(len(features), -1)

    def value(lam: Array) -> float:
        return exponential_family._objective(lam.reshape(multipliers.shape), features, observed, 0.1)[0]

    def slope(lam: Array) -> Array:
        return exponential_family._objective(lam.reshape(multipliers.shape), features, observed, 0.1)[1]

    assert check_grad(value, slope, multipliers.ravel()) < 1e-6


@pytest.mark.parametrize("penalty", [0.1, 5.0])
def test_the_fit_is_that_of_scikit_learn(penalty: float) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((200, 3)), rng.integers(0, 4, 200)
    ours = exponential_family.fit(x, exponential_family.counts(y, 4), penalty=penalty)
    theirs = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, y)
    assert_allclose(-ours.multipliers.T, theirs.coef_, atol=1e-6)
    logs = theirs.predict_log_proba(x)[np.arange(200), y].sum()
    assert ours.log_likelihood == pytest.approx(logs, abs=1e-4)
    assert ours.gradient < 1e-8
    assert ours.n_iter > 1


def test_counts_and_samples_give_the_same_fit() -> None:
    rng = np.random.default_rng(4)
    which, y = rng.integers(0, 8, 300), rng.integers(0, 4, 300)
    table = np.zeros((8, 4))
    np.add.at(table, (which, y), 1)
    one = exponential_family.fit(FEATURES, table, penalty=1.0)
    other = exponential_family.fit(FEATURES[which], exponential_family.counts(y, 4), penalty=1.0)
    assert_allclose(one.multipliers, other.multipliers, atol=1e-7)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-9)


def test_the_fit_matches_moments_and_finds_the_truth() -> None:
    truth = exponential_family.conditional(FEATURES, MULTIPLIERS)
    found = exponential_family.fit(FEATURES, 1e6 * truth, penalty=1e-3)
    assert_allclose(exponential_family.conditional(FEATURES, found.multipliers), truth, atol=1e-6)
    assert_allclose(found.multipliers, MULTIPLIERS - MULTIPLIERS.mean(), atol=1e-5)  # the penalty picks mean zero


def test_a_larger_penalty_shrinks() -> None:
    table = 50 * exponential_family.conditional(FEATURES, MULTIPLIERS)
    norms = [np.abs(exponential_family.fit(FEATURES, table, penalty=c).multipliers).max() for c in (1e-3, 10, 1e4)]
    assert norms[0] > norms[1] > norms[2] > 0


def test_counts_by_hand() -> None:
    assert exponential_family.counts([0, 2, 2], 3).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]


# ---- the dual bottleneck inside the family -------------------------------------------------------------------------

BETAS = 2.0 ** np.linspace(1, 6, 11)


@pytest.fixture(scope="module")
def both() -> tuple[exponential_family.Representation, bottleneck.Curve, bottleneck.Curve]:
    joint = exponential_family.joint(FEATURES, MULTIPLIERS)
    inside = exponential_family.solve_dual(FEATURES, MULTIPLIERS, BETAS, max_iter=100_000)
    return inside, bottleneck.solve_dual_ib(joint, BETAS), bottleneck.solve_ib(joint, BETAS)


def test_it_is_the_dual_bottleneck(both: tuple[Any, ...]) -> None:
    inside, dual, _ = both
    assert inside.converged.all()
    assert_allclose(inside.objective, dual.objective, atol=1e-9)
    again = exponential_family.solve_dual(FEATURES, MULTIPLIERS, BETAS, start=dual.encoder, max_iter=100_000)
    assert_allclose(again.objective, dual.objective, atol=1e-9)
    assert_allclose(again.i_xt, dual.i_xt, atol=1e-4)


def test_the_dual_stays_in_the_family_and_ib_leaves_it(both: tuple[Any, ...]) -> None:
    inside, dual, ib = both
    assert exponential_family.distance(inside.decoder, MULTIPLIERS).max() < 1e-10
    assert exponential_family.distance(dual.decoder, MULTIPLIERS).max() < 1e-10
    assert exponential_family.distance(ib.decoder, MULTIPLIERS).max() > 1e-2


@FEW
@given(families(), st.floats(0.5, 20))
def test_a_solution_solves_the_equations_written_for_tables(family: tuple[Array, Array, Array], beta: float) -> None:
    features, multipliers, px = family
    found = exponential_family.solve_dual(features, multipliers, [beta], px=px, max_iter=400)
    q, pyx = found.encoder[0], exponential_family.conditional(features, multipliers)
    pt = px @ q
    assert_allclose(pt, found.weights[0], atol=1e-12)
    posterior = np.where(pt > 0, px[:, None] * q / np.where(pt > 0, pt, 1), px[:, None])
    decoder = np.exp(posterior.T @ np.log(pyx))
    decoder /= decoder.sum(axis=1, keepdims=True)
    assert_allclose(found.decoder[0], decoder, atol=1e-12)
    assert_allclose(found.features[0], posterior.T @ features, atol=1e-12)
    d = np.array([[rel_entr(decoder[t], pyx[x]).sum() for t in range(len(pt))] for x in range(len(px))])
    expected = float((px[:, None] * q * d).sum())
    rate = float((px[:, None] * rel_entr(q, pt)).sum())
    assert_allclose([found.distortion[0], found.i_xt[0]], [expected, rate], atol=1e-12)
    assert_allclose(found.objective[0], rate + beta * expected, atol=1e-11)
    step = pt * np.exp(-beta * d)
    step /= step.sum(axis=1, keepdims=True)
    assert np.abs(step - q).max() <= 1.01 * max(found.residual[0], 1e-12)
    assert_allclose(exponential_family.encode(features, found)[0], step, atol=1e-10)


@FEW
@given(families(), st.floats(0.5, 20))
def test_every_step_descends(family: tuple[Array, Array, Array], beta: float) -> None:
    features, multipliers, px = family
    start = np.random.default_rng(0).dirichlet(np.ones(3), size=len(px))
    values = [
        exponential_family.solve_dual(
            features, multipliers, [beta], px=px, start=start, tol=1e-300, max_iter=k
        ).objective
        for k in (1, 2, 3, 5, 9)
    ]
    assert (np.diff(values, axis=0) <= 1e-12).all()


def test_betas_are_solved_as_if_alone() -> None:
    together = exponential_family.solve_dual(FEATURES, MULTIPLIERS, [2.0, 7.0, 30.0])
    for i, beta in enumerate((2.0, 7.0, 30.0)):
        alone = exponential_family.solve_dual(FEATURES, MULTIPLIERS, beta)
        assert_allclose(alone.encoder[0], together.encoder[i], atol=1e-12)
        assert alone.n_iter[0] == together.n_iter[i]


def test_a_start_of_few_clusters_stays_so_and_a_short_run_says_so() -> None:
    start = np.random.default_rng(5).dirichlet(np.ones(2), size=8)
    found = exponential_family.solve_dual(FEATURES, MULTIPLIERS, [4.0, 8.0], start=start, max_iter=2)
    assert found.encoder.shape == (2, 8, 2)
    assert not found.converged.any()
    assert found.n_iter.tolist() == [2, 2]
    assert (found.residual > 1e-13).all()


def test_a_dead_cluster_stays_dead_and_finite() -> None:
    start = np.hstack([np.eye(8), np.zeros((8, 1))])
    found = exponential_family.solve_dual(FEATURES, MULTIPLIERS, [10.0], start=start)
    assert found.weights[0, -1] == 0
    assert_allclose(found.features[0, -1], FEATURES.mean(axis=0), atol=1e-12)
    assert np.isfinite(found.decoder).all()


def test_unseen_inputs_are_encoded_between_their_neighbours() -> None:
    found = exponential_family.solve_dual(FEATURES, MULTIPLIERS, [12.0])
    between = exponential_family.encode((FEATURES[:-1] + FEATURES[1:]) / 2, found)[0]
    centre = found.features[0, :, 0]
    means = between @ centre
    assert between.shape == (7, 8)
    assert_allclose(between.sum(axis=1), 1)
    assert (np.diff(means) > 0).all()


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: exponential_family.conditional([1.0, 2.0], [[1.0, 2.0]]), "features has shape"),
        (
            lambda: exponential_family.conditional([[1.0]], [[1.0, 2.0], [1.0, 2.0]]),
            r"features \(1, 1\) and multipliers",
        ),
        (lambda: exponential_family.conditional([[np.nan]], [[1.0, 2.0]]), r"features\[0, 0\] is nan"),
        (lambda: exponential_family.joint([[1.0]], [[1.0, 2.0]], [0.5, 0.5]), r"px has shape \(2,\) for 1 rows"),
        (lambda: exponential_family.joint([[1.0], [2.0]], [[1.0, 2.0]], [0.5, 0.6]), "px sums to 1 only within 0.1"),
        (
            lambda: exponential_family.distance([0.5, 0.5, 0], [[1.0, 2.0, 4.0]]),
            "decoders hold a zero, whose logarithm",
        ),
        (lambda: exponential_family.distance([0.5, 0.5], [[1.0, 2.0, 4.0]]), "need one column per y each"),
        (lambda: exponential_family.distance([0.5, 0.4], [[1.0, 2.0]]), "decoders sums to 1 only within"),
        (
            lambda: exponential_family.counts([0.5], 2),
            "labels run from 0.5 to 0.5; pass a list of whole numbers below 2",
        ),
        (lambda: exponential_family.counts([0, 2], 2), "labels run from 0.0 to 2.0"),
        (lambda: exponential_family.counts([-1, 0], 2), "labels run from -1.0"),
        (lambda: exponential_family.counts([[0, 1]], 2), "pass a list of whole numbers"),
        (lambda: exponential_family.fit([[1.0]], [[1.0, 2.0]], penalty=0), "penalty is 0; it must be one number above"),
        (lambda: exponential_family.fit([[1.0]], [[1.0, 2.0], [1, 1]], penalty=1), "must have one row per x"),
        (lambda: exponential_family.fit([[1.0]], [[1.0, -2.0]], penalty=1), "observed counts are negative or all zero"),
        (lambda: exponential_family.fit([[1.0]], [[0.0, 0.0]], penalty=1), "observed counts are negative or all zero"),
        (
            lambda: exponential_family.fit([[1e9], [-1.0]], [[3.0, 2.0], [1.0, 4.0]], penalty=1e-9, tol=1e-14),
            "the fit stopped at a gradient of .* wanted 1e-14; scale the features",
        ),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"betas": [0.0]}, "betas of shape .* reach down to 0.0"),
        ({"betas": [np.nan]}, r"betas\[0\] is nan"),
        ({"betas": [[1.0]]}, r"betas of shape \(1, 1\)"),
        ({"betas": [1.0], "px": [0.5, 0.5]}, r"px has shape \(2,\) for 8 rows"),
        ({"betas": [1.0], "start": np.eye(7)}, r"start has shape \(7, 7\); pass p\(t\|x\) with 8 rows"),
        ({"betas": [1.0], "start": np.eye(8)[None].repeat(2, axis=0)}, "once or for each of 1 betas"),
        ({"betas": [1.0], "start": np.ones((8, 2))}, "start sums to 1 only within 1"),
    ],
)
def test_bad_settings_of_the_solver_are_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        exponential_family.solve_dual(FEATURES, MULTIPLIERS, **given)


def test_unseen_inputs_need_the_same_features() -> None:
    found = exponential_family.solve_dual(FEATURES, MULTIPLIERS, [4.0])
    with pytest.raises(BadInput, match=r"features \(1, 2\) and multipliers \(1, 4\)"):
        exponential_family.encode([[1.0, 2.0]], found)
