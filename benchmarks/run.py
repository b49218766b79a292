"""Ours against the peers: `make bench`, or `.venv-bench/bin/python benchmarks/run.py [--n N] [--only TASK] [--save]`.

Measured is CPU time on one thread; contenders take turns, and what counts is the ratio of neighbours in turn. A ratio
is worth nothing beside a wrong answer, so each task compares the results of the same run and says what it demands.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import report
import threadpoolctl
from contenders import Joint, Measurement, Outputs, Problem, Samples, measure, pin
from curvature import Curvature
from information import Sets
from replicates import Replicates
from trainings import Trainings

RESULTS = Path(__file__).parent / "results"
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "OMP_WAIT_POLICY": "PASSIVE",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "jax", "jaxlib", "neural-tangents", "embo", "NPEET"),
    *("torch", "backpack-for-pytorch", "curvlinops-for-pytorch", "nngeometry", "benchmark-mi"),
)


@dataclass(frozen=True)
class Task:
    """Contenders that take turns on one problem, and the ratios that are read off: name -> (peer, ours, goal or 0)."""

    name: str
    problem: Problem | Samples | Joint | Curvature | Replicates | Trainings | Sets
    contenders: tuple[str, ...]
    ratios: dict[str, tuple[str, str, float]]
    turns: int = 5


def kernels(activation: str, n: int) -> Task:
    ratios = {"NNGP and NTK": ("peer: kernels", "ours: kernels", 3.0 * (n == 1000))}
    return Task("kernels", Problem(activation, n), ("ours: kernels", "peer: kernels"), ratios, turns=15)


def ensemble(activation: str, n: int, times: int) -> Task:
    goals = {100: (8.0, 5.0), 1000: (60.0, 0.0)}[times] if n == 1000 else (0.0, 0.0)
    ratios = {
        f"mean, variance, {times} times": ("peer: one call", "ours: variance", goals[0]),
        f"mean, variance, {times} times; peer compiled whole": ("peer: compiled", "ours: variance", 0.0),
        f"mean, full covariance, {times} times": ("peer: one call", "ours: covariance", goals[1]),
    }
    contenders = ("ours: variance", "ours: covariance", "ours: eigh alone", "peer: one call", "peer: compiled")
    return Task("ensemble", Problem(activation, n, times), contenders, ratios)


def neighbours(n: int, dims: int, information: float) -> Task:
    ratios = {"information by neighbours": ("peer: neighbours", "ours: neighbours", 4.0 * (n == 10_000 and dims == 5))}
    if _installed("benchmark-mi"):
        ratios["information by neighbours; bmi"] = ("peer, bmi: neighbours", "ours: neighbours", 0.0)
    if dims == 1:
        ratios["information by neighbours; scikit-learn"] = ("peer, scikit-learn: neighbours", "ours: neighbours", 0.0)
    return Task("neighbours", Samples(n, dims, information), sides(ratios), ratios, turns=9)


def critics(n: int) -> Task:
    """InfoNCE at 5 + 5 normal coordinates and two nats, on three samples."""
    ratios = {
        "information by critics": ("peer: critics", "ours: critics", 9.0 * (n == 5000)),
        "information by critics; ours stacked": ("peer: critics", "ours: critics, stacked", 0.0),
    }
    return Task("critics", Sets(n, 5, 2.0), sides(ratios), ratios, turns=3)


def curve(n: int, labels: int, goal: float, *extra: str, turns: int = 5) -> Task:
    """The whole curve at 100 betas. The dual has no peer: its time is only recorded."""
    ratios = {
        "bottleneck, 100 betas": ("peer: curve", "ours: curve", goal),
        "bottleneck, 100 betas; ours to 1e-8": ("peer: curve", "ours: curve to 1e-8", 0.0),
        "bottleneck, 100 betas; peer's defaults": ("peer: curve, its defaults", "ours: curve", 0.0),
    }
    contenders = ("ours: curve", "ours: curve to 1e-8", "ours: dual curve", "peer: curve", *extra)
    ratios = {name: pair for name, pair in ratios.items() if pair[0] in contenders}
    return Task("curve", Joint(n, labels), contenders, ratios, turns)


def sides(ratios: dict[str, tuple[str, str, float]]) -> tuple[str, ...]:
    """Every contender of the ratios once, ours before its peer."""
    return tuple(dict.fromkeys(name for peer, ours, _ in ratios.values() for name in (ours, peer)))


def gradients(n: int, *widths: int) -> Task:
    ratios = {
        "log-determinant, n gradients": ("peer: gradients, torch.func", "ours: gradients, single", 60.0),
        "log-determinant, n gradients; ours in double": ("peer: gradients, torch.func", "ours: gradients, double", 0.0),
        "log-determinant, n gradients; BackPACK": ("peer: gradients, BackPACK", "ours: gradients, single", 60.0),
    }
    return Task("gradients", Curvature(n, widths), sides(ratios), ratios)


def ggn(n: int, *widths: int) -> Task:
    ratios = {
        "log-determinant, GGN": ("peer: curvature, curvlinops", "ours: curvature, single", 10.0),
        "log-determinant, GGN; ours in double": ("peer: curvature, curvlinops", "ours: curvature, double", 0.0),
        "log-determinant, GGN; nngeometry": ("peer: curvature, nngeometry", "ours: curvature, single", 10.0),
    }
    return Task("GGN", Curvature(n, widths), sides(ratios), ratios, turns=3)


def bootstrap(n: int) -> Task:
    ratios = {"bootstrap of a law": ("peer: replicates, BFGS", "ours: replicates", 15.0 * (n == 4000))}
    return Task("bootstrap", Replicates(n), ("ours: replicates", "peer: replicates, BFGS"), ratios, turns=3)


def training(n: int, width: int, steps: int, goal: float) -> Task:
    ratios = {
        f"training, {n} transformers": ("peer: trainings, plain modules", "ours: trainings, together", goal),
        f"training, {n} transformers; our own loop": ("ours: trainings, one by one", "ours: trainings, together", 0.0),
    }
    return Task("training", Trainings(n, width, steps), sides(ratios), ratios)


def tasks(sizes: list[int]) -> Iterator[Task]:
    for n in sizes:
        yield from (kernels(activation, n) for activation in ("erf", "relu"))
    for n in sizes:
        yield ensemble("erf", n, 100)
    if 1000 in sizes:
        yield ensemble("relu", 1000, 100)
        yield ensemble("erf", 1000, 1000)
    yield curve(64, 16, 15.0, "peer: curve, its defaults")
    yield curve(256, 32, 20.0, turns=3)  # minutes for each call of the peer
    yield gradients(1000, 784, 128, 64, 10)
    yield ggn(1000, 30, 80, 80, 10)
    yield bootstrap(4000)
    yield training(16, 16, 200, 2.0)
    yield training(8, 64, 100, 0.0)
    if _installed("benchmark-mi"):
        yield from (critics(n) for n in (1000, 5000))
    if not _installed("NPEET"):
        print("NPEET is not installed (see requirements-git.txt): neighbours are not compared")
        return
    for n in (1000, 10_000):
        yield from (neighbours(n, *problem) for problem in ((1, 1.0), (5, 2.0), (20, 4.0)))


def run(task: Task) -> dict[str, Any]:
    """Alternate, compare, summarise. Each contender's first call, which compiles, is kept apart."""
    with ExitStack() as stack:
        context = get_context("spawn")
        workers = {
            name: stack.enter_context(ProcessPoolExecutor(1, mp_context=context, initializer=pin))
            for name in task.contenders
        }

        def turn(name: str, keep: bool = False) -> Measurement:
            return workers[name].submit(measure, name, task.problem, keep).result()

        first = {name: turn(name, keep=True) for name in task.contenders}
        turns = [{name: turn(name) for name in task.contenders} for _ in range(task.turns)]
        outputs = {name: m.outputs or {} for name, m in first.items()}
        accuracy = deviations(task, outputs, stack)
        gaps = curve_gaps(task.problem.betas(), outputs) if isinstance(task.problem, Joint) else {}
    cpu = {name: [t[name].cpu for t in turns] for name in task.contenders}
    return {
        "task": task.name,
        "setting": task.problem.setting,
        "n": task.problem.n,
        "times": task.problem.times,
        "cpu_s": cpu,
        "first_call_cpu_s": {name: m.cpu for name, m in first.items()},
        "peak_gb": {name: turns[-1][name].peak_gb for name in task.contenders},
        "ratios": {name: ratio(cpu[peer], cpu[ours], goal) for name, (peer, ours, goal) in task.ratios.items()},
        "accuracy": accuracy,
        **({"gaps": gaps} if gaps else {}),
        **({"tokens": task.problem.tokens} if isinstance(task.problem, Trainings) else {}),
    }


