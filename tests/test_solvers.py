"""Bottleneck solvers: by hand, stored answers, laws of the curve, exact enumeration, other starts, and bad input."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, SEEDS
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize
from scipy.special import rel_entr, softmax, xlogy

from itdl import bottleneck, entropy
from itdl.bottleneck import Curve, critical_betas, smooth, solve_dual_ib, solve_ib
from itdl.bottleneck.bifurcations import random_joint
from itdl.checks import Array, BadInput

INPUTS = np.linspace(-1, 0.6, 5)
TOY: Array = softmax(np.outer(INPUTS, [1, -1]), axis=1) / 5
SOLVERS: dict[str, Callable[..., Curve]] = {"ib": solve_ib, "dual": solve_dual_ib}
BOTH = pytest.mark.parametrize("kind", SOLVERS)
BETAS = np.geomspace(0.5, 80, 25)


def joint(seed: int, n_x: int = 6, n_y: int = 4, alpha: float = 1.0) -> Array:
    return random_joint(np.random.default_rng(seed), n_x, n_y, alpha, 1e-4)


def channel(pxy: Array) -> tuple[Array, Array]:
    px = pxy.sum(axis=1)
    return px, pxy / px[:, None]


def distortions(pyx: Array, decoder: Array, kind: str) -> Array:
    """d(x, t) term by term."""
    pairs = rel_entr(pyx[:, None], decoder) if kind == "ib" else rel_entr(decoder, pyx[:, None])
    return np.asarray(pairs.sum(axis=2))


def best_decoder(px: Array, pyx: Array, encoder: Array, kind: str) -> Array:
    posterior = encoder * px[:, None] / (px @ encoder)
    if kind == "ib":
        return np.asarray(posterior.T @ pyx)
    return np.asarray(softmax(posterior.T @ np.log(pyx), axis=1))


def functional(px: Array, pyx: Array, encoder: Array, beta: float, kind: str) -> float:
    """I(X;T) + beta E d at the best decoders, from the encoder alone."""
    used = encoder[:, px @ encoder > 0]
    d = distortions(pyx, best_decoder(px, pyx, used, kind), kind)
    return entropy.mutual_information(px[:, None] * used) + beta * float((px[:, None] * used * d).sum())


def plain_iteration(px: Array, pyx: Array, encoder: Array, beta: float, kind: str, sweeps: int) -> list[float]:
    """The textbook iteration of one beta, in probabilities; the functional at every step."""
    values = []
    for _ in range(sweeps):
        values.append(functional(px, pyx, encoder, beta, kind))
        decoder = best_decoder(px, pyx, encoder, kind)
        weights = (px @ encoder) * np.exp(-beta * distortions(pyx, decoder, kind))
        encoder = weights / weights.sum(axis=1, keepdims=True)
    return values


def partitions(n: int) -> Iterator[list[int]]:
    """All labellings of n points up to renaming (restricted growth strings)."""
    for labels in product(range(n), repeat=n):
        if all(label <= max(labels[:i], default=-1) + 1 for i, label in enumerate(labels)):
            yield list(labels)


# Stored answers

FIXTURES = [
    (4, "ib", 0.490390, 0, 0, 0, 1),
    (4, "dual", 0.553978, 0.146712, 0.031088, 0.040346, 2),
    (6, "ib", 0.683178, 0.268366, 0.053462, 0.053462, 2),
    (6, "dual", 0.706471, 0.349919, 0.065939, 0.079508, 2),
    (8, "ib", 0.796924, 0.410584, 0.074305, 0.074305, 2),
    (8, "dual", 0.809284, 0.444770, 0.078278, 0.091787, 2),
    (12, "ib", 0.961004, 0.521882, 0.086004, 0.086004, 2),
    (12, "dual", 0.970053, 0.534871, 0.087003, 0.099860, 3),
    (16, "ib", 1.086732, 0.668877, 0.096482, 0.096482, 3),
    (16, "dual", 1.090620, 0.683969, 0.097294, 0.107230, 3),
    (32, "ib", 1.369330, 0.982403, 0.110506, 0.110506, 4),
    (32, "dual", 1.372491, 0.986265, 0.110574, 0.116506, 4),
    (64, "ib", 1.569278, 1.427332, 0.120380, 0.120380, 5),
    (64, "dual", 1.569615, 1.429831, 0.120354, 0.121794, 5),
]


@pytest.mark.parametrize(("beta", "kind", "objective", "i_xt", "i_ty", "i_predicted", "clusters"), FIXTURES)
def test_five_inputs_of_an_exponential_family_as_solved_by_another_program(
    beta: float, kind: str, objective: float, i_xt: float, i_ty: float, i_predicted: float, clusters: int
) -> None:
    curve = SOLVERS[kind](TOY, beta)
    assert_allclose(curve.objective, objective, rtol=1e-6)
    found = np.stack([curve.i_xt, curve.i_ty, curve.i_predicted])[:, 0]
    assert_allclose(found, [i_xt, i_ty, i_predicted], atol=1e-5)
    assert curve.clusters[0] == clusters


# Closed forms


@pytest.mark.parametrize("eps", [0.02, 0.1, 0.3])
def test_a_binary_symmetric_channel_has_binary_symmetric_bottlenecks(eps: float) -> None:
    # Mrs Gerber's lemma: T is X through a channel of error a, I(X;T) = log 2 - h(a), I(T;Y) = log 2 - h(a * eps).
    def h(p: float) -> float:
        return float(-xlogy(p, p) - xlogy(1 - p, 1 - p))

    def kept(a: float, beta: float) -> float:
        return (math.log(2) - h(a)) - beta * (math.log(2) - h(a * (1 - eps) + (1 - a) * eps))

    pxy = np.array([[1 - eps, eps], [eps, 1 - eps]]) / 2
    onset = 1 / (1 - 2 * eps) ** 2
    assert_allclose(critical_betas(pxy).ib, onset, rtol=1e-12)
    betas = onset * np.array([0.5, 0.99, 1.05, 1.5, 4, 30])
    curve = solve_ib(pxy, betas)
    for beta, value in zip(betas, curve.i_xt - betas * curve.i_ty, strict=True):
        best = optimize.minimize_scalar(lambda a, b=beta: kept(a, b), bounds=(1e-9, 0.5), options={"xatol": 1e-12})
        assert_allclose(value, min(best.fun, 0), atol=1e-11)
    assert_array_equal(curve.clusters, [1, 1, 2, 2, 2, 2])


def test_binary_labels_have_critical_betas_in_closed_form() -> None:
    px, pyx = channel(TOY)
    mean, logit = px @ pyx[:, 1], np.log(pyx[:, 1] / pyx[:, 0])
    q = 1 / (1 + math.exp(-px @ logit))
    found = critical_betas(TOY)
    assert_allclose(found.ib, mean * (1 - mean) / (px @ (pyx[:, 1] - mean) ** 2), rtol=1e-12)
    assert_allclose(found.dual, 1 / (q * (1 - q) * (px @ (logit - px @ logit) ** 2)), rtol=1e-12)
    assert_allclose([found.ib, found.dual], [4.365469, 3.251676], rtol=1e-6)


def test_critical_betas_are_those_of_the_linearised_iteration() -> None:
    # A second road: finite differences of the textbook iteration at the one-cluster solution.
    pxy = joint(3)
    px, pyx = channel(pxy)
    for kind, critical in zip(SOLVERS, (critical_betas(pxy).ib, critical_betas(pxy).dual), strict=True):

        def next_log_ratio(tilt: Array, kind: str = kind) -> Array:
            encoder = softmax(np.stack([tilt, -tilt], axis=1), axis=1)
            d = distortions(pyx, best_decoder(px, pyx, encoder, kind), kind)
            return np.asarray((d[:, 1] - d[:, 0]) / 2 + 0.5 * np.log((px @ encoder)[0] / (px @ encoder)[1]))

        jacobian = np.stack([(next_log_ratio(1e-5 * e) - next_log_ratio(-1e-5 * e)) / 2e-5 for e in np.eye(6)], axis=1)
        # The uniform tilt, which only renames mass, has eigenvalue one.
        eigenvalues = np.sort(np.abs(np.linalg.eigvals(jacobian)))[::-1]
        assert_allclose(np.min(np.abs(eigenvalues - 1 / critical)), 0, atol=1e-6)


def test_independent_variables_have_no_critical_beta() -> None:
    found = critical_betas(np.outer([0.2, 0.3, 0.5], [0.4, 0.6]))
    assert found.ib == math.inf
    assert found.dual == math.inf
    assert_array_equal(solve_ib(np.outer([0.2, 0.3, 0.5], [0.4, 0.6]), [1, 1e3]).i_xt, 0)


def test_certain_labels_have_no_dual_and_a_degenerate_bottleneck() -> None:
    # kolchinsky2019caveats: below beta = 1 nothing is kept, above it T = Y; the curve between is one straight line.
    pxy = np.array([[0.2, 0], [0.2, 0], [0.2, 0], [0, 0.2], [0, 0.2]])
    found, curve = critical_betas(pxy), solve_ib(pxy, [0.5, 0.99, 1.01, 50])
    assert found.ib == pytest.approx(1)
    assert math.isnan(found.dual)
    assert len(found.eigenvalues_dual) == 0
    h_y = entropy.mutual_information(pxy)
    assert_allclose(curve.i_xt, [0, 0, h_y, h_y], atol=1e-9)
    assert_allclose(curve.i_ty, [0, 0, h_y, h_y], atol=1e-9)
    assert_array_equal(curve.clusters, [1, 1, 2, 2])


# Laws of the curve


@FEW
@given(SEEDS, st.sampled_from(list(SOLVERS)), st.sampled_from([0.3, 1.0, 3.0]))
def test_solutions_are_certified_and_obey_the_laws_of_information(seed: int, kind: str, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    pxy = random_joint(rng, int(rng.integers(2, 8)), int(rng.integers(2, 6)), alpha, 1e-4)
    curve = SOLVERS[kind](pxy, BETAS)
    px, pyx = channel(pxy)
    assert curve.converged.all()
    assert (curve.residual <= 1e-12).all()
    assert (curve.increase <= 1e-12).all()
    assert (curve.n_iter > 0).all()
    assert_allclose(curve.encoder.sum(axis=2), 1, atol=1e-12)
    assert_allclose(curve.decoder.sum(axis=2), 1, atol=1e-12)
    assert_allclose(curve.weights, np.einsum("x,bxt->bt", px, curve.encoder), atol=1e-14)
    # Data processing, twice.
    assert (curve.i_ty <= curve.i_xt + 1e-12).all()
    assert (curve.i_ty <= entropy.mutual_information(pxy) + 1e-12).all()
    # E d at a minimum is a decreasing function of beta, and the minimum of I + beta E d is concave in it.
    assert (np.diff(curve.distortion) <= 1e-6).all()
    for (b0, v0, e0), (b1, v1, e1) in pairwise(zip(curve.betas, curve.objective, curve.distortion, strict=True)):
        assert v1 <= v0 + (b1 - b0) * e0 + 1e-8
        assert v0 <= v1 - (b1 - b0) * e1 + 1e-8
    for b, beta in enumerate(curve.betas):
        assert_allclose(curve.objective[b], functional(px, pyx, curve.encoder[b], beta, kind), atol=1e-10)


@BOTH
def test_quantities_are_those_of_their_definitions(kind: str) -> None:
    pxy = joint(1)
    px, pyx = channel(pxy)
    curve = SOLVERS[kind](pxy, [2.0, 9.0])
    for b in range(2):
        used = curve.weights[b] > 0
        encoder, decoder, weights = curve.encoder[b][:, used], curve.decoder[b, used], curve.weights[b, used]
        assert_allclose(decoder, best_decoder(px, pyx, encoder, kind), atol=1e-12)
        assert_allclose(curve.i_xt[b], entropy.mutual_information(px[:, None] * encoder), atol=1e-12)
        assert_allclose(curve.i_ty[b], entropy.mutual_information(encoder.T @ pxy), atol=1e-12)
        assert_allclose(curve.i_predicted[b], entropy.mutual_information(weights[:, None] * decoder), atol=1e-12)
        d = distortions(pyx, decoder, kind)
        assert_allclose(curve.distortion[b], (px[:, None] * encoder * d).sum(), atol=1e-12)
        # The self-consistent equation of the encoder.
        fixed = weights * np.exp(-curve.betas[b] * d)
        assert_allclose(encoder, fixed / fixed.sum(axis=1, keepdims=True), atol=1e-5)
        assert (np.diff(curve.weights[b]) <= 0).all()


def test_for_the_bottleneck_distortion_is_information_lost() -> None:
    pxy = joint(2)
    curve = solve_ib(pxy, BETAS)
    assert_allclose(curve.distortion, entropy.mutual_information(pxy) - curve.i_ty, atol=1e-12)
    assert_allclose(curve.i_predicted, curve.i_ty, atol=1e-14)


def test_the_dual_distortion_is_a_mean_of_log_partition_functions() -> None:
    pxy = joint(2)
    px, pyx = channel(pxy)
    curve = solve_dual_ib(pxy, [1.0, 3.0, 30.0])
    for b in range(3):
        used = curve.weights[b] > 0
        posterior = curve.encoder[b][:, used] * px[:, None] / curve.weights[b, used]
        log_z = np.log(np.exp(posterior.T @ np.log(pyx)).sum(axis=1))
        assert_allclose(curve.distortion[b], -curve.weights[b, used] @ log_z, atol=1e-12)
        # E d = I(T;Y') - I(X;Y') + E_x D[p(y'|x) || p(y|x)].
        predicted = curve.encoder[b][:, used] @ curve.decoder[b, used]
        information = entropy.mutual_information(px[:, None] * predicted)
        rest = px @ rel_entr(predicted, pyx).sum(axis=1)
        assert_allclose(curve.distortion[b], curve.i_predicted[b] - information + rest, atol=1e-12)


@BOTH
def test_the_slope_of_the_minimum_is_the_distortion(kind: str) -> None:
    pxy = joint(5)
    step = 1e-4
    for beta in (3.0, 11.0, 40.0):
        low, middle, high = SOLVERS[kind](pxy, [beta - step, beta, beta + step]).objective
        assert_allclose((high - low) / (2 * step), SOLVERS[kind](pxy, beta).distortion[0], atol=1e-6)
        assert low + high <= 2 * middle + 1e-12


def test_along_the_curve_information_is_bought_at_price_beta() -> None:
    betas = np.array([7.999, 8.001])
    curve = solve_ib(TOY, betas)
    assert_allclose(np.diff(curve.i_ty) / np.diff(curve.i_xt), 1 / 8, rtol=1e-6)


def test_below_beta_one_nothing_is_kept_and_at_infinity_everything() -> None:
    pxy = joint(4, alpha=0.3)
    curve = solve_ib(pxy, [0.1, 0.999, 1e5])
    assert_array_equal(curve.i_xt[:2], 0)
    assert_array_equal(curve.clusters[:2], 1)
    assert_allclose(curve.i_ty[2], entropy.mutual_information(pxy), atol=1e-7)
    assert_array_equal(curve.clusters[2], 6)
    dual = solve_dual_ib(pxy, 1e5)
    assert_allclose(dual.i_ty, entropy.mutual_information(pxy), atol=1e-7)


@BOTH
def test_order_of_betas_and_names_of_inputs_and_labels_do_not_matter(kind: str) -> None:
    pxy, betas = joint(7), np.array([20.0, 3.0, 7.0, 3.0])
    curve = SOLVERS[kind](pxy, betas)
    assert_array_equal(curve.betas, betas)
    assert_array_equal(curve.i_xt[1], curve.i_xt[3])
    again = SOLVERS[kind](pxy, np.sort(betas))
    assert_allclose(again.objective, curve.objective[[1, 3, 2, 0]], atol=1e-8)
    rows, columns = np.array([3, 5, 0, 1, 4, 2]), np.array([2, 0, 3, 1])
    renamed = SOLVERS[kind](pxy[rows][:, columns], betas)
    assert_allclose(renamed.objective, curve.objective, atol=1e-8)
    assert_allclose(renamed.encoder, curve.encoder[:, rows], atol=1e-3)
    assert_allclose(renamed.decoder, curve.decoder[:, :, columns], atol=1e-3)


@BOTH
def test_two_copies_of_an_input_share_their_clusters(kind: str) -> None:
    pxy = joint(8, n_x=4)
    split = np.vstack([pxy[:1] * 0.3, pxy[:1] * 0.7, pxy[1:]])
    betas = [1.5, 5.0, 60.0]
    one, other = SOLVERS[kind](pxy, betas), SOLVERS[kind](split, betas)
    assert_allclose(one.objective, other.objective, atol=1e-9)
    assert_allclose(other.encoder[:, 0], other.encoder[:, 1], atol=1e-9)


# Nothing better is found by other roads


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_the_textbook_iteration_from_random_starts_finds_nothing_lower(kind: str, seed: int) -> None:
    pxy, rng = joint(seed), np.random.default_rng(seed + 100)
    px, pyx = channel(pxy)
    for beta in (2.5, 6.0, 25.0):
        best = SOLVERS[kind](pxy, beta).objective[0]
        for _ in range(8):
            values = plain_iteration(px, pyx, rng.dirichlet(np.ones(6), size=6), beta, kind, 300)
            assert (np.diff(values) <= 1e-12).all()
            assert values[-1] >= best - 1e-9


@BOTH
def test_a_general_optimiser_finds_nothing_lower(kind: str) -> None:
    pxy, rng = joint(9, n_x=3, n_y=3), np.random.default_rng(1)
    px, pyx = channel(pxy)
    for beta in (3.0, 10.0):
        value = SOLVERS[kind](pxy, beta).objective[0]

        def at(logits: Array, beta: float = beta) -> float:
            return functional(px, pyx, softmax(logits.reshape(3, 3), axis=1), beta, kind)

        runs = [optimize.minimize(at, rng.standard_normal(9) * 2, method="BFGS").fun for _ in range(4)]
        assert min(runs) >= value - 1e-9
        assert_allclose(min(runs), value, atol=1e-4)


@BOTH
def test_random_starts_only_ever_help(kind: str) -> None:
    pxy = joint(11, n_x=8, alpha=0.3)
    betas = np.geomspace(1.2, 20, 6)
    alone = SOLVERS[kind](pxy, betas)
    more = SOLVERS[kind](pxy, betas, restarts=3, seed=5)
    assert (more.objective <= alone.objective + 1e-9).all()
    assert (more.n_iter > alone.n_iter).all()
    same = SOLVERS[kind](pxy, betas, restarts=3, seed=5)
    assert_array_equal(more.encoder, same.encoder)


@BOTH
def test_fewer_clusters_cost_more_and_enough_cost_nothing(kind: str) -> None:
    pxy, betas = joint(12, n_x=7), [4.0, 30.0]
    free = SOLVERS[kind](pxy, betas)
    previous = np.full(2, np.inf)
    for n in range(1, 8):
        curve = SOLVERS[kind](pxy, betas, n_clusters=n)
        assert curve.encoder.shape == (2, 7, n)
        assert (curve.clusters <= n).all()
        assert (curve.objective <= previous + 1e-9).all()
        assert (curve.objective >= free.objective - 1e-9).all()
        previous = curve.objective
    assert_allclose(previous, free.objective, atol=1e-9)


def test_the_dual_decoder_is_the_unique_best_for_its_encoder() -> None:
    pxy, rng = joint(13), np.random.default_rng(2)
    px, pyx = channel(pxy)
    curve = solve_dual_ib(pxy, 6.0)
    used = curve.weights[0] > 0
    mass, decoder = px[:, None] * curve.encoder[0][:, used], curve.decoder[0, used]
    for strength in (1e-3, 0.1, 1.0):
        for _ in range(50):
            other = softmax(np.log(decoder) + strength * rng.standard_normal(decoder.shape), axis=1)
            assert (mass * distortions(pyx, other, "dual")).sum() > curve.distortion[0]


# Deterministic bottleneck


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("alpha", [0.3, 3.0])
def test_hard_clusters_are_the_best_of_all_partitions(seed: int, alpha: float) -> None:
    pxy = joint(seed, n_x=5, n_y=3, alpha=alpha)
    px, pyx = channel(pxy)
    betas = np.array([1.1, 2.0, 5.0, 12.0, 40.0])
    curve = solve_ib(pxy, betas, deterministic=True)
    for limit in (5, 2):
        found = solve_ib(pxy, betas, deterministic=True, n_clusters=limit)
        encoders = [np.eye(5)[p] for p in partitions(5) if max(p) < limit]
        for beta, value in zip(betas, found.objective, strict=True):
            assert_allclose(value, min(functional(px, pyx, q, beta, "ib") for q in encoders), atol=1e-12)
    assert_array_equal(np.sort(curve.encoder, axis=2)[:, :, :-1], 0)
    assert_allclose(curve.i_xt, [entropy.entropy(w) for w in curve.weights], atol=1e-12)
    assert curve.converged.all()
    assert (curve.increase <= 1e-12).all()
    assert (curve.objective >= solve_ib(pxy, betas).objective - 1e-12).all()


def test_hard_clusters_of_more_inputs_stand_every_single_change() -> None:
    pxy = joint(21, n_x=24, n_y=6, alpha=0.5)
    px, pyx = channel(pxy)
    curve = solve_ib(pxy, [3.0, 15.0], deterministic=True, restarts=2)
    for b, beta in enumerate(curve.betas):
        labels = curve.encoder[b].argmax(axis=1)
        for x, t in product(range(24), range(labels.max() + 2)):
            changed = labels.copy()
            changed[x] = t
            value = functional(px, pyx, np.eye(24)[changed], beta, "ib")
            assert value >= curve.objective[b] - 1e-10


# Mixing, and bad input


def test_smoothing_mixes_labels_and_keeps_inputs() -> None:
    pxy = np.array([[0.2, 0.0], [0.3, 0.5]])
    assert_allclose(smooth(pxy, 0.1), [[0.19, 0.01], [0.31, 0.49]], atol=1e-15)
    assert_allclose(smooth(pxy, 0), pxy)
    assert_allclose(smooth(pxy, 1), [[0.1, 0.1], [0.4, 0.4]])
    assert_allclose(smooth(pxy, 0.3).sum(axis=1), pxy.sum(axis=1))
    assert solve_dual_ib(smooth(pxy, 1e-4), 5.0).converged.all()


def test_solvers_leave_their_inputs_as_they_were() -> None:
    pxy, betas = joint(1), np.array([5.0, 2.0])
    kept = pxy.copy(), betas.copy()
    solve_ib(pxy, betas)
    assert_array_equal(pxy, kept[0])
    assert_array_equal(betas, kept[1])


GOOD = np.full((2, 2), 0.25)
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: solve_ib(2 * GOOD, 1.0), "pxy sums to 1 only within 1 "),
    (lambda: solve_ib([[0.5, -0.1], [0.3, 0.3]], 1.0), "probabilities cannot be negative"),
    (lambda: solve_ib([[0.5, math.nan], [0.3, 0.2]], 1.0), "not finite"),
    (lambda: solve_ib([0.5, 0.5], 1.0), r"pxy has shape \(2,\); it must be a matrix p\(x, y\) of two or more inputs"),
    (lambda: solve_ib([[0.5], [0.5]], 1.0), r"shape \(2, 1\); it must be .* two or more inputs and labels"),
    (lambda: solve_ib([[0.5, 0.5], [0, 0]], 1.0), r"pxy\[1\] is a row of zeros, .* leave it out"),
    (lambda: solve_ib(GOOD, 0.0), "smallest 0.0; pass one or a list, all above zero"),
    (lambda: solve_ib(GOOD, [2.0, -1.0]), "smallest -1.0"),
    (lambda: solve_ib(GOOD, [[2.0]]), r"betas have shape \(1, 1\)"),
    (lambda: solve_ib(GOOD, math.nan), "betas is nan"),
    (lambda: solve_ib(GOOD, math.inf), "betas is inf"),
    (lambda: solve_ib(GOOD, []), "betas is empty"),
    (lambda: solve_ib(GOOD, 1.0, n_clusters=3), "n_clusters is 3 for 2 inputs; 2 suffice"),
    (lambda: solve_ib(GOOD, 1.0, n_clusters=0), "n_clusters is 0; it must be a whole number, 1 or more"),
    (lambda: solve_ib(GOOD, 1.0, n_clusters=True), "n_clusters is True"),
    (lambda: solve_ib(GOOD, 1.0, restarts=-1), "restarts is -1; it must be a whole number, 0 or more"),
    (lambda: solve_ib(GOOD, 1.0, max_iter=0), "max_iter is 0"),
    (lambda: solve_ib(GOOD, 1.0, tol=0.0), "tol is 0.0; it must be one number above zero"),
    (lambda: solve_ib(GOOD, 1.0, restarts=1, seed=-1), "seed is -1"),
    (lambda: solve_dual_ib([[0.5, 0.1], [0.4, 0]], 1.0), r"p\(y\|x\) is 0 at x = 1, y = 1; the dual needs every label"),
    (lambda: smooth(GOOD, 1.5), "eps is 1.5; the share of the uniform distribution"),
    (lambda: smooth(GOOD, -0.1), "eps is -0.1; it must be one number zero or above"),
    (lambda: critical_betas([[1.0]]), r"pxy has shape \(1, 1\)"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_bad_input_is_refused_in_one_sentence(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()


def test_an_unfinished_solution_says_so() -> None:
    curve = solve_ib(joint(1, n_x=8), 4.0, max_iter=1, tol=1e-25)
    assert not curve.converged.any()
    assert curve.residual[0] > 1e-25
    assert bottleneck.solve_ib(joint(1, n_x=8), 4.0).converged.all()
