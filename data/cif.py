"""Crystal structures from CIF texts: read by pymatgen, refused with one reason where unusable.

Occupancies must be whole: a sum over sites of a part of an atom is no structure that the encoders
here know. Deuterium is read as hydrogen. Without symmetry operations or a space group, a CIF is
taken as it is written, P 1.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data import crystals
from data.cache import cached, digest
from data.crystals import Cell, Crystals
from data.element_sets import ATOMIC_NUMBERS, SYMBOLS, nearest_elements
from framework.base.errors import UserError, read_text
from framework.base.progress import shown

if TYPE_CHECKING:
    from pymatgen.core import Structure

MOST_SITES = 1000
"""Sites of a cell: beyond, one crystal would take the memory and time of a thousand others."""

LARGEST_Z = 100
SHORTEST_DISTANCE = 0.5
"""Angstrom; the shortest bond, H-H, has 0.74."""

LARGEST_VOLUME = 100_000.0
"""Cubic angstrom."""

_FLATTEST = 1e-3
"""Cell volume over the product of its edges: below, the vectors lie in one plane."""

_FEW = 100
"""CIFs that are read sooner than a cache is worth it (about 3 ms each)."""

_CELL = tuple(f"_cell_{name}" for name in (
    "length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma",
))  # fmt: skip


@dataclass(frozen=True)
class Cif:
    """A crystal structure that was read.

    Attributes:
        formula: reduced, "Li2O".
        element_set: symbols in alphabetical order.
    """

    cell: Cell
    formula: str
    element_set: str


def read_cif(text: str) -> Cif:
    """The one crystal structure of a CIF text.

    Raises:
        ValueError: it is none that can be used; the message is the reason.
    """
    if not re.search(r"^\s*data_", text, re.IGNORECASE | re.MULTILINE):
        raise ValueError("not a CIF: it has no line 'data_...'")

    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters of them is checked here
        try:
            parser = CifParser.from_str(text, check_cif=False)
        except ZeroDivisionError:  # how pymatgen meets tags without rows
            raise ValueError("no atoms: a loop_ of the CIF holds no values") from None
        except Exception as error:  # text that is no CIF fails in many ways
            raise ValueError(f"not a CIF ({_first_line(error)})") from None
        block = _check_block(parser.as_dict())
        try:
            structure = parser.parse_structures(primitive=False, on_error="raise")[0]
        except Exception as error:
            raise ValueError(_parse_failure(error)) from None
        _check_structure(structure, block)
    numbers = np.array([site.specie.Z for site in structure], np.uint8)
    from pymatgen.core import Composition

    symbols, counts = np.unique([SYMBOLS[z - 1] for z in numbers], return_counts=True)
    amounts = dict(zip(symbols.tolist(), counts.tolist(), strict=True))
    return Cif(
        (np.array(structure.lattice.matrix), numbers, np.array(structure.frac_coords)),
        Composition(amounts).reduced_formula,
        " ".join(symbols),
    )


def read_cif_file(path: Path) -> Cif:
    """The crystal structure of a CIF file.

    Raises:
        UserError: the file cannot be read, or is no usable crystal structure.
    """
    text = read_text(path, "a CIF file")
    try:
        return read_cif(text)
    except ValueError as error:
        raise UserError(f"{path}: {error}; mend the file or leave it out") from None


def read_cif_files(paths: Sequence[str]) -> xr.Dataset:
    """The crystals of CIF files, as a data set has them.

    Raises:
        UserError: a file is missing, or is no usable crystal structure; the reason is told.
    """
    read = [read_cif_file(Path(path)) for path in paths]
    return xr.Dataset(
        {
            "formula": ("material", np.array([cif.formula for cif in read])),
            "element_set": ("material", np.array([cif.element_set for cif in read])),
            **Crystals.pack([cif.cell for cif in read]).variables(),
        }
    )


def read_cifs(texts: Sequence[str]) -> list[Cif | str]:
    """What each of many CIF texts holds, or the reason why it cannot be used.

    pymatgen takes about 3 ms for one. So there is a progress bar on a terminal, and the result
    is kept in the cache (`data.cache`) by the digest of the texts: a file is read once.
    """

    def compute() -> dict[str, np.ndarray]:
        read = [_cif_or_reason(text) for text in shown(texts, "crystal structures")]
        packed = Crystals.pack([cif.cell for cif in read if isinstance(cif, Cif)])
        return {
            **vars(packed),
            "formula": np.array([c.formula if isinstance(c, Cif) else "" for c in read], str),
            "element_set": np.array(
                [c.element_set if isinstance(c, Cif) else "" for c in read], str
            ),
            "reason": np.array([c if isinstance(c, str) else "" for c in read], str),
        }

    if len(texts) <= _FEW:
        return [_cif_or_reason(text) for text in texts]
    sources = [Path(__file__), Path(crystals.__file__)]
    kept = cached("cif", digest(list(texts), version("pymatgen-core"), *sources), compute)
    names = ("lattice", "atomic_number", "fractional_coordinates", "offsets")
    packed = Crystals(**{name: kept[name] for name in names})
    cells = (packed.cell(i) for i in range(len(packed)))
    return [
        str(reason) or Cif(next(cells), str(formula), str(elements))
        for reason, formula, elements in zip(
            kept["reason"], kept["formula"], kept["element_set"], strict=True
        )
    ]


def _cif_or_reason(text: str) -> Cif | str:
    try:
        return read_cif(text)
    except ValueError as error:
        return str(error)


def _check_block(blocks: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The block that holds the sites."""
    with_sites = [block for block in blocks.values() if "_atom_site_fract_x" in block]
    if not with_sites:
        raise ValueError("no atoms: the CIF has no _atom_site_fract_x")
    if len(with_sites) > 1:
        raise ValueError(f"holds {len(with_sites)} structures; write one CIF for each")
    block = with_sites[0]
    if absent := [tag for tag in _CELL if tag not in block]:
        raise ValueError(f"no unit cell: {absent[0]} is missing")
    lengths_and_angles = [_number(block[tag], tag) for tag in _CELL]
    cosines = np.cos(np.radians(lengths_and_angles[3:]))
    squared = 1 - (cosines**2).sum() + 2 * cosines.prod()
    possible = min(lengths_and_angles) > 0 and max(lengths_and_angles[3:]) < 180
    if not possible or squared < _FLATTEST**2:
        raise ValueError("the unit cell has no volume: its edges are zero or lie in one plane")
    if (volume := np.prod(lengths_and_angles[:3]) * np.sqrt(squared)) > LARGEST_VOLUME:
        raise ValueError(
            f"the unit cell has {volume:,.0f} cubic angstrom; at most {LARGEST_VOLUME:,.0f} are read"
        )
    sites = block["_atom_site_fract_x"]
    if not isinstance(sites, list):
        raise ValueError("the atom sites are no loop_")
    if len(sites) > MOST_SITES:
        raise ValueError(f"{len(sites):,} sites; at most {MOST_SITES:,} are read")
    for symbol in block.get("_atom_site_type_symbol", []):
        _require_element(str(symbol))
    return block


