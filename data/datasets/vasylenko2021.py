"""The 2,021 reported phase fields that the phase-field VAE learned from. Source: Vasylenko et al., Nat. Commun. 12, 5561 (2021)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from data.element_sets import parse_element_set
from data.table import read_lines
from framework.base.errors import UserError
from framework.contracts.dataset import data_set

TRAINING, CANDIDATES = "training_fields.dat", "candidate_fields.dat"
FEATURES = "elemental_features_37.csv"
TRAINING_SCORES = "published_training_scores.csv"
CANDIDATE_SCORES = "published_candidate_scores.csv"
VALIDATION_SCORES = "published_validation_scores.csv"
FILES = (TRAINING, CANDIDATES, FEATURES, TRAINING_SCORES, CANDIDATE_SCORES, VALIDATION_SCORES)
"""What a complete copy of the published folder holds."""

_PURPOSE = "phase fields, four symbols a line such as 'Cl Li S Sn'"
_SIZE = 4


def vasylenko2021(path: str | Path, strict: bool = False) -> xr.Dataset:
    """The published training fields, one material a line; their formulas are unknown ("").

    94 of the fields hold an element twice, in two oxidation states: "As As Cd I". Such a field
    is a set of three elements, "As Cd I". It is kept, since it is reported, but in a benchmark
    of M-M'-A-A' it is no member: it is neither learned from nor ranked, and it stands for no
    candidate of four elements. Two of them ("Br Nb Nb Se", "Br Nb Se Se") share one set, so
    there are 2,020 sets. The published system learned from all 2,021 fields.

    Beside the contract: `elements_published`, the four symbols as published, and `repeated`,
    whether one of them is listed twice.

    Args:
        path: the folder with `training_fields.dat`; the data set needs no other file of it.
        strict: as every reader of files takes it; here a line that is no field is an error
            either way, since a published list with a line missing is another list.

    Raises:
        UserError: the path is no such folder, or a line of the file is no phase field.
    """
    published = read_fields(require_folder(path, TRAINING) / TRAINING)
    return data_set(
        {
            "formula": ("material", np.full(len(published), "")),
            "element_set": (
                "material",
                np.array([" ".join(sorted(set(field))) for field in published]),
            ),
            "elements_published": ("material", np.array([" ".join(field) for field in published])),
            "repeated": ("material", np.array([len(set(field)) < _SIZE for field in published])),
        },
        name="vasylenko2021",
        title="Phase fields reported in the ICSD, as the phase-field VAE was trained on",
        source=f"the user's folder {path}, a copy of PhaseFieldRanking; derived from the ICSD",
        licence="MIT (PhaseFieldRanking)",
        citation="Vasylenko et al., Nat. Commun. 12, 5561 (2021)",
    )


def require_folder(path: str | Path, *files: str) -> Path:
    """The folder, if it holds the files.

    Raises:
        UserError: it is missing, a file, or lacks some of them; all of these are named.
    """
    folder = Path(path)
    expected = f"expected a folder that holds {', '.join(files)}"
    if folder.is_file():
        raise UserError(f"{folder}: is a file; {expected}: give the folder, '{folder.parent}'")
    if not folder.exists():
        raise UserError(f"{folder}: no such folder; {expected}")
    if absent := [name for name in files if not (folder / name).is_file()]:
        raise UserError(f"{folder}: lacks {', '.join(absent)}; {expected}")
    return folder


def read_fields(file: Path) -> list[tuple[str, ...]]:
    """The phase fields of a file, four symbols each in the order of the line.

    Raises:
        UserError: the file cannot be read, or lines of it are no fields; the first three are
            named with the nearest valid symbol.
    """
    fields: list[tuple[str, ...]] = []
    lines: dict[tuple[str, ...], int] = {}
    wrong = []
    for line, text in enumerate(read_lines(file, _PURPOSE), start=1):
        if not text.strip():
            continue
        field = tuple(text.split())
        try:
            if len(field) != _SIZE:
                raise ValueError(f"'{text.strip()}' is not four symbols with blanks between")
            parse_element_set(" ".join(dict.fromkeys(field)))
            first = lines.setdefault(tuple(sorted(field)), line)
            if first != line:
                raise ValueError(f"'{text.strip()}' is on line {first} already")
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
        fields.append(field)
    if wrong:
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(
            f"{file}: {'; '.join(wrong[:3])}{more}; fix the file or take a fresh copy ({_PURPOSE})"
        )
    return fields
