"""The experiments of chapter 10 in small: each helper by hand or by a second road, and that units are reproducible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import geometry
from itdl.checks import BadInput
from itdl.networks import Perceptrons
from itdl.studies import activation_information as formulas
from itdl.studies import generalisation, invariance

NOISY: dict[str, Any] = {
    "seed": 3, "index": 0, "nuisance": "patch", "task": "digit", "betas": [0.01, 30.0], "n": 300, "width": 8,
    "steps": 300, "batch": 100, "draws": 1,
}  # fmt: skip
FAMILY: dict[str, Any] = {
    "seed": 3, "index": 0, "hidden": [6], "batch": 50, "n": 100, "inputs": 6, "rate": 1e-2, "steps": 120, "target": 0.8,
    "decays": [0.0, 0.1], "scales": [1.0], "noises": [0.0, 1.0],
}  # fmt: skip


# Formulas


def test_the_derived_fisher_is_the_sampled_one_and_the_printed_form_is_not() -> None:
    for scale in (0.5, 2.0):
        found = formulas.fisher(seed=1, index=0, m=2, d=3, beta=0.05, scale=scale, draws=40_000)
        assert found["derived_error"] < 0.03
        assert found["derived"] == pytest.approx(found["mean"] + found["covariance"])
        assert found["printed_error"] == pytest.approx(abs(found["printed"] / found["sampled"] - 1))
    assert found["printed_error"] > 1


def test_twice_the_input_leaves_a_quarter_of_the_information() -> None:
    found = formulas.scaling(seed=1, index=0, m=2, d=3)
    assert_allclose([found["derived"], found["printed"]], [0.25, 4])


def test_a_smaller_trace_is_not_a_smaller_matrix() -> None:
    found = formulas.order(seed=1, index=0, m=2, d=3, pairs=20)
    assert found["ordered"] > -1e-9
    assert found["traced"] < -0.05


def test_a_wide_layer_is_between_its_bounds_and_a_narrow_one_lacks_rank() -> None:
    narrow = formulas.channel(seed=1, index=0, m=1, d=2, beta=0.1, inputs=500)
    assert narrow["lower"] - 0.1 < narrow["prior"] < narrow["upper"] + 0.1
    assert (narrow["mean"], narrow["missing"]) == (-np.inf, 1)
    assert narrow["constant_prior_gap"] == pytest.approx(0, abs=1e-9)
    wide = [formulas.channel(seed=1, index=0, m=4, d=2, beta=beta, inputs=500) for beta in (0.1, 0.01)]
    assert wide[0]["lower"] < wide[0]["upper"]
    assert wide[0]["lower"] - 0.3 < wide[0]["mean"] < wide[0]["upper"]
    assert [w["missing"] for w in wide] == [0, 0]
    assert 0 < wide[1]["constant_gap"] < 0.2 * wide[0]["constant_gap"]


def test_the_excess_of_a_layer_needs_the_factor_two_and_apart_inputs() -> None:
    one = {"seed": 1, "index": 0, "d": 30, "alpha": 0.05, "units": 20, "inputs": 4000}
    found, together = formulas.excess(**one), formulas.excess(**one, common=2.0)
    assert 0.5 < found["derived"] < 2.5 < 10 < found["printed"]
    assert not 0.5 < together["derived"] < 2.5


def test_a_noisy_layer_knows_the_same_by_three_roads() -> None:
    found = {k: float(v) for k, v in formulas.layer(seed=1, index=0, d=40, alpha=0.1, units=2, inputs=200).items()}
    assert found["gaussian_noise"] < found["gaussian_form"]
    for name in ("gaussian_noise", "log_normal"):
        assert found[name] == pytest.approx(found["gaussian_form"], abs=0.03)
    assert found["unit"] < found["log_normal"]


def test_log_normal_information_of_two_inputs_by_quadrature() -> None:
    """One weight, inputs 1 and e: log z ~ N(-alpha/2, alpha) or one further, a mixture of two Gaussians in log z."""
    alpha = 0.2
    t = np.linspace(-6, 8, 200_001)
    p, q = (np.exp(-((t - shift + alpha / 2) ** 2) / (2 * alpha)) / np.sqrt(2 * np.pi * alpha) for shift in (0, 1))
    mixture = (p + q) / 2

    def h(density: np.ndarray) -> float:
        return float(-np.trapezoid(density * np.log(np.maximum(density, 1e-300)), t))

    exact = h(mixture) - (h(p) + h(q)) / 2
    found = formulas._log_normal_information(np.ones(1), np.array([[1.0], [np.e]]), alpha)
    assert found == pytest.approx(exact, abs=2e-3)


def test_nuisances_keep_to_their_inequality_only_beside_the_label() -> None:
    found = formulas.nuisances(seed=1, index=0, channels=50)
    assert found["sufficient"] < 1e-9
    assert found["own"] < 1e-9
    assert found["any"] > 0.3


# Invariance


def test_marks_are_where_they_should_be() -> None:
    images, places = np.zeros((4, 64)), np.arange(4)
    patch = invariance.marked(images, places, "patch").reshape(-1, 8, 8)
    hidden = invariance.marked(images, places, "hidden").reshape(-1, 8, 8)
    corners = [(slice(0, 2), slice(0, 2)), (slice(0, 2), slice(6, 8)), (slice(6, 8), slice(0, 2)), (slice(6, 8),) * 2]
    for image, other, corner in zip(patch, hidden, corners, strict=True):
        assert (image[corner] == 1).all()
        assert image.sum() == 4
        assert other.sum() == -16
    assert (hidden[1, :4, 4:] == -1).all()
    assert images.sum() == 0
    with pytest.raises(BadInput, match="nuisance is 'blur'; known are patch and hidden"):
        invariance.marked(images, places, "blur")


def test_posteriors_are_reproducible_and_a_large_beta_forgets_all() -> None:
    one, again = (invariance.posteriors(**NOISY) for _ in range(2))
    assert all(np.array_equal(one[k], again[k]) for k in one)
    other = invariance.posteriors(**(NOISY | {"index": 1}))
    assert not np.array_equal(one["kl"], other["kl"])
    kl, accuracy, label = (np.asarray(one[k]) for k in ("kl", "accuracy", "i_y_linear"))
    assert kl[0] > 100 * kl[1]
    assert accuracy[0] > 0.8 > 0.2 > accuracy[1]
    assert label[0] > 1.5 > 0.1 > label[1]
    assert all(np.shape(v) == (2,) for v in one.values())


def test_a_network_that_reads_the_place_knows_it() -> None:
    found = {k: np.asarray(v) for k, v in invariance.posteriors(**(NOISY | {"task": "place", "betas": [0.1]})).items()}
    assert found["i_n_linear"][0] > 1.2
    assert found["i_n_mlp"][0] > 1.2
    assert found["i_y_linear"][0] < 0.1
    assert found["moved_quiet"][0] > 0.5


def labelled(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two models' activations: of the first only the sign of a product tells the label, of the second nothing."""
    r = np.random.default_rng(seed)
    z = r.uniform(-1, 1, (2, n, 2))
    return z, (z[0].prod(axis=1) > 0).astype(int)


