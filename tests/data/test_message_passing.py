"""Both ways to pass messages give the same numbers, and those of a loop."""

import logging
import sys

import numpy as np
import pytest
import torch

from data import message_passing
from data.message_passing import Pairs, mean_of_groups


def drawn_pairs(rng):
    """Seven sites, of which the last has no neighbour; weights of three heads."""
    site = torch.from_numpy(np.sort(rng.integers(0, 6, 40)))
    neighbour = torch.from_numpy(rng.integers(0, 7, 40))
    logits = torch.from_numpy(rng.normal(0, 5, (40, 3))).float()
    values = torch.from_numpy(rng.normal(size=(40, 3, 4))).float()
    return site, neighbour, logits, values


def both(site, neighbour, logits, values, by_dgl):
    logits, values = logits.clone().requires_grad_(), values.clone().requires_grad_()
    pairs = Pairs(site, neighbour, 7, by_dgl=by_dgl)
    found = pairs.weighted_sum(pairs.softmax(logits), values)
    (found * torch.arange(4)).mean().backward()
    return found.detach(), logits.grad, values.grad


def test_dgl_and_pytorch_agree_in_values_and_gradients():
    for seed in range(5):
        drawn = drawn_pairs(np.random.default_rng(seed))
        for one, other in zip(both(*drawn, True), both(*drawn, False), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("by_dgl", [True, False])
def test_sums_are_those_of_a_loop_over_the_sites(by_dgl):
    site, neighbour, logits, values = drawn_pairs(np.random.default_rng(9))
    found, _, _ = both(site, neighbour, logits, values, by_dgl)
    for i in range(7):
        own = site == i
        expected = (logits[own].softmax(0)[..., None] * values[own]).sum(0)
        torch.testing.assert_close(found[i], expected, rtol=1e-5, atol=1e-6)


def test_large_logits_do_not_overflow():
    pairs = Pairs(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), 2, by_dgl=False)
    found = pairs.softmax(torch.tensor([[1000.0], [1000.0], [-1000.0]]))
    torch.testing.assert_close(found[:, 0], torch.tensor([0.5, 0.5, 1.0]))


def test_means_of_groups():
    values = torch.tensor([[1.0], [3.0], [5.0]])
    found = mean_of_groups(values, torch.tensor([0, 0, 1]), 2)
    assert found.tolist() == [[2.0], [5.0]]


def test_a_group_without_rows_has_the_mean_zero():
    assert mean_of_groups(torch.ones(1, 2), torch.tensor([1]), 2).tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    "error", [FileNotFoundError("no libgraphbolt_9.so"), ImportError(), OSError("x\ny")]
)
def test_a_dgl_that_cannot_be_imported_is_done_without_and_one_line_says_so(
    monkeypatch, tmp_path, caplog, error
):
    """As one built for another torch."""
    (tmp_path / "dgl").mkdir()
    (tmp_path / "dgl" / "__init__.py").write_text(f"raise {error!r}")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "dgl"]:
        monkeypatch.delitem(sys.modules, name)
    message_passing._has_dgl.cache_clear()
    drawn = drawn_pairs(np.random.default_rng(0))
    plain = both(*drawn, False)
    for _ in range(2):
        for one, other in zip(both(*drawn, None), plain, strict=True):
            assert torch.equal(one, other)
    (line,) = caplog.records
    assert line.levelno == logging.WARNING and "\n" not in line.message
    assert line.message.startswith("DGL cannot be used (")
    with pytest.raises(type(error)):
        both(*drawn, True)
    message_passing._has_dgl.cache_clear()
