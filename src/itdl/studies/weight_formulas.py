"""Formulas of chapter 09, each by a second road: what is exact about information in weights, and a one-weight toy.

`index` numbers independent repetitions. "Printed" variants are those of version 5 of achille2019where as a third party
transcribes them; we have not seen that version.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from itdl import gaussian, rng, weights
from itdl.checks import Array
from itdl.numerics import log_mean_exp, logdet

# With it torch comes into a worker before its first unit; loky would take torch for a leak if it came with a later one.
from itdl.studies.weight_information import NAME
from itdl.sweep import Result

__all__ = ["covariance", "data_in_weights", "evidence", "priors", "regression", "zigzag"]


def _design(seed: int, index: int, n: int, k: int) -> Array:
    """Standard normal inputs whose columns have deviations from 1 down to 0.1."""
    x = rng.stream(seed, NAME, "design", index, n, k).standard_normal((n, k))
    return np.asarray(x * np.geomspace(1, 0.1, k))


def _divergences(
    x: Array, prior_sd: float, noise_sd: float, draws: np.random.Generator, count: int
) -> tuple[Array, Array]:
    """KL(posterior || prior), and log posterior/prior density at the true weights, of `count` data sets, (count,) each.

    Weights and data sets are drawn from the model itself; the mean of either is I(w; D).
    """
    k = x.shape[1]
    _, s, axes = np.linalg.svd(x, full_matrices=False)
    truth = prior_sd * draws.standard_normal((count, k))
    # Of the targets only X^T y matters; it is drawn without the N numbers behind it.
    products = ((truth @ axes.T) * s + noise_sd * draws.standard_normal((count, len(s)))) * s @ axes
    cov = weights.optimal_covariance(x.T @ x / noise_sd**2, prior_sd, 1.0)
    means = products @ cov / noise_sd**2
    shape = weights.gaussian_information(np.zeros(k), prior_sd, 1.0, factor=x / noise_sd).curvature
    off, precision = truth - means, np.linalg.inv(cov)
    constant = k * np.log(prior_sd) - 0.5 * logdet("posterior covariance", cov)
    squares = (truth**2).sum(axis=1) / prior_sd**2 - ((off @ precision) * off).sum(axis=1)
    return (means**2).sum(axis=1) / (2 * prior_sd**2) + shape, constant + squares / 2


def regression(*, seed: int, index: int, n: int, k: int, prior_sd: float, noise_sd: float, draws: int) -> Result:
    """Bayesian linear regression: I(w; D) exactly, by two averages over data sets, and in the form of Fisher.

    `mean_kl` averages KL(posterior||prior), `mean_ratio` log posterior/prior density at the true weights; `errors` is
    the larger distance of the two from the exact value in standard errors, `errors_fisher` the smaller from the form
    1/2 log det(lambda^2 N F), `gap_rest` what 1/2 sum log(1 + 1/s) leaves of the gap between the two.
    """
    x = _design(seed, index, n, k)
    exact = weights.linear_regression_information(x, prior_sd**2, noise_sd**2)
    roads = _divergences(x, prior_sd, noise_sd, rng.stream(seed, NAME, "data sets", index, n, k), draws)
    means, errors = np.mean(roads, axis=1), np.std(roads, axis=1) / draws**0.5
    s = (prior_sd / noise_sd * np.linalg.svd(x, compute_uv=False)) ** 2
    fisher = 0.5 * float(np.log(s).sum()) if n >= k else np.nan
    return {
        "exact": exact,
        "mean_kl": float(means[0]),
        "mean_ratio": float(means[1]),
        "errors": float((np.abs(means - exact) / errors).max()),
        "errors_fisher": float((np.abs(means - fisher) / errors).min()),
        "fisher": fisher,
        "gap": exact - fisher,
        "gap_rest": abs(exact - fisher - 0.5 * float(np.log1p(1 / s).sum())),
    }


def priors(*, seed: int, index: int, n: int, k: int, sds: list[float], draws: int) -> Result:
    """E KL(Q||P) for other priors P = N(0, sd^2) than the marginal N(0, 1), against I + KL(marginal||P), (p,) each."""
    x = _design(seed, index, n, k)
    g = rng.stream(seed, NAME, "priors", index)
    y = g.standard_normal((draws, k)) @ x.T + g.standard_normal((draws, n))
    exact, cov = weights.linear_regression_information(x, 1.0, 1.0), weights.linear_regression(x, y[0], 1.0, 1.0).cov
    means = y @ x @ cov
    found: dict[str, list[float]] = {"mean_kl": [], "predicted": [], "errors": [], "errors_alone": []}
    for sd in sds:
        centred = gaussian.kl(np.zeros(k), cov, np.zeros(k), sd**2 * np.eye(k))
        kl = centred + (means**2).sum(axis=1) / (2 * sd**2)
        price = gaussian.kl(np.zeros(k), np.eye(k), np.zeros(k), sd**2 * np.eye(k))
        error = kl.std() / draws**0.5
        row = (kl.mean(), exact + price, abs(kl.mean() - exact - price) / error, abs(kl.mean() - exact) / error)
        for name, value in zip(found, row, strict=True):
            found[name].append(float(value))
    return {"exact": exact, **{name: np.array(values) for name, values in found.items()}}


def evidence(*, seed: int, index: int, n: int, k: int, beta: float) -> Result:
    """min C_1 against the code length -log p(y|X), and the slope of min C over beta against the information.

    `off_mean` takes beta = 1 with the MEAN loss, whose code length is N times that of beta = 1/N; `slope_off_half` is
    the slope against the KL at half the optimal covariance.
    """
    x = _design(seed, index, n, k)
    g = rng.stream(seed, NAME, "evidence", index)
    y = x @ g.standard_normal(k) + g.standard_normal(n)
    exact = weights.linear_regression(x, y, 1.0, 1.0)

    def minimum(strength: float, scale: float = 1.0) -> tuple[float, float]:
        """min over Gaussians of scale * L + strength * KL, and the KL there; the best mean is a ridge estimate."""
        h = scale * x.T @ x
        mean = np.linalg.solve(h + strength * np.eye(k), scale * x.T @ y)
        best = weights.gaussian_information(mean, 1.0, strength, hessian=h)
        return scale * -float(stats.norm(x @ mean).logpdf(y).sum()) + best.cost, best.information

    step = 1e-4 * beta
    slope = (minimum(beta + step)[0] - minimum(beta - step)[0]) / (2 * step)
    information = minimum(beta)[1]
    mean = np.linalg.solve(x.T @ x + beta * np.eye(k), x.T @ y)
    half = weights.optimal_covariance(x.T @ x, 1.0, beta) / 2
    narrow = gaussian.kl(mean, half, 0 * mean, np.eye(k))
    return {
        "code_length": exact.minus_log_evidence,
        "off": abs(minimum(1.0)[0] - exact.minus_log_evidence),
        "off_mean": abs(n * minimum(1.0, 1 / n)[0] - exact.minus_log_evidence),
        "information": information,
        "slope_off": abs(slope / information - 1),
        "slope_off_half": abs(slope / narrow - 1),
    }


def covariance(*, seed: int, index: int, k: int, prior_sd: float, beta: float, scale: float = 1.0) -> Result:
    """The optimal covariance as we derive it and as it is printed, for a random Hessian of size `scale`.

    `gradient` is the largest entry of dC/dSigma, in units of beta/lambda^2; `excess` what the printed form costs more,
    in units of beta k, against `excess_predicted` = mean of 1/2 (log r + 1/r - 1), r = (1 + 2 s)/(1 + s).
    """
    root = rng.stream(seed, NAME, "hessian", index).standard_normal((k, k))
    h = scale * root @ root.T
    ours = weights.optimal_covariance(h, prior_sd, beta)
    printed = beta / 2 * np.linalg.inv(h + beta / (2 * prior_sd**2) * np.eye(k))
    zero, s = np.zeros(k), prior_sd**2 * np.linalg.eigvalsh(h) / beta
    cost = {
        name: weights.quadratic_cost((c + c.T) / 2, h, zero, prior_sd, beta)
        for name, c in (("o", ours), ("p", printed))
    }
    r = (1 + 2 * s) / (1 + s)

    def gradient(sigma: ArrayLike) -> float:
        slope = 0.5 * h + 0.5 * beta * (np.eye(k) / prior_sd**2 - np.linalg.inv(np.asarray(sigma)))
        return float(np.abs(slope).max() * prior_sd**2 / beta)

    return {
        "gradient": gradient(ours),
        "gradient_printed": gradient(printed),
        "excess": (cost["p"] - cost["o"]) / (beta * k),
        "excess_predicted": 0.5 * float(np.mean(np.log(r) + 1 / r - 1)),
        "trace_ratio": float(np.trace(printed) / np.trace(ours)),
    }


def data_in_weights(*, seed: int, index: int, d: int, k: int, beta: float) -> Result:
    """w = A D + noise of covariance beta F^-1: I(w; D) exactly and in the form of Brunel and Nadal; one weight x 100.

    `rest` is what the known gap leaves, `rest_printed` the same for beta to the power 1 and (2 pi e)^k.
    """
    g = rng.stream(seed, NAME, "brunel", index)
    a, root = g.standard_normal((k, d)), g.standard_normal((k, k))
    fisher, data = root @ root.T + 0.1 * np.eye(k), np.diag(g.uniform(0.5, 2, d))
    entropy = gaussian.entropy(data)
    cov = a @ data @ a.T + beta * np.linalg.inv(fisher)
    cov = (cov + cov.T) / 2
    exact = gaussian.mutual_information(np.block([[cov, a @ data], [data @ a.T, data]]), k)
    form = weights.brunel_nadal(entropy, a, fisher, beta)
    gap = 0.5 * np.linalg.slogdet(np.eye(d) + np.linalg.inv(data @ a.T @ fisher @ a / beta))[1]
    printed = form + 0.5 * ((d - 1) * np.log(beta) + (d - k) * np.log(2 * np.pi * np.e))
    rescaled = np.diag([100.0, *np.ones(k - 1)])
    inverse = np.linalg.inv(rescaled)
    moved = weights.brunel_nadal(entropy, rescaled @ a, inverse @ fisher @ inverse, beta)
    return {
        "exact": exact,
        "form": form,
        "gap": float(gap),
        "rest": abs(exact - form - float(gap)),
        "rest_printed": abs(exact - printed - float(gap)),
        "moved": abs(moved - form),
        "log_fisher_moved": abs(
            0.5 * float(np.linalg.slogdet(inverse @ fisher @ inverse)[1] - np.linalg.slogdet(fisher)[1])
        ),
    }


def zigzag(
    *,
    seed: int,
    index: int,
    batch: int,
    n: int = 100,
    sets: int = 200,
    runs: int = 10,
    steps: int = 15_000,
    bins: int = 6,
) -> Result:
    """SGD on one weight whose model bends: what batch size does to curvature, and to two readings of "information".

    x_i ~ N(mu, 1), mu ~ U[-0.8, 0.8]; the model's mean is a zigzag phi of theta with 8 pieces a side, steep near 0.
    `log_fisher` is E log(n phi'^2); `estimate` the KL of N(theta, 1/F) of one run from the mixture over all runs;
    `information` the same with the run averaged inside Q(theta|D): pieces pooled over `bins` intervals of mu.
    """
    edges, slopes, values = _zigzag()
    g = rng.stream(seed, NAME, "zigzag", index)
    x = g.uniform(-0.8, 0.8, sets)[:, None] + g.standard_normal((sets, n))
    moves = rng.stream(seed, NAME, "zigzag", index, batch)
    theta, own = moves.uniform(-0.5, 0.5, sets * runs), np.repeat(np.arange(sets), runs)
    full, rows = np.repeat(x.mean(axis=1), runs), np.arange(sets).repeat(runs)[:, None]
    for _ in range(steps):
        piece = np.searchsorted(edges, theta) - 1
        target = full if batch == n else x[rows, moves.integers(0, n, (len(theta), batch), dtype=np.uint8)].mean(axis=1)
        phi = values[piece] + slopes[piece] * (theta - edges[piece])
        theta = _reflect(theta - 1.85e-4 * (phi - target) * slopes[piece], edges[0], edges[-1])
    piece = np.searchsorted(edges, theta) - 1
    sd = 1 / (n**0.5 * np.abs(slopes[piece]))
    draws = theta + sd * moves.standard_normal(len(theta))
    everyone = log_mean_exp(_log_normal(draws, theta, sd), axis=1)
    single = stats.norm.logpdf(draws, theta, sd)
    # The run averaged inside Q: data sets with nearby means differ only in which piece a run has ended on.
    group = np.digitize(x.mean(axis=1), np.quantile(x.mean(axis=1), np.linspace(0, 1, bins + 1)[1:-1]))[own]
    shares = np.array([np.bincount(piece[group == b], minlength=len(slopes)) / (group == b).sum() for b in range(bins)])
    return {
        "log_fisher": float(np.log(1 / sd**2).mean()),
        "pieces": float(stats.entropy(np.bincount(piece))),
        "estimate": float((single - everyone).mean()),
        "information": float((single + np.log(shares[group, piece]) - everyone).mean()),
    }


def _zigzag() -> tuple[Array, Array, Array]:
    """Edges, slopes and left-end values of 8 + 8 pieces of equal height, widths growing by 1.5, on [-1.5, 1.5]."""
    widths = 1.5 ** np.arange(8)
    widths *= 1.5 / widths.sum()
    right = np.concatenate([[0], np.cumsum(widths)])
    edges = np.concatenate([-right[::-1], right[1:]])
    height = 65.7 * widths[0]
    signs = np.where(np.arange(16) % 2 == 0, 1.0, -1.0)
    values = np.where(signs > 0, -height / 2, height / 2)
    return edges, signs * height / np.diff(edges), values


def _reflect(theta: Array, low: float, high: float) -> Array:
    return np.asarray(np.where(theta > high, 2 * high - theta, np.where(theta < low, 2 * low - theta, theta)))


def _log_normal(at: Array, mean: Array, sd: Array) -> Array:
    """log N(at_i; mean_j, sd_j^2).   (n,), (m,), (m,) -> (n, m)."""
    return np.asarray(stats.norm.logpdf(at[:, None], mean, sd))
