"""Attention over the elements of a set that tells classes, such as superconductors above 10 K. Source: Vasylenko et al. (PhaseSelect), npj Comput. Mater. 9, 164 (2023)."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
import torch
from torch import Tensor, nn

from data.element_sets import SYMBOLS
from data.elements import embedded_sets
from data.environments import environment_vectors
from framework.base.errors import UserError
from framework.contracts.predictor import Classifier
from framework.neural.training import device
from framework.registry.parameters import Float, Int
from zoo.early_stopping import outputs, trained, watched_part

SHARPEST, SOFTEST = 0.2, 5.0
"""Temperatures between which calibration searches."""


class PhaseSelect(Classifier):
    """Networks that each read a set as the vectors of its elements; their mean logits, calibrated.

    An element's vector is the code of a shallow autoencoder of its compositional environments in
    the embedded data (`data.environments`), trained jointly with attention and classes. The data
    tell only that sets are reported, which all sets with a class are; classes stay unseen. The code
    is drawn from all 118 dimensions of the environments, which lose nothing.

    A tenth of the groups stops the training of every network, and there the temperature of their
    mean is learned (Guo et al., ICML 2017).

    Reads vectors whose first 118 dimensions are above 0 for the elements that a set holds, as the
    encoder `element_descriptors` gives them; the rest is left aside. Pooling by mean and maximum, learning
    rate and at most so many epochs are our reading; so is that elements attend in addition to what
    they are.

    Args:
        networks: in the ensemble; published are up to 300.
        element_dim: dimensions of an element's vector; published are 80, 50 and 60.
        heads: of the attention.
        key_dim: dimensions of a key, a query and a value of each.
        width: units of the dense layer.
        dropout: before and after it.
        reconstruction: weight of the autoencoder's misfit in the loss.
        learning_rate: of Adam.
        epochs: at most.
        patience: epochs without a better one after which training stops.
        batch_size: sets a step.
    """

    def __init__(
        self,
        networks: Annotated[int, Int(1, 20, tuned=False, within=(1, 300))] = 5,
        element_dim: Annotated[int, Int(20, 160, within=(1, 1024))] = 80,
        heads: Annotated[int, Int(1, 16, within=(1, 64))] = 8,
        key_dim: Annotated[int, Int(1, 16, within=(1, 256))] = 2,
        width: Annotated[int, Int(20, 200, within=(1, 4096))] = 80,
        dropout: Annotated[float, Float(0.0, 0.6, within=(0.0, 0.95))] = 0.5,
        reconstruction: Annotated[float, Float(0.0, 10.0, within=(0.0, 1000.0))] = 1.0,
        learning_rate: Annotated[float, Float(1e-4, 1e-2, log=True, within=(1e-6, 1.0))] = 3e-3,
        epochs: Annotated[int, Int(20, 400, within=(1, 10_000))] = 200,
        patience: Annotated[int, Int(5, 30, within=(1, 1000))] = 17,
        batch_size: Annotated[int, Int(64, 1024, log=True, within=(1, 8192))] = 256,
    ) -> None:
        self.networks, self.element_dim = networks, element_dim
        self.heads, self.key_dim, self.width = heads, key_dim, width
        self.dropout, self.reconstruction = dropout, reconstruction
        self.learning_rate, self.epochs = learning_rate, epochs
        self.patience, self.batch_size = patience, batch_size

    def fit(self, vectors: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> Self:
        """Learn the classes of element sets.

        Raises:
            UserError: the vectors are not of element sets, or the loss is no longer finite.
        """
        elements = _elements(vectors)
        self.classes_, codes = np.unique(classes, return_inverse=True)
        environments = environment_vectors(embedded_sets(), len(SYMBOLS))
        watched = watched_part(groups, np.random.default_rng(self.seed))
        self.networks_ = [
            self._trained(elements, codes, groups, environments, seed, watched)
            for seed in range(self.seed, self.seed + self.networks)
        ]
        self.temperature_ = _temperature(self._mean(elements[watched]), codes[watched])
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        from scipy.special import softmax

        return np.asarray(softmax(self._mean(_elements(vectors)) / self.temperature_, axis=1))

    def _mean(self, elements: np.ndarray) -> np.ndarray:
        """Mean logits (n, k) of the networks."""
        shown = torch.as_tensor(elements, device=device())
        answers = [outputs(network, shown).double().cpu().numpy() for network in self.networks_]
        return np.asarray(np.mean(answers, axis=0))

    def _trained(
        self,
        elements: np.ndarray,
        codes: np.ndarray,
        groups: np.ndarray,
        environments: np.ndarray,
        seed: int,
        watched: np.ndarray,
    ) -> nn.Module:
        network: Attention | None = None

        def build() -> Attention:
            nonlocal network
            network = Attention(
                torch.from_numpy(environments).float(),
                len(self.classes_),
                element_dim=self.element_dim,
                heads=self.heads,
                key_dim=self.key_dim,
                width=self.width,
                dropout=self.dropout,
            )
            return network

        def loss(logits: Tensor, of_set: Tensor) -> Tensor:
            assert network is not None
            misfit = nn.functional.cross_entropy(logits, of_set)
            return misfit + self.reconstruction * network.reconstruction_error()

        return trained(
            build,
            loss,
            elements,
            codes,
            groups,
            seed=seed,
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            watched=watched,
        )


class Attention(nn.Module):
    """Logits (n, n_classes) of sets of atomic numbers (n, most), 0 where a set has fewer elements.

    Args:
        environments: what the autoencoder of the elements reads (118, d).
    """

    environments: Tensor

    def __init__(
        self,
        environments: Tensor,
        n_classes: int,
        *,
        element_dim: int,
        heads: int,
        key_dim: int,
        width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.heads, self.key_dim = heads, key_dim
        # of about unit variance a dimension of the code, whatever the number of environments
        self.register_buffer("environments", environments * environments.shape[1] ** 0.5)
        self.encode = nn.Linear(environments.shape[1], element_dim, bias=False)
        self.decode = nn.Linear(element_dim, environments.shape[1], bias=False)
        self.attend = nn.Linear(element_dim, 3 * heads * key_dim)
        self.join = nn.Linear(heads * key_dim, element_dim)
        self.classify = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * element_dim, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_classes),
        )

    def forward(self, elements: Tensor) -> Tensor:
        elements = elements[:, : int((elements > 0).sum(dim=1).max())]
        there = elements > 0
        vectors = nn.functional.embedding((elements - 1).clamp(min=0), self._code())
        n, most, _ = vectors.shape
        query, key, value = (
            self.attend(vectors).view(n, most, 3, self.heads, self.key_dim).permute(2, 0, 3, 1, 4)
        )
        weights = query @ key.transpose(2, 3) / self.key_dim**0.5
        weights = weights.masked_fill(~there[:, None, None], -torch.inf).softmax(dim=-1)
        attended = (weights @ value).transpose(1, 2).reshape(n, most, -1)
        # after relu 0 is the least, so that a place without an element changes no maximum
        joint = (vectors + self.join(attended)).relu() * there[..., None]
        mean = joint.sum(dim=1) / there.sum(dim=1, keepdim=True)
        return self.classify(torch.cat([mean, joint.amax(dim=1)], dim=1))

    def reconstruction_error(self) -> Tensor:
        """Mean square of what the autoencoder of the elements leaves unexplained."""
        return (self.decode(self._code()) - self.environments).square().mean()

    def _code(self) -> Tensor:
        return self.encode(self.environments)


def _elements(vectors: np.ndarray) -> np.ndarray:
    """The atomic numbers (n, most) of the elements that sets hold, ascending, then 0.

    Raises:
        UserError: the vectors are too short, or a set is empty.
    """
    if vectors.shape[1] < len(SYMBOLS):
        raise UserError(
            f"phase_select reads element sets, not vectors of {vectors.shape[1]} dimensions; give "
            "it those by the encoder 'element_descriptors'"
        )
    holds = vectors[:, : len(SYMBOLS)] > 0
    sizes = holds.sum(axis=1)
    if not sizes.all():
        raise UserError(
            "phase_select: a set holds no element; give it sets by 'element_descriptors'"
        )
    rows, elements = np.nonzero(holds)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    out = np.zeros((len(vectors), sizes.max(initial=1)), np.int64)
    out[rows, place] = elements + 1
    return out


def _temperature(logits: np.ndarray, classes: np.ndarray) -> float:
    """By which logits (n, k) are divided so that their classes (n,) are most likely."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def surprise(log_temperature: float) -> float:
        said = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-said[np.arange(len(classes)), classes].mean())

    bounds = tuple(np.log([SHARPEST, SOFTEST]))
    return float(np.exp(minimize_scalar(surprise, bounds=bounds, method="bounded").x))
