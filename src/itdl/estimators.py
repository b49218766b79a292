"""Sample-based bounds on mutual information, in nats.

Both bounds here compare each pair (x_i, z_i) with the other x_j through a matrix of scores[i, j] = log p(z_i | x_j).
With the true conditional as critic InfoNCE is exactly the information between z and the *index* of x in the batch, so
it never exceeds log N; leaving the true partner out of the average turns it into an upper bound.

Sources: oord2018representation (InfoNCE), poole2019variational (section 2.2, leave-one-out upper bound).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, matrix
from itdl.numerics import log_mean_exp

__all__ = ["info_nce", "leave_one_out"]


def info_nce(scores: ArrayLike) -> float:
    """I(X;Z) >= 1/N sum_i [s_ii - log (1/N) sum_j exp s_ij], in nats; at most log N.   scores (N, N) -> scalar."""
    s = _scores(scores)
    return float(np.mean(np.diagonal(s) - log_mean_exp(s, axis=1)))


def leave_one_out(scores: ArrayLike) -> float:
    """I(X;Z) <= 1/N sum_i [s_ii - log 1/(N-1) sum_{j != i} exp s_ij], in expectation, in nats; needs true log p(z|x).

    Useless once I(X;Z) nears log N: a z that fits no other x makes its term as large as the log-density gap.
    """
    s = _scores(scores)
    n = len(s)
    others = s[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    return float(np.mean(np.diagonal(s) - log_mean_exp(others, axis=1)))


def _scores(scores: ArrayLike) -> Array:
    s = matrix("scores", scores)
    if s.ndim != 2 or s.shape[0] != s.shape[1] or len(s) < 2:
        raise BadInput(f"scores has shape {s.shape}; it must be square, N pairs against each other, N >= 2")
    return s
