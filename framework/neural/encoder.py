"""NeuralEncoder: a LightningModule that fulfils the encoder contract.

A subclass writes ``loss``, ``encode`` and, where it has them, ``decode`` and ``posterior``; the rest
(three verbs, training, curves, checkpoints) is here.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from framework.base.errors import UserError
from framework.contracts.encoder import Encoder
from framework.neural.samples import TensorSamples
from framework.neural.training import Settings, device, optimiser, train


class NeuralEncoder(Encoder, pl.LightningModule):
    """Base of all encoders that are trained by gradient descent.

    Attributes:
        settings: training and scoring settings; a subclass declares its own defaults.
    """

    checkpoint = "encoder.ckpt"
    settings: Settings = Settings()

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self._history: dict[str, list[float]] = {}
        self._trained = False
        self._density: tuple[np.ndarray, np.ndarray] | None = None

    # -- what a subclass writes -------------------------------------------------------------

    def loss(self, batch: Any) -> dict[str, Tensor]:
        """Named terms (scalars) whose sum is minimised; each gets a training curve."""
        raise NotImplementedError

    def encode(self, batch: Any) -> Tensor:
        """Latent vectors (b, latent_dim) of presentations (b, ...), without noise."""
        raise NotImplementedError

    def draw(self, batch: Any) -> Tensor:
        """Latent vectors with the noise of one pass; without noise unless overridden."""
        return self.encode(batch)

    def decode(self, latent: Tensor) -> Tensor:
        """Presentations (b, width) of latent vectors (b, latent_dim); an encoder that is generative
        writes it, and `decodes` then says so."""
        raise NotImplementedError(
            f"{type(self).__name__} has no decoder: write decode(latent) as a method (a network "
            "under the name 'decode' is hidden by the one of the base class)"
        )

    def posterior(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent vectors, each (b, latent_dim), of presentations; an
        encoder that is variational writes it, and `has_posterior` then says so."""
        raise NotImplementedError(f"{type(self).__name__} has no posterior")

    @property
    def decodes(self) -> bool:
        return type(self).decode is not NeuralEncoder.decode

    @property
    def has_posterior(self) -> bool:
        return type(self).posterior is not NeuralEncoder.posterior

    # -- the three verbs --------------------------------------------------------------------

    def fit(self, samples: TensorSamples, validation: Any = None) -> Self:
        """Train on all views of the samples; see `framework.neural.training.train`."""
        self._history = {}
        train(self, samples, validation if validation is not None and len(validation) else None)
        self._trained = True
        if not self.decodes:
            self._learn_density(samples)
        return self

    def transform(self, samples: TensorSamples) -> np.ndarray:
        """Latent vectors (n, latent_dim), averaged over the views."""
        return self._over_views(samples, self.encode)

    def score_samples(self, samples: TensorSamples) -> np.ndarray:
        """Plausibility (n,), averaged over the views and over the noisy passes.

        With a decoder the negative Euclidean reconstruction error; without one the log density,
        up to a constant, of a Gaussian fitted to the training part's latent vectors.
        """
        if not self.decodes:
            return self._log_density(self.transform(samples))
        draws = self.settings.score_draws

        def score(batch: Tensor) -> Tensor:
            latents = [self.draw(batch) for _ in range(draws)] if draws else [self.encode(batch)]
            errors = [torch.linalg.vector_norm(self.decode(z) - batch, dim=1) for z in latents]
            return -torch.stack(errors).mean(0)

        return self._over_views(samples, score)[:, 0]

    # -- training, called by Lightning and framework.neural.training ----------------------------------

    def attach(self, samples: TensorSamples, validation: TensorSamples | None) -> None:
        """Hold the data of one training, outside of the module's state."""
        self.__dict__["_data"] = (samples, validation)
        self.__dict__["_sums"] = {}

    @contextmanager
    def as_it_stands(self) -> Iterator[None]:
        """In the middle of a training, let the encoder be read as if it were fitted."""
        self._require_finite()
        self._trained = True
        if not self.decodes:
            self._learn_density(self.__dict__["_data"][0])
        try:
            yield
        finally:
            self._trained = False
            self.train()

    def detach(self) -> None:
        """Let go of the data."""
        self.__dict__.pop("_data")
        self.__dict__.pop("_sums")
        self.eval()

    def reset(self) -> None:
        """Draw the weights anew from the current random state."""
        for module in self.modules():
            if module is not self and hasattr(module, "reset_parameters"):
                module.reset_parameters()  # type: ignore[operator]

    def on_fit_start(self) -> None:
        parts = self.__dict__["_data"]
        self.__dict__["_data"] = tuple(part and part.to(self.device) for part in parts)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimiser(self, self.settings)

    def training_step(self, pairs: Tensor, _: int) -> None:
        samples, _validation = self.__dict__["_data"]
        step = self.optimizers(use_pl_optimizer=False)
        for index, view in zip(
            *(row.split(self.settings.batch_size) for row in pairs), strict=True
        ):
            terms = self.loss(samples.batch(index, view))
            total = torch.stack(list(terms.values())).sum()
            step.zero_grad()  # type: ignore[union-attr]
            total.backward()  # type: ignore[no-untyped-call]
            step.step()  # type: ignore[union-attr]
            self._record("train", terms, len(index))

    def on_train_epoch_end(self) -> None:
        _, validation = self.__dict__["_data"]
        if validation is not None:
            self.eval()
            with torch.inference_mode(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                for batch in validation.in_batches():
                    self._record("validation", self.loss(batch), len(batch))
            self.train()
        sums = self.__dict__["_sums"]
        for part in ("train", "validation") if validation is not None else ("train",):
            count, terms = sums.pop(part)
            values = {name: float(value) / count for name, value in terms.items()}
            for name, value in {"loss": sum(values.values()), **values}.items():
                self._history.setdefault(f"{part}_{name}", []).append(value)
        self._require_finite()

    def _require_finite(self) -> None:
        alive = all(bool(weights.isfinite().all()) for weights in self.parameters())
        if not (alive and np.isfinite(self._history.get("train_loss", [0.0])[-1])):
            raise UserError(
                f"the loss of {type(self).__name__} is no longer finite in epoch "
                f"{self.current_epoch + 1}; lower learning_rate ({self.settings.learning_rate:g})"
            )

    @property
    def history(self) -> dict[str, list[float]]:
        """Curves: train_loss, validation_loss, and the same for every term of the loss."""
        return self._history

    # -- checkpoints ---------------------------------------------------------------------------

    @property
    def fitted(self) -> bool:
        return self._trained

    def save(self, path: Path) -> None:
        """Write weights, settings and curves: plain types only, so that loading runs no code."""
        self.require_fitted()
        content = {
            "encoder": type(self).__name__,
            "settings": asdict(self.settings),
            "state_dict": {k: v.cpu() for k, v in self.state_dict().items()},
            "density": [torch.from_numpy(a) for a in self._density or ()],
            "history": self._history,
            "seed": self.seed,
        }
        torch.save(content, path)

    def restore(self, path: Path) -> Self:
        """Take the weights of a file that `save` wrote.

        Raises:
            UserError: the file is truncated, is no such file, or is of another model.
        """
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            name, weights = content["encoder"], content["state_dict"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as e:
            reason = str(e).splitlines()[0] if str(e) else type(e).__name__
            raise UserError(f"{path}: not a readable checkpoint ({reason}); fit again") from None
        if name != type(self).__name__:
            raise UserError(f"{path}: is a checkpoint of {name}, not of {type(self).__name__}")
        try:
            self.load_state_dict(weights)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()
            raise UserError(f"{path}: does not fit {name} with these settings: {reason}") from None
        self._history, self.seed, self._trained = content["history"], content["seed"], True
        if content["density"]:
            mean, precision = (a.numpy() for a in content["density"])
            self._density = (mean, precision)
        self.eval()
        return self

    # -- helpers -------------------------------------------------------------------------------

    def _learn_density(self, samples: TensorSamples) -> None:
        latents = self.transform(samples)
        covariance = np.atleast_2d(np.cov(latents, rowvar=False))
        self._density = (latents.mean(0), np.linalg.pinv(covariance, hermitian=True))

    def _log_density(self, latents: np.ndarray) -> np.ndarray:
        assert self._density is not None
        mean, precision = self._density
        return -0.5 * np.einsum("nd,de,ne->n", latents - mean, precision, latents - mean)

    def _record(self, part: str, terms: dict[str, Tensor], count: int) -> None:
        seen, sums = self.__dict__["_sums"].setdefault(part, (0, {}))
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + value.detach() * count
        self.__dict__["_sums"][part] = (seen + count, sums)

    def _over_views(self, samples: TensorSamples, function: Callable[[Any], Tensor]) -> np.ndarray:
        self.require_fitted()
        self.eval()
        self.to(device())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return samples.to(self.device).mean_over_views(function, self.settings.score_views)
