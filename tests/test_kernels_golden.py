"""Kernels and ensembles against stored answers of google/neural-tangents, an implementation not related to ours.

The peer is not needed here; `benchmarks/goldens.py` made the file, in the benchmark's own environment. Its ReLU NTK of
a point with itself carries an error of 1e-9 (an arccosine at angle 0), which its ReLU ensembles inherit.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from itdl import kernels
from itdl.checks import Array
from itdl.ensembles import InfiniteEnsemble

GOLDEN = json.loads((Path(__file__).parent / "goldens" / "neural_tangents_0.6.5.json").read_text())
X, Y, X_TEST = (np.array(GOLDEN[name]) for name in ("x", "y", "x_test"))
TAU = np.array(GOLDEN["times"]) / Y.size  # the peer's loss is a mean over the n k outputs, ours a sum
ENSEMBLE_TOLERANCE = {"erf": 1e-12, "relu": 1e-7}


def _name(case: dict[str, Any]) -> str:
    return "-".join(str(value) for value in case["architecture"].values())


def _deviation(ours: Array, theirs: Any) -> float:
    """Largest difference relative to the largest entry."""
    return float(np.abs(ours - np.array(theirs)).max() / np.abs(theirs).max())


def _relu_ntk_diagonal(depth: int, sigma_w: float, sigma_b: float) -> Array:
    """A point meets itself at angle 0, where the duals are k/2 and exactly 1/2."""
    k = t = sigma_w**2 * (X**2).mean(axis=1) + sigma_b**2
    for _ in range(depth):
        k = sigma_w**2 * k / 2 + sigma_b**2
        t = k + sigma_w**2 * t / 2
    return t


every_case = pytest.mark.parametrize("case", GOLDEN["cases"], ids=_name)
relu_cases = pytest.mark.parametrize(
    "case", [case for case in GOLDEN["cases"] if case["architecture"]["activation"] == "relu"], ids=_name
)


def test_the_golden_file_covers_both_activations_with_and_without_bias() -> None:
    found = {(c["architecture"]["activation"], c["architecture"]["sigma_b"] > 0) for c in GOLDEN["cases"]}
    assert found == {(activation, bias) for activation in kernels.ACTIVATIONS for bias in (False, True)}
    assert GOLDEN["peer"]["neural-tangents"] == "0.6.5"


@every_case
def test_kernels_of_different_points_agree_with_the_peer(case: dict[str, Any]) -> None:
    square = kernels.nngp_and_ntk(X, **case["architecture"])
    cross = kernels.nngp_and_ntk(X_TEST, X, **case["architecture"])
    theirs = np.array(case["ntk"])
    if case["architecture"]["activation"] == "relu":
        np.fill_diagonal(theirs, np.diagonal(square.ntk))
    assert _deviation(square.nngp, case["nngp"]) < 1e-12
    assert _deviation(square.ntk, theirs) < 1e-12
    assert _deviation(cross.nngp, case["nngp_cross"]) < 1e-12
    assert _deviation(cross.ntk, case["ntk_cross"]) < 1e-12


@relu_cases
def test_our_relu_ntk_of_a_point_with_itself_is_exact_where_the_peer_loses_half_of_its_digits(
    case: dict[str, Any],
) -> None:
    architecture = case["architecture"]
    exact = _relu_ntk_diagonal(architecture["depth"], architecture["sigma_w"], architecture["sigma_b"])
    ours = np.diagonal(kernels.ntk(X, **architecture))
    theirs = np.diagonal(case["ntk"])
    assert np.abs(ours / exact - 1).max() < 1e-14
    assert 1e-12 < np.abs(theirs / exact - 1).max() < 1e-7


@every_case
def test_the_ensemble_agrees_with_the_peer_from_start_to_end_of_training(case: dict[str, Any]) -> None:
    tolerance = ENSEMBLE_TOLERANCE[case["architecture"]["activation"]]
    ensemble = InfiniteEnsemble(X, Y, **case["architecture"])
    marginals, joint = ensemble.predict(X_TEST, TAU), ensemble.predict(X_TEST, TAU, cov=True)
    assert joint.cov is not None
    assert _deviation(joint.cov, case["cov"]) < tolerance
    for prediction in (marginals, joint):
        assert _deviation(prediction.mean, case["mean"]) < tolerance
        assert _deviation(prediction.var, np.diagonal(case["cov"], axis1=1, axis2=2)) < tolerance


@every_case
def test_another_clock_would_not_agree_with_the_peer(case: dict[str, Any]) -> None:
    ensemble = InfiniteEnsemble(X, Y, **case["architecture"])
    wrong = ensemble.predict(X_TEST, np.array(GOLDEN["times"]) / len(X)).mean
    assert _deviation(wrong, case["mean"]) > 1e-3
