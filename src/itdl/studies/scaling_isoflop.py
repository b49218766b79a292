"""IsoFLOP runs of chapter 15: transformers of many sizes, one budget of operations each, on a source of known entropy.

One unit is one size at one budget, so that a sweep of them resumes where it stopped and spreads over processes or a
cluster; with `device="auto"` it trains on an accelerator where there is one. The stream is drawn while it is trained
on, as uniform numbers of the processor, so that no budget needs more memory and every device sees the same symbols.

Source: hoffmann2022training, approach 2, in small; pearce2024reconciling (what is counted).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from itdl import rng
from itdl.checks import Array, BadInput
from itdl.networks import Parameters
from itdl.scaling.power_laws import FLOPS, parabola
from itdl.sources import BilinearMarkov
from itdl.studies.scaling_laws import learning_rate
from itdl.sweep import Result
from itdl.training import adamw
from itdl.transformers import Decoders

__all__ = ["best_size", "isoflop", "walk"]

NAME = "isoflop"
HELD = 256  # held-out contexts
WARM_UP = 10  # one step in so many
LEAST_STEPS = 2


def isoflop(
    *, seed: int, models: int, width: int, compute: float, vocabulary: int, gamma: float, scale: float, context: int,
    batch: int, device: str = "cpu",
) -> Result:  # fmt: skip
    """`models` transformers of one layer and one head, each with its own source, start and stream, D = C/(6 N) symbols.

    N counts all parameters and `compute` is C, of each model. -> `excess` (models,), the exact conditional KL on
    held-out contexts, nats; `n_params`, `n_inner` (without embeddings and read-out), `n_tokens`, as trained.
    """
    place = _device(device)
    decoder = Decoders(vocabulary=vocabulary, context=context, width=width, heads=1, layers=1)
    steps = round(compute / (FLOPS * decoder.count() * batch * context))
    if steps < LEAST_STEPS:
        raise BadInput(
            f"compute {compute:g} buys {steps} steps at width {width}; take a larger budget, a smaller width or batch"
        )
    sources = [
        BilinearMarkov.draw(rng.stream(seed, NAME, "source", i), vocabulary=vocabulary, gamma=gamma, scale=scale)
        for i in range(models)
    ]
    first, moves = (
        torch.as_tensor(np.stack(x)).cumsum(dim=-1).float().to(place)
        for x in ([s.stationary for s in sources], [s.transition for s in sources])
    )
    streams = [rng.torch_stream(seed, NAME, "stream", i, width, str(compute)) for i in range(models)]
    starts = [rng.torch_stream(seed, NAME, "start", i, width) for i in range(models)]

    def loss(parameters: Parameters, _: int) -> Tensor:
        draws = torch.stack([torch.rand(batch, context + 1, generator=g) for g in streams]).to(place)
        return decoder.surprisals(parameters, walk(first, moves, draws)).mean(dim=(1, 2))

    start = [p.to(place) for p in decoder.initialise(starts)]
    options = {"steps": steps, "rate": learning_rate(width), "warm_up": steps // WARM_UP, "clip": 1.0}
    (_, end), = adamw(loss, start, keep=[steps], **options)  # type: ignore[arg-type]  # fmt: skip
    held = np.stack([s.sample(rng.stream(seed, NAME, "held", i), context, HELD) for i, s in enumerate(sources)])
    with torch.no_grad():
        logits = decoder.forward([p.double() for p in end], torch.from_numpy(held).to(place))
        q = torch.log_softmax(logits, dim=-1).cpu().numpy()
    p = np.stack([s.conditional(x) for s, x in zip(sources, held, strict=True)])
    return {
        "excess": (p * (np.log(p) - q)).sum(axis=-1).mean(axis=(1, 2)),
        "n_params": float(decoder.count()),
        "n_inner": float(decoder.count(embeddings=False)),
        "n_tokens": float(steps * batch * context),
    }


def walk(first: Tensor, moves: Tensor, draws: Tensor) -> Tensor:
    """Paths of M chains from uniform numbers, by inverting cumulated probabilities.

    first (M, V) and moves (M, V, V) are cumulated along their last axis, draws (M, B, T) -> symbols (M, B, T).
    """
    model = torch.arange(len(first), device=first.device)[:, None]
    last = first.shape[-1] - 1
    path = [torch.searchsorted(first, draws[..., 0].contiguous()).clamp_max(last)]
    for t in range(1, draws.shape[-1]):
        rows = moves[model, path[-1]]
        path.append(torch.searchsorted(rows, draws[..., t, None].contiguous())[..., 0].clamp_max(last))
    return torch.stack(path, dim=-1)


def best_size(n: Array, loss: Array) -> Array:
    """N of the smallest loss of each budget, refined by the parabola in ln N through it and its two neighbours.

    At an end of the grid it is that end.   n (W,) growing, loss (..., W) -> (...).
    """
    log_n, at = np.log(n), loss.argmin(axis=-1)
    inside = np.clip(at, 1, len(n) - 2)[..., None] + np.arange(-1, 2)
    ends = (at == 0) | (at == len(n) - 1)
    # A row whose minimum lies at an end may bend downwards: it is replaced by one that does not, and not used.
    rows = np.where(ends[..., None], [1.0, 0.0, 1.0], np.take_along_axis(loss, inside, axis=-1))
    return np.asarray(np.exp(np.where(ends, log_n[at], parabola(log_n[inside], rows)[0])))


def _device(name: str) -> torch.device:
    if name not in ("cpu", "auto"):
        raise BadInput(f"device is {name!r}; known are cpu and auto")
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else "cpu")
