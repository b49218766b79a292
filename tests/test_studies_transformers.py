"""The experiments of chapter 14, in small: the source by enumeration, readings by hand, units pure and independent."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import integrate, stats

from itdl import attention, rng
from itdl import residual_information as residual
from itdl.checks import BadInput
from itdl.studies import attention_laws as laws
from itdl.studies import transformer_information as study
from itdl.studies import transformer_text as reader
from itdl.studies.successors import Successors
from itdl.text import ALPHABET, docstrings
from itdl.transformers import Decoders

SMALL: dict[str, Any] = {
    "seed": 3, "models": 2, "layers": 2, "width": 8, "heads": 2, "steps": 30, "batch": 4, "rate": 0.01, "count": 3,
    "information": 40,
}  # fmt: skip


@pytest.fixture(scope="module")
def run() -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in study.induction(**SMALL).items()}


# The source


def test_the_best_prediction_is_bayes_over_all_tables() -> None:
    """Three tokens: all 27 tables, the probability of each sequence under each, and their ratios."""
    source, jump = Successors(3, 6, 0.3), 0.3
    x = torch.randint(3, (20, 6), generator=rng.torch_stream(0, "x"))

    def probability(s: list[int], table: tuple[int, ...]) -> float:
        steps = [(1 - jump) * (table[a] == b) + jump / 3 for a, b in pairwise(s)]
        return float(np.prod(steps)) / 3

    tables = list(product(range(3), repeat=3))
    wanted = [
        [
            -np.log(sum(probability(s[: t + 1], f) for f in tables) / sum(probability(s[:t], f) for f in tables))
            for t in range(1, 6)
        ]
        for s in x.tolist()
    ]
    assert_allclose(source.surprisals(x), wanted, rtol=1e-10)


def test_sequences_follow_a_table_but_for_their_jumps() -> None:
    source = Successors(5, 40, 0.2)
    x = source.draw(4000, rng.torch_stream(1, "draw")).numpy()
    assert_allclose(np.bincount(x[:, 0], minlength=5) / 4000, 0.2, atol=0.03)
    same = (x[:, 0] == x[:, 1]) & (x[:, 1] == x[:, 2])
    again = x[:, 2][x[:, 0] == x[:, 1]]  # c c ?: c again with probability 0.8 * P(table says c | c c) + jump/5
    posterior = (0.8 + 0.04) / (0.8 + 0.04 + 4 * 0.04)
    assert_allclose(same.sum() / len(again), 0.8 * posterior + 0.04, atol=0.03)
    certain = Successors(4, 30, 1e-9).draw(200, rng.torch_stream(2, "draw")).numpy()
    pairs = {(i, a): b for i, row in enumerate(certain) for a, b in pairwise(row)}
    assert all(pairs[i, a] == b for i, row in enumerate(certain) for a, b in pairwise(row))
    assert_allclose(source.surprisals(torch.as_tensor(x))[:, 0].mean(), np.log(5), rtol=1e-10)


def test_answers_stand_after_earlier_occurrences() -> None:
    x = [2, 0, 2, 1, 2]
    found = Successors.answers(torch.tensor([x]))[0].numpy()
    wanted = [[s >= 1 and s <= t and x[s - 1] == x[t] for s in range(5)] for t in range(5)]
    # What follows the present occurrence itself is not there yet.
    assert (found == np.array(wanted)).all()
    assert found[4].tolist() == [False, True, False, True, False]


# Trained networks


def test_shapes_and_ranges_of_a_run(run: dict[str, np.ndarray]) -> None:
    assert run["at"].tolist() == [0, 1, 5, 30]
    assert run["excess"].shape == (2, 4, 32)
    for name in ("entropy", "bound", "spectral", "previous", "induction"):
        assert run[name].shape == (2, 4, 2, 2), name
    assert run["maps"].shape == (4, 2, 2, 32, 32)
    assert_allclose(run["maps"].sum(axis=-1), 1, rtol=1e-10)
    assert run["known"].shape == run["known_fixed"].shape == (2, 3, 3)
    assert run["chance"].shape == run["local"].shape == (2, 3)
    assert (run["slack"] > -1e-9).all()
    assert (run["bound"] <= run["entropy"] + 1e-9).all()
    assert (run["spectral"] <= run["bound"] + 1e-9).all()
    assert (run["excess"].mean(axis=2)[:, -1] < run["excess"].mean(axis=2)[:, 0]).all()


def test_the_same_again_and_no_network_notices_how_many_there_are(run: dict[str, np.ndarray]) -> None:
    again, more = study.induction(**SMALL), study.induction(**(SMALL | {"models": 3}))
    assert all(np.array_equal(values, again[name]) for name, values in run.items())
    assert_allclose(np.asarray(more["excess"])[:2], run["excess"], atol=1e-3)
    other = study.induction(**(SMALL | {"seed": 4}))
    assert not np.array_equal(other["excess"], run["excess"])


def test_before_training_the_readings_are_those_of_the_network_written_out(run: dict[str, np.ndarray]) -> None:
    net = Decoders(8, 32, 8, 2, 2, hidden=0)
    start = net.initialise([rng.torch_stream(3, study.NAME, "start", m) for m in range(2)])
    start = [p.double() for p in start]
    x = study.SOURCE.draw(study.READ, rng.torch_stream(3, study.NAME, "read"))
    loss = net.surprisals(start, x).mean(dim=1).numpy()
    assert_allclose(run["excess"][:, 0], loss - study.SOURCE.surprisals(x).mean(axis=0), atol=1e-5)
    weights = torch.softmax(net.trace(start, x[:, :-1]).scores[1], dim=-1).numpy()[1, :, 0]  # second network, 2.1
    assert_allclose(
        run["maps"][0, 1, 0], torch.softmax(net.trace(start, x[:1, :-1]).scores[1][0, 0, 0], dim=-1), atol=1e-6
    )
    rows = weights[:, 9:]
    assert_allclose(run["entropy"][1, 0, 1, 0], -(rows * np.log(np.where(rows > 0, rows, 1))).sum(-1).mean(), rtol=1e-4)
    assert_allclose(
        run["previous"][1, 0, 1, 0], np.mean([weights[:, t, t - 1].mean() for t in range(9, 32)]), rtol=1e-4
    )
    looked = []
    for n, tokens in enumerate(x[:, :-1].tolist()):
        for t in range(32):
            places = [s for s in range(1, t + 1) if tokens[s - 1] == tokens[t]]
            looked += [weights[n, t, places].sum()] if places else []
    assert_allclose(run["induction"][1, 0, 1, 0], np.mean(looked), rtol=1e-4)


def test_small_noise_is_the_chain_of_jacobians(run: dict[str, np.ndarray]) -> None:
    assert_allclose(run["local"][:, 0], 32 * np.log(2), rtol=1e-10)
    assert_allclose(run["sampled"], run["local"][:, -1], rtol=0.02)
    assert (np.diff(run["local"], axis=1) < 0).all()


def test_information_of_a_mixture_by_quadrature() -> None:
    """Four points on a line, two labels: the integral over the line."""
    h, labels, noise = np.array([[0.0], [1.0], [1.5], [4.0]]), np.array([0, 0, 1, 1]), 0.8

    def density(z: float, points: np.ndarray) -> float:
        return float(stats.norm.pdf(z, points, noise).mean())

    def term(z: float, label: int) -> float:
        own = density(z, h[labels == label, 0])
        return 0.5 * own * np.log(own / density(z, h[:, 0]))

    wanted = sum(integrate.quad(term, -8, 12, args=(label,), limit=400)[0] for label in (0, 1))
    many = np.repeat(h, 500, axis=0), np.repeat(labels, 500)
    assert_allclose(study.token_information(*many, noise, np.random.default_rng(0)), wanted, atol=0.02)
    assert_allclose(study.token_information(h, labels, 1e-3, np.random.default_rng(0)), np.log(2), rtol=1e-9)


def test_crossings_are_found_between_readings() -> None:
    at = np.array([0, 10, 40, 160])
    curves = np.array([[0.0, 0.0, 1.0, 1.0], [4.0, 4.0, 4.0, 0.0], [0.0, 1.0, 1.0, 1.0]])
    assert_allclose(study.crossing(at, curves, 0.5), [20, 80, np.sqrt(50)])
    assert_allclose(study.crossing(at, curves[:1], 1.0), 40)
    assert_allclose(study.crossing(at, np.full((1, 4), 2.0), 0.5), 80)  # never moves: between the last two readings


def test_networks_learn_a_few_sequences_by_heart() -> None:
    options: dict[str, Any] = {"models": 2, "width": 16, "heads": 2, "steps": 120, "rate": 0.01, "n": 6, "count": 3}
    out = study.memorising(seed=3, noises=[0.0, 2.0], **options)
    train, test = np.asarray(out["train"]), np.asarray(out["test"])
    assert train.shape == test.shape == (2, 2, len(np.asarray(out["at"])))
    assert_allclose(train[0, :, 0], train[1, :, 0])
    assert (train[0, :, -1] < -0.2).all()  # below the best that can be done without having seen them
    assert (train[0, :, -1] < train[1, :, -1]).all()
    assert (test[0, :, -1] > test[1, :, -1]).all()


# Real text

READER: dict[str, Any] = {
    "seed": 3, "models": 2, "layers": 2, "width": 8, "heads": 2, "context": 12, "batch": 4, "steps": 40, "rate": 0.01,
    "count": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def read() -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in reader.reading(**READER).items()}


def test_readings_of_text_have_their_shapes_and_ranges(read: dict[str, np.ndarray]) -> None:
    assert read["at"].tolist() == [0, 1, 6, 40]
    for name in ("loss", "repeated", "other", "slack"):
        assert read[name].shape == (2, 4), name
    for name in ("entropy", "bound", "spectral", "previous", "induction", "recent"):
        assert read[name].shape == (2, 4, 2, 2), name
    assert read["maps"].shape == (2, 2, 12, 12)
    assert_allclose(read["maps"].sum(axis=-1), 1, rtol=1e-10)
    p = read["maps"]
    assert_allclose(read["rows"], -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1), atol=1e-12)
    assert (read["slack"] > -1e-9).all()
    assert (read["loss"][:, -1] < read["loss"][:, 0] - 0.3).all()
    assert ((read["recent"] > read["previous"]) & (read["recent"] < 1)).all()


def test_before_training_the_losses_on_text_are_those_of_the_network_written_out(read: dict[str, np.ndarray]) -> None:
    net = Decoders(len(ALPHABET), 12, 8, 2, 2)
    start = net.initialise([rng.torch_stream(3, reader.NAME, "start", m) for m in range(2)])
    held = docstrings().test
    places = np.linspace(0, len(held) - 13, reader.READ).astype(int)
    new = torch.from_numpy(np.stack([held[i : i + 13] for i in places]))
    assert_allclose(read["loss"][:, 0], net.surprisals(start, new).mean(dim=(1, 2)).numpy(), rtol=1e-5)
    places = np.linspace(0, len(held) - 12, reader.REPEATED).astype(int)
    half = np.stack([held[i : i + 6] for i in places])
    for name, before in (("repeated", half), ("other", half[[-1, *range(len(half) - 1)]])):
        paid = net.surprisals(start, torch.from_numpy(np.hstack([before, half])))
        assert_allclose(read[name][:, 0], paid[..., 6:].mean(dim=(1, 2)).numpy(), rtol=1e-5)
    weights = torch.softmax(net.trace(start, new[:, :-1]).scores[0], dim=-1).detach().numpy()[1, :, 1]
    near = [weights[:, t, t - 4 : t].sum(axis=1).mean() for t in range(9, 12)]
    assert_allclose(read["recent"][1, 0, 0, 1], np.mean(near), rtol=1e-4)


def test_the_passage_shown_is_of_the_held_out_text() -> None:
    shown = reader.passage(32)
    assert docstrings().read(shown) == "\ndtype : dtype\n    Data type of "
    assert "".join(reader.letters(shown)) == "⏎dtype␣:␣dtype⏎␣␣␣␣Data␣type␣of␣"


def test_the_same_text_readings_again(read: dict[str, np.ndarray]) -> None:
    again = reader.reading(**READER)
    assert all(np.array_equal(values, again[name]) for name, values in read.items())


# Laws


def test_one_token_ahead_is_a_centred_direction() -> None:
    u = laws.ahead(5, 2)
    assert_allclose([u.sum(), np.linalg.norm(u)], [0, 1], atol=1e-12)
    assert u[0] == u[1] > u[2] == u[4]


def test_random_rows_and_searches_respect_the_bound_and_notice_the_slip() -> None:
    out = laws.random_rows(seed=1, index=0, tokens=5, sigma=3.0, rows=50)
    assert abs(float(out["slack"])) < 1e-9
    assert float(out["slack_slip"]) < -1e-3
    assert float(out["mean"]) > float(out["bound"])
    found = laws.smallest_entropy(seed=1, tokens=4, sigma=2.0, starts=4)
    assert abs(float(found["gap"])) < 1e-6
    assert float(found["two_ahead"]) > 0.1


def test_sampled_logits_have_the_exact_mean() -> None:
    out = laws.random_logits(seed=1, tokens=64, sigma=1.0, rows=2000)
    assert abs(float(out["mean"]) - float(out["exact"])) < 4 * float(out["error"])
    assert_allclose(out["limit"], np.log(64) - 0.5)
    assert_allclose(out["exact"], attention.random_entropy(1.0, 64))


def test_random_stacks_collapse_unless_branches_are_small() -> None:
    out = {k: np.asarray(v) for k, v in laws.rank_collapse(seed=1, index=0, tokens=8, d=8, depth=10).items()}
    assert {k: v.shape for k, v in out.items()} == dict.fromkeys(("log_pure", "skip", "mlp", "both", "small"), (11,))
    assert out["log_pure"][-1] < np.log(1e-9)
    assert out["small"][-1] > out["skip"][-1] > np.exp(out["log_pure"][-1])


def test_chains_have_their_kinds() -> None:
    out = {k: np.asarray(v) for k, v in laws.chains(seed=1, index=0, d=4, layers=9, noise=0.3, samples=50_000).items()}
    assert_allclose(out["orthogonal"], residual.orthogonal_information(4, 0.3, 9), rtol=1e-10)
    assert_allclose(out["sampled"], out["raw"][-1], atol=0.05)
    assert_allclose(out["fresh"][0], out["raw"][0])
    assert (out["fresh"][1:] > out["raw"][1:]).all()
    w = rng.stream(1, laws.NAME, "chains", 0).standard_normal((9, 4, 4)) / 2
    assert_allclose(out["unit"], residual.chain_information((np.eye(4) + w) / 2**0.5, 0.3))
    assert_allclose(out["scaled"], residual.chain_information(np.eye(4) + w / 3, 0.3))
    through = np.eye(4) + w[0]
    assert_allclose(out["fresh"][1], 0.5 * np.linalg.slogdet(np.eye(4) + through @ through.T / 0.09)[1])


def test_blocks_are_undone_below_one() -> None:
    out = laws.inverse(seed=1, index=0, d=6, lipschitz=0.5, steps=60)
    assert max(float(v) for v in out.values()) < 1e-12
    assert float(laws.inverse(seed=1, index=0, d=6, lipschitz=1.5, steps=60)["error_turned"]) > 0.1


def test_normalisation_reads_the_scale_from_its_eps() -> None:
    out = {k: float(v) for k, v in laws.normalisation(seed=1, index=0, d=16, rows=500, eps=1e-5).items()}
    assert out["moved"] < 1e-10 < out["moved_eps"]
    assert out["read"] > 0.999
    assert out["read_single"] > 0.8
    assert out["read_none"] < 0.05


def test_features_beyond_the_relevant_ones_cost_what_the_formula_says() -> None:
    many = [
        laws.features_kept(seed=1, index=i, n=40, kept=[1, 3, 12], relevant=3, noise=0.5, view=0.2) for i in range(400)
    ]
    loss = np.array([m["loss"] for m in many])
    error = loss.std(axis=0) / 20
    assert (np.abs(loss.mean(axis=0) - np.asarray(many[0]["formula"])) < 4 * error).all()
    i_x, i_y = np.asarray(many[0]["i_x"]), np.asarray(many[0]["i_y"])
    assert_allclose(i_x, np.log(26) * np.array([0.5, 1.5, 6]))
    # Of three features together: signal 1/(1 + 0.04), the rest of the variance 1.25 is left; of one, a third of it.
    assert_allclose(i_y, 0.5 * np.log(1.25 / (1.25 - np.array([1 / 3, 1, 1]) / 1.04)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Successors(1, 4, 0.1), "pass two tokens or more"),
        (lambda: Successors(3, 1, 0.1), "two places or more"),
        (lambda: Successors(3, 4, 0.0), "a probability above 0"),
        (lambda: Successors(3, 4, 1.5), "jump 1.5"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
