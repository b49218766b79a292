"""Variational bottlenecks: gradients by finite differences, closed forms, and bounds where the information is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW, SEEDS
from numpy.testing import assert_allclose
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from itdl import entropy, estimators, rng
from itdl import variational as v
from itdl.checks import BadInput

NETWORKS = v.VariationalNetworks(inputs=3, hidden=[5, 4], latent=2, classes=3)
CONDITIONAL = v.VariationalNetworks(inputs=3, hidden=[5], latent=2, classes=3, conditional=True)
LINEAR = v.VariationalNetworks(inputs=3, hidden=[], latent=2, classes=3)
LABELS = torch.tensor([[0, 2, 1, 1], [0, 2, 1, 1]])


def normal(*shape: int, name: str = "draw") -> Tensor:
    return torch.randn(shape, generator=rng.torch_stream(5, name), dtype=torch.float64)


def probabilities(*shape: int, name: str = "p") -> Tensor:
    return torch.softmax(normal(*shape, name=name), dim=-1)


def encoding(*shape: int, name: str = "code") -> v.Encoding:
    return v.Encoding(normal(*shape, name=name), normal(*shape, name=f"{name} sd").exp())


def start(networks: v.VariationalNetworks, models: int = 2) -> list[Tensor]:
    return networks.initialise(models, rng.torch_stream(3, "start"))


@pytest.mark.parametrize("networks", [NETWORKS, CONDITIONAL], ids=["normal prior", "label-conditional prior"])
@pytest.mark.parametrize("dual", [False, True], ids=["vib", "vdib"])
def test_gradients_are_those_of_finite_differences(networks: v.VariationalNetworks, dual: bool) -> None:
    x, noise, target = normal(2, 4, 3, name="x"), normal(4, 2, name="noise"), probabilities(2, 4, 3)
    beta = torch.tensor([0.7, 5.0], dtype=torch.float64)

    def loss(*parameters: Tensor) -> Tensor:
        code = networks.encode(parameters, x)
        log_q = networks.decode(parameters, v.sample(code, noise))
        rates = v.rate(code, networks.prior(parameters, LABELS))
        if dual:
            return v.vdib(rates, v.reverse_kl(log_q, target.log()), beta)
        return v.vib(rates, v.cross_entropy(log_q, target), beta)

    assert torch.autograd.gradcheck(loss, [p.requires_grad_() for p in start(networks)], eps=1e-6, atol=1e-7)


def test_the_gradient_of_the_rate_reaches_the_prior() -> None:
    def loss(mean: Tensor, sd: Tensor, m: Tensor, s: Tensor) -> Tensor:
        return v.rate(v.Encoding(mean, sd), v.Encoding(m, s))

    one, other = encoding(1, 3, 2), encoding(1, 3, 2, name="prior")
    assert torch.autograd.gradcheck(loss, [t.requires_grad_() for t in (*one, *other)], eps=1e-6, atol=1e-7)


@LAW
@given(SEEDS)
def test_the_rate_is_the_divergence_of_two_gaussians(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    mean, m = torch.randn((2, 2, 5, 3), generator=draw, dtype=torch.float64)
    sd, s = torch.randn((2, 2, 5, 3), generator=draw, dtype=torch.float64).exp()
    expected = kl_divergence(Normal(mean, sd), Normal(m, s)).sum(dim=-1)
    assert_allclose(v.rate(v.Encoding(mean, sd), v.Encoding(m, s)), expected, atol=1e-10, rtol=1e-10)
    standard = kl_divergence(Normal(mean, sd), Normal(0.0, 1.0)).sum(dim=-1)
    assert_allclose(v.rate(v.Encoding(mean, sd)), standard, atol=1e-10, rtol=1e-10)
    assert (standard >= 0).all()


def test_divergences_agree_with_those_of_distributions() -> None:
    q, p = probabilities(2, 4, 3, name="q"), probabilities(2, 4, 3)
    for i in range(2):
        assert_allclose(v.reverse_kl(q.log(), p.log())[i], entropy.kl(q[i].numpy(), p[i].numpy()), atol=1e-12)
        assert_allclose(v.cross_entropy(q.log(), p)[i], entropy.cross_entropy(p[i].numpy(), q[i].numpy()), atol=1e-12)
    assert_allclose(v.reverse_kl(p.log(), p.log()), 0, atol=1e-12)


def test_hard_labels_have_no_reverse_divergence() -> None:
    hard = torch.eye(3, dtype=torch.float64)[LABELS].log()
    with pytest.raises(
        BadInput, match=r"log_target has entries that are not finite; .* needs p~ > 0 .*add label noise"
    ):
        v.reverse_kl(probabilities(2, 4, 3).log(), hard)


def test_losses_by_hand_each_model_with_its_own_beta() -> None:
    rates, costs = torch.tensor([[1.0, 3.0], [2.0, 2.0]]), torch.tensor([[0.5, 1.5], [4.0, 0.0]])
    for loss in (v.vib, v.vdib):
        assert loss(rates, costs, torch.tensor([10.0, 0.5])).tolist() == [12.0, 3.0]


def test_without_hidden_layers_the_encoder_is_linear() -> None:
    w, b, *_ = parameters = start(LINEAR)
    x = normal(4, 3, name="x")
    code = LINEAR.encode(parameters, x)
    expected = x @ w + b
    assert_allclose(code.mean, expected[..., :2])
    assert_allclose(code.sd, 1e-3 + torch.log1p(expected[..., 2:].exp()))


def test_hidden_layers_are_relu_and_the_decoder_a_softmax_of_a_linear_map() -> None:
    (w1, b1, w2, b2, w3, b3, wd, bd) = parameters = start(NETWORKS)
    x = normal(2, 4, 3, name="x")
    mean = torch.relu(torch.relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3
    code = NETWORKS.encode(parameters, x)
    assert_allclose(code.mean, mean[..., :2])
    log_q = NETWORKS.decode(parameters, code.mean)
    assert_allclose(log_q, torch.log_softmax(code.mean @ wd + bd, dim=-1))
    assert_allclose(log_q.exp().sum(dim=-1), 1)


def test_models_are_independent_and_start_within_their_bounds() -> None:
    parameters, x = start(NETWORKS, 3), normal(4, 3, name="x")
    alone = NETWORKS.encode([p[1:2] for p in parameters], x)
    assert_allclose(NETWORKS.encode(parameters, x).mean[1], alone.mean[0], rtol=1e-12)
    assert not torch.equal(parameters[0][0], parameters[0][1])
    for p, fan_in in zip(parameters, (3, 3, 5, 5, 4, 4, 2, 2), strict=True):
        bound = fan_in**-0.5
        assert 0.5 * bound < float(p.abs().max()) <= bound
        assert float(p.min()) < 0 < float(p.max())
    assert {p.dtype for p in NETWORKS.initialise(1, rng.torch_stream(3, "start"), torch.float32)} == {torch.float32}


def test_the_label_picks_the_row_of_the_prior() -> None:
    parameters = start(CONDITIONAL)
    prior = CONDITIONAL.prior(parameters, LABELS)
    assert prior is not None
    assert_allclose(prior.mean[1, 3], parameters[-1][1, 1, :2])
    assert_allclose(prior.sd[0, 1], 1e-2 + torch.log1p(parameters[-1][0, 2, 2:].exp()))
    assert_allclose(prior.sd, 1, atol=0.02)
    assert NETWORKS.prior(start(NETWORKS), LABELS) is None


def test_codes_have_the_moments_of_the_encoder() -> None:
    code = v.Encoding(torch.tensor([[[2.0, -1.0]]]), torch.tensor([[[0.5, 3.0]]]))
    z = v.sample(code, normal(200_000, 1, 1, 2))
    assert_allclose(z.mean(dim=0), code.mean, atol=0.03)
    assert_allclose(z.std(dim=0), code.sd, rtol=0.02)


@pytest.mark.parametrize("least", [1e-3, 1.0])
def test_pair_scores_are_the_log_densities_of_every_pair(least: float) -> None:
    code = v.Encoding(10 + normal(2, 5, 3), least * (1 + normal(2, 5, 3, name="sd").abs()))
    z = v.sample(code, normal(2, 5, 3, name="noise"))
    expected = Normal(code.mean[:, None], code.sd[:, None]).log_prob(z[:, :, None]).sum(dim=-1)
    assert_allclose(v.pair_scores(code, z), expected, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_all_pairs_bracket_the_information_of_a_gaussian_channel_and_the_rate_lies_above(gain: float) -> None:
    x = normal(1, 1500, 1, name="x")
    code = v.Encoding(gain * x, torch.full_like(x, 0.5))
    exact = 0.5 * np.log1p(gain**2 / 0.25)
    lower, upper = [], []
    for i in range(4):
        scores = v.pair_scores(code, v.sample(code, normal(1, 1500, 1, name=f"noise {i}")))[0].numpy()
        lower.append(estimators.info_nce(scores))
        upper.append(estimators.leave_one_out(scores))
    assert_allclose(np.mean(lower), exact, atol=0.06)
    assert np.mean(lower) <= np.mean(upper)
    # The rate exceeds the information by D[p(z) || N(0, 1)], here of two Gaussians.
    variance = gain**2 + 0.25
    excess = 0.5 * (variance - 1 - np.log(variance))
    assert_allclose(v.rate(code).mean(), exact + excess, atol=0.1 * gain**2)


def test_inputs_far_apart_are_told_apart_and_a_prior_that_sees_the_label_charges_nothing() -> None:
    labels = torch.tensor([[0, 1, 2, 2]])
    code = v.Encoding(50 * torch.eye(3, dtype=torch.float64)[labels], torch.ones(1, 4, 3, dtype=torch.float64))
    scores = v.pair_scores(code, v.sample(code, normal(1, 4, 3)))[0].numpy()
    # Three codes for four inputs of shares 1/4, 1/4, 1/2.
    assert_allclose(estimators.info_nce(scores), 1.5 * np.log(2), atol=1e-9)
    assert_allclose(v.rate(code, v.Encoding(code.mean, code.sd)), 0, atol=1e-12)


def test_the_decoder_bound_meets_the_information_only_with_the_true_posterior() -> None:
    joint = np.array([[0.3, 0.1], [0.05, 0.55]])  # p(y, z), by hundredths, so that it can be laid out as a sample
    cells = [(y, z) for y in (0, 1) for z in (0, 1) for _ in range(round(100 * joint[y, z]))]
    labels, codes = torch.tensor(cells).T
    posterior = torch.tensor((joint / joint.sum(axis=0)).T).log()[codes]
    exact = entropy.mutual_information(joint)
    assert_allclose(v.label_information(posterior, labels), exact, rtol=1e-12)
    blunt = torch.log_softmax(0.5 * posterior, dim=-1)
    assert float(v.label_information(blunt, labels)) < exact
    both = v.label_information(torch.stack([posterior, blunt]), labels)
    assert_allclose(both[0], exact)
    # With log K in place of H(Y) the "bound" is above the information, since the labels are unbalanced.
    printed = np.log(2) + float(posterior[torch.arange(100), labels].mean())
    assert printed > exact + 0.01


@LAW
@given(SEEDS, st.integers(2, 5))
def test_predicted_information_is_that_of_a_discrete_joint(seed: int, classes: int) -> None:
    q = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), size=6)
    q = (q + 1e-6) / (q + 1e-6).sum(axis=1, keepdims=True)
    found = v.predicted_information(torch.tensor(np.stack([q, q])).log())
    assert_allclose(found, entropy.mutual_information(q / 6), atol=1e-9)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"inputs": 0}, "inputs 0"),
        ({"hidden": [4, 0]}, r"hidden \[4, 0\]"),
        ({"latent": 0}, "latent 0"),
        ({"classes": 1}, "classes 1; each must be at least 1 and classes at least 2"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, int], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        v.VariationalNetworks(**({"inputs": 3, "hidden": [4], "latent": 2, "classes": 3} | sizes))  # type: ignore[arg-type]


def test_inputs_of_another_width_are_refused() -> None:
    with pytest.raises(BadInput, match="x has 4 columns but the encoder takes 3 inputs"):
        NETWORKS.encode(start(NETWORKS), normal(2, 5, 4))