def _require_element(symbol: str) -> None:
    """'Fe', 'Fe3+' and 'FE' are iron; what is neither is not guessed at."""
    letters = (re.match("[A-Za-z]*", symbol) or [""])[0].capitalize()
    if letters == "D":
        return
    if letters not in ATOMIC_NUMBERS:
        raise ValueError(f"'{symbol:.20}' is not an element; {nearest_elements(letters)}")
    if (z := ATOMIC_NUMBERS[letters]) > LARGEST_Z:
        raise ValueError(f"{letters} has Z = {z}; elements up to Z = {LARGEST_Z} are read")


def _check_structure(structure: Structure, block: Mapping[str, Any]) -> None:
    if len(structure) > MOST_SITES:
        raise ValueError(f"{len(structure):,} sites; at most {MOST_SITES:,} are read")
    for site in structure:
        if not site.is_ordered:
            raise ValueError(f"a site is partly occupied ({site.species_string}); order it first")
        _require_element(site.specie.symbol)
    if "implicit_hydrogens" in structure.site_properties:
        raise ValueError("hydrogen without positions (water or hydroxide written as one site)")
    parts = re.findall(r"([A-Za-z]+)[\d.]*(?!\S)", str(block.get("_chemical_formula_sum", "")))
    named = {"H" if symbol == "D" else symbol for symbol in parts}
    held = {SYMBOLS[site.specie.Z - 1] for site in structure}
    if absent := sorted((named & set(SYMBOLS)) - held):
        raise ValueError(f"no site for {', '.join(absent)}, which _chemical_formula_sum names")
    first, second, _, distance = structure.get_neighbor_list(SHORTEST_DISTANCE)
    if len(distance):
        pair = sorted({structure[int(i[0])].specie.symbol for i in (first, second)})
        raise ValueError(
            f"atoms overlap: {'-'.join(pair)} at {distance.min():.2f} angstrom, closer than "
            f"{SHORTEST_DISTANCE}"
        )


def _parse_failure(error: Exception) -> str:
    """What pymatgen says of a CIF that it cannot read, in the words of this file."""
    reason = _first_line(error.__cause__ or error)
    if found := re.search(r"Occupancy ([\d.]+)", reason):
        return f"atoms share one site: its occupancies add up to {float(found[1]):g}"
    if "no structures" in reason:
        return "no atoms: no site has an occupancy above zero"
    return f"not a crystal structure ({reason})"


def _number(text: Any, tag: str) -> float:
    """A number with or without its standard uncertainty in brackets, '5.64(2)'."""
    try:
        value = float(re.sub(r"\(\d*\)?\s*$", "", str(text)))
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{tag} is '{text!s:.20}', not a number")
    return value


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:100]
