"""Rank average: several encoders, each by the rank that it gives a sample among unexplored ones.

Ensembles of rankings for synthesisability: Prein et al., arXiv 2511.01790.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from framework.base.errors import UserError, placed
from framework.config.schema import component_from
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Samples
from framework.registry.registry import ENCODERS
from framework.runs.components import construct, read_by, resolved

FloatArray = NDArray[np.float64]


class RankAverage(Encoder):
    """Score = mean over the encoders of the normal score of a sample's rank.

    The rank is that among the context's unexplored candidates, kept from `fit`, so that a score
    does not depend on what is scored beside it. It is taken as a quantile of the normal
    distribution, which spreads the first of many candidates as far as those in the middle.
    An encoder that scores halves of the candidates by different models does so for these, too,
    so held-out fields and candidates are treated alike.

    Args:
        of: encoders, each by name or as a mapping of its name and settings.
        representation: that all of them read.
    """

    representation = "phase_field"
    uses_context = True

    def __init__(
        self,
        of: tuple[str | dict[str, Any], ...] = (
            "reported_neighbourhood",
            "set_energy_model",
            "element_infomax",
        ),
        representation: str = "phase_field",
    ) -> None:
        self.of, self.representation = of, representation
        self._wanted = _checked(of, representation)
        self._parts: list[Encoder] = []

    @classmethod
    def sources(cls, parameters: Mapping[str, Any]) -> tuple[Path, ...]:
        """The files of the encoders, and of those that these are made of."""
        files: list[Path] = []
        for part in _checked(parameters["of"], parameters["representation"]):
            files += [ENCODERS.source(part["name"])]
            files += ENCODERS.load(part["name"]).sources(part["parameters"])
        return tuple(files)

    def fit(self, samples: Samples, validation: Any = None) -> Self:
        """Fit one encoder after the other.

        Raises:
            UserError: there is no context, or no unexplored candidate in it.
        """
        context = self.require_context("ranks among unexplored candidates")
        self.width_ = samples.width
        self.n_elements_ = getattr(samples, "n_elements", 0)
        self._parts = self._built()
        for i, part in enumerate(self._parts):
            if part.uses_context:
                part.context = context
            part.fit(samples, validation)
            setattr(self, f"part_{i}_", _packed(part))
            scores = part.score_samples(context.unlabelled)
            setattr(self, f"scores_{i}_", np.sort(scores.astype(np.float64)))
        return self

    def transform(self, samples: Any) -> FloatArray:
        """Normal scores (n, number of encoders)."""
        self.require_fitted()
        if not self._parts:
            self._parts = self._built()
            for i, part in enumerate(self._parts):
                _unpack(part, getattr(self, f"part_{i}_"))
        columns = [
            normal_scores(part.score_samples(samples), getattr(self, f"scores_{i}_"))
            for i, part in enumerate(self._parts)
        ]
        return np.stack(columns, axis=1)

    def score_samples(self, samples: Any) -> FloatArray:
        mean: FloatArray = self.transform(samples).mean(axis=1)
        return mean

    def restore(self, path: Path) -> Self:
        self._parts = []
        return super().restore(path)

    def _built(self) -> list[Encoder]:
        """The encoders, unfitted."""
        shown: Any = SimpleNamespace(width=self.width_, n_elements=self.n_elements_)
        return [
            construct(ENCODERS.load(part["name"]), part["parameters"], shown, self.seed)
            for part in self._wanted
        ]


def normal_scores(scores: FloatArray, among: FloatArray) -> FloatArray:
    """Quantiles of the normal distribution at the ranks of scores (n,) among others (m,).

    Between two of the others the rank is interpolated, and ties have the mean rank.

    Args:
        among: ascending.
    """
    below, upto = np.searchsorted(among, scores), np.searchsorted(among, scores, side="right")
    rank = (below + upto) / 2
    low, high = among[np.maximum(below - 1, 0)], among[np.minimum(below, len(among) - 1)]
    between = (below == upto) & (low < high)
    share = np.divide(scores - low, high - low, out=np.zeros(len(scores)), where=between)
    rank = np.where(between, below - 0.5 + share, rank)
    normal: FloatArray = ndtri((rank + 0.5) / (len(among) + 1))
    return normal


def _checked(of: Any, representation: str) -> list[dict[str, Any]]:
    """Names and checked settings of the encoders.

    Raises:
        UserError: there is none, one is listed twice, has wrong settings, reads another
            representation, or is to begin with a finished run.
    """
    if not of:
        raise UserError("of: is empty; name the encoders, such as [element_infomax, pca]")
    parts: list[dict[str, Any]] = []
    for i, content in enumerate(of):
        part = resolved(ENCODERS, component_from(content, f"of[{i}]"), f"of[{i}]")
        if part in parts:
            raise UserError(f"of[{i}]: '{part['name']}' with these settings is listed twice")
        if (reads := read_by(part)) != representation:
            raise UserError(
                f"of[{i}]: '{part['name']}' reads the representation '{reads}', and all are given "
                f"'{representation}'; leave it out, or write 'representation: {reads}' and take "
                "encoders that read that"
            )
        if part["parameters"].get("pretrained"):
            raise UserError(f"of[{i}].pretrained: an encoder of an average is fitted from scratch")
        with placed(f"of[{i}]"):  # an average among them refuses its own
            ENCODERS.load(part["name"]).sources(part["parameters"])
        parts.append(part)
    return parts


def _packed(encoder: Encoder) -> NDArray[np.uint8]:
    """The checkpoint of a fitted encoder, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / encoder.checkpoint
        encoder.save(path)
        return np.frombuffer(path.read_bytes(), np.uint8)


def _unpack(encoder: Encoder, checkpoint: NDArray[np.uint8]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / encoder.checkpoint
        path.write_bytes(checkpoint.tobytes())
        encoder.restore(path)
