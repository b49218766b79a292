"""Choosing data: scores by hand, by a second road and by their laws; runs in plain loops; batches by exhaustion."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose
from scipy import stats

from itdl import acquisition as acquire
from itdl.checks import Array, BadInput

LN2 = math.log(2)
# Two hypotheses and four inputs: they agree, they differ, a coin flip under both, sure against unsure.
WEIGHTS = np.array([0.5, 0.5])
P = np.array([[[0.9, 0.1], [1.0, 0.0], [0.5, 0.5], [1.0, 0.0]], [[0.9, 0.1], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5]]])


def binary(p: float) -> float:
    return float(stats.entropy([p, 1 - p]))


@st.composite
def pools(draw: st.DrawFn, low: int = 1) -> tuple[Array, Array]:
    """Weights (H,) and a pool (H, N, C), some hypotheses certain of some labels."""
    rng = np.random.default_rng(draw(SEEDS))
    h, n, c = draw(st.integers(2, 5)), draw(st.integers(low, 5)), draw(st.integers(2, 3))
    p = rng.dirichlet(np.full(c, 0.4), size=(h, n))
    p[rng.random((h, n)) < 0.2] = np.eye(c)[0]
    return rng.dirichlet(np.ones(h)), p


def runs(seed: int, r: int = 3, h: int = 4, n: int = 6, c: int = 3) -> tuple[Array, Array, np.ndarray, Array]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(c), size=(r, h, n))
    return rng.dirichlet(np.ones(h)), p, rng.integers(c, size=(r, n)), rng.random((r, n))


# By hand


def test_the_four_inputs_by_hand() -> None:
    assert_allclose(acquire.predictive(WEIGHTS, P), [[0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.75, 0.25]])
    assert_allclose(acquire.predictive_entropy(WEIGHTS, P), [binary(0.1), LN2, LN2, binary(0.25)])
    assert_allclose(acquire.bald(WEIGHTS, P), [0, LN2, 0, binary(0.25) - LN2 / 2], atol=1e-15)
    assert_allclose(acquire.margin(acquire.predictive(WEIGHTS, P)), [-0.8, 0, 0, -0.5], atol=1e-15)


def test_a_margin_is_between_the_first_two_of_many_classes() -> None:
    assert_allclose(acquire.margin([[0.1, 0.6, 0.3], [0.5, 0.0, 0.5]]), [-0.3, 0], atol=1e-15)


def test_bayes_by_hand() -> None:
    assert_allclose(acquire.update([0.5, 0.25, 0.25], [0.2, 0.4, 0.0]), [0.5, 0.5, 0])
    assert_allclose(acquire.update([[0.5, 0.5], [0.1, 0.9]], [[1, 0], [0.9, 0.1]]), [[1, 0], [0.5, 0.5]])


def test_two_labels_that_say_the_same_are_worth_one() -> None:
    twice = P[:, [1, 1]]
    assert_allclose(acquire.joint_information(WEIGHTS, twice, [0, 1]), LN2)
    assert_allclose(acquire.bald(WEIGHTS, twice).sum(), 2 * LN2)
    assert_allclose(acquire.joint_information(WEIGHTS, P, []), 0, atol=1e-15)


def test_a_batch_leaves_the_copy_and_takes_what_is_new() -> None:
    # Four hypotheses are two bits; inputs 0 and 1 ask for the first of them, input 2 for the second, not quite surely.
    first, second = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 1, 0, 1]] * 0.8 + 0.1
    p = np.stack([first, first, second], axis=1)
    batch = acquire.batch_bald(np.full(4, 0.25), p, 3)
    assert batch.rows == (0, 2, 1)
    assert_allclose(batch.information, [LN2, 2 * LN2 - binary(0.1), 2 * LN2 - binary(0.1)])
    assert acquire.bald(np.full(4, 0.25), p).argsort()[::-1][:2].tolist() == [1, 0]


def test_no_input_is_taken_twice_where_none_says_anything() -> None:
    batch = acquire.batch_bald([0.5, 0.5], np.full((2, 3, 2), 0.5), 3)
    assert batch.rows == (0, 1, 2)
    assert_allclose(batch.information, 0, atol=1e-15)


def test_ties_go_to_the_priority_and_else_to_the_first() -> None:
    scores = [[1.0, 2.0, 2.0 - 1e-14, -np.inf], [0.0, 0.0, 0.0, 0.0]]
    assert acquire.best(scores).tolist() == [1, 0]
    assert acquire.best(scores, [[9, 1, 2, 9], [1, 3, 2, 0]]).tolist() == [2, 1]
    assert acquire.best([1.0, 1.0 + 1e-9], [1, 0]) == 1


# Laws


@LAW
@given(pools())
def test_bald_is_the_expected_drop_of_the_entropy_of_the_weights(pool: tuple[Array, Array]) -> None:
    assert_allclose(acquire.bald(*pool), acquire.entropy_drop(*pool), atol=1e-12)


@LAW
@given(pools())
def test_bald_is_never_negative_and_never_above_either_entropy(pool: tuple[Array, Array]) -> None:
    """0 <= I(y; h) <= min(H(y), H(h))"""
    score = acquire.bald(*pool)
    assert (score >= -1e-12).all()
    assert (score <= acquire.predictive_entropy(*pool) + 1e-12).all()
    assert (score <= stats.entropy(pool[0]) + 1e-12).all()


@LAW
@given(pools())
def test_bald_is_the_mean_divergence_from_the_mean(pool: tuple[Array, Array]) -> None:
    """I(y; h) = sum_h w_h D(p(y | h) || p(y))"""
    weights, p = pool
    divergence = stats.entropy(p, np.broadcast_to(acquire.predictive(weights, p), p.shape), axis=-1)
    assert_allclose(acquire.bald(weights, p), weights @ divergence, atol=1e-12)


@LAW
@given(pools())
def test_hypotheses_that_never_doubt_leave_no_noise(pool: tuple[Array, Array]) -> None:
    weights, p = pool
    sure = np.eye(p.shape[2])[p.argmax(axis=2)]
    assert_allclose(acquire.bald(weights, sure), acquire.predictive_entropy(weights, sure), atol=1e-12)


@LAW
@given(pools())
def test_with_two_classes_margin_and_entropy_rank_alike(pool: tuple[Array, Array]) -> None:
    weights, p = pool
    two = np.stack([p[..., 0], 1 - p[..., 0]], axis=-1)
    lead = acquire.margin(acquire.predictive(weights, two))
    unsure = acquire.predictive_entropy(weights, two)
    assert (np.diff(unsure[lead.argsort()]) >= -1e-12).all()


@FEW
@given(pools(low=3))
def test_the_joint_information_by_its_definition_in_plain_loops(pool: tuple[Array, Array]) -> None:
    weights, p = pool
    rows, found = (0, 2), 0.0
    for labels in product(range(p.shape[2]), repeat=2):
        given_h = [p[h, rows[0], labels[0]] * p[h, rows[1], labels[1]] for h in range(len(weights))]
        mean = sum(w * q for w, q in zip(weights, given_h, strict=True))
        found += sum(w * q * math.log(q / mean) for w, q in zip(weights, given_h, strict=True) if q > 0)
    assert_allclose(acquire.joint_information(weights, p, rows), found, atol=1e-12)


@FEW
@given(pools(low=3))
def test_joint_information_is_below_the_sum_and_adds_less_and_less(pool: tuple[Array, Array]) -> None:
    """I(y_1 y_2 y_3) <= sum of I(y_i); what the third adds to two is at most what it adds to one of them."""
    weights, p = pool

    def joint(*rows: int) -> float:
        return acquire.joint_information(weights, p, rows)

    assert joint(0, 1, 2) <= acquire.bald(weights, p)[:3].sum() + 1e-12
    assert -1e-12 <= joint(0, 1, 2) - joint(0, 1) <= joint(0, 2) - joint(0) + 1e-12


@FEW
@given(pools(low=3))
def test_a_batch_is_greedy_and_not_far_below_the_best(pool: tuple[Array, Array]) -> None:
    weights, p = pool
    batch, n = acquire.batch_bald(weights, p, 3), p.shape[1]
    assert_allclose(batch.information[0], acquire.bald(weights, p).max(), atol=1e-12)
    for k in range(1, 4):
        taken = batch.rows[: k - 1]
        steps = [acquire.joint_information(weights, p, (*taken, row)) for row in range(n) if row not in taken]
        assert_allclose(batch.information[k - 1], max(steps), atol=1e-11)
        assert_allclose(acquire.joint_information(weights, p, batch.rows[:k]), batch.information[k - 1], atol=1e-11)
    optimum = max(acquire.joint_information(weights, p, rows) for rows in combinations(range(n), 3))
    assert batch.information[-1] >= (1 - math.exp(-1)) * optimum - 1e-12
    assert len(set(batch.rows)) == 3


def test_many_pools_at_once_are_the_single_ones() -> None:
    weights, p, _, _ = runs(0)
    many = np.stack([np.full(4, 0.25), weights, weights[::-1]])
    for call in (acquire.predictive, acquire.predictive_entropy, acquire.bald):
        assert_allclose(call(many, p), [call(w, q) for w, q in zip(many, p, strict=True)], rtol=1e-13)
        assert_allclose(call(weights, p), [call(weights, q) for q in p], rtol=1e-13)
        assert_allclose(call(many, p[0]), [call(w, p[0]) for w in many], rtol=1e-13)


# Runs


def slowly(weights: Array, p: Array, labels: np.ndarray, policy: str, steps: int, priority: Array) -> Any:
    """One run in plain loops."""
    chosen, path = [], [weights]
    for _ in range(steps):
        mean = acquire.predictive(path[-1], p)
        top = np.sort(mean, axis=1)[:, ::-1]
        scores = {
            "random": np.zeros(len(labels)),
            "entropy": stats.entropy(mean, axis=1),
            "certain": -stats.entropy(mean, axis=1),
            "margin": top[:, 1] - top[:, 0],
            "BALD": acquire.bald(path[-1], p),
        }[policy]
        free = [i for i in range(len(labels)) if i not in chosen]
        high = max(scores[i] for i in free)
        chosen.append(max((i for i in free if scores[i] > high - 1e-10), key=lambda i: priority[i]))
        path.append(acquire.update(path[-1], p[:, chosen[-1], labels[chosen[-1]]]))
    return chosen, np.array(path)


@pytest.mark.parametrize("policy", list(acquire.POLICIES))
def test_runs_are_those_of_plain_loops(policy: str) -> None:
    weights, p, labels, priority = runs(1)
    p[:, :, 2] = 1 / 3  # a coin flip that all know of
    history = acquire.learn(weights, p, labels, policy=policy, steps=6, priority=priority)
    for r in range(len(p)):
        chosen, path = slowly(weights, p[r], labels[r], policy, 6, priority[r])
        assert history.chosen[r].tolist() == chosen
        assert_allclose(history.weights[r], path, atol=1e-12)
        assert_allclose(history.entropy[r], stats.entropy(path, axis=1), atol=1e-12)
    assert len(acquire.POLICIES) == 5


def test_after_all_labels_no_policy_matters() -> None:
    weights, p, labels, priority = runs(2)
    ends = [
        acquire.learn(weights, p, labels, policy=policy, steps=6, priority=priority).weights[:, -1]
        for policy in acquire.POLICIES
    ]
    for end in ends[1:]:
        assert_allclose(end, ends[0], atol=1e-12)


def test_on_average_bald_learns_what_it_promises() -> None:
    """Mean drop of the entropy over labels drawn from the model = the score of the input that was chosen."""
    rng = np.random.default_rng(5)
    weights, p = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(2), size=(4, 5))
    truth = rng.choice(4, size=4000, p=weights)
    labels = (rng.random((4000, 5)) > p[truth, :, 0]).astype(int)
    many = np.broadcast_to(p, (4000, *p.shape))
    history = acquire.learn(weights, many, labels, policy="BALD", steps=1, priority=np.zeros((4000, 5)))
    drop = history.entropy[:, 0] - history.entropy[:, 1]
    assert abs(drop.mean() - acquire.bald(weights, p).max()) < 4 * drop.std() / 4000**0.5


# Bad input

ONE: Any = ([0.5, 0.5], [[[1.0, 0.0]], [[0.5, 0.5]]])
RUN: dict[str, Any] = {"policy": "BALD", "steps": 1, "priority": [[0.0, 1.0]]}
POOL = [[[[1.0, 0.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]]]


@pytest.mark.parametrize("call", [acquire.predictive, acquire.predictive_entropy, acquire.bald, acquire.entropy_drop])
@pytest.mark.parametrize(
    ("weights", "p", "words"),
    [
        ([0.5, 0.6], ONE[1], "weights sums to 1 only within 0.1"),
        (ONE[0], [[[1.0, 0.2]], [[0.5, 0.5]]], "p sums to 1 only within 0.2"),
        ([0.2, 0.3, 0.5], ONE[1], r"p has shape \(2, 1, 2\) for weights of shape \(3,\); it must be"),
        (ONE[0], [[0.5, 0.5], [0.5, 0.5]], r"p has shape \(2, 2\) for weights of shape \(2,\); it must be"),
    ],
)
def test_what_is_no_pool_is_refused(call: Callable[..., Any], weights: Any, p: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call(weights, p)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: acquire.margin([1.0]), "prediction has one class; a margin needs two or more"),
        (lambda: acquire.margin([0.5, 0.6]), "prediction sums to 1 only within 0.1"),
        (lambda: acquire.update([0.5, 0.5], [0.0, 0.0]), "no hypothesis with weight allows the label that was seen"),
        (lambda: acquire.update([1.0, 0.0], [0.0, 1.0]), "no hypothesis with weight allows the label"),
        (lambda: acquire.update([0.5, 0.6], [0.5, 0.5]), "weights sums to 1 only within 0.1"),
        (lambda: acquire.update([0.5, 0.5], [np.nan, 0.5]), r"likelihood\[0\] is nan"),
        (lambda: acquire.best([-np.inf, -np.inf]), "no finite score is left to choose from"),
        (lambda: acquire.best([np.nan, 1.0]), "no finite score is left to choose from"),
        (lambda: acquire.best([0.0, 1.0], [np.nan, 0.0]), r"priority\[0\] is nan"),
        (lambda: acquire.entropy_drop(ONE[0], [ONE[1]]), r"p \(1, 2, 1, 2\) are many pools; pass one"),
        (lambda: acquire.joint_information([ONE[0]], [ONE[1]], [0]), r"weights \(1, 2\) and p \(1, 2, 1, 2\) are many"),
        (lambda: acquire.joint_information(*ONE, [0] * 17), "17 labels of 2 classes have more than 65536 outcomes"),
        (lambda: acquire.batch_bald(*ONE, 0), "size is 0 for a pool of 1; a batch has at least one input"),
        (lambda: acquire.batch_bald(*ONE, 2), "size is 2 for a pool of 1"),
        (lambda: acquire.batch_bald([1.0], np.full((1, 20, 2), 0.5), 17), "17 labels of 2 classes have more"),
        (
            lambda: acquire.learn([0.5, 0.5], POOL, [[0, 1]], **RUN | {"policy": "bald"}),
            "policy is 'bald'; known are ran",
        ),
        (
            lambda: acquire.learn([0.5, 0.5], POOL, [[0, 1]], **RUN | {"steps": 3}),
            "steps is 3 for a pool of 2; ask for",
        ),
        (lambda: acquire.learn([0.5, 0.5], POOL, [[0, 1]], **RUN | {"steps": 0}), "steps is 0 for a pool of 2"),
        (lambda: acquire.learn([0.5, 0.5], POOL, [[0, 2]], **RUN), "labels are not whole numbers below 2; number two"),
        (lambda: acquire.learn([0.5, 0.5], POOL, [[0, -1]], **RUN), "labels are not whole numbers below 2"),
        (lambda: acquire.learn([0.5, 0.5], POOL, [[0.0, 1.0]], **RUN), "labels are not whole numbers below 2"),
        (lambda: acquire.learn([1.0], np.ones((1, 1, 2, 1)), [[0, 0]], **RUN), "whole numbers below 1; number two"),
        (lambda: acquire.learn([0.5, 0.5], POOL, [[0]], **RUN), r"labels \(1, 1\) and priority \(1, 2\) do not belong"),
        (lambda: acquire.learn([1.0], POOL, [[0, 1]], **RUN), r"weights \(1,\), p \(1, 2, 2, 2\).* do not belong"),
        (lambda: acquire.learn([0.5, 0.5], POOL[0], [[0, 1]], **RUN), r"p \(2, 2, 2\).* do not belong"),
        (lambda: acquire.learn([0.5, 0.5], np.array(POOL) / 2, [[0, 1]], **RUN), "p sums to 1 only within 0.5"),
        (lambda: acquire.learn([0.5, 0.4], POOL, [[0, 1]], **RUN), "weights sums to 1 only within 0.1"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
