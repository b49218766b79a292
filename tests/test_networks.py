"""Finite networks: the forward pass in plain loops, the tangent kernel by finite differences, scales, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import erf

from itdl import kernels, rng
from itdl.checks import BadInput
from itdl.networks import Networks, Perceptrons

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


PERCEPTRONS = Perceptrons([2, 5, 4, 3], "tanh")


def drawn(
    networks: Perceptrons = PERCEPTRONS, models: int = 3, dtype: torch.dtype = torch.float64
) -> list[torch.Tensor]:
    return networks.initialise([rng.torch_stream(5, "perceptrons", m) for m in range(models)], dtype=dtype)


@pytest.mark.parametrize(("activation", "phi"), [("tanh", np.tanh), ("relu", lambda h: np.maximum(h, 0))])
def test_perceptrons_are_their_formula_written_out(activation: str, phi: object) -> None:
    networks = Perceptrons([2, 5, 4, 3], activation)
    parameters = [p + 0.1 for p in drawn(networks)]
    found = [z.numpy() for z in networks.preactivations(parameters, X)]
    for model in range(3):
        z = X.numpy() @ parameters[0][model].numpy().T + parameters[1][model].numpy().T
        for layer in range(3):
            if layer:
                w, b = (p[model].numpy() for p in parameters[2 * layer : 2 * layer + 2])
                z = phi(z) @ w.T + b.T  # type: ignore[operator]
            assert_allclose(found[layer][model], z, rtol=1e-12)
    assert_allclose(networks.forward(parameters, X).numpy(), found[-1])
    assert_allclose(networks.activate(torch.tensor([-2.0, 0.5])).numpy(), phi(np.float32([-2.0, 0.5])))  # type: ignore[operator]


def test_every_model_may_have_inputs_of_its_own() -> None:
    own = torch.stack([X, 2 * X, -X])
    together = PERCEPTRONS.forward(drawn(), own)
    for model in range(3):
        alone = PERCEPTRONS.forward([p[model : model + 1] for p in drawn()], own[model])
        assert_allclose(together[model].numpy(), alone[0].numpy(), rtol=1e-12)


def test_dropped_units_are_taken_out_and_the_others_grow() -> None:
    networks, parameters = Perceptrons([2, 6, 4, 3], "relu"), drawn(Perceptrons([2, 6, 4, 3], "relu"))
    kept = networks.dropout(3, len(X), 0.25, rng.torch_stream(1, "dropped"), dtype=torch.float64)
    assert [tuple(k.shape) for k in kept] == [(3, 6, 3), (3, 4, 3)]
    found = networks.preactivations(parameters, X, kept)
    z = X[None]
    for layer in range(3):
        w, b = parameters[2 * layer : 2 * layer + 2]
        z = z @ w.mT + b.mT
        assert_allclose(found[layer].numpy(), z.numpy(), rtol=1e-12)
        z = torch.relu(z) * kept[layer].mT if layer < 2 else z
    assert torch.equal(networks.forward(parameters, X, kept), found[-1])


def test_the_share_of_dropped_units_is_the_rate_and_the_mean_is_kept() -> None:
    networks = Perceptrons([1, 400, 1], "tanh")
    (kept,) = networks.dropout(5, 50, 0.3, rng.torch_stream(2, "dropped"), dtype=torch.float64)
    assert set(kept.unique().tolist()) == {0.0, 1 / 0.7}
    assert abs(float((kept == 0).double().mean()) - 0.3) < 4 * (0.21 / kept.numel()) ** 0.5
    assert (networks.dropout(1, 3, 0.0, rng.torch_stream(2, "dropped"))[0] == 1).all()
    for rate in (1.0, -0.1):
        with pytest.raises(BadInput, match=rf"rate is {rate}; the share of dropped units lies in \[0, 1\)"):
            networks.dropout(1, 3, rate, rng.torch_stream(2, "dropped"))


def test_initial_weights_are_a_cut_normal_with_its_scale_by_fan_in() -> None:
    networks = Perceptrons([100, 25, 4], "relu")
    parameters = drawn(networks, models=40)
    for w, fan_in in ((parameters[0], 100), (parameters[2], 25)):
        standard = w.numpy().ravel() * fan_in**0.5
        assert np.abs(standard).max() <= 2
        assert stats.kstest(standard, stats.truncnorm(-2, 2).cdf).pvalue > 1e-3
    assert all(float(b.abs().max()) == 0 for b in parameters[1::2])


def test_a_perceptron_does_not_notice_the_others_nor_the_precision() -> None:
    single = drawn(models=1)
    assert all(torch.equal(a[:1], b) for a, b in zip(drawn(models=4), single, strict=True))
    assert not torch.equal(drawn(models=2)[0][0], drawn(models=2)[0][1])
    halved = drawn(dtype=torch.float32)
    assert {p.dtype for p in halved} == {torch.float32}
    assert all(torch.equal(a, b.float()) for a, b in zip(halved, drawn(), strict=True))


def test_impossible_perceptrons_are_refused() -> None:
    with pytest.raises(BadInput, match="activation is 'erf'; known are tanh and relu"):
        Perceptrons([2, 1], "erf")
    with pytest.raises(BadInput, match=r"widths are \[2\]; give at least"):
        Perceptrons([2], "tanh")
