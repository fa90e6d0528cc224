"""What else decides numbers to the last bit: the interpreter, the libraries, the processor."""

from __future__ import annotations

import platform
from importlib.metadata import version

NAMES = ("phasezoo", "numpy", "scipy", "scikit-learn", "torch", "pytorch-lightning", "xarray")


def versions() -> dict[str, str]:
    """Versions by name; beside the libraries ``python`` and ``machine``."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in NAMES},
    }
