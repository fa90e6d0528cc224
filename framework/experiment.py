"""One run: prepare -> fit -> score -> evaluate; and the plan of all runs of an experiment.

A run is known by the digest of everything that decides its numbers: data, task, split, seed,
encoder with all its settings, and the code of these. A finished run is a folder of that name.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from framework.config import Component, Experiment, digest
from framework.dataset import as_json, refuse_unusable, unusable_rows
from framework.diagnostics import audit
from framework.encoder import Encoder
from framework.errors import UserError, nearest, placed
from framework.metrics import METRICS
from framework.registry import (
    CANDIDATES,
    DATASETS,
    ENCODERS,
    REPRESENTATIONS,
    ROOT,
    SPLITS,
    Registry,
)
from framework.representation import Representation, Samples
from framework.space import checked
from framework.task import PARTS, TASKS, Split, divide

GIVEN = ("width",)
"""Constructor arguments that the samples supply."""

Stamps = tuple[tuple[str, int, int], ...]
"""Name, time of writing and size of files."""

LATENT_CANDIDATES = 3000
"""Unexplored items whose latent vectors a run keeps, for maps and audits."""


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


def plan(experiment: Experiment, where: str = "") -> list[Run]:
    """All runs of an experiment, checked before anything is computed.

    Args:
        where: the file that messages name.

    Raises:
        UserError: an unknown name or setting, unreadable data, or a split without hold-out.
    """
    prefix = f"{where}: " if where else ""
    dataset = resolved(DATASETS, experiment.dataset, f"{prefix}dataset")
    task = resolve_task(experiment.task, f"{prefix}task")
    data, wanted = json.dumps(dataset), json.dumps(task)
    with placed(where):
        items = prepared_items(data, wanted)
    encoders = []
    fitted: dict[str, Representation] = {}
    for i, component in enumerate(experiment.encoders):
        place = f"{prefix}encoders[{i}]"
        encoder = resolved(ENCODERS, component, place)
        name = ENCODERS.load(component.name).representation
        settings = experiment.representations.get(name, {})
        shown = Component(name=name, parameters=settings)
        representation = resolved(REPRESENTATIONS, shown, f"{prefix}representations.{name}")
        if name not in fitted:
            with placed(f"{prefix}representations.{name}"):
                fitted[name] = _fitted(representation, items)
        require_buildable(encoder, fitted[name], place)
        encoders.append((component.title, encoder, representation))
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
            with placed(place):
                folds = _folds(data, wanted, json.dumps(split), seed)
            for fold in folds:
                common = {
                    "dataset": dataset,
                    "task": task,
                    "items": items.attrs["digest"],
                    "split": {**split, "fold": fold},
                    "seed": seed,
                    "validation_fraction": experiment.validation_fraction,
                    "resamples": experiment.resamples,
                }
                with placed(place):
                    divided(common)  # refuses a fold without hold-out before anything is computed
                label = f"{component.title}/{fold}" if fold else component.title
                for title, encoder, representation in encoders:
                    code = code_digest(encoder["name"], representation["name"], split["name"])
                    own = {"encoder": encoder, "representation": representation, "code": code}
                    if files := _files(split, representation):
                        own["files"] = files
                    found.append(Run({**common, **own}, title, label, seed))
    return found


def execute(run: Run, runs: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fit, score and evaluate one run; its folder appears when all of it is written."""
    from framework import plots

    settings = run.settings
    items, split = divided(settings)
    started = time.perf_counter()
    representation, samples = represented(settings["representation"], items, split.train)
    encoder = built(settings["encoder"], samples, run.seed)
    if progress is not None:
        encoder.progress = progress
    encoder.fit(samples.take(split.train), samples.take(split.validation))
    fitted = time.perf_counter()
    scores = encoder.score_samples(samples)
    scored = time.perf_counter()
    task = TASKS[settings["task"]["name"]](**settings["task"]["parameters"])
    evaluation = task.evaluate(scores, split, settings["resamples"])
    found = audit(encoder, representation, samples, items, split, task.space.members)
    cell = _cell(run, split, scores, evaluation, encoder, samples)
    cell.attrs["audit"] = json.dumps([found.verdict, found.reasons, found.values])
    cell.attrs |= {"seconds_fit": fitted - started, "seconds_score": scored - fitted}

    folder = run.folder(runs)
    scratch = folder.with_name(f".{run.digest}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        encoder.save(scratch / encoder.checkpoint)
        representation.save(scratch / representation.checkpoint)
        (scratch / "run.json").write_text(json.dumps(settings, indent=1, sort_keys=True))
        ranked(items["element_set"].values[split.unexplored], scores[split.unexplored]).head(
            1000
        ).to_csv(scratch / "ranking.csv", index=False)
        plots.save_run_figures(cell, scratch / "figures")
        plots.save(plots.audit_figure(found, run.encoder), scratch / "figures" / "audit.png")
        compressed = {name: {"zlib": True, "complevel": 4} for name in ("score", "part")}
        cell.to_netcdf(scratch / "cell.nc", engine="netcdf4", encoding=compressed)
        if folder.exists():  # left by an older version of this file, without cell.nc
            shutil.rmtree(folder)
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def read_cell(folder: Path) -> xr.Dataset:
    """The results of a finished run, in memory.

    Raises:
        UserError: the file is damaged; the message says how to mend it.
    """
    try:
        with xr.open_dataset(folder / "cell.nc", engine="netcdf4") as file:
            return file.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{folder / 'cell.nc'}: cannot be read ({error}); delete the folder {folder} and run "
            "the benchmark again"
        ) from None


