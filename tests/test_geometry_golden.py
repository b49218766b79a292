"""Curvature against stored answers of curvlinops, an implementation not related to ours.

curvlinops is not needed here; `benchmarks/curvlinops_goldens.py` made the file.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from itdl import geometry
from itdl.networks import Parameters, Perceptrons

GOLDEN = json.loads((Path(__file__).parent / "goldens" / "curvlinops_3.0.1.json").read_text())

Network = tuple[Perceptrons, Parameters, torch.Tensor, torch.Tensor]


def network(case: dict[str, Any]) -> Network:
    """Ours has a leading axis over models, and biases as columns."""
    arrays = [torch.tensor(p, dtype=torch.float64) for p in case["parameters"]]
    parameters = [(p if p.ndim == 2 else p[:, None])[None] for p in arrays]
    x, y = torch.tensor(case["x"], dtype=torch.float64), torch.tensor(case["y"])
    return Perceptrons(case["widths"], "tanh"), parameters, x, y


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: "-".join(map(str, case["widths"])))
def test_curvature_agrees_with_curvlinops(case: dict[str, Any]) -> None:
    networks, parameters, x, y = network(case)
    ggn, empirical, hessian = (
        torch.tensor(case[name], dtype=torch.float64) for name in ("ggn", "empirical", "hessian")
    )
    factor = geometry.fisher_factor(networks, parameters, x)[0]
    torch.testing.assert_close(factor.T @ factor, ggn, rtol=0, atol=1e-12)
    torch.testing.assert_close(geometry.hessian(networks, parameters, x, y), hessian, rtol=0, atol=1e-12)
    ours = geometry.log_det(geometry.gradient_gram(networks, parameters, x, y[None]), 0.5)[0]
    theirs = torch.linalg.slogdet(torch.eye(len(ggn), dtype=torch.float64) + 0.5 * empirical)[1]
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def test_the_golden_networks_are_deep_and_their_matrices_differ() -> None:
    assert [case["widths"] for case in GOLDEN["cases"]] == [[2, 3, 3], [3, 2, 2, 4]]
    for case in GOLDEN["cases"]:
        ggn, empirical, hessian = (torch.tensor(case[name]) for name in ("ggn", "empirical", "hessian"))
        assert min((ggn - hessian).abs().max(), (ggn - empirical).abs().max()) > 0.1
