"""Reading a file of settings: every value is checked where it stands, and a wrong one is told with its place."""

from __future__ import annotations

import difflib
import math
import sys
from typing import TYPE_CHECKING, Any, Final, Never

from stagelight.catalogue import durations
from stagelight.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAME: Final = 256  #: Characters, as in a row.


class Place:
    """Somewhere in a file; takes what stands there, or says where, what was found and what was expected."""

    def __init__(self, *path: str) -> None:
        self._path = path

    def under(self, *names: str) -> Place:
        """The same, further in."""
        return Place(*self._path, *names)

    def refuse(self, found: object, expected: str, hint: str = "") -> Never:
        """Raise a ConfigurationError in the name of this place."""
        place = ".".join(self._path[1:])
        where = f"{self._path[0]}: {place}" if place else self._path[0]
        what = "nothing" if found is None else repr(found)[:80]
        raise ConfigurationError(f"{where}: found {what}, expected {expected}.{hint}")

    def entries(self, found: object) -> dict[str, Any]:
        """A mapping of names to anything."""
        if found is None:
            return {}
        if not isinstance(found, dict):
            self.refuse(found, "names, each with what belongs to it")
        for name in found:
            if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
                self.refuse(name, f"a name of at most {MAX_NAME} characters")
        return found

    def mapping(self, found: object, known: Iterable[str]) -> dict[str, Any]:
        """A mapping with these names alone."""
        entries = self.entries(found)
        names = sorted(known)
        for name in entries:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                self.under(name).refuse(
                    entries[name], f"one of {', '.join(names)}", f" Did you mean {near[0]!r}?" if near else ""
                )
        return entries

    def text(self, found: object) -> str:
        """A short text."""
        if not isinstance(found, str) or not 0 < len(found) <= MAX_NAME:
            self.refuse(found, f"a text of at most {MAX_NAME} characters")
        return str(found)

    def texts(self, found: object) -> tuple[str, ...]:
        """One text, or a list of them, each once."""
        if found is None:
            return ()
        listed = found if isinstance(found, list) else [found]
        return tuple(dict.fromkeys(self.text(one) for one in listed))

    def one_of(self, found: object, known: Iterable[str]) -> str:
        """One of the names that are known."""
        names = list(known)
        if found not in names:
            self.refuse(found, f"one of {', '.join(names)}", did_you_mean(str(found), names))
        return str(found)

    def seconds(self, found: object, *, least: float = 0.0) -> float:
        """A length of time, in seconds."""
        expected = "a length of time such as 30m, 4h or 90d" + (", longer than 0" if least else "")
        try:
            length = durations.seconds(found) if isinstance(found, str) else -1.0
        except ValueError:
            length = -1.0
        if length < least:
            self.refuse(found, expected)
        return length

    def number(self, found: object, least: float = -math.inf, most: float = math.inf) -> float:
        """A finite number within bounds."""
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        # A whole number of 400 digits is a number to Python, and none to a database.
        is_finite = is_number and abs(found) <= sys.float_info.max  # type: ignore[arg-type]  # a number, by the line above
        if not is_finite or not least <= float(found) <= most:  # type: ignore[arg-type]  # as above
            bounds = f" from {least:g} to {most:g}" if math.isfinite(least) else ""
            self.refuse(found, f"a finite number{bounds}")
        return float(found)  # type: ignore[arg-type]  # as above

    def flag(self, found: object) -> bool:
        """True or false."""
        if not isinstance(found, bool):
            self.refuse(found, "true or false")
        return bool(found)
