"""The network that learns while it codes: its gradient, its replay, what it learns, and bad input."""

import numpy as np
import pytest
import torch

from itdl import compressor
from itdl.checks import BadInput, DataError
from itdl.online_networks import FLOOR, Architecture, OnlineNetwork, columns
from itdl.rng import torch_stream

SMALL = Architecture(letters=5, context=2, embedding=3, hidden=8, rate=0.01, replays=1)


def network(architecture: Architecture = SMALL, streams: int = 4, name: str = "a") -> OnlineNetwork:
    return OnlineNetwork(architecture, streams, torch_stream(1, name))


def pattern(n: int = 400) -> np.ndarray:
    return columns(np.tile([0, 1, 2, 3, 4, 3, 2, 1], n // 8), 4)


def test_columns_are_stretches_side_by_side() -> None:
    assert columns(np.arange(7), 3).tolist() == [[0, 2, 4], [1, 3, 5]]
    assert columns(np.arange(3), 1).tolist() == [[0], [1], [2]]


def test_weights_are_counted() -> None:
    assert SMALL.count() == 2 * 5 * 3 + 6 * 8 + 8 + 8 * 5 + 5
    assert SMALL.count() == sum(p.numel() for p in network().parameters)


def test_predictions_are_probabilities_with_a_floor() -> None:
    model = network()
    for step in pattern()[:20]:
        p = model.predict()
        assert p.shape == (4, 5)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        assert p.min() >= FLOOR / 5
        model.update(step)


def test_the_logits_are_those_of_the_formula() -> None:
    model = network()
    vectors, w_in, b_in, w_out, b_out = (p.detach().numpy() for p in model.parameters)
    past = np.array([[3, 1]])
    read = np.concatenate([vectors[3], vectors[5 + 1]])  # each place has vectors of its own
    expected = np.maximum(read @ w_in + b_in, 0) @ w_out + b_out
    np.testing.assert_allclose(model.logits(torch.as_tensor(past)).detach().numpy()[0], expected, rtol=1e-12)


def test_the_first_step_is_adams() -> None:
    """The first step of Adam moves every weight by the rate, against the sign of its gradient."""
    model = network(Architecture(5, 2, 3, 8, 0.01))
    before = [p.detach().clone() for p in model.parameters]
    past, came = torch.zeros(4, 2, dtype=torch.int64), torch.tensor([0, 1, 2, 2])
    loss = -torch.log_softmax(model.logits(past), dim=1)[torch.arange(4), came].mean()
    slopes = torch.autograd.grad(loss, model.parameters)
    model.update(came.numpy())
    for p, q, slope in zip(before, model.parameters, slopes, strict=True):
        moved = slope.abs() > 1e-6
        torch.testing.assert_close((q - p)[moved], -0.01 * slope.sign()[moved], rtol=1e-2, atol=0)


def test_each_step_follows_its_own_gradient_alone() -> None:
    """Gradient descent in place of Adam, whose steps hide the length of a gradient: no batch counts twice."""
    model = network(Architecture(5, 2, 3, 8, 0.01))
    model._optimiser = torch.optim.SGD(model.parameters, lr=0.5)
    model.update(np.array([0, 1, 2, 2]))
    past, came = torch.tensor([[0, 0], [0, 1], [0, 2], [0, 2]]), torch.tensor([3, 3, 1, 0])
    loss = torch.nn.functional.cross_entropy(model.logits(past), came)
    slopes = torch.autograd.grad(loss, model.parameters)
    expected = [p.detach() - 0.5 * slope for p, slope in zip(model.parameters, slopes, strict=True)]
    model.update(came.numpy())
    for p, q in zip(model.parameters, expected, strict=True):
        torch.testing.assert_close(p.detach(), q, rtol=1e-12, atol=1e-15)


def test_it_reads_what_came_last() -> None:
    model = network()
    for step in ([1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]):
        model.update(np.array(step))
    expected = torch.softmax(model.logits(torch.tensor([[2, 3]])), dim=1).detach().numpy()
    np.testing.assert_allclose(model.predict()[0], (1 - FLOOR) * expected[0] + FLOOR / 5, rtol=1e-12)


def test_it_learns_a_pattern_and_replays_help() -> None:
    def cost(replays: int) -> float:
        model, nats = network(Architecture(5, 2, 3, 16, 0.01, replays)), []
        for step in pattern(1600):
            nats.append(-np.log(model.predict()[np.arange(4), step]).mean())
            model.update(step)
        return float(np.mean(nats[-20:]))

    assert cost(0) < 0.6 * np.log(5)
    assert cost(3) < cost(0)


def test_the_text_comes_back_from_the_same_start_alone() -> None:
    text = pattern()
    data = compressor.compress(text, network())
    assert (compressor.decompress(data, network()) == text).all()
    with pytest.raises(DataError, match="not the one that was coded"):
        compressor.decompress(data, network(name="b"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"letters": 0}, "letters is 0; it must be at least 1"),
        ({"context": 0}, "context is 0"),
        ({"embedding": 0}, "embedding is 0"),
        ({"hidden": 0}, "hidden is 0"),
        ({"rate": 0.0}, "rate is 0.0 and replays 0; a rate is above zero"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"replays": -1}, "replays -1"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, float], words: str) -> None:
    settings = {"letters": 5, "context": 2, "embedding": 3, "hidden": 8, "rate": 0.01} | change
    with pytest.raises(BadInput, match=words):
        Architecture(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("x", "streams"), [(np.arange(3), 4), (np.arange(3), 0), (np.zeros((2, 2)), 1)])
def test_texts_that_cannot_be_cut_are_refused(x: np.ndarray, streams: int) -> None:
    with pytest.raises(BadInput, match="cannot be cut into"):
        columns(x, streams)
