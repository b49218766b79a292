"""The experiments of chapter 06 in small: pure, deterministic, and each helper by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl import gaussian
from itdl.studies import ensemble_formulas as formulas
from itdl.studies import infinite_ensembles as study

ENSEMBLE = {"activation": "erf", "sigma_w": 0.8, "sigma_b": 0.1, "depth": 2}
TASK = {"seed": 3, "index": 1, "d": 5, "n": 20, "m": 60, "information": 0.447, **ENSEMBLE}
TIMES = [1e-2, 1.0, 1e2, 1e4, 1e8]


def test_a_unit_gives_the_same_bits_again_and_others_for_another_index() -> None:
    one, again = (study.curves(**TASK, times=TIMES, sampled=2) for _ in range(2))
    other = study.curves(**(TASK | {"index": 2}), times=TIMES, sampled=2)
    assert all(np.array_equal(one[k], again[k]) for k in one)
    assert not np.array_equal(one["loss"], other["loss"])


def test_curves_obey_their_bounds_on_a_small_task() -> None:
    c = {k: np.asarray(v) for k, v in study.curves(**TASK, times=TIMES, sampled=2).items()}
    assert (c["i_x_lower"] <= np.log(60) + 1e-12).all()
    assert (c["i_y_calibrated"] <= 0.447 + 0.05).all()
    assert (c["frontier"] >= c["i_y_calibrated"] - 0.05).all()
    assert (np.diff(c["train_loss"]) <= 0).all()
    assert (c["bayes_loss"] <= c["loss"] + 1e-9).all()  # Jensen: the ensemble's prediction beats its average member
    assert (c["i_labels"] <= c["i_data"] + 1e-9).all()


def test_shuffled_targets_teach_nothing() -> None:
    honest, shuffled = (study.curves(**(TASK | {"n": 60}), times=TIMES, shuffled=s) for s in (False, True))
    assert np.max(honest["i_y_calibrated"]) > 3 * np.max(shuffled["i_y_calibrated"])


def test_tracks_agree_with_curves() -> None:
    curves, tracks = study.curves(**TASK, times=TIMES), study.tracks(**TASK, times=TIMES)
    assert_allclose(tracks["loss"], curves["loss"], rtol=1e-9)


def test_a_conflict_cannot_be_fitted() -> None:
    assert study.conflict(**TASK)["train_loss"] == pytest.approx(0.25 / 21, rel=1e-6)  # 2 (1/2)^2 over 2 (n + 1)


def test_digits_beat_chance_and_bound_the_entropy_of_the_label() -> None:
    made = study.digits(seed=1, index=0, **ENSEMBLE, n=100, times=[1e-2, 1e6])
    assert made["accuracy"][-1] > 0.8
    assert (made["i_y"] < np.log(2)).all()


def test_single_precision_loses_what_double_precision_keeps() -> None:
    small = TASK | {"sigma_w": 0.1, "n": 120, "d": 8}
    found = study.single_precision(**small, t=1e16)
    assert found["lost32"] > 0
    assert found["lost64"] == 0


def test_the_dip_lies_between_the_two_highest_peaks() -> None:
    t = np.logspace(0, 10, 101)
    x = np.log10(t)
    drift = np.exp(-((x - 2) ** 2)) + 0.5 * np.exp(-((x - 7) ** 2)) + 1e-3
    valley = 1 + (x - 6) ** 2
    assert study.dip_distance(t, drift, valley) == pytest.approx(6 - 0.1 - 4.6, abs=0.2)
    assert study.dip_distance(t, np.exp(-((x - 2) ** 2)), valley) == pytest.approx(10)


def test_falls_and_ranks_by_hand() -> None:
    assert study.largest_fall(np.array([[0, 2, 1.5, 3], [1, 1, 1, 1.0]])).tolist() == [0.5, 0]
    a, b = np.array([[1, 1.0], [2, 2], [3, 3]]), np.array([[1, 3.0], [2, 2], [9, 1]])
    assert_allclose(study.rank_correlation(a, b), [1, -1])


def test_the_joint_covariance_has_the_information_asked_for() -> None:
    assert_allclose(gaussian.mutual_information(study.joint_covariance(0.3), 1), 0.3)
    full, half = (study.joint_covariance(0.3, share=s)[0, 1] ** 2 for s in (1, 0.5))
    assert_allclose(half, full / 2)


def test_second_roads_agree_and_planted_slips_do_not() -> None:
    linear = formulas.linear_model(seed=2, index=0, d=7, n=4, tau=0.8)
    assert_allclose(linear["kl"], linear["kl_exact"], rtol=1e-9)
    assert_allclose(linear["information"], linear["information_dense"], rtol=1e-9)
    assert linear["kl_printed"] > 1.2 * linear["kl_exact"]
    assert linear["information"] < linear["kl_average"]
    kernel = formulas.erf_kernel(seed=2, index=0, sigma_w=1.2, sigma_b=0.2, depth=2, d=3, n=3)
    assert kernel["error"] < 1e-10 < kernel["error_slip"]
    joint = formulas.covariance(seed=2, index=0, **ENSEMBLE, d=3, n=4, m=3, tau=5.0, draws=50_000)
    assert joint["error"] < 5 < joint["error_printed"]
    likelihood = formulas.log_likelihood(seed=2, index=0, draws=50_000)
    assert likelihood["error"] < 5 < likelihood["error_printed"]


def test_the_average_kl_is_the_average_over_labels() -> None:
    many = [formulas.linear_model(seed=s, index=0, d=7, n=4, tau=0.8) for s in range(3)]
    assert all(one["kl_average"] > one["information"] for one in many)


def test_late_quantities_and_the_single_point() -> None:
    late = formulas.late(seed=2, index=0, **(ENSEMBLE | {"sigma_w": 1.2}), d=3, n=4, m=3, draws=50)
    assert abs(late["path_rest"]) < 1e-9
    assert late["kl_slope"] == pytest.approx(1, abs=1e-6)
    point = formulas.point(seed=2, index=0, kernel=0.1, draws=500)
    assert point["printed"] < 1 < point["repaired"]


def test_the_channel_has_both_bounds_beside_the_exact_value() -> None:
    made = formulas.channel(seed=2, index=0, noise=0.5, n=300)
    assert_allclose(made["exact"], 0.5 * np.log(5))
    assert abs(made["lower"] - made["exact"]) < 0.2
    assert made["upper"] >= made["lower"]


def test_finite_networks_report_both_theory_and_slip() -> None:
    size = {"width": 64, "models": 100, "m": 3, "d": 3, "n": 4, "tau": 1.0, "steps": 5, "probed": 4}
    made = formulas.finite_networks(seed=2, index=0, **size, **(ENSEMBLE | {"sigma_w": 1.2}))
    assert made["excess"] < 1.2
    assert made["distance_slip"] > made["distance"]
    assert made["ntk_error_slip"] > 3 * made["ntk_error"]
