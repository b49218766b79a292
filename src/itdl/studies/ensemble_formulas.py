"""Checks of the formulas of chapter 06, each by a second road: sampling, dense algebra, quadrature, finite networks.

Every unit returns what we derive beside what is printed, or beside a planted slip, so that the chapter can show which
of the two is right. `index` numbers independent repetitions.

Source: shwartzziv2020information, appendices A and C.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import erf

from itdl import estimators, gaussian, kernels, rng
from itdl import parameter_space as parameters
from itdl.checks import Array
from itdl.encoders import LOG_2PI, kl_to_prior, log_density
from itdl.ensembles import InfiniteEnsemble, learned
from itdl.networks import Networks
from itdl.studies.infinite_ensembles import NAME
from itdl.sweep import Result
from itdl.training import gradient_flow

__all__ = ["channel", "covariance", "erf_kernel", "finite_networks", "late", "linear_model", "log_likelihood", "point"]


def finite_networks(
    *, seed: int, index: int, width: int, models: int, activation: str, sigma_w: float, sigma_b: float, depth: int,
    d: int, n: int, m: int, tau: float, steps: int, probed: int = 16,
) -> Result:  # fmt: skip
    """`models` real networks trained by gradient flow to `tau`, against the closed form of the infinite ensemble.

    Inputs lie on the sphere of radius sqrt(d). `excess` is the largest deviation of means and variances at m test
    points, and `distance` that of E |theta_tau - theta_0|^2, in units of what is allowed: 4 standard errors + 5 %.
    `error` is the root mean square deviation in units of the theory's spread. Over `probed` networks: `fisher_change`,
    the relative change of tr J J^T in training; `ntk_error`, the relative distance of the mean empirical NTK at
    initialisation from the limit. Each (`_slip`) also against a slip: sigma_w^2 mistaken for sigma_w, half the
    distance, the NNGP kernel for the NTK.
    """
    draw = rng.stream(seed, NAME, "small task", index)
    x, x_test = (v / np.linalg.norm(v, axis=1)[:, None] * d**0.5 for v in draw.standard_normal((2, max(n, m), d)))
    x, x_test, y = x[:n], x_test[:m], draw.standard_normal(n)
    ensemble = InfiniteEnsemble(x, y, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    slip = InfiniteEnsemble(x, y, depth=depth, activation=activation, sigma_w=sigma_w**2, sigma_b=sigma_b)
    networks = Networks([d, *[width] * depth, 1], activation, sigma_w, sigma_b)
    start = networks.initialise(models, rng.torch_stream(seed, NAME, "networks", index, width))
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y[:, None])
    end = gradient_flow(networks, start, inputs, targets, time=tau, steps=steps)
    with torch.no_grad():
        z = networks.forward(end, torch.from_numpy(x_test))[..., 0].numpy()
    before, after = (networks.tangent_kernel([p[:probed].clone() for p in at], inputs).numpy() for at in (start, end))
    changes = [((b - a) ** 2).flatten(1).sum(dim=1) for a, b in zip(start, end, strict=True)]
    moved = torch.stack(changes).sum(dim=0).numpy()
    travelled = parameters.distance(ensemble, [tau])[0]
    trace = np.trace(before, axis1=1, axis2=2)
    limit = kernels.ntk(x, **ensemble.architecture)
    return {
        "excess": _excess(z, ensemble, x_test, tau),
        "excess_slip": _excess(z, slip, x_test, tau),
        "error": _error(z, ensemble, x_test, tau),
        "error_slip": _error(z, slip, x_test, tau),
        "distance": _distance_excess(moved, travelled),
        "distance_slip": _distance_excess(moved, travelled / 2),
        "fisher_change": float(np.abs(np.trace(after, axis1=1, axis2=2) / trace - 1).mean()),
        "ntk_error": float(np.linalg.norm(before.mean(axis=0) - limit) / np.linalg.norm(limit)),
        "ntk_error_slip": float(
            np.linalg.norm(before.mean(axis=0) - kernels.nngp(x, **ensemble.architecture)) / np.linalg.norm(limit)
        ),
    }


def _excess(z: Array, ensemble: InfiniteEnsemble, x_test: Array, tau: float) -> float:
    p = ensemble.predict(x_test, [tau])
    mean, var, models = p.mean[0, :, 0], p.var[0], len(z)
    off_mean = np.abs(z.mean(axis=0) - mean) / (4 * np.sqrt(var / models) + 0.05 * np.sqrt(var))
    off_var = np.abs(z.var(axis=0, ddof=1) - var) / (4 * var * np.sqrt(2 / (models - 1)) + 0.05 * var)
    return float(max(off_mean.max(), off_var.max()))


def _distance_excess(moved: Array, theory: float) -> float:
    """|mean - theory| in units of 4 standard errors + 5 %.   moved (models,)."""
    allowed = 4 * moved.std(ddof=1) / np.sqrt(len(moved)) + 0.05 * theory
    return float(abs(moved.mean() - theory) / allowed)


def _error(z: Array, ensemble: InfiniteEnsemble, x_test: Array, tau: float) -> float:
    p = ensemble.predict(x_test, [tau])
    off_mean = (z.mean(axis=0) - p.mean[0, :, 0]) ** 2 / p.var[0]
    off_var = (z.var(axis=0, ddof=1) / p.var[0] - 1) ** 2
    return float(np.sqrt((off_mean + off_var).mean()))


def linear_model(*, seed: int, index: int, d: int, n: int, tau: float) -> Result:
    """Depth 0 is a model linear in theta = (W, b), where every quantity has a second, exact road.

    `kl` (ours), `kl_printed` (eq. 27), `kl_exact` (dense Gaussian KL); `information`, `information_dense` and
    `kl_average` over labels Y ~ N(0, S).
    """
    draw = rng.stream(seed, NAME, "linear model", index)
    x, teacher = draw.standard_normal((n, d)), draw.standard_normal(n)
    y = 0.7 * draw.standard_normal(n) + teacher
    ensemble = InfiniteEnsemble(x, y, depth=0, activation="erf", sigma_w=1.2, sigma_b=0.3)
    jacobian = np.hstack([1.2 / np.sqrt(d) * x, np.full((n, 1), 0.3)])

    def moved(tau: float) -> tuple[Array, Array]:
        """theta_tau = keep theta_0 + pull Y with pull = J^T Theta^-1 (I - E), keep = I - pull J."""
        gain = -np.expm1(-tau * ensemble.eigenvalues) / ensemble.eigenvalues
        pull = jacobian.T @ (ensemble.basis * gain) @ ensemble.basis.T
        return pull, np.eye(d + 1) - pull @ jacobian

    def exact(tau: float) -> float:
        pull, keep = moved(tau)
        return gaussian.kl(pull @ y, keep @ keep.T, np.zeros(d + 1), np.eye(d + 1))

    pull, keep = moved(tau)
    label_cov = 0.5 * np.eye(n) + np.outer(teacher, teacher)
    return {
        "kl": parameters.kl(ensemble, [tau])[0],
        "kl_printed": parameters.kl_as_printed(ensemble, np.array([tau]))[0],
        "kl_exact": exact(tau),
        "information": parameters.information(ensemble, [tau], label_cov)[0],
        "information_dense": _dense_information(keep, pull, label_cov),
        "kl_average": _average_kl(ensemble, tau, label_cov),
        "slope": _log_slope([exact(1e-3), exact(2e-3)]),
        "slope_printed": _log_slope(parameters.kl_as_printed(ensemble, np.array([1e-3, 2e-3]))),
    }


def _log_slope(kl: ArrayLike) -> float:
    """d log KL / d log tau from the values at tau and 2 tau."""
    return float(np.diff(np.log(np.asarray(kl)))[0] / np.log(2))


def _dense_information(keep: Array, pull: Array, label_cov: Array) -> float:
    """I(theta; Y | X) from the joint covariance of theta = keep theta_0 + pull Y and Y."""
    cross = pull @ label_cov
    joint = np.block([[keep @ keep.T + cross @ pull.T, cross], [cross.T, label_cov]])
    return gaussian.mutual_information((joint + joint.T) / 2, len(keep))


def _average_kl(ensemble: InfiniteEnsemble, tau: float, label_cov: Array) -> float:
    """E_Y KL(p(theta | Y) || p_0) for Y ~ N(0, label_cov): the KL is quadratic in Y."""
    e = learned(ensemble.eigenvalues, np.array([tau]))[0]
    spread = np.diagonal(ensemble.basis.T @ label_cov @ ensemble.basis) - ensemble.targets[:, 0] ** 2
    return float(parameters.kl(ensemble, [tau])[0] + 0.5 * (e**2 / ensemble.eigenvalues) @ spread)


def covariance(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, d: int, n: int, m: int,
    tau: float, draws: int,
) -> Result:  # fmt: skip
    """Off-diagonal of eq. 6 against sampled ensembles: z_0 ~ N(0, K) at all points, moved by the smoother to tau.

    Largest deviation in standard errors: `error` with the cross term symmetrised, M + M^T; `error_printed` with 2 M.
    """
    draw = rng.stream(seed, NAME, "covariance", index)
    x, y, x_test = draw.standard_normal((n, d)), draw.standard_normal(n), draw.standard_normal((m, d))
    ensemble = InfiniteEnsemble(x, y, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    prior = kernels.nngp(np.vstack([x_test, x]), **ensemble.architecture)
    start = np.linalg.cholesky(prior) @ draw.standard_normal((m + n, draws))
    smoother = ensemble.smoother(x_test, tau)
    sampled = np.cov(start[:m] - smoother @ (start[m:] - y[:, None]))
    p = ensemble.predict(x_test, [tau], cov=True)
    assert p.cov is not None
    cross = smoother @ prior[m:, :m]  # M = b K(X, x')
    s_e = np.sqrt((np.outer(p.var[0], p.var[0]) + p.cov[0] ** 2) / draws)
    off = ~np.eye(m, dtype=bool)
    return {
        "error": float((np.abs(sampled - p.cov[0]) / s_e)[off].max()),
        "error_printed": float((np.abs(sampled - (p.cov[0] + cross.T - cross)) / s_e)[off].max()),
    }


def erf_kernel(*, seed: int, index: int, sigma_w: float, sigma_b: float, depth: int, d: int, n: int) -> Result:
    """The erf recursion with its duals by 160 x 160 quadrature points: largest relative deviation of K and Theta.

    `error_slip`: the same recursion with the weight variance left out of its last step.
    """
    x = rng.stream(seed, NAME, "kernel", index).standard_normal((n, d))
    closed = kernels.nngp_and_ntk(x, depth=depth, activation="erf", sigma_w=sigma_w, sigma_b=sigma_b)
    k = sigma_w**2 * x @ x.T / d + sigma_b**2
    t, before = k, k
    for _ in range(depth):
        before, (value, derivative) = k, _erf_duals(k)
        k = sigma_w**2 * value + sigma_b**2
        t = k + sigma_w**2 * derivative * t
    slip = _erf_duals(before)[0] + sigma_b**2
    largest = np.abs(closed.nngp).max()
    error = max(np.abs(k - closed.nngp).max() / largest, np.abs(t - closed.ntk).max() / np.abs(closed.ntk).max())
    return {"error": float(error), "error_slip": float(np.abs(slip - closed.nngp).max() / largest)}


def _erf_duals(k: Array, nodes: int = 160) -> tuple[Array, Array]:
    """E[erf(u) erf(v)] and E[erf'(u) erf'(v)] for (u, v) ~ N(0, k[[i, j], [i, j]]), every pair i, j."""
    # Gauss-Legendre on +-9 standard deviations: Gauss-Hermite puts too few of its points where erf bends.
    points, weights = np.polynomial.legendre.leggauss(nodes)
    points = 9 * points
    weights = 9 * weights * np.exp(-0.5 * (points**2 + LOG_2PI))
    u = np.sqrt(np.diagonal(k))[:, None] * points  # (n, nodes)
    slope = k / np.sqrt(np.diagonal(k))[:, None]
    rest = np.sqrt(np.maximum(np.diagonal(k) - slope**2, 0))
    v = slope[..., None, None] * points[:, None] + rest[..., None, None] * points  # (n, n, nodes, nodes)
    value = np.einsum("ia,a,ijab,b->ij", erf(u), weights, erf(v), weights, optimize=True)
    bell_u, bell_v = (2 / np.sqrt(np.pi) * np.exp(-(a**2)) for a in (u, v))
    return value, np.einsum("ia,a,ijab,b->ij", bell_u, weights, bell_v, weights, optimize=True)


def channel(*, seed: int, index: int, noise: float, n: int) -> Result:
    """Both sample bounds on I(X;Z) of z = x + noise eps with x, eps ~ N(0, 1), n pairs, beside the exact value."""
    draw = rng.stream(seed, NAME, "channel", index)
    x = draw.standard_normal((n, 1))
    scores = log_density(x + noise * draw.standard_normal((n, 1)), x, np.full(n, noise**2))
    exact = 0.5 * np.log1p(noise**-2)
    return {"exact": exact, "lower": estimators.info_nce(scores), "upper": estimators.leave_one_out(scores)}


def log_likelihood(*, seed: int, index: int, draws: int) -> Result:
    """E log N(y; z, 1) over z ~ N(mean, var), one random (mean, var, y): deviation from sampling in standard errors.

    `error` with -1/2 (y - mean)^2 - 1/2 var - 1/2 log 2 pi, `error_printed` with the first two signs turned (eq. 10).
    """
    draw = rng.stream(seed, NAME, "log likelihood", index)
    mean, y, var = draw.standard_normal(), draw.standard_normal(), draw.uniform(0.5, 2)
    sampled = -0.5 * (y - mean - np.sqrt(var) * draw.standard_normal(draws)) ** 2 - 0.5 * LOG_2PI
    quadratic, s_e = 0.5 * (y - mean) ** 2 + 0.5 * var, sampled.std() / np.sqrt(draws)
    off = {"error": -quadratic - 0.5 * LOG_2PI, "error_printed": quadratic - 0.5 * LOG_2PI}
    return {name: float(abs(value - sampled.mean()) / s_e) for name, value in off.items()}


def late(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, d: int, n: int, m: int,
    draws: int,
) -> Result:  # fmt: skip
    """What is finite and what grows from tau = 30/lam_min on: path length, KL of parameters, KL of outputs.

    `path_rest` is the share of the path travelled after it, `kl_rest` the share of the KL gained until 2 tau;
    `kl_slope` and `output_slope` are (KL(2 tau) - KL(tau))/(tau tr Theta) of parameters and outputs.
    """
    draw = rng.stream(seed, NAME, "late", index)
    x, y, x_test = draw.standard_normal((n, d)), draw.standard_normal(n), draw.standard_normal((m, d))
    ensemble = InfiniteEnsemble(x, y, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    tau = 30 / ensemble.eigenvalues[0]
    residual = parameters.residuals(ensemble, draw, draws)
    length = parameters.path_length(ensemble, residual, [tau, np.inf]).length.mean(axis=0)
    p = ensemble.predict(x_test, [tau, 2 * tau])
    outputs = kl_to_prior(p.mean, p.var, kernels.diagonals(x_test, **ensemble.architecture).nngp)
    kl, unit = parameters.kl(ensemble, [tau, 2 * tau]), tau * parameters.fisher_trace(ensemble)
    return {
        "path_rest": 1 - length[0] / length[1],
        "kl_rest": 1 - kl[0] / kl[1],
        "kl_slope": (kl[1] - kl[0]) / unit,
        "output_slope": (outputs[1] - outputs[0]) / unit,
    }


def point(*, seed: int, index: int, kernel: float, draws: int) -> Result:
    """One training point whose kernels K = Theta = `kernel`: eq. 16 against the path length, the smallest over times.

    `printed` is the right-hand side of eq. 16 over E[L]^2, `repaired` tau times it over E[L^2].
    """
    draw = rng.stream(seed, NAME, "point", index)
    ensemble = InfiniteEnsemble(
        [[1.0]], draw.standard_normal(1), depth=0, activation="erf", sigma_w=np.sqrt(kernel), sigma_b=0
    )
    tau = np.logspace(-1, 3, 41) / kernel
    path = parameters.path_length(ensemble, parameters.residuals(ensemble, draw, draws), tau)
    spent = ensemble.eigenvalues * learned(ensemble.eigenvalues, 2 * tau)
    right = 0.5 * spent @ parameters.spectral_energy(ensemble)
    printed = right / path.length.mean(axis=0) ** 2
    repaired = (path.cauchy_schwarz**2).mean(axis=0) / (path.length**2).mean(axis=0)
    return {"printed": printed.min(), "repaired": repaired.min()}
