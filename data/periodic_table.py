"""Element symbols and atomic numbers, and a hint for what is not a symbol."""

from __future__ import annotations

import difflib

_PERIODIC_TABLE = """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As
    Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb
    Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk
    Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""

SYMBOLS: tuple[str, ...] = tuple(_PERIODIC_TABLE.split())
"""The 118 symbols; `SYMBOLS[z - 1]` is the element with atomic number z."""

ATOMIC_NUMBERS: dict[str, int] = {symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}


def nearest_elements(symbol: str) -> str:
    """A hint for what is not an element symbol."""
    if not symbol:
        return "write symbols such as Li or Sn"
    if symbol in ("D", "T"):
        return "isotopes of hydrogen are written H"
    if symbol.capitalize() in ATOMIC_NUMBERS:
        return f"did you mean '{symbol.capitalize()}'?"
    by_likeness = sorted(SYMBOLS, key=lambda s: -difflib.SequenceMatcher(None, symbol, s).ratio())
    close = [s for s in by_likeness if s[0] == symbol[0].upper()][:2]
    if not close:
        return "write symbols such as Li or Sn"
    return "did you mean " + " or ".join(f"'{s}'" for s in close) + "?"
