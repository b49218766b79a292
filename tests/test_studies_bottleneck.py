"""The experiments of chapter 05 on known joints: closed forms, slips that must be seen, words read by topic."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl import bottleneck, data, entropy, gaussian
from itdl.studies import bottleneck_curves as study

SMALL = {"seed": 5, "index": 1, "n_x": 5, "n_y": 3}


def test_the_toy_has_its_published_numbers() -> None:
    toy = study.toy()
    assert_allclose(toy[:, 1] * 5, [0.880797, 0.768525, 0.598688, 0.401312, 0.231475], atol=1e-6)
    assert_allclose(entropy.mutual_information(toy), 0.1225975, atol=1e-7)
    assert_allclose(bottleneck.critical_betas(toy).ib, 4.365469, atol=1e-6)


@pytest.mark.parametrize(("flip", "wrong"), [(0.1, 0.2), (0.05, 0.4), (0.3, 0.01)])
def test_the_symmetric_case_by_hand_is_what_the_solver_finds(flip: float, wrong: float) -> None:
    beta, i_xt, i_ty = study.symmetric_solution(flip, wrong)
    curve = bottleneck.solve_ib(study.flipped(flip), [beta])
    assert_allclose([curve.i_xt[0], curve.i_ty[0]], [i_xt, i_ty], rtol=1e-3)
    step = 1e-6
    one, two = (study.symmetric_solution(flip, w) for w in (wrong - step, wrong + step))
    assert (one[2] - two[2]) / (one[1] - two[1]) == pytest.approx(1 / beta, rel=1e-5)


def test_hard_labels_and_their_copies() -> None:
    assert_allclose(study.hard_labels(0.1).sum(axis=1), 0.2)
    assert_allclose(study.hard_labels(0.1)[:, 1] * 5, [0.1, 0.1, 0.1, 0.9, 0.9])
    h = entropy.entropy([0.6, 0.4])
    assert_allclose(study.copied_labels(0.25, 0), 0.25 * h)
    i_xt, i_ty = study.copied_labels(1, 0.1)
    assert_allclose([i_xt, i_ty], [h, entropy.mutual_information(study.hard_labels(0.1))])


def test_a_grid_has_the_information_of_its_gaussian_pair() -> None:
    pair = study.gaussian_pair(0.8, 40)
    made = study.gaussian_curve(rho=0.8, n=12, betas=[2.0])
    exact, half = (gaussian.mutual_information(made[name], 1) for name in ("cov", "halved"))
    assert_allclose(entropy.mutual_information(pair), exact, atol=1e-3)
    assert_allclose(pair, pair.T)
    assert half == pytest.approx(exact / 2)
    assert np.asarray(made["i_ty"])[0] == pytest.approx(gaussian.frontier(made["cov"], 1, made["i_xt"])[0], abs=5e-3)


def test_the_iteration_descends_and_the_slip_is_seen() -> None:
    found = [study.descent(**(SMALL | {"index": i}), alpha=1.0, beta=8.0, steps=100) for i in range(6)]
    assert max(float(f["increase"]) for f in found) < 1e-10
    assert max(float(f["increase_slip"]) for f in found) > 1e-6


def test_laws_hold_and_their_slips_do_not() -> None:
    found = study.laws(**SMALL, alpha=0.1, betas=np.geomspace(1.05, 40, 15).tolist())
    assert found["slope"] < 1e-7 < found["slope_bits"]
    assert found["processing"] < 1e-9 < found["processing_given"]


def test_the_onset_lies_between_its_two_bounds() -> None:
    for index in range(3):
        found = study.onset(**(SMALL | {"index": index}), alpha=1.0, points=25, restarts=2)
        assert found["onset"] / found["trivial"] >= 0.999
        assert found["trivial"] <= found["local"] * (1 + 1e-9)
        assert found["lowest"] > 0


def test_hard_clusters_are_hard_and_cheaper_where_entropy_counts() -> None:
    found = study.soft_and_hard(**SMALL, alpha=0.3, betas=[2.0, 6.0])
    assert np.abs(found["noise_hard"]).max() < 1e-9 < np.asarray(found["noise_soft"]).max()
    assert 0 <= found["share"] < 1


def test_many_clusters_of_one_half_are_worth_less_in_the_other() -> None:
    found = study.held_out(clusters=30, betas=[3.0, 40.0], eps=0.01)
    at_home, abroad = np.asarray(found["i_ty"]), np.asarray(found["i_ty_other"])
    assert abroad[0] == pytest.approx(at_home[0], rel=0.1)
    assert abroad[1] < 0.95 * at_home[1]


def test_clusters_of_words_read_like_topics() -> None:
    table = data.word_topics()
    curve = bottleneck.solve_ib(table.joint, [4.0], n_clusters=8)
    rows = study.word_clusters(table, curve, 0, 6)
    weights = [float(weight) for weight, *_ in rows]
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) == pytest.approx(1, abs=0.05)
    topics = {topic.split()[0] for _, topic, _ in rows}
    assert {"signal", "ndimage"} <= topics
    assert all(len(words.split(", ")) <= 6 for *_, words in rows)
