"""Text of a variable, or a value of pyproject.toml, into the type that a setting has."""

from __future__ import annotations

from typing import Any

from stagelight.errors import ConfigurationError

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


def text(kind: Any, value: str, *, where: str) -> Any:
    """Return `value` as `kind`.

    Raises:
        ConfigurationError: It does not parse; the message names `where`, what was found and what was expected.

    >>> text(bool, "Yes", where="ENABLE")
    True
    >>> text(tuple[str, ...], "otlp, console", where="OTEL_TRACES_EXPORTER")
    ('otlp', 'console')
    """
    if kind is bool:
        return _flag(value, where)
    if kind is int or kind is float:
        return _number(kind, value, where)
    if kind is str:
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def checked(kind: Any, value: object, *, where: str) -> Any:
    """Return `value`, given as an argument or in TOML, as `kind`; text is read as a variable's would be."""
    if isinstance(value, str):
        return text(kind, value, where=where)
    if kind in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
        return _number(kind, str(value), where)
    if kind is bool and isinstance(value, bool):
        return value
    if (
        kind not in (bool, int, float, str)
        and isinstance(value, list | tuple)
        and all(isinstance(v, str) for v in value)
    ):
        return tuple(value)
    if kind is str and hasattr(value, "__fspath__"):
        return str(value)
    raise ConfigurationError(f"{where}: found {value!r}, expected {_expected(kind)}")


def _flag(value: str, where: str) -> bool:
    folded = value.lower()
    if folded in TRUE or folded in FALSE:
        return folded in TRUE
    raise ConfigurationError(f"{where}: found {value!r}, expected {_expected(bool)}")


def _number(kind: type[int | float], value: str, where: str) -> int | float:
    try:
        number = kind(value)
    except ValueError:
        number = kind(-1)
    if not 0 <= number < float("inf"):
        raise ConfigurationError(f"{where}: found {value!r}, expected {_expected(kind)}")
    return number


def _expected(kind: Any) -> str:
    names = {
        bool: "one of 1/true/yes/on or 0/false/no/off",
        int: "a whole number, 0 or more",
        float: "a number, 0 or more",
        str: "text",
    }
    return names.get(kind, "names separated by commas")
