"""Compositions of one phase field with a value each, from a file: probed as a chemist would."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from data.element_sets import ATOMIC_NUMBERS, parse_formula
from data.representations.composition import atomic_fractions
from data.table import has_column, read_materials, read_table
from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow, as_json
from framework.contracts.objective import PoolObjective
from framework.registry.parameters import Choice
from framework.runs.reads import Read, as_attribute
from zoo.charge_neutrality import FEWEST, neutral_section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_ELEMENTS = 8
UNITS = {"mev_per_atom": "meV/atom", "ev_per_atom": "eV/atom", "mev": "meV", "ev": "eV"}
"""By the end of a column's name, where it does not give them in brackets."""


class Table(PoolObjective):
    """Compositions of one phase field, in the coordinates of their atomic fractions.

    Each composition is one candidate: of several rows of one composition (polymorphs, cells of
    several sizes) the best counts, as in an energy above hull. The map shows all of the file,
    whatever is searched.

    Args:
        path: a CSV file with a header.
        column: the column of the value.
        composition: the column of the formulas: ``Li5SnS4Cl``, ``Li5 Sn1 S4 Cl1``.
        direction: which values are wanted.
        charge_neutral: search only where common oxidation states cancel, in the coordinates of
            that section (`zoo.charge_neutrality`): where a chemist looks for salts.
        all_elements: search only compositions that hold every element of the field; the others
            are mostly known phases, whose energies nobody has to look for.

    Raises:
        UserError: the file cannot be read, lacks a column or usable rows, holds fewer than two or
            more than eight elements, or no candidate is left.
    """

    def __init__(
        self,
        path: str | Path,
        column: str,
        composition: str = "composition",
        direction: Annotated[str, Choice("minimise", "maximise")] = "minimise",
        charge_neutral: bool = False,
        all_elements: bool = False,
    ) -> None:
        measured = _read(path, column, composition, direction == "maximise")
        self.maximise = direction == "maximise"
        self.quantity, self.units = measured.quantity, measured.units
        self.elements = measured.elements
        self.measured = measured.fractions, measured.values, measured.names
        fractions, values, names = self.measured
        # the last fraction follows from the others
        points, axes = fractions[:, :-1], [f"fraction of {s}" for s in self.elements[:-1]]
        searched = (fractions > 0).all(axis=1) if all_elements else np.full(len(names), True)
        if charge_neutral:
            if (section := neutral_section(self.elements, fractions)) is None:
                raise UserError(
                    f"charge_neutral: fewer than {FEWEST} compositions of {path} are neutral under "
                    f"any common oxidation states of {', '.join(self.elements)}; leave it out"
                )
            points = section.coordinates(fractions).round(12)
            axes = [f"section {i}" for i in range(1, points.shape[1] + 1)]
            searched &= section.lying
        if searched.sum() < 2:
            raise UserError(
                f"{path}: {searched.sum()} of {len(names)} compositions fit charge_neutral and "
                "all_elements, and a search needs two; leave one of them out"
            )
        chosen = [names[i] for i in np.flatnonzero(searched)]
        super().__init__(points[searched], values[searched], chosen, axes)
        kinds = ["charge-neutral"] * charge_neutral + ["with all elements"] * all_elements
        kept = f" ({', '.join(kinds)})" if kinds else ""
        self.summary = (
            f"{len(self)} compositions of {'-'.join(self.elements)}{kept}, from "
            f"{measured.n_rows} rows of {Path(path).name}"
        )
        self.attrs = {
            "unusable_rows": as_json([replace(row, file=str(path)) for row in measured.unusable]),
            "reads": as_attribute([Read.of(path, measured.n_rows, measured.unusable)]),
            "name": Path(path).name,
        }

    def figures(self, evaluations: pd.DataFrame, target: float | None) -> dict[str, Figure]:
        """A map of the field, where it has three or four elements."""
        from zoo.composition_map import composition_map

        if len(self.elements) not in (3, 4):
            return {}
        fractions, values, names = self.measured
        figure = composition_map(
            self.elements, fractions, values, self.axis, target, self.maximise, names
        )
        return {"composition_map": figure}


@dataclass(frozen=True)
class _Measured:
    """The compositions of a file: atomic fractions (n, n_elements), values and names (n,)."""

    elements: list[str]
    fractions: np.ndarray
    values: np.ndarray
    names: list[str]
    quantity: str
    units: str
    n_rows: int
    unusable: list[UnusableRow]


def _read(path: str | Path, column: str, composition: str, maximise: bool) -> _Measured:
    """The best row of each composition of a file.

    Raises:
        UserError: see `Table`.
    """
    table = read_table(path, f"a CSV file with the columns '{composition}' and '{column}'")
    has_column(table, column)
    contents, unusable, _ = read_materials(
        table, has_column(table, composition), _parse, properties=[column]
    )
    formulas = contents["variables"]["formula"][1]
    _, values, attrs = contents["variables"][contents["properties"][0]]
    symbols = sorted({symbol for text in formulas for symbol in parse_formula(text)})
    if not 2 <= len(symbols) <= MOST_ELEMENTS:
        those = f"only {symbols[0]}" if len(symbols) == 1 else f"{len(symbols)} elements"
        raise UserError(
            f"{path}: the compositions hold {those}, and a phase field has 2 to "
            f"{MOST_ELEMENTS} elements; keep the rows of one field"
        )
    columns = [ATOMIC_NUMBERS[symbol] - 1 for symbol in symbols]
    # multiples of a formula are one point
    fractions = atomic_fractions(formulas)[:, columns].round(12)
    kept = _best_of_each(fractions, values, maximise)
    names = [_reduced(formulas[i]) for i in kept]
    quantity, units = _described(attrs["long_name"], attrs["units"])
    n_rows = len(formulas)
    return _Measured(
        symbols, fractions[kept], values[kept], names, quantity, units, n_rows, unusable
    )


def _parse(text: str) -> tuple[str, str, Hashable]:
    """Every row is one of its own: rows of one composition differ by their values."""
    formula = text.replace(" ", "")
    return formula, " ".join(sorted(parse_formula(formula))), object()


def _best_of_each(fractions: np.ndarray, values: np.ndarray, maximise: bool) -> np.ndarray:
    """Indices of one row a composition, in the order of the file."""
    order = np.argsort(-values if maximise else values, kind="stable")
    _, first = np.unique(fractions[order], axis=0, return_index=True)
    kept: np.ndarray = np.sort(order[first])
    return kept


def _reduced(formula: str) -> str:
    """ "Cl8Li16Sn4S12" -> "Li4SnS3Cl2", by electronegativity and without brackets."""
    from pymatgen.core import Composition

    text = Composition(formula).reduced_composition.formula.replace(" ", "")
    return re.sub(r"(?<=[A-Za-z])1(?![\d.])", "", text)


def _described(name: str, units: str) -> tuple[str, str]:
    """ "energy_above_hull_mev_per_atom" -> ("energy above hull", "meV/atom")."""
    if units == "unknown":
        for end, meant in UNITS.items():
            if match := re.fullmatch(f"(.+)_{end}", name, re.IGNORECASE):
                return match[1].replace("_", " "), meant
    return name.replace("_", " "), "" if units == "unknown" else units
