"""The experiments of chapter 01, in small: pure, independent, each number by a second road, slips that bite."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import softmax
from sklearn import metrics

from itdl import acquisition as acquire
from itdl import data, rng
from itdl import entropy as info
from itdl.checks import Array, BadInput
from itdl.studies import choosing_data as choosing
from itdl.studies import entropy_laws as laws
from itdl.studies import predictions

TASK: dict[str, Any] = {
    "seed": 3, "source": "digits", "n_train": 120, "hidden": 8, "epochs": 6, "batch": 32, "rate": 0.01
}  # fmt: skip
RUNS: dict[str, Any] = {"seed": 3, "index": 0, "runs": 3, "pool": 30, "steps": 8, "test": 50}
LEARN: dict[str, Any] = {
    "seed": 3, "index": 0, "source": "digits", "members": 2, "start": 20, "batch": 5, "rounds": 2, "pool": 60,
    "n_test": 80, "hidden": 6, "epochs": 10, "rate": 0.02,
}  # fmt: skip


# Identities


def test_a_die_surprises_by_its_entropy_and_the_wrong_belief_by_more() -> None:
    found = laws.die(seed=3, index=0, p=[0.5, 0.25, 0.25], throws=20_000)
    assert abs(found["own"] - 1) < 0.02
    assert_allclose(found["fair"], np.log(3) / (1.5 * np.log(2)))
    assert found != laws.die(seed=3, index=1, p=[0.5, 0.25, 0.25], throws=20_000)


def test_joints_are_distributions_with_and_without_rare_outcomes() -> None:
    p = laws.joints(3, 0, 60)
    assert p.shape == (60, 3, 4, 3)
    assert_allclose(p.sum(axis=(1, 2, 3)), 1)
    assert p.min() >= 0
    assert (p.max(axis=(1, 2, 3)) > 0.5).any()
    assert (p.max(axis=(1, 2, 3)) < 0.15).any()


def test_the_laws_hold_and_the_slips_break_them() -> None:
    found = laws.laws(seed=3, index=0, trials=40)
    for name in ("uniform", "given", "chain", "parts", "processing"):
        assert found[name] <= 1e-12, name
        assert found[f"{name}_slip"] > 0.05, name


def test_the_gaps_of_one_joint_by_scikit_learn_and_scipy() -> None:
    rng_ = np.random.default_rng(0)
    counts = rng_.integers(1, 9, size=(3, 4, 3))
    p = counts / counts.sum()
    found = laws._one(p)
    rows = np.repeat(np.argwhere(counts > 0), counts[counts > 0], axis=0)
    i_xz = metrics.mutual_info_score(rows[:, 0], rows[:, 2])
    i_xy = metrics.mutual_info_score(rows[:, 0], rows[:, 1])
    assert_allclose(found["processing_slip"], i_xz - i_xy, atol=1e-12)
    x, y = p.sum(axis=(1, 2)), p.sum(axis=(0, 2))
    assert_allclose(found["uniform"], stats.entropy(x) - np.log(3))
    assert_allclose(found["uniform_slip"], stats.entropy(x) + stats.entropy(x, np.roll(x, 1)) - np.log(3))
    h_xy = stats.entropy(p.sum(axis=2).ravel())
    assert_allclose(found["given"], h_xy - stats.entropy(y) - stats.entropy(x), atol=1e-12)
    assert_allclose(found["chain_slip"], stats.entropy(x) + stats.entropy(y) - h_xy, atol=1e-12)
    given = [stats.entropy(p.sum(axis=2)[:, k]) for k in range(4)]
    assert_allclose(found["given_slip"], max(given) - stats.entropy(x))
    both = metrics.mutual_info_score(rows[:, 0] * 4 + rows[:, 1], rows[:, 2])
    assert_allclose(
        found["parts_slip"], abs(both - i_xz - metrics.mutual_info_score(rows[:, 1], rows[:, 2])), atol=1e-12
    )
    markov = np.einsum("xy,yz->xz", p.sum(axis=2), p.sum(axis=0) / y[:, None])
    assert_allclose(found["processing"], info.mutual_information(markov) - i_xy, atol=1e-12)


def test_three_bits_and_a_channel_written_out() -> None:
    xor, chain = laws.three_bits("xor"), laws.three_bits("chain")
    assert [xor[x, y, z] for x, y, z in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0))] == [0.25] * 4
    assert_allclose(chain[0, 1, 1], 0.5 * 0.1 * 0.9)
    assert_allclose([xor.sum(), chain.sum()], 1)
    assert_allclose(laws.channel(0.1, 0.2), [[0.8 * 0.9, 0.8 * 0.1], [0.2 * 0.1, 0.2 * 0.9]])


# Predictions


@pytest.fixture(scope="module")
def read() -> dict[str, Array]:
    return {name: np.asarray(v) for name, v in predictions.classify(index=0, n_test=200, **TASK).items()}


def test_a_classifier_is_read_on_images_it_has_not_seen(read: dict[str, Array]) -> None:
    images = data.digits()
    assert read["logits"].shape == (200, 10)
    assert read["layer"].shape == (200, 8)
    assert read["fit_logits"].shape == (120, 10)
    assert (images.labels[read["rows"]] == read["labels"]).all()
    assert len(set(read["rows"].tolist())) == 200
    order = rng.stream(3, predictions.NAME, "split", 0).permutation(len(images.labels))
    assert not set(order[:120]) & set(read["rows"].tolist())
    assert (images.labels[order[:120]] == read["fit_labels"]).all()
    assert (read["logits"].argmax(axis=1) == read["labels"]).mean() > 0.5
    assert (read["fit_logits"].argmax(axis=1) == read["fit_labels"]).mean() > 0.7
    assert np.abs(read["layer"]).max() <= 1


def test_a_classifier_is_the_same_again_and_another_for_another_index(read: dict[str, Array]) -> None:
    again, other = (predictions.classify(index=i, n_test=200, **TASK) for i in (0, 1))
    assert all(np.array_equal(v, again[name]) for name, v in read.items())
    assert not np.array_equal(read["logits"], other["logits"])


def test_networks_without_a_class_are_asked_about_that_class() -> None:
    found = predictions.unseen(index=0, **TASK)
    entropies, flat = np.asarray(found["entropy"]), np.asarray(found["flat"])
    assert entropies.shape == flat.shape == (10, 100)
    assert_allclose(flat, np.log(10))
    assert 0 < entropies.mean() < np.log(10)


def test_loss_and_entropy_by_scipy(read: dict[str, Array]) -> None:
    for t in (0.5, 1.0, 3.0):
        p = softmax(read["logits"] / t, axis=1)
        loss, entropy = predictions.loss_and_entropy(read["logits"], read["labels"], t)
        assert_allclose(loss, metrics.log_loss(read["labels"], p, labels=range(10)))
        assert_allclose(entropy, stats.entropy(p, axis=1).mean())


def test_the_best_temperature_beats_its_neighbours_and_keeps_the_promise(read: dict[str, Array]) -> None:
    z, y = read["logits"], read["labels"]
    best = predictions.best_temperature(z, y)
    loss, entropy = predictions.loss_and_entropy(z, y, best)
    assert_allclose(loss, entropy, atol=1e-7)
    assert all(predictions.loss_and_entropy(z, y, best * f)[0] > loss for f in (0.9, 1.1))
    assert_allclose(predictions.best_temperature(3 * z, y), 3 * best, rtol=1e-6)


@pytest.mark.parametrize("labels", [np.arange(3), np.roll(np.arange(3), 1)])
def test_a_loss_that_falls_to_the_end_has_no_best_temperature(labels: np.ndarray) -> None:
    """Every image right: the colder the better. Every image wrong: the hotter."""
    with pytest.raises(BadInput, match=r"no minimum at a temperature between 0.01 and 100; every image may be right"):
        predictions.best_temperature(0.01 * np.eye(3), labels)


def test_counted_information_is_that_of_scikit_learn() -> None:
    codes, labels = np.array([0, 0, 1, 1, 3, 3, 3]), np.array([0, 1, 1, 1, 2, 2, 0])
    table = predictions.table_of(codes, labels)
    assert table.shape == (4, 3)
    assert_allclose(table[3], np.array([1, 0, 2]) / 7)
    assert_allclose(predictions.information(codes, labels), metrics.mutual_info_score(codes, labels))


def test_renaming_finds_the_permutation_that_was_applied() -> None:
    r = np.random.default_rng(1)
    labels, names = r.integers(10, size=300), r.permutation(10)
    codes = names[labels]
    assert (predictions.renamed(codes, labels) == labels).all()
    codes[:30] = r.integers(10, size=30)
    assert (predictions.renamed(codes, labels) == labels).mean() > 0.9


def test_dealt_codes_share_what_chance_gives_them() -> None:
    r = np.random.default_rng(2)
    codes, labels = r.integers(4, size=500), r.integers(3, size=500)
    dealt = predictions.dealt_information(codes, labels, seed=3, index=0, deals=300)
    assert dealt.shape == (300,)
    assert abs(2 * 500 * dealt.mean() - 3 * 2) < 1
    assert_allclose(dealt, predictions.dealt_information(codes, labels, seed=3, index=0, deals=300))


def test_cells_are_nested_and_as_many_as_asked_for(read: dict[str, Array]) -> None:
    cut = predictions.cells(read["layer"], [2, 5, 20])
    assert [len(np.unique(c)) for c in cut] == [2, 5, 20]
    for coarse, fine in pairwise(cut):
        assert all(len(np.unique(coarse[fine == cell])) == 1 for cell in np.unique(fine))


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(BadInput, match="source is 'letters'; known are digits and fashion_mnist"):
        predictions.read("letters")


def test_more_images_than_there_are_are_refused() -> None:
    with pytest.raises(BadInput, match="1798 images are asked for and the source has 1797; train or test on fewer"):
        predictions.classify(index=0, n_test=1678, **TASK)
    with pytest.raises(BadInput, match="1900 images are asked for and the source has 1797"):
        choosing.digits(dirty=False, **LEARN | {"pool": 1800})


# Choosing data


def test_hypotheses_are_lines_through_the_origin() -> None:
    x = np.array([[1.0, 0.0], [0.0, 2.0]])
    soft, sharp = choosing.hypotheses(x), choosing.hypotheses(x, sharp=True)
    assert soft.shape == (360, 2, 2)
    assert sharp.shape == (120, 2, 2)
    angle = 2 * np.pi * 7.5 / 120
    side = np.array([np.cos(angle), 2 * np.sin(angle)])
    for place, magnitude in enumerate((1, 3, 10)):
        assert_allclose(soft[120 * place + 7, :, 1], 1 / (1 + np.exp(-magnitude * side)))
    assert_allclose(sharp[7, :, 1], side > 0)
    assert_allclose(soft.sum(axis=-1), 1)
    assert choosing.hypotheses(np.stack([x, x, x])).shape == (3, 360, 2, 2)


@pytest.mark.parametrize("kind", choosing.POOLS)
def test_policies_of_one_repetition_see_the_same_pool(kind: str) -> None:
    found = {policy: choosing.plane(kind=kind, policy=policy, **RUNS) for policy in choosing.POLICIES}
    for one in found.values():
        accuracy, entropy = np.asarray(one["accuracy"]), np.asarray(one["entropy"])
        assert accuracy.shape == entropy.shape == (9,)
        assert_allclose(entropy[0], np.log(120 if kind == "sharp" else 360))
        assert_allclose(accuracy[0], np.asarray(found["random"]["accuracy"])[0])
        assert (one["coins"] > 0) <= (kind == "coins")
        assert np.asarray(one["chosen"]).shape == (3, 8)
    assert np.asarray(found["BALD"]["entropy"])[-1] < np.asarray(found["random"]["entropy"])[-1]


def test_entropy_asks_for_coins_and_bald_does_not() -> None:
    coins = {policy: choosing.plane(kind="coins", policy=policy, **RUNS)["coins"] for policy in choosing.POLICIES}
    assert coins["entropy"] > 0.7
    assert coins["BALD"] == 0
    assert 0.05 < coins["random"] < 0.6


def test_without_doubt_entropy_and_bald_ask_alike() -> None:
    chosen = [choosing.plane(kind="sharp", policy=policy, **RUNS)["chosen"] for policy in ("entropy", "BALD")]
    assert np.array_equal(*chosen)


def test_an_unknown_pool_is_refused() -> None:
    with pytest.raises(BadInput, match="kind is 'hard'; known are sharp, soft, coins"):
        choosing.plane(kind="hard", policy="BALD", **RUNS)


def test_identities_of_scores_and_their_slips() -> None:
    found = choosing.identities(seed=3, index=0, inputs=30)
    assert found["drop"] < 1e-12 < 0.05 < found["drop_slip"]
    assert found["two"] == 0
    assert min(found["three"], found["two_slip"]) > 0.02


def test_disorder_counts_pairs_in_plain_loops() -> None:
    a, b = np.array([1.0, 2.0, 3.0, 3.0]), np.array([1.0, 3.0, 2.0, 2.0 + 1e-15])
    turned = sum((a[i] - a[j]) * (b[i] - b[j]) < 0 for i in range(4) for j in range(4))
    assert_allclose(choosing._disorder(a, b), turned / 16)
    assert choosing._disorder(a, a) == 0


def test_greedy_batches_beat_copies() -> None:
    found = choosing.batches(seed=3, index=0, pools=3, inputs=3, size=3)
    assert found["excess"] > 0
    assert found["single"] < found["greedy"] <= 1 + 1e-12
    weights, p = choosing.pool_of(3, 0, inputs=3)
    twice = np.concatenate([p] * 3, axis=1)
    best = acquire.joint_information(weights, twice, [0, 1, 2])
    assert choosing._batch(weights, p, 3)["greedy"] >= (1 - np.exp(-1)) * best / np.log(len(weights))


def test_networks_start_alike_and_ask_differently() -> None:
    found = {dirty: choosing.digits(dirty=dirty, **LEARN) for dirty in (False, True)}
    again = choosing.digits(dirty=True, **LEARN)
    for dirty, one in found.items():
        accuracy = np.asarray(one["accuracy"])
        assert accuracy.shape == (4, 3)
        assert np.ptp(accuracy[:, 0]) == 0
        assert len(np.unique(accuracy[:, 2])) > 1
        assert np.asarray(one["labels"]).tolist() == [20, 25, 30]
        assert (np.asarray(one["dirty"]).max() > 0) == dirty
    assert all(np.array_equal(v, again[name]) for name, v in found[True].items())


def test_mixtures_are_means_of_two_classes_under_one_of_their_names() -> None:
    x, y = np.arange(12.0).reshape(6, 2), np.array([0, 0, 1, 1, 2, 2])
    mixed, labels = choosing._mixtures(x, y, 3, 0)
    for i in range(6):
        partner = np.flatnonzero((2 * mixed[i] - x[i] == x).all(axis=1))
        assert y[partner[0]] != y[i]
        assert labels[i] in (y[i], y[partner[0]])
    many = choosing._mixtures(np.zeros((4000, 1)), np.arange(4000) % 2, 3, 0)[1]
    assert abs((many == np.arange(4000) % 2).mean() - 0.5) < 0.04


def test_pictures_asked_for_are_the_best_that_are_not_known() -> None:
    p = np.array([[[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.6, 0.4]]] * 2)
    picked = choosing._picked("entropy", p, np.array([0.1, 0.9, 0.7, 0.2]), np.array([3]), 2)
    assert picked.tolist() == [2, 0]
    assert choosing._picked("certain", p, np.zeros(4), np.array([3]), 1).tolist() == [1]
    assert choosing._picked("random", p, np.array([0.1, 0.9, 0.7, 0.2]), np.array([1]), 2).tolist() == [2, 3]
