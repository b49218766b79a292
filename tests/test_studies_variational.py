"""The experiments of chapter 08 in small: deterministic, paired, within their bounds, and each helper by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import images, rng
from itdl.checks import BadInput, DataError
from itdl.studies import label_channel
from itdl.studies import variational_bottleneck as study

SMALL: dict[str, Any] = {
    "seed": 3,
    "index": 0,
    "prior": "normal",
    "noise": "smoothing",
    "level": 0.1,
    "betas": [1.0, 30.0],
    "source": "digits",
    "n": 200,
    "m": 60,
    "hidden": [24],
    "latent": 3,
    "epochs": 12,
    "batch": 50,
    "rate": 5e-3,
    "snapshots": [0, 12],
    "draws": 3,
}


@pytest.fixture(scope="module")
def plane() -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in study.plane(**SMALL).items()}


def test_a_unit_gives_the_same_bits_again_and_others_for_another_index(plane: dict[str, np.ndarray]) -> None:
    again = study.plane(**SMALL)
    other = study.plane(**(SMALL | {"index": 1}))
    assert all(np.array_equal(plane[name], again[name]) for name in plane)
    assert not np.array_equal(plane["rate"], other["rate"])
    assert {values.shape for values in plane.values()} == {(3, 2, 2)}


def test_a_model_does_not_depend_on_those_trained_beside_it(plane: dict[str, np.ndarray]) -> None:
    alone = study.plane(**(SMALL | {"betas": [30.0]}), objectives=[study.OBJECTIVES[2]])
    for name, values in plane.items():
        # Single precision: how many are multiplied at once changes the order of sums.
        assert_allclose(np.asarray(alone[name])[0, 0], values[2, 1], rtol=1e-3, atol=1e-4)


def test_all_models_start_from_the_same_network_that_knows_nothing(plane: dict[str, np.ndarray]) -> None:
    start = {name: values[..., 0] for name, values in plane.items()}
    for values in start.values():
        assert_allclose(values, values[0, 0], rtol=1e-9, atol=1e-12)
    assert start["i_x"].max() < 0.1
    assert start["i_y"].max() < 0.05


def test_training_pays_off_and_bounds_hold(plane: dict[str, np.ndarray]) -> None:
    end = {name: values[..., -1] for name, values in plane.items()}
    assert (end["error"][:, 1] < 0.4).all()
    assert (end["i_y"] <= end["i_x"] + 0.02).all()
    assert (end["i_y_calibrated"] <= end["i_x"] + 0.02).all()
    assert (end["i_x_given_y"] <= end["i_x"]).all()
    assert (end["rate"] >= end["i_x"] - 0.02).all()
    assert (end["i_x"] <= np.log(60)).all()
    assert (end["i_x"][:, 1] > end["i_x"][:, 0] + 0.5).all()
    assert (end["i_x_loo"] >= end["i_x"] - 0.3).all()


def test_a_prior_that_sees_the_label_charges_less_than_the_information() -> None:
    made = study.plane(**(SMALL | {"prior": "conditional", "betas": [4.0], "epochs": 60, "snapshots": [60]}))
    assert (made["rate"] < np.asarray(made["i_x"]) - 0.3).all()
    assert (made["rate"] >= np.asarray(made["i_x_given_y"]) - 0.02).all()


def test_labels_dealt_out_at_random_teach_nothing() -> None:
    made = study.plane(**(SMALL | {"betas": [30.0], "snapshots": [12]}), shuffled=True)
    assert (np.asarray(made["error"]) > 0.6).all()
    assert (np.asarray(made["i_y"]) < 0.1).all()


def test_flipped_labels_are_those_of_training_and_of_the_second_error(plane: dict[str, np.ndarray]) -> None:
    assert np.array_equal(plane["error"], plane["error_flipped"])
    made = study.plane(**(SMALL | {"betas": [8.0], "snapshots": [12]}), flipped=0.5)
    assert (np.asarray(made["error_flipped"]) > np.asarray(made["error"]) + 0.1).all()


@pytest.mark.parametrize(
    ("noise", "level"),
    [("confusion", 0.1), ("gaussian one-hot", 0.01), ("gaussian logits", 0.1), ("pre-trained", 0.1)],
)
def test_every_noise_model_trains_a_dual(noise: str, level: float) -> None:
    point = SMALL | {"noise": noise, "level": level, "betas": [30.0], "epochs": 30, "snapshots": [30]}
    made = study.plane(**point, objectives=[study.OBJECTIVES[2]])
    assert float(np.asarray(made["error"])[0, 0, 0]) < 0.6


def test_the_schedule_comes_down_to_its_own_beta_half_way() -> None:
    own = torch.tensor([1.0, 8.0])
    steps = torch.stack(list(study._schedule(own, 100.0, 4)))
    assert_allclose(steps, [[100, 100], [50.5, 54], [1, 8], [1, 8]])
    assert_allclose(torch.stack(list(study._schedule(own, 0.0, 2))), [[1, 8], [1, 8]])


def test_scaled_logits_mend_a_decoder_that_is_less_sure_than_it_should_be() -> None:
    draw = rng.stream(1, "calibrated")
    labels = torch.tensor(draw.integers(0, 10, 3000))
    logits = 2 * torch.nn.functional.one_hot(labels, 10).double() + torch.tensor(draw.standard_normal((3000, 10)))
    honest = torch.log_softmax(2 * logits, dim=-1)[None, None]  # p(y | logits) for unit noise around 2 one-hot
    blunt = torch.log_softmax(0.5 * logits, dim=-1)[None, None]
    mended = study._calibrated(torch.cat([honest, blunt]), labels)
    exact = study.v.label_information(honest[0, 0], labels)
    assert_allclose(mended, float(exact), atol=0.01)
    assert float(study.v.label_information(blunt[0, 0], labels)) < float(exact) - 0.1


@pytest.mark.parametrize("conditional", [False, True])
def test_the_sampled_rate_is_the_rate_up_to_its_sampling(conditional: bool) -> None:
    draw = rng.torch_stream(1, "sampled rate")
    mean, m, noise = (torch.randn((2, 5000, 3), generator=draw, dtype=torch.float64) for _ in range(3))
    code = study.v.Encoding(mean, torch.full_like(mean, 0.4))
    prior = study.v.Encoding(0.5 * m, torch.full_like(m, 1.5)) if conditional else None
    sampled = study._sampled_rate(code, prior, study.v.sample(code, noise))
    assert_allclose(sampled, study.v.rate(code, prior).mean(dim=-1), atol=0.06)


def test_all_pairs_split_into_classes_and_the_rest() -> None:
    scores = np.where(np.eye(6, dtype=bool), 0.0, -1e3)
    whole, within = study._all_pairs(scores, np.array([0, 0, 0, 1, 1, 1]))
    assert_allclose([whole, within], np.log([6, 3]))


def test_the_advantage_is_taken_at_equal_information() -> None:
    x = np.array([[0.0, 1.0, 2.0]])
    longer = np.array([[3.0, 0.0, 1.0]])  # out of order, as betas need not raise the information
    assert_allclose(study.advantage((x, x), (longer, longer - 0.25), 0.5, 1.5), 0.25)
    assert_allclose(study.advantage((x, x), (x[:, :2], 0.5 * x[:, :2]), 0.5, 9), 0.375)
    with pytest.raises(BadInput, match=r"the curves share no I\(X;Z\) between 2.5 and 3; train at betas that reach it"):
        study.advantage((x, x), (longer, longer), 2.5, 3)


def test_the_exact_channel_has_its_onsets() -> None:
    made = label_channel.channel(classes=10, level=0.1, betas=[1.1, 1.4, 4.0])
    assert made["critical_ib"] == pytest.approx(0.9**-2)
    assert made["critical_dual"] == pytest.approx(100 / np.log(91) ** 2)
    assert np.asarray(made["ib"])[0] == pytest.approx(0, abs=1e-6)
    assert np.asarray(made["dual"])[1] > 1.9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "mnist"}, "source is 'mnist'; known are digits, fashion_mnist and cifar10"),
        ({"noise": "salt"}, "noise is 'salt'; known are smoothing, confusion"),
        ({"prior": "uniform"}, "prior is 'uniform'; known are normal and conditional"),
        ({"device": "tpu"}, "device is 'tpu'; known are cpu and auto"),
    ],
)
def test_unknown_choices_are_refused(changes: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        study.plane(**(SMALL | changes))


def test_images_of_ones_own_are_drawn_from_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = images.Images(
        *(images.Split(np.arange(k)[:, None] * 1.0, np.arange(k) % 10) for k in (30, 20))  # pixels name the image
    )
    monkeypatch.setattr(images, "fashion_mnist", lambda: whole)
    task = study._task(3, 0, "fashion_mnist", 25, 12)
    assert len(set(task.x[:, 0])) == 25
    assert task.x_test.max() < 20
    assert (task.y == task.x[:, 0] % 10).all()
    monkeypatch.delenv("ITDL_DATA", raising=False)
    with pytest.raises(DataError, match="ITDL_DATA is None"):
        study._task(3, 0, "cifar10", 25, 12)
