"""A network over the elements, pairs and triples of a set."""

from __future__ import annotations

from itertools import combinations
from math import prod

import torch
from torch import Tensor, nn

from zoo.reported_sets import IS_ANION, N_ELEMENTS

SIZES = (1, 2, 3)
"""Of the subsets that it reads."""

MOST = 9
"""Elements of a set, one more than any set here has."""


class SetNetwork(nn.Module):
    """One number for a set, the same in every order of its elements.

    An element is a learned vector plus a linear map of its descriptors; a subset is the product
    and the sum of its elements' vectors. Units of elements, of pairs and of triples are averaged
    each, so that sets of different sizes share them.

    Args:
        table: descriptors by atomic number (119, f).
        dimensions: of the vector of an element.
        hidden: units of each size of subset, and of the last layer.
        dropout: share of units dropped.
    """

    table: Tensor
    is_anion: Tensor

    def __init__(self, table: Tensor, dimensions: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.vectors = nn.Embedding(N_ELEMENTS, dimensions)
        nn.init.normal_(self.vectors.weight, std=0.3)
        self.of_descriptors = nn.Linear(table.shape[1], dimensions)
        self.of_product = nn.ModuleList(nn.Linear(dimensions, hidden) for _ in SIZES)
        self.of_sum = nn.ModuleList(nn.Linear(dimensions, hidden, bias=False) for _ in SIZES)
        self.last = nn.Linear(len(SIZES) * hidden, hidden)
        self.out = nn.Linear(hidden, 1)
        self.alone = nn.Embedding(N_ELEMENTS, 1)
        self.of_kind = nn.Embedding(MOST * MOST, 1)
        nn.init.zeros_(self.of_kind.weight)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("table", table)
        self.register_buffer("is_anion", torch.from_numpy(IS_ANION))

    @torch.no_grad()
    def begin_with_shares(self, counts: Tensor) -> None:
        """Begin with the probability of elements that are drawn alone, by their counts (119,)."""
        for role in (self.is_anion, ~self.is_anion):
            shares = (counts[role] + 0.5) / (counts[role] + 0.5).sum()
            self.alone.weight[role, 0] = shares.log().float()

    def encode(self, sets: Tensor) -> Tensor:
        """The last hidden units (n, hidden) of sets of atomic numbers (n, k)."""
        every = self.vectors.weight + self.of_descriptors(self.table)
        vectors = nn.functional.embedding(sets, every)
        units = []
        for size, product, total in zip(SIZES, self.of_product, self.of_sum, strict=True):
            places = list(combinations(range(sets.shape[1]), size))
            if not places:
                units.append(vectors.new_zeros(len(sets), self.last.out_features))
                continue
            chosen = vectors.index_select(1, torch.tensor(places).flatten())
            each = chosen.unflatten(1, (len(places), size)).unbind(2)
            units.append((product(prod(each)) + total(torch.stack(each).sum(0))).relu().mean(1))
        hidden: Tensor = self.last(self.dropout(torch.cat(units, 1))).relu()
        return hidden

    def forward(self, sets: Tensor) -> Tensor:
        """The number of each set (n,)."""
        kind = sets.shape[1] * MOST + self.is_anion[sets].sum(1)
        read = self.out(self.dropout(self.encode(sets)))
        number: Tensor = (read + self.alone(sets).sum(1) + self.of_kind(kind))[:, 0]
        return number
