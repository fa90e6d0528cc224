"""Text files as they come: compressed or not, in UTF-8, UTF-16 or Windows-1252, with any line ends."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from pathlib import Path

from framework.base.errors import UserError, read_bytes

ZIP = b"PK\x03\x04"
EXCEL = (".xlsx", ".xlsm")
WORKBOOK = "xl/workbook.xml"
"""What the archive that an Excel file is holds."""
GUESSED = "Windows-1252"

_COMPRESSED = {
    ".gz": (b"\x1f\x8b", "gzip", gzip.decompress),
    ".bz2": (b"BZh", "bzip2", bz2.decompress),
    ".xz": (b"\xfd7zXZ\x00", "xz", lzma.decompress),
}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def read_lines(path: str | Path, purpose: str) -> list[str]:
    """The lines of a text file, plain or compressed (`.gz`, `.bz2`, `.xz`, `.zip`).

    Lines end with LF, CR or both, and nowhere else. The text is UTF-8, UTF-16 or Windows-1252.

    Raises:
        UserError: missing, a folder, empty, binary, or not readable as what its name says.
    """
    return lines_of(Path(path), purpose, unpacked(Path(path), purpose))[0]


def lines_of(path: Path, purpose: str, raw: bytes) -> tuple[list[str], str]:
    """The lines of a file's unpacked content, and its encoding.

    Raises:
        UserError: it holds no text.
    """
    text, encoding = _decoded(path, purpose, raw)
    if not text.strip():
        raise UserError(f"{path}: the file holds nothing but blanks ({purpose})")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    return lines, encoding


def _decoded(path: Path, purpose: str, raw: bytes) -> tuple[str, str]:
    marked = next((code for mark, code in _BYTE_ORDER_MARKS.items() if raw.startswith(mark)), None)
    if marked is None and len(raw) > 3 and 0 in raw[:2] and raw.count(0) > 0.4 * len(raw):
        marked = "utf-16-be" if raw[0] == 0 else "utf-16-le"
    failed = ""
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            failed = failed or f"byte {error.start} is not {encoding.upper()}"
            continue
        if "\x00" in text:
            failed = failed or "it holds NUL bytes"
        elif encoding == "cp1252" and _NOT_IN_TEXT.search(text):
            break
        else:
            return text, GUESSED if encoding == "cp1252" else encoding
    raise UserError(f"{path}: not a text file ({failed}); save it as UTF-8 ({purpose})")


def unpacked(path: Path, purpose: str) -> bytes:
    """The content of a file, decompressed; of an Excel file, as it is.

    Raises:
        UserError: as `read_bytes`; it is not what its name says, or holds several files.
    """
    raw = read_bytes(path, purpose)
    for suffix, (magic, kind, decompress) in _COMPRESSED.items():
        if raw.startswith(magic) or path.suffix.lower() == suffix:
            try:
                raw = decompress(raw)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise UserError(
                    f"{path}: not a readable {kind} file ({error}); {purpose}"
                ) from None
            break
    if raw[:4] == _OLD_EXCEL:
        raise UserError(f"{path}: an Excel file of the old kind; save it as .xlsx or CSV")
    if raw[:4] == ZIP or path.suffix.lower() in (".zip", *EXCEL):
        raw = _of_zip(path, raw)
    return raw


def _of_zip(path: Path, raw: bytes) -> bytes:
    """The one file of an archive; an Excel file, which is an archive too, as it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = [n for n in archive.namelist() if n[-1] != "/" and not n.startswith("__MACOSX")]
            if WORKBOOK in names:
                return raw
            if "content.xml" in names:
                raise UserError(f"{path}: an OpenDocument file; save it as .xlsx or CSV")
            if len(names) != 1:
                listed = ", ".join(names[:3]) or "none"
                raise UserError(
                    f"{path}: an archive of {len(names)} files ({listed}); give one of them"
                )
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        kind = "Excel" if path.suffix.lower() in EXCEL else "zip"
        raise UserError(f"{path}: not a readable {kind} file ({error})") from None
