"""Crystals for tests: drawn at random, described by another cell, and as a data set."""

import numpy as np
import xarray as xr
from hypothesis import strategies as st

from data.crystals import Cell, Crystals
from data.element_sets import SYMBOLS

ROCKSALT = (
    np.eye(3) * 5.64,
    np.array([11, 11, 11, 11, 17, 17, 17, 17]),
    np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0],
              [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) / 2,
)  # fmt: skip


def drawn_cell(rng: np.random.Generator, most_sites: int = 5) -> Cell:
    """A skewed cell of some sites, none on another."""
    lattice = np.diag(rng.uniform(3.5, 6, 3)) + rng.uniform(-0.8, 0.8, (3, 3))
    n = rng.integers(1, most_sites + 1)
    corners = np.stack(np.meshgrid(*[[0, 0.5]] * 3), -1).reshape(-1, 3)
    positions = rng.permutation(corners)[:n] + rng.uniform(-0.1, 0.1, (n, 3))
    return lattice, rng.choice([3, 8, 11, 17, 22, 26], n), positions


drawn_cells = st.integers(0, 10_000).map(lambda seed: drawn_cell(np.random.default_rng(seed)))


def elsewhere(cell: Cell, rng: np.random.Generator) -> Cell:
    """The same crystal: rotated, its origin moved, its sites in another order, in a supercell
    with other vectors."""
    lattice, numbers, positions = cell
    images = np.stack(np.meshgrid([0, 1], [0], [0, 1, 2]), -1).reshape(-1, 3)
    times = np.array([2, 1, 3])
    positions = ((positions + rng.uniform(-1, 1, 3))[:, None] + images).reshape(-1, 3) / times
    numbers = np.repeat(numbers, len(images))
    lattice = lattice * times[:, None]
    # a - b, b, c span the same lattice as a, b, c
    sheared = np.array([[1, -1, 0], [0, 1, 0], [0, 0, 1]])
    lattice, positions = sheared @ lattice, positions @ np.linalg.inv(sheared)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(len(numbers))
    return lattice @ rotation, numbers[order], (positions % 1)[order]


def materials_of(cells: list[Cell]) -> xr.Dataset:
    """Crystals as a data set has them."""
    sets = [" ".join(sorted({SYMBOLS[z - 1] for z in numbers})) for _, numbers, _ in cells]
    names = np.array(sets, dtype=str)
    return xr.Dataset(
        {
            "formula": ("material", names),
            "element_set": ("material", names),
            **Crystals.pack(cells).variables(),
        },
        attrs={"title": "made up"},
    )
