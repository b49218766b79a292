"""Training runs as they would be if a law of the loss were true, for the tests of `scaling` and its parts."""

import numpy as np

from itdl.checks import Array
from itdl.scaling.power_laws import Law

TRUTH = Law(e=1.8172, a=482.01, b=2085.43, alpha=0.3478, beta=0.3658)
COUPLED = Law(e=1.5, a=300.0, b=900.0, alpha=0.3, beta=0.35, coupling=0.35)
FREE = Law(e=1.5, a=300.0, b=900.0, alpha=0.3, beta=0.35, coupling=0.6)
NAMES = ("e", "a", "b", "alpha", "beta", "coupling")


def runs(seed: int, n: int = 240, law: Law = TRUTH, noise: float = 0.0047) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.normal(np.log(8e8), 1.13, n)), np.exp(rng.normal(np.log(1.66e10), 1.15, n))
    return *sizes, law.loss(*sizes) * np.exp(rng.laplace(0, noise, n) if noise else 0)


def values(law: Law) -> list[float]:
    return [getattr(law, name) for name in NAMES]