def test_probes_find_what_they_can() -> None:
    (z, labels), (z_test, labels_test) = labelled(1, 1500), labelled(2, 800)
    linear = invariance.linear_bounds(z, labels, z_test, labels_test)
    mlp = invariance.mlp_bounds(z, labels, z_test, labels_test, seed=1, names=("test",))
    assert (np.abs(linear) < 0.03).all()
    assert mlp[0] > 0.5
    assert -0.05 < mlp[1] < 0.03


def test_the_bound_is_taken_on_the_half_that_did_not_choose_the_epoch() -> None:
    (z, labels), (z_test, labels_test) = labelled(1, 1500), labelled(2, 800)
    labels_test[1::2] = 1 - labels_test[1::2]
    assert invariance.mlp_bounds(z, labels, z_test, labels_test, seed=1, names=("test",))[0] < -0.5


# Generalisation


def test_a_family_is_reproducible_and_what_it_says_about_one_member_is_so() -> None:
    one, again = (generalisation.family(**FAMILY) for _ in range(2))
    assert all(np.array_equal(one[k], again[k]) for k in one)
    found = {k: np.asarray(v) for k, v in one.items()}
    settings = generalisation.members([0.0, 0.1], [1.0], [0.0, 1.0])
    assert_allclose(settings, [[0, 1, 0], [0, 1, 1], [0.1, 1, 0], [0.1, 1, 1]])
    assert found["loss"].shape == (2, 4)
    assert found["reached"][0] == 1 > found["reached"][3] == 0
    assert found["loss"][1, 0] <= 0.8 < found["loss"][1, 3]
    assert found["loss"][0, 0] < found["loss"][1, 0]
    assert_allclose(found["loss"][0, 3], found["loss"][1, 3])
    assert found["test_error"][0, 0] < 0.4 < 0.8 < found["test_error"][0, 1]
    assert (found["size"] == 6 * 6 + 6 + 6 * 10 + 10).all()
    assert (found["information"] > found["norm"]).all()
    assert found["norm"][0, 2] < found["norm"][0, 0]  # weight decay
    assert found["loss"][0, 2] > 2 * found["loss"][0, 0]


