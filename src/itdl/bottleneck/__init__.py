"""The information bottleneck of a known joint and its dual: solved (`solvers`), and where solutions split
(`bifurcations`). How they are searched: `codebooks`, `clustering`, `partitions`, `annealing`, `tradeoff`.
"""

from itdl.bottleneck.solvers import CriticalBetas, Curve, critical_betas, smooth, solve_dual_ib, solve_ib

__all__ = ["CriticalBetas", "Curve", "critical_betas", "smooth", "solve_dual_ib", "solve_ib"]
