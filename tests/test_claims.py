"""Claims: verdicts that need a control, a ledger that leaves nothing out, and records that cannot be bent.

The round trip of the records goes through a real notebook.
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW

from itdl import claims
from itdl.checks import BadInput, DataError
from itdl.claims import Claim, Ledger, Record
from itdl.gates import Gate, Measurement

REGISTRY = """
[[claim]]
id = "a-bound"
statement = "A bound holds."
source = "someone2020"
locator = "eq. 1"
kind = "bound"
quantity = "largest excess"
unit = "nats"
gate = {at_most = 0.5}
control = "the bound without its constant"
verdict = "reproduced"

[[claim]]
id = "b-limit"
statement = "A trend holds."
source = "someone2020"
locator = "fig. 2"
kind = "trend"
tier = "T3"
rule = "mean"
quantity = "slope"
gate = {at_least = 1.0}
limit = {at_least = 0.2}
setting = "wide networks"
control = "shuffled labels"
verdict = "reproduced in a limit"

[[claim]]
id = "c-formula"
statement = "A printed formula is exact."
source = "someone2020"
locator = "eq. 27"
kind = "exact"
tier = "T0"
quantity = "relative error"
gate = {at_most = 1e-9}
control = "the corrected formula, which must agree"
verdict = "contradicted"

[[claim]]
id = "d-elsewhere"
statement = "It also holds at scale."
source = "someone2020"
locator = "section 5"
kind = "comparison"
verdict = "not testable here"
note = "needs <data> & time"
"""
ENTRY = {
    "id": "x",
    "statement": "s",
    "source": "k",
    "locator": "l",
    "kind": "bound",
    "quantity": "q",
    "gate": {"at_most": 1},
    "control": "c",
    "verdict": "reproduced",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITDL_ROOT", str(tmp_path))
    folder = tmp_path / "notebooks" / "claims"
    folder.mkdir(parents=True)
    (folder / "07_trial.toml").write_text(REGISTRY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def ledger(home: Path) -> Ledger:
    return Ledger("07")


def fill(ledger: Ledger, **changes: dict[str, Any]) -> Ledger:
    """Checks every testable claim; `changes` override the arguments of one check."""
    calls: dict[str, dict[str, Any]] = {
        "a-bound": {"measured": [0.1, 0.3], "control": [2, 3]},
        "b-limit": {"measured": [0.4, 0.5, 0.6, 0.5, 0.4], "control": [0.0] * 5, "limit": [0.5, 0.6, 0.5, 0.6, 0.5]},
        "c-formula": {"measured": 1.98, "control": 3.3e-16},
    }
    for id_, arguments in calls.items():
        ledger.check(id_, **{**arguments, **changes.get(id_, {})})
    return ledger


def point(x: float) -> Measurement:
    return Measurement(x, x, x, 1)


def write(path: Path, *bundles: tuple[dict[str, str], dict[str, Any]]) -> Path:
    """A real notebook whose one cell shows these outputs."""
    outputs = [nbformat.v4.new_output("display_data", data=data, metadata=metadata) for data, metadata in bundles]
    cell = nbformat.v4.new_code_cell("ledger.close()", outputs=outputs, execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("text"), cell]), path)
    return path


@pytest.fixture
def notebook(ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    return write(tmp_path / "07_trial.ipynb", fill(ledger).close()._repr_mimebundle_())


def edited(notebook: Path, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    """The notebook with its stored records changed in place."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    change(book["cells"][1]["outputs"][0]["metadata"][claims.METADATA_KEY])
    notebook.write_text(json.dumps(book), encoding="utf-8")
    return notebook


GATE = Gate(1, 2)


# Verdicts

IN, OUT, ACROSS = point(1.5), point(9), Measurement(1.5, 0.5, 1.7, 2)
PLAIN = Claim(**{**ENTRY, "chapter": "07_trial", "gate": GATE})
LIMITED = replace(PLAIN, limit=Gate(1, 5))


