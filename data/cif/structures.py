"""What the blocks of a CIF text hold: crystal structures, or why there is none.

Every structure passes three checks: its operations form a group that agrees with every name beside
them and with the cell (`symmetry`), its atoms are the formula sum, by amounts and Z (`formula`),
and no two are nearer than atoms of their elements can be (`cell`). Occupancies must be whole: a
sum over sites of a part of an atom is not a structure that the encoders here know. Deuterium is
read as hydrogen. Whatever else was taken for granted is noted.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from data.cif.atoms import Atoms, listed_atoms
from data.cif.cell import cell_vectors, filled_cell
from data.cif.formula import TAG, require_formula, stated_formula
from data.cif.symmetry import Symmetry, symmetries
from data.cif.text import UNKNOWN, Block, blocks
from data.crystals import Cell
from data.element_sets import SYMBOLS


@dataclass(frozen=True)
class Cif:
    """A crystal structure that was read.

    Attributes:
        formula: reduced, "Li2O".
        element_set: symbols in alphabetical order.
        note: what was taken for granted in reading it, "" if nothing was.
    """

    cell: Cell
    formula: str
    element_set: str
    note: str = ""


def structures(text: str) -> dict[str, Cif | str]:
    """The crystal structures of a CIF text by the name of their block, or the reason why one
    cannot be used. Blocks without atoms (`data_global`, a powder pattern) are not among them.

    Raises:
        ValueError: the text holds none; the message is the reason.
    """
    every = blocks(text)
    if not every:
        raise ValueError("not a CIF: it has no line 'data_...'")
    read: dict[str, Cif | str] = {}
    for block in every:
        places = block.column("_atom_site_fract_x")
        if places is None or not (block.fault or set(places) - {*UNKNOWN}):
            continue
        name, again = block.name, 2
        while name in read:
            name, again = f"{block.name}_{again}", again + 1
        try:
            read[name] = _structure(block)
        except ValueError as error:
            read[name] = str(error)
    if not read:
        faults = [block.fault for block in every if block.fault]
        raise ValueError(
            next(iter(faults), "no atoms: the CIF has no values of _atom_site_fract_x")
        )
    return read


def read_cif(text: str) -> Cif:
    """The one crystal structure of a CIF text.

    Raises:
        ValueError: there is not one, or it cannot be used; the message is the reason.
    """
    read = structures(text)
    if len(read) > 1:
        names = ", ".join(list(read)[:3])
        raise ValueError(f"holds {len(read)} structures ({names}); write one CIF for each")
    (cif,) = read.values()
    if isinstance(cif, str):
        raise ValueError(cif)
    return cif


def _structure(block: Block) -> Cif:
    if block.fault:
        raise ValueError(f"not a CIF: {block.fault}")
    lattice = cell_vectors(block)
    atoms = listed_atoms(block)
    candidates = symmetries(block, lattice)
    if len(candidates) == 1:
        cell, notes = _checked(block, atoms, candidates[0], lattice)
    else:
        cell, notes = _decided(block, atoms, candidates, lattice)
    if block.text(TAG) and not stated_formula(block):
        notes.append(f"{TAG} '{block.text(TAG):.40}' was not compared")
    from pymatgen.core import Composition

    counts = _counts(cell)
    with warnings.catch_warnings():  # noble gases have no electronegativity to be sorted by
        warnings.simplefilter("ignore", UserWarning)
        formula = Composition(counts).reduced_formula
    return Cif(cell, formula, " ".join(counts), "; ".join(filter(None, [*atoms.notes, *notes])))


def _checked(
    block: Block, atoms: Atoms, symmetry: Symmetry, lattice: np.ndarray
) -> tuple[Cell, list[str]]:
    """The filled cell by a symmetry, once it agrees with the formula, and its notes."""
    cell, notes = filled_cell(atoms, symmetry, lattice)
    require_formula(_counts(cell), block)
    return cell, [symmetry.note, *notes]


def _decided(
    block: Block, atoms: Atoms, candidates: list[Symmetry], lattice: np.ndarray
) -> tuple[Cell, list[str]]:
    """The cell by the one symmetry of several that gives the stated formula."""
    names = " or ".join(f"'{symmetry.name}'" for symmetry in candidates)
    fitting, reasons = [], []
    for symmetry in candidates:
        try:
            fitting.append((symmetry, _checked(block, atoms, symmetry, lattice)))
        except ValueError as error:
            reasons.append(str(error))
    if not fitting:
        raise ValueError(reasons[0])
    if len(fitting) > 1 or not stated_formula(block):
        raise ValueError(f"ambiguous symmetry: {names}; write which, or list the operations")
    (symmetry, (cell, notes)) = fitting[0]
    return cell, [f"'{symmetry.name}' of {names}, by the formula sum", *notes]


def _counts(cell: Cell) -> dict[str, int]:
    """Atoms by element, in alphabetical order."""
    symbols, counts = np.unique([SYMBOLS[z - 1] for z in cell[1]], return_counts=True)
    return dict(zip(symbols.tolist(), counts.tolist(), strict=True))
