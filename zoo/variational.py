"""What the autoencoders of Korolev et al. share: loss, regularisation, how weights are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from framework.neural.training import Settings
from framework.registry.parameters import Choice, Float
from zoo.gaussian import GaussianEncoder, divergence, drawn

Dropout = Annotated[float, Float(0.0, 0.1, within=(0.0, 0.95))]
Penalty = Annotated[float, Float(1e-7, 3e-5, log=True, within=(0.0, 1.0))]
Initialiser = Annotated[str, Choice("lecun_normal", "he_normal", "he_uniform")]
Activation = Annotated[str, Choice("tanh", "selu", "elu", "relu")]
Beta = Annotated[float, Float(0.0, 2.0, within=(0.0, 100.0), tuned=False)]


@dataclass(frozen=True)
class VAESettings(Settings):
    """Training settings with the optimisers of Korolev et al.; L1 and L2 stand in the loss."""

    optimiser: Annotated[
        str, Choice("sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam")
    ] = "adam"
    weight_decay: Annotated[float, Float(0.0, 1e-2, within=(0.0, 1.0), tuned=False)] = 0.0


class VariationalEncoder(GaussianEncoder):
    """Inputs from 0 to 1, a Gaussian posterior, the loss of Korolev et al.

    A subclass sets the attributes below in its constructor, the layers in any order.

    Attributes:
        encoder: inputs (b, width) to hidden units (b, h).
        decoder: latent vectors to logits of the inputs (b, width).
        beta: weight of the Kullback-Leibler term.
        l1, l2: weights of the absolute and squared weights of all layers, biases left out.
        initialiser: how the weights are drawn.
    """

    encoder: nn.Module
    decoder: nn.Module
    beta: float
    l1: float
    l2: float
    initialiser: str

    def hidden_units(self, batch: Tensor) -> Tensor:
        return self.encoder(batch)

    def decode(self, latent: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(latent))

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        """Binary cross-entropy summed over the inputs, divergence, and the penalty of weights."""
        mean, log_variance = self.posterior(batch)
        latent = drawn(mean, log_variance)
        misfit = functional.binary_cross_entropy_with_logits(
            self.decoder(latent), batch, reduction="sum"
        )
        penalties = [_Penalty.apply(layer.weight, self.l1, self.l2) for layer in self._layers()]
        return {
            "reconstruction": misfit / len(batch),
            "kl": self.beta * divergence(mean, log_variance).sum(1).mean(),
            "weights": torch.stack(penalties).sum(),
        }

    def reset(self) -> None:
        """Draw the weights as Keras does, biases 0."""
        super().reset()
        for layer in self._layers():
            fan_in = layer.weight[0].numel()
            gain = 1.0 if self.initialiser == "lecun_normal" else 2.0
            if self.initialiser == "he_uniform":
                nn.init.uniform_(layer.weight, -(limit := math.sqrt(6 / fan_in)), limit)
            else:
                # cut at two standard deviations, widened so that the variance is kept
                spread = math.sqrt(gain / fan_in) / 0.87962566103423978
                nn.init.trunc_normal_(layer.weight, 0.0, spread, -2 * spread, 2 * spread)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def _layers(self) -> Iterator[nn.Linear | nn.Conv1d]:
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                yield module


class _Penalty(torch.autograd.Function):
    """l1 * sum of absolute + l2 * sum of squared weights, its gradient in one go: by the usual
    way it costs as much as a whole step of a network of ten million weights."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, l1: float, l2: float) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.factors = l1, l2
        norm = torch.linalg.vector_norm
        return l1 * norm(weight, 1) + l2 * norm(weight) ** 2

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None, None]:
        (weight,), (l1, l2), (gradient,) = ctx.saved_tensors, ctx.factors, given
        return weight.sign().mul_(l1).add_(weight, alpha=2 * l2).mul_(gradient), None, None
