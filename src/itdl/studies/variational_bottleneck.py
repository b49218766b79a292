"""Experiments of chapter 08: variational bottlenecks on images, VIB on clean and on noisy labels beside VdualIB.

All models of one unit see the same images in the same order and the same noise, so that what differs between two of
them is the objective or beta. `index` numbers independent repetitions: split, start, order and noise are drawn anew.
Training is in single precision, measuring in double.

Source: piran2020dual; what its abstract leaves open is our choice, and stands in the chapter's parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from itdl import data, estimators, images, label_noise, rng, training
from itdl import variational as v
from itdl.checks import Array, BadInput
from itdl.sweep import Result

__all__ = ["NAME", "OBJECTIVES", "advantage", "plane"]

NAME = "variational bottleneck"
OBJECTIVES = ("VIB, clean labels", "VIB, noisy labels", "VdualIB")
CLASSES = 10


class Task(NamedTuple):
    """Images (n, d) and labels (n,) to train on and to test on."""

    x: Array
    y: np.ndarray
    x_test: Array
    y_test: np.ndarray


def _task(seed: int, index: int, source: str, n: int, m: int) -> Task:
    """n training and m test images of `source`, drawn by index."""
    draw = rng.stream(seed, NAME, "images", index)
    if source == "digits":
        whole = data.digits()
        order = draw.permutation(len(whole.labels))
        train, test = order[:n], order[n : n + m]
        return Task(whole.pixels[train], whole.labels[train], whole.pixels[test], whole.labels[test])
    readers = {"fashion_mnist": images.fashion_mnist, "cifar10": images.cifar10}
    if source not in readers:
        raise BadInput(f"source is {source!r}; known are digits, {' and '.join(readers)}")
    parts = readers[source]()
    train, test = (draw.permutation(len(part.labels))[:k] for part, k in ((parts.train, n), (parts.test, m)))
    return Task(parts.train.pixels[train], parts.train.labels[train], parts.test.pixels[test], parts.test.labels[test])


def _targets(noise: str, level: float, x: Array, y: np.ndarray, draw: np.random.Generator) -> Array:
    """p~(y|x) of the training images: one of the five label-noise models, of strength `level`, (n, K)."""
    if noise == "smoothing":
        return label_noise.smoothing(y, CLASSES, level)
    if noise == "gaussian one-hot":
        return label_noise.gaussian_one_hot(y, CLASSES, level, draw)
    rows, predicted = label_noise.soft_confusion(x, y, CLASSES, draw, strength=level)
    if noise == "confusion":
        return label_noise.confusion(y, rows)
    if noise == "gaussian logits":
        return label_noise.gaussian_logits(y, rows, (rows + rows.T) / 2, draw)
    if noise == "pre-trained":
        return predicted
    raise BadInput(
        f"noise is {noise!r}; known are smoothing, confusion, gaussian one-hot, gaussian logits, pre-trained"
    )


def plane(
    *, seed: int, index: int, prior: str, noise: str, level: float, betas: list[float], source: str, n: int, m: int,
    hidden: list[int], latent: int, epochs: int, batch: int, rate: float, snapshots: list[int], draws: int,
    flipped: float = 0.0, anneal: float = 0.0, shuffled: bool = False, device: str = "cpu",
    objectives: Sequence[str] = OBJECTIVES,
) -> Result:  # fmt: skip
    """The `objectives` at every beta, trained side by side; each result has shape (objectives, betas, snapshots).

    `rate` against the prior ({normal|conditional}), and `rate_sampled` from the very codes of `i_x`, so that the noise
    of sampling cancels in their difference; I(X;Z) of the test images by all pairs, `i_x`, its upper bound
    `i_x_loo`, and its part `i_x_given_y`; bounds on I(Y;Z): `i_y` by the trained decoder, `i_y_calibrated` with its
    logits scaled to fit the other half of the test images; `i_yh` = I(Z;Yh), `i_yh_printed` = log K - E D[q || p~];
    errors of the decoder at the mean code, on clean labels and on labels of which a share `flipped` is drawn at random.
    That share is drawn in training too. With `shuffled`, training labels are dealt out at random. `anneal` above zero
    starts at that beta and reaches the final one half way.
    """
    task = _task(seed, index, source, n, m)
    draw = rng.stream(seed, NAME, "labels", index)
    flips = label_noise.smoothing(np.arange(CLASSES), CLASSES, flipped)
    seen, seen_test = (label_noise.corrupt(y, flips, draw) for y in (task.y, task.y_test))
    if shuffled:
        draw.shuffle(seen)
    noisy = _targets(noise, level, task.x, seen, draw)
    if prior not in ("normal", "conditional"):
        raise BadInput(f"prior is {prior!r}; known are normal and conditional")
    networks = v.VariationalNetworks(task.x.shape[1], hidden, latent, CLASSES, prior == "conditional")
    put = _placement(device)
    kinds = torch.tensor([OBJECTIVES.index(o) for o in objectives], device=put["device"]).repeat_interleave(len(betas))
    models = len(kinds)
    start = networks.initialise(1, rng.torch_stream(seed, NAME, "start", index))
    start = [p.expand(models, *p.shape[1:]).to(**put) for p in start]
    targets = torch.tensor(np.stack([np.eye(CLASSES)[seen], noisy]), **put)
    x, y = torch.tensor(task.x, **put), torch.tensor(seen, device=put["device"])
    schedule = _schedule(torch.tensor(betas, **put).repeat(len(objectives)), anneal, epochs * -(-n // batch))
    loss = _loss(networks, x, y, targets, kinds, schedule, rng.torch_stream(seed, NAME, "noise", index))
    orders = [rng.torch_stream(seed, NAME, "order", index) for _ in range(models)]  # one and the same
    made = training.adam(loss, start, orders, n=n, batch=batch, epochs=epochs, rate=rate, keep=snapshots)
    fine = put | {"dtype": torch.float64}
    x_test, y_test = torch.tensor(task.x_test, **fine), torch.tensor(task.y_test, device=put["device"])
    eps = torch.randn((draws, len(x_test), latent), generator=rng.torch_stream(seed, NAME, "test", index)).to(**fine)
    labels = y_test, torch.tensor(seen_test).to(y_test)
    found = [_measure(networks, [q.to(**fine) for q in p], x_test, *labels, eps) for _, p in made]
    shape = (len(objectives), len(betas), len(found))
    return {name: np.stack([f[name] for f in found], axis=-1).reshape(shape) for name in found[0]}


def _placement(device: str) -> dict[str, Any]:
    """Single precision, on the processor; with `auto` on an accelerator where there is one."""
    if device not in ("cpu", "auto"):
        raise BadInput(f"device is {device!r}; known are cpu and auto")
    if device == "auto" and torch.cuda.is_available():
        return {"device": torch.device("cuda"), "dtype": torch.float32}
    return {"device": torch.device("cpu"), "dtype": torch.float32}


def _schedule(own: Tensor, start: float, steps: int) -> Iterator[Tensor]:
    """The beta of every model at each step: from `start`, if above zero, to its own within half of the steps."""
    for step in range(steps):
        left = max(0.0, 1 - 2 * step / steps) if start else 0.0
        yield own + left * (start - own)


def _loss(
    networks: v.VariationalNetworks, x: Tensor, y: Tensor, targets: Tensor, kinds: Tensor, schedule: Iterator[Tensor],
    noises: Generator,
) -> Callable[[list[Tensor], Tensor], Tensor]:  # fmt: skip
    """The loss of every model by its kind, the place of its objective in `OBJECTIVES`, (M,).

    targets (2, n, K) are p~(y|x), clean and noisy. All models see the batch of the first.
    """
    logs, goals = targets[1].log(), kinds.clamp(max=1)

    def loss(parameters: list[Tensor], rows: Tensor) -> Tensor:
        beta = next(schedule)
        batch = rows[0]
        encoding = networks.encode(parameters, x[batch])
        eps = torch.randn((len(batch), networks.latent), generator=noises, dtype=torch.float64).to(x)
        log_q = networks.decode(parameters, v.sample(encoding, eps))
        rates = v.rate(encoding, networks.prior(parameters, y[rows]))
        direct = v.vib(rates, v.cross_entropy(log_q, targets[:, batch][goals]), beta)
        return torch.where(kinds == 2, v.vdib(rates, v.reverse_kl(log_q, logs[batch]), beta), direct)

    return loss


def _measure(
    networks: v.VariationalNetworks, parameters: list[Tensor], x: Tensor, y: Tensor, seen: Tensor, eps: Tensor
) -> dict[str, Array]:
    """Everything about the test images, one number a model; eps (draws, n, latent) makes the codes."""
    encoding = networks.encode(parameters, x)
    prior = networks.prior(parameters, y.expand(len(encoding.mean), -1))
    codes = [v.sample(encoding, e) for e in eps]
    log_q = torch.stack([networks.decode(parameters, z) for z in codes], dim=1)
    guess = networks.decode(parameters, encoding.mean).argmax(dim=-1)
    made = {
        "rate": v.rate(encoding, prior).mean(dim=-1),
        "i_y": v.label_information(log_q, y).mean(dim=-1),
        "i_yh": v.predicted_information(log_q).mean(dim=-1),
        "error": (guess != y).double().mean(dim=-1),
        "error_flipped": (guess != seen).double().mean(dim=-1),
    }
    found = {name: values.cpu().numpy().astype(float) for name, values in made.items()}
    labels = y.cpu().numpy()
    found["i_y_calibrated"] = _calibrated(log_q, y).cpu().numpy()
    pairs = [[_all_pairs(s, labels) for s in v.pair_scores(encoding, z).cpu().numpy()] for z in codes]
    found["i_x"], found["i_x_given_y"] = np.mean(pairs, axis=0).T
    found["rate_sampled"] = np.mean([_sampled_rate(encoding, prior, z) for z in codes], axis=0)
    found["i_x_loo"] = np.array([estimators.leave_one_out(s) for s in v.pair_scores(encoding, codes[0]).cpu().numpy()])
    return found


def _sampled_rate(encoding: v.Encoding, prior: v.Encoding | None, z: Tensor) -> Array:
    """Mean of log p(z|x) - log r(z) over the codes z themselves, (M,)."""
    own = ((z - encoding.mean) / encoding.sd) ** 2 / 2 + encoding.sd.log()
    other = z**2 / 2 if prior is None else ((z - prior.mean) / prior.sd) ** 2 / 2 + prior.sd.log()
    return np.asarray((other - own).sum(dim=-1).mean(dim=-1).cpu())


def _all_pairs(scores: Array, labels: np.ndarray) -> tuple[float, float]:
    """I(X;Z) and I(X;Z|Y) of the test images: every code against every image, and against those of its class."""
    classes = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    within = [len(c) / len(labels) * estimators.info_nce(scores[np.ix_(c, c)]) for c in classes]
    return estimators.info_nce(scores), float(np.sum(within))


def _calibrated(log_q: Tensor, y: Tensor) -> Tensor:
    """The bound on I(Y;Z) with logits scaled by the factor that fits the other half of the points best.   -> (M,).

    A decoder trained on noisy labels is less sure than the clean ones deserve, and pays for it in `i_y`.
    """
    scales = torch.logspace(-1, 1.2, 23, dtype=log_q.dtype, device=log_q.device)
    points = torch.arange(len(y), device=y.device)
    likely = torch.stack([torch.log_softmax(s * log_q, dim=-1)[..., points, y].mean(dim=1) for s in scales])
    halves = [likely[..., half::2].mean(dim=-1) for half in (0, 1)]
    crossed = [b.gather(0, a.argmax(dim=0, keepdim=True))[0] for a, b in (halves, halves[::-1])]
    at_chance = torch.zeros((len(y), CLASSES), dtype=log_q.dtype, device=log_q.device)
    return v.label_information(at_chance, y) + (crossed[0] + crossed[1]) / 2


def advantage(ours: tuple[Array, Array], theirs: tuple[Array, Array], low: float, high: float) -> Array:
    """How much more I(Y;Z) one curve has than another at equal I(X;Z), by interpolation.   -> (seeds,).

    Each curve is (I(X;Z), I(Y;Z)), (seeds, betas) twice; the mean of the difference over I(X;Z) in [low, high], or over
    the part of it that both curves cover. Raises `BadInput` where they share none.
    """
    return np.array([_advantage(a, b, low, high) for a, b in zip(_curves(ours), _curves(theirs), strict=True)])


def _curves(pair: tuple[Array, Array]) -> list[tuple[Array, Array]]:
    """The curve of every seed, in the order of rising I(X;Z)."""
    orders = [np.argsort(x) for x in pair[0]]
    return [(x[order], y[order]) for order, x, y in zip(orders, *pair, strict=True)]


def _advantage(a: tuple[Array, Array], b: tuple[Array, Array], low: float, high: float) -> float:
    shared = max(low, a[0][0], b[0][0]), min(high, a[0][-1], b[0][-1])
    if shared[0] >= shared[1]:
        raise BadInput(f"the curves share no I(X;Z) between {low} and {high}; train at betas that reach it")
    levels = np.linspace(*shared, 17)
    return float(np.mean(np.interp(levels, *a) - np.interp(levels, *b)))
