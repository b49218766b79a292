"""The bottleneck against stored answers of dit 2.3, found by another method (a general optimiser)."""

import json
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose
from scipy.special import softmax

from itdl.bottleneck import solve_ib

GOLDEN = Path(__file__).parent / "goldens" / "dit_2.3_information_bottleneck.json"


def test_no_higher_than_dit_and_no_lower_than_its_digits_allow() -> None:
    # At beta = 16 dit stopped 1e-3 away along a flat valley: the objective, not the point, is what it determines.
    points = json.loads(GOLDEN.read_text())["points"]
    inputs = np.linspace(-1, 0.6, 5)
    curve = solve_ib(softmax(np.outer(inputs, [1, -1]), axis=1) / 5, [p["beta"] for p in points])
    theirs = np.array([p["i_xt"] - p["beta"] * p["i_ty"] for p in points])
    ours = curve.i_xt - curve.betas * curve.i_ty
    assert_allclose(ours, theirs, atol=2e-5)
    assert (ours <= theirs + 0.5e-6 * (1 + curve.betas)).all()
    assert_allclose(curve.i_ty, [p["i_ty"] for p in points], atol=1e-4)
