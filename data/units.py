"""Units that may follow a number in a cell: "eV/atom", "S cm-1", "%", "°C"."""

from __future__ import annotations

import re
import unicodedata

_PREFIXES = ("", *"YZEPTGMkhdcmunpfaμ")
_PREFIXED = """
    eV J Pa g m s A V W K Hz N C F S Ohm Ω T mol L l bar b B cal Wh Ah H Wb G Oe
"""
_AS_THEY_ARE = """
    % ‰ ° °C °F deg degC Å Angstrom angstrom ang amu u Da Ha Ry hartree atom atoms at.% at% wt.%
    wt% mol% vol% atm torr psi min h d day days yr year years ppm ppb f.u. fu cell μB muB emu e rpm
    site electron ion phase
"""
_KNOWN = {unicodedata.normalize("NFKC", p + u) for p in _PREFIXES for u in _PREFIXED.split()} | {
    unicodedata.normalize("NFKC", u) for u in _AS_THEY_ARE.split()
}
_POWER = re.compile(r"\^?[({]?[-+\u2212]?\d(?:\.\d)?[)}]?$|[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+$")
_JOINED = re.compile(r"\s+per\s+|\s*[/·*⋅]\s*|\s+|\.(?=[a-zA-Z]{1,4}(?:$|[\s/·*\d^-]))")


def is_unit(text: str) -> bool:
    """True for known units with prefixes and powers, joined by blanks, dots, `*` or `/`."""
    if _normal(text) in _KNOWN:
        return True
    parts = [_POWER.sub("", part) for part in _JOINED.split(text.strip(" ()[]"))]
    return bool(parts) and all(_normal(part) in _KNOWN for part in parts)


def same_unit(one: str, other: str) -> bool:
    """True where two texts differ in blanks and in the code of a character alone."""
    return _normal(one) == _normal(other)


def _normal(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).strip("()[]")
