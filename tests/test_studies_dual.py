"""The experiments of chapter 07 in small: pure, deterministic, and each helper by hand or against a closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from itdl import bottleneck, entropy
from itdl.bottleneck import Curve
from itdl.checks import Array
from itdl.studies import dual_bottleneck as study
from itdl.studies import dual_prediction as prediction
from itdl.studies import dual_transitions as transitions

SMALL = {"seed": 3, "index": 0, "n_x": 5, "n_y": 3, "alpha": 1.0}


def test_the_toy_is_the_published_one() -> None:
    x = np.linspace(-1, 0.6, 5)
    assert_allclose(study.toy()[:, 1] * 5, expit(-2 * x), rtol=1e-12)
    assert_allclose(entropy.mutual_information(study.toy()), 0.1225975, atol=1e-7)


def test_problems_are_drawn_by_name_and_hold_no_rare_label() -> None:
    one, again, other = (study.problem(3, i, n_x=5, n_y=3, alpha=0.2) for i in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert (one / one.sum(axis=1, keepdims=True)).min() > 0.9e-3


# ---- curves --------------------------------------------------------------------------------------------------------


def test_the_frontier_is_the_envelope_of_its_tangents() -> None:
    """For D(R) = e^-R the point of slope -1/beta has L = I + beta D with I = log beta."""
    betas = np.geomspace(1.01, 100, 2000)
    curve: Any = SimpleNamespace(betas=betas, objective=np.log(betas) + 1)
    rates = np.linspace(0.1, 4, 30)
    found = study.frontier(curve, rates)
    assert_allclose(found, np.exp(-rates), rtol=1e-5)
    assert (found <= np.exp(-rates) + 1e-15).all()
    assert study.frontier(curve, np.array([1e9])) == 0


def test_dual_distortion_and_decoder_of_the_dual_are_its_own() -> None:
    pxy = study.problem(**SMALL)
    dual = bottleneck.solve_dual_ib(pxy, [2.0, 10.0, 50.0])
    assert_allclose(study.dual_distortion(pxy, dual.encoder), dual.distortion, atol=1e-6)
    alive = dual.weights > 1e-6
    assert_allclose(study.geometric_decoder(pxy, dual.encoder)[alive], dual.decoder[alive], atol=1e-4)


def test_posteriors_are_bayes_and_the_prior_where_a_cluster_is_dead() -> None:
    weights, back = study.posterior(np.array([0.25, 0.75]), np.array([[1.0, 0, 0], [0.2, 0.8, 0]]))
    assert_allclose(weights, [0.4, 0.6, 0])
    assert_allclose(back, [[0.625, 0.375], [0, 1], [0.25, 0.75]])


def test_the_comparison_of_the_toy_is_that_of_the_published_settings() -> None:
    made = {k: np.asarray(v) for k, v in study.toy_curves(low=1.0, high=6.0, points=61).items()}
    on_dual, information = made["overlap"][0].astype(bool), made["information"]
    assert made["gap"][on_dual].min() >= 0
    assert made["gap"].max() / information == pytest.approx(0.0021, abs=3e-4)
    assert made["predicted"].max() / information == pytest.approx(0.11, abs=0.01)
    assert (made["excess"] >= -1e-9).all()
    assert made["ib_iterations"].max() > 30 * np.median(made["ib_iterations"])
    assert made["ib_clusters"].max() == made["dual_clusters"].max() == 5


def test_a_random_joint_obeys_its_bounds() -> None:
    made = {k: float(v) for k, v in study.random_curves(**SMALL, points=12).items()}
    assert made["gap_min"] >= -1e-6
    assert 0 <= made["gap_mean"] <= made["gap_max"] < 0.5
    assert made["predicted_mean"] > 0
    assert made["excess_min"] >= -1e-7
    assert 0 < made["excess_share"] < 1
    assert 0 < made["gap_share"] < 1


def test_mixed_bottlenecks_go_uphill_and_true_ones_do_not() -> None:
    made = {k: np.asarray(v) for k, v in study.descent(seed=2, index=0, n=10).items()}
    assert max(made["ib"].max(), made["dual"].max()) < 1e-12
    assert made["mixed"].max() > 1e-4


def test_no_decoder_beats_the_geometric_mean() -> None:
    made = {k: float(v) for k, v in study.decoders(seed=2, index=1, n=200).items()}
    assert made["excess"] >= 0 > made["arithmetic"]
    assert made["formula"] < 1e-12


def test_forms_are_kept_by_the_dual_only() -> None:
    made = {k: np.asarray(v) for k, v in study.forms(points=5).items()}
    assert made["dual"].max() < 1e-10
    assert made["ib"].max() > 0.1
    assert made["difference"].max() < 1e-8 < made["difference_ib"].max()


# ---- bifurcations --------------------------------------------------------------------------------------------------


def test_first_critical_betas_of_many_joints() -> None:
    made = {k: np.asarray(v) for k, v in transitions.critical(seed=1, index=0, alpha=50.0, n=200).items()}
    assert made["ib"].shape == made["dual"].shape == (200,)
    assert (made["ib"] >= 1).all()
    assert np.median(made["dual"] / made["ib"]) == pytest.approx(0.99, abs=0.01)
    again = transitions.critical(seed=1, index=0, alpha=50.0, n=200)
    assert np.array_equal(again["ib"], made["ib"])


@pytest.mark.parametrize(("eps", "ib", "dual"), [(0.1, 1.5859, 0.9054), (0.001, 1.0042, 0.13607)])
def test_the_noise_of_labels_sets_the_scale_of_the_dual(eps: float, ib: float, dual: float) -> None:
    made = transitions.label_noise(eps=eps)
    assert_allclose([made["ib"], made["dual"]], [ib, dual], rtol=1e-3)


def test_the_toy_begins_where_its_eigenvalues_say() -> None:
    made = transitions.toy_onset()
    assert_allclose([made["beta_ib"], made["beta_dual"]], [4.365469, 3.251676], rtol=1e-6)
    assert made["ib"] == pytest.approx(1, abs=0.003)
    assert made["dual"] == pytest.approx(0.9915, abs=0.003)
    assert made["crossed"] == pytest.approx(0.9915 * 0.7449, abs=0.003)


def test_an_onset_is_never_above_the_critical_beta() -> None:
    made = transitions.onset(seed=103, index=5, n_x=6, n_y=4, alpha=1.0)
    assert all(0.5 <= float(made[kind]) <= 1.01 for kind in study.SOLVERS)


def test_the_bifurcations_of_the_toy() -> None:
    made = {k: np.asarray(v) for k, v in transitions.toy_transitions(low=1.0, high=6.0).items()}
    assert_allclose(made["ib_log2_beta"], [2.126, 3.671, 4.801, 5.473], atol=0.01)
    assert_allclose(made["dual_log2_beta"], [1.689, 3.561, 4.761, 5.399], atol=0.03)
    assert made["ib_eigenvalue"][0] > 0.999
    assert (made["dual_eigenvalue"] < 0.999).all()
    assert (made["dual_vanished"] == 1).all()


def test_peaks_by_hand() -> None:
    counts = np.array([2.0, 2, 100, 2, 2])
    assert_allclose(
        transitions.peaks(2.0 ** np.array([1, 1.04, 2, 3, 4]), counts, np.array([1.03, 2.04, 2.06])), [1, 50, 0]
    )


# ---- prediction ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ib", "dual"])
def test_rates_asked_for_are_the_rates_found(kind: str) -> None:
    rates = np.array([0.1, 0.4, 1.0])
    assert_allclose(prediction.at_rates(study.toy(), rates, kind).i_xt, rates, atol=2e-3)


def test_merging_leaves_clusters_that_live_and_differ() -> None:
    encoder = np.array([[0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.8, 0.0]])
    decoder = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    q, means = prediction.merged(encoder, decoder, np.array([0.3, 0.2, 0.5, 0.0]))
    order = np.argsort(means[:, 0])
    assert_allclose(means[order], [[0.2, 0.8], [0.9, 0.1]])
    assert_allclose(q[:, order], [[0.2, 0.8], [0.8, 0.2]])


def test_decoding_the_toy_gives_the_known_errors() -> None:
    """By exact binomial sums over the merged clusters of an independent implementation."""
    made = prediction.toy_decoding(rates=[0.45], labels=[1, 10, 100], log2_betas=[2.5])
    made = {k: np.asarray(v) for k, v in made.items()}
    assert_allclose(made["ib_soft"][0, 1:], [0.1628, 0.1135], atol=5e-4)
    assert_allclose(made["dual_soft"][0, 1:], [0.1633, 0.1192], atol=5e-4)
    assert_allclose(made["equal_ib_hard"][0], [0.277, 0.123, 0.0626], atol=5e-4)
    assert_allclose(made["equal_dual_soft"][0], [0.3195, 0.2027, 0.1689], atol=5e-4)
    assert_allclose([made["ib_distortion"][0], made["dual_distortion"][0]], [0.04512, 0.04494], atol=2e-4)
    assert made["ib_drawn"][0] < made["dual_drawn"][0]
    assert made["dual_averaged"][0] < made["ib_averaged"][0]
    assert made["ib_clusters"][0] == 2


def test_one_cluster_has_no_exponent() -> None:
    made = prediction.toy_decoding(rates=[0.45], labels=[1], log2_betas=[1.0])
    assert np.asarray(made["equal_ib_exponent"])[0] == 0
    assert np.asarray(made["equal_ib_soft"])[0, 0] == pytest.approx(0, abs=1e-12)


def test_decoding_random_joints_gives_every_field_per_share() -> None:
    made = {k: np.asarray(v) for k, v in prediction.decoding(**SMALL, shares=[0.3, 0.6], labels=[1, 5]).items()}
    assert made["dual_soft"].shape == made["ib_hard"].shape == (2, 2)
    assert_allclose(made["rates"][1], 2 * made["rates"][0])
    assert all((made[f"{k}_averaged"] <= made[f"{k}_drawn"] + 1e-12).all() for k in study.SOLVERS)  # Jensen


@pytest.mark.parametrize("kind", ["ib", "dual"])
def test_extending_to_inputs_already_seen_gives_their_encoder(kind: str) -> None:
    pxy = study.problem(**SMALL)
    curve: Curve = study.SOLVERS[kind](pxy, [3.0, 20.0], tol=1e-15)
    pyx: Array = pxy / pxy.sum(axis=1, keepdims=True)
    assert_allclose(prediction.extend(curve, pyx, kind), curve.encoder, atol=1e-5)


def test_unseen_inputs_are_predicted_better_with_their_features() -> None:
    setting: dict[str, Any] = {"seed": 5, "index": 0, "samples": 300, "rates": [0.8], "n_seen": 12, "n_new": 60}
    honest, shuffled = (prediction.unseen(**setting, shuffled=s) for s in (False, True))
    made = {k: float(np.ravel(v)[0]) for k, v in honest.items()}
    assert made["fit"] < made["known_dual"] < made["nearest_ib"]
    assert made["known_dual"] < made["known_dual_drawn"]
    assert made["known_dual"] == pytest.approx(made["known_dual_geometric"], abs=1e-3)
    assert float(np.ravel(shuffled["known_dual"])[0]) > 2 * made["known_dual"]
    assert np.array_equal(honest["nearest_ib"], shuffled["nearest_ib"])


def test_digits_are_predicted_by_their_features() -> None:
    setting: dict[str, Any] = {"rates": [1.5], "n_fit": 300, "n_inputs": 60, "components": 8, "clusters": 12}
    made = {k: float(np.ravel(v)[0]) for k, v in prediction.digits(seed=5, index=0, **setting).items()}
    assert made["fit_accuracy"] > 0.8
    assert made["known_dual_accuracy"] > 0.6 > 0.2 > made["shuffled_dual_accuracy"]
    assert made["known_dual_loss"] < made["known_ib_loss"] < made["shuffled_ib_loss"]
    assert made["dual_i_ty"] < made["information"]
    assert made["dual_i_predicted"] > made["ib_i_predicted"]


def test_scores_and_neighbours_by_hand() -> None:
    found = prediction._scores(np.array([[[0.5, 0.5], [0.1, 0.9]], [[0.25, 0.75], [0.1, 0.9]]]), np.array([1, 1]))
    assert_allclose(found["accuracy"], [0.5, 1.0])
    assert_allclose(found["loss"], [-np.log(0.5 * 0.9) / 2, -np.log(0.75 * 0.9) / 2])
    assert prediction._nearest(np.array([[0.9], [2.1]]), np.array([[0.0], [1.0], [3.0]])).tolist() == [1, 2]
