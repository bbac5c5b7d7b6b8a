"""The Traces page's filters: read from its address, written back into it, turned into a question for the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from stagelight.store.model import TraceQuery

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

WINDOWS = {"15m": 15 * 60, "1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600, "all": 0}  #: Seconds; 0 is no limit.
PAGE = 50
MAX_FILTERS = 12  #: Attributes asked for at once; each is a join.
MAX_TEXT = 400  #: Characters of one field; an address longer than that is nobody's search.


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the reader asked for; the address holds all of it, so that a link shows the same page to others."""

    text: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    min_ms: float | None = None
    max_ms: float | None = None
    errors_only: bool = False
    session: str = ""
    stage: str = ""
    version: str = ""
    window: str = "all"
    sort: Literal["recent", "slowest"] = "recent"
    cursor: str = ""

    @classmethod
    def read(cls, params: QueryParams) -> Filters:
        """Read an address; what makes no sense counts as not given."""
        return cls(
            text=_text(params, "q"),
            attributes=_attributes(params.getlist("attr")),
            min_ms=_number(params.get("min")),
            max_ms=_number(params.get("max")),
            errors_only=params.get("errors") == "1",
            session=_text(params, "session"),
            stage=_text(params, "stage"),
            version=_text(params, "version"),
            window=params["window"] if params.get("window") in WINDOWS else "all",
            sort="slowest" if params.get("sort") == "slowest" else "recent",
            cursor=_text(params, "cursor"),
        )

    def address(self, **changes: Any) -> str:
        """Return the page's address with `changes` made; another filter starts again at the first page."""
        changed = replace(self, **{"cursor": "", **changes})
        pairs: list[tuple[str, str]] = [
            ("q", changed.text),
            *(("attr", f"{key}={value}") for key, value in changed.attributes),
            ("min", _written(changed.min_ms)),
            ("max", _written(changed.max_ms)),
            ("errors", "1" if changed.errors_only else ""),
            ("session", changed.session),
            ("stage", changed.stage),
            ("version", changed.version),
            ("window", "" if changed.window == "all" else changed.window),
            ("sort", "" if changed.sort == "recent" else changed.sort),
            ("cursor", changed.cursor),
        ]
        query = urlencode([(name, value) for name, value in pairs if value])
        return f"/traces?{query}" if query else "/traces"

    def without(self, key: str, value: str) -> str:
        """Return the address with one attribute's filter taken away."""
        return self.address(attributes=tuple(pair for pair in self.attributes if pair != (key, value)))

    def query(self, *, now_ns: int, tenant: str | None = None) -> TraceQuery:
        """Return the question for the store."""
        seconds = WINDOWS[self.window]
        return TraceQuery(
            text=self.text,
            attributes=dict(self.attributes),
            min_ms=self.min_ms,
            max_ms=self.max_ms,
            errors_only=self.errors_only,
            session=self.session,
            stage=self.stage,
            model_version=self.version,
            since_ns=now_ns - seconds * 10**9 if seconds else None,
            tenant=tenant,
            sort=self.sort,
            limit=PAGE,
            cursor=self.cursor,
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered at all."""
        return self.address(sort="recent") != "/traces"


def _text(params: QueryParams, name: str) -> str:
    return params.get(name, "").strip()[:MAX_TEXT]


def _attributes(given: list[str]) -> tuple[tuple[str, str], ...]:
    """`key=value` pairs, each once; a key alone asks for nothing."""
    pairs = (tuple(part.strip()[:MAX_TEXT] for part in text.split("=", 1)) for text in given)
    known = dict.fromkeys((pair[0], pair[1]) for pair in pairs if len(pair) > 1 and all(pair))
    return tuple(known)[:MAX_FILTERS]


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _written(number: float | None) -> str:
    return "" if number is None else f"{number:g}"
