"""The published record behind chapter 15: printed constants, the runs they were fitted to, and what was done to them.

The 245 points that besiroglu2024chinchilla read off a figure of hoffmann2022training carry no licence, so they are not
part of this project. By default the runs are simulated: sizes spread like the published ones, losses from the printed
law, errors of Laplace's law. Whoever has the file puts it into the folder that ITDL_DATA names.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from itdl import images, rng, scaling
from itdl.checks import Array, BadInput, DataError
from itdl.scaling.power_laws import FLOPS, Law, compute_optimal, isoflop_optimum
from itdl.sweep import Result

__all__ = [
    "BESIROGLU",
    "HOFFMANN",
    "HOFFMANN_ROUNDED",
    "NAMES",
    "TRUTH",
    "covered",
    "digitised",
    "free_form",
    "isoflop_bias",
    "isoflop_curve",
    "kaplan_path",
    "kaplan_view",
    "refit",
    "simulated",
    "stopped_early",
]

HOFFMANN_ROUNDED = Law(e=1.69, a=406.4, b=410.7, alpha=0.34, beta=0.28)
HOFFMANN = Law(
    e=float(np.exp(0.5267228)), a=float(np.exp(6.0073404)), b=float(np.exp(6.0179186)), alpha=0.33917084, beta=0.2849083
)
BESIROGLU = Law(e=1.8172, a=482.01, b=2085.43, alpha=0.3478, beta=0.3658)
NAMES = ("e", "alpha", "beta", "exponent_n")
TRUTH = dict(zip(NAMES, (BESIROGLU.e, BESIROGLU.alpha, BESIROGLU.beta, 0.3658 / 0.7136), strict=True))
FILE = "svg_extracted_data.csv"
FILE_SHA256 = "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30"
OUTLIERS = 5  # the highest losses, left out as besiroglu2024chinchilla did
TOKEN_VECTORS = 47491  # parameters of embeddings are this times the cube root of the others: pearce2024reconciling
Runs = tuple[Array, Array, Array]


def simulated(seed: int, index: int, n: int = 240) -> Runs:
    """N, D and L of n runs: log-normal sizes, clipped, and the law of besiroglu2024chinchilla with errors of 0.0047."""
    draw = rng.stream(seed, "scaling laws", "simulated runs", index)
    n_params = np.exp(draw.normal(np.log(8e8), 1.13, n)).clip(5.7e7, 1.62e10)
    n_tokens = np.exp(draw.normal(np.log(1.66e10), 1.15, n)).clip(8e8, 3.2e11)
    return n_params, n_tokens, BESIROGLU.loss(n_params, n_tokens) * np.exp(draw.laplace(0, 0.0047, n))


def digitised() -> Runs:
    """The same from the file svg_extracted_data.csv of your own, its five highest losses left out; D = C/(6 N)."""
    path = images.folder() / FILE
    if not path.is_file():
        raise DataError(f"{path} is not there; put the file into that folder, or take the simulated runs")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != FILE_SHA256:
        raise DataError(
            f"{path} has SHA-256 {found}, expected {FILE_SHA256}; fetch it again, or take the simulated runs"
        )
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    n_params, compute, loss = (
        np.array([float(row[k]) for row in rows]) for k in ("Model Size", "Training FLOP", "loss")
    )
    kept = loss < np.sort(loss)[-OUTLIERS]
    return n_params[kept], (compute / FLOPS / n_params)[kept], loss[kept]


def refit(*, seed: int, index: int, points: str, replicates: int) -> Result:
    """The additive fit of one set of runs, and its bootstrap.

    For each of NAMES `x`: `x`, `x_low`, `x_high` (95 %) and `x_error`; `width` of the 80 % interval of exponent_n;
    `unfinished` replicates; the `least` loss.
    """
    runs = _runs(seed, index, points)
    fit = scaling.fit(*runs)
    boot = fit.bootstrap(rng.stream(seed, "scaling laws", "bootstrap", index), replicates)
    low, high = boot.interval("exponent_n", 0.8)
    found: Result = {"width": high - low, "unfinished": float(boot.unfinished), "least": float(runs[2].min())}
    best = {"e": fit.e, "alpha": fit.alpha, "beta": fit.beta, "exponent_n": fit.beta / (fit.alpha + fit.beta)}
    for name in NAMES:
        low, high = boot.interval(name)
        found |= {
            name: best[name],
            f"{name}_low": low,
            f"{name}_high": high,
            f"{name}_error": boot.standard_error(name),
        }
    return found


def free_form(*, seed: int, index: int, points: str) -> Result:
    """The fit with a free coupling: its E, its s, and its gain in log-likelihood over the additive one."""
    runs = _runs(seed, index, points)
    free, gain = scaling.fit(*runs, "free"), -scaling.fit(*runs).log_likelihood
    return {"e": free.e, "coupling": free.law.coupling, "gain": free.log_likelihood + gain}


def stopped_early(*, seed: int, index: int, points: str, replicates: int, averaged: bool) -> Result:
    """The bootstrap of scipy's L-BFGS-B with its default tolerances, from Hoffmann's values.

    With `averaged` the objective is the mean over the runs, otherwise the sum over delta. Gives the width of the 80 %
    interval of exponent_n, the 95 % interval of each of NAMES, and the mean number of iterations.
    """
    runs = np.array(_runs(seed, index, points))
    draw, scale = rng.stream(seed, "scaling laws", "bootstrap", index), 1 / runs.shape[1] if averaged else 1e3
    start = [np.log(HOFFMANN.a), np.log(HOFFMANN.b), np.log(HOFFMANN.e), HOFFMANN.alpha, HOFFMANN.beta]
    ends, iterations = [], []
    for _ in range(replicates):
        rows = runs[:, draw.integers(runs.shape[1], size=runs.shape[1])]
        done = optimize.minimize(_scaled, start, args=(rows, scale), jac=True, method="L-BFGS-B")
        ends.append(done.x)
        iterations.append(done.nit)
    _, _, e, alpha, beta = np.array(ends).T
    values = {"e": np.exp(e), "alpha": alpha, "beta": beta, "exponent_n": beta / (alpha + beta)}
    found: Result = {"width": float(np.ptp(np.quantile(values["exponent_n"], [0.1, 0.9])))}
    for name in NAMES:
        found[f"{name}_low"], found[f"{name}_high"] = (float(q) for q in np.quantile(values[name], [0.025, 0.975]))
    return found | {"iterations": float(np.mean(iterations))}


def _runs(seed: int, index: int, points: str) -> Runs:
    if points not in ("simulated", "digitised"):
        raise BadInput(f"points is {points!r}; known are simulated and digitised")
    return simulated(seed, index) if points == "simulated" else digitised()


def _scaled(theta: Array, rows: Array, scale: float) -> tuple[float, Array]:
    value, gradient = scaling.objective(theta, *rows)
    return scale * value, scale * gradient


def covered(run: Mapping[str, Array]) -> float:
    """Share of 95 % intervals, over sets of runs and the four quantities, that hold the law behind the runs."""
    return float(np.mean([(run[f"{x}_low"] <= TRUTH[x]) & (TRUTH[x] <= run[f"{x}_high"]) for x in NAMES]))


def isoflop_bias(law: Law, compute: ArrayLike, widths: list[float]) -> Array:
    """Fitted over true optimum, median over budgets, for grids of nine sizes up to each factor of the optimum."""
    true = compute_optimal(law, compute).n_params
    return np.array([np.median(isoflop_optimum(law, compute, np.geomspace(1 / w, w, 9)) / true) for w in widths])


def isoflop_curve(law: Law, compute: float, width: float) -> Result:
    """One budget drawn: nine `sizes` up to the factor `width` of the optimum with their `loss`, and over `fine` sizes
    the law, `exact`, and the `parabola` through the nine points. Sizes in units of the true optimum."""
    true, sizes, fine = compute_optimal(law, compute).n_params, np.geomspace(1 / width, width, 9), 1.1 * np.log(width)
    many = np.exp(np.linspace(-fine, fine, 201))
    loss, exact = (law.loss(true * x, compute / FLOPS / (true * x)) for x in (sizes, many))
    fitted = np.polynomial.Polynomial.fit(np.log(sizes), loss, 2)(np.log(many))
    return {"sizes": sizes, "loss": loss, "fine": many, "exact": exact, "parabola": np.asarray(fitted)}


def kaplan_path(law: Law, *, embeddings: float = TOKEN_VECTORS, points: int = 400) -> tuple[Array, Array, Array]:
    """C, N and L along the optimum of each budget, as seen by who counts neither embeddings nor their operations.

    Total parameters are N + w N^(1/3); C = 6 N D, evenly spaced in ln C, with N from 790 to 1.58e9 (the range of
    kaplan2020scaling). Source: pearce2024reconciling, sections 2 and 3.
    """
    n = np.geomspace(790, 1.58e9, 20 * points)
    total = n + embeddings * np.cbrt(n)
    share = (n + embeddings * np.cbrt(n) / 3) / total  # d ln(total) / d ln n
    tokens = (law.beta * law.b / (law.alpha * law.a * total**-law.alpha * share)) ** (1 / law.beta)
    compute = np.log(FLOPS * n * tokens)
    even = np.linspace(compute[0], compute[-1], points)
    best, loss = (np.exp(np.interp(even, compute, np.log(y))) for y in (n, law.loss(total, tokens)))
    return np.exp(even), best, loss


def kaplan_view(law: Law, *, embeddings: float = TOKEN_VECTORS, points: int = 400) -> tuple[float, float]:
    """Exponents of N and of L in C along `kaplan_path`: straight lines fitted to ln N and to ln L over ln C."""
    compute, *curves = (np.log(x) for x in kaplan_path(law, embeddings=embeddings, points=points))
    slopes = [np.polyfit(compute, y, 1)[0] for y in curves]
    return float(slopes[0]), float(slopes[1])
