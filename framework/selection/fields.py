"""What is ranked: all fields of a space, and the encoder that ranks them, fitted or of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.config.schema import Component
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Representation, Samples
from framework.contracts.split import Split
from framework.contracts.task import Task
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS
from framework.runs import components
from framework.runs.context import everything_reported, give_context, restore_context
from framework.runs.files import named_files
from framework.runs.items import divided, fields_of, items_of
from framework.runs.saved import SavedRun

Progress = Callable[[int, int], None]


def ignored(done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Fields:
    """All fields of a space in one representation, and an encoder of them.

    Attributes:
        settings: resolved: data set, task, encoder, representation.
        items: every field: ``element_set``, ``reported``, ``order``.
        samples: the same fields, in order.
        encoder: unfitted until `fit`, unless it is that of a finished run.
        notes: what a reader should know of the fields that were left out.
        run: the finished run, where it is one.
    """

    settings: dict[str, Any]
    items: xr.Dataset
    representation: Representation
    samples: Samples
    encoder: Encoder
    notes: tuple[str, ...] = ()
    run: SavedRun | None = None

    @classmethod
    def named(
        cls,
        encoder: str,
        parameters: dict[str, Any],
        *,
        dataset: dict[str, Any],
        task: dict[str, Any],
        features: str | None = None,
        seed: int = 0,
        where: str = "rank",
    ) -> Self:
        """The fields of a task, and a registered encoder, not fitted yet.

        Reported fields that the representation cannot show, for want of descriptors of an element,
        are left out with a note: a list of candidates is not refused for what is not in it.

        Args:
            dataset, task: names and settings.
            features: element table of the representation.
            where: the place that messages name.

        Raises:
            UserError: anything in it is unknown or unusable, or does not fit together.
        """
        reads = parameters.get("representation") or ENCODERS.load(encoder, where).representation
        settings = components.resolve(
            dataset=Component.model_validate(dataset),
            task=Component.model_validate(task),
            encoder=Component(name=encoder, parameters=parameters),
            representation=Component(
                name=reads, parameters={"features": features} if features else {}
            ),
            where=where,
        )
        items = items_of(settings)
        components.require_shown(settings["encoder"], settings["representation"], items, where)
        items, notes = _showable(settings, items)
        reported = np.flatnonzero(items["reported"].values)
        representation, samples = components.represented(
            settings["representation"], items, reported
        )
        components.require_buildable(settings["encoder"], samples, where)
        built = components.built(settings["encoder"], samples, seed)
        return cls(settings, items, representation, samples, built, notes)

    @classmethod
    def of_run(
        cls, saved: SavedRun, task: dict[str, Any] | None = None, where: str = "rank"
    ) -> Self:
        """The fields of a finished run, or of another task on its data, and its encoder as it is.

        Raises:
            UserError: the run's task ranks no fields, or its data have changed.
        """
        settings = saved.settings
        if task is not None:
            settings = {**settings, "task": components.resolve_task(task, where)}
        elif components.task_of(settings["task"]).members is None:
            raise UserError(
                f"{where}: is a run of task '{settings['task']['name']}', which has no "
                "unexplored fields to list; take a run of task 'plausibility'"
            )
        items = items_of(settings)
        restore_context(saved)
        samples = saved.representation.transform(items)
        return cls(settings, items, saved.representation, samples, saved.encoder, run=saved)

    @property
    def task(self) -> Task:
        """The task whose fields they are."""
        return components.task_of(self.settings["task"])

    @property
    def name(self) -> str:
        """Of the encoder."""
        return str(self.settings["encoder"]["name"])

    @property
    def names(self) -> np.ndarray:
        """The fields (n,), as texts."""
        return self.items["element_set"].values.astype(str)

    def where(self, reported: bool) -> np.ndarray:
        """Indices (m,) of the reported fields, or of the unexplored ones."""
        return np.flatnonzero(self.items["reported"].values == reported)

    def fit(self, split: Split | None = None, progress: Progress = ignored) -> Self:
        """Fit the encoder on all reported fields, or on the training part of a split; that of a
        finished run is taken as it is."""
        if self.run is None:
            split = everything_reported(self.items) if split is None else split
            give_context(self.encoder, self.settings, self.items, split, self.samples)
            self.encoder.progress = progress
            self.encoder.fit(self.samples.take(split.train))
        return self

    def score(self, index: np.ndarray) -> np.ndarray:
        """Plausibility (m,) of the fields at ``index``."""
        return self.encoder.score_samples(self.samples.take(index))

    def shown(self, names: np.ndarray) -> Samples:
        """The samples of fields as texts (m,), whether they are among the items or not."""
        return self.representation.transform(xr.Dataset({"element_set": ("material", names)}))

    def score_names(self, names: np.ndarray) -> np.ndarray:
        """Plausibility (m,) of fields as texts, whether they are among the items or not."""
        return self.encoder.score_samples(self.shown(names))

    @cached_property
    def dataset(self) -> xr.Dataset:
        """The data set behind the items, all of it."""
        wanted = self.settings["dataset"]
        dataset: xr.Dataset = DATASETS.load(wanted["name"])(**wanted["parameters"])
        return dataset

    @property
    def learned_from(self) -> np.ndarray:
        """The fields (m,) that the encoder has been given as reported."""
        if self.run is None:
            return self.names[self.where(reported=True)]
        items, split = divided(self.run.settings)
        names: np.ndarray = items["element_set"].values[split.train].astype(str)
        return names

    def parse(self, text: str) -> str:
        """A field as a person types it, as the items name it.

        Raises:
            UserError: it cannot be read, or is not a field of the space.
        """
        example = f"a field of the space is for instance {'-'.join(self.names[0].split())}"
        try:
            name = str(self.representation.parse([text])["element_set"].values[0])
        except UserError as error:
            raise UserError(f"{error}; {example}") from None
        members = self.task.members
        assert members is not None
        if not members([name]):
            raise UserError(
                f"'{text}' is not a field of the space ({self.items.attrs['summary']}); {example}, "
                "and --pattern gives another space"
            )
        return name


def held_out(items: xr.Dataset, strategy: Callable[..., dict[str, np.ndarray]], seed: int) -> Split:
    """The split of a strategy with one fold; nothing is kept for validation."""
    reported = np.flatnonzero(items["reported"].values)
    fields, member = fields_of(items, reported)
    (held,) = strategy(fields, seed).values()
    held = held[member]
    return Split(
        "random",
        reported[~held],
        np.empty(0, np.int64),
        reported[held],
        np.flatnonzero(~items["reported"].values),
    )


def _showable(settings: dict[str, Any], items: xr.Dataset) -> tuple[xr.Dataset, tuple[str, ...]]:
    """The items without those that the representation cannot show, and a note; candidates that a
    user lists stay, so that they are refused by name."""
    wanted = settings["representation"]
    shown_as = REPRESENTATIONS.load(wanted["name"])(**wanted["parameters"])
    lacking = ~shown_as.can_show(items)
    reported = items["reported"].values
    if list(named_files(settings["task"]["parameters"])):
        lacking &= reported
    if not lacking.any():
        return items, ()
    first = items["element_set"].values[lacking][0]
    note = (
        f"{(lacking & reported).sum():,} reported fields and {(lacking & ~reported).sum():,} "
        f"candidates are left out: an element has no descriptors (first: {first})"
    )
    return items.isel(material=~lacking), (note,)
