"""Gradient flow: exact where the model is linear, independent of how models are grouped, refused when it blows up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import rng
from itdl.checks import BadInput
from itdl.networks import Networks
from itdl.training import gradient_flow

X = torch.tensor([[1.0, 0.5], [-0.3, 0.8]], dtype=torch.float64)
Y = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
LINEAR = Networks([2, 1], "erf", 1.1, 0.4)
DEEP = Networks([2, 6, 1], "relu", 1.1, 0.4)


def test_a_linear_model_follows_the_matrix_exponential() -> None:
    start = LINEAR.initialise(4, rng.torch_stream(0, "linear"))
    z0 = LINEAR.forward(start, X).numpy()[..., 0]
    theta = LINEAR.tangent_kernel([p[:1].clone() for p in start], X)[0].numpy()
    lam, v = np.linalg.eigh(theta)
    decay = v @ np.diag(np.exp(-0.7 * lam)) @ v.T
    end = gradient_flow(LINEAR, start, X, Y, time=0.7, steps=40)
    expected = Y.numpy()[:, 0] + (z0 - Y.numpy()[:, 0]) @ decay
    assert_allclose(LINEAR.forward(end, X).numpy()[..., 0], expected, atol=1e-9)


def test_the_error_falls_with_the_fourth_power_of_the_step() -> None:
    start = DEEP.initialise(2, rng.torch_stream(0, "deep"))
    ends = [DEEP.forward(gradient_flow(DEEP, start, X, Y, time=0.5, steps=s), X).detach() for s in (4, 8, 16, 256)]
    errors = [float((end - ends[-1]).abs().max()) for end in ends[:-1]]
    assert errors[0] > 8 * errors[1] > 64 * errors[2] or errors[0] < 1e-12


def test_grouping_the_models_changes_nothing_and_the_start_is_left_alone() -> None:
    start = DEEP.initialise(5, rng.torch_stream(0, "groups"))
    kept = [p.clone() for p in start]
    one, all_at_once = (gradient_flow(DEEP, start, X, Y, time=0.5, steps=5, chunk=c) for c in (1, 5))
    assert all(torch.allclose(a, b, rtol=1e-13, atol=1e-15) for a, b in zip(one, all_at_once, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(start, kept, strict=True))


def test_a_flow_that_blows_up_is_refused() -> None:
    start = DEEP.initialise(1, rng.torch_stream(0, "blow"))
    with pytest.raises(
        BadInput, match="gradient flow left the numbers within 30 steps to time 1000000\\.0; take more steps"
    ):
        gradient_flow(DEEP, start, X, 1e9 * Y, time=1e6, steps=30)
