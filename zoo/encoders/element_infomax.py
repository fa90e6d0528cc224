"""Deep InfoMax over the elements of a phase field: a field is as plausible as each element is at home among the others. Source: Moran et al., arXiv 2407.00671, there over the sites of a crystal.

A discriminator tells an element beside the other elements of its field from false elements
beside them. It tends to log p(element | others) - log q(element), q being how false elements are
drawn. Drawn evenly, its mean over a field is the field's pseudo-log-likelihood for each element
(Besag, The Statistician 24, 1975) up to a constant; drawn as from other fields, it is the mutual
information alone, and how common an element is does not count. The vector of the field leaves
out the element that is asked about: with it inside, the answer would stand in the question.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from framework.base.errors import UserError
from framework.neural.samples import TensorSamples
from framework.neural.training import Settings
from framework.registry.parameters import Float, Int
from zoo.gaussian import GaussianEncoder, divergence, drawn
from zoo.networks import dense


class ElementInfomax(GaussianEncoder):
    """Score = what the discriminator says of each element beside the others, averaged over them.

    The network is symmetric in the elements (Zaheer et al., Deep Sets, 2017), so one order of
    them is enough to score. False elements need not be sampled: there are so few elements that
    their mean is taken over all of them.

    Args:
        width: length of a presentation, number of elements x number of features.
        n_elements: number of elements of a field, at least 2.
        latent_dim: width of the vectors of an element and of a field.
        hidden: widths of the network over the features of an element.
        dropout: share of units dropped after every hidden layer.
        beta: weight of the Kullback-Leibler divergence of a field's vector to its prior; 0.1 in
            the source.
        exponent: a false element is drawn in proportion to (reported fields with it) ** exponent:
            0 evenly, 1 as from other fields.
    """

    representation = "phase_field"
    settings = Settings(epochs=10, batch_size=256, learning_rate=3e-3, score_views=1)
    elements: Tensor  # features by atomic number (119, n_features)
    share: Tensor  # of false elements, by atomic number (119,)

    def __init__(
        self,
        width: int,
        n_elements: int,
        latent_dim: Annotated[int, Int(2, 64, within=(1, 1024))] = 32,
        hidden: tuple[Annotated[int, Int(1, 4096)], ...] = (128, 128),
        dropout: Annotated[float, Float(0.0, 0.6, within=(0.0, 0.95))] = 0.1,
        beta: Annotated[float, Float(0.0, 0.1, within=(0.0, 100.0))] = 0.001,
        exponent: Annotated[float, Float(0.0, 1.0)] = 0.0,
    ) -> None:
        super().__init__()
        if n_elements < 2:
            raise UserError("a field of one element has no others; take a pattern of two or more")
        self.width, self.n_elements, self.latent_dim = width, n_elements, latent_dim
        self.hidden, self.dropout, self.beta, self.exponent = hidden, dropout, beta, exponent
        n_features = width // n_elements
        widths = (n_features, *hidden)
        self.of_element = dense(widths, dropout=dropout)
        self.local = nn.Linear(widths[-1], latent_dim)
        self.bias = nn.Linear(widths[-1], 1)
        self.of_field = dense((widths[-1], widths[-1]), dropout=dropout)
        self.mean = nn.Linear(widths[-1], latent_dim)
        self.log_variance = nn.Linear(widths[-1], latent_dim)
        self.register_buffer("elements", torch.zeros(119, n_features))
        self.register_buffer("share", torch.zeros(119))

    def fit(self, samples: Any, validation: Any = None) -> Self:
        """Train on `PhaseFieldSamples`; false elements are those that occur in them."""
        counts = samples.elements.flatten().bincount(minlength=119)
        share = torch.where(counts > 0, counts**self.exponent, 0.0)
        self.share, self.elements = share / share.sum(), samples.table.nan_to_num()
        return super().fit(samples, validation)

    def hidden_units(self, batch: Tensor) -> Tensor:
        """Of whole fields."""
        return self.of_field(self._of_elements(batch).mean(1))

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        """softplus(-T(true)) + mean softplus(T(false)) + beta KL; T is the discriminator's output."""
        hidden = self._of_elements(batch)
        mean, log_variance = self.read(self.of_field(_others(hidden)))
        others = drawn(mean, log_variance)
        every = self.of_element(self.elements)
        false = others @ self.local(every).T + self.bias(every).T  # (b, n_elements, 119)
        return {
            "true": functional.softplus(-self._discriminate(hidden, others)).mean(),
            "false": (functional.softplus(false) @ self.share).mean(),
            "kl": self.beta * divergence(mean, log_variance).sum(-1).mean(),
        }

    def score_samples(self, samples: TensorSamples) -> Any:
        """Mean of T over the elements of each sample (n,), without noise."""

        def score(batch: Tensor) -> Tensor:
            hidden = self._of_elements(batch)
            return self._discriminate(hidden, self.mean(self.of_field(_others(hidden)))).mean(1)

        return self._over_views(samples, score)[:, 0]

    def _of_elements(self, batch: Tensor) -> Tensor:
        """Hidden units of each element (b, n_elements, h) of presentations (b, width)."""
        return self.of_element(batch.unflatten(1, (self.n_elements, -1)))

    def _discriminate(self, hidden: Tensor, others: Tensor) -> Tensor:
        """T (...) of elements, by hidden units (..., h), beside others (..., latent_dim)."""
        return (self.local(hidden) * others).sum(-1) + self.bias(hidden).squeeze(-1)


def _others(hidden: Tensor) -> Tensor:
    """For each element of a field (b, n_elements, h), the mean over the other elements."""
    return (hidden.sum(1, keepdim=True) - hidden) / (hidden.shape[1] - 1)
