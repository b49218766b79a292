"""The contenders, each behind the same door: a problem in, a call without arguments out.

A contender runs in a process of its own (`measure` is what the coordinator sends there), so that neither's threads,
allocator or caches disturb the other, and so that peak memory can be told apart. Imports of a contender's library are
inside its builder for the same reason.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import curvature
import information
import numpy as np
import replicates
import trainings

Outputs = dict[str, np.ndarray]
Call = Callable[[], Any]

DEPTH, SIGMA_W, SIGMA_B = 3, 1.5, 0.05
INPUTS, TEST_POINTS = 30, 200
NEIGHBOURS = 3
NPEET_COMMIT = "8b0d948"  # it has no releases
KEPT_TIMES = 10  # covariances at so many times are kept for comparison: all of them would not travel


@dataclass(frozen=True)
class Problem:
    """One size of one task. `times` is the number of times, logarithmic over 1..1e6 on the peer's clock."""

    activation: str
    n: int
    times: int = 0

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Training inputs (n, d), targets (n, 1) and test inputs (m, d), all standard normal."""
        rng = np.random.default_rng(self.n)
        shapes = (self.n, INPUTS), (self.n, 1), (TEST_POINTS, INPUTS)
        x, y, x_test = (rng.standard_normal(shape) for shape in shapes)
        return x, y, x_test

    def clock(self) -> np.ndarray:
        """Times on the peer's clock: its loss is a mean over the n k outputs, ours a sum, so tau = t/(n k), k = 1."""
        return np.geomspace(1, 1e6, self.times)

    @property
    def setting(self) -> str:
        return self.activation

    def architecture(self) -> dict[str, Any]:
        return {"depth": DEPTH, "activation": self.activation, "sigma_w": SIGMA_W, "sigma_b": SIGMA_B}


@dataclass(frozen=True)
class Samples:
    """n samples of `dims` independent normal pairs that share `information` nats in all."""

    n: int
    dims: int
    information: float
    times: int = 0

    @property
    def setting(self) -> str:
        return f"{self.dims}+{self.dims} dimensions"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.n, self.dims])
        rho = np.sqrt(1 - np.exp(-2 * self.information / self.dims))
        x, noise = rng.standard_normal((2, self.n, self.dims))
        return x, rho * x + np.sqrt(1 - rho**2) * noise


@dataclass(frozen=True)
class Joint:
    """p(x) uniform over n inputs, p(y|x) from Dirichlet(0.3) over `labels`; `times` values of beta, 1.01 to 50."""

    n: int
    labels: int
    times: int = 100

    @property
    def setting(self) -> str:
        return f"{self.labels} labels"

    def data(self) -> np.ndarray:
        pyx = np.random.default_rng([self.n, self.labels]).dirichlet(np.full(self.labels, 0.3), size=self.n)
        # A floor, so that the dual is defined.
        return (pyx + 1e-9) / (1 + 1e-9 * self.labels) / self.n

    def betas(self) -> np.ndarray:
        return np.geomspace(1.01, 50, self.times)


class Measurement(NamedTuple):
    """CPU seconds of all threads of the contender's process, its peak memory so far, and what it computed."""

    cpu: float
    peak_gb: float
    outputs: Outputs | None


def measure(contender: str, problem: Any, keep: bool) -> Measurement:
    """One timed call. The contender is built (data, compiled functions, not their compilation) at its first call."""
    call = _built(contender, problem)
    gc.collect()
    start = time.process_time()
    result = call()
    cpu = time.process_time() - start
    return Measurement(cpu, _peak_gb(), _outputs(contender, result) if keep else None)


def pin() -> None:
    """One core for whatever threads the contender starts."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _peak_gb() -> float:
    """High-water mark of this process alone: `ru_maxrss` would begin with what its parent held."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**20


@cache
def _built(contender: str, problem: Any) -> Call:
    return BUILDERS[contender](problem)


def _ours_kernels(problem: Problem) -> Call:
    from itdl import kernels

    x, _, _ = problem.data()
    return lambda: kernels.nngp_and_ntk(x, **problem.architecture())


