"""Tables of low rank: by hand, masked ranks alone and together, gradients that stay inside, a full table."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from itdl.bilinear import BilinearTables
from itdl.checks import BadInput
from itdl.sources import BilinearMarkov
from itdl.training import adamw


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_row_by_hand() -> None:
    tables = BilinearTables(3, [1])
    u, w, b = torch.tensor([[[1.0], [2], [0]]]), torch.tensor([[[1.0, 0, -1]]]), torch.tensor([[[0.5, 0, 0]]])
    logits = tables.rows([u, w, b], torch.tensor([1, 2]))
    assert_allclose(logits[0], [[2.5, 0, -2], [0.5, 0, 0]])
    assert_allclose(tables.logits([u, w, b])[0, 1], [2.5, 0, -2])
    expected = -np.log(np.exp(0.5) / (np.exp(0.5) + 2))
    assert_allclose(tables.loss([u, w, b], torch.tensor([2]), torch.tensor([0])), [expected], rtol=1e-6)


def test_counts_and_masks() -> None:
    tables = BilinearTables(10, [1, 4])
    assert tables.count() == [30, 90]
    assert_allclose(tables.mask, [[1, 0, 0, 0], [1, 1, 1, 1]])
    u, w, b = tables.initialise(generator())
    assert u.shape == (2, 10, 4)
    assert w.shape == (2, 4, 10)
    assert not b.any()
    assert not u[0, :, 1:].any()
    assert not w[0, 1:].any()
    spread = BilinearTables(3000, [1, 4]).initialise(generator(), deviation=0.5)
    assert_allclose(spread[0][0, :, 0].std(), 0.5, rtol=0.05)
    assert_allclose(spread[0][1].std(), 0.25, rtol=0.05)
    assert_allclose(spread[1][1].std(), 0.25, rtol=0.05)


def test_what_is_masked_stays_zero_in_training() -> None:
    tables = BilinearTables(6, [1, 3])
    joint = torch.rand(6, 6, generator=generator())
    joint = joint / joint.sum()
    *_, (_, end) = adamw(
        lambda p, _: tables.population_loss(p, joint), tables.initialise(generator()), steps=20, rate=0.1, keep=[20]
    )
    assert not end[0][0, :, 1:].any()
    assert not end[1][0, 1:].any()
    assert end[2].any()
    alone = BilinearTables(6, [3])
    start = [p[1:] for p in tables.initialise(generator())]
    *_, (_, single) = adamw(lambda p, _: alone.population_loss(p, joint), start, steps=20, rate=0.1, keep=[20])
    for one, both in zip(single, end, strict=True):
        assert_allclose(one[0], both[1], atol=1e-5)


def test_the_two_losses_agree() -> None:
    tables = BilinearTables(4, [2, 3])
    parameters = tables.initialise(generator(3), deviation=2.0)
    x, y = torch.tensor([0, 1, 1, 3]), torch.tensor([2, 0, 3, 3])
    joint = torch.zeros(4, 4)
    for i, j in zip(x, y, strict=True):
        joint[i, j] += 0.25
    assert_allclose(tables.loss(parameters, x, y), tables.population_loss(parameters, joint), rtol=1e-6)


def test_a_full_table_learns_the_source() -> None:
    source = BilinearMarkov.draw(np.random.default_rng(1), vocabulary=12, gamma=1.0, scale=0.5)
    tables = BilinearTables(12, [1, 12])
    joint = torch.from_numpy(source.stationary[:, None] * source.transition).float()
    *_, (_, end) = adamw(
        lambda p, _: tables.population_loss(p, joint), tables.initialise(generator()), steps=400, rate=0.05, keep=[400]
    )
    excess = source.excess(torch.softmax(tables.logits(end).double(), dim=-1).numpy())
    assert excess[1] < 1e-5
    # The offsets of rows and of columns, which a softmax table has for nothing, are worth two ranks at most.
    assert source.rank_excess(3)[0] < excess[0] < source.rank_excess(1)[0]
    assert_allclose(tables.population_loss(end, joint), source.entropy() + excess, atol=1e-5)


@pytest.mark.parametrize("ranks", [[], [0, 2], [5]])
def test_ranks_that_are_none_are_refused(ranks: list[int]) -> None:
    with pytest.raises(BadInput, match=r"ranks are .*; give whole numbers from 1 to the vocabulary, 4"):
        BilinearTables(4, ranks)
