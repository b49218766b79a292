"""The studies of chapter 03: each number by a second road, small."""

import gzip

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import coding, entropy
from itdl.context_models import context_lengths
from itdl.online_networks import Architecture, OnlineNetwork, columns
from itdl.rng import torch_stream
from itdl.studies import calibration, codes, text_codes
from itdl.text import ALPHABET, docstrings

NET = {"streams": 8, "context": 2, "embedding": 4, "hidden": 8, "rate": 0.01, "replays": 1}


def test_identities_hold_and_their_slip_does_not() -> None:
    found = codes.identities(seed=1, index=0, n=50, letters=4)
    assert found["error"] < 1e-12 < 0.1 < found["error_slip"]


def test_words_stay_between_entropy_and_a_bit_more() -> None:
    found = codes.words(seed=1, index=0, draws=50)
    assert 0 <= found["least"] <= found["most"] < 1
    assert found["kraft"] <= 1 < found["kraft_shorter"]


def test_a_stretch_is_text() -> None:
    x = codes.stretch(3, 1, 500)
    train = docstrings().train
    assert docstrings().read(x) in docstrings().read(train)
    assert (x != codes.stretch(3, 2, 500)).any()


def test_zipf_exponents_by_search_and_by_lengths() -> None:
    exponents = np.linspace(0.5, 2, 16)
    found = codes.zipf_letters(seed=1, index=0, length=2000, exponents=exponents.tolist())
    counts = np.sort(np.bincount(codes.stretch(1, 0, 2000)))[::-1]
    counts = counts[counts > 0]
    logs = np.log(np.arange(1, len(counts) + 1))

    def ideal(s: float) -> float:
        q = np.exp(-s * logs) / np.exp(-s * logs).sum()
        return float(entropy.bits(-(counts * np.log(q)).sum()))

    assert_allclose(found["bits"], [ideal(s) for s in exponents], atol=64)
    grid = np.linspace(0.5, 2, 3001)
    assert found["best"] == pytest.approx(grid[np.argmin([ideal(s) for s in grid])], abs=1e-3)
    centred = logs - logs.mean()
    assert found["straight"] == pytest.approx(-(centred @ np.log(counts)) / (centred @ centred), rel=1e-9)
    assert ideal(found["best"]) <= found["bits_best"] + 1 < found["bits_straight"]


def test_a_chain_costs_its_rate_and_its_kl() -> None:
    found = codes.chain(seed=1, index=0, n=20_000, letters=8, mixed=0.3)
    assert 0 <= found["overhead"] <= 64 < 1000 < found["overhead_words"]
    assert (found["returned"], found["returned_off"]) == (1.0, 0.0)
    assert_allclose(found["bits"], found["rate"], rtol=0.02)
    assert_allclose(found["paid"], (found["bits_wrong"] - found["bits"]) / found["kl"], rtol=1e-12)
    assert_allclose(found["paid"], 1, atol=0.1)
    assert abs(found["paid_slip"] - 1) > 0.1


def test_regrets_of_coins_by_listing() -> None:
    expected = [
        entropy.bits(coding.online_lengths([0] * (5 - k) + [1] * k, 2, add=1.0).sum() - coding.hindsight([5 - k, k]))
        for k in range(6)
    ]
    assert_allclose(codes.coin_regrets(5, 1.0), expected, atol=1e-12)


def test_plain_frequencies_pay_the_floor() -> None:
    plugged, half = codes.plug_in_regret(4, 2.0**-20)
    # Worst: one 0, which costs a bit, then a 1 that had probability 2^-20, then ones at 1/2 and 2/3; best coin 3/4.
    messages = {1: 1 + 20 + 1 + np.log2(3 / 2), 2: 1 + 20 + np.log2(3 / 1), 3: 1 + 20}
    best = {zeros: float(entropy.bits(coding.hindsight([zeros, 4 - zeros]))) for zeros in messages}
    assert plugged == pytest.approx(max(messages[k] - best[k] for k in messages), abs=1e-3)
    assert half == pytest.approx(float(codes.coin_regrets(4, 0.5).max()), rel=1e-12)


def test_the_excess_of_a_fit_and_of_half_of_it() -> None:
    found = codes.excess(seed=1, index=0, n=2000, letters=4, repeats=2000)
    assert_allclose(found["excess"], 1, atol=0.1)
    assert_allclose(found["half"], 2, atol=0.2)


def test_two_letters_pay_half_a_logarithm_each() -> None:
    assert codes.learned_chain(seed=1, index=0, n=20_000, letters=2)["ratio"] == pytest.approx(1, abs=0.1)
    assert codes.learned_chain(seed=1, index=0, n=2000, letters=32)["ratio"] < 0.6


