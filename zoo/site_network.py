"""The body of Site-Net. Source: Moran et al., Site-Net (Digital Discovery 2, 1297, 2023), in the form of arXiv 2407.00671.

Where it departs: the paper lets every site attend to all sites of a supercell of up to some hundred
sites, so that the vector depends on the supercell chosen and the cost on its square. Here a site
attends to its nearest neighbours across the borders of the cell, whole shells of them. Copies of
a site in a larger cell have the same neighbours, the attention adds up to 1 over them, and sites are
pooled by their mean: any cell of a crystal gives the same vectors. Attention has one hidden layer
of the width of the sites instead of two of 256, all heads together have that width, 64, instead
of 64 each, and SiLU stands for mish, a curve close to it that PyTorch computes many times faster.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from data.graphs import GraphBatch
from data.representations.crystal_graph import SITE_FEATURES


def layers(*widths: int) -> nn.Sequential:
    """Dense layers, each followed by SiLU and a layer norm."""
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        parts += [nn.Linear(before, after), nn.SiLU(), nn.LayerNorm(after)]
    return nn.Sequential(*parts)


class SiteNetwork(nn.Module):
    """One block of attention over neighbours, then a mean over the sites.

    Args:
        width: features of a site and Gaussians of a distance.
        site_dim: width of the vectors of sites and pairs.
        heads: of the attention; each has an equal share of `site_dim`.
        crystal_dim: width of the vector of a crystal.
    """

    def __init__(self, width: int, site_dim: int, heads: int, crystal_dim: int) -> None:
        super().__init__()
        n_features = len(SITE_FEATURES)
        self.heads = heads
        self.embedding = layers(n_features, site_dim)
        # a dense layer on (site, neighbour, distance), its parts apart: those of the sites cost
        # once a site, not once a pair
        self.of_site = nn.Linear(site_dim, site_dim)
        self.of_neighbour = nn.Linear(site_dim, site_dim, bias=False)
        self.of_distance = nn.Linear(width - n_features, site_dim, bias=False)
        self.after_pair = nn.Sequential(nn.SiLU(), nn.LayerNorm(site_dim))
        self.attention = nn.Linear(site_dim, heads)
        self.values = layers(site_dim, site_dim)
        self.environment = nn.Linear(site_dim, site_dim)
        self.before_pooling = layers(site_dim, 64, 128)
        self.after_pooling = layers(128, crystal_dim)

    def local(self, batch: GraphBatch) -> tuple[Tensor, Tensor]:
        """Vectors of the environment of every site (s, site_dim), and of its pairs (p, site_dim)."""
        sites = self.embedding(batch.features)
        pairs = self.of_site(sites)[batch.site] + self.of_neighbour(sites)[batch.neighbour]
        pairs = self.after_pair(pairs + self.of_distance(batch.radial))
        weights = batch.pairs.softmax(self.attention(pairs))
        values = self.values(pairs).unflatten(1, (self.heads, -1))
        return self.environment(batch.pairs.weighted_sum(weights, values).flatten(1)), pairs

    def pooled(self, batch: GraphBatch, local: Tensor) -> Tensor:
        """Vectors of crystals (b, crystal_dim) from those of their sites (s, site_dim)."""
        return self.after_pooling(batch.mean_over_sites(self.before_pooling(local)))

    def forward(self, batch: GraphBatch) -> Tensor:
        """Vectors of crystals (b, crystal_dim)."""
        return self.pooled(batch, self.local(batch)[0])
