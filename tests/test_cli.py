"""`python -m itdl`: one sentence and one exit code for whatever happens."""

from pathlib import Path

import pytest
from compendium import Itdl

from itdl import cli
from itdl.project import Project
from itdl.runner import execution


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# Exact


def test_list_says_current_or_why_not(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    _edit(finished.notebooks / "02_gauss.py", "# A Gaussian", "# One Gaussian")
    assert cli.main(["list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("01_coin  current  (")
    assert second.startswith("02_gauss  stale: text changed  (")


def test_list_of_a_fresh_clone_names_every_chapter(sample: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out == "01_coin  stale: not executed yet\n02_gauss  stale: not executed yet\n"


def test_claims_prints_the_ledger_and_its_count(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["claims"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "01_coin  from executed/, current"
    assert "  coin-fair  reproduced" in lines
    assert lines[-1] == "4 claims: 3 reproduced, 1 not testable here"


def test_claims_fails_when_a_verdict_is_not_the_committed_one(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    _edit(finished.claims / "01_coin.toml", 'exact"\nverdict = "reproduced"', 'exact"\nverdict = "contradicted"')
    assert cli.main(["claims"]) == 1
    out = capsys.readouterr().out
    assert "stale: claims changed" in out
    assert "  coin-fair  reproduced (stale)" in out
    assert "verdict differs: coin-fair: reproduced here, committed as contradicted" in out


def test_promote_names_what_it_wrote_and_then_nothing(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["promote"]) == 0
    assert f"wrote {finished.notebooks / '01_coin.ipynb'}" in capsys.readouterr().out
    assert cli.main(["promote"]) == 0
    assert capsys.readouterr().out == "nothing to promote\n"


def test_book_executes_builds_and_says_where_to_open_it(sample: Project, itdl: Itdl) -> None:
    done = itdl(sample, "book")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("executed in") == 2
    assert done.stdout.endswith(
        f"4 claims: 3 reproduced, 1 not testable here\nopen {sample.build / 'html' / 'index.html'}\n"
    )


def test_a_chapter_named_twice_runs_once(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "1", "01_coin"]) == 0
    assert capsys.readouterr().out.startswith("chapter 1 of 1: 01_coin is current")


def test_another_profile_prints_its_verdicts_and_leaves_the_book_alone(finished: Project, itdl: Itdl) -> None:
    before = (finished.executed / "01_coin.ipynb").read_bytes()
    done = itdl(finished, "run", "--profile", "smoke", "-p", "seed=11", "1")
    assert done.returncode == 0, done.stdout
    assert "  coin-fair  reproduced\n  coin-sampled  reproduced\n" in done.stdout
    assert "_build/runs/01_coin/smoke-" in done.stdout
    assert (finished.executed / "01_coin.ipynb").read_bytes() == before


# Bad input: refused before a kernel starts


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "01", "-p", "sed=3"], "01_coin has no parameter 'sed'; did you mean 'seed'?"),
        (["run", "01", "-p", "seed=three"], "parameter seed is 'three'; it must be a whole number"),
        (["run", "01", "-p", "heads=1.5"], "parameter heads is 1.5; it must lie in [0, 1]"),
        (["run", "01", "-p", "heads=1e999"], "parameter heads is inf; it must be a finite number"),
        (["run", "01", "-p", "seed"], "parameter 'seed' is not of the form name=value"),
        (["run", "-p", "seed=3"], "parameters were given for 2 chapters; name the one they are for"),
        (["run", "--profile", "smok"], "there is no profile 'smok'; did you mean 'smoke'?"),
        (["run", "--profile", "paper"], "chapter 02 has no paper profile"),
        (["run", "01_con"], "there is no chapter '01_con'; did you mean '01_coin'?"),
        (["run", "--jobs", "0"], "jobs is 0; it must be one number above zero"),
        (["run", "--timeout", "nan"], "timeout is nan; 1 of 1 entries are not finite"),
    ],
)
def test_bad_input_is_one_sentence_and_no_kernel_starts(
    sample: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.setattr(execution, "_isolated", lambda *a: pytest.fail("a kernel was about to start"))
    assert cli.main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("itdl: ")
    assert sentence in told
    assert told.count("\n") == 1


def test_a_missing_parameters_cell_is_refused_before_a_kernel_starts(
    sample: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(execution, "_isolated", lambda *a: pytest.fail("a kernel was about to start"))
    _edit(sample.notebooks / "01_coin.py", ' tags=["parameters"]', "")
    assert cli.main(["run", "01"]) == 2
    assert "01_coin.py has 0 cells tagged `parameters`" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["rnu"], ["run", "--jobs", "many"]])
def test_words_that_are_no_command_are_bad_input(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: python -m itdl" in capsys.readouterr().err


def test_outside_of_a_project_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["list"]) == 2
    assert "no _toc.yml at or above" in capsys.readouterr().err


def test_debug_shows_the_traceback(sample: Project) -> None:
    with pytest.raises(ValueError, match="no profile"):
        cli.main(["--debug", "run", "--profile", "smok"])


# Broken data or environment


def test_a_page_without_evidence_is_broken_data(sample: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["promote"]) == 3
    assert capsys.readouterr().err == ("itdl: 01_coin is stale: not executed yet; run `python -m itdl run 01`\n")


def test_an_error_of_the_disk_is_one_sentence(
    finished: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "page.ipynb")

    monkeypatch.setattr("itdl.runner.book.write", full)
    assert cli.main(["promote"]) == 3
    assert capsys.readouterr().err.startswith("itdl: page.ipynb: No space left on device; old outputs are as they were")
