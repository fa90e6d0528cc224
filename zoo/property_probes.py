"""Probes that predict properties from latent vectors, fitted on the training part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from framework.contracts.objective import FloatArray
from framework.contracts.predictor import Predictor
from zoo.latent_space import LatentSpace
from zoo.probing import probe_of


def require_probe(probe: str | dict[str, Any]) -> None:
    """Refuse an unknown probe before anything is fitted.

    Raises:
        UserError: the predictor or a setting of it is unknown.
    """
    probe_of(probe, Predictor, "probe")


class PropertyProbes:
    """One probe a property.

    Args:
        probe: the predictor: a registered name, or a mapping with ``name`` and its settings.
        seed: of the probes.

    Raises:
        UserError: the predictor or a setting of it is unknown.
    """

    def __init__(
        self,
        space: LatentSpace,
        probe: str | dict[str, Any],
        properties: Sequence[str],
        seed: int,
    ) -> None:
        self.space = space
        _, item, settings = probe_of(probe, Predictor, "probe")
        self._probes = {name: self._fitted(item(**settings), name, seed) for name in properties}

    def predict(self, latent: FloatArray) -> dict[str, float]:
        """The properties of a latent vector (d,), by name."""
        return {n: float(probe.predict(latent[None])[0]) for n, probe in self._probes.items()}

    def error(self, name: str) -> float:
        """Mean absolute error of a predicted property on the held-out materials."""
        space, values = self.space, self.space.values(name)
        known = space.split.holdout[np.isfinite(values[space.split.holdout])]
        with threadpool_limits(1):
            predicted = self._probes[name].predict(space.latents[known])
        return float(np.abs(predicted - values[known]).mean())

    def _fitted(self, probe: Predictor, name: str, seed: int) -> Predictor:
        space, values = self.space, self.space.values(name)
        known = space.split.train[np.isfinite(values[space.split.train])]
        probe.seed = seed
        groups = space.materials["element_set"].values[known].astype(str)
        with threadpool_limits(1):  # the same trees on every machine
            return probe.fit(space.latents[known], values[known], groups)
