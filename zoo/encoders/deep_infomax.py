"""Deep InfoMax on crystal graphs. Source: Moran et al., Establishing Deep InfoMax in materials informatics, arXiv 2407.00671 (2024)."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from data.graphs import GraphBatch
from framework.base.errors import UserError
from framework.neural.training import Settings
from framework.registry.parameters import Float, Int
from zoo.gaussian import GaussianEncoder, divergence, drawn
from zoo.site_network import SiteNetwork

SiteDim = Annotated[int, Int(16, 128, within=(4, 1024))]
Heads = Annotated[int, Int(1, 8, within=(1, 64))]
LatentDim = Annotated[int, Int(2, 128, within=(1, 1024), tuned=False)]
Weight = Annotated[float, Float(0.0, 2.0, within=(0.0, 100.0), tuned=False)]


class DeepInfoMax(GaussianEncoder):
    """A vector that tells a crystal's own environments from those of others.

    Two discriminators learn with the network, one of an environment and the pairs that it is made
    of (local), one of a crystal and its environments (global). Each minimises softplus(-T) of what
    belongs together plus the mean softplus(T) of what does not: parts of another crystal, and of
    a crystal that does not exist, made of the structure of one and the species of another. Beside
    the one it has other species in its structure, beside the other another structure of its
    species. T is the output: its sign is turned there, nowhere inside the discriminator.

    The crystal's vector is drawn from a Gaussian, whose divergence from the standard one is
    counted per latent dimension. Score = log density of the training part's latent vectors.

    Not published, or chosen for speed on one processor: the width of the network
    (`zoo.site_network`), a learning rate of 1e-3 instead of 1e-4 and 20 epochs, one pair of each
    site in a step of the local discriminator.

    Args:
        width: features of a site and Gaussians of a distance.
        site_dim: width of the vectors of sites and pairs.
        heads: of the attention; they share `site_dim` evenly.
        latent_dim: width of the crystal's vector.
        local_weight: of the local term in the loss.
        global_weight: of the global one.
        prior: weight of the divergence.
    """

    representation = "crystal_graph"
    settings = Settings(
        epochs=20, batch_size=64, learning_rate=1e-3, optimiser="adamw", weight_decay=1e-2
    )

    def __init__(
        self,
        width: int,
        site_dim: SiteDim = 64,
        heads: Heads = 4,
        latent_dim: LatentDim = 64,
        local_weight: Weight = 1.0,
        global_weight: Weight = 1.0,
        prior: Weight = 0.1,
    ) -> None:
        super().__init__()
        self.width, self.site_dim, self.heads, self.latent_dim = width, site_dim, heads, latent_dim
        self.local_weight, self.global_weight, self.prior = local_weight, global_weight, prior
        if site_dim % heads:
            raise UserError(
                f"{heads} heads cannot share a site_dim of {site_dim} evenly; take a multiple of "
                f"{heads}, such as {heads * max(1, round(site_dim / heads))}"
            )
        self.network = SiteNetwork(width, site_dim, heads, 64)
        self.mean = nn.Linear(64, latent_dim)
        self.log_variance = nn.Linear(64, latent_dim)
        self.of_pairs = _Discriminator(site_dim, site_dim)
        self.of_environments = _Discriminator(latent_dim, site_dim)

    def hidden_units(self, batch: GraphBatch) -> Tensor:
        return self.network(batch)

    def loss(self, batch: GraphBatch) -> dict[str, Tensor]:
        partner, source = _partners(batch)
        local, pairs = self.network.local(batch)
        mixed = batch.with_elements(batch.element[source])
        mixed_local, mixed_pairs = self.network.local(mixed)
        pair = _one_pair_a_site(batch)
        one, mixed_one = pairs[pair], mixed_pairs[pair]
        mean, log_variance = self.read(self.network.pooled(batch, local))
        crystals = drawn(mean, log_variance)
        whole, others = crystals[batch.crystal], crystals[partner][batch.crystal]
        within, across = self.of_pairs, self.of_environments
        return {
            "local": self.local_weight
            * misfit(
                within(local, one),
                within(local, mixed_one),
                within(local[source], mixed_one),
                within(local, one[source]),
            ),
            "global": self.global_weight
            * misfit(
                across(whole, local),
                across(whole, mixed_local),
                across(others, mixed_local),
                across(others, local),
            ),
            "kl": self.prior * divergence(mean, log_variance).mean(),
        }


class _Discriminator(nn.Module):
    """T(x, y) of rows: the scalar product of both in a space of 64 dimensions."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Sequential(nn.Linear(width, 64), nn.SiLU(), nn.Linear(64, 64))
            for width in (first, second)
        )

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return (self.first(first) * self.second(second)).sum(1)


def misfit(true: Tensor, *false: Tensor) -> Tensor:
    """softplus(-T) of what belongs together plus softplus(T) of what does not, each kind of the
    latter weighing the same; 2 ln 2 by chance. The Jensen-Shannon bound of Hjelm et al. (ICLR 2019)."""
    return softplus(-true).mean() + torch.stack([softplus(each).mean() for each in false]).mean()


def _partners(batch: GraphBatch) -> tuple[Tensor, Tensor]:
    """Another crystal of the batch for each (b,), and for each site (s,) a site of that one: drawn
    anew for every element of a crystal, so that equal sites stay equal."""
    device, n = batch.element.device, len(batch)
    shift = int(torch.randint(1, max(n, 2), ()))
    partner = (torch.arange(n, device=device) + shift) % n
    sizes = torch.bincount(batch.crystal, minlength=n)
    begins = sizes.cumsum(0) - sizes
    drawn = torch.rand(n, len(batch.table), device=device)[batch.crystal, batch.element]
    other = partner[batch.crystal]
    return partner, begins[other] + (drawn * sizes[other]).long()


def _one_pair_a_site(batch: GraphBatch) -> Tensor:
    """A pair of every site (s,), drawn at random."""
    sizes = torch.bincount(batch.site, minlength=len(batch.element))
    drawn = torch.rand(len(sizes), device=sizes.device)
    return sizes.cumsum(0) - sizes + (drawn * sizes).long()
