"""Bifurcations: closed forms, finite differences, grids, the five-input family transition by transition, bad input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from laws import FEW, SEEDS
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import rel_entr, softmax

from itdl.bottleneck import critical_betas, solve_dual_ib, solve_ib
from itdl.bottleneck.bifurcations import contraction, random_joint, stability, transitions, worthwhile
from itdl.checks import Array, BadInput

TOY: Array = softmax(np.outer(np.linspace(-1, 0.6, 5), [1, -1]), axis=1) / 5
SOLVERS = {False: solve_ib, True: solve_dual_ib}
EITHER = pytest.mark.parametrize("dual", [False, True])


def joint(seed: int, n_x: int = 6, n_y: int = 4) -> Array:
    return random_joint(np.random.default_rng(seed), n_x, n_y, 1.0, 1e-4)


def ratio(pxy: Array, q: Array) -> float:
    px = pxy.sum(axis=1)
    pyx = pxy / px[:, None]
    return float(rel_entr(q @ pyx, px @ pyx).sum() / rel_entr(q, px).sum())


# Random joints


def test_random_joints_are_distributions_with_a_floor() -> None:
    draws = [random_joint(np.random.default_rng(s), 7, 3, 0.2, 0.01) for s in range(200)]
    for pxy in draws:
        assert pxy.shape == (7, 3)
        assert_allclose(pxy.sum(), 1, atol=1e-12)
        assert (pxy / pxy.sum(axis=1, keepdims=True)).min() >= 0.01 / 1.03 - 1e-15
    # Dirichlet(3) over 7: variance of a share is (1/7)(6/7)/22.
    shares = np.concatenate([pxy.sum(axis=1) for pxy in draws])
    assert_allclose(shares.var(), 6 / 49 / 22, rtol=0.1)
    rows = np.concatenate([pxy[:, 0] / pxy.sum(axis=1) for pxy in draws])
    assert_allclose(rows.var(), (2 / 9 / 1.6) / 1.03**2, rtol=0.1)


# Contraction coefficient


@pytest.mark.parametrize("eps", [0.05, 0.2, 0.4])
def test_a_symmetric_channel_contracts_by_its_squared_correlation(eps: float) -> None:
    found = contraction(np.array([[1 - eps, eps], [eps, 1 - eps]]) / 2)
    assert_allclose(found.value, (1 - 2 * eps) ** 2, rtol=1e-9)


@pytest.mark.parametrize("erased", [0.1, 0.5, 0.9])
def test_an_erasure_channel_contracts_every_divergence_by_what_it_keeps(erased: float) -> None:
    px, keep = np.array([0.2, 0.3, 0.5]), np.eye(3)
    pxy = px[:, None] * np.hstack([(1 - erased) * keep, np.full((3, 1), erased)])
    assert_allclose(contraction(pxy).value, 1 - erased, rtol=1e-7)


def test_certain_labels_do_not_contract() -> None:
    assert_allclose(contraction([[0.3, 0], [0, 0.7]]).value, 1, rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_two_inputs_on_a_grid(seed: int) -> None:
    pxy = joint(seed, n_x=2, n_y=3)
    grid = np.linspace(1e-9, 1 - 1e-9, 200_001)
    grid = grid[np.abs(grid - pxy[0].sum()) > 1e-4]
    px = pxy.sum(axis=1)
    q, pyx = np.stack([grid, 1 - grid], axis=1), pxy / px[:, None]
    best = (rel_entr(q @ pyx, px @ pyx).sum(axis=1) / rel_entr(q, px).sum(axis=1)).max()
    assert_allclose(contraction(pxy).value, max(best, 1 / critical_betas(pxy).ib), rtol=1e-6)


@FEW
@given(SEEDS)
def test_contraction_is_attained_bounds_and_is_never_beaten(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pxy = random_joint(rng, int(rng.integers(2, 7)), int(rng.integers(2, 5)), 1.0, 1e-4)
    found = contraction(pxy, starts=16, max_iter=2000)
    assert 1 / critical_betas(pxy).ib - 1e-12 <= found.value <= 1
    if not np.array_equal(found.q, pxy.sum(axis=1)):
        assert_allclose(ratio(pxy, found.q), found.value, rtol=1e-6)
        assert found.agreeing > 0
    for alpha in (0.2, 1.0, 20.0):
        for q in rng.dirichlet(np.full(len(pxy), alpha), size=50):
            assert ratio(pxy, np.maximum(q, 1e-12) / np.maximum(q, 1e-12).sum()) <= found.value + 1e-7


def test_below_the_inverse_contraction_nothing_is_kept_and_above_it_something() -> None:
    pxy = random_joint(np.random.default_rng(0), 6, 4, 1.0, 1e-4)
    onset = 1 / contraction(pxy).value
    # Here the onset comes well before the one-cluster solution loses its stability.
    assert onset < 0.9 * critical_betas(pxy).ib
    curve = solve_ib(pxy, onset * np.array([0.9, 0.999, 1.001, 1.1]))
    assert_array_equal(curve.i_xt[:2], 0)
    assert (curve.i_xt[2:] > 1e-6).all()


# Stability


@EITHER
def test_the_one_cluster_solution_splits_at_the_critical_beta(dual: bool) -> None:
    pxy = joint(1)
    critical = getattr(critical_betas(pxy), "dual" if dual else "ib")
    curve = SOLVERS[dual](pxy, [1e-3 * critical, 0.3 * critical])
    assert_allclose(stability(pxy, curve, dual=dual)[:, 0], [1e-3, 0.3], rtol=1e-6)
    assert np.isnan(stability(pxy, curve, dual=dual)[:, 1:]).all()


@EITHER
def test_eigenvalues_are_those_of_an_infinitesimal_split(dual: bool) -> None:
    # Two copies of a cluster, p(x|t) tilted apart by delta: one sweep multiplies the tilt by beta lambda.
    pxy, beta = joint(2), 6.0
    curve = SOLVERS[dual](pxy, beta)
    px = pxy.sum(axis=1)
    pyx = pxy / px[:, None]
    found = stability(pxy, curve, dual=dual)[0]
    for t in range(int(curve.clusters[0])):
        back = curve.encoder[0, :, t] * px / curve.weights[0, t]

        def distance(tilt: Array, back: Array = back) -> Array:
            posterior = back * (1 + tilt)
            posterior = posterior / posterior.sum()
            if dual:
                decoder = softmax(posterior @ np.log(pyx))
                return np.asarray(rel_entr(decoder, pyx).sum(axis=1))
            return np.asarray(rel_entr(pyx, posterior @ pyx).sum(axis=1))

        tilts = 1e-5 * np.eye(len(px))
        jacobian = np.stack([(distance(-e) - distance(e)) / 2e-5 for e in tilts], axis=1)
        jacobian -= back @ jacobian  # the weight of the copy takes up what is common
        assert_allclose(np.abs(np.linalg.eigvals(beta * jacobian)).max(), found[t], rtol=1e-4)


@EITHER
def test_no_cluster_of_a_solution_is_unstable(dual: bool) -> None:
    for seed in range(5):
        pxy = joint(seed)
        curve = SOLVERS[dual](pxy, np.geomspace(1, 50, 12))
        assert np.nanmax(stability(pxy, curve, dual=dual)) <= 1 + 1e-4


# New clusters


@EITHER
def test_clusters_in_use_have_factor_one_and_no_label_mix_has_more(dual: bool) -> None:
    pxy, rng = joint(3), np.random.default_rng(4)
    curve = SOLVERS[dual](pxy, np.geomspace(1, 40, 8))
    for b in range(8):
        used = curve.decoder[b, curve.weights[b] > 1e-6]
        assert_allclose(worthwhile(pxy, curve, used, dual=dual)[b], 1, atol=1e-5)
    random = rng.dirichlet(np.full(4, 0.5), size=2000)
    factors = worthwhile(pxy, curve, (random + 1e-6) / (1 + 4e-6), dual=dual)
    assert factors.shape == (8, 2000)
    assert factors.max() <= 1 + 1e-5


@EITHER
def test_a_factor_is_the_slope_of_the_functional_in_the_new_mass(dual: bool) -> None:
    # Two clusters too few: adding mass m of decoder r changes L by m (1 - factor), to first order.
    pxy, beta, mass = joint(6), 20.0, 1e-7
    curve = SOLVERS[dual](pxy, beta, n_clusters=2)
    px = pxy.sum(axis=1)
    pyx = pxy / px[:, None]

    def value(weights: Array, decoder: Array) -> float:
        pairs = rel_entr(decoder, pyx[:, None]) if dual else rel_entr(pyx[:, None], decoder)
        return float(-px @ np.log((weights * np.exp(-beta * pairs.sum(axis=2))).sum(axis=1)))

    factors = worthwhile(pxy, curve, pyx, dual=dual)[0]
    assert factors.max() > 1.1
    for r, factor in zip(pyx, factors, strict=True):
        more = value(np.append((1 - mass) * curve.weights[0], mass), np.vstack([curve.decoder[0], r]))
        slope = (more - value(curve.weights[0], curve.decoder[0])) / mass
        assert_allclose(slope, 1 - factor, atol=1e-5 * max(1, factor**2))


# Transitions of the five-input family, with the betas found by another program (plain iteration, annealed)

KNOWN = {
    False: [(5, 4, 5.474, "merged"), (4, 3, 4.804, "merged"), (3, 2, 3.668, "vanished"), (2, 1, 2.126, "merged")],
    True: [(5, 4, 5.399, "vanished"), (4, 3, 4.734, "vanished"), (3, 2, 3.563, "vanished"), (2, 1, 1.691, "vanished")],
}


@EITHER
def test_every_transition_of_the_five_input_family(dual: bool) -> None:
    curve = SOLVERS[dual](TOY, 2 ** np.arange(1, 6, 0.01))
    found = transitions(TOY, curve, dual=dual)
    assert len(found) == 4
    for transition, (before, after, log_beta, kind) in zip(found, KNOWN[dual], strict=True):
        assert (transition.before, transition.after, transition.kind) == (before, after, kind)
        assert_allclose(np.log2(transition.above), log_beta, atol=0.021)
        assert transition.below < transition.above < 1.01 * transition.below
        assert 0.92 < transition.eigenvalue < 1
        light, near = transition.weight, transition.distance
        assert (near < 0.06 < light) if kind == "merged" else (light < near)


def test_a_single_beta_has_no_transitions() -> None:
    assert transitions(TOY, solve_ib(TOY, 5.0)) == []


CURVE = solve_ib(TOY, 5.0)
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: contraction([[0.5, 0.6], [0.1, 0.1]]), "pxy sums to 1 only within 0.3"),
    (lambda: worthwhile(TOY, CURVE, [0.5, 0.5]), r"decoders have shape \(2,\); they must be a matrix of 2 columns"),
    (lambda: worthwhile(TOY, CURVE, [[0.2, 0.3, 0.5]]), r"shape \(1, 3\); they must be a matrix of 2 columns"),
    (lambda: worthwhile(TOY, CURVE, [[0.5, 0.6]]), "decoders sums to 1 only within 0.1"),
    (lambda: random_joint(np.random.default_rng(0), 3, 3, 0.0), "alpha is 0.0; it must be one number above zero"),
    (lambda: random_joint(np.random.default_rng(0), 3, 3, 1.0, -1.0), "floor is -1.0"),
    (lambda: stability(joint(1), CURVE), "curve has 5 inputs and 2 labels, but pxy has 6 and 4"),
    (lambda: transitions(joint(1), CURVE), "curve has 5 inputs and 2 labels, but pxy has 6 and 4"),
    (lambda: worthwhile(joint(1), CURVE, np.eye(4)), "curve has 5 inputs and 2 labels, but pxy has 6 and 4"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_bad_input_is_refused_in_one_sentence(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()


def test_independent_variables_contract_everything() -> None:
    found = contraction(np.outer([0.2, 0.3, 0.5], [0.4, 0.6]))
    assert (found.value, found.residual, found.agreeing) == (0, 0, 1)
