"""The data set that a user means: a registered name, or a file of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from framework.base.errors import UserError
from framework.config.experiment import Experiment
from framework.config.schema import Component
from framework.registry.parameters import parameters
from framework.registry.registry import DATASETS

DATASET = "oqmd_icsd"
"""The data set where none is named."""


def with_data(experiment: Experiment, data: str | Path | None, **reading: Any) -> Experiment:
    """The experiment on other data, or as it is where there are none.

    Where its own data set reads a path (a published system's folder), that path is meant.

    Args:
        reading: further settings of the data set `file`, such as the column of formulas.

    Raises:
        UserError: no data set has this name, or one by name is to be read otherwise.
    """
    if data is None:
        if reading:
            options = ", ".join("--" + name.replace("_", "-") for name in reading)
            raise UserError(f"{options}: say how the file of --data is read; name it")
        return experiment
    named = experiment.dataset
    reads = named.name in DATASETS.names() and "path" in parameters(DATASETS.load(named.name))
    if reads and not reading and str(data) not in DATASETS.names():
        given = {**named.parameters, "path": str(data)}
        component = Component(name=named.name, parameters=given)
    else:
        component = Component.model_validate(data_component(data, **reading))
    return experiment.model_copy(update={"dataset": component})


def data_component(data: str | Path, *, strict: bool = False, **reading: Any) -> dict[str, Any]:
    """A registered data set by name, else a user's file.

    Args:
        reading: further settings of the data set `file`.

    Raises:
        UserError: no data set has this name, or one by name is to be read otherwise.
    """
    text = str(data)
    if text in DATASETS.names():
        if reading:
            raise UserError(
                f"--data {text}: is a registered data set, which is read in one way; leave out "
                f"{', '.join('--' + name.replace('_', '-') for name in reading)}"
            )
        return {"name": text}
    if not any(mark in text for mark in "./\\") and not Path(text[:255]).exists():
        DATASETS.require(text)  # a misspelt name: shows the nearest
    return {"name": "file", "path": text, **({"strict": True} if strict else {}), **reading}


def ranking_of_fields(pattern: str | None, candidates: str | Path | None) -> dict[str, Any]:
    """The task of ranking fields: of a pattern, or the candidates that a file lists."""
    source: dict[str, Any] = {"name": "pattern"}
    if candidates is not None:
        source = {"name": "listed", "path": str(candidates)}
    if pattern is not None:
        source["pattern"] = pattern
    return {"name": "plausibility", "candidates": source}
