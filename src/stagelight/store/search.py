"""Find traces: a `TraceQuery` becomes one SELECT over the summaries, which looks at spans only where it must.

Text is looked for in the spans' own JSON, newest trace first until the page is full: no index for words is kept, which
would take more room than the spans. A word that occurs nowhere costs a pass over what the other filters leave.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.store import signature
from stagelight.store.codec import LARGEST, clean, is_plain, json_text, text_of
from stagelight.store.database import owned
from stagelight.store.model import SessionSummary, TracePage, TraceSummary
from stagelight.store.summary import MODEL_VERSION, STAGE
from stagelight.store.tables import SIGNATURE_COLUMNS, logs, pins, resources, spans, traces
from stagelight.wire.records import TENANT, WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.store.model import TraceQuery

    Condition = sa.ColumnElement[bool]

LARGEST_PAGE = 1_000
LONGEST_BARE = 1_000  #: Characters of a filter's value that is read as a number or a list.
MS = 1_000_000
COLUMNS = (
    *(
        traces.c[name]
        for name in ("id", "sort_ns", "trace_id", "name", "service", "start_ns", "duration_ns", "span_count")
    ),
    *(traces.c[name] for name in ("error_count", "session", "model_version", "tenant", "workspace")),
)


def page(connection: sa.Connection, query: TraceQuery) -> TracePage:
    """Return a page of the traces that match `query`."""
    limit = min(max(1, query.limit), LARGEST_PAGE)
    order = traces.c.sort_ns if query.sort == "recent" else traces.c.duration_ns
    chosen = sa.select(*COLUMNS, *_used(), _kept()).where(*conditions(query)).order_by(order.desc(), traces.c.id.desc())
    after = _position(query)
    if after is not None:
        chosen = chosen.where(sa.tuple_(order, traces.c.id) < sa.tuple_(*map(sa.literal, after)))
    rows = connection.execute(chosen.limit(limit + 1)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    cursor = f"{query.sort}.{getattr(rows[-1], order.name)}.{rows[-1].id}" if more else ""
    return TracePage(tuple(summary_of(row) for row in rows), cursor)


def conditions(query: TraceQuery) -> list[Condition]:
    """Return what a trace's row must fulfil to match `query`."""
    found = owned(traces, query.tenant, query.workspace)
    if query.errors_only:
        found.append(traces.c.error_count > 0)
    if query.session:
        found.append(traces.c.session == clean(query.session))
    if query.min_ms is not None:
        found.append(traces.c.duration_ns >= round(query.min_ms * MS))
    if query.max_ms is not None:
        found.append(traces.c.duration_ns <= round(query.max_ms * MS))
    if query.since_ns is not None:
        # A start only ever moves back, so the indexed column bounds it from above.
        found += [traces.c.start_ns >= query.since_ns, traces.c.sort_ns >= query.since_ns]
    if query.until_ns is not None:
        found.append(traces.c.start_ns < query.until_ns)
    for key, value in _attributes(query):
        found += _has(key, value)
    if query.text:
        found.append(_mentions(clean(query.text)))
    return found


def _attributes(query: TraceQuery) -> Iterator[tuple[str, str]]:
    yield from query.attributes.items()
    if query.stage:
        yield STAGE, query.stage
    if query.model_version:
        yield MODEL_VERSION, query.model_version


def _has(key: str, value: str) -> list[Condition]:
    """Return that some span carries this attribute: first by the signature, then by the span itself."""
    if key in (TENANT, WORKSPACE):  # a token's tenant counts, not what the attribute says
        return [(traces.c.tenant if key == TENANT else traces.c.workspace) == value]
    forms = _bare(value)
    may = [_signed(signature.bits(key, text)) for text in sorted({value, *(text_of(form) for form in forms)})]
    senders = sa.select(resources.c.id).where(_holds(resources.c.attributes, key, value))
    does = [_holds(spans.c.attributes, key, value), spans.c.resource.in_(senders)]
    if key == STAGE:
        unstaged = sa.func.replace(spans.c.attributes, f'"{STAGE}":', "") == spans.c.attributes
        does.append(sa.and_(spans.c.name == value, unstaged))
    return [sa.or_(*may), sa.exists().where(spans.c.trace == traces.c.id, sa.or_(*does))]


def _signed(bits: int) -> Condition:
    pairs = zip(SIGNATURE_COLUMNS, signature.words(bits), strict=True)
    return sa.and_(*(traces.c[name].bitwise_and(word) == word for name, word in pairs if word))


def _holds(column: sa.ColumnElement[str], key: str, value: str) -> Condition:
    """Return that the JSON in `column` has this pair; exact in upper and lower case, and alike in every database."""
    name = json_text(key)
    bare = {value, *map(json_text, _bare(value))} - {""} if _bare(value) else set()
    needles = [f"{name}:{json_text(value)}", *(f"{name}:{form}{end}" for form in sorted(bare) for end in ",}")]
    return sa.or_(*(sa.func.replace(column, needle, "") != column for needle in needles))


