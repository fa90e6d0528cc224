"""The user's files that settings name: part of what decides a run's numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Stamps = tuple[tuple[str, int, int], ...]
"""Name, time of writing and size of files."""


def file_digests(*settings: dict[str, Any]) -> dict[str, str]:
    """Digests of the user's files that settings name: part of what decides a run's numbers."""
    named = named_files([each["parameters"] for each in settings])
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in named}


def stamps(*settings: str) -> Stamps:
    """When the files that settings (JSON) name were last written, and their sizes."""
    named = named_files([json.loads(each)["parameters"] for each in settings])
    return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in named)


def named_files(content: Any) -> Iterator[Path]:
    """The files that texts anywhere in settings name."""
    if isinstance(content, str):
        with suppress(OSError):  # a text too long for a name
            if Path(content).is_file():
                yield Path(content)
    elif isinstance(content, dict | list | tuple):
        for value in content.values() if isinstance(content, dict) else content:
            yield from named_files(value)
