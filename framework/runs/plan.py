"""The plan of all runs of an experiment: what is fitted, on which items, known by which digest.

A run is known by the digest of everything that decides its numbers: data, task, split, seed,
encoder with all its settings, and the code of these. A finished run is a folder of that name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from framework.base.digest import digest
from framework.base.errors import UserError, placed
from framework.config.experiment import Experiment
from framework.config.schema import Component
from framework.contracts.dataset import as_json, refuse_unusable, unusable_rows
from framework.contracts.representation import Representation
from framework.contracts.split import Split, divide
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS, SPLITS, TASKS
from framework.registry.source_code import code_digest
from framework.runs.components import (
    built,
    read_by,
    require_buildable,
    require_shown,
    resolve_task,
    resolved,
    task_of,
    tried,
)
from framework.runs.measured import measuring, require_measured
from framework.runs.saved import begin, same_training

ENGINE = Path(__file__).with_name("execution.py")

RUNS = Path("runs")
"""The folder of results where none is named."""

Stamps = tuple[tuple[str, int, int], ...]
"""Name, time of writing and size of files."""


@dataclass(frozen=True)
class Run:
    """One cell of a benchmark: everything that decides its numbers, as plain content.

    Attributes:
        settings: what is hashed into the digest.
        encoder, split, seed: its coordinates in results.
    """

    settings: dict[str, Any] = field(repr=False)
    encoder: str
    split: str
    seed: int

    @property
    def digest(self) -> str:
        """16 hex digits; the name of its folder."""
        return digest(self.settings)[:16]

    def folder(self, runs: Path) -> Path:
        return runs / "cells" / self.digest

    def finished(self, runs: Path) -> bool:
        """Whether its results stand; a folder appears only when it is complete."""
        return (self.folder(runs) / "cell.nc").exists()


def plan(experiment: Experiment, where: str = "", runs: Path = RUNS) -> list[Run]:
    """All runs of an experiment, checked before anything is computed.

    Args:
        where: the file that messages name.
        runs: the folder of results, in which finished runs are found that others begin with.

    Raises:
        UserError: an unknown name or setting, unreadable data, or a split without hold-out.
    """
    prefix = f"{where}: " if where else ""
    dataset = resolved(DATASETS, experiment.dataset, f"{prefix}dataset")
    task = resolve_task(measuring(experiment, f"{prefix}task"), f"{prefix}task")
    data, wanted = json.dumps(dataset), json.dumps(task)
    with placed(where):
        items = prepared_items(data, wanted)
        judge = task_of(task)
        require_measured(experiment, judge)
    encoders = []
    fitted: dict[str, Representation] = {}
    for i, component in enumerate(experiment.encoders):
        place = f"{prefix}encoders[{i}]"
        encoder = resolved(ENCODERS, component, place)
        name = read_by(encoder)
        settings = experiment.representations.get(name, {})
        shown = Component(name=name, parameters=settings)
        representation = resolved(REPRESENTATIONS, shown, f"{prefix}representations.{name}")
        if name not in fitted:
            require_shown(encoder, representation, items, place)
            with placed(f"{prefix}representations.{name}"):
                fitted[name] = tried(representation, items)
        require_buildable(encoder, fitted[name], place)
        if run := encoder["parameters"].get("pretrained"):
            with placed(f"{place}.pretrained"):
                begin(built(encoder, fitted[name], seed=0), run, runs)
        encoders.append((place, component.title, encoder, representation))
    for name in experiment.representations:
        REPRESENTATIONS.require(name, f"{prefix}representations")
        if name not in fitted:
            raise UserError(
                f"{prefix}representations.{name}: no encoder here reads it; take it out"
            )
    found = []
    for i, component in enumerate(experiment.splits):
        place = f"{prefix}splits[{i}]"
        split = resolved(SPLITS, component, place, given=("fields", "seed"))
        for seed in experiment.seeds:
            drawn = seed if experiment.split_seed is None else experiment.split_seed
            with placed(place):
                folds = _folds(data, wanted, json.dumps(split), drawn)
            for fold in folds:
                common = {
                    "dataset": dataset,
                    "task": task,
                    "items": items.attrs["digest"],
                    "split": {**split, "fold": fold, "seed": drawn},
                    "seed": seed,
                    "validation_fraction": experiment.validation_fraction,
                    "resamples": experiment.resamples,
                }
                with placed(place):
                    # refuses a fold that cannot be judged before anything is computed
                    judge.require(*divided(common))
                label = f"{component.title}/{fold}" if fold else component.title
                for encoder_place, title, encoder, representation in encoders:
                    own: dict[str, Any] = {"encoder": encoder, "representation": representation}
                    if run := encoder["parameters"].get("pretrained"):
                        with placed(f"{encoder_place}.pretrained"):
                            own["pretrained"] = same_training(run, {**common, **own}, runs)
                    if ENCODERS.load(encoder["name"]).uses_context:
                        own["context"] = items.attrs["dataset_digest"]
                    own["code"] = code_of({**common, **own})
                    if files := _files(split, representation):
                        own["files"] = files
                    found.append(Run({**common, **own}, title, label, seed))
    return found


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
        _folds(data, task, json.dumps(wanted), seed)[fold],
        label="/".join(filter(None, (name, fold))),
        validation_fraction=settings["validation_fraction"],
        seed=seed,
    )
    return items, split


def items_of(settings: dict[str, Any]) -> xr.Dataset:
    """The items that a run's settings speak of."""
    return prepared_items(json.dumps(settings["dataset"]), json.dumps(settings["task"]))


