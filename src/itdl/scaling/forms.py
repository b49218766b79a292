"""The three forms of the law as one curve with its derivatives, at many parameters at once, about centred points.

theta = (ln A, ln B, E, alpha, beta) and, for the free form, ln s, of the law in `power_laws`; ln N and ln D are taken
about their means, without which ln A and alpha are almost the same parameter. E enters as itself: its logarithm would
run away wherever the best E is zero. An E of exactly zero is held there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite
from itdl.scaling.power_laws import Law, variables

__all__ = ["FORMS", "Points", "points"]

FORMS = ("additive", "kaplan", "free")
LEAST_COUPLING = 1e-3


@dataclass(frozen=True)
class Points:
    """ln N and ln D (n,) about their means, ln L, and the curve of a form with its derivatives."""

    form: str
    n: Array
    d: Array
    y: Array
    means: tuple[float, float]

    def model(self, theta: Array) -> tuple[Array, Array]:
        """ln L (B, points) and its derivatives (B, p, points) at theta (B, p) = ln A, ln B, E, alpha, beta, ln s."""
        a, b, e, alpha, beta = (theta[:, i, None] for i in range(5))
        log_n, log_d = a - alpha * self.n, b - beta * self.d
        if self.form == "additive":
            first, second = np.exp(log_n), np.exp(log_d)
            loss = e + first + second
            of_n, of_d = first / loss, second / loss
        else:
            s = self.coupling(theta)[:, None]
            u, v = log_n / s, log_d / s
            small = np.exp(-np.abs(u - v))
            share = np.where(u > v, 1, small) / (1 + small)
            joined = np.maximum(u, v) + np.log1p(small)
            excess = np.exp(s * joined)
            loss = e + excess
            of_n, of_d = excess / loss * share, excess / loss * (1 - share)
        slopes = [of_n, of_d, (e != 0) / loss, -of_n * self.n, -of_d * self.d]
        if self.form != "additive":
            # d ln(excess)/d s is the entropy of the two shares.
            by_s = excess / loss * (joined - share * u - (1 - share) * v)
            slopes[4:] = [slopes[4] + by_s] if self.form == "kaplan" else [slopes[4], s * by_s]
        return np.log(loss), np.stack(slopes, axis=1)

    def coupling(self, theta: Array) -> Array:
        """s of each theta, (B,)."""
        if self.form == "free":
            return np.maximum(np.exp(theta[:, 5]), LEAST_COUPLING)
        return np.maximum(theta[:, 4], LEAST_COUPLING) if self.form == "kaplan" else np.ones(len(theta))

    def columns(self, theta: Array) -> dict[str, Array]:
        """E, A, B, alpha, beta, s with the means put back, each (B,)."""
        a, b, e, alpha, beta = theta.T[:5]
        mean_n, mean_d = self.means
        shifted = {"a": a + alpha * mean_n, "b": b + beta * mean_d}
        with np.errstate(over="ignore"):  # of a start that ran away; no best law comes from one
            amounts = {name: np.exp(logs) for name, logs in shifted.items()}
        return {"e": e} | amounts | {"alpha": alpha, "beta": beta, "coupling": self.coupling(theta)}

    def start(self, law: Law, coupling: float) -> list[float]:
        """theta of a law; the coupling is used by the free form alone."""
        mean_n, mean_d = self.means
        logs = [np.log(law.a) - law.alpha * mean_n, np.log(law.b) - law.beta * mean_d, law.e]
        return [*logs, law.alpha, law.beta, *([np.log(coupling)] if self.form == "free" else [])]


def points(form: str, n_params: ArrayLike, n_tokens: ArrayLike, loss: ArrayLike) -> Points:
    """Checks one list of runs for a form: N, D, L (n,), all above zero, more of them than parameters."""
    if form not in FORMS:
        raise BadInput(f"form is {form!r}; known are {', '.join(FORMS)}")
    n, d = variables(n_params, n_tokens)
    values = finite("loss", loss)
    if not n.shape == d.shape == values.shape or n.ndim != 1:
        shapes = f"{n.shape}, {d.shape}, {values.shape}"
        raise BadInput(f"n_params, n_tokens and loss have shapes {shapes}; give three lists of one length")
    least = 6 if form == "free" else 5
    if len(n) <= least:
        raise BadInput(f"there are {len(n)} points for the {least} parameters of form {form!r}; give more")
    if (values <= 0).any():
        raise BadInput(f"loss reaches down to {values.min():g}; its logarithm is fitted, so it must be above zero")
    for name, x in (("n_params", n), ("n_tokens", d)):
        if np.ptp(x) == 0:
            raise BadInput(f"{name} is the same at every point; its exponent cannot be fitted")
    return Points(form, n - n.mean(), d - d.mean(), np.log(values), (float(n.mean()), float(d.mean())))
