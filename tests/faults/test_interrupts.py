"""Stopped anywhere, by whatever signal: nothing is lost, nothing is left running, the same command resumes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from compendium import Itdl, environment

from itdl.project import Project

PATIENCE = 60.0  # seconds until a busy machine must have reached the next step


@pytest.fixture
def waiting(sample: Project, tmp_path: Path) -> Path:
    """The second chapter notes its kernel's process number and then waits for ever, but only the first time."""
    note = tmp_path / "kernel"
    source = sample.notebooks / "02_gauss.py"
    code = (
        "import os, pathlib, time\n"
        f"note = pathlib.Path({str(note)!r})\n"
        "if not note.exists():\n"
        "    (note.parent / 'part').write_text(str(os.getpid()))\n"
        "    (note.parent / 'part').rename(note)\n"
        "    time.sleep(10_000)\n"
    )
    source.write_text(source.read_text().replace("import numpy as np", f"{code}import numpy as np", 1))
    return note


@pytest.fixture
def runner(sample: Project, waiting: Path, library: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has finished the first chapter and is inside the second."""
    command = [sys.executable, "-m", "itdl", "run", "--jobs", "1"]
    with subprocess.Popen(
        command, cwd=sample.root, env=environment(library), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not waiting.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "the second chapter did not start"
            time.sleep(0.05)
        yield process
        process.kill()


def _gone(pid: int) -> bool:
    """Whether the process `pid` ends (a zombie has ended)."""
    deadline = time.monotonic() + PATIENCE
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _resumes(home: Project, itdl: Itdl) -> None:
    done = itdl(home, "run")
    assert done.returncode == 0, done.stdout
    assert "01_coin is current" in done.stdout
    assert "02_gauss executed in" in done.stdout
    assert list((home.build / "scratch").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_the_next_one_resumes(
    number: signal.Signals, runner: subprocess.Popen[str], waiting: Path, sample: Project, itdl: Itdl
) -> None:
    runner.send_signal(number)
    out, err = runner.communicate(timeout=PATIENCE)
    assert runner.returncode == 4
    assert err == "itdl: interrupted; what is finished is kept, the same command resumes\n"
    assert "01_coin executed in" in out
    assert _gone(int(waiting.read_text()))
    assert not (sample.executed / "02_gauss.ipynb").exists()
    _resumes(sample, itdl)


def test_a_killed_runner_takes_its_kernel_along_and_the_next_one_resumes(
    runner: subprocess.Popen[str], waiting: Path, sample: Project, itdl: Itdl
) -> None:
    runner.kill()
    runner.communicate(timeout=PATIENCE)
    assert _gone(int(waiting.read_text()))
    assert (sample.executed / "01_coin.ipynb").is_file()
    _resumes(sample, itdl)


def test_two_chapters_at_once_are_both_stopped(
    sample: Project, waiting: Path, library: Path, tmp_path: Path, itdl: Itdl
) -> None:
    other = sample.notebooks / "01_coin.py"
    code = (sample.notebooks / "02_gauss.py").read_text().split("# %%\n")[1].split("import numpy")[0]
    text = code.replace(str(waiting), str(tmp_path / "other")).replace("'part'", "'part-other'")
    other.write_text(other.read_text().replace("import numpy as np", f"{text}import numpy as np", 1))
    with subprocess.Popen(
        [sys.executable, "-m", "itdl", "run", "--jobs", "2"],
        cwd=sample.root, env=environment(library), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not (waiting.exists() and (tmp_path / "other").exists()):
            assert time.monotonic() < deadline, "the chapters did not start side by side"
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert all(_gone(int(path.read_text())) for path in (waiting, tmp_path / "other"))
    assert itdl(sample, "run").returncode == 0
