"""Site-Net trained on a property, from scratch or from what it learned elsewhere. Source: Moran et al., arXiv 2407.00671 (2024)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated, Any, Self

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor, nn

from data.graphs import GraphBatch, GraphSamples
from framework.base.errors import UserError
from framework.contracts.encoder import Encoder
from framework.contracts.learner import Learner
from framework.contracts.predictor import Classifier, Predictor
from framework.neural.threads import one_thread
from framework.neural.training import device, optimiser
from framework.registry.parameters import Choice, Int
from zoo.encoders.deep_infomax import DeepInfoMax, Heads, LatentDim, SiteDim, Weight


class SiteNet(DeepInfoMax):
    """The network of `deep_infomax` with a linear layer on its crystal vector, trained on labels.

    The whole network learns from the labels, in the place of a probe. How it begins is one of the
    paper's three ways: with random weights, with those of Deep InfoMax on the training part without
    labels, or with those of a network that has learned all the other properties of the task from
    the training part. Values are standardised and the loss is the mean absolute error; of classes,
    which are not published, it is the cross-entropy. Latent vectors and plausibility are those of
    the beginning.

    Args:
        width: features of a site and Gaussians of a distance.
        initialise: none, deep_infomax or supervised.
        pretrained: a finished run of `deep_infomax` that takes the place of training it here: its
            folder, or its digest (or the beginning of that) in the folder of results. One that has
            learned from another training part or representation is refused.
        frozen: only the linear layer learns from labels.
        steps: optimiser steps on the labels, the same for any number of them.
        label_batch: labelled materials in a step, all where they are fewer.
        site_dim, heads, latent_dim, local_weight, global_weight, prior: see `deep_infomax`.
    """

    representation = "crystal_graph"

    def __init__(
        self,
        width: int,
        initialise: Annotated[str, Choice("none", "deep_infomax", "supervised")] = "deep_infomax",
        pretrained: str | None = None,
        frozen: bool = False,
        steps: Annotated[int, Int(100, 1000, within=(1, 100_000))] = 300,
        label_batch: Annotated[int, Int(8, 128, log=True, within=(1, 4096))] = 32,
        site_dim: SiteDim = 64,
        heads: Heads = 4,
        latent_dim: LatentDim = 64,
        local_weight: Weight = 1.0,
        global_weight: Weight = 1.0,
        prior: Weight = 0.1,
    ) -> None:
        super().__init__(width, site_dim, heads, latent_dim, local_weight, global_weight, prior)
        self.initialise, self.pretrained, self.frozen = initialise, pretrained, frozen
        self.steps, self.label_batch = steps, label_batch
        self._beginning: dict[str, Tensor] | None = None
        if pretrained is not None and initialise != "deep_infomax":
            raise UserError(
                f"pretrained is a run of deep_infomax, and initialise is '{initialise}'; take one "
                "of them out"
            )

    def begin_with(self, other: Encoder) -> None:
        """Start from the weights of a `DeepInfoMax` of the same network.

        Raises:
            UserError: it is another encoder, or of other widths.
        """
        if not isinstance(other, DeepInfoMax):
            raise UserError(f"is a run of {type(other).__name__}; take one of deep_infomax")
        weights = other.state_dict()
        for name, weight in self.state_dict().items():
            if name not in weights or weights[name].shape != weight.shape:
                raise UserError(
                    f"has another network ({name} differs); give both encoders the same site_dim, "
                    "heads and latent_dim"
                )
        self._beginning = weights

    def fit(self, samples: Any, validation: Any = None) -> Self:
        """Begin, without labels: by Deep InfoMax, or with the weights of a run or of chance."""
        if self.initialise == "deep_infomax" and self.pretrained is None:
            return super().fit(samples, validation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.reset()
        if self.pretrained is not None:
            if self._beginning is None:
                raise UserError("pretrained: hand over the encoder of that run by begin_with first")
            self.load_state_dict(self._beginning)
        self._history, self._trained = {}, True
        self._learn_density(samples)
        return self

    def learner_input(self, samples: Any) -> Any:
        """The samples themselves: labels teach the whole network."""
        return samples

    def learner(self, probe: Learner, samples: Any, others: np.ndarray) -> Learner:
        """The network with a layer on its crystal vectors, from the same beginning at each `fit`.

        Raises:
            UserError: other properties are to begin with, and there are none.
        """
        self.require_fitted()
        body = nn.Sequential(self.network, self.mean)
        if self.initialise == "supervised":
            if not others.shape[1]:
                raise UserError(
                    "initialise: supervised begins with other properties, and the task has none "
                    "beside what is learned; add one to task.properties, or initialise otherwise"
                )
            batches = -(-len(samples) // self.settings.batch_size) * self.settings.epochs
            teacher = _Headed(body, self.latent_dim, others.shape[1])
            self.learn_values(teacher, samples, others, batches, self.settings.batch_size)
            body = teacher.body
        return _Classes(self, body) if isinstance(probe, Classifier) else _Values(self, body)

    def learn_values(
        self, model: _Headed, samples: GraphSamples, values: np.ndarray, steps: int, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train a model on values (n, p), NaN where unknown; gives their mean and spread (p,)."""
        centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        target = torch.from_numpy((values - centre) / scale).float().to(device())

        def misfit(predicted: Tensor, index: Tensor) -> Tensor:
            wanted = target[index]
            known = wanted.isfinite()
            return (predicted[known] - wanted[known]).abs().sum() / known.sum().clamp(min=1)

        self.train_model(model, samples, misfit, steps, size)
        return centre, scale

    def train_model(
        self,
        model: _Headed,
        samples: GraphSamples,
        misfit: Callable[[Tensor, Tensor], Tensor],
        steps: int,
        size: int,
    ) -> None:
        """Train a model on labels, its last layer drawn anew.

        Args:
            misfit: of outputs (b, p) for the samples at an index (b,), to be minimised.
            steps: of the optimiser.
            size: samples in a step, all where they are fewer.
        """
        samples = samples.to(device())
        model.to(samples.device).train()
        with torch.random.fork_rng(devices=[]), one_thread():
            torch.manual_seed(self.seed)
            model.head.reset_parameters()
            step = optimiser(model, self.settings)
            slower = torch.optim.lr_scheduler.CosineAnnealingLR(step, steps)
            order = torch.empty(0, dtype=torch.long)
            for _ in range(steps):
                if len(order) < min(size, len(samples)):
                    order = torch.randperm(len(samples))
                index, order = order[:size].to(samples.device), order[size:]
                loss = misfit(model(samples.batch(index, index)), index)
                step.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                step.step()
                slower.step()
        model.eval()


