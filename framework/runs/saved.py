"""A finished run opened again: its encoder and representation as they were fitted."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from framework.base.digest import digest
from framework.base.errors import UserError, nearest, placed, read_text
from framework.config.schema import Component
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Representation
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS, SPLITS
from framework.runs.components import GIVEN, construct, resolve_task, resolved


@dataclass(frozen=True)
class SavedRun:
    """What a run's folder holds.

    Attributes:
        settings: everything that decided its numbers (`run.json`).
    """

    settings: dict[str, Any]
    encoder: Encoder
    representation: Representation

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The run of a folder.

        Raises:
            UserError: the folder is no run, or a file in it is missing, truncated, of another
                model or of other settings.
        """
        settings = read_settings(folder / "run.json")
        own, shown, seed = (settings[key] for key in ("encoder", "representation", "seed"))
        representation = REPRESENTATIONS.load(shown["name"])(**shown["parameters"])
        representation.restore(_intact(folder / representation.checkpoint))
        encoder = construct(ENCODERS.load(own["name"]), own["parameters"], representation, seed)
        encoder.restore(_intact(folder / encoder.checkpoint))
        return cls(settings, encoder, representation)

    def score_items(self, items: xr.Dataset) -> np.ndarray:
        """Plausibility (n,) of materials."""
        return self.encoder.score_samples(self.representation.transform(items))

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Plausibility (n,) of what a person types: formulas or element sets.

        Raises:
            UserError: one of them cannot be read or does not fit the run.
        """
        return self.score_items(self.representation.parse(texts))


def same_training(run: str, settings: dict[str, Any], runs: Path) -> str:
    """The digest of a finished run's settings, if another run may begin with what it has learned:
    its training part is the same, so that it has not seen the other's hold-out.

    Args:
        run: its folder, or its digest (or the beginning of that) in the folder of results.
        settings: of the run that begins with it.
        runs: the folder of results.

    Raises:
        UserError: there is no such run, or it has learned from other materials or in another
            representation; what differs is named.
    """
    folder = find_run(run, runs)
    own = read_settings(folder / "run.json")
    for key in ("representation", "dataset", "items", "split", "validation_fraction"):
        if own[key] != (wanted := json.loads(json.dumps(settings[key]))):
            raise UserError(
                f"{folder} differs in its {key.replace('_', ' ')} ({_brief(own[key])}, not "
                f"{_brief(wanted)}), so it may have learned from this run's hold-out, or see the "
                "materials otherwise; take a run that shares it, and give both one split_seed"
            )
    return digest(own)


def begin(encoder: Encoder, run: str, runs: Path) -> None:
    """Let an encoder begin with what a finished run has learned.

    Raises:
        UserError: there is no such run, or the encoder cannot begin with it.
    """
    folder = find_run(run, runs)
    with placed(str(folder)):
        encoder.begin_with(SavedRun.open(folder).encoder)


def _brief(value: Any) -> str:
    """A part of a run's settings in a message."""
    if not isinstance(value, dict):
        return str(value)[:16]
    rest = {k: v for k, v in value.items() if k not in ("name", "parameters")}
    told = ", ".join(f"{k} {v}" for k, v in {**value["parameters"], **rest}.items() if v != "")
    return f"{value['name']}: {told}" if told else value["name"]


def read_settings(path: Path) -> dict[str, Any]:
    """What `framework.runs.plan.Run.settings` was, checked again: items may have changed."""
    text = read_text(path, "the settings of a finished run")
    kinds = {
        "encoder": ENCODERS,
        "representation": REPRESENTATIONS,
        "dataset": DATASETS,
        "split": SPLITS,
    }
    try:
        settings = dict(json.loads(text))
        parts = {key: Component.model_validate(_named(settings[key])) for key in (*kinds, "task")}
        settings["split"]["fold"], settings["items"]
        settings["seed"] = int(settings["seed"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{path}: is damaged ({reason}); take another run") from None
    for key, registry in kinds.items():
        given = ("fields", "seed") if key == "split" else GIVEN
        settings[key] |= resolved(registry, parts[key], f"{path}: {key}", given)
    settings["task"] = resolve_task(parts["task"], f"{path}: task")
    return settings


def _named(part: dict[str, Any]) -> dict[str, Any]:
    return {key: part[key] for key in ("name", "parameters")}


def is_mlflow_id(text: str) -> bool:
    """Whether a text looks like the id of a run in MLflow."""
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)


def is_run(name: str, runs: Path) -> bool:
    """Whether a name stands for a run's folder, or begins the digest of one or more."""
    with suppress(OSError):  # a name too long for a file
        if (Path(name) / "run.json").exists():
            return True
    return bool(_digests(name, runs))


def find_run(name: str, runs: Path) -> Path:
    """The folder of a run given by its folder, or by its digest or the beginning of it.

    Raises:
        UserError: there is none, or more than one.
    """
    cells, found = runs / "cells", _digests(name, runs)
    if not found and is_run(name, runs):
        return Path(name)
    if len(found) != 1:
        what = f"stands for {len(found)} runs" if found else "is no finished run"
        hint = nearest(name, (found or _known(runs))[:8])
        raise UserError(f"'{name}' {what} in {cells}; {hint}")
    return cells / found[0]


def _intact(checkpoint: Path) -> Path:
    """Refuse an archive with flipped bytes: torch would take them for weights."""
    if not zipfile.is_zipfile(checkpoint):
        return checkpoint  # missing or no archive at all: `restore` explains
    broken: object
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            broken = archive.testzip()
    except Exception as error:  # a damaged archive raises a dozen kinds
        broken = error
    if broken is not None:
        raise UserError(f"{checkpoint}: not a readable checkpoint (damaged: {broken}); fit again")
    return checkpoint


def _known(runs: Path) -> list[str]:
    return sorted(path.name for path in (runs / "cells").glob("[!.]*"))


def _digests(beginning: str, runs: Path) -> list[str]:
    """Digests of the runs that begin so; less than four digits are too few."""
    if len(beginning) < 4:
        return []
    return [digest for digest in _known(runs) if digest.startswith(beginning)]
