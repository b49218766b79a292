"""Soft clustering: the geometry of both divergences, sweeps against the textbook, certificates of a descent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, SEEDS
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import rel_entr, softmax

from itdl.bottleneck.bifurcations import random_joint
from itdl.bottleneck.clustering import Clustering
from itdl.bottleneck.codebooks import metric, normalised, padded
from itdl.checks import Array

EITHER = pytest.mark.parametrize("dual", [False, True])


def setting(seed: int, dual: bool, n_x: int = 6, n_y: int = 4) -> tuple[Clustering, Array]:
    """A problem and three codebooks of different sizes, from random encoders."""
    rng = np.random.default_rng(seed)
    pxy = random_joint(rng, n_x, n_y, 1.0, 1e-4)
    px = pxy.sum(axis=1)
    problem = Clustering(px, pxy / px[:, None], dual=dual)
    return problem, padded([problem.codebook(rng.dirichlet(np.ones(k), size=n_x)) for k in (4, 2, 3)])


def textbook(problem: Clustering, codebook: Array, beta: float) -> tuple[Array, float, Array]:
    """Encoder, functional and next codebook of one beta, term by term."""
    weights, decoder, pyx = np.exp(codebook[:, 0]), np.exp(codebook[:, 1:]), problem.pyx
    d = (rel_entr(decoder, pyx[:, None]) if problem.dual else rel_entr(pyx[:, None], decoder)).sum(axis=2)
    z = (weights * np.exp(-beta * d)).sum(axis=1)
    encoder = weights * np.exp(-beta * d) / z[:, None]
    mass = problem.px @ encoder
    back = encoder * problem.px[:, None] / mass
    new = softmax(back.T @ np.log(pyx), axis=1) if problem.dual else back.T @ pyx
    return encoder, -float(problem.px @ np.log(z)), np.log(np.hstack([mass[:, None], new]))


@EITHER
def test_a_sweep_is_that_of_the_textbook(dual: bool) -> None:
    problem, state = setting(0, dual)
    betas = np.array([0.7, 5.0, 40.0])
    image, weight, value = problem.sweep(state, betas)
    assert_allclose(weight, np.where(state[..., :1] < -1e20, 0, metric(image)), atol=1e-14)
    encoder = problem.encoder(state, betas)
    for b, k in enumerate((4, 2, 3)):
        q, expected, codebook = textbook(problem, state[b, :k], betas[b])
        assert_allclose(encoder[b, :k].T, q, atol=1e-12)
        assert_allclose(value[b], expected, atol=1e-12)
        assert_allclose(np.exp(image[b, :k]), np.exp(codebook), atol=1e-12)
        assert_array_equal(image[b, k:], state[b, k:])


@EITHER
def test_distortions_are_divergences(dual: bool) -> None:
    problem, state = setting(1, dual)
    decoder = np.exp(state[0, :, 1:])
    d = problem.distortions(decoder)
    pairs = rel_entr(decoder, problem.pyx[:, None]) if dual else rel_entr(problem.pyx[:, None], decoder)
    assert_allclose(d, pairs.sum(axis=2), atol=1e-12)


@EITHER
def test_scores_differ_from_log_weight_less_distortion_by_a_constant_of_x(dual: bool) -> None:
    problem, state = setting(2, dual)
    scores = problem.scores(state[:1], np.array([3.0]))[0]
    rest = scores - (state[0, :, :1] - 3.0 * problem.distortions(np.exp(state[0, :, 1:])).T)
    assert_allclose(rest, np.broadcast_to(rest[0], rest.shape), atol=1e-12)


@FEW
@given(SEEDS, st.booleans())
def test_no_sweep_raises_the_functional(seed: int, dual: bool) -> None:
    problem, state = setting(seed, dual)
    betas, last = np.array([1.5, 6.0, 50.0]), np.full(3, np.inf)
    for _ in range(30):
        state, _, value = problem.sweep(state, betas)
        assert (value <= last + 1e-12).all()
        last = value


@EITHER
def test_a_descent_ends_at_a_fixed_point_and_certifies_it(dual: bool) -> None:
    problem, state = setting(3, dual, n_x=9)
    betas = np.array([2.0, 8.0, 30.0])
    starts = [row[row[:, 0] > -1e20] for row in state]
    found = problem.descend(betas, starts, tol=1e-16, max_iter=20_000)
    assert (found.gap <= 1e-16).all()
    assert (found.increase <= 1e-13).all()
    for codebook, beta, value in zip(found.codebooks, betas, found.value, strict=True):
        _, expected, image = textbook(problem, codebook, beta)
        assert_allclose(value, expected, atol=1e-12)
        assert_allclose(np.exp(image), np.exp(codebook), atol=1e-6)
    values = [problem.sweep(start[None], betas[b : b + 1])[-1][0] for b, start in enumerate(starts)]
    assert (found.value <= np.array(values) + 1e-12).all()


@EITHER
def test_a_descent_does_not_depend_on_its_company(dual: bool) -> None:
    problem, state = setting(4, dual)
    betas = np.array([2.0, 8.0, 30.0])
    starts = [row[row[:, 0] > -1e20] for row in state]
    together = problem.descend(betas, starts, tol=1e-15, max_iter=20_000)
    for b in range(3):
        alone = problem.descend(betas[b : b + 1], starts[b : b + 1], tol=1e-15, max_iter=20_000)
        assert_allclose(alone.value[0], together.value[b], atol=1e-10)
        assert len(alone.codebooks[0]) == len(together.codebooks[b])


@EITHER
def test_duplicates_and_clusters_without_mass_do_not_survive(dual: bool) -> None:
    problem, state = setting(5, dual)
    beta = np.array([6.0])
    one = problem.descend(beta, [state[0]], tol=1e-15, max_iter=20_000)
    double = np.vstack([one.codebooks[0], one.codebooks[0], one.codebooks[0][:1]])
    double[:, 0] -= np.log(2)
    double[-1, 0] = np.log(1e-9)
    double = normalised(double)
    again = problem.descend(beta, [double], tol=1e-15, max_iter=20_000)
    assert len(again.codebooks[0]) == len(one.codebooks[0])
    assert_allclose(again.value, one.value, atol=1e-12)


def test_a_descent_that_cannot_beat_its_rival_is_given_up() -> None:
    problem, state = setting(6, False, n_x=9)
    beta = np.array([30.0])
    full = problem.descend(beta, [state[0]], tol=1e-15, max_iter=20_000)
    lost = problem.descend(beta, [state[0]], tol=1e-40, max_iter=20_000, rival=full.value - 100)
    tied = problem.descend(beta, [full.codebooks[0]], tol=1e-40, max_iter=20_000, rival=full.value)
    won = problem.descend(beta, [state[0]], tol=1e-15, max_iter=20_000, rival=full.value + 0.1)
    assert lost.sweeps <= 10
    assert tied.sweeps <= 10
    assert_allclose(won.value, full.value, atol=1e-12)


def test_the_cap_ends_a_descent() -> None:
    problem, state = setting(7, False)
    found = problem.descend(np.array([5.0]), [state[0]], tol=1e-40, max_iter=25)
    assert 25 <= found.sweeps[0] <= 25 + 40
    assert found.gap[0] > 1e-40


@EITHER
def test_gains_grow_from_probe_to_probe_and_are_one_at_a_solution(dual: bool) -> None:
    problem, state = setting(8, dual)
    found = problem.descend(np.array([10.0]), [state[1]], tol=1e-16, max_iter=20_000)
    codebook = found.codebooks[0]
    factor, decoder = problem.gains(codebook, codebook[:, 1:], 10.0)
    assert_allclose(factor, 1, atol=1e-6)
    assert_allclose(np.exp(decoder), np.exp(codebook[:, 1:]), atol=1e-5)
    probes = np.log(problem.pyx)
    ladder = [problem.gains(codebook, probes, 10.0, sweeps=k)[0] for k in range(4)]
    assert (np.diff(ladder, axis=0) >= -1e-12 * np.array(ladder[1:])).all()
    d = problem.distortions(problem.pyx)
    log_z = np.log((np.exp(codebook[:, 0] - 10 * problem.distortions(np.exp(codebook[:, 1:])))).sum(axis=1))
    assert_allclose(ladder[0], problem.px @ np.exp(-10 * d - log_z[:, None]), rtol=1e-10)
