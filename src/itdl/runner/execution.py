"""Chapters executed so that the result can be trusted: isolated, verified, stamped, then put in place whole.

papermill's output proves nothing and overwrites in place, so a chapter runs in a scratch folder and counts as
done only when the process ended well, every code cell ran, nothing was raised or written to stderr, and the
record of its claims is complete. Finished chapters are kept by their key; whatever fails leaves the old
output as it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import jupytext
import psutil

from itdl import claims, project, provenance
from itdl.checks import DataError, positive
from itdl.runner.chapters import Run, components
from itdl.runner.evidence import stamped, verify
from itdl.store import Store, part_prefix, remove_leftovers, write
from itdl.sweep import parallel

__all__ = ["TIMEOUT", "Outcome", "execute", "log_file", "stop"]

TIMEOUT = 1800
START_TIMEOUT = 180
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_stopping = threading.Event()


@dataclass(frozen=True)
class Outcome:
    """What became of one run: taken from the store (`fresh`), executed, or not done because of a `problem`."""

    run: Run
    fresh: bool = False
    problem: str = ""
    error: str = ""
    records: Sequence[claims.Record] = ()
    differences: Sequence[str] = field(default_factory=list)


def execute(runs: Sequence[Run], *, jobs: int | None = None, timeout: float = TIMEOUT) -> Iterator[Outcome]:
    """Bring each of `runs` up to date, several side by side, and yield the outcomes as they are known.

    A run whose key is in the store is not executed again. `jobs` chapters run at once (default: one a core);
    a cell that runs longer than `timeout` seconds fails.
    """
    if not runs:
        return
    positive("timeout", timeout)
    positive("jobs", 1 if jobs is None else jobs)
    home = runs[0].chapter.home
    store = Store(home.store)
    remove_leftovers(_scratch(home))
    _stopping.clear()
    kept = {run.key: store.get(run.key) for run in runs}
    for run in runs:
        if (payload := kept[run.key]) is not None:
            yield _settle(run, payload, fresh=True)
    stale = [run for run in runs if kept[run.key] is None]
    cores = joblib.cpu_count()
    at_once = max(1, min(len(stale), jobs or cores))
    environment = _environment(home, max(1, cores // at_once), alone=len(stale) == 1)
    tasks = [(run, environment, timeout) for run in stale]
    for run, payload, outcome in parallel(_isolated, tasks, jobs=at_once, local="threading"):
        if payload is None:
            yield Outcome(run, problem=outcome["problem"], error=outcome.get("error", ""))
        else:
            finished = stamped(run, payload, outcome)
            store.put(run.key, finished)
            yield _settle(run, finished, fresh=False)


def stop() -> None:
    """End every process this one has started, kernels included; nothing new is started after it."""
    _stopping.set()
    children = psutil.Process().children(recursive=True)
    for child in children:
        child.terminate()
    for child in psutil.wait_procs(children, timeout=3)[1]:
        child.kill()


def log_file(run: Run) -> Path:
    """Where the chapter's last execution left its log."""
    return run.chapter.home.build / "reports" / f"{run.chapter.stem}.log"


def _isolated(run: Run, environment: dict[str, str], timeout: float) -> tuple[Run, bytes | None, dict[str, Any]]:
    """Execute one chapter in a scratch folder; its bytes, or None with the problem in one sentence."""
    if _stopping.is_set():
        return run, None, {"problem": "interrupted before it started"}
    scratch = _scratch(run.chapter.home)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=part_prefix(), dir=scratch, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _prepare(run, folder, timeout)
        code = _papermill(run, folder, environment)
        outcome = _outcome(folder, code)
        if not outcome["problem"]:
            outcome["problem"] = _faults(run, folder)
        output = folder / f"{run.chapter.stem}.ipynb"
        return run, None if outcome["problem"] else output.read_bytes(), outcome


def _prepare(run: Run, folder: Path, timeout: float) -> None:
    notebook = run.chapter.notebook()
    for number, cell in enumerate(notebook.cells):
        # An id made from the content is the same in every checkout; jupytext would draw a random one.
        cell["id"] = provenance.digest(f"{number} {cell.cell_type} {cell.source}".encode())[:8]
    jupytext.write(notebook, folder / "input.ipynb", fmt="ipynb")
    request = {
        "parameters": run.injected,
        "cwd": str(run.chapter.home.notebooks),
        "name": f"{run.chapter.stem}.ipynb",
        "timeout": timeout,
        "start_timeout": START_TIMEOUT,
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")


def _papermill(run: Run, folder: Path, environment: dict[str, str]) -> int:
    """The exit code of the isolated process; its output goes to the chapter's log."""
    log_file(run).parent.mkdir(parents=True, exist_ok=True)
    own = {**environment, "IPYTHONDIR": str(folder / "ipython")}  # a reader's start-up files do not count
    command = [sys.executable, "-m", "itdl.runner.isolated", str(folder)]
    with (
        log_file(run).open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=own, start_new_session=True
        ) as process,
    ):
        return process.wait()


def _outcome(folder: Path, code: int) -> dict[str, Any]:
    path = folder / "outcome.json"
    if not path.is_file() or not path.stat().st_size:
        return {"problem": f"the executing process ended with code {code} before it could say why"}
    outcome: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if code and not outcome["problem"]:
        outcome["problem"] = f"the executing process ended with code {code}"
    return outcome


def _faults(run: Run, folder: Path) -> str:
    """What is wrong with the executed notebook in `folder`, or nothing."""
    try:
        verify(folder / f"{run.chapter.stem}.ipynb", claims.registry(run.chapter.home.claims))
    except DataError as error:
        return str(error)
    now = components(run.chapter, run.parameters)
    if moved := [name for name in run.components if now.get(name) != run.components[name]]:
        return f"{', '.join(moved)} changed while the chapter ran; run it again"
    return ""


def _settle(run: Run, payload: bytes, *, fresh: bool) -> Outcome:
    """Put a finished notebook in its place and read its verdicts."""
    if not run.output.is_file() or run.output.read_bytes() != payload:
        write(run.output, payload)
    known = claims.registry(run.chapter.home.claims)
    records = claims.read(run.output, known)
    return Outcome(run, fresh=fresh, records=records, differences=claims.differences(records, known))


def _environment(home: project.Project, jobs: int, *, alone: bool) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "MPLBACKEND" and (alone or k != "ITDL_SCHEDULER")}
    paths = [str(Path(sys.prefix) / "share" / "jupyter"), *filter(None, [kept.get("JUPYTER_PATH")])]
    return {
        **kept,
        **dict.fromkeys(ONE_THREAD, "1"),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONHASHSEED": "0",
        "ITDL_ROOT": str(home.root),
        "ITDL_STORE": str(home.store),
        "ITDL_JOBS": str(jobs),
        "JUPYTER_PATH": os.pathsep.join(paths),  # the running interpreter's kernel comes first
    }


def _scratch(home: project.Project) -> Path:
    return home.build / "scratch"
