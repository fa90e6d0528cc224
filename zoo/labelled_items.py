"""Items with labels: materials of a data set, or its element sets, each with values or a class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow, content_digest, take
from framework.contracts.split import Split
from framework.contracts.task import Task
from framework.registry.parameters import Choice

ALL: Literal["all"] = "all"
LEAST_LABELS = 10

Labels = tuple[int | Literal["all"], ...]


Of = Annotated[str, Choice("material", "element_set")]
Aggregate = Annotated[str, Choice("largest", "smallest", "mean")]


class LabelledItems(Task):
    """What is an item, which items there are, which of them are labelled.

    Args:
        labels: numbers of labelled training items; ``all`` for the whole training part. They
            are drawn by the run's seed, the fewer among the more, the same for every encoder.
        sample: element sets that are drawn, once for all seeds; all where None.
        of: what an item is: a material, or an element set with one value of each target.
        aggregate: which value of its materials an element set has.
    """

    def __init__(self, labels: Labels, sample: int | None, of: str, aggregate: str) -> None:
        self.labels, self.sample, self.of, self.aggregate = labels, sample, of, aggregate
        self.noun = "materials" if of == "material" else "element sets"
        _check(labels, sample)

    @property
    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """The variables of the data set that are learned."""

    @abstractmethod
    def known(self, dataset: xr.Dataset) -> np.ndarray:
        """Which materials have a value of each target (target, n)."""

    def per_item(self, dataset: xr.Dataset) -> xr.Dataset:
        """The data set with one material an item.

        Raises:
            UserError: a target is unknown, or not of this task.
        """
        self.known(dataset)
        if self.of == "material":
            return dataset
        return by_element_set(dataset, self.targets, self.aggregate)

    def unfit_rows(self, dataset: xr.Dataset) -> list[UnusableRow]:
        """The materials without any value, by their number in the data set from 1."""
        reason = f"no value of {' and '.join(self.targets)}"
        rows = []
        for i in np.flatnonzero(~self.known(dataset).any(axis=0)):
            text = str(dataset["formula"].values[i] or dataset["element_set"].values[i])
            rows.append(UnusableRow(int(i) + 1, reason, text))
        return rows

    def drawn(self, dataset: xr.Dataset, known: np.ndarray) -> np.ndarray:
        """The materials (m,), one an item, with a value (n,) of the drawn element sets.

        Raises:
            UserError: too few have one.
        """
        sets = dataset["element_set"].values.astype(str)
        unique = np.unique(sets[known.any(axis=0)])
        if self.sample is not None and self.sample < len(unique):
            unique = np.random.default_rng(0).choice(unique, self.sample, replace=False)
        index = np.flatnonzero(known.any(axis=0) & np.isin(sets, unique))
        for name, has in zip(self.targets, known[:, index], strict=True):
            if has.sum() < 2 * LEAST_LABELS:
                raise UserError(
                    f"{dataset.attrs['title']}: {has.sum()} {self.noun} have {name}; at least "
                    f"{2 * LEAST_LABELS} are needed, one half of them to be labelled; bring more"
                )
        return index

    def chosen(self, dataset: xr.Dataset, index: np.ndarray) -> xr.Dataset:
        """The items (m,) by element set, formula and values, all of them reported."""
        keys = [dataset[name].values[index] for name in reversed(self.targets)]
        element_set = dataset["element_set"].values.astype(str)[index]
        if self.of == "material":
            keys.append(dataset["formula"].values.astype(str)[index])
        items = take(dataset, index[np.lexsort([*keys, element_set])])
        entry = dataset.attrs["time"]
        order = items[entry].values.astype(float) if entry else np.full(len(index), np.nan)
        everything = np.ones(len(index), dtype=bool)
        items = items.assign(reported=("material", everything), order=("material", order))
        named_by = "formula" if self.of == "material" else "element_set"
        items.attrs |= {"noun": self.noun, "named_by": named_by}
        items.attrs["digest"] = content_digest(items)
        n_sets = (
            f" in {len(np.unique(element_set)):,} element sets" if self.of == "material" else ""
        )
        items.attrs["summary"] = (
            f"{len(index):,} of {dataset.sizes['material']:,} {self.noun}{n_sets}"
        )
        return items

    def require_labels(self, name: str, values: np.ndarray, split: Split) -> None:
        """Refuse more labels than training materials with a value (n,), NaN where there is none.

        Raises:
            UserError: says how many there are.
        """
        most = max(LEAST_LABELS if isinstance(each, str) else each for each in self.labels)
        n = len(having(values, split.train))
        if n < most:
            raise UserError(
                f"task.labels: {most:,} are more than the {n:,} training {self.noun} of split "
                f"'{split.label}' with {name}; lower it, write 'all', or bring more {self.noun}"
            )

    def labelled(
        self, values: np.ndarray, split: Split, seed: int, labels: int | str
    ) -> np.ndarray:
        """Which items (m,) are labelled with their values (n,): the first of a shuffled training
        part that have one."""
        order = np.random.default_rng([seed, 2]).permutation(split.train)
        order = having(values, order)
        return order if labels == ALL else order[: int(labels)]


def by_element_set(dataset: xr.Dataset, targets: Sequence[str], aggregate: str) -> xr.Dataset:
    """A data set with one material for each element set, in alphabetical order.

    Variables: ``element_set``, the targets, and where there is one, the time: that of the first
    entry. An element set without any value has NaN.

    Args:
        targets: variables along ``material``.
        aggregate: ``largest``, ``smallest`` or ``mean`` of the known values of a set's materials.
    """
    names, member = np.unique(dataset["element_set"].values.astype(str), return_inverse=True)
    grouped: dict[str, Any] = {"element_set": ("material", names)}
    wanted = dict.fromkeys(targets, aggregate)
    if time := dataset.attrs["time"]:
        wanted[time] = wanted.get(time, "smallest")
    for name, of in wanted.items():
        variable = dataset[name]
        values = variable.values.astype(np.float64)
        values = np.where(values == variable.attrs.get("missing_value"), np.nan, values)
        attrs = {k: v for k, v in variable.attrs.items() if k != "missing_value"}
        grouped[name] = ("material", _aggregated(values, member, len(names), of), attrs)
    return xr.Dataset(grouped, attrs=dataset.attrs)


def _aggregated(values: np.ndarray, member: np.ndarray, n: int, aggregate: str) -> np.ndarray:
    """One of the values of each of n groups (n,), NaN where a group has none; the order of the
    values does not matter, to the bit."""
    known = np.isfinite(values)
    order = np.flatnonzero(known)[np.lexsort((values[known], member[known]))]
    groups, first, counts = np.unique(member[order], return_index=True, return_counts=True)
    out = np.full(n, np.nan)
    if aggregate == "mean":
        sums = np.add.reduceat(values[order], first) if len(order) else np.empty(0)
        out[groups] = sums / counts
    else:
        out[groups] = values[order][first + (counts - 1 if aggregate == "largest" else 0)]
    return out


def having(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Those of the items that have a value."""
    return index[np.isfinite(values[index])]


def _check(labels: Labels, sample: int | None) -> None:
    """Refuse settings that make no task.

    Raises:
        UserError: says which, and what would do.
    """
    require_once("labels", labels)
    counts = [np.inf if isinstance(n, str) else n for n in labels]
    if min(counts) < LEAST_LABELS or counts != sorted(counts):
        raise UserError(
            f"task.labels: {list(labels)!r} must rise, from at least {LEAST_LABELS}; for instance "
            "[50, 250, all]"
        )
    if sample is not None and sample < 1:
        raise UserError(f"task.sample: {sample} element sets are none; give 1 or more")


def require_once(key: str, values: tuple[Any, ...]) -> None:
    """Refuse a list that is empty or names something twice.

    Raises:
        UserError: it is.
    """
    if not values or len(set(values)) < len(values):
        raise UserError(f"task.{key}: {list(values)!r} is empty or lists one twice; name each once")
