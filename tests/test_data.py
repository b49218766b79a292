"""Data: the Gaussian task knows its information, the digits are the recorded ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl import data, gaussian, rng
from itdl.checks import BadInput, DataError


def task(**changes: float) -> data.GaussianTask:
    size = {"d": 6, "n": 40, "m": 30, "information": 0.447} | changes
    return data.gaussian_task(rng.stream(3, "task"), **size)  # type: ignore[arg-type]


@pytest.mark.parametrize("information", [0.05, 0.447, 3.0])
def test_the_task_has_the_information_asked_for(information: float) -> None:
    drawn = task(information=information)
    assert_allclose(gaussian.mutual_information(drawn.covariance, 6), information, rtol=1e-12)
    assert_allclose(drawn.y_var, np.exp(2 * information), rtol=1e-12)


def test_samples_have_the_covariance_they_claim() -> None:
    drawn = task(n=200_000)
    sampled = np.cov(np.column_stack([drawn.x_train, drawn.y_train]).T)
    assert_allclose(sampled, drawn.covariance, atol=0.03)
    assert_allclose(np.var(drawn.y_train - drawn.y_train_clean), drawn.noise_var, rtol=0.02)


def test_test_targets_are_noiseless_and_streams_decide_the_draw() -> None:
    drawn = task()
    assert_allclose(drawn.y_test, drawn.x_test @ drawn.teacher)
    assert np.array_equal(drawn.x_train, task().x_train)
    other = data.gaussian_task(rng.stream(4, "task"), d=6, n=40, m=30, information=0.447)
    assert not np.array_equal(drawn.x_train, other.x_train)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"d": 0}, "d, n and m are 0, 40 and 30"), ({"m": 0}, "at least one"), ({"information": 0}, "information is 0")],
)
def test_impossible_tasks_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        task(**changes)


def test_the_digits_are_whole() -> None:
    digits = data.digits()
    assert digits.pixels.shape == (1797, 64)
    assert (digits.pixels.min(), digits.pixels.max()) == (-1, 1)
    assert digits.parity[digits.labels == 7].tolist() == [-1] * int((digits.labels == 7).sum())
    assert digits.parity[digits.labels == 8].min() == 1


def test_other_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "DIGITS_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"digits have SHA-256 f6d9.*expected 000.*install the locked version"):
        data.digits()
