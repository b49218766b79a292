"""Noisy chains: by hand, against the covariance written out, by samples, their laws; and the undoing of a block."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS, matrices
from numpy.testing import assert_allclose

from itdl import gaussian
from itdl import residual_information as residual
from itdl.checks import Array, BadInput


def written_out(maps: Array, noise: Array) -> Array:
    """I(x; x_l) from the joint covariance of x and x_l."""
    d = maps.shape[-1]
    signal, cov = np.eye(d), noise[0] ** 2 * np.eye(d)
    found = []
    for layer in range(len(maps) + 1):
        if layer:
            t = maps[layer - 1]
            signal, cov = t @ signal, t @ cov @ t.T + noise[layer] ** 2 * np.eye(d)
        joint = np.block([[np.eye(d), signal.T], [signal, signal @ signal.T + cov]])
        found.append(gaussian.mutual_information(joint, d))
    return np.array(found)


def test_one_number_by_hand() -> None:
    """x_1 = 3 (x + xi/2) + 2 xi': signal 9, noise 9/4 + 4."""
    out = residual.chain_information([[[3.0]]], [0.5, 2.0])
    assert_allclose(out, [0.5 * math.log(5), 0.5 * math.log(1 + 9 / 6.25)], rtol=1e-14)


@LAW
@given(st.integers(1, 4).flatmap(lambda d: st.lists(matrices(d, d), min_size=1, max_size=4)), SEEDS)
def test_the_recursion_is_the_covariance_written_out(maps: list[Array], seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(0.3, 2, len(maps) + 1)
    stacked = np.stack(maps)
    assert_allclose(residual.chain_information(stacked, noise), written_out(stacked, noise), rtol=1e-7, atol=1e-9)


@LAW
@given(st.lists(matrices(3, 3), min_size=2, max_size=5), st.floats(0.05, 3))
def test_information_never_grows_along_the_chain(maps: list[Array], noise: float) -> None:
    out = residual.chain_information(np.stack(maps), noise)
    assert (np.diff(out) <= 1e-10 * out[0]).all()
    assert (out >= 0).all()
    assert_allclose(out[0], 1.5 * math.log1p(1 / noise**2), rtol=1e-12)


def test_many_chains_at_once_are_the_chains_one_by_one() -> None:
    maps = np.random.default_rng(0).standard_normal((2, 3, 5, 4, 4))
    out = residual.chain_information(maps, 0.3)
    assert out.shape == (2, 3, 6)
    assert_allclose(out[1, 2], residual.chain_information(maps[1, 2], 0.3), rtol=1e-12)


def test_orthogonal_maps_have_a_closed_form() -> None:
    maps = np.linalg.qr(np.random.default_rng(1).standard_normal((64, 8, 8)))[0]
    assert_allclose(residual.chain_information(maps, 0.1), residual.orthogonal_information(8, 0.1, 64), rtol=1e-12)
    assert_allclose(residual.orthogonal_information(2, 1.0, 0), [math.log(2)])


def test_amplification_and_contraction_over_many_layers_keep_their_digits() -> None:
    """A diagonal map g: noise sum of g^(2k), signal g^(2l), one number for each of two directions."""
    layers, noise = 120, 0.1
    for g in (2.5, 0.4):
        power = g ** (-2.0 * (np.arange(layers + 1) + 1))
        accumulated = noise**2 * (1 - power) / (1 - g**-2.0)  # noise over signal
        wanted = np.log1p(1 / accumulated)
        out = residual.chain_information(np.broadcast_to(g * np.eye(2), (layers, 2, 2)), noise)
        assert_allclose(out, wanted, rtol=1e-9)


def test_samples_agree() -> None:
    rng = np.random.default_rng(2)
    maps = np.eye(4) + rng.standard_normal((3, 4, 4)) / 2
    n, noise = 200_000, 0.3
    x = rng.standard_normal((n, 4))
    h = x + noise * rng.standard_normal((n, 4))
    for t in maps:
        h = h @ t.T + noise * rng.standard_normal((n, 4))
    sampled = gaussian.mutual_information(np.cov(np.hstack([x, h]).T), 4)
    assert_allclose(residual.chain_information(maps, noise)[-1], sampled, atol=0.02)


def test_growing_power_keeps_what_unit_power_loses() -> None:
    rng = np.random.default_rng(3)
    raw = np.eye(16) + rng.standard_normal((32, 16, 16)) / 4
    kept, lost = (residual.chain_information(maps, 0.1)[-1] for maps in (raw, raw / math.sqrt(2)))
    assert kept > 5 * lost


@FEW
@given(SEEDS, st.floats(0.1, 0.9))
def test_a_contraction_is_undone_at_its_rate(seed: int, lipschitz: float) -> None:
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((5, 5))
    w *= lipschitz / np.linalg.norm(w, 2)
    x = rng.standard_normal((3, 5))

    def branch(z: Array) -> Array:
        return np.asarray(np.tanh(z @ w))

    y = x + branch(x)
    errors = [np.abs(residual.invert_residual(branch, y, steps) - x).max() for steps in (1, 6, 400)]
    assert errors[2] < 1e-12
    assert errors[1] <= lipschitz**5 * 5**0.5 * max(errors[0], 1e-16) + 1e-12


def test_one_step_of_the_inverse_by_hand() -> None:
    assert_allclose(residual.invert_residual(lambda z: z / 2, [3.0], 1), 1.5)
    assert_allclose(residual.invert_residual(lambda z: z / 2, [3.0], 2), 2.25)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: residual.chain_information(np.eye(2), 1.0),
            r"maps has shape \(2, 2\); it must be \(..., layers, d, d\)",
        ),
        (lambda: residual.chain_information(np.ones((2, 2, 3)), 1.0), r"it must be \(..., layers, d, d\)"),
        (lambda: residual.chain_information(np.ones((2, 2, 2)), 0.0), "pass one number above zero, or 3 of them"),
        (lambda: residual.chain_information(np.ones((2, 2, 2)), [1.0, 1.0]), "or 3 of them"),
        (lambda: residual.chain_information(np.ones((2, 2, 2)), [1.0, 1.0, 0.0]), "one number above zero"),
        (lambda: residual.orthogonal_information(0, 1.0, 3), "d is 0 and layers 3"),
        (lambda: residual.orthogonal_information(2, 1.0, -1), "layers -1"),
        (lambda: residual.orthogonal_information(2, 0.0, 3), "noise is 0.0; it must be one number above zero"),
        (lambda: residual.invert_residual(lambda z: z, [1.0], 0), "steps is 0; take at least one"),
        (lambda: residual.invert_residual(lambda z: np.full_like(z, np.inf), [40.0], 2), "the result"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
