"""A user's own list of candidate element sets, less those that are already reported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from data.candidates.pattern import ANIONS, Pattern
from data.datasets.element_set_list import candidate_list
from framework.base.errors import UserError
from framework.contracts.candidates import CandidateSource
from framework.contracts.dataset import UnusableRow, refuse_unusable, unusable_rows

_REPORTED = "not a candidate: it is reported already"


class Listed(CandidateSource):
    """Candidates from a file, one element set or formula a line; reported fields are those of a pattern.

    A formula means its element set.

    Args:
        path: the file: a list, or a table with a column ``elements`` or ``formula``.
        pattern: the pattern of the reported fields; candidates have its number of elements.
        anions: the elements that A stands for.
        strict: an unusable row of the file is an error.
    """

    def __init__(
        self,
        path: str,
        pattern: str = "M-M'-A-A'",
        anions: tuple[str, ...] = ANIONS,
        strict: bool = False,
    ) -> None:
        self.path, self.pattern, self.anions, self.strict = path, pattern, anions, strict
        self._space = Pattern(pattern, anions=anions)
        listed = candidate_list(path, strict)
        self.rows = [str(text) for text in listed["element_set"].values]
        self.unusable: list[UnusableRow] = unusable_rows(listed)
        if n := int((listed["formula"].values != "").sum()):
            self.notes = (f"{n:,} of the rows are formulas; each means its element set",)
        self._lines: list[int] = json.loads(listed.attrs["lines"])

    def members(self, element_sets: Iterable[str]) -> list[str]:
        """The element sets that follow the pattern, each once, sorted."""
        return self._space.members(element_sets)

    def unexplored(self, reported: Sequence[str]) -> list[str]:
        """The listed sets of the pattern's size that are not reported, sorted; `unusable` then
        names the others.

        They need the pattern's number of elements, not its anions: whoever lists a phosphorus
        cation knows what they ask for.

        Raises:
            UserError: none is left; or, with ``strict``, one is left out.
        """
        size = self._space.n_cations + self._space.n_anions
        known = set(reported)
        fitting = []
        for line, text in zip(self._lines, self.rows, strict=True):
            if (n := text.count(" ") + 1) != size:
                reason = f"has {n} elements, and {self.pattern} has {size}"
            elif text in known:
                reason = _REPORTED
            else:
                fitting.append(text)
                continue
            if (row := UnusableRow(line, reason, text)) not in self.unusable:
                self.unusable.append(row)
        if not fitting:
            raise self._nothing(size)
        if self.strict:
            refuse_unusable(self.unusable, self.path)
        return sorted(fitting)

    def _nothing(self, size: int) -> UserError:
        """Why no candidate is left."""
        n, strangers = len(self.rows), [row for row in self.rows if row.count(" ") + 1 != size]
        if not strangers:
            return UserError(
                f"{self.path}: all {n} candidates are reported already; there is nothing to rank"
            )
        return UserError(
            f"{self.path}: {len(strangers)} of {n} element sets do not have {size} elements, as "
            f"{self.pattern} has (first: {'; '.join(strangers[:3])})"
            f"{', and the others are reported already' * (len(strangers) < n)}; give the pattern "
            "that fits"
        )
