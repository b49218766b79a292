"""The experiments of chapter 04 in small: counting by hand, pure units, and what each must show at any size."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl import entropy, estimators, gaussian
from itdl.checks import BadInput
from itdl.information_tasks import sparse
from itdl.studies import estimation_laws as laws
from itdl.studies import estimators_compared as study


def test_tables_are_counted_as_the_estimators_count() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(4, size=(2, 60)).astype(float)
    edges = np.arange(5) - 0.5
    table = np.histogram2d(x, y, bins=[edges, edges])[0]
    stacked = np.stack([table, table.T])
    assert_allclose(laws.plug_in(stacked), estimators.binned(x, y, edges))
    assert_allclose(laws.corrected(stacked), estimators.miller_madow(x, y, edges))
    assert_allclose(laws.plug_in(table), entropy.mutual_information(table / 60), atol=1e-12)


def test_a_units_bits_depend_on_its_index_alone() -> None:
    settings = {"seed": 3, "side": 3, "n": 50, "tables": 20, "resamples": 5}
    one, again, other = (laws.counted(**settings, index=i) for i in (1, 1, 2))
    assert one == again
    assert one["bias"] != other["bias"]


def test_full_tables_obey_the_formula_and_empty_ones_deceive() -> None:
    full = laws.counted(seed=1, index=0, side=3, n=500, tables=20_000, resamples=20)
    assert full["bias"] == pytest.approx(full["formula"], rel=0.15)
    assert abs(full["left"]) < 0.2 * full["formula"]
    assert full["believed"] == pytest.approx(full["error"], rel=0.3)
    few = laws.counted(seed=1, index=0, side=20, n=60, tables=50, resamples=20)
    assert few["error"] > 3 * few["believed"]


def test_cells_that_grow_with_the_samples_never_learn() -> None:
    found = laws.unbounded(seed=1, index=0, n=2500)
    assert found["grown"] > 0.3
    assert found["fixed"] < 0.02


def test_histograms_and_neighbours_of_strangers() -> None:
    found = laws.strangers(seed=1, index=0, n=400, information=0.0)
    cells = np.asarray(found["cells"])
    assert cells.shape == (len(laws.CUTS),)
    assert (np.diff(cells) > -0.01).all()
    assert abs(float(found["neighbours"])) < 0.15


@pytest.mark.parametrize("family", ["uniform", "Cauchy", "normal", "normal, 5 + 5"])
def test_independent_families_give_nothing(family: str) -> None:
    found = laws.independent(seed=1, index=0, family=family, n=100, repetitions=20)
    assert abs(float(found["neighbours"])) < 0.1
    draw = laws._draw(np.random.default_rng(0), family, 5000)
    assert draw.shape == (5000, 5 if "5" in family else 1)
    quartile = {"uniform": 0.25, "Cauchy": -1.0}.get(family, -0.674)
    assert np.quantile(draw, 0.25) == pytest.approx(quartile, abs=0.08)


def test_crossings_by_hand() -> None:
    sizes, errors = [10, 100, 1000], np.array([1.0, 0.5, 0.1])
    assert laws.crossing(sizes, errors, 0.3) == pytest.approx(np.log(100) + 0.5 * np.log(10))
    assert laws.crossing(sizes, errors, 2.0) == pytest.approx(np.log(10))
    assert laws.crossing(sizes, errors, 0.05) == pytest.approx(np.log(1000))
    assert laws.crossing(sizes, np.array([1.0, 0.1, 0.5]), 0.3) == pytest.approx(np.log(1000))


def test_more_information_needs_more_samples_of_neighbours_and_not_of_a_fit() -> None:
    few, many = (laws.needed(seed=1, index=0, information=i, sizes=[50, 200, 800], within=0.3) for i in (2.0, 4.5))
    assert few["neighbours"] < many["neighbours"]
    assert few["normal"] == many["normal"] == pytest.approx(np.log(50))
    assert np.asarray(many["errors"]).shape == (3,)


def test_a_fitted_normal_is_that_of_the_sample() -> None:
    x, y = sparse(2, 1, 1.0).sample(np.random.default_rng(0), 500)
    cov = np.cov(np.hstack([x, y]).T)
    assert laws.fitted_normal(x, y) == pytest.approx(gaussian.mutual_information(cov, 2))


def test_the_best_critic_keeps_every_promise_in_small() -> None:
    found = {k: np.asarray(v) for k, v in laws.best_critic(
        seed=1, index=0, information=3.0, d=4, batch=32, batches=60).items()}  # fmt: skip
    assert (found["InfoNCE"] <= np.log(32) + 1e-12).all()
    assert found["InfoNCE"].mean() < 3 < found["leave one out"].mean()
    assert found["NWJ"].mean() == pytest.approx(3, abs=0.6)
    assert (found["NWJ"] <= found["DV"] + 1e-12).all()
    assert all(v.shape == (60,) for v in found.values())


def test_the_variance_of_the_ratio() -> None:
    found = laws.ratios(seed=1, index=0, information=0.25, d=3, draws=100_000, tau=1.0)
    assert found["variance"] == pytest.approx(np.expm1(0.5), rel=0.1)
    assert found["clipped"] < found["variance"]


def test_a_pool_knows_less_than_its_normal_distribution() -> None:
    found = laws.pool(seed=1, index=0, information=20.0, d=10, n=80, share=10, samples=20)
    assert found["limit"] == pytest.approx(np.log(10 * 80 * 80))
    assert found["normal"] == 1.0
    assert found["info_nce"] == 0.0
    assert 0.7 <= float(found["distinct"]) <= 1.0
    crowded = laws.pool(seed=1, index=0, information=20.0, d=2, n=40, share=1, samples=200)
    assert float(crowded["distinct"]) == pytest.approx(np.exp(np.log1p(-np.arange(40) / 1600).sum()), abs=0.12)


def test_noise_on_digits_lies_between_its_bounds() -> None:
    found = laws.noisy_digits(seed=1, index=0, inputs=60, noise=0.8, draws=2000)
    assert found["lower"] < found["exact"] < found["upper"] <= np.log(60)


def test_ranks_undo_maps_of_coordinates_only() -> None:
    for image, same in (("cubic", True), ("half-cube", True), ("spiral", False)):
        found = laws.moved(seed=1, index=0, n=300, information=2.0, image=image)
        assert (found["image, scores"] == found["plain, scores"]) == same
        assert found["image"] != found["plain"]


def test_all_estimators_see_the_same_samples() -> None:
    x, y = study.samples(2, "5 + 5", 300, 2)
    again, _ = study.samples(2, "5 + 5", 300, 3)
    assert np.array_equal(x, again[:2])
    found = study.classical(seed=2, name="5 + 5", n=300, sets=2)
    assert_allclose(found["neighbours"], [estimators.ksg(a, b) for a, b in zip(x, y, strict=True)])
    assert {np.asarray(v).shape for v in found.values()} == {(2,)}


def test_trained_units_stay_below_their_ceiling() -> None:
    settings = {"seed": 2, "n": 300, "sets": 2, "bound": "InfoNCE", "epochs": 2}
    found = study.trained(name="2 + 2", **settings)
    assert found["ceiling"] == pytest.approx(np.log(75))
    assert (np.asarray(found["value"]) <= found["ceiling"]).all()
    ranks = study.trained(name="half-cube", ranks=True, **settings)
    plain = study.trained(name="half-cube", **settings)
    assert not np.array_equal(ranks["value"], plain["value"])


def test_distances_and_who_is_nearest() -> None:
    off = study.errors(2, ["one weak pair", "2 + 2"], 300, 2, 2)
    assert all(v.shape == (2,) for v in off.values())
    found = study.classical(seed=2, name="one weak pair", n=300, sets=2)
    assert off["neighbours"][0] == pytest.approx(np.median(np.abs(np.asarray(found["neighbours"]) - 0.5)))
    table = {"a": np.array([1.0, 0.1]), "b": np.array([0.5, 0.3]), "told": np.array([0.0, 0.0])}
    assert study.nearest(table, without="told") == ["b", "a"]


def test_halves_of_digits_that_do_not_belong_together() -> None:
    found = study.copies(seed=2, sets=1, epochs=6)
    assert np.asarray(found["one"])[0] > 0.3
    assert abs(np.asarray(found["shuffled"])[0]) < 0.15
    assert set(found) == {"one", "other", "two", "doubled", "shuffled"}


def test_every_situation_knows_its_information() -> None:
    for name in study.SITUATIONS:
        assert 0.4 < study.situation(name).information() < 6.1
    with pytest.raises(BadInput, match="situation is 'three'; known are one weak pair"):
        study.situation("three")
