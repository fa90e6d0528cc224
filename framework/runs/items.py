"""The items of a run: what a task makes of a data set, and how a split divides them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow, as_json, refuse_unusable, unusable_rows
from framework.contracts.split import Split, divide
from framework.registry.registry import DATASETS, SPLITS
from framework.runs.components import task_of
from framework.runs.files import Stamps, named_files, stamps
from framework.runs.reads import Read, as_attribute


def divided(settings: dict[str, Any]) -> tuple[xr.Dataset, Split]:
    """The items of a run and their split, from the run's settings."""
    data, task = json.dumps(settings["dataset"]), json.dumps(settings["task"])
    name, fold, seed = (settings["split"][key] for key in ("name", "fold", "seed"))
    wanted = {key: settings["split"][key] for key in ("name", "parameters")}
    items = prepared_items(data, task)
    if items.attrs["digest"] != settings["items"]:
        raise UserError(
            "the data have changed since this run was planned; run again to plan with the new ones"
        )
    split = divide(
        items,
        folds_of(data, task, json.dumps(wanted), seed)[fold],
        label="/".join(filter(None, (name, fold))),
        validation_fraction=settings["validation_fraction"],
        seed=seed,
        withheld=tuple(settings["split"].get("withhold", ())),
        smaller=learns_from_smaller_sets(name),
    )
    return items, split


def learns_from_smaller_sets(split: str) -> bool:
    """Whether a registered split learns from no item (`from_smaller_sets`)."""
    return bool(getattr(SPLITS.load(split), "from_smaller_sets", False))


def items_of(settings: dict[str, Any]) -> xr.Dataset:
    """The items that a run's settings speak of."""
    return prepared_items(json.dumps(settings["dataset"]), json.dumps(settings["task"]))


def prepared_items(dataset: str, task: str) -> xr.Dataset:
    """The items of a task on a data set, both given as JSON of their resolved settings.

    Kept in memory until a file that the settings name is written anew.
    """
    return _kept_items(dataset, task, stamps(dataset, task))


@lru_cache(maxsize=4)
def _kept_items(dataset: str, task: str, _: Stamps) -> xr.Dataset:
    component, wanted = json.loads(dataset), json.loads(task)
    data = DATASETS.load(component["name"])(**component["parameters"])
    task_ = task_of(wanted)
    items: xr.Dataset = task_.items(data)
    unfit = task_.unfit_rows(data)
    if component["parameters"].get("strict"):
        refuse_unusable(unfit, component["parameters"].get("path", component["name"]))
    of_data = [*unusable_rows(data), *unfit]
    reads = []
    if path := component["parameters"].get("path"):
        of_data = _in_file(of_data, path)
        used = data.sizes["material"] - len(unfit)
        reads.append(Read.of_data(path, data, used, of_data))
    listed: list[UnusableRow] = []
    for path in named_files(wanted["parameters"]):  # candidates that the user lists
        listed = _in_file(task_.unusable, path)
        unexplored = int((~items["reported"].values).sum())
        reads.append(replace(Read.of(path, unexplored, listed), notes=list(task_.notes)))
    items.attrs |= {
        "dataset_digest": data.attrs["digest"],
        "dataset": json.dumps({"materials": data.sizes["material"], **_about(data)}),
        "unusable_rows": as_json([*of_data, *listed]),
        "reads": as_attribute(reads),
    }
    return items


def _in_file(rows: Sequence[UnusableRow], path: str | Path) -> list[UnusableRow]:
    return [replace(row, file=row.file or str(path)) for row in rows]


def _about(data: xr.Dataset) -> dict[str, str]:
    keys = ("name", "title", "source", "licence", "citation")
    return {key: str(data.attrs[key]) for key in keys}


def folds_of(dataset: str, task: str, split: str, seed: int) -> dict[str, np.ndarray]:
    return _kept_folds(dataset, task, split, seed, stamps(dataset, task, split))


@lru_cache(maxsize=64)
def _kept_folds(dataset: str, task: str, split: str, seed: int, _: Stamps) -> dict[str, np.ndarray]:
    items = prepared_items(dataset, task)
    reported = np.flatnonzero(items["reported"].values)
    always = items.get("always_learned", xr.zeros_like(items["reported"])).values
    offered = ~always[reported]
    fields, member = fields_of(items, reported[offered])
    wanted = json.loads(split)
    folds = SPLITS.load(wanted["name"])(fields, seed, **wanted["parameters"])
    masks = {}
    for fold, held_out in folds.items():
        masks[fold] = np.zeros(len(reported), dtype=bool)
        masks[fold][offered] = held_out[member]
    return masks


def fields_of(items: xr.Dataset, reported: np.ndarray) -> tuple[xr.Dataset, np.ndarray]:
    """The element sets of the reported items, as a split sees them, and each item's own (n,).

    A split holds out whole element sets, so that polymorphs never stand on both sides.
    """
    member, names = pd.factorize(items["element_set"].values[reported])
    order = pd.Series(items["order"].values[reported]).groupby(member).min()
    fields = xr.Dataset(
        {"element_set": ("material", names), "order": ("material", order.to_numpy())}
    )
    return fields, member
