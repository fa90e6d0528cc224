"""Site-Net trained on a property, from scratch or from what it learned elsewhere. Source: Moran et al., arXiv 2407.00671 (2024)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from data.graphs import GraphBatch, GraphSamples
from framework.base.errors import UserError
from framework.contracts.learner import EndToEnd, Learner
from framework.neural.threads import one_thread
from framework.neural.training import device, optimiser
from framework.registry.parameters import Choice, Int
from zoo.encoders.deep_infomax import DeepInfoMax, Heads, LatentDim, SiteDim, Weight


class SiteNet(DeepInfoMax, EndToEnd):
    """The network of `deep_infomax` with a linear layer on its crystal vector, trained on labels.

    In the task `property` the whole network learns from the labels, in the place of a probe. How it
    begins is one of the paper's three ways: with random weights, with those of Deep InfoMax on the
    training part without labels, or with those of a network that has learned all the other
    properties of the task from the training part. Labels are standardised; the loss is the mean
    absolute error. Latent vectors and plausibility are those of the beginning.

    Args:
        width: features of a site and Gaussians of a distance.
        initialise: none, deep_infomax or supervised.
        pretrained: a finished run of `deep_infomax` that takes the place of training it here: its
            folder, or its digest (or the beginning of that) where the results stand in `runs`. One
            that has learned from another training part or representation is refused.
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
        if pretrained is not None and initialise != "deep_infomax":
            raise UserError(
                f"pretrained is a run of deep_infomax, and initialise is '{initialise}'; take one "
                "of them out"
            )

    def fit(self, samples: Any, validation: Any = None) -> Self:
        """Begin, without labels: by Deep InfoMax, or with the weights of a run or of chance."""
        if self.initialise == "deep_infomax" and self.pretrained is None:
            return super().fit(samples, validation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.reset()
        if self.pretrained is not None:
            self._take(self.pretrained)
        self._history, self._trained = {}, True
        self._learn_density(samples)
        return self

    def learner(self, samples: Any, others: np.ndarray) -> Learner:
        self.require_fitted()
        beginning: nn.Module = _Regressor(self, 1)
        if self.initialise == "supervised":
            if not others.shape[1]:
                raise UserError(
                    "initialise: supervised begins with other properties, and task.properties has "
                    "none beside the one that is predicted; add one, or initialise otherwise"
                )
            batches = -(-len(samples) // self.settings.batch_size) * self.settings.epochs
            teacher = _Regressor(self, others.shape[1])
            self._regress(teacher, samples, others, batches, self.settings.batch_size)
            beginning = _Regressor(teacher.body, 1)

        def learn(labelled: Any, values: np.ndarray, asked: Any) -> np.ndarray:
            model = copy.deepcopy(beginning)
            if self.frozen:
                model.body.requires_grad_(False)
            centre, scale = self._regress(
                model, labelled, values[:, None], self.steps, self.label_batch
            )
            return asked.to(device()).mean_over_views(model)[:, 0] * scale[0] + centre[0]

        return learn

    def _regress(
        self, model: nn.Module, samples: GraphSamples, values: np.ndarray, steps: int, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train a model on values (n, p), NaN where unknown; gives their mean and spread (p,)."""
        centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        samples = samples.to(device())
        target = torch.from_numpy((values - centre) / scale).float().to(samples.device)
        model.to(samples.device).train()
        with torch.random.fork_rng(devices=[]), one_thread():
            torch.manual_seed(self.seed)
            model.head.reset_parameters()  # type: ignore[operator,union-attr]
            step = optimiser(model, self.settings)
            slower = torch.optim.lr_scheduler.CosineAnnealingLR(step, steps)
            order = torch.empty(0, dtype=torch.long)
            for _ in range(steps):
                if len(order) < min(size, len(samples)):
                    order = torch.randperm(len(samples))
                index, order = order[:size].to(samples.device), order[size:]
                found, wanted = model(samples.batch(index, index)), target[index]
                known = wanted.isfinite()
                step.zero_grad()
                ((found[known] - wanted[known]).abs().sum() / known.sum().clamp(min=1)).backward()
                step.step()
                slower.step()
        model.eval()
        return centre, scale

    def _take(self, run: str) -> None:
        """The weights of a finished run, which the plan has found to have learned from the same.

        Raises:
            UserError: there is no such run, or it is of another encoder or other settings.
        """
        from framework.runs.finished import find_run
        from framework.runs.saved import SavedRun

        folder = find_run(run, Path("runs"))
        saved = SavedRun.open(folder)
        if not isinstance(saved.encoder, DeepInfoMax):
            name = saved.settings["encoder"]["name"]
            raise UserError(f"pretrained: {folder} is a run of '{name}'; take one of deep_infomax")
        try:
            self.load_state_dict(saved.encoder.state_dict())
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()
            raise UserError(f"pretrained: {folder} has another network: {reason}") from None


class _Regressor(nn.Module):
    """A copy of an encoder's body, and a linear layer on its crystal vectors."""

    def __init__(self, body: Any, outputs: int) -> None:
        super().__init__()
        if isinstance(body, DeepInfoMax):
            body = nn.Sequential(body.network, body.mean)
        self.body = copy.deepcopy(body)
        self.head = nn.Linear(self.body[1].out_features, outputs)

    def forward(self, batch: GraphBatch) -> Tensor:
        return self.head(self.body(batch))
