"""The plan of all runs of an experiment, checked before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import xarray as xr

from framework.base.errors import UserError, placed
from framework.config.experiment import Experiment
from framework.config.schema import Component
from framework.contracts.dataset import refuse_unusable, unusable_rows
from framework.contracts.representation import Representation
from framework.contracts.split import RELATIVES
from framework.registry.parameters import Choice, checked
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS, SPLITS
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
from framework.runs.context import learned_from
from framework.runs.files import file_digests
from framework.runs.finished import RUNS
from framework.runs.items import (
    divided,
    folds_of,
    items_of,
    learns_from_smaller_sets,
    prepared_items,
)
from framework.runs.measured import asked, measuring, require_measured
from framework.runs.run import Run, code_of
from framework.runs.saved import begin
from framework.runs.settings import same_training


@dataclass(frozen=True)
class _Contestant:
    """An encoder of an experiment, its settings checked, and the representation that it reads.

    Attributes:
        place: where the experiment names it, for messages.
    """

    place: str
    title: str
    encoder: dict[str, Any]
    representation: dict[str, Any]

    def run(self, cell: dict[str, Any], label: str, context: str, runs: Path) -> Run:
        """Its run on one fold and seed.

        Args:
            cell: what all encoders of that fold and seed share.
            context: digest of the data set, which decides the numbers of an encoder that asks
                for a context, or learns from sets that are not items.
            runs: the folder of results.
        """
        settings = {**cell, "encoder": self.encoder, "representation": self.representation}
        if earlier := self.encoder["parameters"].get("pretrained"):
            with placed(f"{self.place}.pretrained"):
                settings["pretrained"] = same_training(earlier, settings, runs)
        smaller = learns_from_smaller_sets(cell["split"]["name"])
        if smaller or ENCODERS.load(self.encoder["name"]).uses_context:
            settings["context"] = context
        else:  # then what the context lacks decides nothing
            settings["split"] = {k: v for k, v in cell["split"].items() if k != "withhold"}
        settings["code"] = code_of(settings)
        split = {key: cell["split"][key] for key in ("name", "parameters")}
        if files := file_digests(split, self.representation):
            settings["files"] = files
        return Run(settings, self.title, label, cell["seed"])


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
    with placed(where):
        items = prepared_items(json.dumps(dataset), json.dumps(task))
        require_measured(experiment, task_of(task))
    contestants = _contestants(experiment, items, prefix, runs)
    common = {
        "dataset": dataset,
        "task": task,
        "items": items.attrs["digest"],
        "validation_fraction": experiment.validation_fraction,
        "resamples": experiment.resamples,
    }
    return [
        contestant.run(cell, label, items.attrs["dataset_digest"], runs)
        for cell, label in _cells(experiment, common, prefix)
        for contestant in contestants
    ]


def require_all_used(experiment: Experiment, where: str, runs: Path = RUNS) -> None:
    """What `--strict` means: no row is left out of any file that an experiment reads.

    Raises:
        UserError: there are such rows; the first three are shown.
    """
    items = items_of(plan(experiment, where, runs)[0].settings)
    refuse_unusable(unusable_rows(items), f"{where}: its files")


def _contestants(
    experiment: Experiment, items: xr.Dataset, prefix: str, runs: Path
) -> list[_Contestant]:
    """The encoders of an experiment, each built once so that settings which do not fit are
    refused now."""
    contestants = []
    fitted: dict[str, Representation] = {}
    for i, component in enumerate(experiment.encoders):
        place = f"{prefix}encoders[{i}]"
        encoder = resolved(ENCODERS, component, place)
        name = read_by(encoder)
        wanted = Component(name=name, parameters=experiment.representations.get(name, {}))
        representation = resolved(REPRESENTATIONS, wanted, f"{prefix}representations.{name}")
        if name not in fitted:
            require_shown(encoder, representation, items, place)
            with placed(f"{prefix}representations.{name}"):
                fitted[name] = tried(representation, items)
        require_buildable(encoder, fitted[name], place)
        if earlier := encoder["parameters"].get("pretrained"):
            with placed(f"{place}.pretrained"):
                begin(built(encoder, fitted[name], seed=0), earlier, runs)
        contestants.append(_Contestant(place, component.title, encoder, representation))
    for name in experiment.representations:
        REPRESENTATIONS.require(name, f"{prefix}representations")
        if name not in fitted:
            raise UserError(
                f"{prefix}representations.{name}: no encoder here reads it; take it out"
            )
    return contestants


def _cells(
    experiment: Experiment, common: dict[str, Any], prefix: str
) -> Iterator[tuple[dict[str, Any], str]]:
    """Every split, seed and fold: the settings that all encoders share there, and its label."""
    data, task = json.dumps(common["dataset"]), json.dumps(common["task"])
    judge = task_of(common["task"])
    metrics = asked(experiment, judge)
    for i, component in enumerate(experiment.splits):
        place = f"{prefix}splits[{i}]"
        split, withhold = _split_of(component, place)
        for seed in experiment.seeds:
            drawn = seed if experiment.split_seed is None else experiment.split_seed
            with placed(place):
                folds = folds_of(data, task, json.dumps(split), drawn)
            for fold in folds:
                whole = {**split, **withhold, "fold": fold, "seed": drawn}
                cell = {**common, "split": whole, "seed": seed}
                with placed(place):
                    # refuses a fold that cannot be judged before anything is computed
                    items, parts = divided(cell)
                    judge.require(items, parts, metrics)
                    learned_from(cell, items, parts)
                yield cell, f"{component.title}/{fold}" if fold else component.title


def _split_of(component: Component, place: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A split's name and settings, checked; and ``withhold``, which every split takes: the
    `RELATIVES` of held-out sets that encoders are not given as context."""
    settings = dict(component.parameters)
    given = {"withhold": settings.pop("withhold")} if "withhold" in settings else {}
    withhold = checked(_withholding, given, name=component.name, where=place)["withhold"]
    bare = component.model_copy(update={"parameters": settings})
    split = resolved(SPLITS, bare, place, given=("fields", "seed"))
    return split, {"withhold": sorted(set(withhold))} if withhold else {}


def _withholding(withhold: tuple[Annotated[str, Choice(*RELATIVES)], ...] = ()) -> None:
    """What every split takes, in the form that settings are checked in."""
