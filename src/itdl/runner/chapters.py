"""Chapters: found on disk, never listed by hand; their parameters, profiles and what their results depend on.

A chapter is current exactly when its components are: its text, its claims, its parameters, the modules it
reaches by import, the locked versions and the packaged data. `changed` names what is not.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import yaml

from itdl import project, provenance
from itdl.checks import BadInput
from itdl.runner.parameters import Parameter, Value, nearest, parse, resolve
from itdl.store import key

__all__ = ["BOOK", "Chapter", "Run", "changed", "components", "discover", "find", "plan", "profile", "stamp"]

BOOK = "book"


@dataclass(frozen=True)
class Chapter:
    """One chapter by its source `notebooks/NN_slug.py`."""

    source: Path
    home: project.Project

    @property
    def stem(self) -> str:
        return self.source.stem

    @property
    def number(self) -> str:
        return self.stem[:2]

    @property
    def claims(self) -> Path:
        return self.home.claims / f"{self.stem}.toml"

    @property
    def committed(self) -> Path:
        return self.source.with_suffix(".ipynb")

    @property
    def executed(self) -> Path:
        return self.home.executed / f"{self.stem}.ipynb"

    def notebook(self) -> Any:
        """The source as a notebook, not executed."""
        return jupytext.read(self.source)

    def parameters(self) -> dict[str, Parameter]:
        """The parameters of the one cell tagged `parameters`; `BadInput` when there is not exactly one."""
        tagged = [c for c in self.notebook().cells if "parameters" in c.metadata.get("tags", [])]
        if len(tagged) != 1:
            raise BadInput(f"{self.source.name} has {len(tagged)} cells tagged `parameters`; it must have exactly one")
        return parse(tagged[0].source, self.source.name)

    def modules(self) -> list[str]:
        """The modules of `itdl` that the chapter's code cells import."""
        cells = [c.source for c in self.notebook().cells if c.cell_type == "code"]
        code = "\n".join(line for cell in cells for line in cell.splitlines() if not line.startswith(("%", "!")))
        try:
            tree = ast.parse(code)
        except SyntaxError as error:
            line = (error.text or "").strip()
            raise BadInput(f"{self.source.name}: {error.msg} in `{line}`; mend the cell") from None
        return sorted({name for node in ast.walk(tree) for name in _imported(node)})


@dataclass(frozen=True)
class Run:
    """One chapter with all its parameters: what to execute, and the key under which its result is kept."""

    chapter: Chapter
    profile: str
    parameters: dict[str, Value]
    injected: dict[str, Value]
    components: dict[str, str]

    @property
    def key(self) -> str:
        return key(self.components)

    @property
    def output(self) -> Path:
        """`_build/executed` for the book; a folder of its own for anything else."""
        if self.profile == BOOK and not self.injected:
            return self.chapter.executed
        label = "p" if self.profile == BOOK else self.profile
        folder = self.chapter.home.build / "runs" / self.chapter.stem / f"{label}-{self.key[:8]}"
        return folder / f"{self.chapter.stem}.ipynb"


def discover(home: project.Project) -> list[Chapter]:
    """All chapters in the order of their numbers. `BadInput` when there is none or a number is used twice."""
    found = [Chapter(path, home) for path in sorted(home.notebooks.glob("[0-9][0-9]_*.py"))]
    if not found:
        raise BadInput(f"{home.notebooks} holds no chapter; a chapter is a file NN_slug.py")
    numbers = [c.number for c in found]
    if repeated := {n for n in numbers if numbers.count(n) > 1}:
        raise BadInput(f"chapter numbers are used twice: {', '.join(sorted(repeated))}; rename one of the files")
    return found


def find(home: project.Project, name: str) -> Chapter:
    """The chapter with that number or name (`6`, `06`, `06_infinite_ensembles`)."""
    known = discover(home)
    wanted = [c for c in known if name in (c.stem, c.number, c.number.lstrip("0"))]
    if not wanted:
        raise BadInput(f"there is no chapter {name!r}{nearest(name, [*(c.stem for c in known)])}")
    return wanted[0]


def profile(home: project.Project, name: str) -> dict[str, dict[str, object]] | None:
    """Values by chapter number from `profiles/<name>.yml`; None for the book, which is the defaults."""
    files = {path.stem: path for path in home.profiles.glob("*.yml")}
    if name == BOOK:
        return None
    if name not in files:
        raise BadInput(f"there is no profile {name!r}{nearest(name, [BOOK, *files])}")
    where = f"profile {name}"
    try:
        content = yaml.safe_load(files[name].read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise BadInput(f"{where} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{where} is not a mapping of chapter numbers to values; see the other profiles")
    numbers = [c.number for c in discover(home)]
    for number, values in content.items():
        if number not in numbers:
            hint = nearest(number, numbers) if isinstance(number, str) else '; quote the number, as in "06"'
            raise BadInput(f"{where} names chapter {number!r}, which does not exist{hint}")
        if not isinstance(values, dict):
            raise BadInput(f"{where}, chapter {number}: {values!r} is not a mapping of parameters to values")
    return content


def plan(chapter: Chapter, name: str = BOOK, given: Mapping[str, object] | None = None) -> Run:
    """The run of `chapter` under profile `name` with the `given` values on top, all of it checked."""
    values = profile(chapter.home, name)
    if values is not None and chapter.number not in values:
        raise BadInput(f"chapter {chapter.number} has no {name} profile; add it to profiles/{name}.yml")
    known = chapter.parameters()
    base = resolve(known, values[chapter.number] if values else {}, f"profile {name}, {chapter.stem}")
    full = resolve(known, {**base, **(given or {})}, chapter.stem)
    injected = {n: v for n, v in full.items() if v != known[n].default}
    return Run(chapter, name, full, injected, components(chapter, full))


def changed(run: Run, notebook: Path) -> list[str]:
    """What differs between `run` and what `notebook` was executed from; empty when it is current."""
    if not notebook.is_file():
        return ["not executed yet"]
    then = stamp(notebook).get("components", {})
    now = run.components
    words = [f"{name} changed" for name in now if name in then and now[name] != then[name]]
    words += [f"{name} is new" for name in now if name not in then]
    return words + [f"{name} is gone" for name in then if name not in now]


def stamp(notebook: Path) -> dict[str, Any]:
    """The provenance stored in an executed notebook; empty when it has none."""
    found: dict[str, Any] = json.loads(notebook.read_text(encoding="utf-8"))["metadata"].get("itdl", {})
    return found


def components(chapter: Chapter, parameters: Mapping[str, Value]) -> dict[str, str]:
    if not chapter.claims.is_file():
        raise BadInput(f"{chapter.stem} has no registry of claims; add notebooks/claims/{chapter.claims.name}")
    modules = provenance.reach(chapter.modules())
    data = provenance.data_files() if "itdl.data" in modules else {}
    return {
        "text": provenance.digest(chapter.source.read_bytes()),
        "claims": provenance.digest(chapter.claims.read_bytes()),
        "parameters": key(dict(parameters)),
        "constraints": provenance.locked(chapter.home),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        **{f"module {name}": value for name, value in modules.items()},
        **{f"data {name}": value for name, value in data.items()},
    }


def _imported(node: ast.AST) -> list[str]:
    """Names of `itdl` modules an import statement runs; `from itdl import x` names the module x."""
    match node:
        case ast.Import(names=names):
            return [n.name for n in names if n.name.partition(".")[0] == provenance.PACKAGE]
        case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] == provenance.PACKAGE:
            return [provenance.module_of(module, n.name) for n in names]
    return []
