"""Certified random networks: their objective and prior by another road, risks by both samplers, and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import certificates, pacbayes, rng
from itdl.checks import Array, BadInput
from itdl.mean_field import Posterior
from itdl.networks import Perceptrons

NETWORKS = Perceptrons([2, 5, 2], "relu")


def flat(parameters: list[torch.Tensor]) -> Array:
    return torch.cat([p.flatten(1) for p in parameters], dim=1).double().numpy()


def posterior(models: int, log_sd: float = -2.0) -> tuple[Posterior, list[torch.Tensor]]:
    streams = [rng.torch_stream(1, "start", m) for m in range(models)]
    prior = NETWORKS.initialise(streams, dtype=torch.float64)
    g = rng.torch_stream(2, "moved")
    moved = [p + 0.3 * torch.randn(p.shape, generator=g, dtype=p.dtype) for p in prior]
    sds = [log_sd + 0.2 * torch.randn(p.shape, generator=g, dtype=p.dtype) for p in prior]
    return Posterior(moved, sds), prior


def task(n: int, models: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = rng.torch_stream(3, "task")
    x = torch.randn(n, 2, generator=g, dtype=torch.float64)
    return x, (x[:, 0] > 0).long().expand(models, n)


def test_the_best_prior_of_the_grid_is_found() -> None:
    q, prior = posterior(3)
    kl, j = certificates.charges(q, prior)
    means, sds, centre = flat(q.means), flat(q.log_sds), flat(prior)
    for m in range(3):
        every = np.array(
            [
                pacbayes.gaussian_kl(means[m], np.exp(2 * sds[m]), centre[m], v)
                for v in pacbayes.grid_variance(range(1, 900))
            ]
        )
        best = (every + pacbayes.grid_charge(np.arange(1, 900))).argmin()
        assert j[m] == best + 1
        assert_allclose(kl[m], every[best], rtol=1e-9)


def test_the_price_in_training_is_that_of_the_certificate_up_to_rounding_of_j() -> None:
    q, prior = posterior(3)
    kl, j = certificates.charges(q, prior)
    price = certificates._price(q, prior).numpy()
    assert_allclose(price, kl + pacbayes.grid_charge(j), rtol=0.01)
    # A posterior wider than the whole grid is charged against the widest prior.
    wide = Posterior(q.means, [torch.full_like(s, 1.0) for s in q.log_sds])
    v = pacbayes.grid_variance(1)
    expected = pacbayes.gaussian_kl(flat(wide.means), math.exp(2.0), flat(prior), v) + pacbayes.grid_charge(1)
    assert_allclose(certificates._price(wide, prior).numpy(), expected, rtol=1e-12)


def test_both_samplers_see_the_same_risk() -> None:
    q, _ = posterior(2, log_sd=-0.7)
    x, y = task(40, 2)
    g = rng.torch_stream(4, "risk")
    passes = certificates.pass_risks(NETWORKS, q, x, y, g, passes=1000)
    draws = certificates.sampled_risks(NETWORKS, q, x, y, g, draws=3000)
    assert passes.shape == (2, 1000)
    assert draws.shape == (2, 3000)
    errors = np.sqrt(passes.var(axis=1) / 1000 + draws.var(axis=1) / 3000)
    assert (np.abs(passes.mean(axis=1) - draws.mean(axis=1)) < 4 * errors).all()
    # Points of a pass are independent: its variance is at most the binomial one, where whole draws exceed it.
    p = passes.mean(axis=1)
    assert (passes.var(axis=1) <= 1.15 * p * (1 - p) / 40).all()
    assert (draws.var(axis=1) > 1.5 * passes.var(axis=1)).all()


def test_the_surrogate_is_the_mean_cross_entropy_in_units_of_a_guess() -> None:
    g = rng.torch_stream(5, "logits")
    z, y = torch.randn(3, 7, 2, generator=g, dtype=torch.float64), torch.randint(0, 2, (3, 7), generator=g)
    by_hand = -torch.log_softmax(z, dim=-1).gather(-1, y[..., None])[..., 0].mean(dim=1) / math.log(2)
    assert_allclose(certificates._surrogate(z, y), by_hand, rtol=1e-12)
    assert (certificates._surrogate(z, y).numpy() >= certificates._errors(z, y)).all()
    assert_allclose(certificates._surrogate(torch.zeros(1, 4, 3), torch.zeros(1, 4).long()), 1, rtol=1e-6)


def test_training_lowers_the_bound_and_leaves_its_start_alone() -> None:
    q, prior = posterior(2, log_sd=-3.0)
    x, y = task(200, 2)
    y = torch.stack([y[0], torch.randint(0, 2, (200,), generator=rng.torch_stream(6, "coins"))])
    before = [p.clone() for p in q.means]
    found = certificates.minimise_bound(
        NETWORKS, q, prior, x, y, rng.torch_stream(7, "fit"), delta=0.025, steps=400, rate=0.02, batch=100
    )
    assert all(bool((a == b).all()) for a, b in zip(before, q.means, strict=True))
    options = {"delta": 0.025, "delta_draws": 0.01, "passes": 20}
    start = certificates.certify(NETWORKS, q, prior, x, y, rng.torch_stream(8, "c"), **options)
    end = certificates.certify(NETWORKS, found, prior, x, y, rng.torch_stream(8, "c"), **options)
    assert (end.bound < start.bound - 0.02).all()
    assert end.bound[0] < 0.35
    assert end.bound[1] > 0.5  # coins cannot be certified


def test_a_certificate_is_what_its_parts_say() -> None:
    q, prior = posterior(2)
    x, y = task(60, 2)
    c = certificates.certify(NETWORKS, q, prior, x, y, rng.torch_stream(8, "c"), delta=0.03, delta_draws=0.02, passes=5)
    again = certificates.pass_risks(NETWORKS, q, x, y, rng.torch_stream(8, "c"), passes=5).mean(axis=1)
    assert_allclose(c.risk, again)
    assert_allclose(c.risk_bound, pacbayes.monte_carlo_bound(again, 300, 0.02))
    assert_allclose(c.charge, np.log(np.pi**2 * c.j**2 / 6))
    assert_allclose(c.bound, pacbayes.kl_bound(c.risk_bound, c.kl + c.charge, 60, 0.03))
    assert (c.n, c.delta, c.delta_draws) == (60, 0.03, 0.02)


def test_what_one_model_learns_does_not_depend_on_the_others() -> None:
    q, prior = posterior(2)
    x, y = task(50, 2)
    options = {"delta": 0.05, "steps": 20, "rate": 0.01, "batch": 25}
    both = certificates.minimise_bound(NETWORKS, q, prior, x, y, rng.torch_stream(9, "f"), **options)
    first = [p[:1] for p in prior]
    one = certificates.minimise_bound(NETWORKS, q[[0]], first, x, y[:1], rng.torch_stream(9, "f"), **options)
    assert_allclose(flat(both.means)[0], flat(one.means)[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": 0}, "between 1 and 50"),
        ({"batch": 51}, "between 1 and 50"),
        ({"x": torch.zeros(49, 2, dtype=torch.float64)}, "x has 49 points"),
        ({"y": torch.zeros(3, 50).long()}, "2 models"),
        ({"rate": 1e300}, "take a rate below"),
    ],
)
def test_refusals(change: dict[str, object], words: str) -> None:
    q, prior = posterior(2)
    x, y = task(50, 2)
    given: dict[str, object] = {"x": x, "y": y, "batch": 25, "rate": 0.01} | change
    x, y = given.pop("x"), given.pop("y")  # type: ignore[assignment]
    with pytest.raises(BadInput, match=words):
        certificates.minimise_bound(
            NETWORKS,
            q,
            prior,
            x,
            y,
            rng.torch_stream(9, "f"),
            delta=0.05,
            steps=3,
            **given,  # type: ignore[arg-type]
        )
