"""The CIF files of a folder, of folders inside it, or of a zip or tar archive."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from framework.base.errors import UserError, read_bytes

PROPERTIES = "properties.csv"

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_CIF = (".cif", ".cif.gz")
_PURPOSE = "a CIF file"
_EXPECTED = "expected a folder of .cif files, or a zip or tar archive of them"

Contents = dict[str, bytes | str]
"""By name within the folder, 'inner/x.cif': what a file holds, or why it cannot be read (a text)."""


def holds_cifs(path: str | Path) -> bool:
    """True for a folder, a CIF file, and an archive with a CIF file in it."""
    path = Path(path)
    try:
        if path.is_dir() or path.name.lower().endswith(_CIF):
            return True
        if not path.is_file() or not path.name.lower().endswith(_ARCHIVES):
            return False
    except OSError:  # a name too long for a file: whoever reads it says so
        return False
    try:
        return any(_wanted(name) and not _is_table(name) for name, _ in _members(path))
    except UserError:
        return False


def read_folder(path: str | Path) -> tuple[Contents, bytes | None]:
    """The CIF files by name, in the order of their names, and the file of properties beside them.

    Hidden files are not looked at. Folders that all files are in are left out of their names.

    Raises:
        UserError: there is no such folder or archive, or no CIF file in it.
    """
    path = Path(path)
    if path.is_dir():
        members = _of_folder(path)
    elif path.name.lower().endswith(_ARCHIVES):
        if not path.exists():
            raise UserError(f"{path}: no such file; {_EXPECTED}")
        members = _members(path)
    elif path.name.lower().endswith(_CIF):
        members = iter([(path.name, lambda: read_bytes(path, _PURPOSE))])
    elif path.exists():
        raise UserError(f"{path}: is a file; {_EXPECTED}: give the folder, '{path.parent}'")
    else:
        raise UserError(f"{path}: no such folder; {_EXPECTED}")
    contents, seen = {}, []
    for name, read in members:
        seen.append(name)
        if _wanted(name):
            contents[name] = _content(name, path, read)
    contents = _without_common_folder(contents)
    properties = contents.pop(PROPERTIES, None)
    if isinstance(properties, str):
        raise UserError(f"{path}: {PROPERTIES}: {properties}")
    if inner := [name for name in contents if _is_table(name)]:
        raise UserError(f"{path}: {inner[0]} is in an inner folder; move it beside the others")
    if not contents:
        holds = f"it has {', '.join(sorted(seen)[:3])}" if seen else "it is empty"
        raise UserError(f"{path}: no .cif file ({holds}); {_EXPECTED}")
    plain = {name: name.removesuffix(".gz") for name in sorted(contents)}
    if twice := [name for name in plain if plain[name] != name and plain[name] in contents]:
        raise UserError(f"{path}: {twice[0]} is also there as {plain[twice[0]]}; keep one of them")
    return {plain[name]: contents[name] for name in plain}, properties


def _wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return not hidden and (name.lower().endswith(_CIF) or _is_table(name))


def _is_table(name: str) -> bool:
    return PurePosixPath(name).name == PROPERTIES


def _content(name: str, path: Path, read: Callable[[], bytes]) -> bytes | str:
    try:
        raw = read()
        return gzip.decompress(raw) if name.lower().endswith(".gz") else raw
    except UserError as error:
        return str(error).removeprefix(f"{path / name}: ")
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        return f"cannot be read ({error})"


def _of_folder(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for file in path.rglob("*"):
        if file.is_file():
            name = file.relative_to(path).as_posix()
            yield name, lambda file=file: read_bytes(file, _PURPOSE)  # type: ignore[misc]


def _members(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Name and content of the files of an archive; nothing of it is written to the disk."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as file:
                for entry in file.infolist():
                    if not entry.is_dir():
                        yield entry.filename, lambda entry=entry: file.read(entry)  # type: ignore[misc]
        else:
            with tarfile.open(path) as archive:
                for member in archive:
                    if (content := archive.extractfile(member)) is not None:
                        yield member.name, content.read
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        raise UserError(f"{path}: not a readable archive ({error}); {_EXPECTED}") from None


def _without_common_folder(contents: Contents) -> Contents:
    while contents and len({name.split("/")[0] for name in contents}) == 1:
        if any("/" not in name for name in contents):
            break
        contents = {name.split("/", 1)[1]: content for name, content in contents.items()}
    return contents
