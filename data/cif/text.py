"""The syntax of CIF 1.1: text into blocks of tags and values.

Source: Hall, Allen and Brown, Acta Cryst. A47, 655 (1991); International Tables for
Crystallography G, chapter 2.2. Tags are the same in capitals, and with the full stop of the newer
dictionaries (`_atom_site.fract_x`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      ^;(?P<text>.*?)\n;
    | (?P<comment>\#[^\n]*)
    | '(?P<single>(?:[^'\n]|'(?=\S))*)'(?=\s|\Z)
    | "(?P<double>(?:[^"\n]|"(?=\S))*)"(?=\s|\Z)
    | (?P<bare>\S+)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL | re.ASCII,
)

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?:\(\d*\))?", re.ASCII)

_OF_THE_STRUCTURE = ("_cell_", "_atom_", "_symmetry_", "_space_group", "_chemical_formula_sum")
"""Tags whose faults matter here; a slip in the list of authors does not."""

UNKNOWN = ("?", ".", "")
"""What a CIF writes where it has no value: not known, or not applicable."""


@dataclass
class Block:
    """A data block.

    Attributes:
        values: by tag in lower case, with '_' for '.': a text, or the texts of a loop's column.
        fault: what is wrong with the syntax of the structure, "" if nothing is.
    """

    name: str
    values: dict[str, str | list[str]] = field(default_factory=dict)
    fault: str = ""

    def text(self, tag: str) -> str:
        """The one value of a tag, "" where there is none or it is not known."""
        value = self.values.get(tag, "")
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else ""
        return "" if value in UNKNOWN else value.strip()

    def column(self, tag: str) -> list[str] | None:
        """The values of a loop's column, None where the block does not have it."""
        value = self.values.get(tag)
        return [value] if isinstance(value, str) else value


def decode(raw: bytes) -> str:
    """The text of a CIF file: UTF-8, UTF-16 with its mark, or else Latin-1.

    Raises:
        ValueError: it is binary.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise ValueError("not a text file") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if "\x00" in text:
        raise ValueError("not a text file (it has NUL bytes)")
    return text


def blocks(text: str) -> list[Block]:
    """The data blocks of a CIF text, in their order; save frames are skipped."""
    read: list[Block] = []
    tokens: list[tuple[str, bool]] = []
    in_frame = False
    for value, bare in _tokens(text):
        keyword = value.lower() if bare else ""
        if keyword.startswith("data_"):
            _fill(read, tokens)
            read.append(Block(value[5:]))
            tokens, in_frame = [], False
        elif keyword.startswith("save_"):
            in_frame = len(value) > len("save_")
        elif not in_frame:
            tokens.append((value, bare))
    _fill(read, tokens)
    return read


def number(text: str, what: str) -> float:
    """A number with or without its standard uncertainty in brackets, '5.64(2)'.

    Raises:
        ValueError: it is not one; the message begins with `what`.
    """
    if (match := _NUMBER.fullmatch(text.strip())) is None:
        raise ValueError(f"{what} is '{text:.20}', not a number")
    return float(match[1])


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Each value and whether it is bare, so that it may be a tag or a keyword."""
    for match in _TOKEN.finditer(text.replace("\r\n", "\n").replace("\r", "\n")):
        kind = match.lastgroup
        if kind is not None and kind != "comment":
            yield match[kind], kind == "bare"


def _fill(read: list[Block], tokens: list[tuple[str, bool]]) -> None:
    """Tags and values of the last block, from its tokens."""
    if not read:
        return
    block, i, tag = read[-1], 0, ""
    while i < len(tokens):
        value, bare = tokens[i]
        i += 1
        if bare and value.lower() == "loop_":
            begin = i
            while i < len(tokens) and _is_tag(*tokens[i]):
                i += 1
            tags = [_normalised(name) for name, _ in tokens[begin:i]]
            begin = i
            while i < len(tokens) and not _is_tag(*tokens[i]) and not _is_keyword(*tokens[i]):
                i += 1
            tag = tags[0] if tags else ""
            _fill_loop(block, tags, [value for value, _ in tokens[begin:i]])
        elif _is_tag(value, bare):
            tag = _normalised(value)
            given = i < len(tokens) and not _is_tag(*tokens[i]) and not _is_keyword(*tokens[i])
            _set(block, tag, tokens[i][0] if given else "?")
            i += given
        elif not _is_keyword(value, bare):
            _note_fault(block, tag, f"'{value:.20}' after {tag}: text with blanks needs quotes")


def _fill_loop(block: Block, tags: list[str], values: list[str]) -> None:
    if tags and len(values) % len(tags):
        _note_fault(
            block, tags[0], f"the loop_ of {tags[0]}: {len(values)} values for {len(tags)} columns"
        )
        values = []
    for j, tag in enumerate(tags):
        _set(block, tag, values[j :: len(tags)])


def _set(block: Block, tag: str, value: str | list[str]) -> None:
    if block.values.setdefault(tag, value) != value:
        _note_fault(block, tag, f"{tag} is given twice")


def _note_fault(block: Block, tag: str, fault: str) -> None:
    if tag.startswith(_OF_THE_STRUCTURE):
        block.fault = block.fault or fault


def _is_tag(value: str, bare: bool) -> bool:
    return bare and value.startswith("_")


def _is_keyword(value: str, bare: bool) -> bool:
    return bare and value.lower() in ("loop_", "stop_", "global_")


def _normalised(tag: str) -> str:
    return tag.lower().replace(".", "_")
