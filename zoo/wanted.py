"""What a search wants of predicted properties: high, low or near a value; and limits to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from framework.base.errors import UserError, nearest, placed
from framework.contracts.objective import FloatArray
from zoo.latent_space import LatentSpace

MODES = "maximise", "minimise"


@dataclass(frozen=True)
class Wanted:
    """Wishes and limits, in the units of the properties.

    Attributes:
        properties: ``maximise``, ``minimise`` or the value that is wanted, by name.
        known: true values of the training part, by name, of all that is read.
        limits: the property, the bound and its side (+1 at most, -1 at least), by what messages
            and tables call them.
        axes: by name, the property with its units.
    """

    properties: dict[str, str | float]
    known: dict[str, FloatArray]
    limits: dict[str, tuple[str, float, int]]
    axes: dict[str, str]

    @classmethod
    def of(
        cls,
        space: LatentSpace,
        properties: Mapping[str, str | float],
        at_most: Mapping[str, float],
        at_least: Mapping[str, float],
    ) -> Self:
        """Checked against the data.

        Raises:
            UserError: an unknown property or wish, a value that lies out of the data's range, a
                limit that no material keeps.
        """
        if not properties:
            raise UserError("properties: none is wanted; for instance {band_gap: maximise}")
        known, axes = {}, {}
        for key, names in {
            "properties": properties,
            "at_most": at_most,
            "at_least": at_least,
        }.items():
            for name in names:
                with placed(key):
                    values = space.values(name)[space.split.train]
                known[name] = values[np.isfinite(values)]
                axes[name] = space.axis(name)
        for name, wish in properties.items():
            if isinstance(wish, str) and wish not in MODES:
                raise UserError(
                    f"properties.{name}: {wish!r} is not a valid wish; {nearest(wish, MODES)}, or give the "
                    "value that is wanted"
                )
            low, high = known[name].min(), known[name].max()
            if not isinstance(wish, str) and not low <= wish <= high:
                raise UserError(
                    f"properties.{name}: {wish:g} lies out of the data's range; the training part "
                    f"goes from {low:.4g} to {high:.4g}, and a probe knows nothing beyond it"
                )
        limits = {f"{name} at most": (name, bound, 1) for name, bound in at_most.items()}
        limits |= {f"{name} at least": (name, bound, -1) for name, bound in at_least.items()}
        for limit, (name, bound, side) in limits.items():
            if not (side * known[name] <= side * bound).any():
                raise UserError(
                    f"{limit} {bound:g}: no material of the training part keeps it; they go from "
                    f"{known[name].min():.4g} to {known[name].max():.4g}"
                )
        return cls(dict(properties), known, limits, axes)

    @property
    def read(self) -> list[str]:
        """The properties that are predicted."""
        return list(self.known)

    def maximised(self, name: str) -> bool:
        return self.properties[name] == "maximise"

    def name(self, name: str) -> str:
        """What the value is called that a sampler is told."""
        wish = self.properties[name]
        return name if isinstance(wish, str) else f"{name} off {wish:g}"

    def value(self, name: str, predicted: float) -> float:
        wish = self.properties[name]
        return predicted if isinstance(wish, str) else abs(predicted - wish)

    @property
    def quantity(self) -> tuple[str, str]:
        """Of a single property: what is compared, and its units."""
        (name,) = self.properties
        text, _, units = self.axes[name].partition(" (")
        wish = self.properties[name]
        off = "" if isinstance(wish, str) else f" off {wish:g}"
        return f"predicted {text}{off}", units.rstrip(")")

    def gains(self, values: FloatArray) -> FloatArray:
        """How much better values (n, k) are than the mean of the training part, in its standard
        deviations."""
        gains = np.empty_like(values)
        for i, (name, wish) in enumerate(self.properties.items()):
            known = self.known[name]
            reference = known if isinstance(wish, str) else np.abs(known - wish)
            sign = 1 if wish == "maximise" else -1
            gains[:, i] = sign * (values[:, i] - reference.mean()) / known.std()
        return gains

    def violations(self, predicted: Mapping[str, float]) -> dict[str, float]:
        return {
            limit: side * (predicted[name] - bound)
            for limit, (name, bound, side) in self.limits.items()
        }
