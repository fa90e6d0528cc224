"""The digest of plain content."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(content: Any) -> str:
    """SHA-256 of plain content, independent of the order of keys; 64 hex digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, default=list)
    return hashlib.sha256(text.encode()).hexdigest()
