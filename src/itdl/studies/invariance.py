"""Experiments of chapter 10 on trained networks: what the weights hold, and what the activations give away.

Digits with a nuisance of four equally likely values, apart from the label: a bright patch in one of the corners, or one
quadrant hidden. Networks 64-width-10 with noisy weights (mean field) at several beta, all of them at once. What the
noisy hidden layer z knows is bounded from below by the cross-entropy of probes on images that they were not fitted to:
I(z; n) >= H(n) - CE. `index` numbers repetitions: it draws nuisances, split, start and noise.

Sources: achille2018emergence (section 7 for the task with hidden parts), barber2003im (the bound).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional

from itdl import data, entropy, mean_field, rng, training
from itdl.checks import Array, BadInput
from itdl.networks import Parameters, Perceptrons
from itdl.sweep import Result

__all__ = ["NAME", "NUISANCES", "marked", "posteriors"]

NAME = "invariance"
NUISANCES = ("patch", "hidden")
PLACES = 4
BRIGHT, DARK = 1.0, -1.0


def marked(pixels: Array, places: np.ndarray, nuisance: str) -> Array:
    """The images (n, 64) with the nuisance at `places` (n,): a bright 2 x 2 corner, or a dark 4 x 4 quadrant."""
    if nuisance not in NUISANCES:
        raise BadInput(f"nuisance is {nuisance!r}; known are {' and '.join(NUISANCES)}")
    size, value = (2, BRIGHT) if nuisance == "patch" else (4, DARK)
    images = pixels.reshape(-1, 8, 8).copy()
    for place in range(PLACES):
        rows = slice(0, size) if place < 2 else slice(8 - size, 8)
        columns = slice(0, size) if place % 2 == 0 else slice(8 - size, 8)
        images[places == place, rows, columns] = value
    return np.asarray(images.reshape(pixels.shape))


def posteriors(
    *, seed: int, index: int, nuisance: str, task: str, betas: list[float], n: int, width: int, steps: int,
    batch: int, draws: int = 4,
) -> Result:  # fmt: skip
    """Networks at every beta, trained to read `task` (the digit, or the place of the nuisance): one entry per beta.

    `kl` in the weights; `accuracy`, `test_loss` and `train_loss` on held-out and on training images; lower bounds on
    I(z; n), `i_n_linear` and `i_n_mlp`, and on I(z; digit), `i_y_linear` and `i_y_mlp`, from `draws` noisy z of each
    image; `quiet_n_linear` and `quiet_n_mlp` those for z at the mean weights, without noise; `moved`, `moved_quiet` the
    share of the variance of z, with and without noise, that comes from moving the nuisance in one image.
    """
    images = data.digits()
    r = rng.stream(seed, NAME, "images", index)
    order, places = r.permutation(len(images.labels)), r.integers(PLACES, size=len(images.labels))
    pixels = marked(images.pixels, places, nuisance)
    labels = {"digit": images.labels, "place": places}
    fit, test = order[:n], order[n:]
    networks = Perceptrons((64, width, 10), "tanh")
    starts = [rng.torch_stream(seed, NAME, "start", index) for _ in betas]
    centre, scale = pixels[fit].mean(axis=0), pixels[fit].std()
    x = torch.as_tensor((pixels - centre) / scale, dtype=torch.float32)
    y = torch.as_tensor(labels[task])
    noise = rng.torch_stream(seed, NAME, "noise", index)
    q = mean_field.fit(
        networks, mean_field.initialise(networks, starts), x[fit], y[fit].expand(len(betas), n), betas, noise,
        steps=steps, batch=batch,
    )  # fmt: skip
    inside, outside = (mean_field.evaluate(networks, q, x[rows], y[rows], noise) for rows in (fit, test))
    result: Result = {"kl": q.kl().double().numpy(), "accuracy": outside.accuracy}
    result |= {"train_loss": inside.loss, "test_loss": outside.loss}
    z = {"fit": _hidden(networks, q, x[fit], noise, draws), "test": _hidden(networks, q, x[test], noise, draws)}
    for name, values in (("n", places), ("y", images.labels)):
        targets = {part: np.tile(values[rows], draws) for part, rows in (("fit", fit), ("test", test))}
        result[f"i_{name}_linear"] = linear_bounds(z["fit"], targets["fit"], z["test"], targets["test"])
        result[f"i_{name}_mlp"] = mlp_bounds(
            z["fit"], targets["fit"], z["test"], targets["test"], seed=seed, names=(index, name)
        )
    quiet = [_quiet(networks, q, x[part]) for part in (fit, test)]
    result["quiet_n_linear"] = linear_bounds(quiet[0], places[fit], quiet[1], places[test])
    result["quiet_n_mlp"] = mlp_bounds(quiet[0], places[fit], quiet[1], places[test], seed=seed, names=(index, "quiet"))
    everywhere = [marked(images.pixels[test], np.full(len(test), place), nuisance) for place in range(PLACES)]
    seen = torch.as_tensor((np.stack(everywhere) - centre) / scale, dtype=torch.float32)
    moving = np.stack([_quiet(networks, q, one) for one in seen])  # (places, B, n, width)
    share = moving.var(axis=0).mean(axis=1).sum(axis=1)
    result["moved"] = share / z["test"].var(axis=1).sum(axis=1)
    result["moved_quiet"] = share / moving.var(axis=(0, 2)).sum(axis=1)
    return result


def linear_bounds(z: Array, labels: np.ndarray, z_test: Array, labels_test: np.ndarray) -> Array:
    """H(label) - CE of logistic regression, fitted on (z, labels), on the other images.   z (B, n, k) -> (B,)."""
    found = []
    for one, other in zip(z, z_test, strict=True):
        probe = LogisticRegression(max_iter=300).fit(one, labels)
        log_p = probe.predict_log_proba(other)
        found.append(float(log_p[np.arange(len(other)), labels_test].mean()))
    return _entropy(labels_test) + np.array(found)


def mlp_bounds(
    z: Array, labels: np.ndarray, z_test: Array, labels_test: np.ndarray, *, seed: int, names: Sequence[int | str],
    hidden: int = 64, epochs: int = 40,
) -> Array:  # fmt: skip
    """The same with one hidden layer; the epoch is chosen on every second test point, the bound taken on the others."""
    classes = int(labels.max()) + 1
    probes = Perceptrons((z.shape[2], hidden, classes), "relu")
    streams = [[rng.torch_stream(seed, NAME, use, i, *names) for i in range(len(z))] for use in ("probe", "order")]
    inputs, targets = torch.as_tensor(z, dtype=torch.float32), torch.as_tensor(labels)
    others, truth = torch.as_tensor(z_test, dtype=torch.float32), torch.as_tensor(labels_test)

    def loss(parameters: Parameters, rows: Tensor) -> Tensor:
        models = torch.arange(len(rows))[:, None]
        return _cross_entropy(probes.forward(parameters, inputs[models, rows]), targets[rows])

    keep = range(epochs // 8, epochs + 1, epochs // 8)
    run = training.adam(
        loss, probes.initialise(streams[0]), streams[1], n=len(labels), batch=250, epochs=epochs, rate=3e-3, keep=keep
    )
    scores = [_halves(probes.forward(parameters, others), truth) for _, parameters in run]
    chosen = np.array(scores)  # (epochs, halves, B)
    best = chosen[:, 0].argmin(axis=0)
    return np.asarray(_entropy(labels_test) - chosen[best, 1, np.arange(len(z))])


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean over points.   (M, n, K), (M, n) -> (M,)."""
    flat = functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none")
    return flat.view(labels.shape).mean(dim=1)


def _halves(outputs: Tensor, labels: Tensor) -> Array:
    """Cross-entropy on the even and on the odd points.   (M, n, K), (n,) -> (2, M)."""
    halves = [_cross_entropy(outputs[:, i::2], labels[i::2].expand(len(outputs), -1)) for i in (0, 1)]
    return torch.stack(halves).double().numpy()


def _entropy(labels: np.ndarray) -> float:
    return float(entropy.entropy(np.bincount(labels) / len(labels)))


@torch.no_grad()
def _hidden(networks: Perceptrons, q: mean_field.Posterior, x: Tensor, noise: torch.Generator, draws: int) -> Array:
    """Noisy hidden activations, `draws` of each image.   x (n, d) -> (B, draws n, width)."""
    found = [networks.activate(mean_field.preactivations(networks, q, x, noise)[0]) for _ in range(draws)]
    return torch.cat(found, dim=1).double().numpy()


@torch.no_grad()
def _quiet(networks: Perceptrons, q: mean_field.Posterior, x: Tensor) -> Array:
    """Hidden activations at the mean weights.   x (n, d) -> (B, n, width)."""
    return networks.activate(networks.preactivations(q.means, x)[0]).double().numpy()