def ratio(peer: list[float], ours: list[float], goal: float) -> dict[str, float]:
    quotients = np.array(peer) / np.array(ours)
    low, middle, high = np.min(quotients), np.median(quotients), np.max(quotients)
    seconds = {"peer_s": float(np.median(peer)), "ours_s": float(np.median(ours))}
    return {**seconds, "median": float(middle), "min": float(low), "max": float(high), "goal": goal}


def deviations(task: Task, outputs: dict[str, Outputs], stack: ExitStack) -> dict[str, tuple[float, float]]:
    """What must hold beside the ratios: name -> (found, allowed).

    Kernels relative to their largest entry, the rest absolute: outputs and prior variances are of order one.
    """
    if task.name == "neighbours":
        said = {name: float(o["information"]) for name, o in outputs.items()}
        off = {name: abs(value - task.problem.information) for name, value in said.items()}
        found = {"information": (abs(said["ours: neighbours"] - said["peer: neighbours"]), 1e-10)}
        peers = [name for name in said if "," in name]  # other variants of the estimator, whose errors differ
        return found | {f"error beyond {name}": (max(off["ours: neighbours"] - off[name], 0.0), 0.25) for name in peers}
    if task.name == "critics":
        peer = outputs["peer: critics"]["information"][0]
        spread = max(float(peer.std()), 0.02)
        ours = {name: o["information"] for name, o in outputs.items() if name.startswith("ours")}
        return {
            f"{name} below the peer": (max(float(peer.mean() - v[0].mean()), 0.0), spread) for name, v in ours.items()
        }
    if task.name in ("gradients", "GGN"):
        exact = float(outputs[next(name for name in outputs if name.endswith("double"))]["log det"])
        return {name: (abs(float(o["log det"]) / exact - 1), 1e-5) for name, o in outputs.items()}
    if task.name == "bootstrap":
        ours, peer = (o["objective"] for o in outputs.values())
        worse = ours - peer
        return {"median gap": (max(float(np.median(worse)), 0.0), 1e-6), "largest gap": (float(worse.max()), 0.1)}
    if task.name == "training":
        ours = outputs["ours: trainings, together"]["loss"]
        spread = float(ours.std())  # over starts and data: a difference below it changes no conclusion
        return {f"final loss of {name}": (float(np.abs(o["loss"] - ours).max()), spread) for name, o in outputs.items()}
    if task.name == "curve":
        gaps = curve_gaps(task.problem.betas(), outputs)
        found = {f"gap of {name}": (gaps[name], max(gaps["peer: curve"], 1e-9)) for name in gaps if name[:4] == "ours"}
        found["residual"] = float(outputs["ours: curve"]["residual"].max()), 1e-12
        found["residual, dual"] = float(outputs["ours: dual curve"]["residual"].max()), 1e-12
        rise = max(float(outputs[name]["increase"].max()) for name in ("ours: curve", "ours: dual curve"))
        return found | {"largest rise in a plain step": (max(rise, 0.0), 1e-12)}
    erf = task.problem.setting == "erf"
    if task.name == "kernels":
        allowed = 1e-12 if erf else 1e-7  # the peer's ReLU NTK of a point with itself is off by 1e-8
        return {name: (_relative(*(o[name] for o in outputs.values())), allowed) for name in ("nngp", "ntk")}
    worker = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=pin))
    reference = worker.submit(measure, "per time", task.problem, True).result().outputs
    peer = outputs["peer: one call"]
    pairs = {
        "mean, variance against time by time": ("ours: variance", ("mean", "var"), reference, 1e-10),
        "mean, variance against peer": ("ours: variance", ("mean", "var"), peer, 1e-10 if erf else 1e-7),
        "covariance against peer": ("ours: covariance", ("cov",), peer, 1e-12 if erf else 1e-7),
    }
    found = {
        name: (max(float(np.abs(outputs[ours][key] - other[key]).max()) for key in keys), allowed)
        for name, (ours, keys, other, allowed) in pairs.items()
    }
    cov = outputs["ours: covariance"]["cov"]
    found["covariance, asymmetry"] = float(np.abs(cov - cov.swapaxes(1, 2)).max()), 1e-13
    found["covariance, most negative eigenvalue"] = max(0.0, -float(np.linalg.eigvalsh(cov).min())), 1e-12
    return found


