"""Formulas of chapter 10 by a second road: Fisher and effective information in the activations, layers, nuisances.

Every unit draws its own layer, inputs and noise from (seed, index). "Printed" is the form of the fifth version of
achille2019where as a third party transcribed it; nobody here has seen the page.

Sources: achille2019where (definition 3.1, proposition 3.2), achille2018emergence (propositions 3.1, 4.1, 5.1, 5.2).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from itdl import activations, encoders, entropy, estimators, gaussian, rng
from itdl.checks import Array
from itdl.sweep import Result

__all__ = ["NAME", "channel", "excess", "fisher", "layer", "nuisances", "order", "scaling"]

NAME = "activation information"
GRID = 512  # points of the line on which densities under log-normal noise are computed


def fisher(*, seed: int, index: int, m: int, d: int, beta: float, scale: float, draws: int) -> Result:
    """A linear layer whose weights move by N(0, beta F_w^-1): trace of F_z|x at one input of length `scale`.

    `sampled` is that of the covariance of the score, by central differences of log p(z | x) over `draws` of z; then the
    two terms as we derive them and `printed`, and the relative deviation of each form from `sampled`.
    """
    r = rng.stream(seed, NAME, "fisher", index)
    weights, fisher_w = r.standard_normal((m, d)), _definite(r, m * d)
    x = r.standard_normal(d)
    x *= scale / np.linalg.norm(x)
    noise_cov = np.asarray(beta * np.linalg.inv(fisher_w))
    noisy = activations.linear_layer(x, noise_cov)
    found = activations.input_fisher(weights, *noisy)
    z = weights @ x + r.standard_normal((draws, m)) @ np.linalg.cholesky(noisy.cov).T
    step = 1e-4 * scale
    near = [[_log_density(z, weights, x + sign * step * e, noise_cov) for sign in (1, -1)] for e in np.eye(d)]
    score = np.array([(ahead - behind) / (2 * step) for ahead, behind in near])
    jacobian = np.kron(np.eye(m), x)
    printed = weights.T @ (jacobian @ fisher_w @ jacobian.T) @ weights / beta
    sampled = float((score**2).mean(axis=1).sum())
    forms = {"derived": found.total, "mean": found.mean, "printed": printed}
    traces = {name: float(np.trace(form)) for name, form in forms.items()}
    off = {f"{name}_error": abs(value / sampled - 1) for name, value in traces.items()}
    return {"sampled": sampled, "covariance": float(np.trace(found.covariance)), **traces, **off}


def scaling(*, seed: int, index: int, m: int, d: int) -> Result:
    """Factor by which tr F_z|x of a linear layer changes when its input is doubled: mean term as derived, and printed.

    A layer twice as bright is known with twice the noise: the information about x must fall to a quarter.
    """
    r = rng.stream(seed, NAME, "scaling", index)
    weights, fisher_w, x = r.standard_normal((m, d)), _definite(r, m * d), r.standard_normal(d)
    traces = {"derived": 1.0, "printed": 1.0}
    for at, sign in ((x, -1), (2 * x, 1)):
        jacobian = np.kron(np.eye(m), at)
        cov = activations.weight_noise(jacobian, fisher_w, 1.0)
        printed = weights.T @ (jacobian @ fisher_w @ jacobian.T) @ weights
        traces["derived"] *= float(np.trace(activations.input_fisher(weights, cov).mean)) ** sign
        traces["printed"] *= float(np.trace(printed)) ** sign
    return dict(traces)


def order(*, seed: int, index: int, m: int, d: int, pairs: int) -> Result:
    """Pairs of weight Fishers: the least eigenvalue of the difference of their mean terms, over the larger trace.

    `ordered`: F_w' = F_w + something positive semidefinite; `traced`: two unrelated matrices, the larger trace first.
    """
    r = rng.stream(seed, NAME, "order", index)
    least: dict[str, list[float]] = {"ordered": [], "traced": []}
    for _ in range(pairs):
        jacobian, a = r.standard_normal((m, m * d)), r.standard_normal((m, d))
        low, other = _definite(r, m * d), _definite(r, m * d)
        by_trace = sorted((low, other), key=lambda f: float(np.trace(f)))
        for name, (small, large) in {"ordered": (low, low + other), "traced": by_trace}.items():
            terms = [
                activations.input_fisher(a, activations.weight_noise(jacobian, f, 1.0)).mean for f in (small, large)
            ]
            least[name].append(float(np.linalg.eigvalsh(terms[1] - terms[0])[0] / np.trace(terms[1])))
    return {name: min(values) for name, values in least.items()}


def channel(*, seed: int, index: int, m: int, d: int, beta: float, inputs: int) -> Result:
    """I(x; z) of a linear layer with noisy weights and Gaussian inputs, m outputs of d inputs, in nats.

    `lower` and `upper` by sampling (InfoNCE and leave-one-out with the true density), against the effective information
    with both terms of F_z|x and with that of the mean, `missing` the rank that lacks, and `prior`, which keeps the
    spread of the inputs. `constant_gap` and `constant_prior_gap` are what these two miss of the exact information when
    the noise is the same for all x.
    """
    r = rng.stream(seed, NAME, "channel", index)
    weights, noise_cov = r.standard_normal((m, d)), beta * np.linalg.inv(_definite(r, m * d))
    x = r.standard_normal((inputs, d))
    noisy = activations.linear_layer(x, noise_cov)
    found = activations.input_fisher(np.broadcast_to(weights, (inputs, m, d)), *noisy)
    factors = np.asarray(np.linalg.cholesky(noisy.cov))
    z = x @ weights.T + np.einsum("nij,nj->ni", factors, r.standard_normal((inputs, m)))
    scores = _pair_scores(z, x @ weights.T, factors)
    both = activations.effective_information(gaussian.entropy(np.eye(d)), found.total)
    mean = activations.effective_information(gaussian.entropy(np.eye(d)), found.mean)
    same = noisy.cov.mean(axis=0)
    joint = np.block([[np.eye(d), weights.T], [weights, weights @ weights.T + same]])
    exact = gaussian.mutual_information(joint, d)
    alone = activations.input_fisher(weights, same).mean[None]
    constant = activations.effective_information(gaussian.entropy(np.eye(d)), alone)
    return {
        "lower": estimators.info_nce(scores),
        "upper": estimators.leave_one_out(scores),
        "both": both.value,
        "mean": mean.value,
        "missing": d - mean.rank,
        "prior": activations.prior_information(np.eye(d), found.mean),
        "constant_gap": exact - constant.value,
        "constant_prior_gap": exact - activations.prior_information(np.eye(d), alone),
    }


def excess(*, seed: int, index: int, d: int, alpha: float, units: int, inputs: int, common: float = 0.0) -> Result:
    """d times the excess of (I(z; x) + TC(z))/dim z over g, all marginals Gaussian, many inputs.

    `derived`: g at the noise level exp(-2 I/k) of the weights' information I = -k/2 log alpha; `printed`: at exp(-I/k).
    With `common` above 0 a factor of that weight is shared by all inputs of the layer, which then are correlated.
    """
    r = rng.stream(seed, NAME, "excess", index, d)
    weights = r.standard_normal((units, d))
    x = r.standard_normal((inputs, d)) + common * r.standard_normal((inputs, 1))
    found = float(activations.layer_information(weights, x, alpha).mean())
    information = -0.5 * weights.size * np.log(alpha)
    levels = {"derived": 2 * information, "printed": information}
    bounds = {n: activations.unit_information(activations.noise_level(i / 2, weights.size)) for n, i in levels.items()}
    return {name: float(d * (found - g)) for name, g in bounds.items()}


def layer(*, seed: int, index: int, d: int, alpha: float, units: int, inputs: int) -> Result:
    """One noisy layer z = (eps W) x: mean over its units of I(z_i; x) in nats, which is (I(z; x) + TC(z))/dim z.

    `gaussian_form` takes all marginals as Gaussian, `gaussian_noise` and `log_normal` are exact for these laws of eps
    and x uniform over `inputs` points, whitened so that they are uncorrelated exactly; `unit` is g(alpha).
    """
    r = rng.stream(seed, NAME, "layer", index, d)
    weights, x = r.standard_normal((units, d)), r.standard_normal((inputs, d))
    x -= x.mean(axis=0)
    x = linalg.solve_triangular(np.linalg.cholesky(x.T @ x / inputs), x.T, lower=True).T
    mean, var = x @ weights.T, x**2 @ (np.expm1(alpha) * weights**2).T
    exact = [encoders.mixture_information(mean[None, :, [i]], var[None, :, i])[0] for i in range(units)]
    return {
        "gaussian_form": float(activations.layer_information(weights, x, alpha).mean()),
        "gaussian_noise": float(np.mean(exact)),
        "log_normal": float(np.mean([_log_normal_information(w, x, alpha) for w in weights])),
        "unit": float(activations.unit_information(alpha)),
    }


def nuisances(*, seed: int, index: int, channels: int) -> Result:
    """Largest excess of I(z; n) over I(z; x) - I(x; y) among random channels p(z | x) with x = (y, n), y and n apart.

    `sufficient`: z is seen together with y; `any`: z alone; `own`: the same with I(z; y) in the place of I(x; y).
    """
    r = rng.stream(seed, NAME, "nuisances", index)
    excess: dict[str, list[float]] = {"sufficient": [], "any": [], "own": []}
    for _ in range(channels):
        p_y, p_n = r.dirichlet(np.ones(3)), r.dirichlet(np.ones(4))
        noisy = r.dirichlet(np.full(4, r.uniform(0.05, 1)), size=(3, 4))
        with_label = np.einsum("yk,ynz->ynkz", np.eye(3), noisy).reshape(3, 4, 12)
        for name, p_z in (("sufficient", with_label), ("any", noisy)):
            joint = p_y[:, None, None] * p_n[None, :, None] * p_z
            i_x = float(entropy.mutual_information(joint.reshape(12, -1)))
            i_y, i_n = (float(entropy.mutual_information(joint.sum(axis=axis))) for axis in (1, 0))
            excess[name].append(i_n - (i_x - float(entropy.entropy(p_y))))
            excess["own"].append(i_n - (i_x - i_y))
    return {name: max(values) for name, values in excess.items()}


def _definite(r: np.random.Generator, n: int) -> Array:
    """A random Fisher matrix of n weights, of no special structure and of condition number about 100."""
    a = r.standard_normal((n, 2 * n))
    return np.asarray(a @ a.T / n + 0.1 * np.eye(n))


def _log_density(z: Array, weights: Array, x: Array, noise_cov: Array) -> Array:
    """log p(z | x) up to a constant, for every row of z (n, m)."""
    factor = np.linalg.cholesky(activations.linear_layer(x, noise_cov).cov)
    white = linalg.solve_triangular(factor, (z - weights @ x).T, lower=True)
    return np.asarray(-0.5 * (white**2).sum(axis=0) - np.log(np.diagonal(factor)).sum())


def _pair_scores(z: Array, mean: Array, factors: Array) -> Array:
    """log p(z_i | x_j) up to a constant.   z (n, m), mean (n, m), factors of the covariances (n, m, m) -> (n, n)."""
    inverse = np.linalg.inv(factors)
    scores = [-0.5 * (((z - mu) @ w.T) ** 2).sum(axis=1) for mu, w in zip(mean, inverse, strict=True)]
    logdets = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(np.stack(scores, axis=1) - logdets)


def _log_normal_information(w: Array, x: Array, alpha: float) -> float:
    """I(z; x) of z = sum_j eps_j w_j x_j, log eps ~ N(-alpha/2, alpha), x uniform over its rows, in nats.

    Densities by the Fourier transform of products of characteristic functions, on a line 12 standard deviations long.
    """
    terms = x * w
    spread = float(np.sqrt((terms**2).sum(axis=1).max() * np.exp(alpha)))
    width = 2 * (6 * spread + np.abs(terms.sum(axis=1)).max())
    frequency = 2 * np.pi / width * np.arange(GRID // 2 + 1)
    at = np.linspace(0, frequency[-1] * np.abs(terms).max(), 8 * GRID)
    nodes = np.linspace(-7, 7, 1401)  # close enough for the phases of the highest frequencies
    mass = np.exp(-0.5 * nodes**2)
    factor = np.exp(np.sqrt(alpha) * nodes - alpha / 2)
    table = np.exp(1j * np.outer(at, factor)) @ (mass / mass.sum())  # of one factor eps
    characteristic = np.ones((len(x), len(frequency)), dtype=complex)
    for column in terms.T:
        arguments = np.outer(column, frequency)
        odd = np.interp(np.abs(arguments), at, table.imag) * np.sign(arguments)
        characteristic *= np.interp(np.abs(arguments), at, table.real) + 1j * odd
    density = np.fft.irfft(np.vstack([characteristic, characteristic.mean(axis=0)]).conj(), n=GRID, axis=1)
    p = np.maximum(density, 0)
    h = entropy.entropy(p / p.sum(axis=1, keepdims=True))  # of the cells, whose width cancels in the difference
    return float(h[-1] - h[:-1].mean())
