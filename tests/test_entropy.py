"""Discrete information: by hand, by its laws, in plain loops, at the limits, and bad input by its words."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from laws import LAW, channels, distributions, joints, pairs
from numpy.testing import assert_allclose
from scipy import stats

from itdl import entropy as info
from itdl.checks import Array, BadInput

LN2 = math.log(2)
ASYMMETRIC = np.array([[0.5, 0.125, 0.0], [0.0625, 0.0625, 0.25]])


def binary(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p) if 0 < p < 1 else 0.0


# By hand


def test_a_dyadic_source_costs_its_code_length() -> None:
    assert_allclose(info.entropy([0.5, 0.25, 0.125, 0.125]), 1.75 * LN2, rtol=1e-15)


@pytest.mark.parametrize("eps", [0, 0.11, 0.25, 0.5])
def test_a_binary_symmetric_channel_with_an_unfair_input(eps: float) -> None:
    joint = [[0.3 * (1 - eps), 0.3 * eps], [0.7 * eps, 0.7 * (1 - eps)]]
    output = 0.3 * (1 - eps) + 0.7 * eps
    assert_allclose(info.mutual_information(joint), binary(output) - binary(eps), atol=1e-15)
    assert_allclose(info.conditional_entropy(joint), binary(eps), atol=1e-15)


def test_an_asymmetric_joint_by_hand() -> None:
    # p(x) = 5/8, 3/8; p(y) = 9/16, 3/16, 1/4.
    h_x = binary(3 / 8)
    h_y = 9 / 16 * math.log(16 / 9) + 3 / 16 * math.log(16 / 3) + LN2 / 2
    h_xy = LN2 * (0.5 * 1 + 0.125 * 3 + 2 * 0.0625 * 4 + 0.25 * 2)
    assert_allclose(info.mutual_information(ASYMMETRIC), h_x + h_y - h_xy, rtol=1e-14)
    assert_allclose(info.conditional_entropy(ASYMMETRIC), h_xy - h_x, rtol=1e-14)
    assert_allclose(info.conditional_entropy(ASYMMETRIC.T), h_xy - h_y, rtol=1e-14)


def test_divergence_is_asymmetric_and_by_hand() -> None:
    p, q = [0.5, 0.5, 0], [0.25, 0.5, 0.25]
    assert_allclose(info.kl(p, q), 0.5 * LN2, rtol=1e-15)
    assert_allclose(info.cross_entropy(p, q), 1.5 * LN2, rtol=1e-15)
    assert info.kl(q, p) == np.inf


def test_one_bit_is_log_two_nats() -> None:
    assert_allclose(info.bits([LN2, 3 * LN2, np.inf]), [1, 3, np.inf])
    assert_allclose(info.bits(info.entropy([0.5, 0.5])), 1)


def test_a_coin_by_hand() -> None:
    assert_allclose(info.binary_entropy([0, 0.25, 0.5, 1]), [0, binary(0.25), LN2, 0], rtol=1e-15)
    assert info.binary_entropy(0.1).shape == ()
    assert_allclose(info.binary_entropy(np.eye(2)), np.zeros((2, 2)))


def test_given_their_sum_two_fair_bits_tell_of_each_other() -> None:
    fair, both = np.zeros((2, 2, 2)), np.zeros((2, 2, 3))
    for x in (0, 1):
        for y in (0, 1):
            fair[x, y, x ^ y] = both[x, y, x + y] = 0.25
    assert_allclose(info.conditional_mutual_information(fair), LN2, rtol=1e-15)
    assert_allclose(info.conditional_mutual_information(both), LN2 / 2, rtol=1e-15)
    assert_allclose(info.mutual_information(fair.sum(axis=2)), 0, atol=1e-15)
    assert_allclose(info.conditional_mutual_information(fair.transpose(2, 0, 1)), LN2, rtol=1e-15)


def test_leading_axes_are_kept_and_one_vector_serves_many() -> None:
    p = np.array([[[0.5, 0.5], [1, 0]], [[0.25, 0.75], [0.1, 0.9]]])
    assert info.entropy(p).shape == (2, 2)
    assert_allclose(info.entropy(p)[1, 0], binary(0.25))
    assert_allclose(info.kl(p, [0.5, 0.5]), LN2 - info.entropy(p), atol=1e-15)
    assert_allclose(info.cross_entropy([0.5, 0.5], p[1]), -0.5 * np.log(p[1]).sum(axis=1))


# Laws


@LAW
@given(distributions())
def test_entropy_lies_between_zero_and_log_n(p: Array) -> None:
    """0 <= H(p) <= log n"""
    assert -1e-12 <= info.entropy(p) <= math.log(len(p)) + 1e-12


def test_both_ends_of_entropy_are_reached_and_left_quadratically() -> None:
    assert info.entropy([1, 0, 0]) == 0
    assert_allclose(info.entropy(np.full(5, 0.2)), math.log(5), rtol=1e-15)
    eps = 1e-3
    assert_allclose(LN2 - info.entropy([0.5 + eps, 0.5 - eps]), 2 * eps**2, rtol=1e-3)


@LAW
@given(pairs())
def test_gibbs(pq: tuple[Array, Array]) -> None:
    """D(p || q) >= 0, and 0 for p = q"""
    p, q = pq
    assert info.kl(p, q) >= -1e-12
    assert info.kl(p, p) == 0


@LAW
@given(pairs())
def test_pinsker_with_its_tight_constant(pq: tuple[Array, Array]) -> None:
    """D(p || q) >= 2 TV^2, TV half the L1 distance"""
    p, q = pq
    assert info.kl(p, q) >= 2 * (np.abs(p - q).sum() / 2) ** 2 - 1e-12


def test_pinsker_is_nearly_met_close_to_the_fair_coin() -> None:
    eps = 1e-3
    assert 1 <= info.kl([0.5 + eps, 0.5 - eps], [0.5, 0.5]) / (2 * eps**2) < 1.001


@LAW
@given(pairs())
def test_cross_entropy_is_entropy_and_divergence(pq: tuple[Array, Array]) -> None:
    """H(p, q) = H(p) + D(p || q)"""
    p, q = pq
    assert_allclose(info.cross_entropy(p, q), info.entropy(p) + info.kl(p, q), rtol=1e-12, atol=1e-12)


@LAW
@given(joints())
def test_information_is_never_negative_and_below_both_entropies(joint: Array) -> None:
    """0 <= I(X;Y) <= min(H(X), H(Y))"""
    mi = info.mutual_information(joint)
    assert mi >= -1e-12
    assert mi <= min(info.entropy(joint.sum(axis=1)), info.entropy(joint.sum(axis=0))) + 1e-12


def test_a_noiseless_permutation_passes_all_entropy() -> None:
    p = np.array([0.2, 0.3, 0.5])
    joint = np.diag(p)[:, [2, 0, 1]]
    assert_allclose(info.mutual_information(joint), info.entropy(p), rtol=1e-14)


@LAW
@given(joints())
def test_information_is_symmetric(joint: Array) -> None:
    """I(X;Y) = I(Y;X)"""
    assert_allclose(info.mutual_information(joint), info.mutual_information(joint.T), atol=1e-13)


@LAW
@given(joints())
def test_chain_rule(joint: Array) -> None:
    """I(X;Y) = H(Y) - H(Y|X), and H(Y|X) is the average entropy of the rows"""
    p_x = joint.sum(axis=1)
    rows = sum(p * info.entropy(row / p) for p, row in zip(p_x, joint, strict=True) if p > 1e-290)
    assert_allclose(info.conditional_entropy(joint), rows, atol=1e-10)
    mi = info.entropy(joint.sum(axis=0)) - info.conditional_entropy(joint)
    assert_allclose(info.mutual_information(joint), mi, atol=1e-12)


@LAW
@given(distributions(24))
def test_conditional_information_is_the_mean_over_what_is_given(p: Array) -> None:
    """I(X;Y|Z) = sum_z p(z) I(X;Y|Z=z), and I(X;YZ) = I(X;Z) + I(X;Y|Z)"""
    joint = p.reshape(2, 3, 4)
    p_z = joint.sum(axis=(0, 1))
    slices = sum(w * info.mutual_information(joint[..., z] / w) for z, w in enumerate(p_z) if w > 1e-290)
    found = info.conditional_mutual_information(joint)
    assert_allclose(found, slices, atol=1e-10)
    chain = info.mutual_information(joint.reshape(2, 12)) - info.mutual_information(joint.sum(axis=1))
    assert_allclose(found, chain, atol=1e-12)
    assert found >= -1e-12


@LAW
@given(channels())
def test_data_processing(pair: tuple[Array, Array]) -> None:
    """X - Y - Z: I(X;Z) <= I(X;Y)"""
    joint, channel = pair
    assert info.mutual_information(joint @ channel) <= info.mutual_information(joint) + 1e-12


def test_processing_that_can_be_undone_loses_nothing() -> None:
    swap = np.eye(3)[[2, 0, 1]]
    assert_allclose(info.mutual_information(ASYMMETRIC @ swap), info.mutual_information(ASYMMETRIC), rtol=1e-14)
    almost = (1 - 1e-9) * swap + 1e-9 / 3
    lost = info.mutual_information(ASYMMETRIC) - info.mutual_information(ASYMMETRIC @ almost)
    assert 0 < lost < 1e-6


@LAW
@given(distributions(4), distributions(4))
def test_entropy_is_concave(p: Array, q: Array) -> None:
    """H((p + q)/2) >= (H(p) + H(q))/2"""
    assert info.entropy((p + q) / 2) >= (info.entropy(p) + info.entropy(q)) / 2 - 1e-12


# Independent path


@LAW
@given(joints())
def test_information_by_its_definition_in_plain_loops(joint: Array) -> None:
    n, m = joint.shape
    p_x = [sum(joint[i, j] for j in range(m)) for i in range(n)]
    p_y = [sum(joint[i, j] for i in range(n)) for j in range(m)]
    mi = 0.0
    for i in range(n):
        for j in range(m):
            if joint[i, j] > 0:  # logarithms apart: the product p(x) p(y) may underflow
                mi += joint[i, j] * (math.log(joint[i, j]) - math.log(p_x[i]) - math.log(p_y[j]))
    assert_allclose(info.mutual_information(joint), mi, atol=1e-12)


@LAW
@given(pairs())
def test_entropy_and_divergence_agree_with_scipy(pq: tuple[Array, Array]) -> None:
    p, q = pq
    assert_allclose(info.entropy(p), stats.entropy(p), atol=1e-12)
    assert_allclose(info.kl(p, q), stats.entropy(p, q), rtol=1e-12, atol=1e-12)


def test_entropy_is_the_mean_code_length_of_samples() -> None:
    p = np.array([0.7, 0.2, 0.1])
    lengths = -np.log(p[np.random.default_rng(0).choice(3, size=20_000, p=p)])
    assert abs(lengths.mean() - info.entropy(p)) < 4 * lengths.std() / math.sqrt(lengths.size)


# Limits


def test_information_of_tiny_probabilities_does_not_overflow() -> None:
    # p(x) p(y) underflows to 0 here, and D(pxy || px py) would be infinite.
    tiny = 1e-200
    assert_allclose(info.mutual_information([[tiny, 0], [0, 1 - tiny]]), 461.5 * tiny, rtol=0, atol=1e-190)
    assert math.isfinite(info.mutual_information([[tiny, 0], [0, 1]]))


def test_a_missed_outcome_costs_infinitely_much_unless_it_never_occurs() -> None:
    assert info.cross_entropy([0.5, 0.5], [1, 0]) == np.inf
    assert info.kl([0.5, 0.5], [1, 0]) == np.inf
    assert info.kl([1, 0], [1, 0]) == 0
    assert info.cross_entropy([1, 0], [1, 0]) == 0


def test_one_outcome_carries_nothing() -> None:
    assert info.entropy([1]) == 0
    assert info.mutual_information([[1]]) == 0


# Bad input: argument x rule

RULES = [
    ([0.5, 0.6], "sums to 1 only within 0.1"),
    ([1.5, -0.5], "probabilities cannot be negative"),
    ([np.nan, 1], "is nan"),
    ([], "is empty"),
    ("no", "is not an array of numbers"),
    (1.0, "is the single number"),
]
ONE = {"p": info.entropy}
TWO = {"p": lambda bad: info.kl(bad, [0.5, 0.5]), "q": lambda bad: info.kl([0.5, 0.5], bad)}
TWO_MORE = {"p": lambda bad: info.cross_entropy(bad, [0.5, 0.5]), "q": lambda bad: info.cross_entropy([0.5, 0.5], bad)}
CALLS = [(name, call) for calls in (ONE, TWO, TWO_MORE) for name, call in calls.items()]


@pytest.mark.parametrize(("bad", "words"), RULES)
@pytest.mark.parametrize(("name", "call"), CALLS)
def test_what_is_no_distribution_is_refused_by_name(
    name: str, call: Callable[..., Any], bad: object, words: str
) -> None:
    with pytest.raises(BadInput, match=rf"^{name}.*{words}"):
        call(bad)


@pytest.mark.parametrize("function", [info.mutual_information, info.conditional_entropy])
@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([0.5, 0.5], r"pxy has shape \(2,\); a joint distribution is a matrix"),
        ([[[0.5, 0.5]]], r"pxy has shape \(1, 1, 2\)"),
        ([[0.5, 0.5], [0.5, 0.5]], r"pxy sums to 1 only within 1 "),
        ([[1.5, -0.5]], r"pxy\[0, 1\] is -0\.5; probabilities cannot be negative"),
        ([[np.nan, 1]], r"pxy\[0, 0\] is nan"),
        (1.0, r"pxy is the single number"),
    ],
)
def test_what_is_no_joint_is_refused(function: Callable[..., Any], bad: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        function(bad)


@pytest.mark.parametrize("function", [info.kl, info.cross_entropy])
@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        ([1.0], [0.3, 0.3, 0.4], "p has 1 outcomes but q has 3; they must share an alphabet"),
        ([0.5, 0.5], [1.0], "p has 2 outcomes but q has 1"),
        ([[0.5, 0.5]] * 3, [[0.5, 0.5]] * 2, r"p has shape \(3, 2\) but q has \(2, 2\); pass as many of each"),
        ([[0.5, 0.5]], [[0.5, 0.5]] * 2, r"p has shape \(1, 2\) but q has \(2, 2\)"),
    ],
)
def test_shapes_never_broadcast_by_accident(function: Callable[..., Any], p: object, q: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        function(p, q)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: info.binary_entropy([0.2, 1.5]), r"p runs from 0.2 to 1.5; a probability lies between 0 and 1"),
        (lambda: info.binary_entropy(-0.1), r"p runs from -0.1 to -0.1"),
        (lambda: info.binary_entropy(np.nan), r"p is nan"),
        (lambda: info.conditional_mutual_information(np.full((2, 2), 0.25)), r"pxyz has shape \(2, 2\); a joint"),
        (lambda: info.conditional_mutual_information(np.full((2, 2, 2), 0.25)), "pxyz sums to 1 only within 1"),
    ],
)
def test_what_is_no_coin_and_no_joint_of_three_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
