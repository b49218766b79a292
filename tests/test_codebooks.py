"""Codebooks: by hand, and what may not change when they are put together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from itdl.bottleneck import codebooks
from itdl.checks import Array

ONE: Array = np.log([[0.5, 0.25, 0.75], [0.5, 0.5, 0.5]])
OTHER: Array = np.log([[0.9, 0.2, 0.8], [0.1, 0.9, 0.1]])


def test_sums_give_weights_and_arithmetic_or_geometric_means() -> None:
    sums = np.array([[0.4, 0.1, 0.3]])
    assert_allclose(np.exp(codebooks.from_sums(sums, geometric=False)[0]), [[0.4, 0.25, 0.75]])
    logs = 0.25 * np.log([0.2, 0.8]) + 0.15 * np.log([0.5, 0.5])
    expected = np.exp(logs / 0.4) / np.exp(logs / 0.4).sum()
    found, weight = codebooks.from_sums(np.array([[0.4, *logs]]), geometric=True)
    assert_allclose(np.exp(found), [[0.4, *expected]])
    assert_allclose(weight, codebooks.metric(found))
    arithmetic, weight = codebooks.from_sums(sums, geometric=False)
    assert_allclose(weight, codebooks.metric(arithmetic))


def test_a_cluster_that_lost_all_mass_is_kept_at_the_deepest_weight() -> None:
    found, _ = codebooks.from_sums(np.zeros((1, 3)), geometric=False)
    assert found[0, 0] == codebooks.DEEPEST
    assert np.isfinite(found).all()


def test_normalised_weights_and_decoders_sum_to_one() -> None:
    state = codebooks.normalised(np.array([[[3.0, 0.0, 1.0], [1.0, 5.0, 5.0]]]))
    assert_allclose(np.exp(state[0, :, 0]).sum(), 1)
    assert_allclose(np.exp(state[0, :, 1:]).sum(axis=1), 1)
    assert_allclose(state[0, 0, 0] - state[0, 1, 0], 2)
    assert_allclose(state[0, 0, 2] - state[0, 0, 1], 1)


def test_the_gap_is_the_jensen_shannon_divergence_of_near_codebooks() -> None:
    step = 1e-4 * np.array([[1.0, 2.0, -1.0], [-1.0, 0.5, 0.5]])
    near = codebooks.normalised((ONE + step)[None])
    joint, other = (np.exp(c[..., :1] + c[..., 1:]).ravel() for c in (ONE, near[0]))
    middle = (joint + other) / 2
    js = 0.5 * (joint @ np.log(joint / middle) + other @ np.log(other / middle))
    assert_allclose(codebooks.gap(ONE[None], near, codebooks.metric(near)), js, rtol=1e-3)
    assert_array_equal(codebooks.gap(ONE[None], ONE[None], codebooks.metric(ONE[None])), 0)


def test_joining_shares_the_mass() -> None:
    both = codebooks.joined(ONE, OTHER, 0.2)
    assert_allclose(np.exp(both[:, 0]), [0.4, 0.4, 0.18, 0.02])
    assert_array_equal(both[:, 1:], np.vstack([ONE, OTHER])[:, 1:])


def test_overlaps_and_likeness() -> None:
    assert_allclose(np.diag(codebooks.overlaps(ONE, ONE)), 1)
    assert_allclose(codebooks.overlaps(ONE, OTHER)[1, 1], np.sqrt(0.45) + np.sqrt(0.05))
    assert codebooks.alike(ONE, ONE[::-1])
    assert not codebooks.alike(ONE, OTHER)
    assert not codebooks.alike(ONE, np.vstack([ONE, ONE[:1]]))
    # Each must find a partner: two copies of one decoder are not like two different ones.
    assert not codebooks.alike(ONE, ONE[[0, 0]])
    assert codebooks.alike(ONE, OTHER, distance=0.5)


@pytest.mark.parametrize("geometric", [False, True])
def test_merging_puts_near_decoders_together_and_drops_the_weightless(geometric: bool) -> None:
    near = np.log([[0.4, 0.3, 0.7], [0.2, 0.31, 0.69], [0.4 - 1e-9, 0.9, 0.1], [1e-9, 0.6, 0.4]])
    found = np.exp(codebooks.merged(near, 1e-3, geometric=geometric))
    pair = np.array([[0.3, 0.7], [0.31, 0.69]])
    mean = np.exp(np.array([2, 1]) / 3 @ np.log(pair)) if geometric else np.array([2, 1]) / 3 @ pair
    assert_allclose(found, [[0.6, *(mean / mean.sum())], [0.4, 0.9, 0.1]], rtol=1e-8)
    assert codebooks.merged(near[:3], 1e-6, geometric=geometric).shape == (3, 3)
    # Chains are taken whole.
    chain = np.log([[0.25, p, 1 - p] for p in (0.3, 0.33, 0.36, 0.39)])
    assert len(codebooks.merged(chain, 1e-3, geometric=geometric)) == 1


def test_padding_adds_rows_without_mass() -> None:
    state = codebooks.padded([ONE, OTHER[:1]])
    assert_array_equal(state[0], ONE)
    assert state[1, 1, 0] == codebooks.ABSENT
    assert_allclose(np.exp(state[1, 1, 1:]).sum(), 1)


def test_the_metric_is_the_fisher_information_of_the_joint() -> None:
    # Its quadratic form is the second-order term of 2 D[p || p + dp].
    weights = codebooks.metric(ONE)
    assert_allclose(weights[:, 0], np.exp(ONE[:, 0]))
    assert_allclose(weights[:, 1:], np.exp(ONE[:, :1] + ONE[:, 1:]))
