"""How the networks among the predictors are trained: stopped early, by groups they do not learn from."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from framework.base.errors import UserError
from framework.neural.threads import one_thread
from framework.neural.training import device

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
    watched: np.ndarray | None = None,
) -> nn.Module:
    """A network with the weights of its best epoch, trained by Adam.

    Best is the least mean loss on a tenth of the groups, drawn by the seed; a single group is both
    learned from and watched. The global random state is put back afterwards.

    Args:
        build: makes the network; called once the random state is seeded.
        inputs: (n, d)
        targets: (n,)
        groups: (n,) equal for samples that must not stand on both sides.
        watched: which samples (n,) tell when to stop; drawn from the groups where None.
        patience: epochs without a better one after which training stops.

    Raises:
        UserError: the loss is no longer finite.
    """
    generator = np.random.default_rng(seed)
    held = watched_part(groups, generator) if watched is None else watched
    parts = (~held, held) if not held.all() else (held, held)
    at = device()
    x, y = torch.as_tensor(inputs, device=at), torch.as_tensor(targets, device=at)
    learned_from, looked_at = (torch.as_tensor(np.flatnonzero(part), device=at) for part in parts)
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices), one_thread():
        torch.manual_seed(seed)
        network = build().to(at)
        best, since = np.inf, 0
        optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
        for epoch in range(epochs):
            network.train()
            order = generator.permutation(len(learned_from))
            for index in learned_from[torch.as_tensor(order, device=at)].split(batch_size):
                optimiser.zero_grad()
                loss(network(x[index]), y[index]).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            now, since = (
                float(loss(outputs(network, x[looked_at]), y[looked_at]).detach()),
                since + 1,
            )
            if not np.isfinite(now):
                raise UserError(
                    f"the loss is no longer finite in epoch {epoch + 1}; lower learning_rate "
                    f"({learning_rate:g})"
                )
            if now < best:
                best, since, kept = now, 0, copy.deepcopy(network.state_dict())
            if since == patience:
                break
        network.load_state_dict(kept)
    return network.eval()


def watched_part(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Samples (n,) to watch and not to learn from: a tenth of the groups, all where there is one."""
    names, code = np.unique(groups, return_inverse=True)
    n_held = max(1, round(HELD_OUT * len(names)))
    return np.isin(code, generator.permutation(len(names))[:n_held])


def outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """What a network says of inputs (n, d), without dropout, some hundreds at a time."""
    network.eval()
    with torch.inference_mode(), one_thread():
        return torch.cat([network(part) for part in inputs.split(_AT_ONCE)])
