"""Fields of fixed elements with listed cations and anions, such as Li with one of 15 cations and two of 7 anions. Source: Vasylenko et al., Nat. Commun. 12, 5561 (2021)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from data.candidates.pattern import ANIONS, Pattern, require_elements
from framework.base.errors import UserError
from framework.contracts.candidates import CandidateSource

CATIONS = ("B", "Mg", "Al", "Si", "P", "K", "Ca", "Zn", "Sr", "Y", "Zr", "Sn", "Ba", "Ta", "La")


class ListedCations(CandidateSource):
    """What could be made next around some fixed elements, all of which are frequent.

    All reported fields of the pattern are learned from, and those of the lists alone are held out,
    so that hits and candidates are of one kind. They may be few: hold out most of them, as by
    ``{name: random, fraction: 0.9}``. The validation part is of all reported fields.

    Args:
        pattern: of reported fields and of candidates.
        fixed: elements that every candidate holds; anions where they are of ``pattern_anions``.
        cations: of which the other cations of a candidate are; P may be one, beside anions.
        anions: of which the other anions of a candidate are.
        pattern_anions: the elements that A stands for in reported fields.
    """

    def __init__(
        self,
        pattern: str = "M-M'-A-A'",
        fixed: tuple[str, ...] = ("Li",),
        cations: tuple[str, ...] = CATIONS,
        anions: tuple[str, ...] = ("S", "O", "Cl", "Br", "I", "N", "F"),
        pattern_anions: tuple[str, ...] = ANIONS,
    ) -> None:
        self.pattern, self.fixed, self.cations, self.anions = pattern, fixed, cations, anions
        self.pattern_anions = pattern_anions
        self._reported = Pattern(pattern, anions=pattern_anions)
        for key in ("fixed", "cations", "anions"):
            require_elements(getattr(self, key), key)
        if both := (set(fixed) & {*cations, *anions}) | (set(cations) & set(anions)):
            raise UserError(
                f"{', '.join(sorted(both))} is in two of fixed, cations and anions; choose one"
            )
        n_anions = sum(symbol in pattern_anions for symbol in fixed)
        wanted = {
            "cations": (self._reported.n_cations - len(fixed) + n_anions, cations),
            "anions": (self._reported.n_anions - n_anions, anions),
        }
        for key, (n, listed) in wanted.items():
            if not 0 <= n <= len(listed):
                raise UserError(
                    f"{pattern} with {' '.join(fixed) or 'nothing'} fixed needs {n} of the {key}, "
                    f"and {len(listed)} are listed; change fixed, {key} or pattern"
                )
        self._space = {
            " ".join(sorted((*fixed, *positive, *negative)))
            for positive, negative in itertools.product(
                *(itertools.combinations(listed, n) for n, listed in wanted.values())
            )
        }

    def members(self, element_sets: Iterable[str]) -> list[str]:
        """The element sets that follow the pattern or are of the lists, each once, sorted."""
        given = set(element_sets)
        return sorted({*self._reported.members(given), *(given & self._space)})

    def held_out(self, members: Sequence[str]) -> list[str]:
        """Those of the lists."""
        return [text for text in members if text in self._space]

    def unexplored(self, reported: Sequence[str]) -> list[str]:
        """The fields of the lists that are not reported, sorted.

        Raises:
            UserError: all of them are.
        """
        if left := sorted(self._space - set(reported)):
            return left
        raise UserError(
            f"all {len(self._space)} fields of the lists are reported already; list more elements"
        )
