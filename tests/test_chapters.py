"""`itdl.runner.chapters`: found on disk, profiles checked, current exactly when nothing they depend on has changed."""

import json
from pathlib import Path

import pytest

from itdl.checks import BadInput
from itdl.project import Project
from itdl.runner import chapters


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# Exact


def test_chapters_are_found_in_order(sample: Project) -> None:
    assert [c.stem for c in chapters.discover(sample)] == ["01_coin", "02_gauss"]


@pytest.mark.parametrize("name", ["2", "02", "02_gauss"])
def test_a_chapter_is_found_by_number_or_name(sample: Project, name: str) -> None:
    assert chapters.find(sample, name).stem == "02_gauss"


def test_modules_are_those_the_code_cells_import(sample: Project) -> None:
    _edit(sample.notebooks / "02_gauss.py", "import numpy as np\n", "import itdl.store\nfrom itdl import __version__\n")
    modules = chapters.find(sample, "02").modules()
    assert modules == ["itdl", "itdl.claims", "itdl.show", "itdl.store"]


def test_components_name_everything_a_result_depends_on(sample: Project) -> None:
    components = chapters.plan(chapters.find(sample, "01")).components
    assert set(components) == {
        *("text", "claims", "parameters", "constraints", "python", "module itdl"),
        *(f"module itdl.{name}" for name in ("checks", "claims", "gates", "project", "rng", "show")),
    }
    assert components["python"] == "3.11"


def test_a_profile_and_given_values_override_in_this_order(sample: Project) -> None:
    run = chapters.plan(chapters.find(sample, "01"), "smoke", {"seed": 11})
    assert run.injected == {"throws": 100, "seed": 11}
    run = chapters.plan(chapters.find(sample, "01"), "smoke", {"throws": 50})
    assert run.injected == {"throws": 50}


# Laws


def test_only_the_books_own_run_goes_to_the_executed_folder(sample: Project) -> None:
    chapter = chapters.find(sample, "01")
    outputs = [
        chapters.plan(chapter),
        chapters.plan(chapter, given={"heads": 0.5}),
        chapters.plan(chapter, given={"heads": 0.4}),
        chapters.plan(chapter, "smoke"),
    ]
    assert [run.output == chapter.executed for run in outputs] == [True, True, False, False]
    assert outputs[2].output.parent.name == f"p-{outputs[2].key[:8]}"
    assert outputs[3].output.parent.name == f"smoke-{outputs[3].key[:8]}"


def test_equal_values_give_equal_keys_whatever_their_spelling(sample: Project) -> None:
    chapter = chapters.find(sample, "02")
    assert chapters.plan(chapter, given={"snr": 3}).key == chapters.plan(chapter).key
    assert chapters.plan(chapter, given={"snr": 3.5}).key != chapters.plan(chapter).key


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("notebooks/01_coin.py", "units = 5", "units = 6", ["text changed", "parameters changed"]),
        ("notebooks/01_coin.py", "# A coin", "# One coin", ["text changed"]),
        ("notebooks/claims/01_coin.toml", "0.1 }", "0.2 }", ["claims changed"]),
        ("constraints.txt", "2.4.6", "2.4.7", ["constraints changed"]),
        ("notebooks/01_coin.py", "from itdl import rng", "from itdl import rng, numerics", ["text changed", "is new"]),
        ("notebooks/01_coin.py", "from itdl import rng", "rng = 1", ["text changed", "module itdl.rng is gone"]),
        ("notebooks/02_gauss.py", "# A Gaussian", "# One Gaussian", []),
        ("book/index.md", "tiny", "small", []),
    ],
)
def test_what_changed_is_named_and_nothing_else(
    sample: Project, tmp_path: Path, file: str, old: str, new: str, named: list[str]
) -> None:
    run = chapters.plan(chapters.find(sample, "01"))
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"metadata": {"itdl": {"components": run.components}}}))
    assert chapters.changed(run, notebook) == []
    _edit(sample.root / file, old, new)
    why = chapters.changed(chapters.plan(chapters.find(sample, "01")), notebook)
    assert all(any(words in reason for reason in why) for words in named)
    assert bool(why) is bool(named)


