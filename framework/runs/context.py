"""Gives an encoder the context that its split allows, where it asks for one, and what it learns from."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Samples
from framework.contracts.split import Split
from framework.registry.registry import DATASETS
from framework.runs.components import task_of
from framework.runs.items import divided
from framework.runs.saved import SavedRun


def give_context(
    encoder: Encoder, settings: dict[str, Any], items: xr.Dataset, split: Split, samples: Samples
) -> None:
    """Set the encoder's ``context``; for one that does not ask, nothing is read or computed.

    Args:
        settings: of the run: data set and task.
        samples: all items, in order.

    Raises:
        UserError: the data have changed since the run was planned.
    """
    if not encoder.uses_context:
        return
    dataset = _whole(settings)
    encoder.context = task_of(settings["task"]).context(dataset, items, split, samples)


def learned_from(
    settings: dict[str, Any], items: xr.Dataset, split: Split
) -> tuple[xr.Dataset, np.ndarray]:
    """The materials that a run shows, its items first, and which of them (m,) it learns from: the
    training part, or the smaller sets that follow the items, where the split asks for these.

    Raises:
        UserError: the task has no such sets, or the data have changed since the run was planned.
    """
    if not split.smaller:
        return items, split.train
    smaller = task_of(settings["task"]).smaller_sets(_whole(settings), items, split)
    leaked = np.isin(smaller["element_set"].values, items["element_set"].values)
    assert not leaked.any(), f"split {split.label}: an item is learned from as a smaller set"
    n, m = items.sizes["material"], smaller.sizes["material"]
    both = xr.concat([items[["element_set"]], smaller[["element_set"]]], dim="material")
    return both, np.arange(n, n + m)


def _whole(settings: dict[str, Any]) -> xr.Dataset:
    """The data set of a run, what made no item too.

    Raises:
        UserError: it has changed since the run was planned.
    """
    wanted = settings["dataset"]
    dataset: xr.Dataset = DATASETS.load(wanted["name"])(**wanted["parameters"])
    if dataset.attrs["digest"] != settings.get("context", dataset.attrs["digest"]):
        raise UserError("the data have changed since this run was planned; run again to plan anew")
    return dataset


def restore_context(saved: SavedRun) -> None:
    """Give the encoder of a finished run the context that it was fitted with.

    Raises:
        UserError: the data have changed since.
    """
    if saved.encoder.uses_context:
        items, split = divided(saved.settings)
        samples = saved.representation.transform(items)
        give_context(saved.encoder, saved.settings, items, split, samples)


def everything_reported(items: xr.Dataset) -> Split:
    """Nothing is held out: to learn from all that is reported."""
    reported, none = items["reported"].values, np.empty(0, np.int64)
    return Split("none", np.flatnonzero(reported), none, none, np.flatnonzero(~reported))
