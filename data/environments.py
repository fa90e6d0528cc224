"""Vectors of elements from their compositional environments in reported element sets.

An environment of an element is what is left of a set without it. Elements with the same
environments replace each other. Sources: Zhou et al. (Atom2Vec), Proc. Natl. Acad. Sci. 115, E6411
(2018); Vasylenko et al. (PhaseSelect), npj Comput. Mater. 9, 164 (2023).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from data.periodic_table import ATOMIC_NUMBERS, SYMBOLS

FloatArray = NDArray[np.float64]


def shared_environments(element_sets: Iterable[str]) -> FloatArray:
    """How many environments two elements share (118, 118), in the order of atomic numbers; on the
    diagonal how many an element has.

    Args:
        element_sets: symbols separated by spaces; one that repeats counts once.
    """
    elements_in: dict[frozenset[int], list[int]] = defaultdict(list)
    for element_set in {frozenset(text.split()) for text in element_sets}:
        members = frozenset(ATOMIC_NUMBERS[symbol] - 1 for symbol in element_set)
        for element in members if len(members) > 1 else ():  # alone it has no environment
            elements_in[members - {element}].append(element)
    shared = np.zeros((len(SYMBOLS), len(SYMBOLS)))
    for elements in elements_in.values():
        shared[np.ix_(elements, elements)] += 1
    return shared


def environment_vectors(element_sets: Iterable[str], dimension: int) -> FloatArray:
    """Vectors (118, dimension) of the elements, by falling share of what they explain; 0 for an
    element that no set holds.

    They are the code of the best linear autoencoder of the element x environment matrix, whose rows
    are normalised: its singular vectors (Baldi & Hornik, Neural Networks 2, 53, 1989). In all 118
    dimensions the scalar product of two vectors is the cosine of their rows.
    """
    shared = shared_environments(element_sets)
    lengths = np.sqrt(np.diag(shared).clip(min=1.0))
    values, vectors = np.linalg.eigh(shared / lengths[:, None] / lengths)
    order = np.argsort(-values)[:dimension]
    code = vectors[:, order] * np.sqrt(values[order].clip(min=0.0))
    # a singular vector has no sign of its own: the largest component is positive
    strongest = np.take_along_axis(code, np.abs(code).argmax(axis=0)[None], axis=0)
    return np.asarray(code * np.where(strongest < 0, -1.0, 1.0))
