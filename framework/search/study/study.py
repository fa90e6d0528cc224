"""A study that loses nothing: opened or created, and continued only with the content it began with."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection

from framework.base.databases import shown
from framework.base.errors import UserError
from framework.search.study.plan import StudyPlan
from framework.search.study.sampling import BySlot, pruner
from framework.search.study.storage import open_storage, usable


def open_study(plan: StudyPlan) -> optuna.Study:
    """The study of a plan, created where there is none.

    Raises:
        UserError: the storage cannot be used, or has a study of this name with other content.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with usable(plan.storage):
        storage = open_storage(plan.storage)
        both = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
        directions = [both[up] for up in plan.maximise]
        try:
            study = optuna.load_study(study_name=plan.name, storage=storage)
        except KeyError:
            with suppress(DuplicatedStudyError):  # another process was quicker
                optuna.create_study(storage=storage, study_name=plan.name, directions=directions)
            study = optuna.load_study(study_name=plan.name, storage=storage)
        study.sampler = BySlot(plan)
        study.pruner = pruner(plan.pruner)
        recorded = study.user_attrs.get("content")
        if recorded is None:
            study.set_user_attr("content", plan.content)
    if recorded is not None and (
        changed := _changes(recorded, json.loads(json.dumps(plan.content, default=list)))
    ):
        raise UserError(
            f"study '{plan.name}' in {shown(plan.storage)} was started with other settings, and "
            "its trials cannot be compared with new ones:\n  " + "\n  ".join(changed) + "\n"
            "restore them, or give the experiment another 'name' to start a new study"
        )
    return study


def _changes(before: Any, now: Any, place: str = "") -> list[str]:
    """What differs between two contents, one line each."""
    if isinstance(before, dict) and isinstance(now, dict):
        lines = []
        for key in dict.fromkeys([*before, *now]):
            inner = f"{place}.{key}".lstrip(".")
            if key not in now or key not in before:
                was, is_ = (json.dumps(each.get(key, "absent")) for each in (before, now))
                lines.append(f"{inner}: {was} -> {is_}")
            else:
                lines += _changes(before[key], now[key], inner)
        return lines
    return [] if before == now else [f"{place}: {json.dumps(before)} -> {json.dumps(now)}"]
