"""Other people's text, made harmless for a chat, a mail or a page that reads markup out of it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

GAP: Final = "\u200b"  #: Seen by no reader, and no service takes what it parts for a mention, a link or an image.
HIDDEN: Final = frozenset({"Cf", "Co", "Cs"})  #: Not seen, and some of it turns the direction of what is read.
URL: Final = re.compile(r"https?://[A-Za-z0-9._~:/?#%&=+-]{1,500}")

_RISKS = re.compile(r"<|>|@|://|!(?=\[)|\](?=\()|\](?=\[)|www\.(?=\w)", re.IGNORECASE)
_BRACKETS = {"<": "\u2039", ">": "\u203a"}  # look alike, and mean nothing


def plain(text: str, *, limit: int) -> str:
    r"""Return `text` as words alone: nobody is called, nothing is fetched, and no link hides where it leads.

    `@here` and `<!channel>` call nobody, `[x](http://…)` and `![](…)` are neither links nor images, addresses are
    readable but dead, control characters and the ones that turn the reading direction are gone; lines stay lines.

    >>> plain("@here, see [this](http://evil)", limit=100).replace(GAP, "_")
    '@_here, see [this]_(http:_//evil)'
    """
    kept = "".join(_visible(sign) for sign in text.replace("\r\n", "\n"))
    if len(kept) > limit:
        kept = kept[: limit - 1] + "…"
    return _RISKS.sub(_parted, kept)


def line(text: str, *, limit: int) -> str:
    """Return `text` as `plain` does, in one line: for a subject, which is a header of a mail."""
    return plain(" ".join(text.split()), limit=limit)


def _visible(sign: str) -> str:
    if sign == "\n":
        return sign
    category = unicodedata.category(sign)
    return " " if category == "Cc" else "" if category in HIDDEN else sign


def _parted(match: re.Match[str]) -> str:
    risk = match[0]
    return _BRACKETS.get(risk) or (risk[0] + GAP + risk[1:] if len(risk) > 1 else risk + GAP)
