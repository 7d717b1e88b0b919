"""Replacing parts of moto, so that the replacement can be taken back and a moved part is noticed at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_ABSENT = object()


class Patches:
    """Replacements made in moto's classes and modules, undone in reverse order."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: object, name: str, new: object) -> None:
        """Put `new` in the place of the attribute `name` of a class, module or instance.

        Raises AttributeError when there is no such attribute: then moto was changed and the patch needs work.
        """
        inspect.getattr_static(owner, name)
        own: Any = vars(owner).get(name, _ABSENT)
        setattr(owner, name, new)
        self._undo.append(lambda: delattr(owner, name) if own is _ABSENT else setattr(owner, name, own))

    def wrap(self, owner: object, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Put `wrapper(original)` in the place of the function `name`."""
        self.replace(owner, name, wrapper(getattr(owner, name)))

    def undo(self) -> None:
        """Put back everything that was replaced."""
        while self._undo:
            self._undo.pop()()
