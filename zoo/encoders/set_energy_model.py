"""Energy-based model of element sets: what elements, pairs and triples say of a set, learned from reported sets of every size.

Noise-contrastive estimation (Gutmann and Hyvarinen, J. Mach. Learn. Res. 13, 307, 2012) of the
probability that a set of a given size is reported, by a network that is symmetric in the elements
(Zaheer et al., Deep Sets, 2017).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from data.element_sets import padded_numbers
from data.representations.phase_field import PhaseFieldSamples
from framework.base.errors import UserError
from framework.contracts.encoder import Encoder
from framework.neural.threads import one_thread
from framework.registry.parameters import Float, Int
from zoo.reported_sets import IS_ANION, N_ELEMENTS, IntArray
from zoo.set_network import SetNetwork

SIZES = (2, 6)
"""Of sets that are learned from, beside those of the pattern; larger ones are few."""

WARM_UP = 50
"""Steps in which the learning rate rises."""


class SetEnergyModel(Encoder):
    """Score = log probability of a set, up to a constant; mean of several networks.

    False sets are drawn anew for every step, each element by how often it is reported, and
    drawn from all sets, the held-out ones among them. So unlike a list of unexplored candidates
    they say nothing of what is held out. The score of a training field itself is too high, as
    with any network, and no count of reported sets enters.

    Args:
        dimensions: of the vector that is learned of an element.
        hidden: units for elements, pairs and triples each.
        dropout: share of units dropped.
        false_sets: for every reported one.
        exponent: a false set has an element in proportion to (reported sets with it) ** exponent.
        emphasis: times that sets of the pattern's kind are learned from, against once for others.
        epochs: passes over the reported sets.
        batch_size: reported sets in a step.
        learning_rate: at its highest; falls to 0.
        weight_decay: of AdamW.
        members: networks that are averaged.
    """

    representation = "phase_field"
    uses_context = True

    def __init__(
        self,
        dimensions: Annotated[int, Int(8, 64, log=True, within=(1, 1024))] = 32,
        hidden: Annotated[int, Int(16, 256, log=True, within=(1, 4096))] = 64,
        dropout: Annotated[float, Float(0.0, 0.5, within=(0.0, 0.95))] = 0.1,
        false_sets: Annotated[int, Int(1, 32, log=True, within=(1, 1000))] = 4,
        exponent: Annotated[float, Float(0.0, 1.0)] = 0.5,
        emphasis: Annotated[int, Int(1, 20, within=(1, 100))] = 10,
        epochs: Annotated[int, Int(5, 40, log=True, within=(1, 1000))] = 10,
        batch_size: Annotated[int, Int(16, 512, log=True, within=(1, 65_536))] = 64,
        learning_rate: Annotated[float, Float(1e-3, 2e-2, log=True, within=(1e-6, 1.0))] = 5e-3,
        weight_decay: Annotated[float, Float(0.0, 1.0, within=(0.0, 100.0))] = 0.01,
        members: Annotated[int, Int(1, 10, tuned=False)] = 1,
    ) -> None:
        self.dimensions, self.hidden, self.dropout = dimensions, hidden, dropout
        self.false_sets, self.exponent, self.emphasis = false_sets, exponent, emphasis
        self.epochs, self.batch_size = epochs, batch_size
        self.learning_rate, self.weight_decay, self.members = learning_rate, weight_decay, members

    def fit(self, samples: PhaseFieldSamples, validation: Any = None) -> Self:
        """Learn from the context's reported sets, the training fields among them.

        Raises:
            UserError: there is no context.
        """
        if self.context is None:
            raise UserError(
                f"{type(self).__name__} learns from reported sets of every size, and there are none "
                "here; run it with task 'plausibility'"
            )
        self.table_ = samples.table.nan_to_num().numpy()
        least, most = (
            f(samples.n_elements, size) for f, size in zip((min, max), SIZES, strict=True)
        )
        sets = [
            torch.from_numpy(each)
            for each in by_size(padded_numbers(self.context.reported))
            if least <= each.shape[1] <= most
        ]
        counts = torch.cat([each.flatten() for each in sets]).bincount(minlength=N_ELEMENTS)
        kind = kind_of(samples.elements[:1])
        learned = []
        with torch.random.fork_rng(devices=[]), one_thread():
            for member in range(self.members):
                torch.manual_seed(self.seed * self.members + member)
                network = self._network()
                network.begin_with_shares(counts)
                self._train(network, sets, counts, kind)
                learned.append(nn.utils.parameters_to_vector(network.parameters()))
        self.weights_ = torch.stack(learned).detach().numpy()
        return self

    def transform(self, samples: PhaseFieldSamples) -> np.ndarray:
        """The last hidden units of all networks (n, members x hidden)."""
        return np.concatenate(list(self._read(samples, SetNetwork.encode)), axis=1)

    def score_samples(self, samples: PhaseFieldSamples) -> np.ndarray:
        scores = self._read(samples, lambda network, sets: network(sets)[:, None])
        return np.concatenate(list(scores), axis=1).mean(axis=1)

    def _network(self) -> SetNetwork:
        table = torch.from_numpy(self.table_)
        return SetNetwork(table, self.dimensions, self.hidden, self.dropout)

    def _read(self, samples: PhaseFieldSamples, verb: Any) -> Iterator[np.ndarray]:
        """What each network gives (n, d)."""
        self.require_fitted()
        for weights in self.weights_:
            network = self._network().eval()
            nn.utils.vector_to_parameters(torch.from_numpy(weights), network.parameters())
            with torch.inference_mode(), one_thread():
                parts = [verb(network, part) for part in samples.elements.split(4096)]
                yield torch.cat(parts).double().numpy()

    def _train(self, network: SetNetwork, sets: list[Tensor], counts: Tensor, kind: Tensor) -> None:
        noise = Noise(counts, self.exponent)
        often = [torch.where(kind_of(each) == kind, self.emphasis, 1) for each in sets]
        steps = self.epochs * sum(-(-int(n.sum()) // self.batch_size) for n in often)
        optimiser = torch.optim.AdamW(
            network.parameters(), self.learning_rate, weight_decay=self.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min(1.0, (step + 1) / WARM_UP) * (1 - step / steps)
        )
        for _ in range(self.epochs):
            batches = []
            for each, n in zip(sets, often, strict=True):
                index = torch.arange(len(each)).repeat_interleave(n)
                shuffled = index[torch.randperm(len(index))]
                batches += [each[part] for part in shuffled.split(self.batch_size)]
            for i in torch.randperm(len(batches)):
                loss = self._loss(network, batches[i], noise)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()

    def _loss(self, network: SetNetwork, true: Tensor, noise: Noise) -> Tensor:
        """Logistic loss of log p(set) - log(false sets x their probability)."""
        false = noise.draw(true.repeat(self.false_sets, 1))
        sets = torch.cat([true, false])
        odds = network(sets) - noise.log_probability(sets) - np.log(self.false_sets)
        wrong = torch.where(torch.arange(len(sets)) < len(true), -odds, odds)
        return functional.softplus(wrong).sum() / len(true)


class Noise:
    """False sets: each element drawn alone, a cation for a cation and an anion for an anion.

    Args:
        counts: reported sets with each element (119,).
        exponent: of the counts, in proportion to which elements are drawn.
    """

    def __init__(self, counts: Tensor, exponent: float) -> None:
        self.is_anion = torch.from_numpy(IS_ANION)
        weight = torch.where(counts > 0, counts.clamp(min=1).double() ** exponent, 0.0)
        share = torch.zeros(2, N_ELEMENTS, dtype=torch.double)
        for row, role in zip(share, (~self.is_anion, self.is_anion), strict=True):
            row[role] = weight[role] / weight[role].sum().clamp(min=1e-12)
        self.cumulative = share.cumsum(1)
        self.log_share = share.sum(0).clamp(min=1e-12).log().float()

    def draw(self, sets: Tensor) -> Tensor:
        """Sets (n, k) with as many cations and anions, without those that have an element
        twice."""
        drawn = torch.rand(2, sets.numel(), dtype=torch.double) * self.cumulative[:, -1:]
        cations, anions = torch.searchsorted(self.cumulative, drawn, right=True).clamp(max=118)
        false = torch.where(self.is_anion[sets], anions.view_as(sets), cations.view_as(sets))
        ordered = false.sort(dim=1).values
        return false[(ordered[:, 1:] != ordered[:, :-1]).all(dim=1)]

    def log_probability(self, sets: Tensor) -> Tensor:
        """Of being drawn (n,), up to a constant for each number of cations and anions."""
        return self.log_share[sets].sum(dim=1)


def by_size(sets: IntArray) -> list[IntArray]:
    """Padded sets (n, most) as one array (m, k) for every size k that occurs."""
    size = (sets > 0).sum(axis=1)
    return [sets[size == k][:, sets.shape[1] - k :] for k in np.unique(size)]


def kind_of(sets: Tensor) -> Tensor:
    """A number for the size and the number of anions of sets (n, k)."""
    anions: Tensor = torch.from_numpy(IS_ANION)[sets].sum(dim=1)
    return anions + sets.shape[1] * N_ELEMENTS
