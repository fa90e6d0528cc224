"""Classes of items, and the coarser ones that a data set states of them: space group, crystal system."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr

from framework.base.errors import UserError, nearest
from framework.metrics.bootstrap import FloatArray, IntArray
from framework.metrics.classification import Answers


@dataclass(frozen=True)
class Level:
    """Classes, or coarser ones, of all items.

    Attributes:
        classes: their names (k,).
        member: the one to which each class of the target belongs (n_classes,).
        codes: the one of every item (n,), its position in ``classes``.
    """

    name: str
    classes: list[str]
    member: IntArray
    codes: IntArray

    def answers(self, probabilities: FloatArray, labelled: np.ndarray) -> Answers:
        """Of all items, from the probabilities of the target's classes (n, n_classes), learned
        from the items ``labelled`` (m,)."""
        summed = probabilities @ (self.member[:, None] == np.arange(len(self.classes)))
        return Answers(summed, self.codes, np.isin(self.codes, self.codes[labelled]))


def coarser(
    items: xr.Dataset, target: str, name: str, classes: np.ndarray
) -> tuple[list[str], IntArray]:
    """The names (k,) of the coarser classes that the data set states of a target, and that of each
    class (n_classes,).

    Raises:
        UserError: the data set states none of this name, or leaves a class out.
    """
    stated = json.loads(items[target].attrs.get("coarser", "{}"))
    if name not in stated:
        hint = nearest(name, stated) if stated else "leave it out"
        raise UserError(f"task.coarser: the data set states no '{name}' of {target}; {hint}")
    ranges = np.array(list(stated[name].values()))
    inside = (classes[:, None] >= ranges[:, 0]) & (classes[:, None] <= ranges[:, 1])
    if not inside.any(axis=1).all():
        lost = classes[~inside.any(axis=1)][0]
        raise UserError(f"task.coarser: {target} {lost:g} lies in no {name}")
    return list(stated[name]), inside.argmax(axis=1)