def test_every_network_has_its_own_start_and_what_is_beside_it_does_not_matter() -> None:
    alone, pair = (
        generalisation.family(**(FAMILY | {"decays": [0.0], "noises": [0.0], "scales": scales}))
        for scales in ([1.0], [1.0, 1.0])
    )
    for name in ("loss", "test_loss", "information"):
        one, two = np.asarray(alone[name]), np.asarray(pair[name])
        assert_allclose(two[:, 0], one[:, 0], rtol=1e-4)
        assert (two[:, 0] != two[:, 1]).all()


def test_the_start_is_scaled() -> None:
    idle = FAMILY | {"scales": [1e-3, 4.0], "decays": [0.0], "noises": [0.0], "rate": 1e-9}
    small, large = np.asarray(generalisation.family(**idle)["loss"])[0]
    assert small == pytest.approx(np.log(10), abs=1e-3)
    assert large > np.log(10) + 0.3


def test_a_network_is_stopped_at_its_first_visit_to_the_target() -> None:
    """One input, two classes, no weights but a bias c: its loss is log(1 + e^-c)."""
    networks, x, y = Perceptrons((1, 2), "tanh"), torch.ones(1, 1), torch.zeros(2, 1, dtype=torch.long)
    courses = [(0.0, 0.0), (5.0, 0.0), (-5.0, 1.0), (6.0, 2.0)]
    run = (
        (step, [torch.zeros(2, 2, 1), torch.tensor([[[a], [0.0]], [[b], [0.0]]])])
        for step, (a, b) in enumerate(courses)
    )
    end, matched, reached = generalisation._stops(networks, run, x, y, 0.1)
    assert reached.tolist() == [True, False]
    assert matched[1][:, 0, 0].tolist() == [5, 2]
    assert end[1][:, 0, 0].tolist() == [6, 2]


def test_networks_of_all_shapes_are_laid_side_by_side() -> None:
    repetitions, shapes, batches, members = 3, 2, 2, 4
    numbers = np.arange(repetitions * shapes * batches * 2 * members).reshape(repetitions, shapes, batches, 2, members)
    reached = np.arange(repetitions * shapes * batches * members).reshape(repetitions, shapes, batches, members)
    found = generalisation.pooled({"loss": numbers, "test_loss": 3 * numbers, "reached": reached})
    assert found["loss"].shape == (2, repetitions, shapes * batches * members)
    assert found["reached"].shape == (repetitions, shapes * batches * members)
    for i, j, k, m in np.ndindex(repetitions, shapes, batches, members):
        at = (j * batches + k) * members + m
        assert (found["loss"][:, i, at] == numbers[i, j, k, :, m]).all()
        assert found["reached"][i, at] == reached[i, j, k, m]
    assert_allclose(found["gap"], 2 * found["loss"])


