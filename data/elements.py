"""Element descriptor tables: what is known of each element, by atomic number."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import ATOMIC_NUMBERS, SYMBOLS, parse_element_set
from data.environments import environment_vectors
from data.table import Table, read_table
from framework.base.errors import UserError, nearest

_MAGPIE = "Magpie, Ward et al., npj Comput. Mater. 2, 16028 (2016), as shipped with matminer"
ENVIRONMENT_DIMENSION = 24
EMBEDDED_TIME = "icsd_code"
"""The variable by which the embedded data are ordered."""
_OWN_FEATURES = Path(__file__).parent / "element_features.csv"
_MULTIVALUED = {"OxidationStates", "IonizationEnergies"}

_PUBLISHED_FEATURES = """
    Pettifor Number AtomicVolume AtomicWeight BCCbandgap BCCefflatcnt BCCenergydiff BCCenergy_pa
    BCCfermi BCCmagmom BCCvolume_padiff BCCvolume_pa Column CovalentRadius Electronegativity
    FirstIonizationEnergy GSbandgap GSefflatcnt GSenergy_pa GSestBCClatcnt GSestFCClatcnt GSmagmom
    GSvolume_pa ICSDVolume MendeleevNumber NdUnfilled NdValence NfUnfilled NfValence NpUnfilled
    NpValence NsUnfilled NsValence NUnfilled NValence Polarizability Row