def curve_gaps(betas: np.ndarray, outputs: dict[str, Outputs]) -> dict[str, float]:
    """Largest excess of I(X;T) - beta I(T;Y), nats, over the lowest that any contender found at that beta."""
    values = {name: o["i_xt"] - betas * o["i_ty"] for name, o in outputs.items() if o and "dual" not in name}
    lowest = np.min(list(values.values()), axis=0)
    return {name: float((v - lowest).max()) for name, v in values.items()}


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


def machine() -> dict[str, Any]:
    blas = sorted({f"OpenBLAS {lib['architecture']}" for lib in threadpoolctl.threadpool_info()})
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_name(),
        "load": os.getloadavg()[0],
        "blas": ", ".join(blas),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES if _installed(package)},
    }


def _installed(package: str) -> bool:
    return any(distribution.name == package for distribution in distributions())


def file_name(machine: dict[str, Any]) -> str:
    chosen = os.environ.get("OPENBLAS_CORETYPE", "")
    return re.sub(r"[^a-z0-9]+", "-", f"{machine['date']} {machine['cpu']} {chosen}".lower()).strip("-")


def cpu_name() -> str:
    """Name, family and model: a name alone may stand for several generations."""
    lines = (line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in lines}
    return f"{found['model name']} family {found['cpu family']} model {found['model']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/<date>-<cpu>.json")
    parser.add_argument(
        "--only",
        nargs="+",
        help="kernels, ensemble, curve, gradients, GGN, bootstrap, training, critics, neighbours; all without it",
    )
    parser.add_argument("--n", type=int, nargs="+", default=[500, 1000, 2000], help="sizes; 500 takes a minute")
    options = parser.parse_args()
    os.environ.update(ONE_THREAD)  # the contenders' processes inherit it before they import anything
    found: dict[str, Any] = {"machine": machine(), "tasks": []}
    print(report.header(found["machine"]), flush=True)
    for task in tasks(options.n):
        if options.only and task.name not in options.only:
            continue
        found["tasks"].append(run(task))
        print(report.text(found["tasks"][-1]), flush=True)
    if options.save:
        path = RESULTS / f"{'-'.join([file_name(found['machine']), *(options.only or [])])}.json"
        path.write_text(json.dumps(report.rounded(found), indent=1) + "\n")
        print(f"saved benchmarks/results/{path.name}; write its table into README.md: {report.COMMAND}")


if __name__ == "__main__":
    main()