@pytest.mark.parametrize(
    ("measured", "control", "verdict"),
    [
        (IN, OUT, "reproduced"),
        (IN, IN, "undecided"),  # the planted violation was not caught
        (IN, ACROSS, "undecided"),
        (OUT, IN, "contradicted"),
        (OUT, OUT, "undecided"),  # the gate fails whatever it is given
        (OUT, ACROSS, "undecided"),
        (ACROSS, OUT, "undecided"),
        (ACROSS, IN, "undecided"),
        (point(math.nan), OUT, "undecided"),
        (IN, point(math.nan), "undecided"),
    ],
)
def test_a_verdict_needs_a_control_that_comes_out_the_other_way(
    measured: Measurement, control: Measurement, verdict: str
) -> None:
    assert PLAIN.judge(measured, control) == verdict


@pytest.mark.parametrize(
    ("measured", "control", "limit", "verdict"),
    [
        (IN, OUT, point(3), "reproduced"),  # it holds without the restriction
        (point(7), OUT, point(3), "reproduced in a limit"),
        (ACROSS, OUT, point(3), "reproduced in a limit"),
        (point(7), point(3), point(3), "undecided"),  # the control passes the limit's gate
        (point(7), OUT, point(6), "undecided"),
        (point(7), OUT, Measurement(3, 3, 6, 2), "undecided"),
        (point(7), IN, point(6), "undecided"),
        (point(7), OUT, None, "undecided"),
    ],
)
def test_a_limit_decides_only_where_the_whole_claim_does_not(
    measured: Measurement, control: Measurement, limit: Measurement | None, verdict: str
) -> None:
    assert LIMITED.judge(measured, control, limit) == verdict


@LAW
@given(st.floats(-5, 5), st.floats(0, 2), st.floats(-5, 5))
def test_no_number_is_both_reproduced_and_contradicted(x: float, spread: float, control: float) -> None:
    m = Measurement(x, x, x + spread, 2)
    verdicts = {PLAIN.judge(m, point(c)) for c in (control, 1.5, 9)}
    assert not {"reproduced", "contradicted"} <= verdicts
    assert PLAIN.judge(m, m) == "undecided"  # nothing is its own control


# The ledger of a chapter


