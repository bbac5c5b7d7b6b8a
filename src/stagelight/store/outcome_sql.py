"""The statement that finds what predictions turned out to be: one INSERT … SELECT for a rule, over a slice of predictions.

chosen ─▶ heard (events in their window, by prediction or by entity, and each prediction itself) ─▶ ranked (whose word is
the last) ─▶ found (a row per prediction) ─▶ judged (what that says by the rule) ─▶ what differs from the outcome that holds
is a new revision. Each prediction stands among its own events so that no step has to look for it again: SQLite finds
nothing quickly in a result that has no index.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from stagelight.store.tables import predictions, truth
from stagelight.store.truth_tables import EXCLUDED, KNOWN, OPEN, outcomes

if TYPE_CHECKING:
    from stagelight.store.outcome_model import Labelling

KEY = ("tenant", "workspace", "prediction_id")
COMPARED = ("state", "actual_outcome", "predicted", "actual", "measure", "lag_seconds")
COPIED = ("score", "decision", "model_version", "observed_at", "outcome_revision")
ITSELF, OWN, EXCLUDING = 0, 1, 2  #: What a row among the events of a prediction is.

#: Bounds of a slice: predictions after (since, since_id) and up to (until, until_id), in that order.
SINCE = sa.tuple_(sa.bindparam("since", type_=sa.Float), sa.bindparam("since_id", type_=sa.Text))
UNTIL = sa.tuple_(sa.bindparam("until", type_=sa.Float), sa.bindparam("until_id", type_=sa.Text))
ANEW = sa.bindparam("anew", type_=sa.Integer) == 1  #: Whether what is known was found by another rule.
PLACE = sa.tuple_(predictions.c.observed_at, predictions.c.prediction_id)


def in_slice(type_: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Predictions of a type within the bound parameters of a slice."""
    return predictions.c.type == type_, PLACE > SINCE, PLACE <= UNTIL


@lru_cache(maxsize=64)
def revise(rule: Labelling, *, is_sqlite: bool) -> Any:
    """Return the INSERT of outcomes that differ from those which hold; parameters: the slice's, `now`, `joined_ns`, `anew`."""
    chosen = (
        sa.select(*(predictions.c[name] for name in (*KEY, *COPIED, "entity")))
        .where(*in_slice(rule.type))
        .cte("chosen")
    )
    judged = _judged(
        _stated(_found(_ranked(_heard(chosen, rule, is_sqlite=is_sqlite), rule, is_sqlite=is_sqlite), rule), rule), rule
    )
    held = outcomes.alias("held")
    differs = sa.or_(*(judged.c[name].is_distinct_from(held.c[name]) for name in COMPARED))
    # Nothing heard changes nothing that is known, unless the rule is another: truth may have expired before its prediction.
    news = sa.or_(judged.c.heard > 0, judged.c.state == EXCLUDED, held.c.revision.is_(None), ANEW)
    columns = {
        **{name: judged.c[name] for name in KEY},
        "revision": judged.c.outcome_revision + 1,
        "type": sa.literal(rule.type),
        **{name: judged.c[name] for name in COMPARED},
        "joined_ns": sa.bindparam("joined_ns", type_=sa.BigInteger),
    }
    chosen_rows = (
        sa.select(*(value.label(name) for name, value in columns.items()))
        .select_from(judged.outerjoin(held, same(judged, held) & (held.c.revision == judged.c.outcome_revision)))
        .where(judged.c.state.is_not(None), news, differs)
    )
    # Two that join at once write the same number; the first wins, and the next join sees to the rest.
    insert = sqlite.insert(outcomes) if is_sqlite else postgresql.insert(outcomes)
    return insert.from_select(list(columns), chosen_rows).on_conflict_do_nothing()


@lru_cache(maxsize=64)
def mark(rule: Labelling) -> sa.Update:
    """Return the UPDATE that has predictions say what their newest outcome says."""
    return (
        sa.update(predictions)
        .values(actual_outcome=outcomes.c.actual_outcome, outcome_revision=outcomes.c.revision)
        .where(
            *in_slice(rule.type),
            same(predictions, outcomes),
            outcomes.c.revision == predictions.c.outcome_revision + 1,
        )
    )


