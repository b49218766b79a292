"""Experiments of chapter 07 on prediction: decoding from labels, inputs never seen, and handwritten digits.

Bottlenecks are compared at equal I(X;T): `at_rates` finds the betas at which each of them spends it. A prediction can
be made in three ways from an encoder p(t|x) and a decoder p(y|t): by one t drawn from p(t|x); by the average
p(yh|x) = sum_t p(t|x) p(y|t); and, when n labels of the same x are seen, by the likeliest t.

Source: piran2020dual, abstract (ii) and (iii); shwartzziv2022thesis, abstract; the protocols are ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import rel_entr, softmax, xlogy
from sklearn.decomposition import PCA

from itdl import data, entropy, error_exponents, exponential_family, rng
from itdl.bottleneck import Curve
from itdl.checks import Array
from itdl.studies.dual_bottleneck import NAME, SOLVERS, above_critical, dual_distortion, geometric_decoder, problem, toy
from itdl.sweep import Result

__all__ = ["at_rates", "decoding", "digits", "extend", "merged", "toy_decoding", "unseen"]


def at_rates(pxy: Array, rates: Array, kind: str, *, points: int = 24, **options: Any) -> Curve:
    """Solutions whose I(X;T) is as near to `rates` as they come; across a jump of the curve there is none.

    beta(rate) is interpolated on a coarse curve, and once more with the solutions found there.
    """
    solve, betas = SOLVERS[kind], above_critical(pxy, kind, points)
    curve = solve(pxy, betas, **options)
    found, spent = betas, curve.i_xt
    for _ in range(2):
        order = np.argsort(found)
        wanted = np.exp(np.interp(rates, np.maximum.accumulate(spent[order]), np.log(found[order])))
        curve = solve(pxy, wanted, **options)
        found, spent = np.concatenate([found, wanted]), np.concatenate([spent, curve.i_xt])
    return curve


def merged(encoder: Array, decoder: Array, weights: Array) -> tuple[Array, Array]:
    """p(t|x) (X, K) and p(y|t) (K, Y) of the K clusters that live and differ (decoders by more than 1e-3)."""
    groups: list[list[int]] = []
    for t in np.argsort(-weights)[: int((weights > 1e-6).sum())]:
        near = [g for g in groups if np.abs(decoder[t] - decoder[g[0]]).max() < 1e-3]
        if near:
            near[0].append(int(t))
        else:
            groups.append([int(t)])
    columns = np.stack([encoder[:, g].sum(axis=1) for g in groups], axis=1)
    means = np.stack([weights[g] @ decoder[g] / weights[g].sum() for g in groups])
    return columns / columns.sum(axis=1, keepdims=True), means / means.sum(axis=1, keepdims=True)


def _decode(pxy: Array, curve: Curve, labels: list[int]) -> Result:
    """Errors and losses of each point of a curve, (B, ...).

    `soft`, `hard` (B, len(labels)): P(the likeliest t given n labels of x is not the t drawn for x, or not the most
    probable t of x). `exponent`: mean over x of the exponent of the hard error. `averaged`, `drawn`: E D[p(y|x) || .]
    of the average prediction and of one t; `geometric`: of the average, with the geometric mean as decoder.
    """
    px = pxy.sum(axis=1)
    pyx = pxy / px[:, None]
    rows: list[dict[str, Any]] = []
    for encoder, decoder, weights in zip(curve.encoder, curve.decoder, curve.weights, strict=True):
        q, means = merged(encoder, decoder, weights)
        top = q.argmax(axis=1)
        chosen = [error_exponents.confusion(pyx, means, n) for n in labels]
        rates = error_exponents.exponent(pyx[:, None], means[top][:, None], means[None])
        rates[np.arange(len(px)), top] = np.inf
        gain = rel_entr(pyx[:, None], means[None]).sum(axis=2)
        rows.append({
            "soft": np.array([1 - px @ (q * c).sum(axis=1) for c in chosen]),
            "hard": np.array([1 - px @ c[np.arange(len(px)), top] for c in chosen]),
            "exponent": px @ rates.min(axis=1) if len(means) > 1 else 0.0,
            "averaged": px @ rel_entr(pyx, q @ means).sum(axis=1),
            "geometric": px @ rel_entr(pyx, q @ geometric_decoder(pxy, q)).sum(axis=1),
            "drawn": px @ (q * gain).sum(axis=1),
        })  # fmt: skip
    found: Result = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return found | {
        "distortion": dual_distortion(pxy, curve.encoder),
        "i_xt": curve.i_xt,
        "clusters": curve.clusters.astype(float),
    }


def _both(pxy: Array, curves: dict[str, Curve], labels: list[int]) -> Result:
    return {
        f"{kind}_{name}": value for kind, curve in curves.items() for name, value in _decode(pxy, curve, labels).items()
    }


def toy_decoding(*, rates: list[float], labels: list[int], log2_betas: list[float]) -> Result:
    """The toy at equal I(X;T) (`ib_...`, `dual_...`) and at equal beta (`equal_ib_...`, `equal_dual_...`)."""
    pxy, betas = toy(), 2.0 ** np.array(log2_betas)
    same_rate = {kind: at_rates(pxy, np.array(rates), kind) for kind in SOLVERS}
    same_beta = {f"equal_{kind}": solve(pxy, betas) for kind, solve in SOLVERS.items()}
    return _both(pxy, same_rate, labels) | _both(pxy, same_beta, labels)


def decoding(
    *, seed: int, index: int, n_x: int, n_y: int, alpha: float, shares: list[float], labels: list[int]
) -> Result:
    """A random joint at equal I(X;T) = share of H(X).   `ib_...` and `dual_...` (shares, ...), `rates`."""
    pxy = problem(seed, index, n_x=n_x, n_y=n_y, alpha=alpha)
    rates = np.array(shares) * entropy.entropy(pxy.sum(axis=1))
    return _both(pxy, {kind: at_rates(pxy, rates, kind) for kind in SOLVERS}, labels) | {"rates": rates}


def extend(curve: Curve, pyx: Array, kind: str) -> Array:
    """p(t|x) = p(t) exp(-beta d(x, t))/Z for inputs that were not encoded, whose p(y|x) is known.   -> (B, N, T)."""
    decoder, logs = curve.decoder, np.log(np.maximum(curve.decoder, 1e-300))
    if kind == "dual":
        d = xlogy(decoder, decoder).sum(axis=2)[:, None] - np.log(pyx) @ decoder.swapaxes(1, 2)
    else:
        d = xlogy(pyx, pyx).sum(axis=1)[:, None] - pyx @ logs.swapaxes(1, 2)
    with np.errstate(divide="ignore"):
        return np.asarray(softmax(np.log(curve.weights)[:, None] - curve.betas[:, None, None] * d, axis=2))


def unseen(
    *, seed: int, index: int, samples: int, rates: list[float], n_seen: int = 20, n_new: int = 200, n_y: int = 6,
    n_features: int = 2, clusters: int = 8, penalty: float = 1.0, shuffled: bool = False,
) -> Result:  # fmt: skip
    """Excess log-loss E D[p(y|x) || prediction] over inputs never seen, each (rates,), from `samples` pairs (x, y).

    The truth is an exponential family with Gaussian features; only the first `n_seen` inputs occur in the samples.
    `known_ib`, `known_dual`: bottleneck of the family fitted to them, extended to new inputs by their features, or with
    `shuffled` by those of another new input; `..._drawn`: one t instead of the average; `known_ib_geometric`: with the
    geometric decoder. `nearest_ib`: IB of the smoothed counts, a new input encoded as the nearest seen one.
    `fit`, `nearest`: the same two without any bottleneck.
    """
    stream = rng.stream(seed, NAME, "unseen", index)
    features, truth = stream.standard_normal((n_seen + n_new, n_features)), stream.normal(0, 1.2, (n_features, n_y))
    pyx = exponential_family.conditional(features, truth)
    stream = rng.stream(seed, NAME, "samples", index, samples)
    occurs = stream.multinomial(samples, np.full(n_seen, 1 / n_seen))
    counts = stream.multinomial(occurs, pyx[:n_seen]).astype(float)
    fitted = exponential_family.fit(features[:n_seen], counts, penalty=penalty)
    known, new = exponential_family.conditional(features, fitted.multipliers), pyx[n_seen:]
    here, there = known[:n_seen] / n_seen, known[n_seen:][stream.permutation(n_new)] if shuffled else known[n_seen:]
    smoothed = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    nearest = _nearest(features[n_seen:], features[:n_seen])
    result: Result = {"fit": _loss(new, there), "nearest": _loss(new, smoothed[nearest])}
    blind = at_rates(smoothed / n_seen, np.array(rates), "ib", n_clusters=clusters)
    result["nearest_ib"] = _loss(new, blind.encoder[:, nearest] @ blind.decoder)
    for kind in SOLVERS:
        curve = at_rates(here, np.array(rates), kind, n_clusters=clusters)
        q, gain = extend(curve, there, kind), rel_entr(new[:, None], curve.decoder[:, None]).sum(axis=3)
        result |= {
            f"known_{kind}": _loss(new, q @ curve.decoder),
            f"known_{kind}_drawn": (q * gain).sum(axis=2).mean(axis=1),
            f"known_{kind}_geometric": _loss(new, q @ geometric_decoder(here, curve.encoder)),
            f"{kind}_i_xt": curve.i_xt,
        }
    return result


def digits(
    *, seed: int, index: int, rates: list[float], n_fit: int, n_inputs: int, components: int, clusters: int,
    penalty: float = 1.0, eps: float = 0.1,
) -> Result:  # fmt: skip
    """Handwritten digits: a bottleneck of `n_inputs` training images, and predictions for images never seen.

    p(y|x) is an exponential family in `components` principal components fitted to `n_fit` images: labels are made
    stochastic by it. Both curves on the training images (`ib_...`, `dual_...`, (rates,)). On all images not fitted,
    with their true labels, `accuracy` and `loss` of the average prediction (`known_...`, or `shuffled_...` with the
    features of another image), of the fitted family (`fit_...`), and of the nearest of the `n_inputs` images, its label
    mixed with `eps` of uniform (`nearest_...`).
    """
    images = data.digits()
    order = rng.stream(seed, NAME, "digits", index).permutation(len(images.labels))
    train, test = order[:n_fit], order[n_fit:]
    projection = PCA(components, svd_solver="full").fit(images.pixels[train])
    scale = np.sqrt(projection.explained_variance_[0])
    features = np.column_stack([projection.transform(images.pixels) / scale, np.ones(len(order))])
    observed = exponential_family.counts(images.labels[train], 10)
    fitted = exponential_family.fit(features[train], observed, penalty=penalty)
    pyx, labels = exponential_family.conditional(features, fitted.multipliers), images.labels[test]
    inputs, pxy = train[:n_inputs], pyx[train[:n_inputs]] / n_inputs
    nearest = inputs[_nearest(images.pixels[test], images.pixels[inputs])]
    found = {"fit": pyx[test], "nearest": (1 - eps) * np.eye(10)[images.labels[nearest]] + eps / 10}
    shuffle = rng.stream(seed, NAME, "shuffle", index).permutation(len(test))
    result: Result = {"information": entropy.mutual_information(pxy)}
    for kind in SOLVERS:
        curve = at_rates(pxy, np.array(rates), kind, n_clusters=clusters, points=16)
        q, other = (extend(curve, p, kind) for p in (pyx[test], pyx[test][shuffle]))
        found |= {f"known_{kind}": q @ curve.decoder, f"shuffled_{kind}": other @ curve.decoder}
        found |= {f"known_{kind}_geometric": q @ geometric_decoder(pxy, curve.encoder)}
        result |= {f"{kind}_{name}": getattr(curve, name) for name in ("i_xt", "i_ty", "i_predicted")}
        result[f"{kind}_distortion"] = dual_distortion(pxy, curve.encoder)
    scored = {name: _scores(prediction, labels) for name, prediction in found.items()}
    return result | {f"{name}_{score}": value for name, row in scored.items() for score, value in row.items()}


def _scores(prediction: Array, labels: np.ndarray) -> Result:
    """Accuracy and mean log-loss of predictions (..., N, Y) for labels (N,)."""
    of_truth = np.take_along_axis(prediction, np.broadcast_to(labels[:, None], (*prediction.shape[:-1], 1)), axis=-1)
    return {
        "accuracy": (prediction.argmax(axis=-1) == labels).mean(axis=-1),
        "loss": -np.log(of_truth[..., 0]).mean(axis=-1),
    }


def _loss(truth: Array, prediction: Array) -> Array:
    """Mean over inputs of D[p(y|x) || prediction].   (N, Y), (..., N, Y) -> (...)."""
    return np.asarray(rel_entr(truth, prediction).sum(axis=-1).mean(axis=-1))


def _nearest(new: Array, seen: Array) -> np.ndarray:
    """Index of the nearest of `seen` for each of `new`, by Euclidean distance."""
    return np.asarray(((new[:, None] - seen[None]) ** 2).sum(axis=2).argmin(axis=1))
