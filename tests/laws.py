"""Random inputs for the laws: hypothesis strategies, and the settings under which the laws are tried.

By default the examples are derandomised, so that a failure is the same on every machine. `ITDL_EXAMPLES=2000 pytest`
tries that many fresh random ones per law.
"""

import os
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from itdl.checks import Array
from itdl.ensembles import InfiniteEnsemble
from itdl.kernels import ACTIVATIONS, Architecture

LAW = settings(
    max_examples=int(os.environ.get("ITDL_EXAMPLES", "100")),
    derandomize="ITDL_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
)
FEW = settings(LAW, max_examples=max(1, LAW.max_examples // 4))

# Zero, ordinary and tiny weights; no subnormals, whose ratios lose all their digits.
WEIGHTS = st.one_of(st.just(0.0), st.floats(0.01, 1), st.floats(1e-300, 0.01))
SEEDS = st.integers(0, 2**32 - 1)


def _normalised(weights: Array) -> Array:
    return weights / weights.sum(axis=-1, keepdims=True)


def distributions(n: int | st.SearchStrategy[int] | None = None, *rows: int) -> st.SearchStrategy[Array]:
    """Distributions over n outcomes (2 to 6 unless given), zeros and tiny probabilities among them."""
    sizes = st.just(n) if isinstance(n, int) else (n or st.integers(2, 6))
    return (
        sizes.flatmap(lambda k: hnp.arrays(float, (*rows, k), elements=WEIGHTS))
        .filter(lambda w: bool((w.sum(axis=-1) > 0.01).all()))
        .map(_normalised)
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Array, Array]:
    """Two distributions over the same outcomes."""
    n = draw(st.integers(2, 6))
    return draw(distributions(n)), draw(distributions(n))


@st.composite
def joints(draw: st.DrawFn) -> Array:
    """A joint distribution p(x, y)."""
    n, m = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    return draw(distributions(n * m)).reshape(n, m)


@st.composite
def channels(draw: st.DrawFn) -> tuple[Array, Array]:
    """A joint p(x, y) and a channel p(z | y) for what comes after it."""
    joint = draw(joints())
    return joint, draw(distributions(3, joint.shape[1]))


def matrices(n: int, m: int, bound: float = 2) -> st.SearchStrategy[Array]:
    return hnp.arrays(float, (n, m), elements=st.floats(-bound, bound).map(lambda x: round(x, 6)))


@st.composite
def covariances(draw: st.DrawFn, low: int = 2, high: int = 6) -> Array:
    """A positive definite matrix with condition number below 1e4 or so."""
    n = draw(st.integers(low, high))
    a = draw(matrices(n, n))
    return np.asarray(a @ a.T + 0.05 * np.eye(n))


@st.composite
def architectures(draw: st.DrawFn, max_depth: int = 3) -> Architecture:
    return Architecture(
        depth=draw(st.integers(0, max_depth)),
        activation=draw(st.sampled_from(ACTIVATIONS)),
        sigma_w=draw(st.floats(0.2, 2)),
        sigma_b=draw(st.one_of(st.just(0.0), st.floats(0.05, 1))),
    )


@st.composite
def ensembles(draw: st.DrawFn, **fixed: Any) -> InfiniteEnsemble:
    """A trained ensemble; the points come from a seed, so that they are in general position."""
    rng = np.random.default_rng(draw(SEEDS))
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    k = fixed.pop("outputs", None) or draw(st.integers(1, 3))
    architecture = {**draw(architectures()), **fixed}
    return InfiniteEnsemble(rng.standard_normal((n, d)), rng.standard_normal((n, k)), **architecture)


TIMES = st.lists(st.one_of(st.sampled_from([0.0, np.inf]), st.floats(1e-6, 1e6)), min_size=1, max_size=5)
FINITE_TIMES = st.lists(st.floats(1e-4, 100), min_size=1, max_size=4)
