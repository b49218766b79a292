"""Mean-field posteriors: KL by three roads, noise by whole draws of the weights, an optimum by quadrature, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from numpy.testing import assert_allclose
from scipy import optimize
from torch import distributions

from itdl import mean_field, rng
from itdl.checks import Array, BadInput
from itdl.mean_field import Posterior
from itdl.networks import Perceptrons

NETWORKS = Perceptrons([3, 5, 2], "tanh")


def random_posterior(networks: Perceptrons = NETWORKS, models: int = 3) -> Posterior:
    """Means and deviations of unlike sizes, in float64."""
    streams = [rng.torch_stream(3, "mean field", i) for i in range(models)]
    q = mean_field.initialise(networks, streams, dtype=torch.float64)
    g = rng.torch_stream(4, "deviations")
    return Posterior(
        [m + 0.3 * torch.randn(m.shape, generator=g, dtype=torch.float64) for m in q.means],
        [torch.randn(s.shape, generator=g, dtype=torch.float64) * 0.4 - 1 for s in q.log_sds],
    )


def points(n: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 3, generator=rng.torch_stream(5, "points"), dtype=torch.float64)
    return x, (x[:, 0] + x[:, 1] > 0).long()


# The divergence


def by_torch(q: Posterior, scale: float = 1.0) -> torch.Tensor:
    """KL(Q||P) by torch.distributions, the priors' deviations multiplied by `scale`."""
    layers = q.prior_variances().sqrt().T * scale
    total = torch.zeros(len(q.means[0]), dtype=torch.float64)
    for i, (m, s) in enumerate(zip(q.means, q.log_sds, strict=True)):
        prior = distributions.Normal(torch.zeros_like(m), layers[i // 2][:, None, None].expand_as(m))
        total += distributions.kl_divergence(distributions.Normal(m, s.exp()), prior).flatten(1).sum(dim=1)
    return total


def test_the_divergence_agrees_with_torch() -> None:
    q = random_posterior()
    assert_allclose(q.kl(), by_torch(q), rtol=1e-12)
    assert q.kl().min() > 1


def test_the_divergence_by_sampling() -> None:
    q, g = random_posterior(models=2), rng.torch_stream(6, "draws")
    sds = q.prior_variances().sqrt().T
    ratios = torch.zeros(4000, 2, dtype=torch.float64)
    for row in ratios:
        for i, (w, m, s) in enumerate(zip(q.sample(g), q.means, q.log_sds, strict=True)):
            prior = distributions.Normal(0.0, sds[i // 2][:, None, None])
            row += (distributions.Normal(m, s.exp()).log_prob(w) - prior.log_prob(w)).flatten(1).sum(dim=1)
    error = ratios.std(dim=0) / len(ratios) ** 0.5
    assert ((ratios.mean(dim=0) - q.kl()).abs() < 4 * error).all()


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_no_other_prior_deviation_costs_less(scale: float) -> None:
    q = random_posterior()
    assert (by_torch(q, scale) > q.kl()).all()


def test_a_posterior_that_is_the_prior_costs_nothing() -> None:
    q = random_posterior()
    prior = Posterior([0 * m for m in q.means], [0 * s - 0.7 for s in q.log_sds])
    assert_allclose(prior.kl(), 0, atol=1e-12)


# The noise


def test_a_unit_has_the_mean_and_variance_of_its_sum() -> None:
    q = random_posterior(models=2)
    x = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64).repeat(40_000, 1)
    hidden, _ = mean_field.preactivations(NETWORKS, q, x, rng.torch_stream(7, "noise"))
    mean = (q.means[0] @ x[0]) + q.means[1][..., 0]
    variance = ((2 * q.log_sds[0]).exp() @ x[0] ** 2) + (2 * q.log_sds[1]).exp()[..., 0]
    assert ((hidden.mean(dim=1) - mean).abs() < 4.5 * (variance / 40_000).sqrt()).all()
    assert_allclose(hidden.var(dim=1), variance, rtol=0.04)


def test_noisy_sums_are_those_of_whole_draws_of_the_weights() -> None:
    q, x = random_posterior(models=1), torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)
    g = rng.torch_stream(8, "whole")
    whole = torch.stack([NETWORKS.forward(q.sample(g), x)[0, 0] for _ in range(6000)])
    local = mean_field.preactivations(NETWORKS, q, x.repeat(6000, 1), rng.torch_stream(9, "local"))[-1][0]
    error = ((whole.var(dim=0) + local.var(dim=0)) / 6000).sqrt()
    assert ((whole.mean(dim=0) - local.mean(dim=0)).abs() < 4 * error).all()
    assert_allclose(whole.std(dim=0), local.std(dim=0), rtol=0.05)


def test_narrow_posteriors_are_their_mean_networks() -> None:
    q, (x, y) = random_posterior(), points()
    narrow = Posterior(q.means, [0 * s - 30 for s in q.log_sds])
    outputs = NETWORKS.forward(q.means, x)
    found = mean_field.evaluate(NETWORKS, narrow, x, y, rng.torch_stream(1, "e"), passes=2)
    expected = -torch.log_softmax(outputs, dim=-1)[:, range(len(y)), y].mean(dim=1)
    assert_allclose(found.loss, expected, rtol=1e-9)
    assert_allclose(found.accuracy, (outputs.argmax(dim=-1) == y).double().mean(dim=1))


def test_evaluation_averages_its_draws() -> None:
    q, (x, y) = random_posterior(), points(10)
    g = rng.torch_stream(1, "e")
    one = [mean_field.evaluate(NETWORKS, q, x, y, g, passes=1) for _ in range(3)]
    all_three = mean_field.evaluate(NETWORKS, q, x, y, rng.torch_stream(1, "e"), passes=3)
    assert_allclose(all_three.loss, np.mean([e.loss for e in one], axis=0), rtol=1e-12)
    assert_allclose(all_three.accuracy, np.mean([e.accuracy for e in one], axis=0), rtol=1e-12)


# Training


def trained(betas: list[float], models: list[int], steps: int = 60, **options: int) -> Posterior:
    x, y = points()
    start = mean_field.initialise(NETWORKS, [rng.torch_stream(1, "i", i) for i in models], dtype=torch.float64)
    labels = y.expand(len(models), len(y))
    return mean_field.fit(NETWORKS, start, x, labels, betas, rng.torch_stream(2, "f"), steps=steps, **options)


@pytest.mark.parametrize("options", [{}, {"batch": 8}])
def test_a_model_does_not_depend_on_its_neighbours(options: dict[str, int]) -> None:
    several, alone = trained([0.1, 1.0, 0.01], [0, 1, 2], **options), trained([0.01], [2], **options)
    for a, b in zip(several.means + several.log_sds, alone.means + alone.log_sds, strict=True):
        assert_allclose(a[2], b[0], rtol=1e-9, atol=1e-12)


def test_inputs_may_differ_between_models() -> None:
    x, y = points()
    start = mean_field.initialise(NETWORKS, [rng.torch_stream(1, "i")] * 2, dtype=torch.float64)
    own = torch.stack([x, -x])
    q = mean_field.fit(NETWORKS, start, own, y.expand(2, -1), [0.1] * 2, rng.torch_stream(2, "f"), steps=40)
    single = mean_field.fit(NETWORKS, start[[1]], -x, y[None], [0.1], rng.torch_stream(2, "f"), steps=40)
    assert_allclose(q.means[0][1], single.means[0][0], rtol=1e-9, atol=1e-12)
    assert not np.allclose(q.means[0][0], q.means[0][1])


def test_information_is_bought_where_it_is_cheap() -> None:
    q, (x, y) = trained([0.01, 0.3, 20.0], [0, 0, 0], steps=1500), points()
    loss = mean_field.evaluate(NETWORKS, q, x, y, rng.torch_stream(3, "e")).loss
    kl = q.kl().numpy()
    assert kl[0] > 2 * kl[1] > 10 * kl[2]
    assert kl[2] < 0.05
    assert loss[0] < 0.04 < loss[1] < 0.3 < loss[2]
    assert_allclose(loss[2], np.log(2), atol=0.05)


def test_the_start_is_left_alone_and_the_same_seed_gives_the_same_bits() -> None:
    x, y = points()
    start = mean_field.initialise(NETWORKS, [rng.torch_stream(1, "i")])
    kept = [p.clone() for p in start.means]
    runs = [
        mean_field.fit(NETWORKS, start, x.float(), y[None], [0.1], rng.torch_stream(2, "f"), steps=5) for _ in range(2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(start.means, kept, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(runs[0].means, runs[1].means, strict=True))
    assert not torch.equal(runs[0].means[0], kept[0])


@pytest.mark.parametrize("beta", [0.02, 0.2])
def test_the_optimum_by_quadrature(beta: float) -> None:
    """Four points at x = 1, a logistic model without hidden layer: the same objective, minimised by scipy."""
    nodes, weights = hermegauss(60)

    def cost(p: Array) -> float:
        mu, sd = p[:4], np.exp(p[4:])
        z = mu[0] + mu[2] - mu[1] - mu[3] + np.sqrt((sd**2).sum()) * nodes
        losses = 3 * np.logaddexp(0, -z) + np.logaddexp(0, z)
        kl = 2 * np.log(np.mean(mu**2 + sd**2)) - np.log(sd).sum()
        return float(weights @ losses / weights.sum() + beta * kl)

    best = optimize.minimize(cost, [0.4, -0.4, 0.4, -0.4, -2, -2, -2, -2]).fun
    one = Perceptrons([1, 2], "tanh")
    start = mean_field.initialise(one, [rng.torch_stream(1, "i")], dtype=torch.float64)
    x, y = torch.ones(4, 1, dtype=torch.float64), torch.tensor([[0, 0, 0, 1]])
    q = mean_field.fit(one, start, x, y, [beta], rng.torch_stream(2, "f"), steps=1500, rate=2e-2)
    parts = [torch.cat([m.flatten() for m in part]).numpy() for part in (q.means, q.log_sds)]
    assert_allclose(cost(np.concatenate(parts)), best, atol=0.01)


def test_rows_are_taken_in_the_order_asked_for() -> None:
    q = random_posterior()
    picked = q[[2, 0]]
    assert_allclose(picked.kl(), q.kl()[[2, 0]])


def test_draws_have_the_means_and_deviations_of_the_posterior() -> None:
    q, g = random_posterior(models=1), rng.torch_stream(1, "s")
    draws = torch.stack([q.sample(g)[0] for _ in range(4000)])
    sd = q.log_sds[0].exp()
    assert ((draws.mean(dim=0) - q.means[0]).abs() < 4.5 * sd / 4000**0.5).all()
    assert_allclose(draws.std(dim=0), sd, rtol=0.06)


# Refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"betas": [0.1]}, "betas are .* for 2 models; give one per model"),
        ({"betas": [0.1, -1.0]}, "give one per model, zero or above"),
        ({"betas": [0.1, float("nan")]}, r"betas\[1\] is nan"),
        ({"y": torch.zeros(2, 7, dtype=torch.long)}, "x has 40 points and the start 2 models; y has shape"),
        ({"y": torch.zeros(3, 40, dtype=torch.long), "betas": [1.0] * 3}, "the start 2 models"),
        ({"batch": 0}, "batch is 0 with 40 points"),
        ({"batch": 41}, "batch is 41 with 40 points"),
        ({"rate": 1e30}, "training left the finite numbers within 30 steps"),
    ],
)
def test_what_cannot_be_trained_is_refused(changes: dict[str, object], words: str) -> None:
    x, y = points()
    start = mean_field.initialise(NETWORKS, [rng.torch_stream(1, "i", i) for i in range(2)], dtype=torch.float64)
    given = {"x": x, "y": y.expand(2, -1), "betas": [0.1, 1.0], "steps": 30} | changes
    with pytest.raises(BadInput, match=words):
        mean_field.fit(NETWORKS, start, generator=rng.torch_stream(1, "f"), **given)
