"""What an object has learned, to a file and back, running no code from the file.

As in scikit-learn, everything learned by ``fit`` is an attribute whose name ends in ``_``.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, Self

import numpy as np

from framework.base.errors import UserError


class Fitted:
    """Saves and restores its fitted attributes, arrays and numbers, as ``.npz``."""

    checkpoint = "fitted.npz"

    @property
    def fitted(self) -> bool:
        """Whether anything has been learned."""
        return bool(self._learned())

    def require_fitted(self) -> None:
        """Refuse to answer before ``fit``.

        Raises:
            UserError: nothing has been learned yet.
        """
        if not self.fitted:
            raise UserError(f"{type(self).__name__} is not fitted; call fit(...) first")

    def save(self, path: Path) -> None:
        """Write the fitted attributes."""
        self.require_fitted()
        np.savez(path, allow_pickle=False, made_by=json.dumps(self._made_by()), **self._learned())

    def restore(self, path: Path) -> Self:
        """Take the fitted attributes from a file that `save` wrote.

        Raises:
            UserError: the file is truncated, is no such file, or is of another class or of
                other settings.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                learned = {name: file[name] for name in file.files}
            made_by = json.loads(str(learned.pop("made_by")))
            if strangers := [name for name in learned if not _is_learned(name)]:
                raise ValueError(f"it holds '{strangers[0]}', which no fit learns")
        except Exception as error:  # a damaged archive raises a dozen kinds
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path}: not a readable checkpoint ({reason}); fit again") from None
        if made_by != (own := self._made_by()):
            raise UserError(
                f"{path}: is a checkpoint of {_shown(made_by)}, not of {_shown(own)}; fit again"
            )
        for name, value in learned.items():
            setattr(self, name, value if value.ndim else value.item())
        return self

    def _made_by(self) -> dict[str, Any]:
        """The class, and the settings that its constructor keeps under their own names."""
        names = [name for name in inspect.signature(type(self)).parameters if hasattr(self, name)]
        settings = {name: getattr(self, name) for name in names if name != "width"}
        plain = json.loads(json.dumps(settings, default=lambda value: type(value).__name__))
        return {"class": type(self).__name__, "settings": plain}

    def _learned(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(value) for name, value in vars(self).items() if _is_learned(name)}


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _shown(made_by: Any) -> str:
    if not isinstance(made_by, dict):
        return "something else"
    return f"{made_by.get('class')} with the settings {made_by.get('settings')}"