def represented(
    settings: dict[str, Any], items: xr.Dataset, train: np.ndarray
) -> tuple[Representation, Samples]:
    """A representation fitted on the training part, and all items in it."""
    representation = REPRESENTATIONS.load(settings["name"])(**settings["parameters"])
    representation.fit(items, train)
    return representation, representation.transform(items)


def built(settings: dict[str, Any], samples: Samples, seed: int) -> Encoder:
    """An unfitted encoder from its resolved settings."""
    cls = ENCODERS.load(settings["name"])
    return construct(cls, settings["parameters"], samples, seed)


def construct(
    cls: Callable[..., Encoder], values: dict[str, Any], shown: Samples | Representation, seed: int
) -> Encoder:
    """An encoder of a class, unfitted: constructor arguments, training settings, seed.

    Args:
        values: checked settings, by name.
        shown: what it will read; supplies the arguments in `GIVEN`.
    """
    arguments = inspect.signature(cls).parameters
    given = {name: getattr(shown, name) for name in GIVEN if name in arguments}
    own = {name: value for name, value in values.items() if name in arguments}
    encoder = cls(**given, **own)
    if hasattr(encoder, "settings"):
        rest = {name: value for name, value in values.items() if name not in arguments}
        encoder.settings = type(encoder.settings)(**rest)
    encoder.seed = seed
    return encoder


def prepared_items(dataset: str, task: str) -> xr.Dataset:
    """The items of a task on a data set, both given as JSON of their resolved settings.

    Kept in memory until a file that the settings name is written anew.
    """
    return _prepared_items(dataset, task, _stamps(dataset, task))


@lru_cache(maxsize=4)
def _prepared_items(dataset: str, task: str, _: Stamps) -> xr.Dataset:
    component, wanted = json.loads(dataset), json.loads(task)
    data = DATASETS.load(component["name"])(**component["parameters"])
    task_ = TASKS[wanted["name"]](**wanted["parameters"])
    items: xr.Dataset = task_.items(data)
    unfit = task_.unfit_rows(data)
    if component["parameters"].get("strict"):
        refuse_unusable(unfit, component["parameters"].get("path", component["name"]))
    unusable = unusable_rows(data) + unfit + getattr(task_.space, "unusable", [])
    items.attrs |= {
        "dataset_digest": data.attrs["digest"],
        "unusable_rows": as_json(unusable),
    }
    return items


def ranked(names: np.ndarray, scores: np.ndarray) -> Any:
    """A table of items, best first: rank, elements, score, percentile.

    Equal scores are listed by name, so that the order of the input never shows.
    ``attrs["order"]``: positions of the rows in the input.
    """
    import pandas as pd

    order = np.lexsort((names, -scores))
    n = len(order)
    columns = {
        "rank": np.arange(1, n + 1),
        "elements": names[order],
        "score": scores[order],
        "percentile": 100 * (1 - np.arange(n) / n),
    }
    table = pd.DataFrame(columns)
    table.attrs["order"] = order
    return table


def resolve(
    *,
    dataset: Component,
    task: Component,
    encoder: Component,
    representation: Component,
    where: str,
) -> dict[str, Any]:
    """Names and settings checked, all defaults filled in, as plain content."""
    return {
        "dataset": resolved(DATASETS, dataset, f"{where}: dataset"),
        "task": resolve_task(task, f"{where}: task"),
        "encoder": resolved(ENCODERS, encoder, f"{where}: {encoder.name}"),
        "representation": resolved(
            REPRESENTATIONS, representation, f"{where}: {representation.name}"
        ),
    }


def items_of(settings: dict[str, Any]) -> xr.Dataset:
    """The items that a run's settings speak of."""
    return prepared_items(json.dumps(settings["dataset"]), json.dumps(settings["task"]))


