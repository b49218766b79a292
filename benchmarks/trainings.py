"""Contenders for training n small transformers: ours all at once or one by one, the peer as plain modules in a loop.

The peer is written from the published architecture (a pre-LN decoder without biases) as practitioners write it, one
torch module per model with torch's own AdamW (fused), clipping and schedule. Every model has the same start and the
same batches on all sides, so that final losses differ by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import cos, pi
from typing import Any

import numpy as np

VOCABULARY, CONTEXT, BATCH, HEADS = 64, 32, 16, 2
RATE, CLIP, HELD = 0.005, 1.0, 256
SEED = 1


@dataclass(frozen=True)
class Trainings:
    """n models of one layer on streams of a Markov source of 64 symbols."""

    n: int
    width: int
    steps: int
    times: int = 0

    @property
    def setting(self) -> str:
        return f"width {self.width}, {self.steps} steps"

    @property
    def tokens(self) -> int:
        """Predicted symbols of all models together."""
        return self.n * self.steps * BATCH * CONTEXT

    @cache  # noqa: B019  the contender's process has one problem
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Sequences of each model, (n, steps, batch, context + 1), and held-out ones of all, (held, context + 1)."""
        from itdl.sources import BilinearMarkov

        rng = np.random.default_rng(SEED)
        source = BilinearMarkov.draw(rng, vocabulary=VOCABULARY, gamma=1.0, scale=1.0)
        paths = source.sample(rng, CONTEXT + 1, chains=self.n * self.steps * BATCH)
        return paths.reshape(self.n, self.steps, BATCH, -1), source.sample(rng, CONTEXT + 1, chains=HELD)

    def model(self) -> Any:
        """Our architecture, and one start per model."""
        import torch

        from itdl.transformers import Decoders

        decoder = Decoders(VOCABULARY, CONTEXT, self.width, HEADS, 1)
        return decoder, decoder.initialise([torch.Generator().manual_seed(m) for m in range(self.n)])


def _ours(problem: Trainings, together: int) -> Callable[[], np.ndarray]:
    """`together` models in a pass."""
    import torch

    from itdl.training import adamw

    sequences, held = (torch.from_numpy(x) for x in problem.data())
    decoder, start = problem.model()

    def trained(models: slice) -> np.ndarray:
        streams = sequences[models].unbind(1)
        (_, end), = adamw(
            lambda p, step: decoder.surprisals(p, streams[step - 1]).mean(dim=(1, 2)),
            [p[models] for p in start], steps=problem.steps, rate=RATE, keep=[problem.steps], clip=CLIP,
        )  # fmt: skip
        with torch.no_grad():
            return decoder.surprisals(end, held).mean(dim=(1, 2)).numpy()

    parts = [slice(i, i + together) for i in range(0, problem.n, together)]
    return lambda: np.concatenate([trained(models) for models in parts])


def _peer(problem: Trainings) -> Callable[[], np.ndarray]:
    import torch
    from torch import nn
    from torch.nn import functional

    d = problem.width

    class Decoder(nn.Module):
        """Embedding, one pre-LN block, norm, read-out."""

        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(VOCABULARY, d), nn.Embedding(CONTEXT, d)
            self.norm, self.norm_mlp, self.norm_out = (nn.LayerNorm(d, bias=False) for _ in range(3))
            self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
            self.inside, self.outside = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)
            self.readout = nn.Linear(d, VOCABULARY, bias=False)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            """Mean of -log p of all tokens but the first."""
            given, wanted = tokens[:, :-1], tokens[:, 1:]
            x = self.words(given) + self.places.weight[: given.shape[1]]
            shape = (*given.shape, HEADS, d // HEADS)
            q, k, v = (part.view(shape).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, dim=-1))
            heard = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(heard.transpose(1, 2).flatten(2))
            x = x + self.outside(functional.gelu(self.inside(self.norm_mlp(x))))
            return functional.cross_entropy(self.readout(self.norm_out(x)).flatten(0, 1), wanted.flatten())

    def built(m: int) -> Decoder:
        """With the start of our model m; a linear layer keeps its matrix transposed."""
        net = Decoder()
        places = (
            *(net.words, net.places, net.norm, net.qkv, net.out),
            *(net.norm_mlp, net.inside, net.outside, net.norm_out, net.readout),
        )
        with torch.no_grad():
            for layer, p in zip(places, start, strict=True):
                layer.weight.copy_(p[m].T if isinstance(layer, nn.Linear) else p[m])
        return net

    def trained(m: int) -> float:
        net = built(m)
        optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
        for step, batch in enumerate(sequences[m]):
            for group in optimiser.param_groups:
                group["lr"] = RATE * cos(pi / 2 * step / problem.steps) ** 2
            optimiser.zero_grad(set_to_none=True)
            net(batch).backward()
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimiser.step()
        with torch.no_grad():
            return float(net(held))

    sequences, held = (torch.from_numpy(x) for x in problem.data())
    _, start = problem.model()
    return lambda: np.array([trained(m) for m in range(problem.n)])


BUILDERS: dict[str, Callable[[Trainings], Callable[[], np.ndarray]]] = {
    "ours: trainings, together": lambda p: _ours(p, p.n),
    "ours: trainings, one by one": lambda p: _ours(p, 1),
    "peer: trainings, plain modules": _peer,
}
