"""Experiments of chapter 06: information in infinite ensembles of infinitely-wide networks.

The clock of every unit is the figures' t = n k tau (the loss is a mean over targets); tau itself is only used inside.
`index` numbers independent repetitions: it picks the draw of teacher, training and test inputs.

Source: shwartzziv2020information; where its text leaves a setting open, the default here is our inference.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import find_peaks

from itdl import data, encoders, estimators, gaussian, kernels, rng
from itdl import parameter_space as parameters
from itdl.checks import Array
from itdl.ensembles import InfiniteEnsemble, learned
from itdl.networks import Networks
from itdl.sweep import Result
from itdl.training import gradient_flow

__all__ = ["clock", "covariance", "curves", "digits", "finite_networks", "linear_model", "single_precision", "tracks"]

NAME = "infinite ensembles"


def clock(low: float, high: float, points: int) -> Array:
    """`points` times t from 10^low to 10^high, equally spaced in log t."""
    return np.logspace(low, high, points)


def _task(seed: int, index: int, shuffled: bool, **size: float) -> data.GaussianTask:
    """One draw of the Gaussian task; with `shuffled`, its training targets are dealt out at random."""
    task = data.gaussian_task(rng.stream(seed, NAME, "task", index), **size)  # type: ignore[arg-type]
    if shuffled:
        rng.stream(seed, NAME, "shuffle", index).shuffle(task.y_train)
    return task


def curves(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, d: int, n: int, m: int,
    information: float, times: list[float], sampled: bool = False, shuffled: bool = False,
) -> Result:  # fmt: skip
    """One ensemble on the Gaussian task over `times` t: losses and every tractable information, each (T,).

    `i_x_upper` by maximum entropy and, with `sampled`, `i_x_lower` by InfoNCE; `i_y_fixed` is H(Y) - loss,
    `i_y_calibrated` the bound of the best affine decoder, `frontier` the most I(Z;Y) that `i_x_upper` can buy. About
    the labels' noise: `i_labels` the exact I(Z;Y_train|X,x), `i_data` E KL(outputs || prior) averaged over it.
    """
    task = _task(seed, index, shuffled, d=d, n=n, m=m, information=information)
    targets = np.stack([task.y_train, task.y_train_clean], axis=1)
    both = InfiniteEnsemble(task.x_train, targets, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    ensemble, tau = both.with_targets(task.y_train), np.asarray(times) / n
    p = both.predict(task.x_test, tau)
    mean, var = p.mean[..., :1], p.var
    loss = encoders.gibbs_loss(mean, var, task.y_test, noise_var=task.noise_var)
    i_x_upper = encoders.max_entropy_bound(mean, var)
    prior = kernels.diagonals(task.x_test, **ensemble.architecture).nngp
    noise = task.noise_var * ensemble.sensitivity(task.x_test, tau)
    result = {
        "loss": loss,
        "bayes_loss": encoders.bayes_loss(mean, var, task.y_test, noise_var=task.noise_var),
        "train_loss": ensemble.train_loss(tau),
        "i_x_upper": i_x_upper,
        "i_y_fixed": gaussian.entropy([[task.y_var]]) - loss,
        "i_y_calibrated": encoders.calibrated_label_information(mean, var, task.y_test, noise_var=task.noise_var),
        "frontier": gaussian.frontier(task.covariance, d, np.maximum(i_x_upper, 0)),
        "i_data": encoders.kl_to_prior(p.mean[..., 1:], var, prior) + (noise / (2 * prior)).mean(axis=1),
        "i_labels": 0.5 * np.log1p(noise / var).mean(axis=1),
        "entropy": encoders.output_entropy(var),
        "kl": parameters.kl(ensemble, tau),
        "distance": parameters.distance(ensemble, tau),
    }
    if sampled:
        scores = encoders.scores(mean, var, rng.stream(seed, NAME, "noise", index))
        result["i_x_lower"] = np.array([estimators.info_nce(s) for s in scores])
    return result


def tracks(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, d: int, n: int, m: int,
    information: float, times: list[float],
) -> Result:  # fmt: skip
    """What needs no sampling, cheap on a fine clock and a fine sweep over n: test loss and parameter quantities, (T,).

    `kl` as we derive it, `kl_printed` as eq. 27 prints it, `drift` the rate of 1/2 E |theta_tau - theta_0|^2.
    """
    task = _task(seed, index, False, d=d, n=n, m=m, information=information)
    ensemble = InfiniteEnsemble(
        task.x_train, task.y_train, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b
    )
    tau = np.asarray(times) / n
    p = ensemble.predict(task.x_test, tau)
    return {
        "loss": encoders.gibbs_loss(p.mean, p.var, task.y_test, noise_var=task.noise_var),
        "kl": parameters.kl(ensemble, tau),
        "kl_printed": kl_as_printed(ensemble, tau),
        "drift": parameters.drift(ensemble, tau),
        "fisher_trace": parameters.fisher_trace(ensemble),
    }


def kl_as_printed(ensemble: InfiniteEnsemble, tau: Array) -> Array:
    """Eq. 27: tau tr Theta + E |theta_tau - theta_0|^2, that is without the factor 1/2 and without -tr(I - E)."""
    return np.asarray(tau * parameters.fisher_trace(ensemble) + parameters.distance(ensemble, tau))


def dip_time(times: Array, drift: Array) -> float:
    """The time of the lowest drift between its two highest peaks: one cluster of directions learned, the next not yet.

    NaN when there are not two peaks of at least 5 % prominence.
    """
    level = np.log(drift + np.finfo(float).tiny)
    peaks, _ = find_peaks(level, prominence=0.05)
    if len(peaks) < 2:
        return float("nan")
    first, last = np.sort(peaks[np.argsort(level[peaks])[-2:]])
    return float(times[first + np.argmin(level[first : last + 1])])


def finite_networks(
    *, seed: int, index: int, width: int, models: int, activation: str, sigma_w: float, sigma_b: float, depth: int,
    d: int, n: int, m: int, tau: float, steps: int, probed: int = 16,
) -> Result:  # fmt: skip
    """`models` real networks trained by gradient flow to `tau`, against the closed form of the infinite ensemble.

    `excess` is the largest deviation of means and variances at m test points, in units of what is allowed: 4 standard
    errors + 5 %; `excess_slip` the same against a theory with sigma_w^2 mistaken for sigma_w. `error` is their root
    mean square deviation in units of the theory's spread; `fisher_change` and `ntk_error` are over `probed` networks:
    relative change of tr J J^T in training, and of the mean empirical NTK from the limit, at initialisation.
    """
    draw = rng.stream(seed, NAME, "small task", index)
    x, y, x_test = draw.standard_normal((n, d)), draw.standard_normal(n), draw.standard_normal((m, d))
    ensemble = InfiniteEnsemble(x, y, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    slip = InfiniteEnsemble(x, y, depth=depth, activation=activation, sigma_w=sigma_w**2, sigma_b=sigma_b)
    networks = Networks([d, *[width] * depth, 1], activation, sigma_w, sigma_b)
    start = networks.initialise(models, rng.torch_stream(seed, NAME, "networks", index, width))
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y[:, None])
    end = gradient_flow(networks, start, inputs, targets, time=tau, steps=steps)
    with torch.no_grad():
        z = networks.forward(end, torch.from_numpy(x_test))[..., 0].numpy()
    before, after = (networks.tangent_kernel([p[:probed].clone() for p in at], inputs).numpy() for at in (start, end))
    trace = np.trace(before, axis1=1, axis2=2)
    limit = kernels.ntk(x, **ensemble.architecture)
    return {
        "excess": _excess(z, ensemble, x_test, tau),
        "excess_slip": _excess(z, slip, x_test, tau),
        "error": _error(z, ensemble, x_test, tau),
        "fisher_change": float(np.abs(np.trace(after, axis1=1, axis2=2) / trace - 1).mean()),
        "ntk_error": float(np.linalg.norm(before.mean(axis=0) - limit) / np.linalg.norm(limit)),
        "ntk_error_slip": float(np.linalg.norm(before.mean(axis=0) - ensemble_nngp(ensemble)) / np.linalg.norm(limit)),
    }


def ensemble_nngp(ensemble: InfiniteEnsemble) -> Array:
    """K on the training points."""
    return kernels.nngp(ensemble.x, **ensemble.architecture)


def _excess(z: Array, ensemble: InfiniteEnsemble, x_test: Array, tau: float) -> float:
    p = ensemble.predict(x_test, [tau])
    mean, var, models = p.mean[0, :, 0], p.var[0], len(z)
    off_mean = np.abs(z.mean(axis=0) - mean) / (4 * np.sqrt(var / models) + 0.05 * np.sqrt(var))
    off_var = np.abs(z.var(axis=0, ddof=1) - var) / (4 * var * np.sqrt(2 / (models - 1)) + 0.05 * var)
    return float(max(off_mean.max(), off_var.max()))


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
    decay = np.exp(-tau * ensemble.eigenvalues)
    pull = jacobian.T @ (ensemble.basis * ((1 - decay) / ensemble.eigenvalues)) @ ensemble.basis.T  # J^T Theta^-1 (I-E)
    keep = np.eye(d + 1) - pull @ jacobian
    label_cov = 0.5 * np.eye(n) + np.outer(teacher, teacher)
    return {
        "kl": parameters.kl(ensemble, [tau])[0],
        "kl_printed": kl_as_printed(ensemble, np.array([tau]))[0],
        "kl_exact": gaussian.kl(pull @ y, keep @ keep.T, np.zeros(d + 1), np.eye(d + 1)),
        "information": parameters.information(ensemble, [tau], label_cov)[0],
        "information_dense": _dense_information(keep, pull, label_cov),
        "kl_average": _average_kl(ensemble, tau, label_cov),
    }


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


def digits(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, n: int, times: list[float],
    shuffled: bool = False,
) -> Result:  # fmt: skip
    """Parity of handwritten digits as a regression target -1/+1, n training images, the rest split in two, (T,).

    `loss` 1/2 E (y - z)^2, `i_y` the logistic bound with its scale fitted on one half and evaluated on the other,
    `i_y_printed` log 2 - loss (the axis of Fig. 3), `i_x_upper`, `accuracy` of the ensemble's mean.
    """
    images = data.digits()
    order = rng.stream(seed, NAME, "digits", index).permutation(len(images.labels))
    train, fit, test = np.split(order, [n, n + (len(order) - n) // 2])
    y = images.parity[rng.stream(seed, NAME, "shuffle", index).permutation(train) if shuffled else train]
    ensemble = InfiniteEnsemble(
        images.pixels[train], y, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b
    )
    tau = np.asarray(times) / n
    on_fit, on_test = (ensemble.predict(images.pixels[part], tau) for part in (fit, test))
    target = images.parity[test]
    scale = _logistic_scale(on_fit.mean, on_fit.var, images.parity[fit])
    loss = encoders.gibbs_loss(on_test.mean, on_test.var, target) - 0.5 * encoders.LOG_2PI
    return {
        "loss": loss,
        "i_y": encoders.logistic_label_information(on_test.mean, on_test.var, target, scale),
        "i_y_printed": np.log(2) - loss,
        "i_x_upper": encoders.max_entropy_bound(on_test.mean, on_test.var),
        "accuracy": (np.sign(on_test.mean[..., 0]) == target).mean(axis=1),
    }


def _logistic_scale(mean: Array, var: Array, labels: Array) -> Array:
    """The decoder scale with the best bound on (mean, var, labels), one per time; on a grid in log scale.   -> (T,)."""
    grid = np.geomspace(0.05, 50, 25)
    bounds = [encoders.logistic_label_information(mean, var, labels, s, nodes=16) for s in grid]
    return np.asarray(grid[np.argmax(bounds, axis=0)])


def single_precision(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, d: int, n: int, m: int,
    information: float, t: float,
) -> Result:  # fmt: skip
    """The same late test loss in float32 and float64, and how many eigenvalues of Theta come out non-positive."""
    task = _task(seed, index, False, d=d, n=n, m=m, information=information)
    ensemble = InfiniteEnsemble(
        task.x_train, task.y_train, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b
    )
    ntk = kernels.ntk(task.x_train, **ensemble.architecture)
    cross = kernels.ntk(task.x_test, task.x_train, **ensemble.architecture)
    found: Result = {}
    for precision in (np.float32, np.float64):
        lam, basis = np.linalg.eigh(ntk.astype(precision))
        gain = -np.expm1(-np.maximum(lam, 0) * precision(t / n)) / lam
        mean = (cross.astype(precision) @ basis) @ (gain * (basis.T @ task.y_train.astype(precision)))
        error = 0.5 * (np.mean((mean.astype(float) - task.y_test) ** 2) + task.noise_var)
        bits = np.finfo(precision).bits
        found |= {f"error{bits}": float(error), f"lost{bits}": int((lam <= 0).sum())}
    return found
