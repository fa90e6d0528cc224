"""The contract of a candidate source: which element sets could be ranked beside the reported ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from framework.contracts.dataset import UnusableRow


class CandidateSource(ABC):
    """A space of element sets; constructor arguments, stored under their own names, are its settings.

    Element sets are texts, their symbols in alphabetical order, separated by spaces. What a source
    gives depends on its settings and its arguments alone, and not on the order of these.

    Attributes:
        pattern: what its element sets have in common, for messages.
        unusable: the rows of the user's file behind it that no candidate was made of.
        notes: what a reader should know of how that file was read.
    """

    pattern: str = "of the candidate source"
    unusable: Sequence[UnusableRow] = ()
    notes: Sequence[str] = ()

    @abstractmethod
    def members(self, element_sets: Iterable[str]) -> list[str]:
        """Those of the element sets that belong to the space, each once, sorted.

        A split divides the reported ones among them, so a material whose set is not a member is
        neither learned from nor held out.
        """

    def held_out(self, members: Sequence[str]) -> list[str]:
        """Those of its reported members that a split may hold out: here all. The others are
        learned from, whatever the split."""
        return list(members)

    @abstractmethod
    def unexplored(self, reported: Sequence[str]) -> list[str]:
        """The element sets that are ranked against what is held out: none of the reported ones,
        each once, sorted.

        Args:
            reported: all element sets of the data set, members or not.

        Raises:
            UserError: none is left, or they are too many.
        """
