"""`itdl.runner.execution`: executed in isolation, kept by key, put in place whole."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import joblib
from compendium import Itdl

from itdl.project import Project
from itdl.runner import chapters, evidence, execution
from itdl.store import Store


def _notebook(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _committed(path: Path) -> bytes:
    return evidence.serialise(evidence.stripped(_notebook(path)))


# Exact


def test_a_run_fills_the_executed_folder_the_store_and_the_log(finished: Project) -> None:
    for chapter in chapters.discover(finished):
        key = chapters.stamp(chapter.executed)["key"]
        assert Store(finished.store).get(key) == chapter.executed.read_bytes()
        assert "Executing Cell 1" in (finished.build / "reports" / f"{chapter.stem}.log").read_text()


def test_the_books_run_injects_no_cell_and_any_other_run_one(finished: Project, itdl: Itdl) -> None:
    done = itdl(finished, "run", "02", "-p", "snr=1")
    assert done.returncode == 0, done.stderr
    [output] = (finished.build / "runs" / "02_gauss").glob("p-*/02_gauss.ipynb")
    tagged = [
        [cell for cell in _notebook(path)["cells"] if "injected-parameters" in cell["metadata"].get("tags", [])]
        for path in (finished.executed / "02_gauss.ipynb", output)
    ]
    assert [len(cells) for cells in tagged] == [0, 1]
    assert "snr = 1.0" in "".join(tagged[1][0]["source"])


def test_the_kernel_sees_one_thread_a_fixed_hash_and_the_project(sample: Project, itdl: Itdl) -> None:
    threads = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
    names = [*threads, "PYTHONHASHSEED", "ITDL_ROOT", "ITDL_STORE", "ITDL_JOBS"]
    source = sample.notebooks / "02_gauss.py"
    source.write_text(
        source.read_text().replace("import numpy as np", f"import os\nprint([os.environ[n] for n in {names}])", 1)
        .replace("np.log1p(snr)", "__import__('numpy').log1p(snr)")
        .replace("np.log(np.sqrt(1 + snr))", "__import__('numpy').log1p(snr) / 2")
    )  # fmt: skip
    done = itdl(sample, "run", "02", "--jobs", "1", ITDL_JOBS="99")
    assert done.returncode == 0, done.stdout
    text = (sample.executed / "02_gauss.ipynb").read_text()
    expected = [*("1" * 3), "0", str(sample.root), str(sample.store), str(joblib.cpu_count())]
    assert str(expected) in text


# Laws


def test_two_executions_give_the_same_committed_bytes(finished: Project, tmp_path: Path, itdl: Itdl) -> None:
    again = Project(tmp_path / "elsewhere")
    shutil.copytree(finished.root, again.root, ignore=shutil.ignore_patterns("_build"))
    assert itdl(again, "run", "01", PYTHONHASHSEED="5", TZ="Asia/Kathmandu", LC_ALL="C").returncode == 0
    assert _committed(again.executed / "01_coin.ipynb") == _committed(finished.executed / "01_coin.ipynb")


def test_a_current_chapter_is_not_executed_again(finished: Project, itdl: Itdl) -> None:
    done = itdl(finished, "run")
    assert done.returncode == 0
    assert done.stdout.count("is current") == 2


def test_a_lost_or_edited_output_is_put_back_from_the_store(finished: Project, itdl: Itdl) -> None:
    outputs = [finished.executed / "01_coin.ipynb", finished.executed / "02_gauss.ipynb"]
    before = [path.read_bytes() for path in outputs]
    outputs[0].unlink()
    outputs[1].write_text("{}")
    done = itdl(finished, "run")
    assert done.stdout.count("is current") == 2
    assert [path.read_bytes() for path in outputs] == before


def test_a_damaged_stored_result_is_set_aside_and_computed_again(finished: Project, itdl: Itdl) -> None:
    key = chapters.stamp(finished.executed / "02_gauss.ipynb")["key"]
    (finished.store / key).write_bytes((finished.store / key).read_bytes()[:-1])
    done = itdl(finished, "run", "02")
    assert done.returncode == 0
    assert "02_gauss executed in" in done.stdout
    assert "is damaged; moved to" in done.stderr
    assert len(list(finished.store.glob(f"{key}.*.bad"))) == 1


# Limits


def test_no_runs_give_no_outcomes() -> None:
    assert list(execution.execute([])) == []


def test_a_readers_own_kernel_of_that_name_is_not_used(sample: Project, tmp_path: Path, itdl: Itdl) -> None:
    folder = tmp_path / "jupyter" / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    done = itdl(sample, "run", "02", JUPYTER_PATH=str(tmp_path / "jupyter"), JUPYTER_DATA_DIR=str(tmp_path / "jupyter"))
    assert done.returncode == 0, done.stdout


def test_a_readers_start_up_files_do_not_count(sample: Project, tmp_path: Path, itdl: Itdl) -> None:
    folder = tmp_path / "profile_default" / "startup"
    folder.mkdir(parents=True)
    (folder / "first.py").write_text("import sys; print('hello', file=sys.stderr); snr = 8; raise ValueError")
    done = itdl(sample, "run", "02", IPYTHONDIR=str(tmp_path), MPLBACKEND="nonsense")
    assert done.returncode == 0, done.stdout


def test_a_source_that_changes_while_it_runs_is_no_result(sample: Project, itdl: Itdl) -> None:
    source = sample.notebooks / "02_gauss.py"
    edit = f"open({str(source)!r}, 'a').write('# edited\\n')\nimport numpy as np"
    source.write_text(source.read_text().replace("import numpy as np", edit, 1))
    done = itdl(sample, "run", "02")
    assert done.returncode == 3
    assert "text changed while the chapter ran; run it again" in done.stdout
    assert not (sample.executed / "02_gauss.ipynb").exists()


def test_the_interpreter_of_the_kernel_is_this_one(sample: Project, itdl: Itdl) -> None:
    source = sample.notebooks / "02_gauss.py"
    source.write_text(
        source.read_text().replace("import numpy as np", "import sys\nimport numpy as np\nprint(sys.executable)", 1)
    )
    assert itdl(sample, "run", "02").returncode == 0
    assert sys.executable in (sample.executed / "02_gauss.ipynb").read_text()
