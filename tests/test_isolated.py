"""`itdl.runner.isolated`: the kernel named `python3` is this interpreter's, or the words say why not."""

import json
import sys
from pathlib import Path

import pytest

from itdl.runner import isolated


def _kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": [program, "-m", "ipykernel_launcher"], "display_name": "x", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))


@pytest.mark.parametrize("program", ["python", "python3", sys.executable])
def test_this_interpreter_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    _kernel(tmp_path, monkeypatch, program)
    assert isolated.wrong_kernel() == ""


def test_another_interpreter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _kernel(tmp_path, monkeypatch, "/elsewhere/bin/python3")
    words = isolated.wrong_kernel()
    assert words.startswith(f"the kernel python3 starts /elsewhere/bin/python3, not {sys.executable}")
    assert words.endswith("remove or mend that kernel specification")
