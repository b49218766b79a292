"""Experiments of chapter 14 on real text: where heads of small transformers look among the characters of docstrings.

A unit trains `models` networks at once, each with its own start and its own stretches of text. Training is in single
precision, reading in double. Everything in nats; readings of heads are those of `transformer_information`.

Sources: zhai2023stabilizing (attention entropy over training), olsson2022context (heads that look back, and learning
from context as the loss that a repetition saves).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from itdl import attention, rng, training
from itdl.checks import Array
from itdl.networks import Parameters
from itdl.studies.successors import Successors
from itdl.studies.transformer_information import head_readings
from itdl.sweep import Result
from itdl.text import ALPHABET, docstrings
from itdl.transformers import Decoders

__all__ = ["letters", "passage", "reading"]

NAME = "transformer text"
READ, REPEATED = 48, 192  # held-out stretches on which attention is read, and that are repeated
RECENT = 4  # characters before the present one
PLACE = 2519  # of the passage shown, among the held-out characters: a word of it comes three times


def reading(
    *, seed: int, models: int, layers: int, width: int, heads: int, context: int, batch: int, steps: int, rate: float,
    count: int,
) -> Result:  # fmt: skip
    """Transformers on characters of docstrings, read at `count` + 1 steps `at`, (E,).

    `loss`, (M, E): nats per character of held-out stretches. `repeated` and `other`, (M, E): loss on a held-out passage
    of half the context when it follows itself, and when it follows another one. Of each head, (M, E, L, H): `entropy`,
    `bound`, `spectral`, `previous` and `induction`, and its weight on the RECENT characters before, `recent`; `slack`,
    (M, E). Of the first network, on `passage` at the end: `maps` (L, H, T, T) and the entropies of their `rows`,
    (L, H, T).
    """
    net = Decoders(len(ALPHABET), context, width, heads, layers)
    docs = docstrings()
    train, held = torch.from_numpy(docs.train), torch.from_numpy(docs.test)
    kept = [0, *np.unique(np.geomspace(max(1, steps / 50), steps, count).round().astype(int)).tolist()]
    starts, draws = ([rng.torch_stream(seed, NAME, name, m) for m in range(models)] for name in ("start", "data"))
    window = torch.arange(context + 1)

    def loss(parameters: Parameters, _: int) -> Tensor:
        places = torch.stack([torch.randint(len(train) - context, (batch, 1), generator=g) for g in draws])
        return net.surprisals(parameters, train[places + window]).mean(dim=(1, 2))

    new = held[torch.linspace(0, len(held) - context - 1, READ).long()[:, None] + window]
    half = held[torch.linspace(0, len(held) - context, REPEATED).long()[:, None] + torch.arange(context // 2)]
    after = {"repeated": torch.cat([half, half], dim=1), "other": torch.cat([half.roll(1, dims=0), half], dim=1)}
    readings: list[Result] = []
    options = {"steps": steps, "rate": rate, "warm_up": steps // 20, "clip": 1.0}
    for _, parameters in training.adamw(loss, net.initialise(starts), keep=kept, **options):  # type: ignore[arg-type]
        doubled = [p.double() for p in parameters]
        with torch.no_grad():
            found: Result = {"loss": net.surprisals(doubled, new).mean(dim=(1, 2)).numpy()}
            for name, text in after.items():
                found[name] = net.surprisals(doubled, text)[..., context // 2 :].mean(dim=(1, 2)).numpy()
            seen = net.trace(doubled, new[:, :-1])
        found["recent"] = np.stack([_recent(torch.softmax(scores, dim=-1)) for scores in seen.scores], axis=1)
        readings.append(found | head_readings(net, doubled, seen, Successors.answers(new[:, :-1])))
    made: Result = {name: np.stack([np.asarray(r[name]) for r in readings], axis=1) for name in readings[0]}
    with torch.no_grad():
        scores = torch.stack(net.trace([p[:1] for p in doubled], torch.from_numpy(passage(context))[None]).scores)[
            :, 0, 0
        ]
    maps = {"maps": torch.softmax(scores, dim=-1).numpy(), "rows": attention.entropy_of_scores(scores.numpy())}
    return made | maps | {"at": np.array(kept, dtype=float)}


def passage(length: int) -> np.ndarray:
    """The symbols of the held-out text that is shown, (length,)."""
    return docstrings().test[PLACE : PLACE + length]


def _recent(weights: Tensor) -> Array:
    """Weight of each head on the RECENT tokens before, rows from the tenth on.   (M, B, H, T, T) -> (M, H)."""
    behind = torch.arange(weights.shape[-1])[:, None] - torch.arange(weights.shape[-1])
    near = (behind >= 1) & (behind <= RECENT)
    return np.asarray((weights * near).sum(dim=-1)[..., 9:].mean(dim=(1, 3)).numpy())


def letters(symbols: np.ndarray) -> list[str]:
    """Characters for the ticks of a map, with marks for the space and the end of a line."""
    return [{" ": "␣", "\n": "⏎"}.get(ALPHABET[i], ALPHABET[i]) for i in symbols]
