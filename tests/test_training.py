"""Gradient flow: exact where the model is linear, independent of how models are grouped, refused when it blows up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl import rng
from itdl.checks import BadInput
from itdl.networks import Networks
from itdl.training import adam, adamw, gradient_flow, sgd

X = torch.tensor([[1.0, 0.5], [-0.3, 0.8]], dtype=torch.float64)
Y = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
LINEAR = Networks([2, 1], "erf", 1.1, 0.4)
DEEP = Networks([2, 6, 1], "relu", 1.1, 0.4)


def test_a_linear_model_follows_the_matrix_exponential() -> None:
    start = LINEAR.initialise(4, rng.torch_stream(0, "linear"))
    z0 = LINEAR.forward(start, X).numpy()[..., 0]
    theta = LINEAR.tangent_kernel([p[:1].clone() for p in start], X)[0].numpy()
    lam, v = np.linalg.eigh(theta)
    decay = v @ np.diag(np.exp(-0.7 * lam)) @ v.T
    end = gradient_flow(LINEAR, start, X, Y, time=0.7, steps=40)
    expected = Y.numpy()[:, 0] + (z0 - Y.numpy()[:, 0]) @ decay
    assert_allclose(LINEAR.forward(end, X).numpy()[..., 0], expected, atol=1e-9)


def test_the_error_falls_with_the_fourth_power_of_the_step() -> None:
    start = DEEP.initialise(2, rng.torch_stream(0, "deep"))
    ends = [DEEP.forward(gradient_flow(DEEP, start, X, Y, time=0.5, steps=s), X).detach() for s in (4, 8, 16, 256)]
    errors = [float((end - ends[-1]).abs().max()) for end in ends[:-1]]
    assert errors[0] > 8 * errors[1] > 64 * errors[2] or errors[0] < 1e-12


def test_grouping_the_models_changes_nothing_and_the_start_is_left_alone() -> None:
    start = DEEP.initialise(5, rng.torch_stream(0, "groups"))
    kept = [p.clone() for p in start]
    one, all_at_once = (gradient_flow(DEEP, start, X, Y, time=0.5, steps=5, chunk=c) for c in (1, 5))
    assert all(torch.allclose(a, b, rtol=1e-13, atol=1e-15) for a, b in zip(one, all_at_once, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(start, kept, strict=True))


def test_a_flow_that_blows_up_is_refused() -> None:
    start = DEEP.initialise(1, rng.torch_stream(0, "blow"))
    with pytest.raises(
        BadInput, match="gradient flow left the numbers within 30 steps to time 1000000\\.0; take more steps"
    ):
        gradient_flow(DEEP, start, X, 1e9 * Y, time=1e6, steps=30)


def squared(x: torch.Tensor, y: torch.Tensor):
    def loss(parameters: list[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        w, b = parameters
        z = (x[rows] @ w + b)[..., 0]
        return ((z - y[rows]) ** 2).mean(dim=1)

    return loss


def linear_task() -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    generator = rng.torch_stream(0, "adam")
    x = torch.randn(10, 2, generator=generator, dtype=torch.float64)
    start = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((3, 2, 1), (3, 1, 1))]
    return x, x @ torch.tensor([1.0, -2.0], dtype=torch.float64) + 0.5, start


def orders(count: int) -> list[torch.Generator]:
    return [rng.torch_stream(0, "order", m) for m in range(count)]


def test_adam_is_the_textbook_recursion_on_full_batches() -> None:
    x, y, start = linear_task()
    _, end = next(adam(squared(x, y), start, orders(3), n=10, batch=10, epochs=7, rate=0.05, keep=[7]))
    for model in range(3):
        p = np.concatenate([start[0][model, :, 0].numpy(), start[1][model, 0].numpy()])
        design, m, v = np.column_stack([x.numpy(), np.ones(10)]), np.zeros(3), np.zeros(3)
        for t in range(1, 8):
            g = 2 / 10 * design.T @ (design @ p - y.numpy())
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            p = p - 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert_allclose(np.concatenate([end[0][model, :, 0], end[1][model, 0]]), p, rtol=1e-10)
    assert torch.equal(start[0], linear_task()[2][0])


def test_a_model_does_not_notice_the_others() -> None:
    x, y, start = linear_task()
    options = {"n": 10, "batch": 4, "epochs": 5, "rate": 0.05, "keep": [0, 5]}
    together = list(adam(squared(x, y), start, orders(3), **options))
    alone = list(adam(squared(x, y), [p[:1] for p in start], orders(1), **options))
    assert [epoch for epoch, _ in together] == [0, 5]
    assert_allclose(together[1][1][0][:1], alone[1][1][0], rtol=1e-12)
    assert torch.equal(together[0][1][0], start[0])


def test_every_row_is_seen_once_an_epoch() -> None:
    seen: list[torch.Tensor] = []
    x, y, start = linear_task()

    def watched(parameters: list[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows)
        return squared(x, y)(parameters, rows)

    list(adam(watched, start, orders(3), n=10, batch=4, epochs=2, rate=0.05, keep=[]))
    epochs = torch.cat(seen[:3], dim=1), torch.cat(seen[3:], dim=1)
    assert [rows.shape[1] for rows in seen[:3]] == [4, 4, 2]
    assert all(torch.equal(e.sort(dim=1).values, torch.arange(10).expand(3, 10)) for e in epochs)
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0][0], epochs[0][1])


def test_adam_refuses_batches_and_runaways() -> None:
    x, y, start = linear_task()
    with pytest.raises(BadInput, match="batch is 11 with 10 points"):
        next(adam(squared(x, y), start, orders(3), n=10, batch=11, epochs=1, rate=0.05, keep=[0]))
    with pytest.raises(BadInput, match="left the finite numbers by epoch 2"):
        list(adam(squared(x, y), start, orders(3), n=10, batch=5, epochs=2, rate=1e300, keep=[2]))


def test_sgd_is_the_textbook_recursion_on_full_batches() -> None:
    x, y, start = linear_task()
    ends = dict(sgd(squared(x, y), start, orders(3), n=10, batch=10, rate=0.05, keep=[0, 4]))
    design = np.column_stack([x.numpy(), np.ones(10)])
    for model in range(3):
        p = np.concatenate([start[0][model, :, 0].numpy(), start[1][model, 0].numpy()])
        for _ in range(4):
            p = p - 0.05 * 2 / 10 * design.T @ (design @ p - y.numpy())
        assert_allclose(np.concatenate([ends[4][0][model, :, 0], ends[4][1][model, 0]]), p, rtol=1e-10)
    assert torch.equal(ends[0][0], start[0])
    assert torch.equal(start[0], linear_task()[2][0])


def test_sgd_sees_every_row_once_an_epoch_and_each_model_its_own_order() -> None:
    seen: list[torch.Tensor] = []
    x, y, start = linear_task()

    def watched(parameters: list[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows)
        return squared(x, y)(parameters, rows)

    _, together = next(sgd(watched, start, orders(3), n=10, batch=4, rate=0.05, keep=[7]))
    assert [rows.shape[1] for rows in seen] == [4, 4, 2, 4, 4, 2, 4]
    epoch = torch.cat(seen[:3], dim=1)
    assert torch.equal(epoch.sort(dim=1).values, torch.arange(10).expand(3, 10))
    assert not torch.equal(epoch[0], epoch[1])
    _, alone = next(sgd(squared(x, y), [p[:1] for p in start], orders(1), n=10, batch=4, rate=0.05, keep=[7]))
    assert_allclose(together[0][:1], alone[0], rtol=1e-12)


def test_sgd_refuses_batches_and_runaways() -> None:
    x, y, start = linear_task()
    with pytest.raises(BadInput, match="batch is 0 with 10 points"):
        next(sgd(squared(x, y), start, orders(3), n=10, batch=0, rate=0.05, keep=[0]))
    with pytest.raises(BadInput, match="left the finite numbers by step 2"):
        list(sgd(squared(x, y), start, orders(3), n=10, batch=5, rate=1e300, keep=[2]))


def test_adamw_is_the_textbook_recursion_with_its_schedule_its_decay_and_its_clip() -> None:
    x, y, start = linear_task()
    steps, warm, clip = 9, 3, 4.0
    called: list[int] = []

    def loss(parameters: list[torch.Tensor], step: int) -> torch.Tensor:
        called.append(step)
        return squared(x, y)(parameters, torch.arange(10).expand(3, 10))

    flat = [start[0], start[1][..., 0]]  # (3, 2, 1) is a matrix and decays, (3, 1) is a vector and does not

    def shaped(parameters: list[torch.Tensor], step: int) -> torch.Tensor:
        return loss([parameters[0], parameters[1][..., None]], step)

    options = {"steps": steps, "rate": 0.05, "warm_up": warm, "decay": 0.3, "clip": clip}
    kept = dict(adamw(shaped, flat, keep=[0, steps], **options))
    assert called == list(range(1, steps + 1))
    design = np.column_stack([x.numpy(), np.ones(10)])
    clipped = 0
    for model in range(3):
        p = np.concatenate([start[0][model, :, 0].numpy(), start[1][model, 0].numpy()])
        m, v = np.zeros(3), np.zeros(3)
        for t in range(1, steps + 1):
            rate = 0.05 * min(1, t / 4) * (1 + np.cos(np.pi * max(t - 4, 0) / 6)) / 2
            g = 2 / 10 * design.T @ (design @ p - y.numpy())
            clipped += np.linalg.norm(g) > clip
            g = g * min(1, clip / np.linalg.norm(g))
            m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
            p = p * (1 - rate * 0.3 * np.array([1, 1, 0]))
            p = p - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
        assert_allclose(np.concatenate([kept[steps][0][model, :, 0], kept[steps][1][model]]), p, rtol=1e-10)
    assert 0 < clipped < 27  # some gradients were too long, not all
    assert torch.equal(kept[0][0], start[0])
    assert torch.equal(start[0], linear_task()[2][0])


def test_adamw_without_clip_leaves_models_alone_and_refuses_long_warm_ups_and_runaways() -> None:
    x, y, start = linear_task()

    def loss(parameters: list[torch.Tensor], _: int) -> torch.Tensor:
        return squared(x, y)(parameters, torch.arange(10).expand(len(parameters[0]), 10))

    together = next(adamw(loss, start, steps=5, rate=0.1, keep=[5]))[1]
    alone = next(adamw(loss, [p[:1] for p in start], steps=5, rate=0.1, keep=[5]))[1]
    assert_allclose(together[0][:1], alone[0], rtol=1e-12)
    with pytest.raises(BadInput, match="warm_up is 5 with 5 steps; it must be shorter than the training"):
        next(adamw(loss, start, steps=5, rate=0.1, warm_up=5, keep=[5]))
    with pytest.raises(BadInput, match="left the finite numbers by step 2; take a rate below 1e"):
        list(adamw(loss, start, steps=2, rate=1e300, keep=[2]))
