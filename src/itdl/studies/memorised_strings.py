"""Experiments of chapter 02 on random strings: how many nats of them a small transformer can hold.

Strings are T symbols, each evenly one of V, after a common first token; nothing in them can be predicted but what was
seen. `models` transformers, each with strings and start of its own, are trained at once, on all strings in every step:
in single precision, and read in double.

Source: morris2025memorize (uniform strings, so that nothing generalises).
"""

from __future__ import annotations

import torch
from torch import Tensor

from itdl import rng, training
from itdl.networks import Parameters
from itdl.sweep import Result
from itdl.transformers import Decoders

__all__ = ["LENGTH", "NAME", "VOCABULARY", "parameters", "transformers"]

NAME = "memorised strings"
VOCABULARY, LENGTH = 32, 8


def parameters(width: int, layers: int = 1) -> int:
    """All parameters of a transformer of this page, embeddings and read-out among them."""
    return Decoders(VOCABULARY, LENGTH, width, 1, layers).count()


def transformers(
    *, seed: int, models: int, width: int, layers: int, strings: int, steps: int, rate: float, heads: int = 1
) -> Result:  # fmt: skip
    """Transformers trained by AdamW on so many strings.

    -> `weights`, the number of parameters, all counted; of each model, (M,): `loss` of a symbol of the strings it saw,
    mean cross-entropy in nats, and `other` of as many strings it did not see.
    """
    net = Decoders(VOCABULARY, LENGTH, width, heads, layers)
    streams = [rng.torch_stream(seed, NAME, "strings", strings, m) for m in range(models)]
    seen, other = (torch.stack([_strings(strings, g) for g in streams]) for _ in range(2))
    starts = [rng.torch_stream(seed, NAME, "start", width, layers, strings, m) for m in range(models)]

    def loss(parameters: Parameters, _: int) -> Tensor:
        return net.surprisals(parameters, seen).mean(dim=(1, 2))

    start = net.initialise(starts)
    ((_, end),) = training.adamw(loss, start, steps=steps, rate=rate, warm_up=steps // 20, keep=[steps])
    end = [p.double() for p in end]
    with torch.no_grad():
        losses = {name: net.surprisals(end, x).mean(dim=(1, 2)) for name, x in (("loss", seen), ("other", other))}
    return {"weights": float(net.count()), **{name: values.numpy() for name, values in losses.items()}}


def _strings(n: int, generator: torch.Generator) -> Tensor:
    """The common first token, then T symbols.   -> (n, T + 1)."""
    symbols = torch.randint(VOCABULARY, (n, LENGTH), generator=generator)
    return torch.cat([torch.zeros(n, 1, dtype=torch.long), symbols], dim=1)
