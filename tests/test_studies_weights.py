"""The experiments of chapter 09 in small: deterministic, bounded by what is known, and each helper by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import geometry, weights
from itdl.checks import Array, BadInput
from itdl.networks import Perceptrons
from itdl.studies import weight_curvature as curvature
from itdl.studies import weight_formulas as formulas
from itdl.studies import weight_information as study
from itdl.studies import weight_table
from itdl.sweep import Result

BETA: dict[str, Any] = {
    "seed": 3,
    "index": 1,
    "n": 40,
    "fractions": [0.0, 1.0],
    "betas": [0.01, 5.0],
    "steps": 150,
    "width": 8,
}
SGD: dict[str, Any] = {
    "seed": 3,
    "models": 2,
    "n": 60,
    "width": 8,
    "rate": 0.2,
    "epochs": 20,
    "checkpoints": [5, 50, 200],
}
LONG: dict[str, Any] = {"seed": 3, "models": 2, "n": 40, "components": 4, "width": 3, "classes": 2, "rate": 2e-2}


def same(one: Result, two: Result) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


# Formulas


def test_regression_agrees_with_its_formulas() -> None:
    run = formulas.regression(seed=1, index=0, n=40, k=3, prior_sd=1.5, noise_sd=0.5, draws=3000)
    assert run["errors"] < 4 < run["errors_fisher"]
    assert run["gap_rest"] < 1e-12
    assert_allclose(run["gap"], run["exact"] - run["fisher"])
    assert np.isnan(formulas.regression(seed=1, index=0, n=2, k=3, prior_sd=1, noise_sd=1, draws=50)["fisher"])


def test_sampled_posteriors_are_those_of_whole_data_sets() -> None:
    """The targets are never drawn in `regression`; here they are."""
    x, g = np.random.default_rng(1).standard_normal((12, 2)), np.random.default_rng(2)
    short, ratio = formulas._divergences(x, 2.0, 0.5, np.random.default_rng(3), 4000)
    y = 2 * g.standard_normal((4000, 2)) @ x.T + 0.5 * g.standard_normal((4000, 12))
    cov = np.linalg.inv(x.T @ x / 0.25 + np.eye(2) / 4)
    means = y @ x @ cov / 0.25
    whole = 0.5 * ((means**2).sum(axis=1) / 4 + np.trace(cov) / 4 - 2 - np.linalg.slogdet(cov / 4)[1])
    assert abs(short.mean() - whole.mean()) < 4 * np.hypot(short.std(), whole.std()) / 4000**0.5
    assert_allclose(short.std(), whole.std(), rtol=0.1)
    assert abs(short.mean() - ratio.mean()) < 4 * np.hypot(short.std(), ratio.std()) / 4000**0.5
    weak = np.exp(-formulas._divergences(0.2 * x, 1.0, 1.0, np.random.default_rng(4), 4000)[1])
    assert abs(weak.mean() - 1) < 4 * weak.std() / 4000**0.5  # E prior/posterior = 1 at the true weights


def test_other_priors_pay_their_distance() -> None:
    run = formulas.priors(seed=1, index=0, n=20, k=2, sds=[0.5, 1.0, 3.0], draws=4000)
    assert (np.asarray(run["errors"]) < 4).all()
    assert_allclose(np.asarray(run["predicted"])[1], run["exact"])
    assert np.argmin(run["predicted"]) == 1


def test_evidence_and_slope() -> None:
    run = formulas.evidence(seed=1, index=0, n=15, k=3, beta=0.5)
    assert run["off"] < 1e-10 < 0.1 < run["off_mean"]
    assert run["slope_off"] < 1e-6 < 0.01 < run["slope_off_half"]
    # With the mean loss beta = 1 is beta = n of the sum: the minimum has risen by the integral of its slope.
    betas = np.linspace(1, 15, 60)
    slopes = [formulas.evidence(seed=1, index=0, n=15, k=3, beta=beta)["information"] for beta in betas]
    assert_allclose(run["off_mean"], np.trapezoid(slopes, betas), rtol=1e-2)


def test_covariances_and_their_price() -> None:
    run = formulas.covariance(seed=1, index=0, k=4, prior_sd=2.0, beta=0.1)
    assert run["gradient"] < 1e-8 < 0.1 < run["gradient_printed"]
    assert_allclose(run["excess"], run["excess_predicted"], rtol=1e-6)
    assert run["excess"] < 0.5 * np.log(2) - 0.25
    assert 0.5 < run["trace_ratio"] < 1


def test_data_in_weights() -> None:
    run = formulas.data_in_weights(seed=1, index=0, d=2, k=3, beta=0.01)
    assert run["rest"] < 1e-9 < 0.1 < run["rest_printed"]
    assert_allclose(run["rest_printed"], 0.5 * (np.log(2 * np.pi * np.e) - np.log(0.01)))
    assert run["moved"] < 1e-9
    assert_allclose(run["log_fisher_moved"], np.log(100))


def test_the_zigzag_is_a_continuous_map_with_the_slopes_it_says() -> None:
    edges, slopes, values = formulas._zigzag()
    assert_allclose([edges[0], edges[-1], edges[8]], [-1.5, 1.5, 0], atol=1e-12)
    assert_allclose(np.abs(slopes[[0, 7, 8, 15]]), [65.7 / 1.5**7, 65.7, 65.7, 65.7 / 1.5**7])
    assert_allclose((values + slopes * np.diff(edges))[:-1], values[1:], atol=1e-12)
    assert_allclose(formulas._reflect(np.array([1.7, -1.6, 0.3]), -1.5, 1.5), [1.3, -1.4, 0.3])


@pytest.mark.parametrize("batch", [100, 4])
def test_the_zigzag_run_is_reproducible_and_its_readings_are_ordered(batch: int) -> None:
    options = {"seed": 1, "index": 0, "batch": batch, "sets": 40, "runs": 5, "steps": 300}
    one, two = (formulas.zigzag(**options) for _ in range(2))
    assert same(one, two)
    assert 0 < one["information"] < one["estimate"] < np.log(200)
    assert np.log(100 * 3.84**2) < one["log_fisher"] < np.log(100 * 65.71**2)


# Posteriors


def test_posteriors_over_beta() -> None:
    one, two = (study.over_beta(**BETA) for _ in range(2))
    assert same(one, two)
    assert np.asarray(one["loss"]).shape == (2, 2)
    assert (np.asarray(one["kl"])[:, 0] > np.asarray(one["kl"])[:, 1]).all()
    assert (np.asarray(one["accuracy"])[:, 0] > np.asarray(one["accuracy"])[:, 1]).all()
    assert np.asarray(one["test"])[0, 0] > np.asarray(one["test"])[1, 0]
    assert not same(one, study.over_beta(**(BETA | {"index": 0})))


def test_walking_along_beta() -> None:
    walk = {k: v for k, v in BETA.items() if k != "index"}
    run = study.annealed(**walk, models=3)
    assert {np.shape(v) for v in run.values()} == {(2, 2, 2, 3)}
    kl = np.asarray(run["kl"])
    assert (kl[0, :, 0] > 10 * kl[0, :, 1]).all()  # in the order of betas on the way up
    assert (kl[1, :, 0] > kl[1, :, 1] - 0.1).all()  # and on the way back
    assert np.asarray(run["test"])[0, 0, 0].mean() > np.asarray(run["test"])[0, 1, 0].mean()


def test_redrawn_labels_are_nested() -> None:
    labels = np.arange(2000) % 10
    some, all_ = (study.redrawn(labels, f, np.random.default_rng(1)) for f in (0.3, 1.0))
    assert (study.redrawn(labels, 0.0, np.random.default_rng(1)) == labels).all()
    changed = some != labels
    assert (some[changed] == all_[changed]).all()
    assert abs(changed.mean() - 0.27) < 0.04
    assert abs((all_ != labels).mean() - 0.9) < 0.03


def test_images_are_centred_and_split() -> None:
    x, y, x_test, y_test = study.split(1, 0, 100)
    assert x.shape == (100, 64)
    assert len(x_test) == len(y_test) == 500
    assert len(y) == 100
    assert np.ptp(x) <= 2
    whole = np.vstack([study.split(1, 0, 1297)[i] for i in (0, 2)])
    assert_allclose(whole.mean(axis=0), 0, atol=1e-12)
    assert_allclose(whole.std(), study.SPREAD, rtol=0.01)


# Curvature along training


def test_batches() -> None:
    one, two = (curvature.batches(**SGD, batch=20) for _ in range(2))
    assert same(one, two)
    assert list(np.asarray(one["steps"])) == [5, 50, 60, 200]
    assert one["last"] == 2
    losses = np.asarray(one["loss"])
    assert losses.shape == (4, 2)
    assert (np.diff(losses, axis=0) < 0).all()
    assert (np.asarray(one["trace"]) > 0).all()


def test_matching_interpolates_between_logarithms() -> None:
    losses, values = np.array([[1.0, 1], [0.01, 0.25]]), np.array([[100.0, 4], [1, 1]])
    assert_allclose(curvature.matched(losses[:, :1], values[:, :1], 0.1), [10])
    assert_allclose(curvature.matched(losses, values, 0.5), [100 ** (1 - np.log(2) / np.log(100)), 2])


@pytest.mark.parametrize("level", [2.0, 0.001])
def test_a_level_that_is_not_crossed_is_refused(level: float) -> None:
    with pytest.raises(BadInput, match=r"the losses run from 1 to 0\.01, not across .*; choose another"):
        curvature.matched(np.array([[1.0], [0.01]]), np.ones((2, 1)), level)


def test_label_noise() -> None:
    run = curvature.label_noise(
        seed=3, index=0, n=60, fractions=[0.0, 1.0], width=8, batch=20, rate=0.2, checkpoints=[10, 300]
    )
    accuracy, loss = np.asarray(run["accuracy"]), np.asarray(run["loss"])
    assert accuracy.shape == (2, 2)
    assert (loss[1] < loss[0]).all()
    assert loss[1, 0] < loss[1, 1]


def test_long_training_keeps_exact_matrices() -> None:
    run = {k: np.asarray(v) for k, v in curvature.over_time(**LONG, checkpoints=[0, 100, 2000]).items()}
    assert run["trace"].shape == (3, 2)
    assert (run["linear"] < 1e-10).all()
    assert (run["accuracy"][-1] == 1).all()
    assert (run["trace"][-1] < run["fitted"]).all()
    assert (run["restored"] > run["trace"][-1]).all()
    assert (run["information"] > 0).all()


def test_outputs_are_scaled_to_the_loss_asked_for() -> None:
    networks = Perceptrons([3, 4, 2], "tanh")
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(30, 3, generator=g, dtype=torch.float64), torch.zeros(30, dtype=torch.long)
    one = networks.initialise([g], dtype=torch.float64)
    one[-1] += torch.tensor([[6.0], [-6.0]])
    scaled = curvature._at_loss(networks, one, x, y, 0.4)
    assert_allclose(curvature.seen(networks, scaled, x, y[None])[0], 0.4, rtol=1e-6)
    assert torch.equal(scaled[0], one[0])


def test_the_best_prior_is_no_worse_than_its_neighbours() -> None:
    w, h = np.array([0.5, -2, 1]), np.array([30.0, 2, 0.1])
    information, sd = curvature.at_best_prior(w, h)
    costs = [weights.gaussian_information(w, s, 1.0, eigenvalues=h).cost for s in (sd, 0.9 * sd, 1.1 * sd)]
    assert costs[0] == min(costs)
    assert_allclose(information, weights.gaussian_information(w, sd, 1.0, eigenvalues=h).information)


# The table


def table(**changes: Any) -> dict[str, Array]:
    given: dict[str, Any] = {
        "seed": 3,
        "models": 2,
        "n": 60,
        "widths": [6],
        "checkpoints": [5, 40, 300],
        "level": 1.0,
        "batch": 20,
    }
    return {k: np.asarray(v) for k, v in weight_table.dependence(**(given | changes)).items()}


def test_the_table_measures_each_network() -> None:
    one = table()
    assert all(np.array_equal(one[k], v) for k, v in table().items())
    assert one["weights"] == 16 * 6 + 6 + 60 + 10
    assert one["information"].shape == (2,)
    assert (one["loss"] < 1).all()
    assert table(fraction=1.0, level=2.2)["test"].mean() < one["test"].mean()
    assert table(decay=0.1, level=1.9)["loss"].mean() > one["loss"].mean()
    assert table(smoothing=0.3, level=1.9)["loss"].mean() > one["loss"].mean()
    assert table(optimiser="adam", rate=0.01)["loss"].mean() != one["loss"].mean()


def test_every_change_of_the_table_is_one_it_knows() -> None:
    for group in (weight_table.REFERENCE, weight_table.ARCHITECTURES, weight_table.TRAININGS, weight_table.DATA):
        for change in group.values():
            assert set(change) <= {
                "widths",
                "activation",
                "batch",
                "rate",
                "optimiser",
                "decay",
                "smoothing",
                "fraction",
            }


def test_information_of_a_network_by_either_gram_matrix() -> None:
    networks = Perceptrons([4, 3, 2], "tanh")
    p = networks.initialise([torch.Generator().manual_seed(1)], dtype=torch.float64)
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for n in (3, 40):  # fewer rows than weights, and more
        information, trace = weight_table._curvature(networks, p, x[:n])
        factor = geometry.fisher_factor(networks, p, x[:n])[0]
        spectrum = np.linalg.svd(factor.numpy(), compute_uv=False) ** 2
        assert_allclose(information, curvature.at_best_prior(geometry.flatten(p)[0].numpy(), spectrum)[0], rtol=1e-6)
        assert_allclose(trace, geometry.fisher_trace(networks, p, x[:n])[0], rtol=1e-9)


def test_pooling_averages_squares_of_four() -> None:
    image = np.arange(64.0).reshape(1, 64)
    assert_allclose(weight_table._pooled(image)[0, 0] * 0.27, np.mean([0, 1, 8, 9]))