def _bare(value: str) -> list[object]:
    """Return what `value` may stand for if it is not text: the number, flag, list or object that it looks like."""
    try:
        parsed = json.loads(value) if len(value) <= LONGEST_BARE else ""
    except (ValueError, RecursionError):
        return []
    if type(parsed) is bool or not isinstance(parsed, int | float):
        return [] if isinstance(parsed, str) else [parsed]
    if is_plain(parsed) or parsed == 0:
        return [parsed, float(parsed), int(parsed)]
    return [parsed]


def _mentions(text: str) -> Condition:
    """Return that names, attributes, events or log lines of the trace contain `text`."""
    inner = json_text(text)[1:-1]  # as it stands inside JSON, with quotes and line ends escaped
    in_spans = _any(text, spans.c.name) | _any(inner, spans.c.attributes, spans.c.rest)
    in_logs = _any(inner, logs.c.body, logs.c.attributes)
    mine = (
        logs.c.trace_id == traces.c.trace_id,
        logs.c.tenant == traces.c.tenant,
        logs.c.workspace == traces.c.workspace,
    )
    return sa.or_(
        _any(text, traces.c.name, traces.c.service),
        sa.exists().where(spans.c.trace == traces.c.id, in_spans),
        sa.exists().where(*mine, in_logs),
    )


def _any(text: str, *columns: sa.ColumnElement[str]) -> Condition:
    # SQLite folds the case of ASCII alone: other scripts are tried in their usual forms.
    forms = {text} if text.isascii() else {text, text.lower(), text.upper(), text.capitalize(), text.title()}
    return sa.or_(*(column.icontains(form, autoescape=True) for column in columns for form in sorted(forms)))


def _used() -> list[sa.ColumnElement[Any]]:
    """Return tokens and cost: the calls' own, else what agents report of them."""
    return [
        sa.case((traces.c[name] > 0, traces.c[name]), else_=traces.c[f"agent_{name}"]).label(name)
        for name in ("input_tokens", "output_tokens", "cost")
    ]


def _kept() -> sa.Label[str]:
    mine = (
        pins.c.trace_id == traces.c.trace_id,
        pins.c.tenant == traces.c.tenant,
        pins.c.workspace == traces.c.workspace,
    )
    first = sa.select(sa.func.min(pins.c.because)).where(*mine).scalar_subquery()
    return sa.func.coalesce(first, "").label("kept_because")


def _position(query: TraceQuery) -> tuple[int, int] | None:
    """Return the order's value and the number of the row where the page before ended."""
    sort, _, rest = query.cursor.partition(".")
    value, _, number = rest.partition(".")
    if sort != query.sort or not (value.isdecimal() and number.isdecimal()):
        return None
    return min(int(value[:19]), LARGEST), min(int(number[:19]), LARGEST)


def summary_of(row: Any) -> TraceSummary:
    """Return the summary in a row of the page."""
    found = dict(row._mapping)  # noqa: SLF001  its public name in SQLAlchemy, the underscore keeps clear of columns
    del found["id"], found["sort_ns"]
    return TraceSummary(**found)


def sessions(
    connection: sa.Connection, where: list[Condition], since_ns: int | None, until_ns: int | None, limit: int
) -> list[SessionSummary]:
    """Return the sessions that were active in a window, the latest first."""
    last = sa.func.max(traces.c.end_ns).label("last_ns")
    tokens_in, tokens_out, cost = (sa.func.sum(column.element).label(column.name) for column in _used())
    chosen = sa.select(
        traces.c.session,
        sa.func.count().label("traces"),
        sa.func.min(traces.c.start_ns).label("first_ns"),
        last,
        sa.func.sum(traces.c.error_count).label("errors"),
        tokens_in,
        tokens_out,
        cost,
    )
    chosen = chosen.where(traces.c.session != "", *where).group_by(traces.c.session)
    if since_ns is not None:
        chosen = chosen.where(traces.c.end_ns >= since_ns)
    if until_ns is not None:
        chosen = chosen.where(traces.c.start_ns < until_ns)
    rows = connection.execute(chosen.order_by(last.desc()).limit(min(max(1, limit), LARGEST_PAGE))).all()
    return [
        SessionSummary(
            session=row.session,
            traces=row.traces,
            first_ns=row.first_ns,
            last_ns=row.last_ns,
            errors=int(row.errors),  # PostgreSQL's sum of 64-bit numbers is a Decimal
            input_tokens=int(row.input_tokens),
            output_tokens=int(row.output_tokens),
            cost=float(row.cost),
        )
        for row in rows
    ]
