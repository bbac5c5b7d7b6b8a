"""Values as the pages show them, and the templates they are shown through."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from stagelight.waterfall import units
from stagelight.web import view_static

if TYPE_CHECKING:
    from stagelight.sink.rows import Feedback
    from stagelight.wire.records import Value

LITTLE = 0.001  #: A share nearer to 0 or 1 is shown as a limit, not rounded to it.
ONE_LINE = 80  #: Characters of JSON that stay on one line.
MAX_SHOWN = 64 * 1024  #: Characters of one attribute that a page shows; a prompt may have megabytes.


@cache
def environment() -> Environment:
    """Return the templates: everything put into them is escaped, and a misspelt name is an error, not a gap."""
    made = Environment(
        loader=PackageLoader("stagelight.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        ns=units.duration,
        ms=milliseconds,
        count=count,
        percent=percent,
        rate=rate,
        iso=iso,
        stamp=stamp,
        pretty=pretty,
        kind=kind,
        cost=cost,
        signal=signal,
    )
    made.globals["static"] = f"/static/{view_static.version()}"
    return made


def milliseconds(value: float | None) -> str:
    """Return a time given in milliseconds; a dash where there is none.

    >>> milliseconds(12.5), milliseconds(None)
    ('12.5 ms', '–')
    """
    return "–" if value is None else units.duration(value * 1e6)


def count(value: float | None) -> str:
    """Return a whole number with its thousands apart.

    >>> count(12345)
    '12,345'
    """
    return "–" if value is None else f"{value:,.0f}"


def percent(ratio: float | None) -> str:
    """Return a share of one as percent; never 0 % for what did happen, nor 100 % for what did not always.

    >>> [percent(r) for r in (0, 0.0001, 0.0123, 0.5, 0.9999, 1)]
    ['0 %', '<0.1 %', '1.2 %', '50 %', '>99.9 %', '100 %']
    """
    if ratio is None:
        return "–"
    if 0 < ratio < LITTLE:
        return "<0.1 %"
    if 1 - LITTLE < ratio < 1:
        return ">99.9 %"
    return f"{100 * ratio:.1f}".removesuffix(".0") + " %"


def rate(per_second: float | None) -> str:
    """Return how often something happens, per second, or per minute where that says more.

    >>> rate(12.34), rate(0.5), rate(0.0)
    ('12.3 /s', '30.0 /min', '0 /s')
    """
    if per_second is None:
        return "–"
    if 0 < per_second < 1:
        return f"{units.digits(per_second * 60)} /min"
    return f"{units.digits(per_second)} /s"


def cost(value: float | None) -> str:
    """Return an amount of money; the currency is whatever the application meant.

    >>> cost(0.00123), cost(12.0)
    ('0.0012', '12.00')
    """
    return "–" if value is None else f"{value:.2f}" if value >= 1 else f"{value:.4f}"


def iso(nanoseconds: int) -> str:
    """Return a moment for `<time datetime>`.

    >>> iso(1_700_000_000_123_000_000)
    '2023-11-14T22:13:20.123Z'
    """
    return _moment(nanoseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(nanoseconds: int) -> str:
    """Return a moment for people, in UTC; the page's script turns it into the reader's own time.

    >>> stamp(1_700_000_000_123_000_000)
    '2023-11-14 22:13:20'
    """
    return f"{_moment(nanoseconds):%Y-%m-%d %H:%M:%S}"


def kind(row: object) -> str:
    """Return what sort of row it is: `prediction`, `feedback` or `truth`."""
    return type(row).__name__.lower()


def signal(said: Feedback) -> str:
    """Return what a user said or did, in a word or two, as `thumbs up` or `rating 4`."""
    if said.signal == "thumbs":
        return "thumbs up" if said.value else "thumbs down"
    return said.signal if said.value is None else f"{said.signal} {said.value:g}"


def pretty(value: Value) -> str:
    """Return an attribute's value as text: JSON laid out over lines, also where it came as text.

    >>> pretty("plain"), pretty([1, 2])
    ('plain', '[1, 2]')
    """
    if isinstance(value, str):
        return _cut(_laid_out(value))
    written = json.dumps(value, ensure_ascii=False)
    return _cut(written if len(written) <= ONE_LINE else json.dumps(value, ensure_ascii=False, indent=2))


def _laid_out(words: str) -> str:
    if words[:1] not in ("{", "[") or len(words) > MAX_SHOWN:
        return words
    try:
        return json.dumps(json.loads(words), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return words


def _cut(words: str) -> str:
    if len(words) <= MAX_SHOWN:
        return words
    return f"{words[:MAX_SHOWN]}\n… {len(words) - MAX_SHOWN:,} more characters; the OTLP JSON has them all"


def _moment(nanoseconds: int) -> datetime:
    # What a client sends as a time may lie past year 9999.
    seconds = min(max(0, nanoseconds), 253_402_300_799 * 10**9) / 1e9
    return datetime.fromtimestamp(seconds, UTC)
