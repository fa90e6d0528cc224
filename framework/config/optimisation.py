"""The strict schema of an experiment for `phasezoo optimise`: what is searched, and by whom."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

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

OPTUNAS = ("tpe", "gp", "cmaes", "random")
"""Samplers of Optuna; any other name is that of a predictor with an uncertainty."""


class Optimisation(Strict):
    """One experiment: every sampler on every objective with every seed, under one budget.

    Attributes:
        samplers: of `OPTUNAS` by name, or registered predictors that state an uncertainty, with
            their settings and `framework.search.study.surrogate.Surrogate`'s. Random search is one
            of them, for every table compares with it.
        trials: evaluations of each search.
        target: the value that a hit reaches, for all objectives, in their units.
        top: in its place, the share of a pool's candidates that are hits, the best ones.
    """

    name: Name
    description: str = ""
    objectives: Annotated[list[Component], Field(min_length=1)]
    samplers: Annotated[list[Component], Field(min_length=1)] = [
        Component(name=name) for name in OPTUNAS
    ]
    trials: Annotated[int, Field(ge=1, le=10_000)] = 100
    seeds: Annotated[list[Seed], Field(min_length=1)] = list(range(10))
    target: float | None = None
    top: Annotated[float, Field(gt=0, le=0.5)] | None = None

    @property
    def titles(self) -> list[str]:
        """What results call the samplers."""
        return [sampler.title for sampler in self.samplers]

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
                "samplers": self.titles,
                "seeds": self.seeds,
            },
            labelled=("objectives", "samplers"),
        )
        if self.target is not None and self.top is not None:
            raise ValueError(
                "target: hits are those of 'target' or of 'top'; leave one of them out"
            )
        for sampler in self.samplers:
            if (sampler.name == BASELINE) != (sampler.title == BASELINE):
                raise ValueError(
                    f"samplers: the label '{sampler.title}' of '{sampler.name}': random search is "
                    f"what every table compares with, under the name '{BASELINE}' and no other is; "
                    "take the label out, or another one"
                )
        if BASELINE not in self.titles:
            raise ValueError(
                f"samplers: '{BASELINE}' is missing, which every table compares with; add it"
            )
        return self

    def to_yaml(self) -> str:
        """The experiment as YAML that reads back equal."""
        plain = self.model_dump(exclude_defaults=True)
        if "samplers" in plain:
            plain["samplers"] = [sampler.as_yaml() for sampler in self.samplers]
        plain["objectives"] = [component.as_yaml() for component in self.objectives]
        return write_yaml(plain)


def read_optimisation(path: str | Path) -> Optimisation:
    """The experiment of a YAML file.

    Raises:
        UserError: as `framework.config.experiment.read_experiment`.
    """
    shape = "name: ..., objectives: [...], samplers: [...]"
    return validated(Optimisation, read_mapping(path, shape), str(path))
