"""A folder of CIF files, with any numeric properties in a CSV file beside them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from data.cif import Cif, read_cifs
from data.crystals import Crystals
from data.table import Table, has_column, read_materials, read_table
from framework.base.errors import UserError, read_text
from framework.contracts.dataset import UnusableRow, data_set, refuse_unusable

PROPERTIES = "properties.csv"


def cif_folder(
    path: str | Path,
    strict: bool = False,
    properties: Sequence[str] | None = None,
    time: str = "",
) -> xr.Dataset:
    """The materials of a folder, one `.cif` file each, in the order of their names.

    Where the folder has a file `properties.csv`, its column `file` names the CIF (with or without
    `.cif`) and every other numeric column is a property; the order is that of its rows. A file is
    unusable if it holds no structure that can be used (`data.cif` has the rules, each with its
    reason: partial occupancies, overlapping atoms, more than 1,000 sites, ...) or has no row; a
    row, if its file is missing or a value is blank, text, NaN or infinite.

    Beside the contract: the structures, in the variables of `oqmd_icsd`, and `file`. Of an
    unusable file without a row, `line` is its place in the order of names, counted from 1.

    Args:
        path: the folder; folders inside it are not looked into.
        strict: an unusable file or row is an error.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, such as a year.

    Raises:
        UserError: there is no such folder, it holds no CIF, a column is not there, or nothing
            is usable.
    """
    folder = Path(path)
    names = _cif_names(folder)
    texts, broken = _texts(folder, names)
    cifs: dict[str, Cif | str] = dict(zip(texts, read_cifs(list(texts.values())), strict=True))
    cifs |= broken
    table = _table(folder, names, properties, time)

    def parse(text: str) -> tuple[str, str, Hashable]:
        name = _name(text)
        if name not in cifs:
            raise ValueError(f"there is no file '{name}' in the folder")
        if not isinstance(cif := cifs[name], Cif):
            raise ValueError(cif)
        return cif.formula, cif.element_set, name

    column = has_column(table, "file")
    contents, unusable = read_materials(
        table, column, parse, properties=properties, time=time, values_differ=False
    )
    left_out = {row.line for row in unusable}
    at = table.header.index(column)
    listed = {_name(cells[at]) for _, cells in table.rows if at < len(cells)}
    unusable += [
        UnusableRow(i, f"the file has no row in {PROPERTIES}", name)
        for i, name in enumerate(names, start=1)
        if name not in listed
    ]
    if strict:
        refuse_unusable(unusable, folder)
    used = [_name(cells[at]) for line, cells in table.rows if line not in left_out]
    read = [cif for name in used if isinstance(cif := cifs[name], Cif)]
    contents["variables"] |= Crystals.pack([cif.cell for cif in read]).variables()
    contents["variables"]["file"] = ("material", np.array(used))
    return data_set(
        **contents,
        name="cif_folder",
        title=f"Crystal structures of the folder {folder.name}",
        source=f"the user's folder {folder}",
        licence="unknown: the user's files",
        citation="",
        unusable=unusable,
    )


def _cif_names(folder: Path) -> list[str]:
    expected = "expected a folder of .cif files"
    if folder.is_file():
        raise UserError(f"{folder}: is a file; {expected}: give the folder, '{folder.parent}'")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {expected}")
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() == ".cif")
    if not names:
        others = sorted(p.name for p in folder.iterdir())[:3]
        held = f"it holds {', '.join(others)}" if others else "it is empty"
        raise UserError(f"{folder}: no .cif file ({held}); {expected}")
    return names


def _texts(folder: Path, names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The texts by name, and the reasons why others cannot be read."""
    texts, broken = {}, {}
    for name in names:
        try:
            texts[name] = read_text(folder / name, "a CIF file")
        except UserError as error:
            broken[name] = str(error).removeprefix(f"{folder / name}: ")
    return texts, broken


def _table(folder: Path, names: list[str], properties: Sequence[str] | None, time: str) -> Table:
    if (folder / PROPERTIES).exists():
        return read_table(folder / PROPERTIES, "the properties of the CIF files, by column 'file'")
    if properties or time:
        raise UserError(
            f"{folder}: no file '{PROPERTIES}', which would hold {', '.join([*(properties or []), time]).strip(', ')}; "
            "write it with a column 'file' and one for each property"
        )
    return Table(folder, ("file",), tuple((i, (name,)) for i, name in enumerate(names, start=1)))


def _name(text: str) -> str:
    return text if text.lower().endswith(".cif") else f"{text}.cif"