def _ours_ensemble(problem: Problem, cov: bool) -> Call:
    from itdl.ensembles import InfiniteEnsemble

    x, y, x_test = problem.data()
    tau = problem.clock() / y.size
    return lambda: InfiniteEnsemble(x, y, **problem.architecture()).predict(x_test, tau, cov=cov)


def _per_time(problem: Problem) -> Call:
    """The textbook formulas at each kept time, one at a time: what our compression must not lose."""
    from itdl import kernels

    x, y, x_test = problem.data()
    kept = (problem.clock() / y.size)[:: problem.times // KEPT_TIMES]
    k, theta = kernels.nngp_and_ntk(x, **problem.architecture())
    k_cross, theta_cross = kernels.nngp_and_ntk(x_test, x, **problem.architecture())
    prior = kernels.nngp(x_test, **problem.architecture())

    def call() -> tuple[np.ndarray, np.ndarray]:
        lam, v = np.linalg.eigh(theta)
        smoothers = [theta_cross @ (v * (-np.expm1(-tau * lam) / lam)) @ v.T for tau in kept]
        covs = [prior + b @ k @ b.T - b @ k_cross.T - k_cross @ b.T for b in smoothers]
        return np.stack([b @ y for b in smoothers]), np.stack(covs)

    return call


def _eigh(problem: Problem) -> Call:
    """The one step of ours that no code of ours can shorten."""
    from itdl import kernels

    theta = kernels.ntk(problem.data()[0], **problem.architecture())
    return lambda: np.linalg.eigh(theta)


def neural_tangents() -> tuple[Any, Any]:
    """jax and the peer, in double precision. The peer's experimental part alone would need TensorFlow."""
    sys.modules["neural_tangents.experimental"] = types.ModuleType("neural_tangents.experimental")
    import jax
    import neural_tangents

    jax.config.update("jax_enable_x64", True)
    return jax, neural_tangents


def peer_kernel_fn(activation: str, depth: int, sigma_w: float, sigma_b: float) -> Any:
    """The peer's kernel function of the same networks; its `b_std` is our sigma_b, its default parametrisation NTK."""
    _, nt = neural_tangents()
    phi = {"erf": nt.stax.Erf, "relu": nt.stax.Relu}[activation]
    hidden = [layer for _ in range(depth) for layer in (nt.stax.Dense(1, sigma_w, sigma_b), phi())]
    return nt.stax.serial(*hidden, nt.stax.Dense(1, sigma_w, sigma_b))[2]


def npeet() -> Any:
    """NPEET's estimators, without the noise of 1e-10 that they add to their samples before anything else."""
    from npeet import entropy_estimators

    entropy_estimators.add_noise = lambda x: x
    return entropy_estimators


def _peer_kernels(problem: Problem) -> Call:
    jax, _ = neural_tangents()
    kernel_fn = jax.jit(peer_kernel_fn(**problem.architecture()), static_argnames="get")
    x, _, _ = problem.data()
    return lambda: jax.block_until_ready(tuple(kernel_fn(x, None, ("nngp", "ntk"))))


def _peer_ensemble(problem: Problem, whole: bool) -> Call:
    """The single call with a vector of times: its kernel compiled as documented, or the `whole` of it compiled."""
    jax, nt = neural_tangents()
    kernel_fn = peer_kernel_fn(**problem.architecture())
    if not whole:
        kernel_fn = jax.jit(kernel_fn, static_argnames="get")

    def predict(x: Any, y: Any, x_test: Any, t: Any) -> Any:
        fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, y, diag_reg=0.0)
        return tuple(fn(t=t, x_test=x_test, get="ntk", compute_cov=True))

    run = jax.jit(predict) if whole else predict
    arguments = (*problem.data(), problem.clock())
    return lambda: jax.block_until_ready(run(*arguments))


def _ours_ksg(problem: Samples) -> Call:
    from itdl.estimators import ksg

    x, y = problem.data()
    return lambda: ksg(x, y, NEIGHBOURS)


def _peer_ksg(problem: Samples) -> Call:
    peer, (x, y) = npeet(), problem.data()
    return lambda: peer.mi(x, y, k=NEIGHBOURS, base=np.e)


