"""Sums and softmax over the neighbours of each site: by DGL on a processor, in plain PyTorch elsewhere.

DGL's packages on the registry compute on the processor alone; an accelerator takes the other way.
Both give the same numbers. DGL is imported when it is first needed; one that cannot be imported,
for it does not fit the installed torch, is done without, and a line of the log says so.
"""

from __future__ import annotations

import logging
import os
from functools import cache, cached_property
from types import ModuleType
from typing import Any

import torch
from torch import Tensor


class Pairs:
    """Pairs of a site and a neighbour, those of one site side by side.

    Args:
        site: (p,) ascending.
        neighbour: (p,)
        n_sites: of which some may have no neighbour.
        by_dgl: which way to compute; None for DGL on the processor alone, where it can be imported.
    """

    def __init__(
        self, site: Tensor, neighbour: Tensor, n_sites: int, by_dgl: bool | None = None
    ) -> None:
        self.site, self.neighbour, self.n_sites = site, neighbour, n_sites
        self.by_dgl = site.device.type == "cpu" and _has_dgl() if by_dgl is None else by_dgl

    def __len__(self) -> int:
        return len(self.site)

    def softmax(self, logits: Tensor) -> Tensor:
        """Weights (p, h) that add up to 1 over the neighbours of each site, from logits (p, h)."""
        if self.by_dgl:
            return _dgl().ops.edge_softmax(self._graph, logits)
        index = self.site[:, None].expand_as(logits)
        lowest = logits.new_full((self.n_sites, logits.shape[1]), -torch.inf)
        highest = lowest.scatter_reduce(0, index, logits.detach(), "amax")
        powers = (logits - highest[self.site]).exp()
        total = powers.new_zeros(lowest.shape).index_add(0, self.site, powers)
        return powers / total[self.site]

    def weighted_sum(self, weights: Tensor, values: Tensor) -> Tensor:
        """Sums (s, h, d) over the neighbours of each site of values (p, h, d) by weights (p, h)."""
        weighted = weights[..., None] * values
        if self.by_dgl:
            return _dgl().ops.copy_e_sum(self._graph, weighted)
        return weighted.new_zeros(self.n_sites, *weighted.shape[1:]).index_add(
            0, self.site, weighted
        )

    @cached_property
    def _graph(self) -> Any:
        """The pairs as DGL has them: an edge from the neighbour to the site."""
        return _dgl().graph((self.neighbour, self.site), num_nodes=self.n_sites)


def mean_of_groups(values: Tensor, group: Tensor, n_groups: int) -> Tensor:
    """Means (g, d) of the rows of values (s, d) that belong to each group (s,), 0 for none."""
    total = values.new_zeros(n_groups, values.shape[1]).index_add(0, group, values)
    return total / torch.bincount(group, minlength=n_groups).clamp(min=1)[:, None]


@cache
def _has_dgl() -> bool:
    """True if DGL passes a message, of one site to itself."""
    try:
        one = torch.zeros(1, dtype=torch.long)
        Pairs(one, one, 1, by_dgl=True).softmax(torch.zeros(1, 1))
    except Exception as error:  # a library of another torch, a missing part: of any kind
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        logging.getLogger("phasezoo").warning(
            f"DGL cannot be used ({reason:.120}); plain PyTorch passes the messages, with the "
            "same numbers. Install the dgl of requirements.lock to have it back"
        )
        return False
    return True


def _dgl() -> ModuleType:
    os.environ.setdefault("DGLBACKEND", "pytorch")  # else DGL asks, and writes a file at home
    import dgl

    return dgl
