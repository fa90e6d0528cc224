"""Chemical formulas as amounts of elements; what may mean two things is refused, with the reason.

Read are plain formulas (`Li3.3SnS3.3Cl0.7`), brackets (`Ca(OH)2`), fractions (`LiNi1/3Mn1/3Co1/3O2`),
parts joined by a dot (`CuSO4.5H2O`, `3CaO·Al2O3`), and subscripts of Unicode, HTML and LaTeX.
"""

# ruff: noqa: RUF001 - what people write for a minus sign

from __future__ import annotations

import math
import re
from functools import lru_cache

from data.periodic_table import ATOMIC_NUMBERS, nearest_elements

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]\d+)?"
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_PLAIN_PART = re.compile(rf"([A-Z][a-z]?)({_NUMBER})?", re.ASCII)
_PLAIN_FORMULA = re.compile(f"(?:{_PLAIN_PART.pattern})+", re.ASCII)
_WHOLE_AMOUNTS = re.compile(r"(?:[A-Z][a-z]?\d*(?: (?=[A-Z]))?)+", re.ASCII)
_TOKEN = re.compile(
    rf"(?P<symbol>[A-Z][a-z]?)|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<amount>\d+/\d+|{_NUMBER})",
    re.ASCII,
)
_MULTIPLIER = re.compile(rf"\d+/\d+|{_NUMBER}", re.ASCII)

_TRANSLATED = str.maketrans(
    dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
    | {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full width
    | {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
    | {"\u200b": "", "\u2060": "", "\ufeff": ""}
)
_MARKUP = re.compile(r"</?sub>|\$|_(?=[\d{])")
_BRACED = re.compile(r"(?<![A-Z(\[])\{([\d.]+)\}|(?<=[A-Za-z])\{([\d.]+)\}")
_JOINTS = re.compile(r"\s*[·∙⋅•‧・*@]\s*|\s+\.\s*|\.\s+")

_EXPONENT = re.compile(r"(?<=[\d.])[eE][+-]\d+")
_REFUSED = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (
            r"[δΔ]|[-+±−–]\s*[\d.]*\s*[xyzdn](?![a-z])"
            r"|(?<=[\d)\]·])[xyzn](?=[A-Z(\[]|$)|(?<=[A-Z])[xz](?=[A-Z(\[·]|$)"
            r"|(?<=[A-Z][a-z])[xyzn](?=[A-Z(\[·\d]|$)|^[xyzn](?=[A-Z(])",
            "a variable amount: write the number that it stands for",
        ),
        (r"(?<=[A-Za-z])\((?:[IV]+|0)\)", "an oxidation state in brackets: leave it out"),
        (r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]|\^", "a superscript, as of a charge or an isotope: leave it out"),
        (r":", "a colon, as before a dopant: write the amounts of all elements"),
        (r"/(?!\d)|(?<!\d)/", "a slash, as in a composite: give one material a row"),
        (r",", "a comma: write the amount of each element that shares a site"),
        (r"%", "a percentage: write the amounts of all elements"),
        (
            r"\+$|\d*[+−](?=[A-Z(\d])|(?<=[\s\d])\d*[-−–]$|^[A-Z][a-z]?[-−–]$",
            "a charge: leave it out",
        ),
        (r"^(?:[α-ωa-z]|alpha|beta|gamma|delta)[-–]", "the name of a phase in front: leave it out"),
        (r"[-−–—+]", "a hyphen or plus: join the parts of one material by '·'"),
        (
            r"^[A-Za-z]?[a-z]{3,}|[a-z]{3,}|\s[a-z]{2,}|\([a-z]+\)",
            "words: write symbols and amounts",
        ),
        (r"\d\s+\d", "a blank between numbers: join the parts by '·', as in CuSO4·5H2O"),
        (r"\s\d", "a number after a blank: write Ca(OH)2, or join the parts by '·'"),
    )
)