# Limits


def test_what_was_never_executed_says_so(sample: Project) -> None:
    chapter = chapters.find(sample, "01")
    assert chapters.changed(chapters.plan(chapter), chapter.executed) == ["not executed yet"]


def test_a_notebook_without_provenance_is_wholly_stale(sample: Project, tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text('{"metadata": {}}')
    run = chapters.plan(chapters.find(sample, "01"))
    assert len(chapters.changed(run, tmp_path / "n.ipynb")) == len(run.components)


# Bad input


@pytest.mark.parametrize(
    ("name", "words"),
    [("02_gaus", "there is no chapter '02_gaus'; did you mean '02_gauss'?"), ("9", "known: 01_coin, 02_gauss")],
)
def test_an_unknown_chapter_is_refused_with_the_nearest_name(sample: Project, name: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        chapters.find(sample, name)
    assert words in str(caught.value)


def test_a_number_used_twice_is_refused(sample: Project) -> None:
    (sample.notebooks / "01_again.py").touch()
    with pytest.raises(BadInput, match="used twice: 01"):
        chapters.discover(sample)


def test_a_project_without_chapters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no chapter"):
        chapters.discover(Project(tmp_path))


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (None, "there is no profile 'smok'; did you mean 'smoke'? known: book, paper, smoke"),
        ("- 1", "is not a mapping of chapter numbers to values"),
        ("01: {throws: 100}", 'names chapter 1, which does not exist; quote the number, as in "06"'),
        ('"03": {}', "names chapter '03', which does not exist; known: 01, 02"),
        ("'01: {", "profile smok is not YAML: while scanning a quoted scalar"),
        ('"02": {}', "chapter 01 has no smok profile; add it to profiles/smok.yml"),
        ('"01": 3', "chapter 01: 3 is not a mapping"),
        ('"01": {throw: 100}', "profile smok, 01_coin has no parameter 'throw'; did you mean 'throws'?"),
        ('"01": {heads: 1e-3}', "YAML reads 1e-3 as text"),
        ('"01": {loud: 1}', "loud is 1; it must be True or False"),
    ],
)
def test_a_wrong_profile_is_refused_in_words(sample: Project, profile: str | None, words: str) -> None:
    if profile is not None:
        (sample.profiles / "smok.yml").write_text(profile)
    with pytest.raises(BadInput) as caught:
        chapters.plan(chapters.find(sample, "01"), "smok")
    assert words in str(caught.value)


def test_a_profile_outside_its_folder_is_unknown(sample: Project) -> None:
    (sample.notebooks / "other.yml").write_text('"01": {}')
    with pytest.raises(BadInput, match="there is no profile"):
        chapters.plan(chapters.find(sample, "01"), "../other")


@pytest.mark.parametrize(("new", "count"), [("# %%\n", 0), ('# %% tags=["parameters"]\nseed = 1  # root\n\n\\g<0>', 2)])
def test_there_is_exactly_one_parameters_cell(sample: Project, new: str, count: int) -> None:
    tag = '# %% tags=["parameters"]\n'
    _edit(sample.notebooks / "01_coin.py", tag, new.replace("\\g<0>", tag))
    with pytest.raises(BadInput, match=f"has {count} cells tagged `parameters`"):
        chapters.plan(chapters.find(sample, "01"))


def test_a_chapter_without_claims_is_refused(sample: Project) -> None:
    (sample.claims / "01_coin.toml").unlink()
    with pytest.raises(BadInput, match=r"add notebooks/claims/01_coin\.toml"):
        chapters.plan(chapters.find(sample, "01"))


def test_a_chapter_that_is_no_python_is_refused_with_its_line(sample: Project) -> None:
    _edit(sample.notebooks / "01_coin.py", "def entropy(p):", "def entropy(p:")
    with pytest.raises(BadInput, match=r"01_coin\.py: .* in `def entropy\(p:`"):
        chapters.plan(chapters.find(sample, "01"))
