"""The experiments of chapter 15 in small: deterministic, against their exact curves, and each helper by hand."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import compressor, rng, sweep
from itdl.checks import BadInput, DataError
from itdl.scaling.power_laws import compute_optimal, isoflop_optimum
from itdl.sources import BilinearMarkov
from itdl.store import Store
from itdl.studies import scaling_compression as compression
from itdl.studies import scaling_isoflop as iso
from itdl.studies import scaling_laws as trained
from itdl.studies import scaling_record as record
from itdl.studies import scaling_sources as study
from itdl.studies.scaling_laws import learning_rate
from itdl.transformers import Decoders
from itdl.zipf_bits import ZipfBits

CHAIN: dict[str, Any] = {"seed": 3, "vocabulary": 16, "gamma": 1.0, "scale": 0.5}
DECODER: dict[str, Any] = CHAIN | {"width": 8, "context": 8, "batch": 16}


# Helpers


def test_slopes_and_straightness_by_hand() -> None:
    x = np.array([1.0, 2, 4, 8])
    assert_allclose(study.slope(x, [x**-0.5, 3 * x**2]), [-0.5, 2])
    assert_allclose(study.steps(x, x**-0.5 * 7), [-0.5] * 3)
    assert_allclose(study.determination(x, [x**-0.5, np.exp(np.array([1.0, -1, -1, 1]))]), [1, 0], atol=1e-12)
    y = np.array([1.0, 3, 2, 5])
    assert_allclose(study.determination(x, y), np.corrcoef(np.log(x), np.log(y))[0, 1] ** 2)


def test_the_surface_is_the_exact_loss() -> None:
    n, d, loss = study.surface(0.5, 1.5, [10, 100], [50, 500, 5000])
    assert_allclose(loss.reshape(2, 3)[1, 2], 1.5 + ZipfBits(0.5).excess(100, 5000))
    assert (n[:3] == 10).all()
    assert (d[:3] == [50, 500, 5000]).all()


def test_the_free_form_is_closest_on_the_surface() -> None:
    laws = study.forms(0.5, 1.0, np.geomspace(32, 1e4, 6).round(), np.geomspace(316, 1e6, 6).round())
    assert abs(laws["free"].alpha - 0.5) < abs(laws["kaplan"].alpha - 0.5) < abs(laws["additive"].alpha - 0.5)


def test_simulated_memorisers_obey_the_exact_sums() -> None:
    out = study.memoriser(seed=3, index=0, alpha=0.8, times=[10, 200], runs=400)
    source = ZipfBits(0.8)
    for name, exact in (("now", source.unlearned([10, 200])), ("learned", source.block_excess([10, 200]))):
        values = np.asarray(out[name])
        assert (np.abs(values.mean(axis=0) - exact) < 4 * values.std(axis=0) / 20).all()
    # The average over the times 0..t is the mean of the exact curve.
    curve = source.unlearned(np.arange(201))
    averaged = np.asarray(out["averaged"])
    assert (np.abs(averaged.mean(axis=0) - [curve[:11].mean(), curve.mean()]) < 4 * averaged.std(axis=0) / 20).all()


# The record


def test_simulated_runs_lie_about_the_law() -> None:
    n, d, loss = record.simulated(5, 0, 4000)
    errors = np.log(loss / record.BESIROGLU.loss(n, d))
    assert_allclose(np.abs(errors).mean(), 0.0047, rtol=0.05)
    assert_allclose([np.log(n).mean(), np.log(d).mean()], np.log([8e8, 1.66e10]), atol=0.06)
    assert n.min() >= 5.7e7
    assert d.max() <= 3.2e11
    assert not np.allclose(record.simulated(5, 1, 4000)[0], n)


def test_a_refit_contains_its_truth_and_an_early_stop_does_not() -> None:
    unit: dict[str, Any] = {"seed": 4, "index": 0, "points": "simulated", "replicates": 40}
    fit = record.refit(**unit)
    assert fit == record.refit(**unit)
    assert fit["unfinished"] == 0
    assert abs(float(fit["alpha"]) - 0.3478) < 4 * float(fit["alpha_error"])
    early = record.stopped_early(**unit, averaged=True)
    summed = record.stopped_early(**unit, averaged=False)
    assert float(early["width"]) < 0.3 * float(fit["width"]) < float(summed["width"])
    assert float(early["iterations"]) < 15 < float(summed["iterations"])
    assert float(early["exponent_n_high"]) < 0.5126
    free = record.free_form(seed=4, index=0, points="simulated")
    assert 0.6 < float(free["coupling"]) < 1.6
    assert float(free["gain"]) > -0.5


def test_other_points_need_their_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ITDL_DATA", str(tmp_path))
    with pytest.raises(DataError, match="is not there; put the file into that folder, or take the simulated runs"):
        record.digitised()
    (tmp_path / "svg_extracted_data.csv").write_text("x,y\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"has SHA-256 .*, expected 193478.*; fetch it again"):
        record.digitised()
    with pytest.raises(BadInput, match="points is 'guessed'; known are simulated and digitised"):
        record.refit(seed=1, index=0, points="guessed", replicates=5)


def test_a_file_is_read_as_the_replication_reads_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [f"0,0,c,{1e8 * (i + 1)},{6e18 * (i + 1)},#fff,{2 + 0.1 * i}" for i in range(9)]
    content = "x,y,color,Model Size,Training FLOP,hex_color,loss\n" + "\n".join(rows) + "\n"
    (tmp_path / "svg_extracted_data.csv").write_text(content, encoding="utf-8")
    monkeypatch.setenv("ITDL_DATA", str(tmp_path))
    monkeypatch.setattr(record, "FILE_SHA256", hashlib.sha256(content.encode()).hexdigest())
    n, d, loss = record.digitised()
    assert_allclose(n, [1e8, 2e8, 3e8, 4e8])
    assert_allclose(d, [1e10] * 4)
    assert_allclose(loss, [2, 2.1, 2.2, 2.3])


def test_kaplans_view_without_embeddings_to_leave_out_is_the_law_itself() -> None:
    for law in (record.BESIROGLU, record.HOFFMANN_ROUNDED):
        assert_allclose(record.kaplan_view(law, embeddings=0)[0], compute_optimal(law, 1e20).exponent_n, rtol=1e-6)


def test_kaplans_view_against_a_search_at_every_budget() -> None:
    law, w, n = record.BESIROGLU, record.TOKEN_VECTORS, np.geomspace(100, 1e10, 20_001)
    budgets = np.geomspace(1e11, 1e22, 120)
    losses = [law.loss(n + w * np.cbrt(n), compute / 6 / n) for compute in budgets]
    best, least = n[np.argmin(losses, axis=1)], np.min(losses, axis=1)
    kept = (best >= 790) & (best <= 1.58e9)
    assert 30 < kept.sum() < 120
    slopes = [np.polyfit(np.log(budgets[kept]), np.log(y[kept]), 1)[0] for y in (best, least)]
    assert_allclose(record.kaplan_view(law), slopes, atol=5e-3)


def test_the_path_behind_kaplans_view_is_the_best_of_every_budget() -> None:
    compute, n, loss = record.kaplan_path(record.BESIROGLU, embeddings=0, points=50)
    best = compute_optimal(record.BESIROGLU, compute)
    assert_allclose(n, best.n_params, rtol=1e-4)
    assert_allclose(loss, best.loss, rtol=1e-4)
    assert_allclose(np.diff(np.log(compute)), np.log(compute[-1] / compute[0]) / 49, rtol=1e-9)


def test_a_drawn_budget_is_the_law_and_the_parabola_of_the_library() -> None:
    law = record.HOFFMANN_ROUNDED
    drawn = {name: np.asarray(x) for name, x in record.isoflop_curve(law, 1e20, 16).items()}
    best = compute_optimal(law, 1e20)
    assert_allclose(drawn["fine"][[0, 100, 200]], [16**-1.1, 1, 16**1.1])
    assert_allclose(drawn["exact"][100], best.loss)
    assert_allclose(drawn["loss"], np.interp(drawn["sizes"], drawn["fine"], drawn["exact"]), rtol=1e-4)
    vertex = drawn["fine"][drawn["parabola"].argmin()]
    assert_allclose(vertex, isoflop_optimum(law, 1e20, drawn["sizes"])[0] / best.n_params, rtol=0.02)


# IsoFLOP runs

ISO: dict[str, Any] = {"seed": 3, "vocabulary": 8, "gamma": 1.0, "scale": 1.0, "context": 4, "batch": 8}


def test_paths_drawn_from_uniform_numbers_are_those_of_the_chain() -> None:
    sources = [BilinearMarkov.draw(np.random.default_rng(i), vocabulary=5, gamma=1.0, scale=1.0) for i in range(2)]
    first = torch.tensor(np.stack([s.stationary for s in sources])).cumsum(-1)
    moves = torch.tensor(np.stack([s.transition for s in sources])).cumsum(-1)
    draws = torch.rand(2, 20_000, 3, dtype=torch.float64, generator=rng.torch_stream(0, "draws"))
    paths = iso.walk(first, moves, draws).numpy()
    for source, path in zip(sources, paths, strict=True):
        assert_allclose(np.bincount(path[:, 0], minlength=5) / 20_000, source.stationary, atol=0.015)
        pairs = np.zeros((5, 5))
        np.add.at(pairs, (path[:, 1], path[:, 2]), 1 / 20_000)
        assert_allclose(pairs, source.stationary[:, None] * source.transition, atol=0.01)
    certain = torch.tensor([[0.0, 0.3, 1.0]]), torch.tensor([[[0.0, 1.0, 1.0]] * 3])
    assert iso.walk(*certain, torch.tensor([[[0.29, 0.5], [0.31, 1.0]]]))[0].tolist() == [[1, 1], [2, 1]]


def test_an_isoflop_run_spends_its_budget_and_learns() -> None:
    small, large = (iso.isoflop(**ISO, models=2, width=4, compute=c) for c in (1e6, 3e7))
    n, d = float(large["n_params"]), float(large["n_tokens"])
    assert n == 8 * 4 * 2 + 4 * 4 + 12 * 16 + 3 * 4
    assert float(large["n_inner"]) == 12 * 16 + 3 * 4
    assert_allclose(6 * n * d, 3e7, rtol=0.02)
    assert (np.asarray(large["excess"]) < np.asarray(small["excess"])).all()
    assert (np.asarray(large["excess"]) > 0).all()
    single = iso.isoflop(**ISO, models=1, width=4, compute=1e6)
    assert_allclose(np.asarray(single["excess"])[0], np.asarray(small["excess"])[0], rtol=1e-3)


def test_an_isoflop_sweep_resumes_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [dict(ISO, models=1, width=width, compute=c) for c in (1e6, 3e6) for width in (2, 4)]
    store = Store(tmp_path)
    begun = sweep.run(iso.isoflop, points[:3], store=store)
    made: list[int] = []
    monkeypatch.setattr(iso, "learning_rate", lambda width: made.append(width) or learning_rate(width))
    resumed = sweep.run(iso.isoflop, points, store=store)
    assert made == [4]
    fresh = sweep.run(iso.isoflop, points)
    for again, first in ((resumed, fresh), (resumed[:3], begun)):
        assert all(np.array_equal(a[name], b[name]) for a, b in zip(again, first, strict=True) for name in b)


def test_the_best_size_is_refined_inside_and_taken_at_an_end() -> None:
    n = np.exp([0.0, 1, 2, 3])
    valley = (np.log(n) - 1.3) ** 2
    assert_allclose(iso.best_size(n, np.array([valley, valley[::-1], n, 1 / n])), np.exp([1.3, 1.7, 0, 3]))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"compute": 1e3}, "buys 0 steps at width 4"), ({"device": "tpu"}, "device is 'tpu'; known are cpu and auto")],
)
def test_isoflop_refuses(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        iso.isoflop(**(ISO | {"models": 1, "width": 4, "compute": 1e6} | change))


# Training


def test_tables_come_close_to_their_prediction_and_obey_the_identity() -> None:
    unit = CHAIN | {"index": 0, "ranks": [1, 2, 4], "steps": 200, "rate": 0.05}
    out = {name: np.asarray(value) for name, value in trained.bilinear(**unit).items()}
    assert_allclose(out["excess"], out["prediction"], rtol=0.35)
    assert (np.diff(out["excess"]) < 0).all()
    assert np.abs(out["identity"]).max() < 4.5
    assert out["gap"][0] > 20
    again = trained.bilinear(**unit)
    assert all(np.array_equal(out[name], np.asarray(again[name])) for name in out)


def test_more_of_a_stream_teaches_more() -> None:
    unit = CHAIN | {"index": 1, "ranks": [1, 4], "batch": 64}
    few, many = (np.asarray(trained.online(**unit, tokens=t)["excess"]) for t in (512, 16384))
    assert (many < few).all()
    assert (few > 0).all()


def test_decoders_learn_the_source_and_each_of_them_alone() -> None:
    short, longer = (trained.decoders(**DECODER, models=2, steps=s) for s in (5, 150))
    assert (np.asarray(longer["excess"]) < np.asarray(short["excess"])).all()
    assert float(longer["n_inner"]) < float(longer["n_params"])
    alone = trained.decoders(**DECODER, models=1, steps=5)
    assert_allclose(np.asarray(alone["excess"])[0], np.asarray(short["excess"])[0], rtol=1e-4)


def test_text_is_learned() -> None:
    unit: dict[str, Any] = {"seed": 3, "models": 1, "width": 8, "context": 16, "batch": 16}
    runs = [{name: np.asarray(x) for name, x in trained.text(**unit, tokens=t).items()} for t in (1024, 32768)]
    few, more = (float(run["loss"][0]) for run in runs)
    assert more < few < np.log(96) + 0.2
    assert more < 3.7
    for run in runs:
        assert_allclose(run["ideal"], run["loss"] / np.log(2), rtol=0.05)
        assert 0 <= run["overhead"][0] < 64
        assert (run["lost"], run["lost_unrounded"]) == (0, 1)


# Models as compressors


def _decoder(context: int = 4) -> tuple[Decoders, list[torch.Tensor]]:
    decoder = Decoders(vocabulary=7, context=context, width=4, heads=1, layers=1)
    start = decoder.initialise([rng.torch_stream(m, "start") for m in range(2)])
    return decoder, [1.5 * p for p in start]


def test_a_message_costs_what_its_symbols_cost_one_by_one() -> None:
    decoder, parameters = _decoder()
    x = np.random.default_rng(0).integers(7, size=(2, 4001))
    made = {name: np.asarray(values) for name, values in compression.coded(decoder, parameters, x).items()}
    half = compression.rounded(parameters)
    for m in range(2):
        paid = [np.log2(7)]
        for i in range(1, 40):
            start = (i - 1) // 4 * 4
            past = torch.from_numpy(x[m, start:i])[None]
            logits = decoder.forward([p[m : m + 1] for p in half], past)[0, 0, -1]
            paid.append(float(-torch.log_softmax(logits, dim=-1)[x[m, i]] / np.log(2)))
        assert_allclose(made["paid"][m, :40], paid, rtol=1e-9)
    assert_allclose(made["ideal"], made["paid"].mean(axis=1), rtol=1e-12)
    assert (made["overhead"] >= 0).all()
    assert (made["overhead"] <= 64).all()
    whole_bytes = made["ideal"] * 4001 + made["overhead"] + 8 * compressor.HEADER_BYTES
    assert_allclose(made["coded"] * 4001, whole_bytes, rtol=1e-9)
    assert (made["whole"] != made["ideal"]).all()
    assert_allclose(made["whole"], made["ideal"], rtol=1e-3)


def test_weights_are_sent_with_sixteen_bits_each() -> None:
    p = [torch.tensor([[1 / 3, 1.0, -2.5]])]
    (half,) = compression.rounded(p)
    assert half.dtype == torch.float64
    assert_allclose(half.numpy(), np.array([[1 / 3, 1, -2.5]]).astype(np.float16).astype(float), rtol=0)
    assert float(half[0, 0]) != 1 / 3


def test_a_message_comes_back_to_the_same_weights_and_to_no_others() -> None:
    decoder, parameters = _decoder()
    x = np.random.default_rng(1).integers(7, size=64 * 10 + 5)
    assert compression.returned(decoder, parameters, x) == {"lost": 0.0, "lost_unrounded": 1.0}


def test_a_reader_predicts_from_its_own_piece_and_the_symbol_before() -> None:
    decoder, parameters = _decoder()
    own = [p[:1].double() for p in parameters]
    x = np.random.default_rng(2).integers(7, size=(compression.STREAMS, 9))
    reader = compression.Reader(decoder, own)
    for i in range(9):
        rows = reader.predict()
        assert_allclose(rows.sum(axis=1), 1, rtol=1e-12)
        if i:
            past = torch.from_numpy(x[5:6, (i - 1) // 4 * 4 : i])
            assert_allclose(rows[5], torch.softmax(decoder.forward(own, past)[0, 0, -1], dim=-1), rtol=1e-9)
        reader.update(x[:, i])


def test_lengths_of_messages_and_texts_by_hand() -> None:
    assert [compression.message_length(n, 4) for n in (5, 8, 9, 10)] == [5, 5, 9, 9]
    with pytest.raises(BadInput, match="a message of 4 symbols has no whole piece of 4; take a longer one"):
        compression.message_length(4, 4)
    assert_allclose(compression.two_part(np.array([2.0, 1.0]), np.array([100, 1000]), 1600), [3, 11])
    zeros = compression.general(np.zeros(10_000, dtype=np.int64))
    assert list(zeros) == ["gzip", "bz2", "lzma"]
    assert max(zeros.values()) < 0.2
    noise = compression.general(np.random.default_rng(0).integers(256, size=10_000))
    assert min(noise.values()) > 8


def test_codes_of_trained_networks_pay_their_divergence() -> None:
    out = {name: np.asarray(x) for name, x in trained.decoders(**DECODER, models=2, steps=60).items()}
    assert (np.abs(out["more"]) < 4.5).all()
    assert (out["more_than_nothing"] > 4.5).all()
    beyond = out["coded"] - out["best"] - out["excess"] / np.log(2)
    assert (np.abs(beyond) < 0.1).all()
    assert ((out["overhead"] >= 0) & (out["overhead"] < 64)).all()
