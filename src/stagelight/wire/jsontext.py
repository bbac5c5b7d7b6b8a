"""JSON text to plain objects, counted before it is parsed: braces are cheap on the wire and dear in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from stagelight.errors import BodyTooLargeError, MalformedBodyError

if TYPE_CHECKING:
    from stagelight.wire.limits import Limits

_STRUCTURE: Final = b"{}[],"
_FILLING: Final = bytes(set(range(256)) - set(_STRUCTURE))
_CHUNK: Final = 2**16


def loads(body: bytes, limits: Limits) -> Any:
    """Parse JSON within the limits; NaN and Infinity as bare words are refused, as JSON has none.

    Raises:
        BodyTooLargeError: More objects, lists or values than the limits allow.
        MalformedBodyError: Not JSON, not UTF-8, or nested deeper than `limits.json_depth`.
    """
    check(body, limits)
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise MalformedBodyError("The JSON body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise MalformedBodyError(
            f"The body is not JSON: {error.msg.removesuffix(' at')} at character {error.pos}."
        ) from None
    except MalformedBodyError:
        raise
    except ValueError:
        raise MalformedBodyError("A number in the JSON body has thousands of digits.") from None


def check(body: bytes, limits: Limits) -> None:
    """Refuse text with too many or too deep objects and lists, without parsing it.

    Raises:
        BodyTooLargeError: More objects, lists or values than the limits allow.
        MalformedBodyError: Nested deeper than `limits.json_depth`.
    """
    frame = structure(body)
    opened = frame.count(b"{") + frame.count(b"[")
    if opened > limits.parts or frame.count(b",") > limits.numbers + opened:
        raise BodyTooLargeError("The body holds too many values: send smaller batches.")
    brackets = frame.translate(None, b",")
    # Each round takes away the innermost pairs, so rounds count levels.
    for _ in range(limits.json_depth):
        if not brackets:
            return
        before = len(brackets)
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(brackets) == before:
            raise MalformedBodyError("The body is not JSON: its brackets do not match.")
    if brackets:
        raise MalformedBodyError(f"The body is nested deeper than {limits.json_depth} objects and lists.")


def structure(body: bytes) -> bytes:
    """What opens, closes and separates, outside of strings; in pieces, so that millions of strings cost no memory."""
    # With escaped backslashes and then escaped quotes gone, every quote left opens or closes a string.
    text = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    kept = bytearray()
    inside = 0
    for start in range(0, len(text), _CHUNK):
        pieces = text[start : start + _CHUNK].split(b'"')
        kept += b"".join(pieces[inside::2]).translate(None, _FILLING)
        inside ^= (len(pieces) - 1) & 1
    return bytes(kept)


def _no_constant(word: str) -> NoReturn:
    raise MalformedBodyError(f"{word} is not JSON: numbers must be finite.")
