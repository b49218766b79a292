"""Finite networks: the forward pass in plain loops, the tangent kernel by finite differences, scales, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import erf

from itdl import kernels, rng
from itdl.checks import BadInput
from itdl.networks import Networks

X = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-1.0, 2.0]], dtype=torch.float64)
NETWORKS = Networks([2, 5, 4, 1], "erf", 1.3, 0.2)


def start(networks: Networks = NETWORKS, models: int = 3) -> list[torch.Tensor]:
    return networks.initialise(models, rng.torch_stream(5, "networks"))


def test_shapes_and_precision_of_the_parameters() -> None:
    parameters = start()
    assert [tuple(p.shape) for p in parameters] == [(3, 2, 5), (3, 1, 5), (3, 5, 4), (3, 1, 4), (3, 4, 1), (3, 1, 1)]
    assert {p.dtype for p in parameters} == {torch.float64}


@pytest.mark.parametrize(("activation", "phi"), [("erf", erf), ("relu", lambda h: np.maximum(h, 0))])
def test_the_forward_pass_is_its_formula_written_out(activation: str, phi: object) -> None:
    networks = Networks([2, 5, 4, 1], activation, 1.3, 0.2)
    parameters = start(networks)
    outputs = networks.forward(parameters, X).numpy()
    for model in range(3):
        h = X.numpy()
        for layer in range(3):
            w, b = (p[model].numpy() for p in parameters[2 * layer : 2 * layer + 2])
            h = 1.3 / np.sqrt(w.shape[0]) * (phi(h) if layer else h) @ w + 0.2 * b  # type: ignore[operator]
        assert_allclose(outputs[model], h, rtol=1e-12)


def test_the_tangent_kernel_is_the_gram_matrix_of_finite_differences() -> None:
    parameters = start(models=1)
    kernel = NETWORKS.tangent_kernel([p.clone() for p in parameters], X)[0].numpy()
    columns = []
    for i, p in enumerate(parameters):
        for j in range(p.numel()):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [q.detach().clone() for q in parameters]
                moved[i].view(-1)[j] += step
                ends.append(NETWORKS.forward(moved, X)[0, :, 0].detach().numpy())
            columns.append((ends[0] - ends[1]) / 2e-6)
    jacobian = np.array(columns).T
    assert_allclose(kernel, jacobian @ jacobian.T, rtol=1e-7)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_wide_networks_have_the_kernels_of_the_limit(activation: str) -> None:
    networks = Networks([2, 400, 400, 1], activation, 1.2, 0.3)
    parameters = networks.initialise(300, rng.torch_stream(1, "wide"))
    scales = {"depth": 2, "activation": activation, "sigma_w": 1.2, "sigma_b": 0.3}
    outputs = networks.forward(parameters, X)[..., 0].numpy()
    limit = kernels.nngp(X.numpy(), **scales)
    error = 4 * np.sqrt((np.outer(np.diag(limit), np.diag(limit)) + limit**2) / 300)
    assert (np.abs(np.cov(outputs.T) - limit) < error + 0.02 * np.abs(limit)).all()
    tangent = networks.tangent_kernel([p[:10].clone() for p in parameters], X).mean(dim=0).numpy()
    assert_allclose(tangent, kernels.ntk(X.numpy(), **scales), rtol=0.1, atol=0.05)


def test_one_stream_gives_one_set_of_parameters_and_another_another() -> None:
    again, other = start(), NETWORKS.initialise(3, rng.torch_stream(5, "others"))
    assert all(torch.equal(a, b) for a, b in zip(start(), again, strict=True))
    assert not torch.equal(again[0], other[0])


@pytest.mark.parametrize(
    ("widths", "activation", "words"),
    [
        ([2, 3, 1], "tanh", "activation is 'tanh'; known are erf and relu"),
        ([2], "erf", r"widths are \[2\]; give at least the input and the output width"),
        ([2, 0, 1], "erf", r"widths are \[2, 0, 1\]"),
    ],
)
def test_impossible_networks_are_refused(widths: list[int], activation: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Networks(widths, activation, 1.0, 0.0)