def test_a_check_prints_its_verdict_and_rounded_numbers(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.check("a-bound", [0.12345, 0.3], control=[2, 3.14159])
    assert ledger.records["a-bound"].verdict == "reproduced"
    expected = "a-bound  reproduced\n    0.212 [0.123, 0.300] nats (gate ≤ 0.5; control 2.57 [2.00, 3.14])\n"
    assert capsys.readouterr().out == expected


def test_all_four_verdicts_come_out_of_one_chapter(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    table = fill(ledger).close()
    assert {r.id: r.verdict for r in table.records} == {
        "a-bound": "reproduced",
        "b-limit": "reproduced in a limit",
        "c-formula": "contradicted",
        "d-elsewhere": "not testable here",
    }
    assert capsys.readouterr().out.splitlines()[2:] == [
        "b-limit  reproduced in a limit",
        "    0.540 [0.472, 0.608] for wide networks (gate ≥ 0.2; control ≈ 0)",
        "c-formula  contradicted",
        "    1.98 (gate ≤ 1e-09; control ≈ 0)",
    ]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda x: x.check("a-bond", 1, control=2),
            "claim 'a-bond' has no gate in the registry; registered: a-bound, b-limit, c-formula",
        ),
        (lambda x: x.check("d-elsewhere", 1, control=2), "claim 'd-elsewhere' has no gate in the registry"),
        (lambda x: [x.check("a-bound", 0, control=2) for _ in range(2)], "claim a-bound was checked twice"),
        (lambda x: x.check("a-bound", 0, control=2, limit=1), "claim a-bound: pass `limit` exactly when"),
        (lambda x: x.check("b-limit", [0] * 5, control=[0] * 5), "claim b-limit: pass `limit` exactly when"),
        (lambda x: x.check("a-bound", np.nan, control=2), "decided by finite numbers only"),
        (lambda x: x.check("a-bound", 0, control=np.nan), "decided by finite numbers only"),
        (lambda x: x.check("a-bound", [], control=2), "a check was given no numbers"),
        (lambda x: x.check("b-limit", [1] * 4, control=[0] * 5, limit=[1] * 5), "'mean' was given 4 units"),
        (lambda x: x.check("b-limit", [1] * 5, control=[0] * 5, limit=[1] * 4), "'mean' was given 4 units"),
        (lambda x: x.close(), "the chapter ends without deciding a-bound, b-limit, c-formula; check them before"),
    ],
)
def test_a_chapter_decides_each_of_its_claims_once(
    ledger: Ledger, call: Callable[[Ledger], object], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        call(ledger)


def test_a_refused_check_leaves_no_record(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="finite"):
        ledger.check("a-bound", np.nan, control=2)
    assert not ledger.records


def test_a_chapter_without_registered_claims_is_refused(home: Path) -> None:
    with pytest.raises(BadInput, match=r"no claims are registered for chapter 08; add notebooks/claims/08_\*\.toml"):
        Ledger("08")


# Rounding


def described(claim: Claim, measured: object, control: object = 9.0) -> str:
    m, c = (Measurement.of(x, "every") for x in (measured, control))
    return claims.describe(claim, Record(claim.id, "undecided", m, c))


@pytest.mark.parametrize("gate", [{"at_most": 1e-9}, {"equals": 0, "within": 1e-9}, {"at_least": 0, "at_most": 1e-5}])
@pytest.mark.parametrize("residual", [3.1e-16, [0.0, 2.2e-16], 0.0])
def test_under_a_tiny_tolerance_no_digit_of_the_residual_is_printed(gate: dict[str, float], residual: object) -> None:
    claim = replace(PLAIN, gate=Gate.of("x", gate), unit="nats")
    text = described(claim, residual)
    assert text.startswith("≈ 0 (gate ")
    assert text == described(claim, 1.1e-15)
    assert described(claim, 2.5, control=residual).endswith("; control ≈ 0)")


def test_a_negative_residual_is_noise_too_but_a_large_one_is_shown() -> None:
    exact = replace(PLAIN, gate=Gate.of("x", {"equals": 0, "within": 1e-9}))
    assert described(exact, [-3.1e-16, 2e-17]).startswith("≈ 0 (gate -1e-09 … 1e-09;")
    bound = replace(PLAIN, gate=Gate.of("x", {"at_most": 1e-9}))
    assert described(bound, -0.25).startswith("-0.250 (")
    assert described(bound, 2e-9).startswith("2.00e-09 (")


@pytest.mark.parametrize("noise", [0.0, 2.2e-16, -4.4e-16])
def test_rounding_noise_beside_real_numbers_is_printed_as_nothing(noise: float) -> None:
    claim = replace(PLAIN, gate=Gate(high=0.005))
    assert described(claim, [noise, 0.004]).startswith("0.00200 [≈ 0, 0.00400] (")
    assert described(claim, noise, control=[noise, 1.0]) == "≈ 0 (gate ≤ 0.005; control 0.500 [≈ 0, 1.00])"


def test_a_claim_without_numbers_is_described_by_its_note() -> None:
    assert claims.describe(replace(PLAIN, note="no data"), Record("x", "not testable here")) == "no data"


# What the notebook carries


def test_the_record_survives_a_real_notebook_in_full_precision(notebook: Path, ledger: Ledger) -> None:
    records = {r.id: r for r in claims.read(notebook)}
    assert set(records) == {"a-bound", "b-limit", "c-formula", "d-elsewhere"}
    for id_, record in ledger.records.items():
        assert records[id_] == record
    assert records["d-elsewhere"] == Record("d-elsewhere", "not testable here")
    assert nbformat.read(notebook, as_version=4).cells[1].outputs[0].metadata[claims.METADATA_KEY]


def test_the_table_is_plain_html_with_everything_escaped(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    data, metadata = fill(ledger).close()._repr_mimebundle_()
    page = BeautifulSoup(data["text/html"], "html.parser")
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page.find_all("tr")]
    assert rows[0] == ["claim", "verdict", "measured"]
    assert [row[0] for row in rows[1:]] == ["a-bound", "b-limit", "c-formula", "d-elsewhere"]
    assert rows[4][1:] == ["not testable here", "needs <data> & time"]
    assert "<data>" not in data["text/html"]
    assert "needs &lt;data&gt; &amp; time" in data["text/html"]
    assert data["text/plain"].splitlines()[0] == "claim  verdict  measured"
    assert data["text/plain"].count("\n") == 4
    assert json.loads(json.dumps(metadata, allow_nan=False)) == metadata


def test_a_number_that_json_cannot_hold_never_reaches_the_notebook(ledger: Ledger) -> None:
    table = claims._Table(ledger.claims, [Record("a-bound", "undecided", point(math.nan), point(1))])
    with pytest.raises(ValueError, match="JSON compliant"):
        table._repr_mimebundle_()


def _set(index: int, key: str, value: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda records: records[index].__setitem__(key, value)


def _measured(index: int, **values: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda records: records[index]["measured"].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set(0, "verdict", "contradicted"), "a-bound is stored as 'contradicted' but its numbers say 'reproduced'"),
        (_set(2, "verdict", "reproduced"), "c-formula is stored as 'reproduced' but its numbers say 'contradicted'"),
        (_set(1, "verdict", "reproduced"), "but its numbers say 'reproduced in a limit'"),
        (_measured(0, high=0.51), "a-bound is stored as 'reproduced' but its numbers say 'undecided'"),
        (_measured(0, low=4.0, high=5.0), "but its numbers say 'undecided'"),
        (_measured(0, value=math.nan), "but its numbers say 'undecided'"),
        (lambda r: r[0]["control"].update(low=0.1, high=0.2), "but its numbers say 'undecided'"),
        (_set(1, "limit", None), "b-limit is stored as .* but its numbers say 'undecided'"),
        (lambda r: r[0].update(verdict="not testable here", measured=None, control=None), "numbers say 'undecided'"),
        (_set(0, "measured", None), "a-bound is stored as 'reproduced' but its numbers say 'undecided'"),
        (_set(3, "measured", {"value": 1, "low": 1, "high": 1, "n": 1}), None),
        (_set(3, "verdict", "reproduced"), "d-elsewhere is stored as 'reproduced' but its numbers say 'not testable"),
        (_set(0, "id", "a-foreign"), "07_trial.ipynb records other claims than its registry; execute it again"),
        (lambda r: r.pop(), "records other claims than its registry"),
        (lambda r: r.append(r[0]), "records other claims than its registry"),
        (lambda r: r.clear(), "07_trial.ipynb holds no claims record; execute it again"),
        (lambda r: r[0].pop("control"), r"07_trial.ipynb is damaged \(KeyError\('control'\)\); execute it again"),
        (_measured(0, extra=1), "is damaged"),
        (lambda r: r.__setitem__(0, "text"), "is damaged"),
        (_set(0, "measured", [1, 2]), "is damaged"),
    ],
)
def test_a_record_that_was_bent_is_refused(
    notebook: Path, change: Callable[[list[dict[str, Any]]], object], words: str | None
) -> None:
    bent = edited(notebook, change)
    if words is None:
        # Numbers without a control decide nothing: the claim stays untested, as registered.
        assert claims.read(bent)[3].verdict == "not testable here"
        return
    with pytest.raises(DataError, match=words):
        claims.read(bent)


