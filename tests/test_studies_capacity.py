"""The experiments of chapter 02, in small: counts by hand, losses recomputed, laws of the protocol, units pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl import capacity, data
from itdl.checks import BadInput
from itdl.studies import memorised_labels as labels
from itdl.studies import memorised_strings as strings
from itdl.studies import overparametrised as over

COINS: dict[str, Any] = {"seed": 3, "repetitions": 3, "inputs": 5, "hidden": 6, "rate": 0.02}
DIGITS: dict[str, Any] = {"seed": 3, "repetitions": 2, "hidden": 20, "n": 60, "steps": 40, "rate": 0.01}
STRINGS: dict[str, Any] = {"seed": 3, "models": 2, "width": 4, "layers": 1, "rate": 0.02}


# Threshold units


def test_every_labelling_of_points_by_hand() -> None:
    square = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]], dtype=float)
    assert labels.every_labelling(square) == 14
    # Opposite points must get opposite labels; a third point on their line adds none.
    assert labels.every_labelling(np.array([[1.0, 0], [-1, 0]])) == 2
    assert labels.every_labelling(np.array([[1.0, 0], [-1, 0], [0, 1]])) == 4


def test_shares_of_random_labellings_follow_the_count() -> None:
    run = labels.perceptrons(seed=3, index=0, weights=6, ratios=[1.0, 2.0, 3.0], repeats=400)
    assert_allclose(run["points"], [6, 12, 18])
    exact = capacity.separable_fraction(run["points"], 6)
    assert run["share"][0] == 1  # type: ignore[index]
    assert (np.abs(run["share"] - exact) <= 4 * np.sqrt(exact * (1 - exact) / 400)).all()
    other = labels.perceptrons(seed=3, index=1, weights=6, ratios=[2.0], repeats=400)["share"]
    assert other != run["share"][1]  # type: ignore[index]


def test_where_the_count_crosses_a_level() -> None:
    half, low = labels.crossings(50, [0.5, 0.1])
    assert_allclose(half, 100)
    n = math.floor(low)
    shares = capacity.separable_fraction([n, n + 1], 50)
    assert shares[0] >= 0.1 > shares[1]
    assert_allclose(shares[0] + (low - n) * (shares[1] - shares[0]), 0.1)


def test_dropping_inputs_is_one_penalty_for_each_weight() -> None:
    own, common = labels.dropping(seed=4, rate=0.6)
    assert own < 1e-13
    assert common > 1e-2


# Networks on random labels


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    return labels.networks(ratio=0.5, steps=400, **COINS)


def test_a_network_with_room_stores_its_labels_and_no_others(trained: dict[str, Any]) -> None:
    assert trained["weights"] == labels.count(6, 5) == 6 * 5 + 6 + 6 + 1
    assert trained["points"] == round(0.5 * 43)
    assert trained["loss"].shape == trained["other"].shape == trained["error"].shape == (3,)
    assert (trained["error"] == 0).all()
    assert (trained["loss"] < 0.05).all()
    assert (trained["other"] > np.log(2)).all()


def test_labels_are_coins_and_points_without_weight() -> None:
    """Untrained networks, all but, pay about one bit; more labels than fit cannot all be right."""
    short = labels.networks(ratio=4.0, steps=1, **{**COINS, "rate": 1e-9})
    assert (np.abs(short["loss"] - np.log(2)) < 0.4).all()
    assert (np.abs(short["error"] - 0.5) < 4 * 0.5 / np.sqrt(short["points"])).all()
    full = labels.networks(ratio=4.0, steps=300, **COINS)
    assert (full["error"] > 0).all()
    assert (full["loss"] < short["loss"]).all()


@pytest.mark.parametrize("change", [{"decay": 3.0}, {"dropout": 0.5}])
def test_regularisation_stores_less(trained: dict[str, Any], change: dict[str, float]) -> None:
    held = labels.networks(ratio=0.5, steps=400, **COINS, **change)
    assert (held["loss"] > trained["loss"] + 0.02).all()


def test_a_unit_is_pure_and_its_networks_independent(trained: dict[str, Any]) -> None:
    again = labels.networks(ratio=0.5, steps=400, **COINS)
    assert all((np.asarray(again[name]) == trained[name]).all() for name in trained)
    alone = labels.networks(ratio=0.5, steps=400, **{**COINS, "repetitions": 1})
    assert_allclose(alone["loss"], trained["loss"][:1], rtol=1e-6)
    assert len(set(trained["loss"])) == 3
    assert (labels.networks(ratio=0.5, steps=400, **{**COINS, "seed": 4})["loss"] != trained["loss"]).all()


# Transformers on random strings


def test_few_strings_are_stored_up_to_the_ceiling_and_never_above() -> None:
    run = strings.transformers(strings=6, steps=600, **STRINGS)
    assert run["weights"] == strings.parameters(4)
    n = 6 * strings.LENGTH
    stored = capacity.memorised(n, run["loss"], np.log(strings.VOCABULARY))
    ceiling = capacity.string_ceiling(6, strings.LENGTH, strings.VOCABULARY)
    assert (stored <= ceiling + 1e-9).all()
    assert (stored > 0.95 * ceiling).all()
    assert (np.asarray(run["other"]) > np.log(strings.VOCABULARY)).all()


def test_untrained_transformers_have_stored_next_to_nothing() -> None:
    run = strings.transformers(strings=20, steps=1, **{**STRINGS, "rate": 1e-9})
    assert_allclose(run["loss"], np.log(strings.VOCABULARY), rtol=0.1)
    more = strings.transformers(strings=20, steps=1, **{**STRINGS, "rate": 1e-9, "models": 3})
    assert_allclose(np.asarray(more["loss"])[:2], run["loss"], rtol=1e-5)
    assert len(set(np.asarray(more["loss"]).tolist())) == 3


# Digits


def test_true_labels_generalise_and_random_ones_do_not() -> None:
    true, random = (over.networks(labels=kind, **{**DIGITS, "steps": 200}) for kind in ("true", "random"))
    assert true["weights"] == 64 * 20 + 20 + 20 * 10 + 10
    for run in (true, random):
        assert (np.asarray(run["error"]) == 0).all()
    assert (np.asarray(true["test_error"]) < 0.35).all()
    assert (np.abs(np.asarray(random["test_error"]) - 0.9) < 0.05).all()
    assert (np.asarray(true["fitted"]) < np.asarray(random["fitted"])).all()


def test_the_first_step_that_fits_is_found_again() -> None:
    long = {**DIGITS, "steps": 100}
    run, coarse = (over.networks(labels="true", **long, stride=stride) for stride in (1, 7))
    first = np.asarray(run["fitted"])
    assert ((first > 1) & (first < 100)).all()
    assert (np.asarray(coarse["fitted"]) % 7 == 0).all()
    assert (np.asarray(coarse["fitted"]) >= first).all()
    # One step before, not all are right yet.
    short = over.networks(labels="true", **long, stride=int(first[0]) - 1)
    assert np.asarray(short["fitted"])[0] == 2 * (int(first[0]) - 1)
    assert_allclose(coarse["loss"], run["loss"])
    never = over.networks(labels="random", **{**DIGITS, "steps": 6})
    assert (np.asarray(never["error"]) > 0).all()
    assert (np.asarray(never["fitted"]) == 6).all()


@pytest.mark.parametrize("change", [{"decay": 20.0}, {"dropout": 0.8}])
def test_regularised_networks_fit_less(change: dict[str, float]) -> None:
    plain = over.networks(labels="random", **DIGITS)
    held = over.networks(labels="random", **DIGITS, **change)
    assert (np.asarray(held["loss"]) > np.asarray(plain["loss"])).all()


def test_least_squares_peaks_at_as_many_features_as_images_and_is_scipys() -> None:
    features = [20, 40, 60, 66, 100, 400]
    run = over.random_features(seed=3, index=0, n=60, features=features, penalty=0.01)
    loss = np.asarray(run["test_loss"])
    assert loss.shape == (2, 6)
    assert loss[0].argmax() in (2, 3)
    assert loss[1].argmax() == 0
    rng = np.random.default_rng(0)
    fit, targets, test = rng.standard_normal((8, 5)), rng.standard_normal((8, 2)), rng.standard_normal((4, 5))
    shortest, ridge = over._least_squares(fit, targets, test, 0.3)
    assert_allclose(shortest, test @ np.linalg.lstsq(fit, targets, rcond=None)[0])
    strength = 0.3 * 8 * (fit**2).mean()
    assert_allclose(ridge, test @ np.linalg.solve(fit.T @ fit + strength * np.eye(5), fit.T @ targets))
    wide = over._least_squares(fit.T, targets[:5], rng.standard_normal((3, 8)), 0.3)
    assert wide.shape == (2, 3, 2)


def test_errors_and_losses_of_random_features_by_their_definition() -> None:
    run = over.random_features(seed=3, index=1, n=60, features=[400], penalty=1e6)
    # A penalty that crushes everything predicts zero: each image then costs the one of its label.
    assert_allclose(np.asarray(run["test_loss"])[1], 1, rtol=1e-3)
    assert (np.asarray(run["test_error"])[0] < 0.3).all()


def test_splits_share_nothing_and_random_labels_are_even() -> None:
    x, y, rest, answers = over._split(3, 2, 700, True)
    assert x.shape == (2, 700, 64)
    assert rest.shape == (2, 1097, 64)
    assert not (x[0] == x[1]).all()
    pixels = np.concatenate([x[0].numpy(), rest[0].numpy()])
    assert_allclose(np.sort(pixels.sum(axis=1)), np.sort(data.digits().pixels.sum(axis=1)))
    share = np.bincount(y.flatten().numpy(), minlength=10) / 1400
    assert (np.abs(share - 0.1) < 4 * np.sqrt(0.09 / 1400)).all()
    true = over._split(3, 2, 700, False)
    assert (true[1] == y).double().mean() < 0.2
    assert (true[3] == answers).all()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(BadInput, match="labels is 'fake'; they are either 'true' or 'random'"):
        over.networks(labels="fake", **DIGITS)
    for n in (0, 1797):
        with pytest.raises(BadInput, match=rf"n is {n} of 1797 images; leave at least one"):
            over.networks(labels="true", **{**DIGITS, "n": n})
