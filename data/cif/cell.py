"""The unit cell of a block: its vectors, its sites by symmetry, and how near they are."""

from __future__ import annotations

import numpy as np

from data.cif.atoms import WHOLE, Atoms
from data.cif.symmetry import Symmetry
from data.cif.text import Block, number
from data.crystals import Cell
from data.element_sets import SYMBOLS
from data.elements import element_table

MOST_SITES = 1000
"""Sites of a cell: beyond, one crystal would take the memory and time of a thousand others."""

MERGED = 0.1
"""Angstrom; images of an atom that are nearer are one atom on a special position, to which it is
moved: (0.333, 0.667, 0) is (1/3, 2/3, 0)."""

SHORTEST_BOND = 0.5
"""Of the sum of two covalent radii (Cordero et al., Dalton Trans. 2832, 2008): 0.52 at least in
the 32,159 embedded crystals."""

LONGEST_DISTANCE = 12.0
"""Angstrom from an atom to the next: 5.5 at most in the embedded crystals. An atom alone in a
box is not a crystal."""

LARGEST_VOLUME = 100_000.0
"""Cubic angstrom."""

_THINNEST = 0.2
"""Angstrom between opposite faces of the cell."""

_FLATTEST = 1e-3
"""Cell volume over the product of its edges: below, the vectors lie in one plane."""

_NOTED = 0.005
"""Angstrom; moves to a special position beyond are noted."""

_UNKNOWN_RADIUS = 1.69
"""Angstrom; that of curium, for the elements beyond it."""

_TAGS = tuple(f"_cell_{name}" for name in (
    "length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma",
))  # fmt: skip


def cell_vectors(block: Block) -> np.ndarray:
    """The lattice (3, 3) of a block, a row for each vector.

    Raises:
        ValueError: edges or angles are missing, or span no volume or too large a one.
    """
    if absent := [tag for tag in _TAGS if tag not in block.values]:
        raise ValueError(f"no unit cell: {absent[0]} is missing")
    parameters = [number(block.text(tag) or "?", tag) for tag in _TAGS]
    edges, angles = np.array(parameters[:3]), np.array(parameters[3:])
    cosines = np.cos(np.radians(angles))
    squared = 1 - (cosines**2).sum() + 2 * cosines.prod()
    if min(parameters) <= 0 or angles.max() >= 180 or squared < _FLATTEST**2:
        raise ValueError("the unit cell has no volume: its edges are zero or lie in one plane")
    if (volume := edges.prod() * np.sqrt(squared)) > LARGEST_VOLUME:
        raise ValueError(
            f"the unit cell has {volume:,.0f} cubic angstrom; at most {LARGEST_VOLUME:,.0f} are read"
        )
    from pymatgen.core import Lattice

    lattice: np.ndarray = np.array(Lattice.from_parameters(*parameters).matrix)
    if (thickness := 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0).max()) < _THINNEST:
        raise ValueError(f"atoms overlap: the unit cell is {thickness:.2g} angstrom thin")
    return lattice


def filled_cell(atoms: Atoms, symmetry: Symmetry, lattice: np.ndarray) -> tuple[Cell, list[str]]:
    """All sites of the cell, and notes of what was moved.

    Raises:
        ValueError: a site is partly occupied, two are too near, there are too many, or an atom is
            far from every other.
    """
    if len(atoms.labels) > MOST_SITES:
        raise ValueError(f"{len(atoms.labels):,} sites; at most {MOST_SITES:,} are read")
    images, moved = _images(atoms.positions, symmetry, lattice)
    chosen = _whole_atoms(atoms, images, lattice)
    orbits = [images[i] for i in chosen]
    if (total := sum(map(len, orbits))) > MOST_SITES:
        raise ValueError(f"{total:,} sites; at most {MOST_SITES:,} are read")
    numbers = np.repeat(atoms.numbers[chosen], [len(orbit) for orbit in orbits])
    cell = (lattice, numbers.astype(np.uint8), np.concatenate(orbits))
    _require_distances(cell)
    if moved > _NOTED:
        return cell, [f"atoms moved onto special positions, by {moved:.3f} angstrom at most"]
    return cell, []