def test_the_information_of_a_network_by_its_dense_formula() -> None:
    networks = Perceptrons((3, 4, 10), "tanh")
    parameters = [p.double() for p in networks.initialise([torch.Generator().manual_seed(0)])]
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).double()
    best, norm, fixed, trace = generalisation._information(networks, parameters, x)
    factor = geometry.fisher_factor(networks, parameters, x)[0].numpy()
    w, fisher = geometry.flatten(parameters)[0].numpy(), factor.T @ factor

    def costs(sd: float) -> tuple[float, float]:
        inner = np.eye(len(w)) + sd**2 * fisher
        logdet = 0.5 * np.linalg.slogdet(inner)[1]
        spread = 0.5 * (len(w) - np.trace(np.linalg.inv(inner)))
        return 0.5 * w @ w / sd**2 + logdet, 0.5 * w @ w / sd**2 + logdet - spread

    grid = np.geomspace(0.01, 100, 161)
    cheapest = grid[np.argmin([costs(sd)[0] for sd in grid])]
    assert best == pytest.approx(costs(cheapest)[1])
    assert norm == pytest.approx(0.5 * w @ w / cheapest**2)
    assert fixed == pytest.approx(costs(1.0)[1])
    assert trace == pytest.approx(np.trace(fisher) / 5)


def test_more_random_labels_redraw_the_same_ones() -> None:
    labels = torch.arange(10).repeat(50)
    some, more, every = (generalisation._relabelled(1, 0, labels, share) for share in (0.3, 0.6, 1.0))
    changed = [(found != labels).numpy() for found in (some, more, every)]
    assert (changed[0] <= changed[1]).all()
    assert (changed[1] <= changed[2]).all()
    assert_allclose([c.mean() for c in changed], [0.27, 0.54, 0.9], atol=0.06)
    assert (generalisation._relabelled(1, 0, labels, 0.0) == labels).all()


def test_rank_correlations_by_hand() -> None:
    a, b = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])
    assert generalisation.concordance(a, b) == pytest.approx(4 / 6)
    assert generalisation.within(a, np.array([2.0, 1, 3, 4]), np.array([0, 0, 1, 1])) == pytest.approx(0)
    assert generalisation.within(a, np.array([1.0, 2, 4, 3]), np.array([0, 0, 0, 1])) == pytest.approx(1)
    given = np.array([1.0, 2, 4, 3])
    tau = 4 / 6
    by_hand = (tau - tau * 2 / 6) / np.sqrt((1 - tau**2) * (1 - (2 / 6) ** 2))
    assert generalisation.partial_concordance(a, b, given) == pytest.approx(by_hand)
    assert generalisation.dealt(a, b, np.zeros(4), seed=1) == pytest.approx(0, abs=0.1)
    with pytest.raises(BadInput, match="the confounder orders the models exactly"):
        generalisation.partial_concordance(a, b, a)


def test_variance_splits_into_that_of_the_groups_and_the_rest() -> None:
    a = np.array([1.0, 3, 5, 7])
    assert generalisation.share_within(a, np.array([0, 0, 1, 1])) == pytest.approx(1 / 5)
    assert generalisation.share_within(a, np.arange(4)) == 0
    assert generalisation.share_within(a, np.zeros(4)) == pytest.approx(1)


def test_the_interval_of_a_correlation_holds_it_and_shrinks() -> None:
    r = np.random.default_rng(4)
    a = r.standard_normal(200)
    b = a + r.standard_normal(200)
    few, many = (generalisation.bootstrap(a[:n], b[:n], seed=1, resamples=300) for n in (25, 200))
    assert few[0] < generalisation.concordance(a[:25], b[:25]) < few[1]
    assert many[1] - many[0] < 0.6 * (few[1] - few[0])
    apart = generalisation.bootstrap(r.standard_normal(100), r.standard_normal(100), seed=1)
    n = 100  # Kendall's variance for independent a and b
    assert apart[1] - apart[0] == pytest.approx(2 * 1.96 * np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))), rel=0.25)
