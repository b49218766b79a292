"""`itdl.store`: whole or not at all, found by content, damage noticed."""

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itdl import store
from itdl.checks import BadInput
from itdl.store import Store, part_prefix, remove_leftovers, write

PAYLOAD = b"a result\nof two lines\n"


# Exact


def test_the_key_is_the_digest_of_sorted_compact_json() -> None:
    assert store.key({"b": 1, "a": [0.5, "x"]}) == hashlib.sha256(b'{"a":[0.5,"x"],"b":1}').hexdigest()


def test_a_stored_file_is_a_line_of_digest_a_line_of_seconds_and_the_payload(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    kept.put("name", PAYLOAD, 1.25)
    rest = b"1.250\n" + PAYLOAD
    assert (tmp_path / "name").read_bytes() == hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest
    assert kept.seconds("name") == 1.25


# Laws


@settings(max_examples=50, deadline=None)
@given(payload=st.binary(max_size=200))
def test_every_payload_comes_back_unchanged(tmp_path_factory: pytest.TempPathFactory, payload: bytes) -> None:
    kept = Store(tmp_path_factory.mktemp("store"))
    kept.put("name", payload)
    assert kept.get("name") == payload


@given(parts=st.dictionaries(st.text(max_size=3), st.integers() | st.floats(allow_nan=False, allow_infinity=False)))
def test_the_order_of_parts_does_not_matter_and_a_further_part_does(parts: dict[str, float]) -> None:
    assert store.key(dict(reversed(parts.items()))) == store.key(parts)
    assert store.key({**parts, "four": 4}) != store.key(parts)


def _write_often(root: Path, payload: bytes) -> int:
    kept = Store(root)
    return sum(kept.put("shared", payload) is None and kept.get("shared") == payload for _ in range(50))


def test_writers_of_one_key_may_race(tmp_path: Path) -> None:
    payload = os.urandom(20_000)
    whole = joblib.Parallel(n_jobs=4)(joblib.delayed(_write_often)(tmp_path, payload) for _ in range(4))
    assert whole == [50] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


# Limits


def test_what_was_never_stored_is_none(tmp_path: Path) -> None:
    assert Store(tmp_path / "new" / "folder").get("name") is None


def test_a_later_put_replaces_an_earlier_one(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    kept.put("name", b"old")
    kept.put("name", PAYLOAD)
    assert kept.get("name") == PAYLOAD


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Store(tmp_path)
    kept.put("name", PAYLOAD)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        kept.put("name", b"new")
    assert kept.get("name") == PAYLOAD
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_leftovers_of_a_dead_writer_are_swept_and_a_live_writers_part_is_not(tmp_path: Path) -> None:
    live = part_prefix()
    dead = live.replace(f"-{os.getpid()}-", "-4194305-")  # above the largest process number of Linux
    elsewhere = ".part-another.machine-4194305-x"
    for name in (f"{live}x", f"{dead}x", elsewhere):
        (tmp_path / name).touch()
    (tmp_path / f"{dead}folder").mkdir()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{live}x", elsewhere}


# Damage


def _damaged(stored: bytes, i: int, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(stored)))
    flipped = stored[:at] + bytes([stored[at] ^ (1 << int(rng.integers(8)))]) + stored[at + 1 :]
    return (flipped, stored[:at], stored + b"x")[i % 3]


def test_a_hundred_damaged_results_of_a_hundred_are_noticed(tmp_path: Path) -> None:
    kept, rng = Store(tmp_path), np.random.default_rng(0)
    noticed = 0
    for i in range(100):
        name = f"r{i}"
        kept.put(name, PAYLOAD)
        wrong = _damaged((tmp_path / name).read_bytes(), i, rng)
        (tmp_path / name).write_bytes(wrong)
        noticed += kept.get(name) is None
        [aside] = tmp_path.glob(f"{name}.*.bad")
        assert aside.read_bytes() == wrong
        assert not (tmp_path / name).exists()
    assert noticed == 100


def test_damage_is_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Store(tmp_path)
    (tmp_path / "name").write_bytes(b"rubbish")
    with caplog.at_level(logging.WARNING):
        assert kept.get("name") is None
    [line] = caplog.messages
    assert "name is damaged; moved to name." in line
    assert "not used" in line


# Bad input


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", np.float32(1)])
def test_what_json_cannot_hold_is_no_key(value: Any) -> None:
    with pytest.raises(BadInput, match="cannot name a result"):
        store.key({"x": value})


def test_write_makes_a_readable_file(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "page", PAYLOAD)
    assert (tmp_path / "deep" / "page").stat().st_mode & 0o777 == 0o644
