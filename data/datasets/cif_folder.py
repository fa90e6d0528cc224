"""A folder or archive of CIF files, with any numeric properties in a CSV file beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import xarray as xr

from data.cif.files import read_cifs, structure_variables
from data.cif.folders import PROPERTIES, Contents, read_folder
from data.cif.structures import Cif
from data.cif.text import decode
from data.table import Table, has_column, read_materials, read_table, refuse_left_out
from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow, data_set

_Structures = dict[str, Cif | str]
"""By name, 'x.cif' or 'x.cif:block': a structure, or the reason why it cannot be used."""


def cif_folder(
    path: str | Path,
    strict: bool = False,
    properties: Sequence[str] | None = None,
    time: str = "",
    censored: bool = False,
) -> xr.Dataset:
    """The crystals of a folder's `.cif` files, those of folders inside it too, by name.

    The folder may be a zip or tar archive, or one file. A file of several structures gives a
    material for each, 'x.cif:block'. Where there is a file `properties.csv`, its column `file`
    names the CIF (with or without `.cif`) and every other numeric column is a property; the order
    is that of its rows. A structure is unusable if `data.cif` refuses it (partial occupancies,
    contradictory symmetry, overlapping atoms, ...) or it has no row; a row, if its file is missing
    or a value is blank, text, NaN or infinite.

    Beside the contract: the structures, in the variables of `oqmd_icsd`; `file`; and `note`, what
    was taken for granted in reading a structure. Of an unusable structure without a row, `line` is
    its place in the order of names, counted from 1.

    Args:
        path: the folder, archive or file.
        strict: an unusable file or row is an error.
        properties: the columns to read; None for every column in which most cells are numbers.
        time: the column that gives the order of entry, such as a year.
        censored: take `<1E-10` as 1E-10 and say so in the variable `<property>_limit`.

    Raises:
        UserError: there is no such folder, it holds no CIF, a column is not there, or nothing
            is usable.
    """
    folder = Path(path)
    contents, beside = read_folder(folder)
    cifs = _structures(contents)
    table = _table(folder, beside, list(cifs), properties, time)
    column = has_column(table, "file")

    def parse(text: str) -> tuple[str, str, Hashable]:
        name = _name(text, cifs)
        if not isinstance(cif := cifs[name], Cif):
            raise ValueError(cif)
        return cif.formula, cif.element_set, name

    fields, unusable, account = read_materials(
        table,
        column,
        parse,
        properties=properties,
        time=time,
        values_differ=False,
        censored=censored,
    )
    at = table.header.index(column)
    listed, used = _rows_of(table, at, cifs, {row.line for row in unusable})
    unusable += [
        UnusableRow(i, f"the structure has no row in {PROPERTIES}", name)
        for i, name in enumerate(cifs, start=1)
        if name not in listed
    ]
    if strict:
        refuse_left_out(unusable, account, folder)
    fields["variables"] |= structure_variables([cifs[name] for name in used], folder)
    fields["variables"]["file"] = ("material", np.array(used))
    ds = data_set(
        **fields,
        name="cif_folder",
        title=f"Crystal structures of {folder.name}",
        source=f"the user's folder {folder}",
        licence="unknown: the user's files",
        citation="",
        unusable=unusable,
    )
    ds.attrs |= {name: account[name] for name in ("unused_columns", "reading_notes")}
    return ds


def _structures(contents: Contents) -> _Structures:
    texts: dict[str, str] = {}
    read: dict[str, Mapping[str, Cif | str]] = {}
    for name, content in contents.items():
        try:
            if isinstance(content, str):
                raise ValueError(content)
            texts[name] = decode(content)
        except ValueError as error:
            read[name] = {"": str(error)}
    read |= dict(zip(texts, read_cifs(list(texts.values())), strict=True))
    return {
        f"{name}:{block}" if len(read[name]) > 1 else name: cif
        for name in contents
        for block, cif in read[name].items()
    }


def _table(
    folder: Path,
    beside: bytes | None,
    names: Sequence[str],
    properties: Sequence[str] | None,
    time: str,
) -> Table:
    if beside is not None:
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / PROPERTIES
            copy.write_bytes(beside)
            try:
                table = read_table(copy, "the properties of the CIF files, by column 'file'")
            except UserError as error:
                shown = str(error).replace(str(copy), str(folder / PROPERTIES))
                raise UserError(shown) from None
        return replace(table, path=folder / PROPERTIES)
    if properties or time:
        wanted = ", ".join([*(properties or []), time]).strip(", ")
        raise UserError(
            f"{folder}: no file '{PROPERTIES}', which would hold {wanted}; "
            "write it with a column 'file' and one for each property"
        )
    return Table(folder, ("file",), tuple((i, (name,)) for i, name in enumerate(names, start=1)))


def _rows_of(
    table: Table, at: int, cifs: _Structures, left_out: set[int]
) -> tuple[set[str], list[str]]:
    """The structures that rows name, and those of the rows that are not left out."""
    listed, used = set(), []
    for line, cells in table.rows:
        try:
            name = _name(cells[at] if at < len(cells) else "", cifs)
        except ValueError:
            continue
        listed.add(name)
        if line not in left_out:
            used.append(name)
    return listed, used


def _name(text: str, cifs: _Structures) -> str:
    """The structure that a row means: 'x', 'x.cif', 'x.cif:block', or 'folder/x.cif'."""
    text = text.strip().replace("\\", "/")
    stem, colon, block = text.partition(":")
    wanted = (text, f"{stem}.cif{colon}{block}", f"{stem}.CIF{colon}{block}")
    for name in wanted:
        if name in cifs:
            return name
    if blocks := [name for name in cifs if name.startswith(tuple(f"{w}:" for w in wanted))]:
        raise ValueError(f"holds {len(blocks)} structures; name one of them, such as '{blocks[0]}'")
    inside = [name for name in cifs if PurePosixPath(name).name in wanted]
    if len(inside) > 1:
        raise ValueError(f"'{text}' is in several folders: {', '.join(inside[:3])}; name one")
    if not inside:
        raise ValueError(f"there is no file '{text if '.' in text else wanted[1]}' in the folder")
    return inside[0]