def same(one: Any, other: Any) -> sa.ColumnElement[bool]:
    """Whether two rows are about one prediction."""
    return sa.and_(*(one.c[name] == other.c[name] for name in KEY))


def _heard(chosen: Any, rule: Labelling, *, is_sqlite: bool) -> sa.CTE:
    """Every event that counts for a chosen prediction, and the prediction itself."""
    columns = [chosen.c[name] for name in (*KEY, *COPIED)]
    nothing = {"event": "", "value": None, "label": "", "truth_id": ""}
    itself = [sa.literal(value, truth.c[name].type).label(name) for name, value in nothing.items()]
    alone = sa.select(*columns, *itself, chosen.c.observed_at.label("at"))
    columns += [truth.c[name] for name in nothing] + [truth.c.observed_at.label("at")]
    mine = [_no_index(truth.c[name], is_sqlite=is_sqlite) == chosen.c[name] for name in ("tenant", "workspace")]
    wanted = truth.c.event.in_((*rule.events, *rule.exclude_events))
    begin, end = chosen.c.observed_at + rule.after_s, chosen.c.observed_at + rule.within_s
    # A truth that names its prediction cannot be older, whatever the two clocks say.
    named = [truth.c.observed_at <= end + rule.corrections_s, *([truth.c.observed_at >= begin] * (rule.after_s > 0))]
    by_id = sa.select(*columns).select_from(
        chosen.join(truth, sa.and_(truth.c.prediction_id == chosen.c.prediction_id, *mine))
    )
    by_entity = sa.select(*columns).select_from(
        chosen.join(truth, sa.and_(truth.c.entity == chosen.c.entity, truth.c.observed_at.between(begin, end), *mine))
    )
    nameless = truth.c.prediction_id == "", chosen.c.entity != ""
    return sa.union_all(alone, by_id.where(wanted, *named), by_entity.where(wanted, *nameless)).cte("heard")


def _no_index(column: sa.Column[str], *, is_sqlite: bool) -> sa.ColumnElement[str]:
    """Keep SQLite from searching by owner, which is most of the table: without statistics it takes two columns for two hints."""
    return sa.func.coalesce(column, "") if is_sqlite else column


def _ranked(heard: sa.CTE, rule: Labelling, *, is_sqlite: bool) -> sa.CTE:
    """Each event with its place from the last word backwards, and the sum up to it."""
    excludes = [(heard.c.event.in_(rule.exclude_events), EXCLUDING)] if rule.exclude_events else []
    role = sa.case((heard.c.event == "", ITSELF), *excludes, else_=OWN)
    # The last word of each kind of event, or of all that may say what it was.
    group = heard.c.event if rule.kind == "exists" else role
    parts = [*(heard.c[name] for name in KEY), group]
    tie = heard.c.truth_id if is_sqlite else heard.c.truth_id.collate("C")
    last_first = sa.func.row_number().over(partition_by=parts, order_by=(heard.c.at.desc(), tie.desc()))
    # A running sum adds in one order, whatever order the rows lie in: floats do not forgive another.
    running = sa.func.sum(sa.func.coalesce(heard.c.value, 0.0)).over(
        partition_by=parts, order_by=(heard.c.at, tie), rows=(None, 0)
    )
    speaks = heard.c.label != "" if rule.is_class else heard.c.value.is_not(None)
    wanted = [sa.or_(role != OWN, speaks)] if rule.kind == "last" else []
    columns = [*heard.c, role.label("role"), last_first.label("place")]
    if rule.kind == "sum":
        columns.append(running.label("running"))
    return sa.select(*columns).where(*wanted).cte("ranked")


