"""Scaling laws of a loss: the laws and what they predict (`power_laws`), their fits to runs and all bootstrap
replicates at once (`fits`), the forms as fitted (`forms`), the linear part solved out for a start (`projection`).
"""

from itdl.scaling.fits import Bootstrap, Fit, fit, objective
from itdl.scaling.power_laws import Allocation, Law, compute_optimal
from itdl.scaling.projection import variable_projection

__all__ = ["Allocation", "Bootstrap", "Fit", "Law", "compute_optimal", "fit", "objective", "variable_projection"]
