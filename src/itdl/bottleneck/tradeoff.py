"""A curve of solutions along beta: what each encoder keeps of X, tells of Y and predicts, in nats.

Source: tishby1999information (the information plane of a known joint).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr, xlogy

from itdl.bottleneck.clustering import Clustering
from itdl.checks import Array

__all__ = ["Curve", "evaluated"]

MERGED, ALIVE = 1e-3, 1e-6  # decoders closer than this count as one; weights below this as none


@dataclass(frozen=True)
class Curve:
    """Solutions at each beta, in the order given; B betas, X inputs, T clusters (heaviest first), Y labels. Nats.

    `i_ty` is I(T;Y) of the Markov chain, by the arithmetic decoder; `i_predicted` is I(T;Y') with labels Y' drawn from
    the solver's own `decoder`, which for IB is the same. A cluster out of use has weight 0 and the decoder of the
    one-cluster solution. `clusters` counts those of weight above 1e-6, decoders within 1e-3 taken together.
    Certificates: `residual`, the mean over x of the Jensen-Shannon divergence between p(t|x) and the next iterate;
    `increase`, the largest rise of the objective seen in a plain iteration; `n_iter`, iterations spent on that beta;
    `converged`, the residual is within `tol`.
    """

    betas: Array
    i_xt: Array
    i_ty: Array
    i_predicted: Array
    distortion: Array
    encoder: Array
    decoder: Array
    weights: Array
    clusters: np.ndarray
    converged: np.ndarray
    residual: Array
    n_iter: np.ndarray
    increase: Array

    @property
    def objective(self) -> Array:
        """I(X;T) + beta E d, which for hard encoders is H(T) + beta E d.   (B,)."""
        return np.asarray(self.i_xt + self.betas * self.distortion)


def evaluated(
    problem: Clustering,
    betas: Array,
    encoders: list[Array],
    residual: Array,
    n_iter: np.ndarray,
    increase: Array,
    *,
    n_clusters: int,
    tol: float,
) -> Curve:
    """All that a curve reports, from the encoders (X, T) alone: weights and decoders are the best for them."""
    px, pyx = problem.px, problem.pyx
    sizes = len(betas), len(px), n_clusters, pyx.shape[1]
    one = np.exp(problem.codebook(np.ones((len(px), 1)))[0, 1:])
    encoder, weights = np.zeros(sizes[:3]), np.zeros((sizes[0], sizes[2]))
    decoder = np.broadcast_to(one, (sizes[0], *sizes[2:])).copy()
    i_xt, i_ty, i_predicted, distortion = np.empty((4, len(betas)))
    for b, q in enumerate(encoders):
        mass = px @ q
        heavy = [t for t in np.argsort(-mass, kind="stable") if mass[t] > 0]
        q, mass, joint = q[:, heavy], mass[heavy], px[:, None] * q[:, heavy]
        dec = np.exp(problem.codebook(q)[:, 1:])
        encoder[b, :, : len(heavy)], weights[b, : len(heavy)], decoder[b, : len(heavy)] = q, mass, dec
        i_xt[b] = (xlogy(joint, q) - xlogy(joint, mass)).sum()
        i_ty[b], i_predicted[b] = _information(joint.T @ pyx), _information(mass[:, None] * dec)
        distortion[b] = (joint * problem.distortions(dec)).sum()
    clusters = np.array([_distinct(d[w > ALIVE]) for d, w in zip(decoder, weights, strict=True)])
    return Curve(
        betas,
        i_xt,
        i_ty,
        i_predicted,
        distortion,
        encoder,
        decoder,
        weights,
        clusters,
        residual <= tol,
        residual,
        n_iter,
        increase,
    )


def _information(joint: Array) -> float:
    """I(T;Y) of masses p(t, y), none of the p(t) zero."""
    return float(rel_entr(joint, joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)).sum())


def _distinct(decoders: Array) -> int:
    """How many decoders (T, Y) are left when those within 1e-3 of one already counted are not counted."""
    left, count = decoders, 0
    while len(left):
        left, count = left[np.abs(left - left[0]).max(axis=1) >= MERGED], count + 1
    return count
