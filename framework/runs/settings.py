"""The settings of a finished run, read again, and whether another run may begin with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from framework.base.digest import digest
from framework.base.errors import UserError, read_text
from framework.config.schema import Component
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS, SPLITS
from framework.runs.components import GIVEN, resolve_task, resolved
from framework.runs.finished import find_run


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
    earlier = read_settings(folder / "run.json")
    for key in ("representation", "dataset", "items", "split", "validation_fraction"):
        if earlier[key] != (wanted := json.loads(json.dumps(settings[key]))):
            raise UserError(
                f"{folder} differs in its {key.replace('_', ' ')} ({_brief(earlier[key])}, not "
                f"{_brief(wanted)}), so it may have learned from this run's hold-out, or see the "
                "materials otherwise; take a run that shares it, and give both one split_seed"
            )
    return digest(earlier)


def _brief(value: Any) -> str:
    """A part of a run's settings in a message."""
    if not isinstance(value, dict):
        return str(value)[:16]
    rest = {k: v for k, v in value.items() if k not in ("name", "parameters")}
    details = ", ".join(f"{k} {v}" for k, v in {**value["parameters"], **rest}.items() if v != "")
    return f"{value['name']}: {details}" if details else value["name"]
