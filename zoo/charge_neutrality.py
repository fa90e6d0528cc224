"""The charge-neutral section of a phase field: where the oxidation states of its elements cancel."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoo.charge_balance import oxidation_states

FloatArray = NDArray[np.float64]

FEWEST = 10
"""Neutral compositions below which oxidation states are a guess."""
NEUTRAL = 1e-6
"""Charge an atom below which a composition is neutral."""


class Section(NamedTuple):
    """Oxidation states (k,), the neutral binaries at the corners (m, k) as atomic fractions, and
    which compositions lie in it (n,)."""

    states: tuple[int, ...]
    corners: FloatArray
    lying: NDArray[np.bool_]

    def coordinates(self, fractions: FloatArray) -> FloatArray:
        """Positions (n, k - 2) in the section, true to scale: distances are those between the
        atomic fractions (n, k)."""
        edges = self.corners[1:] - self.corners[0]
        axes: list[FloatArray] = []
        for edge in edges:  # Gram-Schmidt: the same on every machine, unlike a decomposition
            rest = edge - sum((edge @ axis) * axis for axis in axes)
            if (length := np.linalg.norm(rest)) > NEUTRAL:
                axes.append(rest / length)
        positions: FloatArray = (fractions - self.corners[0]) @ np.transpose(axes)
        return positions


def neutral_section(elements: Sequence[str], fractions: FloatArray) -> Section | None:
    """The section in which charges cancel, of elements (k,) and atomic fractions (n, k).

    Of the elements' frequent oxidation states those are taken under which most compositions are
    neutral, the more frequent ones where it makes no difference. None where these are fewer than
    ten.
    """
    known = [oxidation_states(symbol) for symbol in elements]
    best: tuple[int, ...] = ()
    most = FEWEST - 1
    for states in itertools.product(*known):
        if (n := int((abs(fractions @ np.array(states)) < NEUTRAL).sum())) > most:
            best, most = states, n
    if not best:
        return None
    corners = []
    for i, j in itertools.combinations(range(len(elements)), 2):
        if best[i] * best[j] < 0:
            corner = np.zeros(len(elements))
            corner[i], corner[j] = abs(best[j]), abs(best[i])
            corners.append(corner / corner.sum())
    lying = abs(fractions @ np.array(best)) < NEUTRAL
    return Section(best, np.array(corners), lying)
