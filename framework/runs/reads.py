"""What was read of a user's files: how many rows, how many were used, the others by reason."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from framework.contracts.dataset import HasAttrs, UnusableRow

MOST_REASONS = 4
"""Kinds of reasons that are printed; the side file has all of them."""


@dataclass(frozen=True)
class Read:
    """One file that was read.

    Attributes:
        file: its path.
        used: rows that were used.
        left_out: how many rows were left out, by reason, the most frequent first; reasons that
            differ in quoted texts and numbers alone are one.
        notes: the columns that are not used and why, and how cells were read.
    """

    file: str
    used: int
    left_out: dict[str, int]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: Any, used: int, left_out: Sequence[UnusableRow]) -> Read:
        """The account of a file.

        Args:
            left_out: the rows that were not used.
        """
        first = {_kind(row.reason): row.reason for row in reversed(left_out)}
        counts = Counter(_kind(row.reason) for row in left_out).most_common()
        by_reason = {first[kind] if n == 1 else kind: n for kind, n in counts}
        return cls(str(file), used, by_reason)

    @classmethod
    def of_data(
        cls, file: Any, data: xr.Dataset, used: int, left_out: Sequence[UnusableRow]
    ) -> Read:
        """The account of the file behind a data set: a lost column is a note, not a row.

        Args:
            used: materials that were used.
            left_out: the unusable rows of the data set, and materials that make no item.
        """
        columns = json.loads(data.attrs.get("unused_columns", "[]"))
        lost = {each["column"] for each in columns if each["lost"]}
        read = cls.of(file, used, [row for row in left_out if row.text not in lost])
        unused = [f"column '{c['column']}' is not used: it {c['reason']}" for c in columns]
        notes = [*unused, *json.loads(data.attrs.get("reading_notes", "[]"))]
        return replace(read, notes=notes)

    def text(self) -> str:
        """ "mine.csv: 478 rows, 48 used, 430 left out: no value of ... (400); ..."."""
        n = sum(self.left_out.values())
        rows = f"{self.file}: {self.used + n:,} row{'s' * (self.used + n != 1)}"
        if not n:
            return f"{rows}, all used"
        kinds = [f"{why} ({k:,})" if k > 1 else why for why, k in self.left_out.items()]
        more = len(kinds) - MOST_REASONS
        reasons = "; ".join(kinds[:MOST_REASONS]) + (f"; {more} other reasons" if more > 0 else "")
        return f"{rows}, {self.used:,} used, {n:,} left out: {reasons}"


def as_attribute(reads: Sequence[Read]) -> str:
    """Accounts as an attribute keeps them (JSON)."""
    return json.dumps([asdict(read) for read in reads], ensure_ascii=False)


def reads_of(carrier: HasAttrs) -> list[Read]:
    """The accounts that items, or what was made of them, carry."""
    return [Read(**each) for each in json.loads(carrier.attrs.get("reads", "[]"))]


def _kind(reason: str) -> str:
    """What reasons of one kind share: "'Xx' is not an element; did you mean 'Xe'?" ->
    "... is not an element"."""
    return re.sub(r"'[^']*'|\b\d[\d.,]*\b", "...", reason.partition(";")[0])
