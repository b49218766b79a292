"""The training runs of chapter 15: models of many sizes on sources of known entropy and on text, each its own schedule.

Every unit trains its models together and lets the learning rate fall to zero at the end of its own run, so that no loss
is that of a run cut short. Where the source is known, the excess is the exact conditional KL.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from itdl import rng
from itdl.bilinear import BilinearTables
from itdl.checks import Array
from itdl.networks import Parameters
from itdl.sources import BilinearMarkov
from itdl.studies import scaling_compression
from itdl.sweep import Result
from itdl.text import ALPHABET, docstrings
from itdl.training import adamw
from itdl.transformers import Decoders

__all__ = ["bilinear", "decoders", "known", "learning_rate", "online", "text"]

RATE, FITS = 0.01, 8  # learning rate of a transformer up to this width; beyond, less by the root of the ratio
CODED, BACK = 32_768, 2048  # symbols that are coded, and that are read back
PAIRS = 200_000  # fresh pairs of symbols that a trained table is tried on
HELD = 64  # held-out sequences
WARM_UP = 10  # one step in so many


def known(seed: int, index: int, vocabulary: int, gamma: float, scale: float) -> BilinearMarkov:
    """The source of repetition `index`."""
    draw = rng.stream(seed, "scaling laws", "source", index, vocabulary)
    return BilinearMarkov.draw(draw, vocabulary=vocabulary, gamma=gamma, scale=scale)


def bilinear(
    *, seed: int, index: int, vocabulary: int, gamma: float, scale: float, ranks: list[int], steps: int, rate: float
) -> Result:
    """All ranks at once on the whole joint distribution of neighbours.

    `excess` and second-order `prediction` (ranks,) in nats, `n_params` (ranks,), `entropy` of the source; and the mean
    loss on PAIRS fresh pairs less entropy and excess, or less the entropy alone, in standard errors: `identity`, `gap`.
    """
    source, tables = known(seed, index, vocabulary, gamma, scale), BilinearTables(vocabulary, ranks)
    draw = rng.stream(seed, "scaling laws", "fresh pairs", index)
    joint = torch.from_numpy(source.stationary[:, None] * source.transition).float()
    start = tables.initialise(rng.torch_stream(seed, "scaling laws", "tables", index, vocabulary))

    def loss(parameters: Parameters, step: int) -> Tensor:
        return tables.population_loss(parameters, joint)

    (_, end), = adamw(loss, start, steps=steps, rate=rate, keep=[steps])  # fmt: skip
    excess, (x, y) = _table_excess(source, tables, end), source.sample(draw, 2, chains=PAIRS).T
    paid = -torch.log_softmax(tables.logits(end).double(), dim=-1).numpy()[:, x, y]
    errors = paid.std(axis=1) / PAIRS**0.5
    return {
        "excess": excess,
        "identity": (paid.mean(axis=1) - source.entropy() - excess) / errors,
        "gap": (paid.mean(axis=1) - source.entropy()) / errors,
        "prediction": source.rank_excess(ranks),
        "n_params": np.array(tables.count(), dtype=float),
        "entropy": source.entropy(),
    }


def online(
    *, seed: int, index: int, vocabulary: int, gamma: float, scale: float, ranks: list[int], tokens: int, batch: int
) -> Result:
    """All ranks at once on a fresh stream of so many pairs of neighbours, each seen once. Results as in `bilinear`."""
    source, tables = known(seed, index, vocabulary, gamma, scale), BilinearTables(vocabulary, ranks)
    draw = rng.stream(seed, "scaling laws", "stream", index, tokens)
    pairs = torch.split(torch.from_numpy(source.sample(draw, 2, chains=tokens)), batch)
    start = tables.initialise(rng.torch_stream(seed, "scaling laws", "online tables", index, tokens))

    def loss(parameters: Parameters, step: int) -> Tensor:
        return tables.loss(parameters, *pairs[step - 1].T)

    steps = len(pairs)
    (_, end), = adamw(loss, start, steps=steps, rate=0.03, keep=[steps], warm_up=steps // WARM_UP)  # fmt: skip
    n_params = np.array(tables.count(), dtype=float)
    return {"excess": _table_excess(source, tables, end), "n_params": n_params, "entropy": source.entropy()}


def _table_excess(source: BilinearMarkov, tables: BilinearTables, parameters: Parameters) -> Array:
    logits = tables.logits(parameters).double()
    return source.excess(torch.softmax(logits, dim=-1).numpy())


def decoders(
    *,
    seed: int,
    models: int,
    width: int,
    vocabulary: int,
    gamma: float,
    scale: float,
    context: int,
    batch: int,
    steps: int,
) -> Result:
    """`models` transformers of one layer and one head at once, each on the source and the stream of its own index.

    `excess` (models,): the exact conditional KL, averaged over held-out contexts. Also `n_params`, all of them, and
    `n_inner`, those of the layer and the norms. Of a fresh message of each source, (models,): `coded` as in
    `scaling_compression`, and with `best` the rate of the true probabilities, in bits; `more`, what its symbols cost
    beyond these, less the excess, in standard errors, and `more_than_nothing`, with the excess left out.
    """
    decoder = Decoders(vocabulary=vocabulary, context=context, width=width, heads=1, layers=1)
    sources = [known(seed, index, vocabulary, gamma, scale) for index in range(models)]
    draws = [rng.stream(seed, "scaling laws", "decoder stream", index, width) for index in range(models)]
    start = decoder.initialise([rng.torch_stream(seed, "scaling laws", "decoder", i, width) for i in range(models)])
    paths = [s.sample(d, context + 1, chains=batch * steps) for s, d in zip(sources, draws, strict=True)]
    stream = torch.split(torch.from_numpy(np.stack(paths)), batch, dim=1)

    def loss(parameters: Parameters, step: int) -> Tensor:
        return decoder.surprisals(parameters, stream[step - 1]).mean(dim=(1, 2))

    end = _trained(decoder, loss, start, steps)
    held = np.stack([s.sample(d, context, chains=4 * HELD) for s, d in zip(sources, draws, strict=True)])
    with torch.no_grad():
        q = torch.log_softmax(decoder.forward(end, torch.from_numpy(held)).double(), dim=-1).numpy()
    p = np.stack([s.conditional(x) for s, x in zip(sources, held, strict=True)])
    excess = (p * (np.log(p) - q)).sum(axis=-1).mean(axis=(1, 2))
    length = scaling_compression.message_length(CODED // 2, context)
    fresh = [rng.stream(seed, "scaling laws", "message", index) for index in range(models)]
    messages = np.concatenate([s.sample(d, length) for s, d in zip(sources, fresh, strict=True)])
    made = scaling_compression.coded(decoder, end, messages)
    paid, best = np.asarray(made["paid"])[:, 1:], _true_costs(sources, messages)
    beyond, error = (paid - best).mean(axis=1), (paid - best).std(axis=1) / paid.shape[1] ** 0.5
    return {
        "excess": excess,
        "coded": made["coded"],
        "overhead": made["overhead"],
        "best": best.mean(axis=1),
        "more": (beyond - excess / np.log(2)) / error,
        "more_than_nothing": beyond / error,
        **_counts(decoder),
    }


def _true_costs(sources: list[BilinearMarkov], messages: np.ndarray) -> Array:
    """-log2 p of every symbol but the first, (M, n - 1)."""
    pairs = zip(sources, messages, strict=True)
    return np.asarray(-np.log2(np.stack([source.transition[x[:-1], x[1:]] for source, x in pairs])))


def text(*, seed: int, models: int, width: int, tokens: int, context: int, batch: int) -> Result:
    """`models` character-level transformers at once, each on its own stretches of docstrings, none seen twice by plan.

    `loss` (models,): nats per character of the same held-out stretches, and the parameters as in `decoders`. Of the
    first CODED held-out characters as a message what `scaling_compression.coded` says, `coded`, `ideal`, `overhead` and
    `whole`; of BACK of them what `returned` says.
    """
    decoder = Decoders(vocabulary=len(ALPHABET), context=context, width=width, heads=max(1, width // 16), layers=1)
    docs, steps = docstrings(), tokens // (batch * context)
    train, held = torch.from_numpy(docs.train), torch.from_numpy(docs.test)
    draws = [rng.stream(seed, "scaling laws", "text", index, width, tokens) for index in range(models)]
    places = [d.permutation(len(train) // context - 1)[: batch * steps] * context for d in draws]
    stream = torch.split(torch.from_numpy(np.stack(places)), batch, dim=1)
    window = torch.arange(context + 1)
    names = [("scaling laws", "text model", index, width) for index in range(models)]

    def loss(parameters: Parameters, step: int) -> Tensor:
        return decoder.surprisals(parameters, train[stream[step - 1][..., None] + window]).mean(dim=(1, 2))

    end = _trained(decoder, loss, decoder.initialise([rng.torch_stream(seed, *name) for name in names]), steps)
    starts = torch.linspace(0, len(held) - context - 1, 8 * HELD).long()
    with torch.no_grad():
        parts = [decoder.surprisals(end, held[rows[:, None] + window]).double() for rows in torch.split(starts, HELD)]
    message = docs.test[: scaling_compression.message_length(CODED, context)]
    made = scaling_compression.coded(decoder, end, np.tile(message, (models, 1)))
    back = scaling_compression.returned(decoder, end, message[:BACK])
    rates = {name: made[name] for name in ("coded", "ideal", "overhead", "whole")}
    return {"loss": torch.cat(parts, dim=1).mean(dim=(1, 2)).numpy(), **rates, **back, **_counts(decoder)}


def _counts(decoder: Decoders) -> dict[str, float]:
    return {"n_params": float(decoder.count()), "n_inner": float(decoder.count(embeddings=False))}


def _trained(decoder: Decoders, loss: Callable[[Parameters, int], Tensor], start: Parameters, steps: int) -> Parameters:
    options = {"steps": steps, "rate": learning_rate(decoder.width), "warm_up": steps // WARM_UP, "clip": 1.0}
    (_, end), = adamw(loss, start, keep=[steps], **options)  # type: ignore[arg-type]  # fmt: skip
    return end


def learning_rate(width: int) -> float:
    """RATE up to the width FITS; beyond, less by the root of the ratio."""
    return RATE * float(min(1.0, (FITS / width) ** 0.5))
