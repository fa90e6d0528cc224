"""Magpie statistics of the elements of a composition. Source: Ward et al., npj Comput. Mater. 2, 16028 (2016)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from data.elements import element_table
from data.representations.composition import N_ELEMENTS, CompositionSamples
from framework.contracts.encoder import Encoder

FEATURES = [
    "Number",
    "MendeleevNumber",
    "AtomicWeight",
    "MeltingT",
    "Column",
    "Row",
    "CovalentRadius",
    "Electronegativity",
    "NsValence",
    "NpValence",
    "NdValence",
    "NfValence",
    "NValence",
    "NsUnfilled",
    "NpUnfilled",
    "NdUnfilled",
    "NfUnfilled",
    "NUnfilled",
    "GSvolume_pa",
    "GSbandgap",
    "GSmagmom",
    "SpaceGroupNumber",
]
"""Those of matminer's preset ``magpie``."""


class Magpie(Encoder):
    """22 element features x minimum, maximum, range, mean, mean absolute deviation, mode.

    The mode is the value of the most abundant element, the lowest where several are. A value that
    the table lacks is the mean over the elements, as in matminer. Score = negative Euclidean norm
    of the statistics, standardised by the training part.
    """

    representation = "composition"
    baseline = True

    def fit(self, samples: CompositionSamples, validation: Any = None) -> Self:
        values = statistics(samples.values.cpu().double().numpy())
        spread = values.std(axis=0)
        spread[spread < 1e-12 * np.abs(values).max(axis=0).clip(1e-300)] = np.inf
        self.mean_, self.scale_ = values.mean(axis=0), spread
        return self

    def transform(self, samples: CompositionSamples) -> np.ndarray:
        """The statistics themselves, standardised (n, 132)."""
        self.require_fitted()
        values = statistics(samples.values.cpu().double().numpy())
        return (values - self.mean_) / self.scale_

    def score_samples(self, samples: CompositionSamples) -> np.ndarray:
        return -np.linalg.norm(self.transform(samples), axis=1)


def statistics(fractions: np.ndarray) -> np.ndarray:
    """The statistics (n, 132) of atomic fractions (n, 100), those of one feature side by side."""
    table = element_table("magpie")
    values = table.values[1:, [table.features.index(name) for name in FEATURES]]
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)[:N_ELEMENTS]
    absent = np.where(fractions > 0, 0.0, np.inf)
    minor = np.where(np.isclose(fractions, fractions.max(axis=1, keepdims=True)), 0.0, np.inf)
    columns = []
    for feature in values.T:
        mean = fractions @ feature
        low, high = (feature + absent).min(axis=1), (feature - absent).max(axis=1)
        deviation = (fractions * np.abs(feature - mean[:, None])).sum(axis=1)
        columns += [low, high, high - low, mean, deviation, (feature + minor).min(axis=1)]
    return np.stack(columns, axis=1)
