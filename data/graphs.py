"""Crystal graphs in memory: packed tensors, of which a batch is gathered by index."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from data.message_passing import Pairs, mean_of_groups
from framework.neural.samples import TensorSamples

_MOST_PAIRS = 1 << 16
"""Pairs in a batch outside of training, at most."""


@dataclass(eq=False)
class GraphBatch:
    """Some crystal graphs, side by side.

    Attributes:
        element: (s,) atomic numbers of all sites.
        table: (119, f) features by atomic number.
        crystal: (s,) which crystal a site is of, ascending.
        site, neighbour: (p,) sites of this batch; `site` ascends.
        distance: (p,) angstrom.
        centres: (r,) of the radial basis.
        n_crystals: in the batch.
    """

    element: Tensor
    table: Tensor
    crystal: Tensor
    site: Tensor
    neighbour: Tensor
    distance: Tensor
    centres: Tensor
    n_crystals: int

    def __len__(self) -> int:
        return self.n_crystals

    @cached_property
    def features(self) -> Tensor:
        """Of the sites (s, f)."""
        return self.table.index_select(0, self.element)

    @cached_property
    def radial(self) -> Tensor:
        """Distances (p, r) in Gaussians as wide as they are apart."""
        apart = self.centres[1] - self.centres[0]
        return (-0.5 * ((self.distance[:, None] - self.centres) / apart) ** 2).exp()

    @cached_property
    def pairs(self) -> Pairs:
        """For sums over the neighbours of each site."""
        return Pairs(self.site, self.neighbour, len(self.element))

    def with_elements(self, element: Tensor) -> GraphBatch:
        """The same structures with other atomic numbers (s,) at their sites."""
        other = copy.copy(self)
        other.__dict__.pop("features", None)
        other.element = element
        return other

    def mean_over_sites(self, values: Tensor) -> Tensor:
        """Means (b, d) over the sites of each crystal of values (s, d)."""
        return mean_of_groups(values, self.crystal, self.n_crystals)


class GraphSamples(TensorSamples):
    """Crystal graphs, their sites and pairs one after the other; one view each.

    Attributes:
        element: (n_sites,) uint8, atomic numbers.
        site_offsets: (n + 1,); the sites of graph i are `site_offsets[i]` up to the next.
        site, neighbour: (n_pairs,) int16, places within the crystal.
        distance: (n_pairs,) float32, angstrom.
        pair_offsets: (n + 1,)
        table: (119, f) float32, features by atomic number.
        centres: (r,) float32, of the radial basis, angstrom.
        width: f + r.
    """

    vectors = False

    def __init__(
        self,
        element: Tensor,
        site_offsets: Tensor,
        site: Tensor,
        neighbour: Tensor,
        distance: Tensor,
        pair_offsets: Tensor,
        table: Tensor,
        centres: Tensor,
    ) -> None:
        self.element, self.site_offsets = element, site_offsets
        self.site, self.neighbour, self.distance = site, neighbour, distance
        self.pair_offsets, self.table, self.centres = pair_offsets, table, centres
        self.width = table.shape[1] + len(centres)

    def __len__(self) -> int:
        return len(self.site_offsets) - 1

    @property
    def device(self) -> torch.device:
        return self.element.device

    def batch(self, index: Tensor, view: Tensor) -> GraphBatch:
        """The graphs at `index` (b,)."""
        sites, crystal, site_offsets = _gathered(self.site_offsets, index)
        pairs, of, _ = _gathered(self.pair_offsets, index)
        begin = site_offsets.index_select(0, of)
        return GraphBatch(
            self.element.index_select(0, sites).long(),
            self.table,
            crystal,
            begin + self.site.index_select(0, pairs),
            begin + self.neighbour.index_select(0, pairs),
            self.distance.index_select(0, pairs),
            self.centres,
            len(index),
        )

    def take(self, index: np.ndarray) -> Self:
        chosen = torch.as_tensor(index, device=self.device)
        sites, _, site_offsets = _gathered(self.site_offsets, chosen)
        pairs, _, pair_offsets = _gathered(self.pair_offsets, chosen)
        return type(self)(
            self.element.index_select(0, sites),
            site_offsets,
            self.site.index_select(0, pairs),
            self.neighbour.index_select(0, pairs),
            self.distance.index_select(0, pairs),
            pair_offsets,
            self.table,
            self.centres,
        )

    def descriptors(self) -> np.ndarray:
        """Mean and standard deviation of the site features, mean of the radial basis (n, 2f + r)."""
        found = []
        for batch in self.in_batches():
            mean = batch.mean_over_sites(batch.features)
            squared = batch.mean_over_sites((batch.features - mean[batch.crystal]) ** 2)
            radial = mean_of_groups(batch.radial, batch.crystal[batch.site], len(batch))
            found.append(torch.cat([mean, squared.sqrt(), radial], dim=1))
        return torch.cat(found).cpu().numpy()

    @property
    def _at_once(self) -> int:
        largest = int(self.pair_offsets.diff().max()) if len(self) else 1
        return max(1, _MOST_PAIRS // max(1, largest))


def _gathered(offsets: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the parts of some groups (b,) stand, which of these groups each is of, and the groups'
    offsets (b + 1,) once gathered."""
    begins = offsets.index_select(0, index)
    sizes = offsets.index_select(0, index + 1) - begins
    after = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
    group = torch.repeat_interleave(sizes)
    shift = (begins - after[:-1]).index_select(0, group)
    return shift.add_(torch.arange(len(group), device=group.device)), group, after
