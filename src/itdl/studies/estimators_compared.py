"""Experiments of chapter 04 with all estimators on the same samples, trained critics among them.

A situation is a joint distribution with known information (`situation`); one unit draws `sets` samples of n pairs from
it and returns what each estimator finds in each of them. On real digits, where nobody knows the information, estimates
are held against each other instead: two independent copies of a pair must hold twice as much.

Sources: czyz2023beyond (the situations), song2020understanding (tests by consistency).
"""

from __future__ import annotations

import numpy as np
import torch

from itdl import critics, data, estimators, maps, rng, sweep
from itdl.checks import Array, BadInput
from itdl.critics import Critic
from itdl.information_tasks import Gaussian, Mapped, Student, Task, dense, sparse
from itdl.studies.estimation_laws import NAME, fitted_normal
from itdl.sweep import Result

__all__ = ["SITUATIONS", "classical", "copies", "errors", "nearest", "situation", "trained"]

SITUATIONS: dict[str, Task] = {
    "one weak pair": sparse(1, 1, 0.5),
    "one strong pair": sparse(1, 1, 5.0),
    "5 + 5, I = 1": sparse(5, 5, 1.0),
    "5 + 5": sparse(5, 5, 2.0),
    "5 + 5, I = 4": sparse(5, 5, 4.0),
    "5 + 5, I = 6": sparse(5, 5, 6.0),
    "20 + 20": sparse(20, 20, 2.0),
    "20 + 20, two pairs matter": sparse(20, 2, 2.0),
    "all 10 alike": dense(5, 0.8),
    "2 + 2": sparse(2, 2, 2.0),
    "half-cube": Mapped(sparse(2, 2, 2.0), maps.HALF_CUBE, maps.HALF_CUBE),
    "spiral": Mapped(sparse(2, 2, 2.0), maps.spiral(1.0), maps.spiral(1.0)),
    "Student, 2 + 2": Student(Gaussian(np.eye(4), 2), 1.0),
    "Student, 5 + 5": Student(sparse(5, 5, 1.0), 1.0),
}


def situation(name: str) -> Task:
    """The joint distribution of that name; raises `BadInput` for another."""
    if name not in SITUATIONS:
        raise BadInput(f"situation is {name!r}; known are {', '.join(SITUATIONS)}")
    return SITUATIONS[name]


def samples(seed: int, name: str, n: int, sets: int) -> tuple[Array, Array]:
    """x (sets, n, d_x) and y (sets, n, d_y), the same for every estimator."""
    task = situation(name)
    drawn = [task.sample(rng.stream(seed, NAME, "situation", name, n, i), n) for i in range(sets)]
    return np.stack([x for x, _ in drawn]), np.stack([y for _, y in drawn])


def classical(*, seed: int, name: str, n: int, sets: int) -> Result:
    """Estimates in nats without training, (sets,) of each, on the samples of `trained`.

    A histogram of 12 cells a side of the first coordinates, corrected; a fitted normal; kernels; neighbours; and the
    fitted normal and neighbours after each coordinate was replaced by its normal score.
    """
    x, y = samples(seed, name, n, sets)
    pairs = list(zip(x, y, strict=True))
    ranks = [(maps.normal_scores(a), maps.normal_scores(b)) for a, b in pairs]
    return {
        "histogram": np.array([estimators.miller_madow(a[:, 0], b[:, 0], 12) for a, b in pairs]),
        "fitted normal": np.array([fitted_normal(a, b) for a, b in pairs]),
        "kernels": np.array([estimators.kernel_density(a, b) for a, b in pairs]),
        "neighbours": np.array([estimators.ksg(a, b) for a, b in pairs]),
        "normal of ranks": np.array([fitted_normal(a, b) for a, b in ranks]),
        "neighbours of ranks": np.array([estimators.ksg(a, b) for a, b in ranks]),
    }


def trained(
    *, seed: int, name: str, n: int, sets: int, bound: str, epochs: int, ranks: bool = False, kind: str = "separable"
) -> Result:
    """The bound of a critic trained on half of each sample, judged on the last quarter: `value` (sets,), in nats.

    With `ranks` coordinates are replaced by their normal scores first. `epoch` is the one chosen; `ceiling` the
    logarithm of the number of pairs in the last quarter.
    """
    x, y = samples(seed, name, n, sets)
    if ranks:
        x, y = (np.stack([maps.normal_scores(one) for one in a]) for a in (x, y))
    batch = 128 if kind == "separable" else 32
    found = critics.estimate(
        Critic(kind, x.shape[2], y.shape[2]), bound, x, y, _streams(seed, f"{name}, {bound}", sets),
        epochs=epochs, batch=batch,
    )  # fmt: skip
    return {"value": found.value, "epoch": found.epoch.astype(float), "ceiling": float(np.log(n - n // 2 - n // 4))}


def errors(seed: int, names: list[str], n: int, sets: int, epochs: int) -> dict[str, Array]:
    """Median distance from the exact information of each estimator, in nats: (names,) of each, for one seed."""
    found: dict[str, list[float]] = {}
    for name in names:
        exact = situation(name).information()
        points = {"seed": seed, "name": name, "n": n, "sets": sets}
        values = sweep.run(classical, [points])[0] | {
            "InfoNCE": sweep.run(trained, [points | {"bound": "InfoNCE", "epochs": epochs}])[0]["value"]
        }
        for estimator in ("fitted normal", "kernels", "neighbours", "neighbours of ranks", "InfoNCE"):
            found.setdefault(estimator, []).append(float(np.median(np.abs(np.asarray(values[estimator]) - exact))))
    return {estimator: np.array(values) for estimator, values in found.items()}


def nearest(distances: dict[str, Array], without: str) -> list[str]:
    """For each situation the estimator with the smallest distance, one left out."""
    names = [name for name in distances if name != without]
    return [names[i] for i in np.argmin([distances[name] for name in names], axis=0)]


def copies(*, seed: int, sets: int, epochs: int) -> Result:
    """InfoNCE between the upper and the lower half of digits, (sets,): `one` pair, `two` independent pairs at once.

    `other` is that of the second pair alone, `doubled` of a pair given twice, `shuffled` of halves that do not belong
    together.
    """
    halves = data.digits().pixels.reshape(-1, 2, 32)
    orders = [rng.stream(seed, NAME, "copies", i).permutation(len(halves)) for i in range(sets)]
    pair = np.stack([halves[order] for order in orders])
    other = np.stack([halves[rng.stream(seed, NAME, "second", i).permutation(len(halves))] for i in range(sets)])
    cases = {
        "one": (pair[:, :, 0], pair[:, :, 1]),
        "other": (other[:, :, 0], other[:, :, 1]),
        "two": tuple(np.concatenate([pair[:, :, i], other[:, :, i]], axis=2) for i in (0, 1)),
        "doubled": tuple(np.concatenate([pair[:, :, i], pair[:, :, i]], axis=2) for i in (0, 1)),
        "shuffled": (pair[:, :, 0], other[:, :, 1]),
    }
    found: Result = {}
    for name, (x, y) in cases.items():
        critic = Critic("separable", x.shape[2], y.shape[2])
        streams = _streams(seed, f"digits, {name}", sets)
        found[name] = critics.estimate(critic, "InfoNCE", x, y, streams, epochs=epochs, alike=True).value
    return found


def _streams(seed: int, name: str, sets: int) -> list[torch.Generator]:
    return [rng.torch_stream(seed, NAME, "critic", name, i) for i in range(sets)]
