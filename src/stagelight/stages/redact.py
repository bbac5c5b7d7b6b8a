"""What is never recorded: secrets by the name of their key, and by their look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stagelight.telemetry import clean
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"
KEYS = (
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "private_key",
)
MAX_DEPTH = 6
MAX_ITEMS = 50
MAX_TEXT = 2_048  #: Characters of one captured value; Tempo cuts at 2,048 bytes.

#: Bearer tokens, keys by their prefix, JSON web tokens, and the password in a URL.
PATTERNS = (
    re.compile(r"(?i)(bearer\s+)[\w.~+/=-]{8,}"),
    re.compile(r"()\b(?:sk|pk|rk|sl|ghp|gho|xox[abp]|AKIA)[-_]?[A-Za-z0-9_-]{16,}\b"),
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"(://[^/\s:@]{1,64}:)[^/\s@]{1,256}(?=@)"),
    re.compile(r"(?i)([?&](?:access_token|api_key|apikey|key|password|secret|sig|signature|token)=)[^&\s]+"),
)


def text(value: object, *, limit: int = clean.MAX_TEXT) -> str:
    """Return `value` as text without what looks like a secret.

    >>> text("GET https://bob:hunter2@example.org/?token=abc")
    'GET https://bob:[redacted]@example.org/?token=[redacted]'
    """
    found = clean.text(value, limit=limit)
    for pattern in PATTERNS:
        found = pattern.sub(lambda match: f"{match[1]}{REDACTED}", found)
    return found


def secret(key: object) -> bool:
    """Whether a value under this key is never recorded.

    >>> secret("OPENAI_API_KEY"), secret("max_tokens"), secret("query")
    (True, False, False)
    """
    name = clean.text(key, limit=256).lower().replace("-", "_")
    return any(word in name for word in _words()) and not name.endswith("_tokens")


def value(found: object, *, depth: int = 0) -> object:
    """Return `found` with the values of secret keys replaced, a bounded part of it, however deep or recursive."""
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(found, dict):
        return {
            text(key, limit=256): REDACTED if secret(key) else value(item, depth=depth + 1)
            for key, item in list(found.items())[:MAX_ITEMS]
        }
    if isinstance(found, list | tuple | set | frozenset):
        return [value(item, depth=depth + 1) for item in list(found)[:MAX_ITEMS]]
    if found is None or isinstance(found, bool | int | float):
        return found
    return text(found, limit=MAX_TEXT)


def _words() -> Iterable[str]:
    telemetry = current()
    more = telemetry.settings.redact_keys if telemetry else ()
    return (*KEYS, *(word.lower() for word in more))
