"""The elements of a set as they are, with Magpie statistics beside them if wanted, for a probe of its own if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from data.element_sets import SYMBOLS
from data.representations.composition import N_ELEMENTS
from data.representations.element_set import ElementSetSamples
from framework.config.schema import component_from
from framework.contracts.encoder import Encoder
from framework.contracts.learner import Learner
from framework.contracts.predictor import Classifier, Predictor
from framework.registry.registry import PREDICTORS
from zoo.encoders.magpie import statistics
from zoo.probing import probe_of


class ElementDescriptors(Encoder):
    """Learns nothing but how common elements are; score = mean logarithm of how many training sets
    hold an element, over those of the set.

    Args:
        magpie: whether the statistics of `zoo.encoders.magpie` follow, each element an equal share.
        probe: what learns labels from it in place of the task's probe, by name, or a mapping with
            ``name`` and its settings; "" for the task's. So classifiers stand in one table.
    """

    representation = "element_set"
    baseline = True

    def __init__(self, magpie: bool = False, probe: str | dict[str, Any] = "") -> None:
        self.magpie, self.probe = magpie, probe
        if probe:
            probe_in_place_of(None, probe, 0)  # refuses what is unknown at once

    @classmethod
    def sources(cls, parameters: Mapping[str, Any]) -> tuple[Path, ...]:
        """The file of its own probe."""
        return source_of_probe(parameters["probe"])

    def fit(self, samples: ElementSetSamples, validation: Any = None) -> Self:
        self.logarithms_ = np.log1p(samples.holds.cpu().numpy().sum(axis=0))
        return self

    def transform(self, samples: ElementSetSamples) -> np.ndarray:
        """1 or 0 for each element, by atomic number, then the statistics: (n, 118 or 250)."""
        self.require_fitted()
        return as_vectors(samples, self.magpie)

    def score_samples(self, samples: ElementSetSamples) -> np.ndarray:
        holds = self.transform(samples)[:, : len(SYMBOLS)]
        return (holds @ self.logarithms_) / holds.sum(axis=1)

    def learner(self, probe: Learner, samples: Any, others: np.ndarray) -> Learner:
        """The probe of its own, if there is one."""
        return probe_in_place_of(probe, self.probe, self.seed)


def as_vectors(samples: ElementSetSamples, magpie: bool) -> np.ndarray:
    """1 or 0 for each element, by atomic number, then Magpie statistics if wanted: (n, 118 or 250)."""
    holds = samples.holds.cpu().numpy().astype(np.float32)
    if not magpie:
        return holds
    shares = holds / holds.sum(axis=1, keepdims=True)
    return np.concatenate([holds, statistics(shares[:, :N_ELEMENTS])], axis=1, dtype=np.float32)


def source_of_probe(named: str | dict[str, Any]) -> tuple[Path, ...]:
    """The file of the registered predictor that is named, if one is."""
    return (PREDICTORS.source(component_from(named, "probe").name),) if named else ()


def probe_in_place_of(probe: Learner | None, named: str | dict[str, Any], seed: int) -> Learner:
    """The registered predictor that is named, of the probe's kind; the probe where none is.

    Raises:
        UserError: it is not registered, has no such setting, or learns something else.
    """
    if not named:
        assert probe is not None
        return probe
    kind = {True: Classifier, False: Predictor}[isinstance(probe, Classifier)] if probe else Learner
    _, item, settings = probe_of(named, kind, "probe")
    learner: Learner = item(**settings)
    learner.seed = seed
    return learner