@lru_cache
def code_digest(encoder: str, representation: str, split: str) -> str:
    """Digest of the source files that decide a run's numbers."""
    files = [ENCODERS.source(encoder), REPRESENTATIONS.source(representation), SPLITS.source(split)]
    files += [CANDIDATES.folder / "pattern.py", CANDIDATES.folder / "listed.py"]
    core = "bootstrap dataset diagnostics encoder experiment metrics neural representation task training"
    files += [ROOT / "framework" / f"{name}.py" for name in core.split()]
    files += [ROOT / "zoo" / "networks.py"]
    return digest([path.read_text(encoding="utf-8") for path in files])[:16]


def resolved(
    registry: Registry, component: Component, where: str, given: tuple[str, ...] = GIVEN
) -> dict[str, Any]:
    """A registered item's name and settings, checked, as plain content.

    Args:
        where: the place that messages name.
        given: arguments that the framework supplies.
    """
    item = registry.load(component.name, where)
    values = checked(item, component.parameters, name=component.name, where=where, given=given)
    return {"name": component.name, "parameters": values}


def resolve_task(task: Component | dict[str, Any], where: str) -> dict[str, Any]:
    """A task's name and settings, checked."""
    component = Component.model_validate(task)
    if component.name not in TASKS:
        hint = nearest(component.name, TASKS)
        raise UserError(f"{where}: '{component.name}' is not a task; {hint}")
    item = TASKS[component.name]
    values = checked(item, component.parameters, name=component.name, where=where)
    return {"name": component.name, "parameters": values}


def _fitted(settings: dict[str, Any], items: xr.Dataset) -> Representation:
    """A representation fitted on all reported items: a trial, before anything is computed."""
    representation: Representation = REPRESENTATIONS.load(settings["name"])(
        **settings["parameters"]
    )
    return representation.fit(items, np.flatnonzero(items["reported"].values))


def require_buildable(
    settings: dict[str, Any], shown: Samples | Representation, where: str
) -> None:
    """Refuse settings that an encoder's constructor refuses, before anything is computed."""
    try:
        construct(ENCODERS.load(settings["name"]), settings["parameters"], shown, seed=0)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(
            f"{where}: '{settings['name']}' cannot be built with these settings ({reason})"
        ) from None


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


def _folds(dataset: str, task: str, split: str, seed: int) -> dict[str, np.ndarray]:
    return _folds_of(dataset, task, split, seed, _stamps(dataset, task, split))


@lru_cache(maxsize=64)
def _folds_of(dataset: str, task: str, split: str, seed: int, _: Stamps) -> dict[str, np.ndarray]:
    items = prepared_items(dataset, task)
    fields = items.isel(material=items["reported"].values)
    wanted = json.loads(split)
    folds: dict[str, np.ndarray] = SPLITS.load(wanted["name"])(fields, seed, **wanted["parameters"])
    return folds


def divided(settings: dict[str, Any]) -> tuple[xr.Dataset, Split]:
    """The items of a run and their split, from the run's settings."""
    data, task = json.dumps(settings["dataset"]), json.dumps(settings["task"])
    name, fold = settings["split"]["name"], settings["split"]["fold"]
    wanted = {key: settings["split"][key] for key in ("name", "parameters")}
    items = prepared_items(data, task)
    if items.attrs["digest"] != settings["items"]:
        raise UserError(
            "the data have changed since this run was planned; run again to plan with the new ones"
        )
    split = divide(
        items,
        _folds(data, task, json.dumps(wanted), settings["seed"])[fold],
        label="/".join(filter(None, (name, fold))),
        validation_fraction=settings["validation_fraction"],
        seed=settings["seed"],
    )
    return items, split


def _cell(
    run: Run, split: Split, scores: np.ndarray, evaluation: Any, encoder: Encoder, samples: Samples
) -> xr.Dataset:
    rng = np.random.default_rng(0)
    n = min(LATENT_CANDIDATES, len(split.unexplored))
    shown = np.concatenate(
        [
            split.train,
            split.validation,
            split.holdout,
            np.sort(rng.choice(split.unexplored, n, False)),
        ]
    )
    per_metric = {
        "value": evaluation.values,
        "low": evaluation.low,
        "high": evaluation.high,
        "random": evaluation.random,
    }
    return xr.Dataset(
        {
            "score": ("candidate", scores.astype(np.float32)),
            "part": ("candidate", split.codes, {"parts": " ".join(PARTS)}),
            "replicates": (("metric", "resample"), evaluation.replicates.astype(np.float32)),
            "latent": (
                ("latent_item", "latent_dim"),
                encoder.transform(samples.take(shown)).astype(np.float32),
            ),
            "latent_candidate": ("latent_item", shown),
            **{name: ("metric", list(of.values())) for name, of in per_metric.items()},
        },
        coords={"metric": list(METRICS)},
        attrs={
            "digest": run.digest,
            "encoder": run.encoder,
            "split": run.split,
            "seed": run.seed,
            "history": json.dumps(encoder.history),
            **{f"n_{part}": len(getattr(split, part)) for part in PARTS},
        },
    )
