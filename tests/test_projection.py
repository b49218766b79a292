"""Variable projection: the law recovered from exact losses, a true minimum from noisy ones, starts, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize
from simulated_runs import TRUTH, runs, values

from itdl.checks import BadInput
from itdl.scaling.forms import points
from itdl.scaling.power_laws import Law
from itdl.scaling.projection import starting_laws, variable_projection


def test_variable_projection_recovers_the_law() -> None:
    found = variable_projection(*runs(8, 80, noise=0))
    assert_allclose([found.alpha, found.beta, found.e], [TRUTH.alpha, TRUTH.beta, TRUTH.e], rtol=1e-3)
    assert_allclose([found.a, found.b], [TRUTH.a, TRUTH.b], rtol=1e-2)
    noisy = runs(8, 80)
    first, later = (variable_projection(*noisy, rounds=k) for k in (1, 6))

    def error(law: Law) -> float:
        return float(np.sum((law.loss(*noisy[:2]) / noisy[2] - 1) ** 2))

    least = optimize.minimize(
        lambda t: error(Law(*np.exp(t))), np.log(values(later)), method="Nelder-Mead", options={"maxiter": 4000}
    )
    assert least.fun <= error(later) <= least.fun * 1.001 < error(first)


def test_starting_laws_have_the_exponents_of_the_grid() -> None:
    laws = starting_laws(points("additive", *runs(9, 40)))
    assert {law.alpha for law in laws} <= {0.1, 0.2, 0.35, 0.6, 1.0, 1.6}
    assert all(min(values(law)) > 0 for law in laws)
    assert len(laws) > 5


def test_a_start_is_the_best_law_of_its_exponents() -> None:
    n, d, loss = runs(1, 40)
    for law in starting_laws(points("additive", n, d, loss))[::7]:
        columns = np.stack([np.ones_like(n), n**-law.alpha, d**-law.beta], axis=1) / loss[:, None]
        best = np.linalg.lstsq(columns * [1, law.a, law.b], np.ones_like(n), rcond=None)[0]
        assert_allclose(best, [law.e, 1, 1], rtol=1e-6)


def test_losses_that_rise_have_no_law() -> None:
    n, d, _ = runs(0, 10)
    with pytest.raises(BadInput, match="no law with A, B and E above zero fits best; the losses do not fall"):
        variable_projection(n, d, n)
    with pytest.raises(BadInput, match="no law with A, B and E above zero is near the losses"):
        starting_laws(points("additive", n, d, n))
