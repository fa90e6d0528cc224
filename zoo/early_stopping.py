"""How the networks among the predictors are trained: stopped early, by groups they do not learn from."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from framework.representation import one_thread
from framework.training import device

HELD_OUT = 0.1
"""Share of the groups that tells when to stop."""

_AT_ONCE = 256


def trained(
    build: Callable[[], nn.Module],
    loss: Callable[[Tensor, Tensor], Tensor],
    inputs: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    *,
    seed: int,
    epochs: int,
    patience: int,
    batch_size: int,
    learning_rate: float,
) -> nn.Module:
    """A network with the weights of its best epoch, trained by Adam.

    Best is the least mean loss on a tenth of the groups, drawn by the seed; a single group is
    learned from for all epochs. The global random state is put back afterwards.

    Args:
        build: makes the network; called once the random state is seeded.
        inputs: (n, d)
        targets: (n,)
        groups: (n,) equal for samples that must not stand on both sides.
        patience: epochs without a better one after which training stops.
    """
    generator = np.random.default_rng(seed)
    names, code = np.unique(groups, return_inverse=True)
    n_held = max(1, round(HELD_OUT * len(names))) if len(names) > 1 else 0
    held = np.isin(code, generator.permutation(len(names))[:n_held])
    at = device()
    x, y = torch.as_tensor(inputs, device=at), torch.as_tensor(targets, device=at)
    learned, watched = (torch.as_tensor(np.flatnonzero(part), device=at) for part in (~held, held))
    devices = [at] if at.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), one_thread():
        torch.manual_seed(seed)
        network = build().to(at)
        best, since, kept = np.inf, 0, network.state_dict()
        optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
        for _ in range(epochs):
            network.train()
            order = generator.permutation(len(learned))
            for index in learned[torch.as_tensor(order, device=at)].split(batch_size):
                optimiser.zero_grad()
                loss(network(x[index]), y[index]).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            if not n_held:
                continue
            now = float(loss(outputs(network, x[watched]), y[watched]))
            since += 1
            if now < best:
                best, since, kept = now, 0, copy.deepcopy(network.state_dict())
            if since == patience:
                break
        if n_held:
            network.load_state_dict(kept)
    return network.eval()


def outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """What a network says of inputs (n, d), without dropout, some hundreds at a time."""
    network.eval()
    with torch.inference_mode(), one_thread():
        return torch.cat([network(part) for part in inputs.split(_AT_ONCE)])