def _ours_curve(problem: Joint, kind: str, **options: float) -> Call:
    from itdl import bottleneck

    solve = {"ib": bottleneck.solve_ib, "dual": bottleneck.solve_dual_ib}[kind]
    pxy, betas = problem.data(), problem.betas()
    return lambda: solve(pxy, betas, **options)


def _peer_curve(problem: Joint, **options: Any) -> Call:
    """Its solver beta by beta, three starts each. It measures D in bits under exp: its beta is the textbook's log 2."""
    from embo import InformationBottleneck

    pxy, betas = problem.data(), problem.betas()
    px, py = pxy.sum(axis=1), pxy.sum(axis=0)

    def call() -> list[tuple[float, ...]]:
        np.random.seed(0)  # noqa: NPY002  the peer draws its starts from the global generator
        solve = InformationBottleneck.beta_iter
        return [solve(1, b * np.log(2), px, py, (pxy / px[:, None]).T, len(px), 3, **options) for b in betas]

    return call


BUILDERS: dict[str, Callable[[Any], Call]] = {
    "ours: kernels": _ours_kernels,
    "ours: variance": lambda p: _ours_ensemble(p, cov=False),
    "ours: covariance": lambda p: _ours_ensemble(p, cov=True),
    "ours: eigh alone": _eigh,
    "per time": _per_time,
    "peer: kernels": _peer_kernels,
    "peer: one call": lambda p: _peer_ensemble(p, whole=False),
    "peer: compiled": lambda p: _peer_ensemble(p, whole=True),
    "ours: neighbours": _ours_ksg,
    "peer: neighbours": _peer_ksg,
    "ours: curve": lambda p: _ours_curve(p, "ib"),
    "ours: curve to 1e-8": lambda p: _ours_curve(p, "ib", tol=1e-8),
    "ours: dual curve": lambda p: _ours_curve(p, "dual"),
    "peer: curve": lambda p: _peer_curve(p, iterations=5000, rtol=1e-8),
    "peer: curve, its defaults": lambda p: _peer_curve(p, iterations=100, rtol=1e-3),
    **curvature.BUILDERS,
    **replicates.BUILDERS,
    **trainings.BUILDERS,
    **information.BUILDERS,
}


def _outputs(contender: str, result: Any) -> Outputs:
    if contender == "ours: eigh alone":
        return {}
    if contender in curvature.BUILDERS:
        return {"log det": np.asarray(result)}
    if contender in replicates.BUILDERS:
        return {"objective": np.asarray(result)}
    if contender in trainings.BUILDERS:
        return {"loss": np.asarray(result)}
    if contender.endswith("neighbours") or contender in information.BUILDERS:
        return {"information": np.asarray(result)}
    if "curve" in contender:
        return _curve_outputs(contender, result)
    if contender.endswith("kernels"):
        return {"nngp": np.asarray(result[0]), "ntk": np.asarray(result[1])}
    if contender == "per time":
        return {"mean": result[0], "cov": result[1], "var": np.diagonal(result[1], axis1=1, axis2=2)}
    if contender.startswith("ours"):
        outputs = {"mean": result.mean, "var": result.var}
        cov = result.cov
    else:
        cov = np.asarray(result[1])
        outputs = {"mean": np.asarray(result[0]), "var": np.diagonal(cov, axis1=1, axis2=2)}
    step = max(1, len(outputs["mean"]) // KEPT_TIMES)
    kept = outputs if cov is None else {**outputs, "cov": cov}
    return {name: np.array(array[::step]) for name, array in kept.items()}


def _curve_outputs(contender: str, result: Any) -> Outputs:
    """I(X;T) and I(T;Y) in nats at each beta; of ours also its certificates."""
    if contender.startswith("peer"):
        return {
            "i_xt": np.log(2) * np.array([r[0] for r in result]),
            "i_ty": np.log(2) * np.array([r[1] for r in result]),
        }
    outputs = {name: getattr(result, name) for name in ("i_xt", "i_ty", "residual", "increase")}
    return {name: np.array(values) for name, values in outputs.items()}