"""

PUBLISHED_37 = tuple(_PUBLISHED_FEATURES.split())
"""The features of Vasylenko et al., Nat. Commun. 12, 5561 (2021), in their order."""


@dataclass(frozen=True)
class ElementTable:
    """Features of the elements.

    Attributes:
        values: (119, n_features) float64, row z for atomic number z (row 0 is NaN), NaN where
            the source has no value; read-only, since it is shared.
    """

    name: str
    features: tuple[str, ...]
    values: np.ndarray
    source: str


def element_table(name: str) -> ElementTable:
    """A table of `ELEMENT_TABLES` by name, or the user's CSV file `element,feature1,...` by path.

    Raises:
        UserError: there is no such table, or the file is not one; line and column are named.
    """
    if name in ELEMENT_TABLES:
        return _shipped_table(name)
    if Path(name).exists() or Path(name).suffix or Path(name).name != name:
        return _user_table(Path(name))
    raise UserError(
        f"no element table '{name}'; {nearest(name, ELEMENT_TABLES)} "
        "or the path of a CSV file 'element,feature1,...'"
    )


def table_for(name: str, materials: xr.Dataset, train: np.ndarray) -> ElementTable:
    """The table of a name as a representation of materials may use it (see `element_table`).

    `environments` is learned from reported sets, so it would tell which of the materials are
    reported: it is learned without the sets that are shown and not trained on, and, where the
    embedded data themselves are shown, without those that entered after the last training material.
    Materials of another file have a time of their own, and nothing is left out by it; nor are
    subsets and supersets of held-out sets.

    Args:
        materials: all that will be shown: ``element_set``, and where it is known ``order``.
        train: indices of the training part (m,).
    """
    if name != "environments":
        return element_table(name)
    sets, order = _embedded()
    hidden = np.delete(materials["element_set"].values.astype(str), train)
    allowed = ~np.isin(sets, hidden)
    if "order" in materials and materials.attrs.get("time") == EMBEDDED_TIME:
        allowed &= order <= materials["order"].values[train].max()
    return _of_environments(sets[allowed])


def embedded_sets() -> np.ndarray:
    """The reported element sets of the embedded data (n,)."""
    return _embedded()[0]


@lru_cache
def _shipped_table(name: str) -> ElementTable:
    return ELEMENT_TABLES[name]()


def _magpie() -> ElementTable:
    """Every scalar Magpie feature."""
    files = sorted((_matminer_files() / "magpie_elementdata").glob("*.table"))
    columns = {f.stem: _magpie_column(f) for f in files if f.stem not in _MULTIVALUED}
    return _table("magpie", tuple(columns), np.stack(list(columns.values()), axis=1), _MAGPIE)


def _published_37() -> ElementTable:
    """The 37 features of the phase-field VAE for its 92 elements (no H, He, At, Fr).

    What matminer lacks, or states otherwise than was published, comes from our own file.
    """
    corrections, magpie = _user_table(_OWN_FEATURES), _magpie()
    covered = ~np.isnan(corrections.values).all(axis=1)
    values = np.full((len(SYMBOLS) + 1, len(PUBLISHED_37)), np.nan)
    for j, feature in enumerate(PUBLISHED_37):
        source = corrections if feature in corrections.features else magpie
        values[covered, j] = source.values[covered, source.features.index(feature)]
    pettifor = "Pettifor scale of Glawe et al., New J. Phys. 18, 093011 (2016)"
    used_by = "as used by Vasylenko et al., Nat. Commun. 12, 5561 (2021)"
    return _table("published_37", PUBLISHED_37, values, f"{_MAGPIE}; {pettifor}; {used_by}")


def _megnet() -> ElementTable:
    """16 numbers an element, learnt from formation energies."""
    rows = json.loads((_matminer_files() / "megnet_elemental_embedding.json").read_text())
    vectors = dict(enumerate(rows[1:], start=1))  # row 0 is a dummy atom
    citation = "MEGNet embedding, Chen et al., Chem. Mater. 31, 3564 (2019), by matminer"
    return _embedding("megnet", vectors, citation)


def _matscholar() -> ElementTable:
    """200 numbers an element, learnt from abstracts."""
    rows = json.loads((_matminer_files() / "matscholar_els.json").read_text())
    vectors = {ATOMIC_NUMBERS[symbol]: vector for symbol, vector in rows.items()}
    citation = "Matscholar embedding, Tshitoyan et al., Nature 571, 95 (2019), by matminer"
    return _embedding("matscholar", vectors, citation)


def _environments() -> ElementTable:
    """24 numbers an element, from the environments of all embedded element sets."""
    return _of_environments(embedded_sets())


def _of_environments(sets: np.ndarray) -> ElementTable:
    values = np.full((len(SYMBOLS) + 1, ENVIRONMENT_DIMENSION), np.nan)
    values[1:] = environment_vectors(sets, ENVIRONMENT_DIMENSION)
    source = f"compositional environments of {len(sets):,} reported element sets (OQMD, ICSD)"
    features = tuple(f"environments_{i}" for i in range(1, ENVIRONMENT_DIMENSION + 1))
    return _table("environments", features, values, source)


@lru_cache
def _embedded() -> tuple[np.ndarray, np.ndarray]:
    """The element sets of the embedded data (n,), and when each first entered (n,)."""
    materials = oqmd_icsd()
    sets, member = np.unique(materials["element_set"].values.astype(str), return_inverse=True)
    order = np.full(len(sets), np.inf)
    np.minimum.at(order, member, materials[EMBEDDED_TIME].values.astype(float))
    return sets, order


ELEMENT_TABLES = {
    "magpie": _magpie,
    "published_37": _published_37,
    "megnet": _megnet,
    "matscholar": _matscholar,
    "environments": _environments,
}


def _user_table(path: Path) -> ElementTable:
    table = read_table(path, "an element table 'element,feature1,...'")
    if table.header[0] != "element" or len(table.header) < 2 or "" in table.header:
        raise UserError(
            f"{path}: the header must be 'element,feature1,...', not '{','.join(table.header)}'"
        )
    features = table.header[1:]
    values = np.full((len(SYMBOLS) + 1, len(features)), np.nan)
    lines: dict[str, int] = {}
    for line, cells in table.rows:
        try:
            symbol = _read_symbol(table, cells)
            if symbol in lines:
                raise ValueError(f"{symbol} has a row already, line {lines[symbol]}")
            values[ATOMIC_NUMBERS[symbol]] = [
                _value(cell, feature) for cell, feature in zip(cells[1:], features, strict=True)
            ]
        except ValueError as error:
            raise UserError(f"{path}: line {line}: {error}") from None
        lines[symbol] = line
    for j, feature in enumerate(features):
        if np.isnan(values[:, j]).all():
            raise UserError(
                f"{path}: lines {table.rows[0][0]} to {table.rows[-1][0]}: feature '{feature}' "
                "has no value for any element; fill or remove the column"
            )
    return _table(path.stem, features, values, f"the user's file {path}")


def _read_symbol(table: Table, cells: tuple[str, ...]) -> str:
    if len(cells) != len(table.header):
        raise ValueError(f"{len(cells)} cells where the header has {len(table.header)}")
    symbols = parse_element_set(cells[0])
    if len(symbols) != 1:
        raise ValueError(f"'{cells[0]}' is not one element")
    return symbols[0]


def _value(text: str, feature: str) -> float:
    """A number; NaN for a blank cell or "nan"."""
    try:
        value = float(text or "nan")
    except ValueError:
        raise ValueError(f"feature '{feature}' holds '{text}', not a number") from None
    if np.isinf(value):
        raise ValueError(f"feature '{feature}' holds '{text}', not a finite number")
    return value


def _magpie_column(path: Path) -> np.ndarray:
    """(119,); line z holds atomic number z, words such as 'Missing' or 'NA' mean no value."""
    column = np.full(len(SYMBOLS) + 1, np.nan)
    for z, text in enumerate(path.read_text().splitlines()[: len(SYMBOLS)], start=1):
        try:
            column[z] = float(text)
        except ValueError:
            continue
    return column


def _embedding(name: str, vectors: dict[int, list[float]], source: str) -> ElementTable:
    length = len(next(iter(vectors.values())))
    values = np.full((len(SYMBOLS) + 1, length), np.nan)
    for z, vector in vectors.items():
        values[z] = vector
    return _table(name, tuple(f"{name}_{i}" for i in range(1, length + 1)), values, source)


def _table(name: str, features: tuple[str, ...], values: np.ndarray, source: str) -> ElementTable:
    values.setflags(write=False)
    return ElementTable(name, features, values, source)


def _matminer_files() -> Path:
    spec = importlib.util.find_spec("matminer")  # its folder, without the import of 2 s
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "matminer is not installed, and the element tables are read from it; "
            "install it or give your own CSV file"
        )
    return Path(spec.submodule_search_locations[0]) / "utils" / "data_files"
