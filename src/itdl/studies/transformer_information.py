"""Experiments of chapter 14 on trained transformers: their attention over training, and what their streams know.

A unit trains `models` networks at once; each has its own start and its own data. Training is in single precision,
reading in double. Everything in nats.

Sources: olsson2022context (induction heads), zhai2023stabilizing (attention entropy over training).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import digamma
from torch import Tensor

from itdl import attention, residual_information, rng, training
from itdl.checks import Array
from itdl.networks import Parameters
from itdl.numerics import log_mean_exp
from itdl.studies.successors import Successors
from itdl.sweep import Result
from itdl.transformers import Decoders, Trace

__all__ = ["NAME", "crossing", "head_readings", "induction", "memorising", "token_information"]

NAME = "transformer information"
SOURCE = Successors(vocabulary=8, length=33, jump=0.1)
READ, DRAWS = 96, 4  # sequences on which attention is read, noisy copies of each stream


def induction(
    *, seed: int, models: int, layers: int, width: int, heads: int, steps: int, batch: int, rate: float, count: int,
    information: int = 1024, noise: float = 2.0, probe: float = 0.003,
) -> Result:  # fmt: skip
    """Transformers of attention alone on `SOURCE`, read at `count` + 1 steps `at`, (E,).

    `excess`, (M, E, T): loss above the best prediction at each place. Of each head, (M, E, L, H): `entropy` of its rows
    from the tenth on, mean; `bound` and `spectral`, lower bounds for it from the length of the logits and from norms of
    the weights; `previous` and `induction`, its weight on the token before and on tokens that followed an earlier
    occurrence of the present one, where there are any. `slack`, (M, E): the smallest entropy less its bound. Of the
    first network, `maps` (E, L, H, T, T) of one sequence. `best`, (T,): surprisal of the best prediction.
    At the end, what the stream of the last token knows about the token before, itself and the next: `known`, (M, L + 1,
    3), with noise in units of the stream's own deviation, `known_fixed` of the embedding's, `chance`, (M, L + 1), of
    labels dealt at random; and what `_local` finds.
    """
    net = Decoders(SOURCE.vocabulary, SOURCE.length - 1, width, heads, layers, hidden=0)
    kept = [0, *np.unique(np.geomspace(max(1, steps / 50), steps, count).round().astype(int)).tolist()]
    tokens = SOURCE.draw(READ, rng.torch_stream(seed, NAME, "read"))
    best = torch.as_tensor(SOURCE.surprisals(tokens))
    readings: list[Result] = []
    maps = []
    for _, parameters in _trained(net, seed, models, steps, batch, rate, kept):
        doubled = [p.double() for p in parameters]
        seen = net.trace(doubled, tokens[:, :-1])
        loss = -torch.log_softmax(seen.logits, dim=-1).gather(-1, tokens[None, :, 1:, None].expand(models, -1, -1, 1))
        excess: Result = {"excess": (loss[..., 0] - best).mean(dim=1).numpy()}
        maps.append(np.stack([torch.softmax(scores[0, 0], dim=-1).numpy() for scores in seen.scores]))
        readings.append(excess | head_readings(net, doubled, seen, SOURCE.answers(tokens[:, :-1])))
    made: Result = {name: np.stack([np.asarray(r[name]) for r in readings], axis=1) for name in readings[0]}
    made |= {"at": np.array(kept, dtype=float), "maps": np.stack(maps), "best": best.mean(dim=0).numpy()}
    return made | _streams(net, doubled, seed, information, noise) | _local(net, doubled, seed, probe)


def memorising(
    *, seed: int, models: int, width: int, heads: int, steps: int, rate: float, n: int, noises: list[float], count: int
) -> Result:
    """Two-layer transformers that see `n` sequences only, with noise of each size in their stream in training.

    -> `at` (E,), `train` and `test` (S, M, E): loss above the best prediction without noise, mean over all places.
    """
    net = Decoders(SOURCE.vocabulary, SOURCE.length - 1, width, heads, 2)
    kept = [0, *np.unique(np.geomspace(max(1, steps / 30), steps, count).round().astype(int)).tolist()]
    sets = [SOURCE.draw(n, rng.torch_stream(seed, NAME, "few", m)) for m in range(models)]
    few, new = torch.stack(sets), SOURCE.draw(512, rng.torch_stream(seed, NAME, "new"))
    bests = np.stack([SOURCE.surprisals(s).mean() for s in sets]), SOURCE.surprisals(new).mean()
    made: dict[str, list[list[Array]]] = {"train": [], "test": []}
    shape = (models, n, SOURCE.length - 1, width)
    for noise in noises:
        starts = [rng.torch_stream(seed, NAME, "few start", m) for m in range(models)]
        shaken = rng.torch_stream(seed, NAME, "shaken", str(noise))

        def loss(parameters: Parameters, _: int, size: float = noise, draws: torch.Generator = shaken) -> Tensor:
            added = [size * torch.randn(shape, generator=draws) for _ in range(3)] if size else None
            return net.surprisals(parameters, few, added).mean(dim=(1, 2))

        curve: dict[str, list[Array]] = {"train": [], "test": []}
        run = training.adamw(loss, net.initialise(starts), steps=steps, rate=rate, warm_up=steps // 20, keep=kept)
        for _, parameters in run:
            for values, data, best in zip(curve.values(), (few, new), bests, strict=True):
                with torch.no_grad():
                    values.append(net.surprisals(parameters, data).mean(dim=(1, 2)).numpy() - best)
        for name, values in curve.items():
            made[name].append(values)
    result: Result = {name: np.array(rows).swapaxes(1, 2) for name, rows in made.items()}
    return result | {"at": np.array(kept, dtype=float)}


def crossing(at: np.ndarray, values: Array, share: float) -> Array:
    """Step at which a curve has come `share` of the way from its start to its end, first time.   values (M, E) -> (M,).

    Between readings the logarithm of the step is interpolated; 0 counts as half of the next reading. A curve that ends
    where it started gets there at its last reading.
    """
    log, m = np.log(np.maximum(at, at[1] / 2)), np.arange(len(values))
    moved = values - values[:, :1]
    done = np.divide(moved, moved[:, -1:], out=np.zeros_like(values), where=moved[:, -1:] != 0)
    done[:, -1] = 1
    i = np.maximum((done >= share).argmax(axis=1), 1)
    part = (share - done[m, i - 1]) / (done[m, i] - done[m, i - 1])
    return np.asarray(np.exp(log[i - 1] + np.clip(part, 0, 1) * (log[i] - log[i - 1])))


def token_information(h: Array, labels: np.ndarray, noise: float, generator: np.random.Generator) -> float:
    """I(label; h + noise xi) by sampling, all rows of h (N, d) equally likely.

    Given the label, z has the density of the mixture over its own rows, else over all: E log p(z|label)/p(z), exact
    but for the `DRAWS` z from each row.
    """
    own = labels[:, None] == labels[None]
    share = np.log(own.mean(axis=1))
    found = []
    for _ in range(DRAWS):
        logs = -_squares(h + noise * generator.standard_normal(h.shape), h) / (2 * noise**2)
        inside = log_mean_exp(np.where(own, logs, -np.inf), axis=1) - share
        found.append(float((inside - log_mean_exp(logs, axis=1)).mean()))
    return float(np.mean(found))


def _squares(x: Array, y: Array) -> Array:
    """Squared distances of all pairs of rows."""
    return np.asarray((x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T)


def _trained(
    net: Decoders, seed: int, models: int, steps: int, batch: int, rate: float, keep: list[int]
) -> Iterator[tuple[int, Parameters]]:
    starts, data = ([rng.torch_stream(seed, NAME, name, m) for m in range(models)] for name in ("start", "data"))

    def loss(parameters: Parameters, _: int) -> Tensor:
        return net.surprisals(parameters, torch.stack([SOURCE.draw(batch, g) for g in data])).mean(dim=(1, 2))

    options = {"steps": steps, "rate": rate, "warm_up": steps // 20, "clip": 1.0}
    return training.adamw(loss, net.initialise(starts), keep=keep, **options)  # type: ignore[arg-type]


def head_readings(net: Decoders, parameters: Parameters, seen: Trace, answers: Tensor) -> Result:
    """Readings of every head, (M, L, H), from rows with ten tokens or more, as in `induction`; and `slack`, (M,)."""
    length = seen.scores[0].shape[-1]
    rows = torch.arange(9, length)
    known = answers.any(dim=-1)
    _, layers, _ = net.split(parameters)
    found: dict[str, list[Array]] = {name: [] for name in ("entropy", "bound", "spectral", "previous", "induction")}
    slack = []
    for layer, scores, stream in zip(layers, seen.scores, seen.streams, strict=False):
        weights = torch.softmax(scores, dim=-1)
        entropies, bounds = attention.entropy_of_scores(scores.numpy()), attention.bound_of_scores(scores.numpy())
        slack.append((entropies - bounds).min(axis=(1, 2, 3)))
        looks = (weights * answers[:, None]).sum(dim=-1) * known[:, None]
        found["entropy"].append(entropies[..., 9:].mean(axis=(1, 3)))
        found["bound"].append(bounds[..., 9:].mean(axis=(1, 3)))
        found["spectral"].append(_spectral(net, layer, stream, rows))
        found["previous"].append(weights[..., rows, rows - 1].mean(dim=(1, 3)).numpy())
        found["induction"].append((looks.sum(dim=(1, 3)) / known.sum()).numpy())
    return {name: np.stack(values, axis=1) for name, values in found.items()} | {"slack": np.min(slack, axis=0)}


def _spectral(net: Decoders, layer: Parameters, stream: Tensor, rows: Tensor) -> Array:
    """The paper's bound, from |W_K W_Q^T| |X X^T| of what the layer reads; mean over sequences and rows, (M, H)."""
    gain, qkv = layer[0].numpy(), layer[1].numpy()
    x = torch.nn.functional.layer_norm(stream, stream.shape[-1:]).numpy() * gain[:, None, None]
    m, d = gain.shape
    q, k, _ = qkv.reshape(m, d, 3, net.heads, -1).transpose(2, 0, 3, 1, 4)
    w = q @ k.swapaxes(-1, -2) / (d // net.heads) ** 0.5
    sigma = np.stack([attention.spectral_length(x, w[:, None, h]) for h in range(net.heads)], axis=-1)
    tokens = rows.numpy() + 1.0
    return np.asarray(attention.entropy_bound(sigma[..., None], tokens).mean(axis=(1, 3)))


def _streams(net: Decoders, parameters: Parameters, seed: int, n: int, noise: float) -> Result:
    """What the stream of the last token knows about tokens when noise is added, on `n` sequences."""
    tokens = SOURCE.draw(n, rng.torch_stream(seed, NAME, "streams"))
    streams = [stream[:, :, -1].numpy() for stream in net.trace(parameters, tokens[:, :-1]).streams]
    labels = tokens[:, -3:].numpy().T
    dealt = rng.stream(seed, NAME, "dealt").permutation(labels[1])
    known, fixed = np.empty((2, len(parameters[0]), len(streams), 3))
    chance = np.empty(known.shape[:2])
    for m in range(len(known)):
        sizes = [noise * float(stream[m].std(axis=0).mean()) for stream in streams]
        for layer, stream in enumerate(streams):
            draws = rng.stream(seed, NAME, "noise", m, layer)
            known[m, layer] = [token_information(stream[m], y, sizes[layer], draws) for y in labels]
            fixed[m, layer] = [token_information(stream[m], y, sizes[0], draws) for y in labels]
            chance[m, layer] = token_information(stream[m], dealt, sizes[layer], draws)
    return {"known": known, "known_fixed": fixed, "chance": chance}


def _local(net: Decoders, parameters: Parameters, seed: int, probe: float, samples: int = 8000) -> Result:
    """I(x; stream) for a Gaussian shift x of the embedding of eight tokens, with as much noise after every layer.

    Shift and noise have deviation `probe`, so that layers act on them as their Jacobians do: `local` is the whitened
    recursion with these, `local_branch` the same with the skips left out; `sampled` the Gaussian information of the
    empirical covariance, at the last layer. One sequence; (M, L + 1), (M, L + 1), (M,).
    """
    tokens = SOURCE.draw(1, rng.torch_stream(seed, NAME, "local"))
    embeddings, layers, _ = net.split(parameters)
    with torch.no_grad():
        x = net.embed(embeddings, tokens[:, :8])
    models, size = len(x), x[0].numel()
    shape = (models, samples, *x.shape[2:])
    draws = rng.torch_stream(seed, NAME, "local noise")
    shift = torch.randn(shape, generator=draws, dtype=x.dtype)
    state = x + probe * (shift + torch.randn(shape, generator=draws, dtype=x.dtype))
    maps = []
    for layer in layers:
        maps.append(_jacobian(net, layer, x))
        with torch.no_grad():
            x, state = net.step(layer, x), net.step(layer, state)
            state = state + probe * torch.randn(shape, generator=draws, dtype=x.dtype)
    stacked = np.stack(maps, axis=1)
    made = {"local": stacked, "local_branch": stacked - net.skip * np.eye(size)}
    found: Result = {name: residual_information.chain_information(m, 1.0) for name, m in made.items()}
    joint = [torch.cat([s.flatten(1), h.flatten(1)], dim=1).numpy() for s, h in zip(shift, state, strict=True)]
    return found | {"sampled": np.array([_gaussian(j, size) for j in joint])}


def _jacobian(net: Decoders, layer: Parameters, x: Tensor) -> Array:
    """Of one layer at the stream x (M, 1, T, width), for each model.   -> (M, T width, T width)."""
    at = x.detach().requires_grad_()
    # The outputs of one model depend on its own stream alone, so that their sum over models has all Jacobians.
    outputs = net.step(layer, at).sum(dim=0).flatten()
    rows = [torch.autograd.grad(out, at, retain_graph=True)[0].flatten(1) for out in outputs]
    return np.asarray(torch.stack(rows, dim=1).numpy())


def _gaussian(joint: Array, n_x: int) -> float:
    """Gaussian information of samples (N, n_x + n_y) from log det of covariances, freed of its bias.

    log det of a covariance of p variables from N - 1 = n degrees of freedom is too small by sum_i log(n/2) -
    digamma((n - i)/2), i = 0..p-1, for Gaussian samples, whatever the covariance.
    """
    n = len(joint) - 1

    def corrected(block: Array) -> float:
        i = np.arange(block.shape[1])
        return float(np.linalg.slogdet(np.cov(block.T))[1] + (np.log(n / 2) - digamma((n - i) / 2)).sum())

    return 0.5 * (corrected(joint[:, :n_x]) + corrected(joint[:, n_x:]) - corrected(joint))
