"""phasezoo: honest benchmarks of materials encoders.

In a notebook: ``from framework import audit, models, rank, run``.
"""

from typing import Any

__all__ = ["audit", "models", "rank", "run"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from framework import verbs

        return getattr(verbs, name)
    raise AttributeError(f"module 'framework' has no attribute '{name}'")