def test_a_notebook_without_a_record_or_that_is_none_is_refused(home: Path) -> None:
    path = write(home / "07_trial.ipynb", ({"text/plain": "1"}, {}))
    with pytest.raises(DataError, match=r"07_trial\.ipynb holds no claims record; execute it again"):
        claims.read(path)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"07_trial\.ipynb is damaged \(KeyError\('cells'\)\)"):
        claims.read(path)
    path.write_text('{"cells": [', encoding="utf-8")
    with pytest.raises(DataError, match=r"07_trial\.ipynb is damaged \(JSONDecodeError"):
        claims.read(path)


def test_the_record_is_found_among_other_outputs(
    ledger: Ledger, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fill(ledger).close()._repr_mimebundle_()
    path = write(home / "07_trial.ipynb", ({"text/plain": "figure"}, {"width": 3}), bundle, ({"text/plain": "x"}, {}))
    assert len(claims.read(path)) == 4


def test_a_notebook_is_held_against_the_claims_of_its_own_chapter(notebook: Path, home: Path) -> None:
    (home / "notebooks" / "claims" / "08_next.toml").write_text(
        REGISTRY.replace('id = "', 'id = "next-'), encoding="utf-8"
    )
    assert len(claims.read(notebook)) == 4
    with pytest.raises(DataError, match=r"08_next\.ipynb records other claims"):
        claims.read(notebook.rename(home / "08_next.ipynb"))


def test_differences_name_only_what_changed(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    changed = {"measured": [7, 8], "control": [0.1, 0.2]}
    records = fill(ledger, **{"a-bound": changed}).close().records
    assert claims.differences(records) == [
        "a-bound: contradicted here, committed as reproduced; "
        "7.50 [7.00, 8.00] nats (gate ≤ 0.5; control 0.150 [0.100, 0.200])"
    ]
    known = [replace(c, verdict="contradicted") if c.id == "a-bound" else c for c in claims.registry()]
    assert claims.differences(records, known) == []


# The registry


def toml(**changes: object) -> str:
    entry = {k: v for k, v in {**ENTRY, **changes}.items() if v is not None}
    lines = [f"{k} = {_toml(v)}" for k, v in entry.items()]
    return "[[claim]]\n" + "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[claim]\n", r"09_bad\.toml is not a list of \[\[claim\]\] tables: "),
        ("title = 'x'\n", r"09_bad\.toml is not a list of \[\[claim\]\] tables: it has None as its claims"),
        ("[claim]\nid = 'x'\n", r"09_bad\.toml is not a list of \[\[claim\]\] tables: it has \{'id': 'x'\}"),
        ("claim = [1]\n", r"is not a list of \[\[claim\]\] tables: it has \[1\]"),
        (toml(colour="red"), "09_bad.toml, claim x: .*unexpected keyword argument 'colour'"),
        (toml(locator=None), "09_bad.toml, claim x: .*missing .*'locator'"),
        (toml(id=None), r"09_bad.toml, claim \?: .*missing .*'id'"),
        (toml(verdict="proved"), "claim x: 'proved' is none of reproduced, reproduced in a limit, contradicted, not"),
        (toml(verdict="undecided"), "claim x: 'undecided' is none of reproduced"),
        (toml(kind="guess"), "claim x: 'guess' is none of exact, numeric, trend, bound, comparison"),
        (toml(tier="T9"), "claim x: 'T9' is none of T0, T1, T2, T3"),
        (toml(rule="some"), "claim x: 'some' is none of every, mean"),
        (toml(gate=None), "claim x: 'reproduced' needs gate"),
        (toml(control=None), "claim x: 'reproduced' needs control"),
        (toml(quantity=None, control=None), "claim x: 'reproduced' needs control, quantity"),
        (toml(verdict="contradicted", quantity=None), "claim x: 'contradicted' needs quantity"),
        (toml(verdict="not testable here"), "claim x: 'not testable here' needs note"),
        (toml(verdict="reproduced in a limit"), "claim x: 'reproduced in a limit' needs limit, setting"),
        (toml(gate={"below": 1}), "09_bad.toml, claim x: gate .* is none of at_most"),
        (toml(gate=1), "09_bad.toml, claim x: gate 1 is not a table of numbers"),
        (toml(limit={"at_most": "x"}), "09_bad.toml, claim x: gate .* is not a table of numbers"),
        (toml() + toml(), "claim ids must be unique; repeated: x"),
        (toml(id="a-bound"), "claim ids must be unique; repeated: a-bound"),
    ],
)
def test_every_mistake_in_a_registry_is_named(home: Path, text: str, words: str) -> None:
    (home / "notebooks" / "claims" / "09_bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=words):
        claims.registry()


def test_text_that_is_not_utf8_is_named(home: Path) -> None:
    (home / "notebooks" / "claims" / "09_bad.toml").write_bytes(b"[[claim]]\nid = '\xff'\n")
    with pytest.raises(BadInput, match=r"09_bad\.toml is not a list of \[\[claim\]\] tables: .*utf-8"):
        claims.registry()


def test_the_registry_is_read_in_the_order_of_its_files_and_ignores_others(home: Path) -> None:
    folder = home / "notebooks" / "claims"
    (folder / "02_first.toml").write_text(toml(id="z"), encoding="utf-8")
    (folder / "notes.toml").write_text("nothing", encoding="utf-8")
    known = claims.registry()
    assert [c.id for c in known] == ["z", "a-bound", "b-limit", "c-formula", "d-elsewhere"]
    assert [c.chapter for c in known][:2] == ["02_first", "07_trial"]
    assert claims.registry(folder) == known
    assert known[2].limit == Gate(low=0.2)
    assert (known[2].rule, known[2].tier, known[1].rule, known[1].tier) == ("mean", "T3", "every", "T1")


def test_an_empty_folder_registers_nothing(tmp_path: Path) -> None:
    assert claims.registry(tmp_path) == []