_WATER = re.compile(r"(?:H2O|\(H2O\)|\[H2O\])(?=\.|$)")
_MOLECULE = re.compile(r"(?:NH3|CH3OH|C2H5OH|C2H6O|HF|HCl|CO2|H2O2)(?=\.|$)")
_MOST_WATER = 24
_NONMETALS = "B C N O F Si P S Cl As Se Br Te I"
_ANION_FORMERS = frozenset(_NONMETALS.split())


def parse_formula(formula: str) -> dict[str, float]:
    """The amounts of a formula, `Li3.3SnS3.3Cl0.7` -> {"Li": 3.3, "Sn": 1.0, ...}.

    A full stop before a number joins two parts in `CuSO4.5H2O` and is a decimal point elsewhere;
    where both could be meant (`Al2O3.2SiO2`) the formula is refused. So are charges, isotopes,
    variable amounts, composites and dopants.

    >>> parse_formula("CuSO4.5H2O")
    {'Cu': 1.0, 'S': 1.0, 'O': 9.0, 'H': 10.0}

    Raises:
        ValueError: with the reason in words: it cannot be read or may be read in two ways, a
            symbol is not an element, or an amount is not above zero.
    """
    amounts: dict[str, float] = {}
    try:
        if _WHOLE_AMOUNTS.fullmatch(formula) or (
            _PLAIN_FORMULA.fullmatch(formula) and len(_at_full_stops(formula)) == 1
        ):
            for symbol, amount in _PLAIN_PART.findall(formula):
                amounts[symbol] = amounts.get(symbol, 0.0) + float(amount or 1)
        else:
            amounts = _of_parts(_normal(formula))
    except ValueError as error:
        raise ValueError(f"'{formula:.60}' is not a formula ({error})") from None
    for symbol in amounts:
        if symbol not in ATOMIC_NUMBERS:
            raise ValueError(
                f"'{symbol}' in '{formula:.60}' is not an element; {nearest_elements(symbol)}"
            )
    if not amounts or not all(0 < amount < math.inf for amount in amounts.values()):
        raise ValueError(f"'{formula:.60}' is not a formula (an amount must be above zero)")
    return amounts


@lru_cache(maxsize=200_000)
def formula_element_set(formula: str) -> str:
    """The element set of a formula, "Li3.3SnS3.3Cl0.7" -> "Cl Li S Sn".

    Raises:
        ValueError: as `parse_formula`.
    """
    return " ".join(sorted(parse_formula(formula)))


def _normal(formula: str) -> str:
    """ASCII with `·` between parts and without blanks.

    Raises:
        ValueError: it holds what no formula holds; the reason.
    """
    text = _MARKUP.sub("", formula.translate(_TRANSLATED)).strip()
    text = _JOINTS.sub("·", _BRACED.sub(r"\1\2", text))
    without_exponents = _EXPONENT.sub("", text)
    for pattern, reason in _REFUSED:
        if match := pattern.search(without_exponents):
            raise ValueError(f"'{match[0].strip()}' is {reason}")
    return re.sub(r"\s+", "", text)


def _of_parts(text: str) -> dict[str, float]:
    """The amounts of all parts, each times the number in front of it."""
    parts = [part for joined in text.split("·") for part in _at_full_stops(joined)]
    amounts: dict[str, float] = {}
    for i, part in enumerate(parts):
        multiplier = _MULTIPLIER.match(part)
        if multiplier and not i:
            _require_multiplier(part, multiplier[0], len(parts))
        factor = _value(multiplier[0]) if multiplier else 1.0
        for symbol, amount in _bracketed(part[multiplier.end() if multiplier else 0 :]).items():
            amounts[symbol] = amounts.get(symbol, 0.0) + factor * amount
    return amounts


