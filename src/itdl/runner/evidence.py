"""The executed notebook as evidence: verified, stamped with where it came from, stripped for the repository.

papermill marks cells "completed" that never ran, and fills the file with times and paths. What counts is read
from the cells themselves, and what is kept is what a reader can hold against the sources.
"""

from __future__ import annotations

import base64
import importlib.metadata
import io
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
from PIL import Image

from itdl import claims, project
from itdl.checks import DataError
from itdl.runner.chapters import Run

__all__ = ["commit", "serialise", "stamped", "stripped", "verify", "versions"]

PACKAGES = ("numpy", "scipy", "torch", "scikit-learn", "joblib", "matplotlib", "seaborn", "papermill", "ipykernel")
COMMITTED = ("key", "components", "parameters", "profile", "versions")


def verify(notebook: Path, known: Sequence[claims.Claim]) -> list[claims.Record]:
    """The claims recorded in a wholly executed notebook; `DataError` when it is not one."""
    cells = [c for c in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    for number, cell in enumerate(cells, start=1):
        if cell["execution_count"] is None:
            raise DataError(f"{notebook.name}: code cell {number} was not executed; execute the chapter again")
        for output in cell["outputs"]:
            _refuse(f"{notebook.name}: code cell {number}", output)
    return claims.read(notebook, known)


def stamped(run: Run, payload: bytes, outcome: dict[str, Any]) -> bytes:
    """The executed notebook without papermill's metadata, with where it came from in `metadata.itdl`."""
    notebook = json.loads(payload)
    notebook["metadata"].pop("papermill", None)
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if not cell["metadata"].get("tags", True):
            del cell["metadata"]["tags"]
    notebook["metadata"]["itdl"] = {
        "key": run.key,
        "components": run.components,
        "parameters": run.parameters,
        "profile": run.profile,
        "commit": commit(run.chapter.home),
        "versions": versions(),
        "seconds": round(outcome["seconds"], 1),
        "units": outcome["units"],
        "peak_memory_mb": round(outcome["peak_memory_mb"]),
        "machine": {"cpu": _cpu(), "cores": joblib.cpu_count()},
    }
    return serialise(notebook)


def stripped(notebook: dict[str, Any]) -> dict[str, Any]:
    """`notebook` as it is committed: what depends on the machine or the hour is left out, outputs are whole."""
    metadata = dict(notebook["metadata"])
    metadata["itdl"] = {name: metadata["itdl"][name] for name in COMMITTED}
    # torch's build ("+cpu") differs between machines with the same locked version.
    metadata["itdl"]["versions"] = {k: v.partition("+")[0] for k, v in metadata["itdl"]["versions"].items()}
    metadata["language_info"] = {k: v for k, v in metadata["language_info"].items() if k != "version"}
    return {**notebook, "cells": [_with_small_images(cell) for cell in notebook["cells"]], "metadata": metadata}


def _with_small_images(cell: dict[str, Any]) -> dict[str, Any]:
    """`cell` with its images in a palette of 256 colours: a chart loses nothing to the eye and two thirds in size."""
    if "outputs" not in cell:
        return cell
    outputs = [
        {**output, "data": {kind: _palette(x) if kind == "image/png" else x for kind, x in output["data"].items()}}
        if "data" in output
        else output
        for output in cell["outputs"]
    ]
    return {**cell, "outputs": outputs}


def _palette(png: str) -> str:
    small = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode() + "\n"


def serialise(notebook: dict[str, Any]) -> bytes:
    """The one way a notebook is written: sorted keys, indent 1, no escapes, a final newline."""
    text = json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make numbers and pages."""
    return {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in PACKAGES}}


def _refuse(where: str, output: dict[str, Any]) -> None:
    if output["output_type"] == "error":
        raise DataError(f"{where} ended with {output['ename']}: {output['evalue']}; mend the chapter")
    if output["output_type"] == "stream" and output["name"] == "stderr":
        text = "".join(output["text"]).strip().splitlines()
        raise DataError(f"{where} wrote to stderr ({text[0] if text else 'empty'}); mend what warns")


def commit(home: project.Project) -> str:
    """The commit checked out, `-dirty` when tracked files differ from it; `unknown` without git."""

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *words], cwd=home.root, capture_output=True, text=True, check=False)

    if shutil.which("git") is None or (head := git("rev-parse", "HEAD")).returncode:
        return "unknown"
    dirty = git("status", "--porcelain", "--untracked-files=no").stdout.strip()
    return head.stdout.strip() + ("-dirty" if dirty else "")


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", path.read_text()) if path.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()
