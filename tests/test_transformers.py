"""Transformers: equal to torch's own layers, causal, with gradients that differences confirm, and independent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, SEEDS
from torch import Tensor, nn

from itdl import rng
from itdl.checks import BadInput
from itdl.networks import Parameters
from itdl.training import adamw
from itdl.transformers import Decoders

SMALL = Decoders(vocabulary=7, context=6, width=8, heads=2, layers=2)
BARE = Decoders(vocabulary=7, context=6, width=8, heads=4, layers=2, hidden=0)


def drawn(net: Decoders, models: int = 2, seed: int = 0) -> Parameters:
    made = net.initialise([rng.torch_stream(seed, "t", m) for m in range(models)], dtype=torch.float64)
    # Gains of one would hide where they belong.
    shake = rng.torch_stream(seed, "gains")
    return [p * (1 + 0.3 * torch.randn(p.shape, generator=shake, dtype=torch.float64)) for p in made]


def tokens(*shape: int, seed: int = 1, vocabulary: int = 7) -> Tensor:
    return torch.randint(vocabulary, shape, generator=rng.torch_stream(seed, "tokens"))


def reference(net: Decoders, parameters: Parameters, model: int) -> Callable[[Tensor], Tensor]:
    """The same network of torch.nn.TransformerEncoderLayer, with the parameters of one model copied in."""
    mine = [p[model] for p in parameters]
    layers = []
    for i in range(net.layers):
        gain1, qkv, out, gain2, inside, outside = mine[2 + 6 * i : 8 + 6 * i]
        layer = nn.TransformerEncoderLayer(
            net.width, net.heads, net.inner, 0.0, "gelu", batch_first=True, norm_first=True, bias=False,
            dtype=torch.float64,
        )  # fmt: skip
        state = {
            "self_attn.in_proj_weight": qkv.T, "self_attn.out_proj.weight": out.T, "linear1.weight": inside.T,
            "linear2.weight": outside.T, "norm1.weight": gain1, "norm2.weight": gain2,
        }  # fmt: skip
        layer.load_state_dict(state)
        layers.append(layer.eval())

    def forward(x: Tensor) -> Tensor:
        h = nn.functional.embedding(x, mine[0]) + mine[1][: x.shape[-1]]
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[-1], dtype=torch.float64)
        for layer in layers:
            h = layer(h, src_mask=mask, is_causal=True)
        return nn.functional.layer_norm(h, h.shape[-1:], mine[-2]) @ mine[-1]

    return forward


def test_it_is_torch_s_encoder_under_a_causal_mask() -> None:
    parameters, x = drawn(SMALL), tokens(3, 6)
    out = SMALL.forward(parameters, x)
    assert out.shape == (2, 3, 6, 7)
    for model in range(2):
        with torch.no_grad():
            wanted = reference(SMALL, parameters, model)(x)
        torch.testing.assert_close(out[model], wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("net", [SMALL, BARE])
def test_the_trace_is_the_same_pass(net: Decoders) -> None:
    parameters, x = drawn(net), tokens(2, 3, 5)
    seen = net.trace(parameters, x)
    torch.testing.assert_close(seen.logits, net.forward(parameters, x), rtol=1e-10, atol=1e-12)
    assert [tuple(s.shape) for s in seen.scores] == [(2, 3, net.heads, 5, 5)] * 2
    assert [tuple(s.shape) for s in seen.streams] == [(2, 3, 5, 8)] * 3
    assert all(bool(torch.isneginf(s).equal(torch.ones(5, 5).triu(1).bool().expand(s.shape))) for s in seen.scores)
    _, layers, (gain, readout) = net.split(parameters)
    for layer, before, after in zip(layers, seen.streams, seen.streams[1:], strict=False):
        torch.testing.assert_close(net.step(layer, before), after, rtol=1e-10, atol=1e-12)
    last = nn.functional.layer_norm(seen.streams[-1], (8,)) * gain[:, None, None]
    torch.testing.assert_close(torch.einsum("mbtd,mdv->mbtv", last, readout), seen.logits, rtol=1e-10, atol=1e-12)


def test_attention_by_hand() -> None:
    """One layer without MLP, written out entry by entry for the second token."""
    net = Decoders(vocabulary=3, context=2, width=4, heads=2, layers=1, hidden=0, skip=0.5)
    words, places, gain, qkv, out, *_ = parameters = drawn(net, models=1)
    x = words[0][torch.tensor([2, 0])] + places[0]
    normed = nn.functional.layer_norm(x, (4,)) * gain[0]
    q, k, v = (normed @ qkv[0]).split(4, dim=-1)
    heard = []
    for head in (slice(0, 2), slice(2, 4)):
        score = (q[1, head] * k[:, head]).sum(dim=-1) / math.sqrt(2)
        heard.append(torch.softmax(score, dim=0) @ v[:, head])
    wanted = 0.5 * x[1] + torch.cat(heard) @ out[0]
    seen = net.trace(parameters, torch.tensor([[2, 0]]))
    torch.testing.assert_close(seen.streams[1][0, 0, 1], wanted, rtol=1e-10, atol=1e-12)


@FEW
@given(SEEDS, st.integers(0, 5), st.sampled_from([SMALL, BARE]))
def test_no_position_sees_what_comes_after_it(seed: int, place: int, net: Decoders) -> None:
    parameters, x = drawn(net, seed=seed % 1000), tokens(2, 6, seed=seed % 997)
    changed = x.clone()
    changed[:, place] = (x[:, place] + 1) % 7
    before, after = net.forward(parameters, x), net.forward(parameters, changed)
    torch.testing.assert_close(before[:, :, :place], after[:, :, :place], rtol=0, atol=1e-12)
    assert bool((before[:, :, place:] != after[:, :, place:]).any(dim=-1).all())


def test_without_positions_and_with_one_head_order_does_not_matter_to_the_last_token() -> None:
    net = Decoders(vocabulary=7, context=6, width=8, heads=1, layers=1, hidden=0)
    parameters = drawn(net)
    parameters[1].zero_()
    a, b = (net.forward(parameters, torch.tensor([order]))[:, 0, -1] for order in ([1, 2, 3, 4], [3, 1, 2, 4]))
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("net", [Decoders(5, 3, 4, 2, 1), Decoders(5, 3, 4, 2, 1, 0, 0.5)])
def test_gradients_are_those_of_differences(net: Decoders) -> None:
    x = tokens(2, 4, vocabulary=5)

    def total(*parameters: Tensor) -> Tensor:
        return net.surprisals(list(parameters), x).sum()

    live = [p.requires_grad_() for p in drawn(net, models=1)]
    assert torch.autograd.gradcheck(total, live, eps=1e-6, atol=1e-6)


def test_surprisals_are_minus_the_log_of_the_next_token_s_probability() -> None:
    parameters, x = drawn(SMALL), tokens(2, 3, 6)
    p = torch.softmax(SMALL.forward(parameters, x), dim=-1)
    wanted = -p[:, :, :-1].gather(-1, x[:, :, 1:, None])[..., 0].log()
    torch.testing.assert_close(SMALL.surprisals(parameters, x), wanted, rtol=1e-10, atol=1e-12)
    shared = x[0]
    torch.testing.assert_close(SMALL.surprisals(parameters, shared)[0], SMALL.surprisals(parameters, x)[0])


def test_noise_enters_the_embedding_and_after_each_layer() -> None:
    parameters, x = drawn(SMALL), tokens(3, 5)
    noise = [torch.randn(2, 3, 5, 8, generator=rng.torch_stream(0, "noise", i), dtype=torch.float64) for i in range(3)]
    seen = SMALL.trace(parameters, x, noise)
    _, layers, _ = SMALL.split(parameters)
    h = SMALL.embed(parameters[:2], x) + noise[0]
    for i, layer in enumerate(layers):
        torch.testing.assert_close(seen.streams[i], h, rtol=1e-10, atol=1e-12)
        h = SMALL.step(layer, h) + noise[i + 1]
    torch.testing.assert_close(seen.streams[2], h, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(SMALL.forward(parameters, x, noise), seen.logits, rtol=1e-10, atol=1e-12)
    shorter = [part[:, :, :4] for part in noise]
    following = torch.log_softmax(seen.logits[:, :, :4], dim=-1).gather(-1, x[None, :, 1:, None].expand(2, -1, -1, 1))
    torch.testing.assert_close(SMALL.surprisals(parameters, x, shorter), -following[..., 0], rtol=1e-10, atol=1e-12)


def test_both_branches_stand_beside_the_same_skip() -> None:
    """With maps into the stream of zero, a layer multiplies by the square of the skip, or by the skip without MLP."""
    for net, factor in ((Decoders(7, 6, 8, 2, 1, skip=0.5), 0.25), (Decoders(7, 6, 8, 2, 1, 0, 0.5), 0.5)):
        parameters = drawn(net)
        _, [layer], _ = net.split(parameters)
        silent = [p * 0 if i in (2, 5) else p for i, p in enumerate(layer)]
        x = net.embed(parameters[:2], tokens(3, 6))
        torch.testing.assert_close(net.step(silent, x), factor * x, rtol=1e-12, atol=1e-14)


def test_starts_have_the_deviations_they_say_and_streams_of_their_own() -> None:
    net = Decoders(vocabulary=300, context=200, width=64, heads=4, layers=2)
    models = net.initialise([rng.torch_stream(5, m) for m in (0, 1, 0)])
    wanted = [0.1, 0.1, *([0, 1 / 8, 1 / 16, 0, 1 / 8, 1 / 32] * 2), 0, 1 / 64]
    for p, deviation in zip(models, wanted, strict=True):
        assert p.dtype == torch.float32
        assert abs(float(p.std()) - deviation) < 0.03 * deviation + 1e-9
        assert torch.equal(p[0], p[2])
    assert not torch.equal(models[0][0], models[0][1])
    assert all(torch.equal(p, torch.ones_like(p)) for p in (models[2], models[5], models[-2]))


def test_parameters_are_counted() -> None:
    assert SMALL.count() == 7 * 8 + 6 * 8 + 2 * (8 + 192 + 64 + 8 + 256 + 256) + 8 + 56
    assert SMALL.count(embeddings=False) == SMALL.count() - 7 * 8 - 6 * 8 - 56
    assert BARE.count(embeddings=False) == 2 * (8 + 192 + 64) + 8
    assert sum(p[0].numel() for p in drawn(SMALL)) == SMALL.count()


def test_a_model_trains_as_it_does_alone_and_learns() -> None:
    """Copying the first token: the last loss is far below log V, and of a batch of models each is its own."""
    net = Decoders(vocabulary=5, context=2, width=16, heads=2, layers=1)
    x = tokens(64, 1, vocabulary=5).expand(64, 2)

    def train(models: list[int]) -> Tensor:
        start = net.initialise([rng.torch_stream(9, m) for m in models], dtype=torch.float64)
        ends = list(adamw(lambda p, _: net.surprisals(p, x).mean((1, 2)), start, steps=60, rate=0.02, keep=[60]))
        return net.surprisals(ends[-1][1], x).mean((1, 2))

    both, second = train([0, 1]), train([1])
    assert bool((both < 0.1 * math.log(5)).all())
    torch.testing.assert_close(both[1:], second, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Decoders(0, 4, 8, 2, 1), "vocabulary is 0; it must be at least 1"),
        (lambda: Decoders(5, 0, 8, 2, 1), "context is 0"),
        (lambda: Decoders(5, 4, 8, 0, 1), "heads is 0"),
        (lambda: Decoders(5, 4, 8, 2, -1), "layers is -1 and hidden None; neither can be negative"),
        (lambda: Decoders(5, 4, 8, 2, 1, -2), "hidden -2"),
        (lambda: Decoders(5, 4, 9, 2, 1), "width is 9 with 2 heads; it must be a multiple of them"),
        (lambda: SMALL.forward(drawn(SMALL), tokens(1, 7)), "sequences of 7; the context is 6"),
        (lambda: SMALL.forward(drawn(SMALL), tokens(1, 3), []), "noise has 0 entries; pass one for the embedding"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