def _require_multiplier(part: str, number: str, n_parts: int) -> None:
    """Refuse a number in front of a lone formula, or one that is the mass of its element."""
    symbol = _SYMBOL.match(part, len(number))
    z = ATOMIC_NUMBERS.get(symbol[0], 0) if symbol else 0
    if n_parts == 1 or (z and 2 * z - 1 <= _value(number) <= 2.7 * z + 1):
        raise ValueError(
            f"'{number}' in front may be a mass number or a number of formula units: leave it out"
        )


def _at_full_stops(text: str) -> list[str]:
    """The parts that full stops join, outside of brackets.

    Raises:
        ValueError: a full stop may as well be a decimal point.
    """
    if "." not in text:
        return [text]
    depth = 0
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "." and not depth and _joins(text[:i], text[i + 1 :]):
            return [text[:i], *_at_full_stops(text[i + 1 :])]
    return [text]


def _joins(before: str, after: str) -> bool:
    """Whether the full stop between two texts joins parts; otherwise it is a decimal point."""
    body = before.rstrip("0123456789")
    whole = before[len(body) :]
    number = re.match(r"\d*(?:\.\d+)?", after, re.ASCII)
    assert number is not None  # it matches an empty text too
    rest = after[number.end() :]
    if not number[0] or not body:
        return bool(body and rest)
    symbols = set(_SYMBOL.findall(body))
    water = _WATER.match(rest) is not None and not symbols.isdisjoint(_ANION_FORMERS)
    twice = "." in number[0]
    decimal = whole.startswith("0") or (number[0][0] == "0" and not twice)
    if decimal or body[-1] in ".eE":
        return False
    if water and whole != "1" and _value(number[0]) <= _MOST_WATER:
        if not (twice and re.search(r"\.0(?!\d)", body)):
            return True
    elif not twice:
        shared = not symbols.isdisjoint(_SYMBOL.findall(rest)) and "." not in rest
        adduct = shared and rest[0] not in "([{" and whole != "1"
        if not (water or adduct or (_MOLECULE.match(rest) and len(symbols) > 1)):
            return False
    raise ValueError(
        f"the full stop may be a decimal point ('{whole}.{number[0]}') or join two parts "
        f"('{whole}·{number[0]}{rest[:12]}'): write '·' where it joins"
    )


def _bracketed(text: str) -> dict[str, float]:
    """The amounts of one part, brackets multiplied out."""
    stack: list[tuple[str, dict[str, float]]] = [("", {})]
    last: dict[str, float] = {}  # what an amount that follows multiplies
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or (token["amount"] and not last):
            raise ValueError(f"it cannot be read from '{text[at : at + 12]}' on")
        if token["open"]:
            stack.append((token["open"], {}))
            last, at = {}, token.end()
            continue
        if token["close"]:
            opening, last = stack.pop()
            if opening + token["close"] not in ("()", "[]", "{}"):
                raise ValueError("its brackets do not match")
        elif token["symbol"]:
            last = {token["symbol"]: 1.0}
        at = token.end()
        factor = 1.0
        if (amount := _MULTIPLIER.match(text, at)) is not None:
            _require_fraction_of_cation(amount[0], token["symbol"])
            factor, at = _value(amount[0]), amount.end()
        total = stack[-1][1] if stack else {}
        for symbol, n in last.items():
            total[symbol] = total.get(symbol, 0.0) + factor * n
    if len(stack) > 1:
        raise ValueError("a bracket is not closed")
    return stack[0][1]


def _require_fraction_of_cation(amount: str, symbol: str | None) -> None:
    """Refuse "O4/5C": a composite rather than a fraction."""
    if "/" in amount:
        part, whole = map(int, amount.split("/"))
        if not 0 < part < whole or math.gcd(part, whole) > 1 or symbol in _ANION_FORMERS:
            raise ValueError(f"'{amount}' may be a fraction or a composite: write a decimal number")


def _value(amount: str) -> float:
    part, _, whole = amount.partition("/")
    return float(part) / float(whole or 1)
