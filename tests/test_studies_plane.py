"""The experiments of chapter 05 on networks, in small: pure, independent, and each reading by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from itdl import data, rng
from itdl import layer_information as layers
from itdl.checks import BadInput
from itdl.networks import Perceptrons
from itdl.studies import information_plane as study
from itdl.studies import plane_readings as read

SMALL: dict[str, Any] = {
    "seed": 3, "activation": "tanh", "hidden": [4, 3], "models": 2, "epochs": 4, "count": 3, "n": 3000, "batch": 700,
    "rate": 0.01, "widths": [0.07, 0.5], "probes": 2, "probed": 1, "noise_var": 1e-2,
}  # fmt: skip


@pytest.fixture(scope="module")
def run() -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in study.twelve_bits(**SMALL).items()}


def test_shapes_are_models_snapshots_layers(run: dict[str, np.ndarray]) -> None:
    assert run["epochs"].tolist() == [0, 1, 2, 4]
    assert run["probed_at"].tolist() == [0, 3]
    for name in ("cells_x", "cells_y", "range_x", "before_x", "signal", "noise"):
        assert run[name].shape == (2, 4, 3), name
    assert run["width_x"].shape == (2, 4, 2, 3)
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "near", "spread"):
        assert run[name].shape == (2, 4), name
    for name in ("exact_x", "single_x"):
        assert run[name].shape == (1, 2, 2), name
    assert run["lower"].shape == run["upper"].shape == (1, 2)
    assert run["points"].shape == (2, 4096, 3)


def test_the_same_again_and_no_network_notices_how_many_there_are(run: dict[str, np.ndarray]) -> None:
    again, more = study.twelve_bits(**SMALL), study.twelve_bits(**(SMALL | {"models": 3}))
    other = study.twelve_bits(**(SMALL | {"seed": 4}))
    assert all(np.array_equal(values, again[name]) for name, values in run.items())
    assert_allclose(more["cells_x"][:2], run["cells_x"], atol=1e-2)
    assert_allclose(more["train_loss"][:2], run["train_loss"], rtol=1e-4)
    assert not np.array_equal(other["train_loss"], run["train_loss"])
    assert not np.array_equal(run["train_loss"][0], run["train_loss"][1])


def test_before_training_every_reading_is_that_of_the_layers_written_out(run: dict[str, np.ndarray]) -> None:
    patterns, networks = data.sphere_patterns(), Perceptrons([12, 4, 3, 2], "tanh")
    start = networks.initialise([rng.torch_stream(3, study.NAME, "initial weights", m) for m in range(2)])
    h = patterns.bits
    for layer in range(2):
        w, b = (p[0].double().numpy() for p in start[2 * layer : 2 * layer + 2])
        z = h @ w.T + b.T
        h = np.tanh(z)
        fixed = layers.code_information(layers.fixed_cells(h, -1, 1, 30), patterns.labels)
        assert_allclose(run["cells_x"][0, 0, layer], fixed.i_x)
        assert_allclose(run["cells_y"][0, 0, layer], fixed.i_y)
        for name, cells in (
            ("range_x", layers.range_cells(h, 30)),
            ("before_x", layers.equal_cells(z, 0.07)),
        ):
            assert_allclose(run[name][0, 0, layer], layers.code_information(cells, patterns.labels).i_x)
        wide = [layers.code_information(layers.equal_cells(h, w), patterns.labels).i_x for w in (0.07, 0.5)]
        assert_allclose(run["width_x"][0, 0, :, layer], wide)
        assert_allclose(run["exact_x"][0, 0, layer], np.log(len(np.unique(z, axis=0))), rtol=1e-6)
    noisy = layers.noisy_information(h, patterns.labels, 1e-2)
    assert_allclose([run[k][0, 0] for k in ("lower", "upper")], [noisy.lower, noisy.upper], rtol=1e-6)
    assert_allclose(run["points"][0], h, atol=1e-6)
    assert_allclose(run["spread"][0, 0], h.std(axis=0).mean(), rtol=1e-6)


def test_clustering_is_the_distance_to_the_fifth_of_ones_class() -> None:
    draw = rng.stream(1, "points")
    h, labels = draw.standard_normal((1, 60, 2)), draw.integers(0, 2, 60)
    expected = []
    for i in range(60):
        own = np.flatnonzero((labels == labels[i]) & (np.arange(60) != i))
        expected.append(np.log(np.sort(cdist(h[0, i : i + 1], h[0, own])[0])[4]))
    assert_allclose(study.near(h, labels), np.mean(expected))
    assert study.near(0 * h, labels)[0] == pytest.approx(np.log(1e-12))


def test_gradients_between_minibatches(run: dict[str, np.ndarray]) -> None:
    """The mean of the gradients of equal minibatches is that of them all; one alone has no deviation."""
    whole = study.twelve_bits(**(SMALL | {"n": 2800, "epochs": 1, "count": 1}))
    once = study.twelve_bits(**(SMALL | {"n": 2800, "epochs": 1, "count": 1, "batch": 2800}))
    assert_allclose(whole["signal"][:, 0], once["signal"][:, 0], rtol=1e-4)
    assert (once["noise"] == 0).all()
    assert (whole["noise"] > 0).all()


def test_networks_learn_the_task_and_by_heart_what_is_no_task() -> None:
    longer = SMALL | {"hidden": [10, 7], "epochs": 150, "batch": 250}
    honest = study.twelve_bits(**longer)
    assert (honest["test_accuracy"][:, -1] > 0.88).all()
    heart = study.twelve_bits(**(longer | {"n": 60, "batch": 20, "epochs": 400, "dealt": True}))
    assert (heart["train_accuracy"][:, -1] > 0.85).all()
    assert (np.abs(heart["test_accuracy"][:, -1] - 0.5) < 0.2).all()


def test_digits_are_read_on_all_images() -> None:
    small = {k: v for k, v in SMALL.items() if k != "n"} | {"epochs": 30, "batch": 100, "hidden": [16, 8]}
    made = study.digits(**small, n=1200)
    assert (np.asarray(made["cells_x"]) <= np.log(1797) + 1e-9).all()
    assert_allclose(np.asarray(made["exact_x"])[0, 0, 0], np.log(1797))
    assert (np.asarray(made["test_accuracy"])[:, -1] > 0.8).all()


def test_learning_times_are_the_first_epochs_below_each_target() -> None:
    common = {k: SMALL[k] for k in ("seed", "activation", "models", "n", "batch", "rate")}
    found = study.learning_times(**common, hidden=[6], epochs=40, targets=[0.68, 0.5, 0.0], every=5)
    assert found["weights"] == 12 * 6 + 6 + 6 * 2 + 2
    first = np.asarray(found["first"])
    assert (np.diff(first, axis=1) >= 0).all()
    assert (first[:, 2] == 40).all()
    assert set(first.ravel() % 5) == {0}
    assert (np.asarray(found["train_loss"]) < 0.68).all()


def test_impossible_experiments_are_refused() -> None:
    with pytest.raises(BadInput, match="n is 4096; networks need training and test inputs out of 4096"):
        study.twelve_bits(**(SMALL | {"n": 4096}))
    with pytest.raises(BadInput, match="device is 'tpu'; known are cpu, cuda and auto"):
        study.twelve_bits(**SMALL, device="tpu")


def test_auto_takes_the_gpu_where_there_is_one(run: dict[str, np.ndarray]) -> None:
    found = study.twelve_bits(**SMALL, device="auto")
    tolerance = 0.2 if torch.cuda.is_available() else 0
    assert_allclose(found["train_loss"], run["train_loss"], atol=tolerance)


def test_snapshots_begin_at_zero_and_end_at_the_last() -> None:
    assert study.snapshots(8, 4) == [0, 1, 2, 4, 8]
    kept = study.snapshots(8000, 34)
    assert kept[:4] == [0, 1, 2, 3]
    assert kept[-1] == 8000


def test_falls_and_peaks_by_hand() -> None:
    curve, epochs = np.array([[1, 4, 3, 2.0], [1, 2, 3, 3], [0, 0, 0, 0]]), np.array([0, 1, 10, 100])
    assert read.fall(curve).tolist() == [2, 0, 0]
    assert read.lost_share(curve).tolist() == [0.5, 0, 0]
    assert read.at_peak(curve, epochs).tolist() == [1, 10, 0]
    assert read.at_peak(curve, 2 * curve).tolist() == [8, 6, 0]
    assert_allclose(read.compression_share(curve, epochs, 1.0), [0.99, 0, 0])
    assert_allclose(read.compression_share(curve, epochs, 2.5), 0)


def test_the_turning_point_comes_after_the_highest() -> None:
    epochs = np.array([0, 1, 10, 100])
    curves = np.array([[0.5, 4, 0.25, 0.2], [2, 3, 2, 1.5], [3, 2, 10, 0.1], [0.5, 0.4, 0.3, 0.2]])
    assert_allclose(read.turning_point(curves, epochs), [10**0.5, 100, 10**1.5, 1])
    assert_allclose(read.turning_point(np.array([[0.5, 8, 2, 1]]), epochs, level=4.0), 10**0.5)


def test_rank_correlations_from_the_peak_on() -> None:
    i_x = np.array([[0, 5, 4, 3, 2.0], [0, 5, 4, 3, 2], [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]])
    other = np.array([[9, 4, 3, 2, 1.0], [0, 1, 2, 3, 4], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    assert_allclose(read.rank_from_peak(i_x, other), [1, -1, 0, 0])


def test_the_interval_of_a_rank_correlation_covers_the_truth() -> None:
    draw, rho, covered = rng.stream(2, "ranks"), 0.6, 0
    true = 6 / np.pi * np.arcsin(rho / 2)
    for _ in range(300):
        a = draw.standard_normal(40)
        low, _, high = read.rank_interval(a, rho * a + np.sqrt(1 - rho**2) * draw.standard_normal(40))
        covered += low < true < high
    assert 0.9 < covered / 300 < 0.99
    assert read.rank_interval(np.arange(9.0), np.zeros(9)).tolist() == [-1, 0, 1]
    assert read.rank_interval(np.arange(3.0), np.arange(3.0)).tolist() == [-1, 0, 1]
    assert_allclose(read.rank_interval(np.arange(9.0), np.arange(9.0)), 1, atol=1e-3)
