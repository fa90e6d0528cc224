"""A user's own list of candidate element sets, less those that are already reported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from data.candidates.pattern import ANIONS, Pattern
from data.datasets.element_set_list import element_set_list
from framework.base.errors import UserError
from framework.contracts.candidates import CandidateSource
from framework.contracts.dataset import UnusableRow, unusable_rows

_REPORTED = "not a candidate: it is reported already"


class Listed(CandidateSource):
    """Candidates from a file, one element set a line; reported fields are those of a pattern.

    Args:
        path: the file (see the data set ``element_set_list``).
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
        listed = element_set_list(path, strict=strict)
        self.rows = [str(text) for text in listed["element_set"].values]
        self.unusable: list[UnusableRow] = unusable_rows(listed)
        self._lines: list[int] = json.loads(listed.attrs["lines"])

    def members(self, element_sets: Iterable[str]) -> list[str]:
        """The element sets that follow the pattern, each once, sorted."""
        return self._space.members(element_sets)

    def unexplored(self, reported: Sequence[str]) -> list[str]:
        """The listed sets that are not reported, sorted; `unusable` then names the others.

        They need the pattern's number of elements, not its anions: whoever lists a phosphorus
        cation knows what they ask for.

        Raises:
            UserError: a set has another number of elements, or all are reported.
        """
        size = self._space.n_cations + self._space.n_anions
        if strangers := [row for row in self.rows if len(row.split()) != size]:
            shown = "; ".join(strangers[:3])
            raise UserError(
                f"{self.path}: {len(strangers)} of {len(self.rows)} element sets do not have "
                f"{size} elements, as {self.pattern} has (first: {shown}); take them out or give "
                "another pattern"
            )
        known = set(reported)
        self.unusable += [
            row
            for line, text in zip(self._lines, self.rows, strict=True)
            if text in known and (row := UnusableRow(line, _REPORTED, text)) not in self.unusable
        ]
        left = sorted(set(self.rows) - known)
        if not left:
            raise UserError(
                f"{self.path}: all {len(self.rows)} candidates are reported already; "
                "there is nothing to rank"
            )
        return left
