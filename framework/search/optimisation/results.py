"""What searches found, as one labelled cube, and the file that it is kept in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from framework.config.optimisation import Optimisation
from framework.contracts.objective import Objective, PoolObjective
from framework.search.optimisation.plan import target_of

FILE = "results.nc"

FloatArray = NDArray[np.float64]


def cube(
    experiment: Optimisation,
    objectives: Mapping[str, Objective],
    values: FloatArray,
    best: FloatArray,
    kept: FloatArray,
) -> xr.Dataset:
    """The cube of all searches, with the dimensions ``objective, sampler, seed, evaluation``.

    Variables: ``value``, of objectives that have one; ``best`` so far; ``kept``, 1 where all
    constraints were kept and 0 elsewhere; and, for a pool with a target, ``hits``, the share of
    all its hits that was found. Along ``objective``: ``optimum``, ``maximise``, ``quantity``,
    ``constrained``, ``candidates`` and ``n_hits`` of a pool, 0 elsewhere, and ``target``, the value of a hit. What is missing is NaN.

    Args:
        values, best, kept: in the order of the dimensions.
    """
    dims = ("objective", "sampler", "seed", "evaluation")
    known = list(objectives.values())
    targets = [target_of(objective, experiment) for objective in known]
    hits = np.full(values.shape, np.nan)
    n_hits = np.zeros(len(known), int)
    for i, (objective, target) in enumerate(zip(known, targets, strict=True)):
        if isinstance(objective, PoolObjective) and target is not None:
            n_hits[i] = objective.reaches(objective.values, target).sum()
            so_far = objective.reaches(values[i], target).cumsum(axis=-1)
            hits[i] = np.where(np.isnan(values[i]), np.nan, so_far / n_hits[i])
    of = {
        "optimum": [np.nan if o.optimum is None else o.optimum for o in known],
        "maximise": [o.maximise for o in known],
        "quantity": [o.axis for o in known],
        "summary": [o.summary for o in known],
        "constrained": [bool(o.constraints) for o in known],
        "candidates": [len(o) if isinstance(o, PoolObjective) else 0 for o in known],
        "n_hits": n_hits,
        "target": [np.nan if target is None else target for target in targets],
    }
    return xr.Dataset(
        {
            "value": (dims, values),
            "best": (dims, best),
            "kept": (dims, kept),
            "hits": (dims, hits),
            **{name: ("objective", values_of) for name, values_of in of.items()},
        },
        coords={
            "objective": list(objectives),
            "sampler": experiment.titles,
            "seed": list(experiment.seeds),
            "evaluation": np.arange(1, values.shape[-1] + 1),
        },
        attrs={
            "experiment": experiment.name,
            "config": experiment.to_yaml(),
        },
    )


def is_written(results: xr.Dataset, folder: Path) -> bool:
    """Whether a folder has these results."""
    try:
        with xr.open_dataset(folder / FILE, engine="netcdf4") as old:
            return bool(old.load().identical(results))
    except (OSError, ValueError):
        return False  # missing or damaged: written again from the studies
