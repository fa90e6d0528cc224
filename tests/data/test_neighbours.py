"""Neighbours: against brute force, whole shells, in any cell, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings

from data.cif.cell import MOST_SITES
from data.crystals import Crystals
from data.neighbours import TIE, neighbours
from framework.base.errors import UserError
from tests.data.cells import ROCKSALT, drawn_cell, drawn_cells, elsewhere

WITH_ONE_ALONE = (
    np.eye(3) * 20,
    np.array([3, 9, 54]),
    np.array([[0, 0, 0], [0.1, 0, 0], [0.5] * 3]),
)


def by_site(found, i=0):
    """Distances of crystal i by site, as lists of (neighbour, distance)."""
    part = slice(found.offsets[i], found.offsets[i + 1])
    pairs = zip(found.site[part], found.neighbour[part], found.distance[part], strict=True)
    sites = {}
    for site, neighbour, distance in pairs:
        sites.setdefault(int(site), []).append((int(neighbour), float(distance)))
    return sites


def brute_force(cell, radius, nearest, reach=4):
    lattice, numbers, positions = cell
    images = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3), -1).reshape(-1, 3)
    sites = {}
    for i in range(len(numbers)):
        vectors = (positions[None] - positions[i] + images[:, None]) @ lattice
        distance = np.linalg.norm(vectors, axis=-1)
        image, j = np.nonzero((distance > 1e-6) & (distance <= radius + TIE))
        order = np.argsort(distance[image, j], kind="stable")
        pairs = [(int(j[k]), float(distance[image[k], j[k]])) for k in order]
        last = pairs[min(nearest, len(pairs)) - 1][1]
        sites[i] = [pair for pair in pairs if pair[1] <= last + TIE]
    return sites


@given(drawn_cells)
@settings(max_examples=15, deadline=None)
def test_neighbours_are_those_of_brute_force(cell):
    for radius, nearest in ((6.5, 12), (6.0, 60)):
        found = by_site(neighbours(Crystals.pack([cell]), radius, nearest))
        expected = brute_force(cell, radius, nearest)
        assert found.keys() == expected.keys()
        for site, pairs in expected.items():
            np.testing.assert_allclose(
                [d for _, d in found[site]], [d for _, d in pairs], atol=1e-5
            )
            assert sorted(j for j, _ in found[site]) == sorted(j for j, _ in pairs)


def test_rocksalt_has_six_neighbours_then_twelve():
    for nearest, expected in ((1, 6), (6, 6), (7, 18), (18, 18)):
        found = neighbours(Crystals.pack([ROCKSALT]), 8.0, nearest)
        assert (np.bincount(found.site) == expected).all()
    assert found.distance[:6] == pytest.approx(5.64 / 2)
    numbers = ROCKSALT[1]
    assert (numbers[found.neighbour[:6]] != numbers[found.site[:6]]).all()


def test_a_single_site_is_its_own_neighbour():
    copper = (np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 1.805, np.array([29]), np.zeros((1, 3)))
    found = neighbours(Crystals.pack([copper]), 8.0, 12)
    assert len(found.site) == 12 and found.distance == pytest.approx(3.61 / np.sqrt(2))


def test_every_crystal_has_its_own_whatever_stands_beside_it():
    rng = np.random.default_rng(0)
    cells = [drawn_cell(rng) for _ in range(600)]  # more than one block
    together = neighbours(Crystals.pack(cells), 7.0, 8)
    for i in (0, 255, 256, 599):
        alone = neighbours(Crystals.pack([cells[i]]), 7.0, 8)
        assert by_site(together, i) == by_site(alone)


def test_another_cell_of_the_same_crystal_gives_the_same_distances():
    rng = np.random.default_rng(1)
    for cell in [ROCKSALT, *(drawn_cell(rng) for _ in range(5))]:
        one, other = (neighbours(Crystals.pack([c]), 7.0, 10) for c in (cell, elsewhere(cell, rng)))
        assert len(other.distance) == 6 * len(one.distance)
        np.testing.assert_allclose(np.sort(other.distance)[::6], np.sort(one.distance), rtol=1e-5)


def test_a_radius_without_neighbours_and_a_cell_of_thousands_are_refused_by_name():
    far = (np.eye(3) * 20, np.array([54, 54]), np.array([[0, 0, 0], [0.1, 0, 0]]))
    assert len(neighbours(Crystals.pack([far]), 3.0, 12).site) == 2
    with pytest.raises(UserError, match=r"LiXeF.* site 3 of 3 has no neighbour within 3 angstrom; "
                                        "raise the radius"):  # fmt: skip
        neighbours(Crystals.pack([far, WITH_ONE_ALONE]), 3.0, 12)
    n = MOST_SITES + 1
    large = (np.eye(3) * 60, np.full(n, 14), np.random.default_rng(0).random((n, 3)))
    with pytest.raises(UserError, match=r"Si: 1,001 sites in the cell; .* at most 1,000"):
        neighbours(Crystals.pack([far, large]), 3.0, 12)


def test_an_atom_alone_has_no_pairs_and_is_named(caplog):
    alone = (np.eye(3) * 30, np.array([18]), np.zeros((1, 3)))
    cells = [ROCKSALT, alone, WITH_ONE_ALONE, ROCKSALT]
    every = neighbours(Crystals.pack(cells), 8.0, 6)
    assert "Ar: site 1 of 1 has no neighbour within 8 angstrom: an atom alone" in caplog.text
    assert np.diff(every.offsets).tolist() == [48, 0, 2, 48]
    assert by_site(every, 3) == by_site(every, 0)
    assert len(neighbours(Crystals.pack([alone]), 8.0, 6).site) == 0