def prepared_items(dataset: str, task: str) -> xr.Dataset:
    """The items of a task on a data set, both given as JSON of their resolved settings.

    Kept in memory until a file that the settings name is written anew.
    """
    return _prepared_items(dataset, task, _stamps(dataset, task))


@lru_cache(maxsize=4)
def _prepared_items(dataset: str, task: str, _: Stamps) -> xr.Dataset:
    component, wanted = json.loads(dataset), json.loads(task)
    data = DATASETS.load(component["name"])(**component["parameters"])
    task_ = task_of(wanted)
    items: xr.Dataset = task_.items(data)
    unfit = task_.unfit_rows(data)
    if component["parameters"].get("strict"):
        refuse_unusable(unfit, component["parameters"].get("path", component["name"]))
    unusable = [*unusable_rows(data), *unfit, *task_.unusable]
    items.attrs |= {
        "dataset_digest": data.attrs["digest"],
        "dataset": json.dumps({"materials": data.sizes["material"], **_about(data)}),
        "unusable_rows": as_json(unusable),
    }
    return items


def _about(data: xr.Dataset) -> dict[str, str]:
    keys = ("name", "title", "source", "licence", "citation")
    return {key: str(data.attrs[key]) for key in keys}


def _folds(dataset: str, task: str, split: str, seed: int) -> dict[str, np.ndarray]:
    return _folds_of(dataset, task, split, seed, _stamps(dataset, task, split))


@lru_cache(maxsize=64)
def _folds_of(dataset: str, task: str, split: str, seed: int, _: Stamps) -> dict[str, np.ndarray]:
    items = prepared_items(dataset, task)
    reported = np.flatnonzero(items["reported"].values)
    fields, member = fields_of(items, reported)
    wanted = json.loads(split)
    folds = SPLITS.load(wanted["name"])(fields, seed, **wanted["parameters"])
    return {fold: held[member] for fold, held in folds.items()}


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


def code_of(settings: dict[str, Any]) -> str:
    """Digest of the source files that decide a run's numbers: the items that its settings name,
    the engine that executes it, and all that these import of the project."""
    kinds = {
        "encoder": ENCODERS,
        "representation": REPRESENTATIONS,
        "split": SPLITS,
        "dataset": DATASETS,
        "task": TASKS,
    }
    named = [registry.source(settings[part]["name"]) for part, registry in kinds.items()]
    return code_digest(*named, *task_of(settings["task"]).sources, ENGINE)


def _named_files(content: Any) -> Iterator[Path]:
    """The files that texts anywhere in settings name."""
    if isinstance(content, str):
        with suppress(OSError):  # a text too long for a name
            if Path(content).is_file():
                yield Path(content)
    elif isinstance(content, dict | list | tuple):
        for value in content.values() if isinstance(content, dict) else content:
            yield from _named_files(value)


def _files(*settings: dict[str, Any]) -> dict[str, str]:
    """Digests of the user's files that settings name: part of what decides a run's numbers."""
    named = _named_files([each["parameters"] for each in settings])
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in named}


def _stamps(*settings: str) -> Stamps:
    """When the files that settings (JSON) name were last written, and their sizes."""
    named = _named_files([json.loads(each)["parameters"] for each in settings])
    return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in named)
