"""The contract of a data set: an `xarray.Dataset` along `material` that says where it is from.

A data set holds, along the dimension `material`, the variables

- `formula`: str, "" where only the element set is known;
- `element_set`: str, symbols in alphabetical order with one blank between, "Cl Li S Sn";
- any property: float, with the attributes `long_name` and `units`;
- any class: a whole number. Its attribute `missing_value` is the number that means none, and
  `coarser` (JSON) says which classes make which coarser one, by their first and last number:
  {"crystal_system": {"triclinic": [1, 2], ...}};

A reader of a user's table may state, as attributes, `unused_columns` (JSON: column, reason,
example, and whether it is lost, that is, seems to hold numbers; a lost one is an unusable row of
the header's line, too) and `reading_notes` (JSON: how cells were read).

It has further variables on further dimensions, and the attributes of `data_set`, plain strings and
numbers all of them, so that netCDF can hold them. Where each material has its own number of
something (the sites of its crystal), all of them stand one after the other along a dimension of
their own, and a variable counts them: its attribute `sample_dimension` names that dimension (the
contiguous ragged array of the CF conventions, section 9.3.3).
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr

from framework.base.errors import UserError


@dataclass(frozen=True)
class UnusableRow:
    """A row of a user's file that no material was made of.

    Attributes:
        file: where several were read, the one that it is in; "" until then.
    """

    line: int
    reason: str
    text: str
    file: str = ""


def data_set(
    variables: Mapping[str, Any],
    *,
    name: str,
    title: str,
    source: str,
    licence: str,
    citation: str,
    properties: Sequence[str] = (),
    time: str = "",
    unusable: Sequence[UnusableRow] = (),
) -> xr.Dataset:
    """A data set that keeps the contract, with the digest of its content.

    Args:
        variables: as `xarray.Dataset` takes them, `{name: (dims, values, attrs)}`.
        properties: the names of the property variables.
        time: the name of the variable that gives the order of entry, "" if there is none.
        unusable: the rows of the source that no material was made of.

    Raises:
        ValueError: the variables break the contract (an author's mistake, not a user's).
    """
    ds = xr.Dataset(dict(variables))
    _check(ds, properties, time)
    ds.attrs = {
        "name": name,
        "title": title,
        "source": source,
        "licence": licence,
        "citation": citation,
        "digest": content_digest(ds),
        "properties": " ".join(properties),
        "time": time,
        "unusable_rows": as_json(unusable),
        "n_unusable": len(unusable),
    }
    return ds


def take(ds: xr.Dataset, index: np.ndarray | Sequence[int]) -> xr.Dataset:
    """The materials at ``index`` (m,), in that order, each with its own sites.

    `ds.isel(material=index)` would leave all sites as they are, beside the wrong materials.

    Raises:
        ValueError: materials were taken out of the data set and their sites were not.
    """
    index = np.asarray(index)
    index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
    chosen: dict[str, np.ndarray] = {"material": index}
    for name, variable in ds.variables.items():
        if (dimension := variable.attrs.get("sample_dimension")) is None:
            continue
        counts = variable.values.astype(np.int64)
        if counts.sum() != ds.sizes[dimension]:
            raise ValueError(
                f"'{name}' counts {counts.sum()} along '{dimension}', which has "
                f"{ds.sizes[dimension]}; choose materials with framework.contracts.dataset.take, not isel"
            )
        sizes, begins = counts[index], (np.cumsum(counts) - counts)[index]
        shift = begins - (np.cumsum(sizes) - sizes)
        chosen[dimension] = np.arange(sizes.sum()) + np.repeat(shift, sizes)
    return ds.isel(chosen)


def content_digest(ds: xr.Dataset) -> str:
    """SHA-256 over dimension sizes, variable names, types and values.

    Attributes, the order of the variables, the width of strings, byte order and how a file
    packs or compresses its values leave it as it is.
    """
    digest = hashlib.sha256(json.dumps(sorted((str(k), v) for k, v in ds.sizes.items())).encode())
    for name in sorted(ds.variables, key=str):
        values = np.asarray(ds.variables[name].values)
        text = values.dtype.kind in "OSU"
        kind = "str" if text else values.dtype.newbyteorder("<").str
        digest.update(json.dumps([str(name), list(ds.variables[name].dims), kind]).encode())
        if text:
            digest.update(json.dumps(values.astype(str).ravel().tolist()).encode())
        else:
            if values.dtype.kind == "f":  # one bit pattern for every NaN
                values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
            digest.update(np.ascontiguousarray(values, dtype=kind).tobytes())
    return digest.hexdigest()


class HasAttrs(Protocol):
    """An xarray data set, or what was made from one."""

    @property
    def attrs(self) -> Mapping[Any, Any]: ...


def as_json(rows: Sequence[UnusableRow]) -> str:
    """Unusable rows as an attribute keeps them."""
    return json.dumps([asdict(row) for row in rows], ensure_ascii=False)


def unusable_rows(carrier: HasAttrs) -> list[UnusableRow]:
    """The rows of the source that no material was made of, from a data set or what was made of it."""
    return [UnusableRow(**row) for row in json.loads(carrier.attrs.get("unusable_rows", "[]"))]


def write_unusable_rows(carrier: HasAttrs, path: str | Path) -> None:
    """The side file of the unusable rows: a CSV with the columns file, line, reason, text."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "line", "reason", "text"))
        rows = unusable_rows(carrier)
        writer.writerows((row.file, row.line, row.reason, row.text) for row in rows)


def refuse_unusable(rows: Sequence[UnusableRow], path: str | Path) -> None:
    """What `strict` means: a single unusable row is an error.

    Raises:
        UserError: there are unusable rows; the first three are shown.
    """
    if rows:
        files = sorted({row.file or str(path) for row in rows})
        in_file = (f"{row.file}, " if len(files) > 1 else "" for row in rows)
        first = "; ".join(
            f"{where}line {row.line}: {row.reason}"
            for where, row in zip(in_file, rows[:3], strict=False)
        )
        more = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
        raise UserError(
            f"{', '.join(files)}: {len(rows)} unusable row(s), and strict allows none: {first}{more}; "
            "fix the rows or leave strict off to go on without them"
        )


def _check(ds: xr.Dataset, properties: Sequence[str], time: str) -> None:
    for name in ("formula", "element_set", *properties, *([time] if time else [])):
        if name not in ds:
            raise ValueError(f"a data set needs the variable {name!r}; it has {list(ds.variables)}")
        if ds[name].dims != ("material",):
            raise ValueError(f"{name!r} must run along ('material',), not {ds[name].dims}")
    for name in properties:
        if ds[name].dtype.kind != "f" or not {"long_name", "units"} <= set(ds[name].attrs):
            raise ValueError(f"property {name!r} must be float with a long_name and units")
    for text in ds["element_set"].values.astype(str):
        if not text or " ".join(sorted(set(text.split()))) != text:
            raise ValueError(f"element set {text!r} is not sorted symbols, each once, one blank")
