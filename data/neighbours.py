"""Neighbours of every site of many crystals, across the borders of the cell.

The search itself is pymatgen's; what is kept of it, and for hundreds of crystals at once, is ours.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from data.cif.cell import MOST_SITES
from data.crystals import Cell, Crystals
from framework.base.errors import UserError
from framework.base.progress import shown

TIE = 0.01
"""Distances that differ by less (angstrom) are one shell: it is kept or left out as a whole."""

ENOUGH = 6.0
"""Angstrom; every site of the embedded crystals has a neighbour within 5.6. A site that has none
within this radius is an atom alone, and no larger radius is asked for."""

_BLOCK = 256
"""Crystals whose pairs are sorted together."""

_PERIODIC = np.ones(3, np.int64)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Pairs of a site and a neighbour, those of one crystal together, by site, nearest first.

    Attributes:
        site: (p,) int16, the site's place within its crystal.
        neighbour: (p,) int16, the neighbour's; a site may be a neighbour of itself, and of another
            more than once, by its periodic images.
        distance: (p,) float32, angstrom.
        offsets: (n + 1,); the pairs of crystal i are `offsets[i]` up to `offsets[i + 1]`.
    """

    site: np.ndarray
    neighbour: np.ndarray
    distance: np.ndarray
    offsets: np.ndarray


def neighbours(crystals: Crystals, radius: float, nearest: int) -> Neighbours:
    """The nearest neighbours of every site within a radius, whole shells of them.

    Kept is whatever is no farther than the `nearest`-th neighbour, by `TIE` at most: which cell
    describes the crystal, and in which order, cannot matter. An atom alone, without a neighbour
    even in a radius of `ENOUGH`, has no pairs, and a line of the log names it. A terminal shows
    the progress.

    Args:
        radius: in angstrom.
        nearest: neighbours of a site, at least, where the radius holds so many.

    Raises:
        UserError: a cell has too many sites, or the radius is too small for a site's neighbours.
    """
    _require_moderate(crystals)
    blocks = [
        _of_block(crystals.take(range(begin, min(begin + _BLOCK, len(crystals)))), radius, nearest)
        for begin in shown(range(0, len(crystals), _BLOCK), "crystal graphs")
    ]
    sizes = np.concatenate([[0], *(np.diff(block.offsets) for block in blocks)])
    return Neighbours(
        np.concatenate([np.empty(0, np.int16), *(block.site for block in blocks)]),
        np.concatenate([np.empty(0, np.int16), *(block.neighbour for block in blocks)]),
        np.concatenate([np.empty(0, np.float32), *(block.distance for block in blocks)]),
        np.cumsum(sizes),
    )


def _require_moderate(crystals: Crystals) -> None:
    """Refuse cells whose pairs no memory may hold.

    Raises:
        UserError: names the largest.
    """
    sizes = np.diff(crystals.offsets)
    if sizes.max(initial=0) > MOST_SITES:
        i = int(sizes.argmax())
        raise UserError(
            f"{_formula(crystals, i)}: {sizes[i]:,} sites in the cell; graphs are made of at most "
            f"{MOST_SITES:,}; take its primitive cell, or leave the crystal out"
        )


def _of_block(crystals: Crystals, radius: float, nearest: int) -> Neighbours:
    """Of some hundred crystals: what comes after the search is done for all of them at once."""
    raw = [_within(crystals.cell(i), radius, nearest) for i in range(len(crystals))]
    owner = np.repeat(np.arange(len(raw)), [len(site) for site, *_ in raw])
    site, neighbour, distance, image = (np.concatenate(each) for each in zip(*raw, strict=True))
    other = (site != neighbour) | image.any(axis=1)
    owner, site, neighbour, distance = (each[other] for each in (owner, site, neighbour, distance))
    everywhere = crystals.offsets[owner] + site
    order = np.lexsort((distance, everywhere))
    count = np.bincount(everywhere, minlength=crystals.offsets[-1])
    if not count.all():
        _name_alone(crystals, int(count.argmin()), radius)
    last = np.cumsum(count) - count + np.minimum(count, nearest) - 1
    farthest = distance[order][last[everywhere[order]]]
    kept = order[distance[order] <= farthest + TIE]
    pairs = np.bincount(owner[kept], minlength=len(raw))
    return Neighbours(
        site[kept].astype(np.int16),
        neighbour[kept].astype(np.int16),
        distance[kept].astype(np.float32),
        np.concatenate([[0], np.cumsum(pairs)]),
    )


def _name_alone(crystals: Crystals, site: int, radius: float) -> None:
    """Name a site without a neighbour.

    Raises:
        UserError: the radius is smaller than the neighbours of a crystal are apart.
    """
    i = int(np.searchsorted(crystals.offsets, site, side="right")) - 1
    begin, end = crystals.offsets[i : i + 2]
    where = (
        f"{_formula(crystals, i)}: site {site - begin + 1} of {end - begin} has no neighbour "
        f"within {radius:g} angstrom"
    )
    if radius < ENOUGH:
        raise UserError(f"{where}; raise the radius of crystal_graph, or leave the crystal out")
    logging.getLogger("phasezoo").warning(f"{where}: an atom alone, whose graph has no pairs")


def _within(cell: Cell, radius: float, nearest: int) -> tuple[np.ndarray, ...]:
    """Site, neighbour, distance and image of pairs, a site with itself among them: all up to the
    radius, or up to where every site has its nearest ones."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    lattice, numbers, fractional = cell
    lattice = np.ascontiguousarray(lattice)
    positions = np.ascontiguousarray((fractional % 1.0) @ lattice)
    volume = abs(np.linalg.det(lattice)) / len(numbers)
    # a sphere with room for twice as many mostly holds them
    likely = (6 * (nearest + 1) * volume / (4 * np.pi)) ** (1 / 3)
    for reach in (likely, radius):
        site, neighbour, image, distance = find_points_in_spheres(
            positions, positions, r=min(reach, radius) + TIE, pbc=_PERIODIC, lattice=lattice
        )
        if np.bincount(site[distance <= reach], minlength=len(numbers)).min() > nearest:
            break  # one more than asked for: the site itself
    return site, neighbour, distance, image


def _formula(crystals: Crystals, i: int) -> str:
    formula: str = crystals.structure(i).composition.reduced_formula
    return formula
