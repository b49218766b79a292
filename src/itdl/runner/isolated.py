"""One notebook executed in a process of its own: `python -m itdl.runner.isolated FOLDER`.

The runner starts it and holds the other end of its standard input. When the runner dies, however suddenly,
that end closes and this process takes its kernel along. papermill's file says nothing about success (a killed
kernel leaves every cell "completed"), so what happened is written to `outcome.json`: seconds and memory, or
the problem in one sentence. Reads `request.json` and `input.ipynb`; the executed notebook is written only
when no cell failed.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError

KERNEL = "python3"
STARTS = 3  # a kernel binds the ports it was given a moment later; if one is taken by then, it dies at birth
STILLBORN = "Kernel died before replying"


def main(folder: Path) -> int:
    """Execute the notebook in `folder`; 0 when every cell ran, 1 when `outcome.json` names a problem."""
    threading.Thread(target=_follow_parent, daemon=True).start()
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    outcome = {"problem": wrong_kernel()}
    if not outcome["problem"]:
        outcome = _execute(folder, request)
    (folder / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
    return 1 if outcome["problem"] else 0


def wrong_kernel() -> str:
    """Why the kernel named `python3` is not this interpreter's, or nothing."""
    try:
        program = KernelSpecManager().get_kernel_spec(KERNEL).argv[0]
    except NoSuchKernel:
        return f"there is no kernel {KERNEL}; install ipykernel into this environment"
    bare = {"python", "python3", f"python3.{sys.version_info.minor}"}  # jupyter starts this interpreter for these
    if program in bare or Path(program) == Path(sys.executable):
        return ""
    return f"the kernel {KERNEL} starts {program}, not {sys.executable}; remove or mend that kernel specification"


def _execute(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    start = time.monotonic()
    os.environ["ITDL_COSTS"] = str(folder / "costs")  # what the kernel's sweeps write
    try:
        notebook = _executed(folder, request)
    except papermill.PapermillExecutionError as error:
        logging.exception("a cell failed")
        return {"problem": f"cell [{error.exec_count}] raised {error.ename}: {error.evalue}", "error": error.ename}
    except CellTimeoutError:
        logging.exception("a cell timed out")
        return {"problem": f"a cell ran longer than {request['timeout']} s; give it more with --timeout"}
    except DeadKernelError:
        logging.exception("the kernel died")
        return {"problem": "the kernel died, killed from outside or for want of memory"}
    if notebook is None:
        return {"problem": f"the kernel died at birth, {STARTS} times; the log says why"}
    nbformat.write(notebook, folder / request["name"])  # type: ignore[no-untyped-call]
    seconds = time.monotonic() - start
    return {"problem": "", "seconds": seconds, "units": _units(folder / "costs"), "peak_memory_mb": _peak_memory()}


def _executed(folder: Path, request: dict[str, Any]) -> nbformat.NotebookNode | None:
    """The executed notebook, or None when no kernel lived long enough to be asked anything."""
    for start in range(1, STARTS + 1):
        try:
            notebook: nbformat.NotebookNode = papermill.execute_notebook(
                nbformat.read(folder / "input.ipynb", as_version=4),  # type: ignore[no-untyped-call]
                None,
                request["parameters"],
                kernel_name=KERNEL,
                progress_bar=False,
                log_output=True,
                cwd=request["cwd"],
                start_timeout=request["start_timeout"],
                execution_timeout=request["timeout"],
            )
        except RuntimeError as error:
            if not str(error).startswith(STILLBORN):
                raise
            logging.warning("start %d of the kernel: %s", start, error)
        else:
            return notebook
    return None


def _units(costs: Path) -> dict[str, float]:
    """How many units the chapter's sweeps have, how many were computed in this run, and the CPU seconds of all."""
    lines = costs.read_text(encoding="utf-8").splitlines() if costs.is_file() else []
    rows = [[float(word) for word in line.split()] for line in lines]
    count, computed, seconds = (sum(row[i] for row in rows) for i in range(3))
    return {"count": int(count), "computed": int(computed), "cpu_seconds": round(seconds, 1)}


def _peak_memory() -> float:
    """Largest resident memory of the kernel or one of its workers, in MB."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return used / (1024**2 if sys.platform == "darwin" else 1024)


def _follow_parent() -> None:
    """Wait until the runner is gone, then end the kernel and this process."""
    os.read(0, 1)
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(1)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1])))
