"""The exact bottlenecks beside chapter 08: classes seen through noisy labels, a discrete problem that needs no network.

Source: piran2020dual (the dual), tishby1999information; solved by `itdl.bottleneck`.
"""

from __future__ import annotations

import numpy as np

from itdl import label_noise
from itdl.bottleneck import critical_betas, solve_dual_ib, solve_ib
from itdl.sweep import Result

__all__ = ["channel"]


def channel(*, classes: int, level: float, betas: list[float]) -> Result:
    """IB and dual of equally likely classes with smoothed labels: I(X;T) at each beta, as `ib` and `dual`, (B,).

    `critical_ib` and `critical_dual` are the betas at which keeping nothing becomes unstable.
    """
    joint = label_noise.smoothing(np.arange(classes), classes, level) / classes
    critical = critical_betas(joint)
    found: Result = {"critical_ib": critical.ib, "critical_dual": critical.dual}
    for name, solve in (("ib", solve_ib), ("dual", solve_dual_ib)):
        found[name] = solve(joint, betas, max_iter=3000).i_xt
    return found