def _found(ranked: sa.CTE, rule: Labelling) -> sa.CTE:
    """A row per prediction, with what was heard of it."""
    c = ranked.c
    said = sa.case((sa.or_(c.value.is_(None), c.value != 0), 1), else_=0)  # 0 takes back
    last, own = c.place == 1, c.role == OWN
    measure: sa.ColumnElement[Any]
    if rule.kind == "exists":
        measure = sa.func.max(sa.case((own & last, sa.cast(said, sa.Float(53)))))
    elif rule.kind == "last":
        measure = sa.func.max(sa.case((own & last, c.value)))
    elif rule.kind == "count":
        measure = sa.func.sum(sa.case((~own, 0.0), (c.value < 0, -1.0), (c.value == 0, 0.0), else_=1.0))
    else:
        measure = sa.func.max(sa.case((own & last, c.running)))
    moment = sa.func.max if rule.kind in ("count", "sum") else sa.func.min
    return (
        sa.select(
            *(c[name] for name in (*KEY, *COPIED)),
            sa.func.sum(sa.case((own, 1), else_=0)).label("heard"),
            measure.label("measure"),
            sa.func.max(sa.case((own & last, c.label), else_="")).label("label"),
            sa.func.max(sa.case(((c.role == EXCLUDING) & last, said), else_=0)).label("excluded"),
            moment(sa.case((own, c.at - c.observed_at))).label("lag"),
        )
        .group_by(*(c[name] for name in (*KEY, *COPIED)))
        .cte("found")
    )


def _stated(found: sa.CTE, rule: Labelling) -> sa.CTE:
    """How much is known of each prediction by the rule; `state` is NULL where nothing is."""
    c = found.c
    mature = c.observed_at + rule.maturity_s <= sa.bindparam("now", type_=sa.Float)
    positive = sa.and_(c.heard > 0, c.measure >= rule.threshold if rule.threshold is not None else c.measure > 0)
    known: sa.ColumnElement[bool] = c.heard > 0
    if rule.kind in ("count", "sum"):
        known = sa.or_(positive, sa.and_(known, mature))
    silent_no = [(sa.and_(c.heard == 0, mature), KNOWN)] if rule.negative_on_maturity else []
    excluded = [c.excluded == 1]
    excluded += [c.decision.in_(rule.exclude_decisions)] if rule.exclude_decisions else []
    excluded += [c.model_version.in_(rule.exclude_versions)] if rule.exclude_versions else []
    undone = sa.and_(c.outcome_revision > 0, ANEW)
    state = sa.case((sa.or_(*excluded), EXCLUDED), (known, KNOWN), *silent_no, (sa.or_(c.heard > 0, undone), OPEN))
    return sa.select(*c, state.label("state"), sa.case((positive, 1), else_=0).label("positive")).cte("stated")


def _judged(stated: sa.CTE, rule: Labelling) -> sa.CTE:
    """What that says of each prediction."""
    c = stated.c
    known, counted = c.state == KNOWN, c.state != EXCLUDED
    if rule.is_class:
        actual: Any = sa.case((c.decision != "", sa.case((c.label == c.decision, 1), else_=0)))
        outcome: Any = c.label
    else:
        actual, outcome = c.positive, sa.case((c.positive == 1, "1"), else_="0")
    return sa.select(
        *(c[name] for name in (*KEY, "outcome_revision", "heard", "state")),
        sa.case((known, outcome), else_="").label("actual_outcome"),
        sa.case((counted, predicted(c, rule))).label("predicted"),
        sa.case((known, actual)).label("actual"),
        sa.case((counted, c.measure)).label("measure"),
        sa.case((known & (c.lag < 0), 0.0), (known, c.lag)).label("lag_seconds"),
    ).cte("judged")


def predicted(c: Any, rule: Labelling) -> sa.ColumnElement[Any]:
    """Which side a prediction took: 1, 0, or NULL for none; `c` has its decision and its score."""
    if rule.is_class:
        return sa.case((c.decision != "", 1))
    by_score = sa.case((c.score.is_(None), None), (c.score >= rule.cut, 1), else_=0)
    if not rule.positive:
        return by_score
    return sa.case((c.decision == "", by_score), (c.decision.in_(rule.positive), 1), else_=0)
