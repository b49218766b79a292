"""Trained critics: scores by hand, bounds as those of `estimators`, data cut in three, models that do not meet."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from laws import FEW, matrices
from numpy.testing import assert_allclose

from itdl import critics, estimators, rng
from itdl.checks import Array, BadInput
from itdl.critics import BOUNDS, Critic, estimate, evaluate
from itdl.information_tasks import sparse

SMALL = {"hidden": 16, "features": 8}


def data(information: float, m: int, n: int, d: int = 2, seed: int = 0) -> tuple[Array, Array]:
    samples = [sparse(d, d, information).sample(np.random.default_rng([seed, i]), n) for i in range(m)]
    return np.stack([x for x, _ in samples]), np.stack([y for _, y in samples])


def starts(m: int, name: str = "start") -> list[torch.Generator]:
    return [rng.torch_stream(5, name, i) for i in range(m)]


@FEW
@given(matrices(5, 5, bound=8))
def test_bounds_are_those_of_the_pure_functions(scores: Array) -> None:
    """torch and numpy give the same numbers for every model"""
    stacked = torch.as_tensor(np.stack([scores, 0.5 * scores.T]))
    pure = {
        "InfoNCE": estimators.info_nce,
        "DV": estimators.donsker_varadhan,
        "NWJ": estimators.nwj,
        "SMILE": lambda s: estimators.smile(s, 2.0),
    }
    for name, bound in pure.items():
        exact = [bound(scores), bound(0.5 * scores.T)]
        assert_allclose(BOUNDS[name][1](stacked, 2.0).numpy(), exact, rtol=1e-10, atol=1e-10)


def test_the_classifier_by_hand() -> None:
    """<log s(f_ii)> + <log s(-f_ij)>, highest at the log-ratio"""
    scores = torch.tensor([[[1.0, -2.0], [0.5, 3.0]]], dtype=torch.float64)

    def s(u: float) -> float:
        return 1 / (1 + math.exp(-u))

    exact = (math.log(s(1)) + math.log(s(3))) / 2 + (math.log(s(2)) + math.log(s(-0.5))) / 2
    assert critics.classifier(scores, 5.0).item() == pytest.approx(exact)


@pytest.mark.parametrize("kind", ["separable", "joint"])
def test_scores_pair_every_x_with_every_y(kind: str) -> None:
    critic = Critic(kind, 2, 3, **SMALL)
    parameters = critic.initialise(starts(2))
    x, y = (torch.randn(2, 4, d, generator=rng.torch_stream(1, kind, d), dtype=torch.float64) for d in (2, 3))
    table = critic.scores(parameters, x, y)
    assert table.shape == (2, 4, 4)
    for i, j in [(0, 3), (2, 1)]:
        one = critic.scores(parameters, x[:, j : j + 1], y[:, i : i + 1])
        assert_allclose(table[:, i, j].numpy(), one[:, 0, 0].numpy(), rtol=1e-12)


def test_a_separable_score_is_an_inner_product_over_the_root_of_the_features() -> None:
    critic = Critic("separable", 2, 3, **SMALL)
    parameters = critic.initialise(starts(1))
    x, y = torch.ones(1, 1, 2, dtype=torch.float64), torch.ones(1, 1, 3, dtype=torch.float64)
    g, h = (net.forward(parameters[6 * i :][:6], (x, y)[i]) for i, net in enumerate(critic.networks()))
    assert critic.scores(parameters, x, y).item() == pytest.approx(float((g * h).sum()) / math.sqrt(8))


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_trained_critic_finds_most_of_the_information_and_not_more(bound: str) -> None:
    x, y = data(1.0, 3, 1600)
    found = estimate(Critic("separable", 2, 2), bound, x, y, starts(3), epochs=30, rate=3e-3)
    assert (found.value > 0.6).all()
    assert (found.value < 1.2).all()


def test_a_joint_critic_finds_it_too() -> None:
    x, y = data(1.0, 1, 1600)
    found = estimate(Critic("joint", 2, 2, hidden=24), "InfoNCE", x, y, starts(1), epochs=30, batch=32, rate=3e-3)
    assert 0.6 < found.value[0] < 1.2


def test_independent_data_have_no_information() -> None:
    x, y = data(1.0, 2, 800)
    found = estimate(Critic("separable", 2, 2), "InfoNCE", x, y[::-1].copy(), starts(2), epochs=8)
    assert (np.abs(found.value) < 0.1).all()


def test_the_epoch_is_chosen_on_one_quarter_and_judged_on_the_next() -> None:
    """The last quarter decides the value alone; the one before decides the epoch alone."""
    x, y = data(1.0, 1, 400)
    settings: dict[str, Any] = {"epochs": 6, "batch": 64, "checks": 3, "rate": 3e-3}
    critic = Critic("separable", 2, 2, **SMALL)
    plain = estimate(critic, "InfoNCE", x, y, starts(1), **settings)
    other = y.copy()
    other[:, 300:] = other[:, 300:][:, ::-1]
    judged = estimate(critic, "InfoNCE", x, other, starts(1), **settings)
    assert np.array_equal(plain.validation, judged.validation)
    assert judged.epoch == plain.epoch
    assert judged.value[0] < plain.value[0] - 0.2
    other = y.copy()
    other[:, 200:300] = other[:, 200:300][:, ::-1]
    chosen = estimate(critic, "InfoNCE", x, other, starts(1), **settings)
    assert (chosen.validation[1:] < plain.validation[1:]).all()
    assert plain.epochs.tolist() == [0, 2, 4, 6]
    assert plain.epoch[0] == plain.epochs[plain.validation[:, 0].argmax()]


def test_models_do_not_meet() -> None:
    x, y = data(1.0, 3, 400)
    critic = Critic("separable", 2, 2, **SMALL)
    together = estimate(critic, "NWJ", x, y, starts(3), epochs=3, batch=64)
    alone = estimate(critic, "NWJ", x[1:2], y[1:2], starts(3)[1:2], epochs=3, batch=64)
    assert_allclose(together.value[1], alone.value[0], rtol=1e-9)


def test_units_do_not_matter() -> None:
    x, y = data(1.0, 1, 400)
    critic = Critic("separable", 2, 2, **SMALL)
    plain = estimate(critic, "DV", x, y, starts(1), epochs=3, batch=64)
    moved = estimate(critic, "DV", 1000 * x - 7, y / 50 + [[[0.0, 3.0]]], starts(1), epochs=3, batch=64)
    assert_allclose(moved.value, plain.value, rtol=1e-6)


def test_pixels_may_share_one_deviation() -> None:
    """a coordinate that is hardly ever lit stays small; a common unit does not matter"""
    a = np.zeros((1, 8, 2))
    a[0, :, 0], a[0, 0, 1] = [0, 8, 0, 8, 0, 8, 0, 8], 0.8
    assert critics._scaled(a, 8, False)[0, 0, 1] > 2
    assert_allclose(critics._scaled(a, 8, True), (a - a.mean(axis=1)) / np.sqrt((16 + a[..., 1].var()) / 2))
    x, y = data(1.0, 1, 400)
    critic = Critic("separable", 2, 2, **SMALL)
    plain = estimate(critic, "DV", x, y, starts(1), epochs=2, batch=64, alike=True)
    assert_allclose(estimate(critic, "DV", 9 * x, y, starts(1), epochs=2, batch=64, alike=True).value, plain.value)
    other = estimate(critic, "DV", x * [9.0, 1.0], y, starts(1), epochs=2, batch=64, alike=True)
    assert abs(other.value - plain.value)[0] > 1e-4


def test_a_constant_coordinate_is_no_division_by_zero() -> None:
    x, y = data(1.0, 1, 400)
    x[..., 1] = 4.0
    assert np.isfinite(estimate(Critic("separable", 2, 2, **SMALL), "InfoNCE", x, y, starts(1), epochs=1).value[0])


def test_given_critics_are_judged_on_other_data() -> None:
    critic = Critic("separable", 2, 2, **SMALL)
    parameters = critic.initialise(starts(2))
    x, y = (torch.as_tensor(side) for side in data(1.0, 2, 30))
    scores = critic.scores(parameters, x, y).numpy()
    assert_allclose(
        evaluate(critic, "SMILE", parameters, x, y, tau=0.3), [estimators.smile(s, 0.3) for s in scores], rtol=1e-10
    )


X, Y = data(1.0, 2, 64)
TWO = Critic("separable", 2, 2, **SMALL)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Critic("bilinear", 2, 2), "kind is 'bilinear'; known are separable and joint"),
        (lambda: Critic("joint", 2, 2, hidden=0), r"widths are \[4, 0, 0, 1\]"),
        (lambda: estimate(TWO, "MINE", X, Y, starts(2), epochs=1), "bound is 'MINE'; known are InfoNCE, DV, NWJ"),
        (lambda: evaluate(TWO, "MINE", [], torch.ones(1), torch.ones(1)), "bound is 'MINE'; known are InfoNCE"),
        (lambda: estimate(TWO, "DV", X[0], Y[0], starts(2), epochs=1), r"x has shape \(64, 2\); it must be"),
        (lambda: estimate(TWO, "DV", X[..., :1], Y, starts(2), epochs=1), "x has 1 columns"),
        (lambda: estimate(TWO, "DV", X, Y[:, :60], starts(2), epochs=1), "x holds 2 sets of 64 points, y 2 of 60"),
        (lambda: estimate(TWO, "DV", X, Y, starts(3), epochs=1), "with 3 generators"),
        (lambda: estimate(TWO, "DV", X, Y, starts(2), epochs=1), "n is 64; the training half must hold a batch of 128"),
        (lambda: estimate(TWO, "DV", X[:, :6], Y[:, :6], starts(2), epochs=1, batch=2), "n is 6; .* two points"),
        (lambda: estimate(TWO, "DV", X, Y, starts(2), epochs=1, batch=32, tau=0.0), "tau is 0.0; it must be"),
        (lambda: estimate(TWO, "DV", X, Y, starts(2), epochs=3, batch=32, rate=1e200), "left the finite numbers"),
        (lambda: estimate(TWO, "DV", X, Y, starts(2), epochs=1, batch=32, rate=1e150), "scores left the finite"),
        (lambda: estimate(TWO, "DV", X * np.nan, Y, starts(2), epochs=1), r"x\[0, 0, 0\] is nan"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
