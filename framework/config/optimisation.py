"""The strict schema of an experiment for `phasezoo optimise`: what is searched, and by whom."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from framework.config.schema import (
    Component,
    Name,
    Seed,
    Strict,
    read_mapping,
    require_distinct,
    validated,
)
from framework.config.strict_yaml import write_yaml

BASELINE = "random"
"""The sampler that all others are compared with."""

Sampler = Literal["tpe", "gp", "cmaes", "random"]


class Optimisation(Strict):
    """One experiment: every sampler on every objective with every seed, under one budget.

    Attributes:
        samplers: random search is one of them, for every table compares with it.
        trials: evaluations of each search.
        target: the value that a hit reaches, for all objectives, in their units.
    """

    name: Name
    description: str = ""
    objectives: Annotated[list[Component], Field(min_length=1)]
    samplers: Annotated[list[Sampler], Field(min_length=1)] = ["tpe", "gp", "cmaes", "random"]
    trials: Annotated[int, Field(ge=1, le=10_000)] = 100
    seeds: Annotated[list[Seed], Field(min_length=1)] = list(range(10))
    target: float | None = None

    @field_validator("target")
    @classmethod
    def _finite(cls, target: float | None) -> float | None:
        if target is not None and not math.isfinite(target):
            raise ValueError(f"{target} is not a finite number; give the value that a hit reaches")
        return target

    @model_validator(mode="after")
    def _comparable(self) -> Optimisation:
        require_distinct(
            {
                "objectives": [component.title for component in self.objectives],
                "samplers": list(self.samplers),
                "seeds": self.seeds,
            },
            labelled=("objectives",),
        )
        if BASELINE not in self.samplers:
            raise ValueError(
                f"samplers: '{BASELINE}' is missing, which every table compares with; add it"
            )
        return self

    def to_yaml(self) -> str:
        """The experiment as YAML that reads back equal."""
        plain = self.model_dump(exclude_defaults=True)
        plain["objectives"] = [component.as_yaml() for component in self.objectives]
        return write_yaml(plain)


def read_optimisation(path: str | Path) -> Optimisation:
    """The experiment of a YAML file.

    Raises:
        UserError: as `framework.config.experiment.read_experiment`.
    """
    shape = "name: ..., objectives: [...], samplers: [...]"
    return validated(Optimisation, read_mapping(path, shape), str(path))
