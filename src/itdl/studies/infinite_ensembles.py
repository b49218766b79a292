"""Experiments of chapter 06: information in infinite ensembles of infinitely-wide networks.

The clock of every unit is the figures' t = n k tau (the loss is a mean over targets); tau itself is only used inside.
`index` numbers independent repetitions: it picks the draw of teacher, training and test inputs.

Source: shwartzziv2020information; where its text leaves a setting open, the default here is our inference.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.signal import find_peaks

from itdl import data, encoders, estimators, gaussian, kernels, rng
from itdl import parameter_space as parameters
from itdl.checks import Array
from itdl.ensembles import InfiniteEnsemble
from itdl.sweep import Result

__all__ = [
    "NAME",
    "clock",
    "conflict",
    "curves",
    "digits",
    "dip_distance",
    "exact_fall",
    "joint_covariance",
    "largest_fall",
    "pooled_ratio",
    "rank_correlation",
    "single_precision",
    "tracks",
]

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
    information: float, times: list[float], sampled: int = 0, shuffled: bool = False,
) -> Result:  # fmt: skip
    """One ensemble on the Gaussian task over `times` t: losses and every tractable information, each (T,).

    `i_x_upper` by maximum entropy and, at every `sampled`-th time if above 0, `i_x_lower` by InfoNCE, and `i_x_loo` by
    leave-one-out at the last of them; `i_y_fixed` is H(Y) - loss, `i_y_calibrated` the bound of the best affine
    decoder, `frontier` the most I(Z;Y) that `i_x_upper` can buy; `y_var_test` is Var Y over the test inputs. About the
    labels' noise: `i_labels` the exact I(Z;Y_train|X,x); averaged over it, the KL from initialisation of the outputs
    (`i_data`) and of the parameters (`kl`).
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
        "y_var_test": task.y_test.var() + task.noise_var,
        "i_y_calibrated": encoders.calibrated_label_information(mean, var, task.y_test, noise_var=task.noise_var),
        "frontier": gaussian.frontier(task.covariance, d, np.maximum(i_x_upper, 0)),
        "i_data": encoders.kl_to_prior(p.mean[..., 1:], var, prior) + (noise / (2 * prior)).mean(axis=1),
        "i_labels": 0.5 * np.log1p(noise / var).mean(axis=1),
        "entropy": encoders.output_entropy(var),
        "kl": parameters.kl(both.with_targets(task.y_train_clean), tau, noise_var=task.noise_var),
    }
    if sampled:
        noise_stream = rng.stream(seed, NAME, "noise", index)
        scores = list(encoders.scores(mean[::sampled], var[::sampled], noise_stream))
        result["i_x_lower"] = np.array([estimators.info_nce(s) for s in scores])
        result["i_x_loo"] = estimators.leave_one_out(scores[-1])
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
        "kl_printed": parameters.kl_as_printed(ensemble, tau),
        "drift": parameters.drift(ensemble, tau),
        "fisher_trace": parameters.fisher_trace(ensemble),
    }


def joint_covariance(information: float, *, share: float = 1.0) -> Array:
    """Covariance of one standardised X and Y with rho^2 = `share` (1 - exp(-2 `information`)), shape (2, 2)."""
    rho = np.sqrt(share * -np.expm1(-2 * information))
    return np.array([[1.0, rho], [rho, 1.0]])


def exact_fall(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, d: int, n: int, m: int,
    information: float, times: list[float],
) -> Result:  # fmt: skip
    """How far the exact information about the m test inputs, and its upper bound, fall below their running maxima."""
    task = _task(seed, index, False, d=d, n=n, m=m, information=information)
    ensemble = InfiniteEnsemble(
        task.x_train, task.y_train, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b
    )
    p = ensemble.predict(task.x_test, np.asarray(times) / n)
    roads = {"exact": encoders.mixture_information, "bound": encoders.max_entropy_bound}
    return {name: float(largest_fall(road(p.mean, p.var))) for name, road in roads.items()}


def conflict(
    *, seed: int, index: int, activation: str, sigma_w: float, sigma_b: float, depth: int, d: int, n: int, m: int,
    information: float,
) -> Result:  # fmt: skip
    """Training loss at infinite time when the first input occurs twice, the second time with another target."""
    task = _task(seed, index, False, d=d, n=n, m=m, information=information)
    x, y = np.vstack([task.x_train, task.x_train[:1]]), np.append(task.y_train, task.y_train[0] + 1)
    ensemble = InfiniteEnsemble(x, y, depth=depth, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    return {"train_loss": ensemble.train_loss(np.inf)[0]}


def dip_distance(times: Array, drift: Array, loss: Array) -> float:
    """Decades from the dip between the two highest peaks of the drift to the valley {t: loss < best + 0.01}.

    The dip is where one cluster of eigendirections has been learned and the next has not. Without two
    peaks of at least 5 % prominence there is no dip, and the distance is the length of the clock.
    """
    level = np.log(drift + np.finfo(float).tiny)
    peaks, _ = find_peaks(level, prominence=0.05)
    if len(peaks) < 2:
        return float(np.ptp(np.log10(times)))
    first, last = np.sort(peaks[np.argsort(level[peaks])[-2:]])
    dip = np.log10(times[first + np.argmin(level[first : last + 1])])
    valley = np.log10(times[loss < loss.min() + 0.01])
    return float(max(0, valley.min() - dip, dip - valley.max()))


def pooled_ratio(a: Array, b: Array) -> float:
    """Root mean square of a over that of b."""
    return float(np.sqrt(np.mean(a**2) / np.mean(b**2)))


def largest_fall(curve: Array) -> Array:
    """How far each curve falls below its running maximum.   (..., T) -> (...)."""
    return np.asarray((np.maximum.accumulate(curve, axis=-1) - curve).max(axis=-1))


def rank_correlation(a: Array, b: Array) -> Array:
    """Spearman's rank correlation along the first axis.   (families, seeds) twice -> (seeds,)."""
    return np.array([stats.spearmanr(u, v).statistic for u, v in zip(a.T, b.T, strict=True)])


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
