"""From names and settings to checked content, and from that to objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.config.schema import Component
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Representation, Samples
from framework.contracts.task import Task
from framework.registry.parameters import checked
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS, TASKS, Registry

GIVEN = ("width", "n_elements")
"""Constructor arguments that the samples supply."""


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
    return resolved(TASKS, Component.model_validate(task), where, given=())


def task_of(settings: dict[str, Any]) -> Task:
    """The task of resolved settings: name and parameters.

    Raises:
        UserError: its file does not fulfil the contract (`framework.contracts.task.Task`), or the
            settings make no task.
    """
    task: Task = TASKS.load(settings["name"])(**settings["parameters"])
    return task


def read_by(encoder: dict[str, Any]) -> str:
    """The representation that an encoder of resolved settings reads: its class's own, or the one
    that its setting ``representation`` names."""
    chosen = encoder["parameters"].get("representation")
    name: str = chosen or ENCODERS.load(encoder["name"]).representation
    return name


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


def represented(
    settings: dict[str, Any], items: xr.Dataset, train: np.ndarray
) -> tuple[Representation, Samples]:
    """A representation fitted on the training part, and all items in it."""
    representation = REPRESENTATIONS.load(settings["name"])(**settings["parameters"])
    representation.fit(items, train)
    return representation, representation.transform(items)


def built(settings: dict[str, Any], shown: Samples | Representation, seed: int) -> Encoder:
    """An unfitted encoder from its resolved settings."""
    cls = ENCODERS.load(settings["name"])
    return construct(cls, settings["parameters"], shown, seed)


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
    settings_of_constructor = {name: value for name, value in values.items() if name in arguments}
    encoder = cls(**given, **settings_of_constructor)
    if encoder.settings is not None:
        rest = {name: value for name, value in values.items() if name not in arguments}
        encoder.settings = type(encoder.settings)(**rest)
    encoder.seed = seed
    return encoder


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


def require_shown(
    encoder: dict[str, Any], representation: dict[str, Any], items: xr.Dataset, where: str
) -> None:
    """Refuse an encoder whose representation cannot show what a task ranks, before anything is
    computed; the message names those that can, and encoders of them.

    Args:
        encoder, representation: resolved settings.
    """
    try:
        REPRESENTATIONS.load(representation["name"]).require(items)
    except UserError as error:
        fitting = [name for name in REPRESENTATIONS.names() if _shows(name, items)]
        reads = {
            name: ENCODERS.entry(name).constants.get("representation") for name in ENCODERS.names()
        }
        others = [name for name, of in reads.items() if of in fitting]
        hint = f"encoders that fit: {', '.join(others) or 'none'}"
        if "representation" in encoder["parameters"]:
            hint = f"write 'representation: ...' with one of {', '.join(fitting)}; other {hint}"
        raise UserError(
            f"{where}: '{encoder['name']}' reads the representation '{representation['name']}', "
            f"which cannot show these items: {error}; {hint}"
        ) from None


def _shows(name: str, items: xr.Dataset) -> bool:
    """Whether a representation can show some items."""
    try:
        REPRESENTATIONS.load(name).require(items)
    except UserError:
        return False
    return True


def tried(settings: dict[str, Any], items: xr.Dataset) -> Representation:
    """A representation fitted on all reported items: a trial, before anything is computed."""
    representation: Representation = REPRESENTATIONS.load(settings["name"])(
        **settings["parameters"]
    )
    return representation.fit(items, np.flatnonzero(items["reported"].values))