class _Headed(nn.Module):
    """A copy of an encoder's body, and a linear layer on its crystal vectors."""

    def __init__(self, body: nn.Sequential, latent_dim: int, outputs: int) -> None:
        super().__init__()
        self.body = copy.deepcopy(body)
        self.head = nn.Linear(latent_dim, outputs)

    def forward(self, batch: GraphBatch) -> Tensor:
        return self.head(self.body(batch))


class _OfLabels(Learner):
    """A network that begins with the body of an encoder; reads `GraphSamples`."""

    def __init__(self, encoder: SiteNet, body: nn.Sequential) -> None:
        self.encoder, self.body, self.seed = encoder, body, encoder.seed

    model_: _Headed

    def _begun(self, outputs: int) -> _Headed:
        model = _Headed(self.body, self.encoder.latent_dim, outputs)
        if self.encoder.frozen:
            model.body.requires_grad_(False)
        return model

    def _outputs(self, inputs: GraphSamples) -> np.ndarray:
        return inputs.to(device()).mean_over_views(self.model_)


class _Values(_OfLabels, Predictor):
    """One output, standardised."""

    def fit(self, inputs: GraphSamples, labels: np.ndarray, groups: np.ndarray) -> Self:
        net, self.model_ = self.encoder, self._begun(1)
        self.centre_, self.scale_ = net.learn_values(
            self.model_, inputs, labels[:, None], net.steps, net.label_batch
        )
        return self

    def predict(self, inputs: GraphSamples) -> np.ndarray:
        return self._outputs(inputs)[:, 0] * self.scale_[0] + self.centre_[0]


class _Classes(_OfLabels, Classifier):
    """One output a class."""

    def fit(self, inputs: GraphSamples, labels: np.ndarray, groups: np.ndarray) -> Self:
        self.classes_, codes = np.unique(labels, return_inverse=True)
        net, self.model_ = self.encoder, self._begun(len(self.classes_))
        target = torch.from_numpy(codes).to(device())
        net.train_model(
            self.model_,
            inputs,
            lambda outputs, index: nn.functional.cross_entropy(outputs, target[index]),
            net.steps,
            net.label_batch,
        )
        return self

    def predict_proba(self, inputs: GraphSamples) -> np.ndarray:
        return softmax(self._outputs(inputs), axis=1)
