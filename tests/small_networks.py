"""Two small networks of one architecture and a few points for them, in double precision, for tests of curvature."""

import torch

from itdl import rng
from itdl.networks import Parameters, Perceptrons

NETWORKS = Perceptrons([3, 4, 5, 3], "tanh")


def start(networks: Perceptrons = NETWORKS, models: int = 2) -> Parameters:
    streams = [rng.torch_stream(1, "small network", i) for i in range(models)]
    g = rng.torch_stream(2, "biases")
    made = networks.initialise(streams, dtype=torch.float64)
    return [p + 0.3 * torch.randn(p.shape, generator=g, dtype=torch.float64) for p in made]


def points(n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    g = rng.torch_stream(3, "points")
    return torch.randn(n, 3, generator=g, dtype=torch.float64), torch.randint(0, 3, (2, n), generator=g)