def test_temperatures_cost_kl() -> None:
    found = codes.temperatures(seed=1, index=0, letters=5, grid=[0.5, 2.0])
    assert found["error"] < 1e-12 < 1e-3 < found["error_slip"]


# Text


def test_the_classics_see_the_letters_of_the_stretch() -> None:
    found = text_codes.baselines(seed=1, index=0, length=3000)
    text = docstrings().read(codes.stretch(1, 0, 3000)).encode()
    assert found["gzip"] == 8 * len(gzip.compress(text, 9, mtime=0))
    assert_allclose(found["plain"], 3000 * np.log2(len(ALPHABET)))
    noise = text_codes.baselines(seed=1, index=0, length=3000, noise=True)
    assert min(noise[name] for name in ("gzip", "bz2", "lzma")) > noise["plain"]


def test_counting_writes_its_ideal_length() -> None:
    found = text_codes.counting(seed=1, index=0, length=1500, order=3)
    x = codes.stretch(1, 0, 1500)
    ideal = entropy.bits(context_lengths(x, len(ALPHABET), 3))
    assert 224 - 16 <= found["bits"] - ideal.sum() <= 224 + 64
    assert found["returned"] == 1
    assert_allclose(found["curve"], ideal.reshape(100, 15).mean(axis=1), rtol=1e-12)
    assert_allclose(found["single"], entropy.bits(coding.mixture_length(np.bincount(x, minlength=96), 0.5)), rtol=1e-9)


def test_orders_are_compared_pair_by_pair() -> None:
    a, b = np.array([[1.0, 2, 3], [1, 2, 3]]), np.array([[1.0, 3, 2], [3, 2, 1]])
    assert text_codes.inversions(a, b).tolist() == [1, 3]
    found = text_codes.order_losses(seed=1, index=0, length=2000, orders=[0, 2])
    each = entropy.bits(coding.online_lengths(codes.stretch(1, 0, 2000), 96, order=2))
    assert_allclose([found["whole"][1], found["last"][1]], [each.mean(), each[-200:].mean()], rtol=1e-12)
    assert_allclose(found["curves"].mean(axis=1), found["whole"], rtol=1e-12)


def test_a_network_writes_the_area_under_its_curve() -> None:
    found = text_codes.network(seed=1, index=0, length=1600, **NET)
    assert -16 <= found["overhead"] <= 64
    assert (found["returned"], found["returned_off"]) == (1.0, 0.0)
    assert_allclose(found["curve"].mean() * 1600, found["area"], rtol=1e-12)
    assert found["bits"] == found["area"] + found["overhead"] + 8 * 28
    assert found["overhead_end"] > 0
    assert found["letters"] == 1600
    assert found["weights"] == Architecture(96, 2, 4, 8, 0.01).count()


def test_two_parts_are_the_weights_and_the_text_under_them() -> None:
    text = columns(codes.stretch(1, 0, 160), 8)
    model = OnlineNetwork(Architecture(96, 2, 4, 8, 0.01), 8, torch_stream(1, "x"))
    for p in model.parameters:
        p.data = p.data.float().double()
    past, bits = torch.zeros(8, 2, dtype=torch.int64), 32.0 * model.architecture.count()
    for step in torch.as_tensor(text):
        log_p = torch.log_softmax(model.logits(past), dim=1).detach()
        bits -= float(log_p[torch.arange(8), step].sum()) / np.log(2)
        past = torch.cat([past[:, 1:], step[:, None]], dim=1)
    assert text_codes.two_part_bits(model, text) == pytest.approx(bits, rel=1e-12)


# Labels


def test_labels_before_and_after_one_temperature() -> None:
    found = calibration.labels(seed=1, index=0, n=100, hidden=20, epochs=60, batch=20, rate=0.01)
    z, truth = found["logits"], found["truth"].astype(int)
    for name, t in (("bits", 1.0), ("bits_mended", found["temperature"])):
        each = entropy.bits(coding.code_lengths(truth, coding.tempered(z, t)))
        assert_allclose(found[name], each.mean(), rtol=1e-12)
    assert_allclose(found["bytes"] * 8, np.array([found["bits"], found["bits_mended"]]) * len(truth), atol=66)
    assert_allclose(found["saving"], 1 - found["bits_mended"] / found["bits"])
    assert found["accuracy"] == (z.argmax(axis=1) == truth).mean()
    assert found["temperature"] > 1.05
    assert_allclose(found["temperature_own"], 1, atol=0.1)
    assert abs(found["saving_own"]) < 0.02
    assert len(truth) == (1797 - 100) - (1797 - 100) // 2
