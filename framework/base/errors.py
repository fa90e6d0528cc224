"""The one exception for a user's mistake, and the words that its messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """What a user can fix: the message says what, where, the nearest valid thing, and how.

    The command line prints it without a traceback and exits with code 2.
    """


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Mistakes found inside are told with the place where the user made them."""
    try:
        yield
    except UserError as error:
        text = str(error)
        raise UserError(text if text.startswith(where) else f"{where}: {text}") from None


def nearest(name: str, valid: Iterable[str]) -> str:
    """A hint for a misspelt name: the closest valid ones, else all of them."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"'{c}'" for c in close) + "?"
    return "valid: " + ", ".join(names) if names else "none is available"


def readable_file(path: str | Path, purpose: str) -> Path:
    """The path of an existing, non-empty file.

    Raises:
        UserError: it is missing (nearest names in the same folder shown), a folder, a pipe or
            device, or empty.
    """
    path = Path(path)
    with _readable(path, purpose):
        if path.is_dir():
            raise UserError(f"{path}: is a folder, not a file ({purpose})")
        if not path.exists():
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            close = difflib.get_close_matches(path.name, siblings, n=1)
            hint = f"; did you mean '{path.parent / close[0]}'?" if close else ""
            raise UserError(f"{path}: no such file ({purpose}){hint}")
        if not path.is_file():
            raise UserError(f"{path}: is a pipe or a device; write it to a file first ({purpose})")
        if path.stat().st_size == 0:
            raise UserError(f"{path}: the file is empty ({purpose})")
    return path


def read_bytes(path: str | Path, purpose: str) -> bytes:
    """The content of a file.

    Raises:
        UserError: as `readable_file`, or it may not be read.
    """
    path = readable_file(path, purpose)
    with _readable(path, purpose):
        return path.read_bytes()


def read_text(path: str | Path, purpose: str) -> str:
    """The UTF-8 text of a file.

    Raises:
        UserError: as `read_bytes`, or the content is binary.
    """
    raw = read_bytes(path, purpose)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not a text file (byte {error.start} is not UTF-8); save it as UTF-8 ({purpose})"
        ) from None
    if "\x00" in text:
        raise UserError(
            f"{path}: not a text file (it holds NUL bytes); save it as UTF-8 ({purpose})"
        )
    if not text.strip():
        raise UserError(f"{path}: the file holds nothing but blanks ({purpose})")
    return text


@contextmanager
def _readable(path: Path, purpose: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"{path}: cannot be read ({reason}; {purpose})") from None
