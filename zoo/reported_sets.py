"""What reported element sets say of a phase field: how often its elements, their pairs and triples
occur in them, and which reported fields it resembles.

Two elements resemble each other as far as they occur beside the same others. Learning what may
replace an ion from reported compounds: Hautier et al., Inorg. Chem. 50, 656 (2011).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.candidates.pattern import ANIONS
from data.element_sets import ATOMIC_NUMBERS
from zoo.groupwise import groupwise

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

N_ELEMENTS = 119
"""Atomic numbers, and 0 for none."""

SHARPNESS = 4
"""Power of the cosine by which elements resemble each other."""

NEAREST = 3
"""Reported fields whose resemblance counts one by one."""

_NUMBERS_AT_ONCE = 1 << 23
"""Of an array of (field, reported field): 32 MiB."""

IS_ANION = np.isin(np.arange(N_ELEMENTS), [ATOMIC_NUMBERS[symbol] for symbol in ANIONS])


@dataclass(frozen=True)
class SetCounts:
    """In how many sets elements occur, alone, in pairs and in triples.

    Attributes:
        n: number of sets.
        alone, pairs, triples: counts by atomic number (119,), (119, 119), (119, 119, 119).
    """

    n: int
    alone: FloatArray
    pairs: FloatArray
    triples: FloatArray

    @classmethod
    def of(cls, sets: IntArray) -> Self:
        """The counts of sets of atomic numbers (n, most), 0 where a set has fewer elements."""
        counts = [np.zeros((N_ELEMENTS,) * k, np.float32) for k in (1, 2, 3)]
        for k, table in enumerate(counts, 1):
            for columns in itertools.permutations(range(sets.shape[1]), k):
                index = sets[:, columns]
                np.add.at(table, tuple(index[(index > 0).all(axis=1)].T), 1)
        return cls(len(sets), *counts)

    @cached_property
    def resemblance(self) -> FloatArray:
        """Of elements (119, 119): 1 of one with itself, 0 where one never occurs."""
        logs = np.log1p(self.pairs)
        logs /= np.linalg.norm(logs, axis=1, keepdims=True) + 1e-9
        cosine: FloatArray = (logs @ logs.T) ** SHARPNESS
        np.fill_diagonal(cosine, 1)
        absent = self.alone == 0
        cosine[absent] = 0
        cosine[:, absent] = 0
        return cosine


def cations_first(fields: IntArray) -> IntArray:
    """The same fields (n, k), in each the cations before the anions, both ascending."""
    order = (fields + np.where(IS_ANION[fields], N_ELEMENTS, 0)).argsort(axis=1)
    return np.take_along_axis(fields, order, axis=1)


def describe(fields: IntArray, reported: IntArray, table: FloatArray) -> FloatArray:
    """What reported sets say of fields, and the descriptors of their elements: (n, d).

    Args:
        fields: atomic numbers (n, k).
        reported: sets of any size (m, most), 0 where one has fewer elements.
        table: descriptors by atomic number (119, f).
    """
    fields = cations_first(fields)
    n_cations = (~IS_ANION[fields]).sum(axis=1)
    return groupwise(n_cations, lambda n, rows: _describe(fields[rows], int(n), reported, table))


def _describe(
    fields: IntArray, n_cations: int, reported: IntArray, table: FloatArray
) -> FloatArray:
    """Of fields with the same number of cations, these first."""
    size = (reported > 0).sum(axis=1)
    cations = ((reported > 0) & ~IS_ANION[reported]).sum(axis=1)
    alike = reported[(size == fields.shape[1]) & (cations == n_cations)]
    every = SetCounts.of(reported)
    subsets = [list(_subsets(fields.shape[1], n_cations, k)) for k in (1, 2, 3)]
    columns: list[FloatArray] = []
    for counts in (every, SetCounts.of(alike)):
        tables = [np.log1p(each) for each in (counts.alone, counts.pairs, counts.triples)]
        shared = tables[1] + np.log(max(counts.n, 1)) - tables[0][:, None] - tables[0]
        for of, places in (*zip(tables, subsets, strict=True), (shared, subsets[1])):
            columns += _summaries(of, fields, places)
    for k in (2, 3):  # whether its pairs and triples are reported sets themselves
        exact = SetCounts.of(reported[size == k])
        columns += _summaries((exact.pairs, exact.triples)[k - 2], fields, subsets[k - 1])
    columns += list(
        _nearest(
            fields, n_cations, cations_first(alike[:, -fields.shape[1] :]), every.resemblance
        ).T
    )
    for part in (fields[:, :n_cations], fields[:, n_cations:]):
        values = table[part] if part.shape[1] else np.zeros((len(fields), 1, table.shape[1]))
        columns += [*values.mean(axis=1).T, *np.ptp(values, axis=1).T]
    return np.stack(columns, axis=1).astype(np.float32)


def _subsets(k: int, n_cations: int, size: int) -> Iterator[list[tuple[int, ...]]]:
    """The places of all subsets of a size, those with equally many cations together."""
    every = list(itertools.combinations(range(k), size))
    for n in range(size + 1):
        yield [places for places in every if sum(place < n_cations for place in places) == n]


def _summaries(
    table: FloatArray, fields: IntArray, groups: Sequence[list[tuple[int, ...]]]
) -> Iterator[FloatArray]:
    """Least, mean and greatest entry of a table over each group of subsets of each field."""
    for group in groups:
        entries = [table[tuple(fields[:, list(places)].T)] for places in group]
        values = np.array(entries) if entries else np.zeros((1, len(fields)), np.float32)
        yield from (values.min(axis=0), values.mean(axis=0), values.max(axis=0))


def _nearest(
    fields: IntArray, n_cations: int, reported: IntArray, resemblance: FloatArray
) -> FloatArray:
    """How far fields resemble the reported ones most like them, and all of them together: (n, 4).

    A field resembles another by the product of what its cations and its anions do.
    """
    if len(reported) < NEAREST:
        return np.zeros((len(fields), NEAREST + 1), np.float32)
    halves = []
    for part in (slice(None, n_cations), slice(n_cations, None)):
        unique, index = np.unique(fields[:, part], axis=0, return_inverse=True)
        halves.append((_resemble(unique, reported[:, part], resemblance), index.ravel()))
    out = np.empty((len(fields), NEAREST + 1), np.float32)
    step = max(1, _NUMBERS_AT_ONCE // len(reported))
    for start in range(0, len(fields), step):
        rows = slice(start, start + step)
        product = np.multiply(*(of[index[rows]] for of, index in halves))
        top = np.partition(product, -NEAREST, axis=1)[:, -NEAREST:]
        out[rows, :NEAREST] = -np.sort(-top, axis=1)
        out[rows, NEAREST] = np.log(product.sum(axis=1) + 1e-3)
    return out


def _resemble(some: IntArray, others: IntArray, resemblance: FloatArray) -> FloatArray:
    """How far sets (u, k) resemble others (m, k): each element by the most similar one of the
    other set, both ways, the lesser of the two products (u, m)."""
    if not some.shape[1]:
        return np.ones((len(some), len(others)), np.float32)
    pairs = [
        [resemblance[np.ix_(one, other)] for other in others.T] for one in some.T
    ]  # k x k of (u, m)
    forth = np.prod([np.max(row, axis=0) for row in pairs], axis=0)
    back = np.prod([np.max(column, axis=0) for column in zip(*pairs, strict=True)], axis=0)
    lesser: FloatArray = np.minimum(forth, back)
    return lesser
