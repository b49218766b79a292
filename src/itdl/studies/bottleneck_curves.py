"""Experiments of chapter 05 on the bottleneck of a known joint: by hand, its laws, its onset, Gaussian pairs.

`index` numbers independent random joints. Everything in nats.

Sources: tishby1999information (functional and iteration), ngampruetikorn2021perturbation (onset),
chechik2005information (Gaussian pairs), kolchinsky2019caveats (deterministic labels).
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, rel_entr

from itdl import bottleneck, data, entropy, rng
from itdl.bottleneck import bifurcations
from itdl.checks import Array
from itdl.sweep import Result

__all__ = [
    "NAME",
    "copied_labels",
    "descent",
    "flipped",
    "gaussian_curve",
    "gaussian_pair",
    "hard_labels",
    "held_out",
    "laws",
    "onset",
    "soft_and_hard",
    "symmetric_solution",
    "toy",
    "word_clusters",
]

NAME = "bottleneck curves"


def toy() -> Array:
    """Five equally likely inputs x from -1 to 0.6 and a binary label with log-odds -2x, (5, 2); of piran2020dual."""
    x = np.linspace(-1, 0.6, 5)
    odds = np.exp(-np.outer(x, [-1, 1]))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True) / 5)


def flipped(flip: float) -> Array:
    """A fair bit and its copy, wrong with probability `flip`, (2, 2)."""
    return np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2


def symmetric_solution(flip: float, wrong: float) -> tuple[float, float, float]:
    """beta, I(X;T) and I(T;Y) where the best T of `flipped(flip)` is X, wrong with probability `wrong` < 1/2.

    T is a binary symmetric channel, so that T -> Y is one too, wrong with w' = wrong (1 - flip) + (1 - wrong) flip, and
    1/beta is the slope of log 2 - h(w') over log 2 - h(wrong): (1 - 2 flip) logit(w') / logit(wrong).
    """
    far = wrong * (1 - flip) + (1 - wrong) * flip
    beta = np.log(1 / wrong - 1) / ((1 - 2 * flip) * np.log(1 / far - 1))
    known = [np.log(2) - entropy.entropy([w, 1 - w]) for w in (wrong, far)]
    return float(beta), float(known[0]), float(known[1])


def hard_labels(noise: float) -> Array:
    """Five equally likely inputs, the label 0 for the first three and 1 for the others but for `noise`, (5, 2)."""
    label = np.array([0, 0, 0, 1, 1])
    return np.where(label[:, None] == np.arange(2), 1 - noise, noise) / 5


def copied_labels(share: float, noise: float) -> tuple[float, float]:
    """I(X;T) and I(T;Y) where T copies the most likely label with probability `share` and says nothing otherwise."""
    joint, label = hard_labels(noise), hard_labels(0) > 0
    encoder = np.hstack([share * label, np.full((5, 1), 1 - share)])
    return (
        entropy.mutual_information(joint.sum(axis=1)[:, None] * encoder),
        entropy.mutual_information(encoder.T @ joint),
    )


def gaussian_pair(rho: float, n: int, reach: float = 4.0) -> Array:
    """Two standard normal variables of correlation `rho` on a grid of n points each within +-`reach`, (n, n)."""
    x = np.linspace(-reach, reach, n)
    log_p = -(x[:, None] ** 2 - 2 * rho * np.outer(x, x) + x**2) / (2 * (1 - rho**2))
    return np.asarray(np.exp(log_p - logsumexp(log_p)))


def _joint(seed: int, index: int, n_x: int, n_y: int, alpha: float) -> Array:
    return bifurcations.random_joint(rng.stream(seed, NAME, "joint", index), n_x, n_y, alpha, floor=1e-4)


def descent(*, seed: int, index: int, n_x: int, n_y: int, alpha: float, beta: float, steps: int) -> Result:
    """Largest increase of I(X;T) - beta I(T;Y) in any of `steps` iterations, plain and with a slip, from chance.

    The slip takes the geometric mean for the decoder, which belongs to the dual problem.
    """
    pxy = _joint(seed, index, n_x, n_y, alpha)
    start = rng.stream(seed, NAME, "start", index).dirichlet(np.ones(n_x), n_x)
    return {f"increase{name}": _largest_increase(pxy, beta, start, steps, g) for name, g in (("", 0), ("_slip", 1))}


def _largest_increase(pxy: Array, beta: float, encoder: Array, steps: int, geometric: int) -> float:
    px = pxy.sum(axis=1)
    pyx = pxy / px[:, None]
    values = []
    for _ in range(steps):
        joint = px[:, None] * encoder
        pt = joint.sum(axis=0)
        decoder = (joint.T @ pyx) / pt[:, None]
        values.append(entropy.mutual_information(joint) - beta * entropy.mutual_information(joint.T @ pyx))
        if geometric:
            mean = np.exp((joint.T @ np.log(pyx)) / pt[:, None])
            decoder = mean / mean.sum(axis=1, keepdims=True)
        score = np.log(pt) - beta * rel_entr(pyx[:, None, :], decoder).sum(axis=2)
        encoder = np.exp(score - logsumexp(score, axis=1, keepdims=True))
    return float(np.diff(values).max())


def laws(*, seed: int, index: int, n_x: int, n_y: int, alpha: float, betas: list[float]) -> Result:
    """How far the solutions at rising `betas` break three laws; a number above zero is a violation.

    `slope`: between neighbours the curve rises by no more than dI(X;T)/beta of the lower and no less than that of the
    upper (so it is concave, with slope 1/beta); `slope_bits` the same with I(T;Y) in bits. `processing`: I(T;Y) above
    I(X;T) or I(X;Y); `processing_given` the same with I(X;T|Y) in the place of I(X;T).
    """
    pxy = _joint(seed, index, n_x, n_y, alpha)
    curve, all_of_it = bottleneck.solve_ib(pxy, betas), entropy.mutual_information(pxy)
    given = curve.i_xt - curve.i_ty
    return {
        "slope": _slope_violation(curve.betas, curve.i_xt, curve.i_ty),
        "slope_bits": _slope_violation(curve.betas, curve.i_xt, curve.i_ty / np.log(2)),
        "processing": float((curve.i_ty - np.minimum(curve.i_xt, all_of_it)).max()),
        "processing_given": float((curve.i_ty - np.minimum(given, all_of_it)).max()),
        "converged": float(curve.converged.mean()),
    }


def _slope_violation(betas: Array, i_xt: Array, i_ty: Array) -> float:
    rise, run = np.diff(i_ty), np.diff(i_xt)
    return float(np.maximum(rise - run / betas[:-1], run / betas[1:] - rise).max())


def onset(*, seed: int, index: int, n_x: int, n_y: int, alpha: float, points: int, restarts: int) -> Result:
    """The smallest of `points` betas at which some T is better than none, and what theory says of it.

    The grid runs from 0.97/eta to 1.03/lambda_2. `trivial` is 1/eta, with eta the contraction coefficient, below which
    no T is better than none, `local` 1/lambda_2, above which that solution is unstable, `lowest` I(X;T) at the onset.
    """
    pxy = _joint(seed, index, n_x, n_y, alpha)
    trivial, local = 1 / bifurcations.contraction(pxy).value, bottleneck.critical_betas(pxy).ib
    betas = np.geomspace(0.97 * trivial, 1.03 * local, points)
    curve = bottleneck.solve_ib(pxy, betas, restarts=restarts, seed=seed)
    first = int((betas * entropy.mutual_information(pxy) - curve.objective > 1e-9).argmax())
    return {"onset": betas[first], "trivial": trivial, "local": local, "lowest": curve.i_xt[first]}


def gaussian_curve(*, rho: float, n: int, betas: list[float]) -> Result:
    """The discrete bottleneck of `gaussian_pair`, (B,), and the covariances of the pair and of half its information."""
    curve = bottleneck.solve_ib(gaussian_pair(rho, n), betas, tol=1e-9)
    halved = np.sqrt(1 - np.sqrt(1 - rho**2))  # 1 - halved^2 is the root of 1 - rho^2
    cov, half = (np.array([[1, r], [r, 1]]) for r in (rho, halved))
    return {"i_xt": curve.i_xt, "i_ty": curve.i_ty, "cov": cov, "halved": half}


def soft_and_hard(*, seed: int, index: int, n_x: int, n_y: int, alpha: float, betas: list[float]) -> Result:
    """Bottleneck and deterministic bottleneck of one joint: H(T|X) of the solutions, (B,), and their costs compared.

    `share`: what hard clusters lose on I(X;T) - beta I(T;Y), over what soft ones lose on H(T) - beta I(T;Y), both
    summed over beta. Clusters with the same decoder count as one.
    """
    pxy = _joint(seed, index, n_x, n_y, alpha)
    soft, hard = bottleneck.solve_ib(pxy, betas), bottleneck.solve_ib(pxy, betas, deterministic=True)
    px, costs, noise = pxy.sum(axis=1), {}, {}
    for name, curve in (("soft", soft), ("hard", hard)):
        merged = [_merged(q, p) for q, p in zip(curve.encoder, curve.decoder, strict=True)]
        noise[name] = np.array([px @ entropy.entropy(q) for q in merged])
        known = np.array([entropy.mutual_information(q.T @ pxy) for q in merged])
        rate = np.array([entropy.mutual_information(px[:, None] * q) for q in merged])
        costs[name] = rate - curve.betas * known, rate + noise[name] - curve.betas * known
    lost = (costs["hard"][0] - costs["soft"][0]).sum(), (costs["soft"][1] - costs["hard"][1]).sum()
    return {"noise_soft": noise["soft"], "noise_hard": noise["hard"], "share": float(lost[0] / lost[1])}


def _merged(encoder: Array, decoder: Array) -> Array:
    """The encoder with clusters of one decoder (within 1e-3) as one.   (X, T), (T, Y) -> (X, fewer)."""
    groups: list[list[int]] = []
    for t in range(len(decoder)):
        same = [g for g in groups if np.abs(decoder[g[0]] - decoder[t]).max() < 1e-3]
        if same:
            same[0].append(t)
        else:
            groups.append([t])
    return np.stack([encoder[:, g].sum(axis=1) for g in groups], axis=1)


def held_out(*, clusters: int, betas: list[float], eps: float) -> Result:
    """Words of one half of the docstrings clustered, and what the clusters are worth in the other half, (B,).

    `i_ty_other`: H(Y) minus the cross-entropy of the decoder p(y|t) of the first half, over the counts of the second; a
    lower bound on I(T;Y) there. Before clustering p(y|word) is mixed with a share `eps` of the uniform.
    """
    first, second = (half / half.sum() for half in data.word_topics().counts)
    curve = bottleneck.solve_ib(bottleneck.smooth(first, eps), betas, n_clusters=clusters)
    h_y = entropy.entropy(second.sum(axis=0))
    pairs = zip(curve.encoder, curve.decoder, strict=True)
    worth = [h_y + ((encoder.T @ second) * np.log(decoder)).sum() for encoder, decoder in pairs]
    return {"i_xt": curve.i_xt, "i_ty": curve.i_ty, "i_ty_other": np.array(worth), "clusters": curve.clusters}


def word_clusters(table: data.WordTopics, curve: bottleneck.Curve, at: int, shown: int) -> list[tuple[str, str, str]]:
    """For each cluster at the `at`-th beta, heaviest first: its weight, its likeliest topic, its most telling words.

    A word belongs to its most likely cluster; clusters without words are left out. Words are told apart by their part
    p(x) D[p(y|x) || p(y)] of the information.
    """
    owner, joint = curve.encoder[at].argmax(axis=1), table.joint
    telling = rel_entr(joint, joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)).sum(axis=1)
    rows = []
    for t in np.argsort(-curve.weights[at], kind="stable"):
        mine = np.flatnonzero(owner == t)
        top = mine[np.argsort(-telling[mine], kind="stable")][:shown]
        if len(mine):
            topic, p = curve.decoder[at, t].argmax(), curve.decoder[at, t].max()
            words = ", ".join(table.words[i] for i in top)
            rows.append((f"{curve.weights[at, t]:.2f}", f"{table.topics[topic]} {p:.2f}", words))
    return rows