def _images(
    positions: np.ndarray, symmetry: Symmetry, lattice: np.ndarray
) -> tuple[list[np.ndarray], float]:
    """The places of each atom's images, each place once, and how far atoms were moved for it."""
    if len(symmetry.rotations) == 1:
        return list(positions[:, None] % 1.0), 0.0
    start = positions
    for _ in range(5):  # the mean of the images that are near has the site's symmetry
        images = np.einsum("mij,nj->nmi", symmetry.rotations, positions) + symmetry.translations
        shift = _shortest(images - positions[:, None])
        near = np.linalg.norm(shift @ lattice, axis=-1) < MERGED
        mean = (shift * near[..., None]).sum(axis=1) / near.sum(axis=1)[:, None]
        positions = positions + mean
        if np.abs(mean).max() < 1e-12:
            break
    distinct = []
    for place, around in zip(images, near.sum(axis=1), strict=True):
        left, kept = np.ones(len(place), bool), []
        if around > 1:
            while left.any():
                kept.append(int(left.argmax()))
                apart = _shortest(place - place[kept[-1]])
                left &= np.linalg.norm(apart @ lattice, axis=-1) >= MERGED
            if len(kept) * around != len(place):
                raise ValueError(
                    f"atoms overlap: an atom is within {MERGED} angstrom of its images and on none "
                    "of the special positions"
                )
            place = place[kept]
        distinct.append(place % 1.0)
    return distinct, float(np.linalg.norm((positions - start) @ lattice, axis=-1).max())


def _whole_atoms(atoms: Atoms, images: list[np.ndarray], lattice: np.ndarray) -> list[int]:
    """Which rows to fill the cell with: of rows that share a site and are one element and one
    atom together (H and D, two charges of iron), the first.

    Raises:
        ValueError: a site is partly occupied or holds several elements.
    """
    whole = [i for i, occupancy in enumerate(atoms.occupancies) if occupancy == 1]
    partial = [i for i, occupancy in enumerate(atoms.occupancies) if occupancy != 1]
    while partial:
        first = partial[0]
        shared = [i for i in partial if _nearest(images[first], images[i][0], lattice) < MERGED]
        partial = [i for i in partial if i not in shared]
        total = atoms.occupancies[shared].sum()
        if abs(total - 1) > WHOLE or len(set(atoms.numbers[shared])) > 1:
            species = ", ".join(
                f"{SYMBOLS[atoms.numbers[i] - 1]}:{atoms.occupancies[i]:g}" for i in shared
            )
            raise ValueError(f"a site is partly occupied ({species}); order it first")
        whole.append(first)
    return sorted(whole)


def _require_distances(cell: Cell) -> None:
    """Refuse atoms that are too near for their elements, and an atom far from all others."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    lattice, numbers, fractional = cell
    table = element_table("magpie")
    radii = table.values[:, table.features.index("CovalentRadius")] / 100
    radius = np.where(np.isnan(radii), _UNKNOWN_RADIUS, radii)[numbers]
    positions = np.ascontiguousarray((fractional % 1.0) @ lattice)
    lattice = np.ascontiguousarray(lattice)
    for reach in (2 * SHORTEST_BOND * radius.max(), LONGEST_DISTANCE):
        first, second, image, distance = find_points_in_spheres(
            positions, positions, r=reach, pbc=np.ones(3, np.int64), lattice=lattice
        )
        pair = (first != second) | image.any(axis=1)
        first, second, distance = first[pair], second[pair], distance[pair]
        near = distance < SHORTEST_BOND * (radius[first] + radius[second])
        if near.any():
            at = int(np.flatnonzero(near)[distance[near].argmin()])
            ends = [first[at], second[at]]
            _refuse_near(numbers[ends], distance[at], SHORTEST_BOND * radius[ends].sum())
        alone = np.bincount(first, minlength=len(numbers)) == 0
        if not alone.any():
            return
    symbol = SYMBOLS[numbers[alone.argmax()] - 1]
    raise ValueError(
        f"an atom alone: {symbol} has no other atom within {LONGEST_DISTANCE:g} angstrom, "
        "which no crystal has"
    )


def _refuse_near(numbers: np.ndarray, distance: float, shortest: float) -> None:
    if distance < MERGED:
        raise ValueError("atoms share one site: its occupancies add up to 2")
    pair = "-".join(sorted(SYMBOLS[z - 1] for z in numbers))
    raise ValueError(
        f"atoms overlap: {pair} at {distance:.2f} angstrom, closer than {shortest:.2f}"
    )


def _nearest(places: np.ndarray, place: np.ndarray, lattice: np.ndarray) -> float:
    """Angstrom from a place to the next of some others."""
    return float(np.linalg.norm(_shortest(places - place) @ lattice, axis=-1).min())


def _shortest(vectors: np.ndarray) -> np.ndarray:
    """Fractional vectors by whole cells, so that each component is within a half."""
    return vectors - np.round(vectors)
