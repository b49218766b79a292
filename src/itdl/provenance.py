"""What a result was made from: digests of the modules its code reaches by import, and of the locked versions.

A result is current exactly as long as these digests stay the same. A cache that looks at a notebook's own
text alone is blind to the library and to the versions, and this library is where the numbers come from.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

import grimp

from itdl import project
from itdl.checks import BadInput, DataError

__all__ = ["PACKAGE", "data_files", "digest", "locked", "module_of", "reach"]

PACKAGE = "itdl"
DATA_SUFFIXES = (".csv", ".npz", ".txt")


def digest(data: bytes) -> str:
    """SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def reach(modules: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the source of each module that importing `modules` runs, within their packages and `itdl`.

    Packages above a module count, because their `__init__` runs first. Raises `BadInput` for a module that is
    not part of an installed package.
    """
    wanted = sorted(set(modules))
    packages = sorted({PACKAGE, *(name.partition(".")[0] for name in wanted)})
    if absent := [name for name in packages if importlib.util.find_spec(name) is None]:
        raise BadInput(f"module {absent[0]} cannot be imported here; install its package or mend the name")
    graph = grimp.build_graph(*packages, cache_dir=None)
    if unknown := [name for name in wanted if name not in graph.modules]:
        raise BadInput(f"module {unknown[0]} does not exist in {', '.join(packages)}; mend the import")
    found: set[str] = set()
    while wanted:  # a package's own imports count too
        found.update(wanted)
        above = {".".join(name.split(".")[:depth]) for name in wanted for depth in range(1, name.count(".") + 2)}
        wanted = sorted(above.union(*(graph.find_upstream_modules(name) for name in above)) - found)
    return {name: digest(_source(name).read_bytes()) for name in sorted(found)}


def module_of(module: str, name: str) -> str:
    """The module that `from module import name` runs: `module.name` where it is one, else `module`."""
    return f"{module}.{name}" if _source(f"{module}.{name}").is_file() else module


def locked(home: project.Project) -> str:
    """SHA-256 of the project's `constraints.txt`."""
    path = home.root / "constraints.txt"
    if not path.is_file():
        raise DataError(f"{path} is missing; results cannot be tied to versions without it: restore it from git")
    return digest(path.read_bytes())


def data_files() -> dict[str, str]:
    """SHA-256 of each data file that travels inside the package, by its path there."""
    folder = _source(PACKAGE).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in DATA_SUFFIXES)
    return {path.relative_to(folder).as_posix(): digest(path.read_bytes()) for path in files}


def _source(module: str) -> Path:
    """The file of `module`, found without running it."""
    head, *rest = module.split(".")
    spec = importlib.util.find_spec(head)
    assert spec is not None
    if not rest:
        return Path(str(spec.origin))
    [folder] = spec.submodule_search_locations or []
    path = Path(folder).joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
