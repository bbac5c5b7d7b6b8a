"""What reports say of feedback, as plain frozen rows; importing this loads no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Cell(NamedTuple):
    """Feedback that is alike in all that reports tell apart, as the database adds it up."""

    day: int  #: Days since 1970, UTC.
    model_version: str
    kind: str
    signal: str
    sentiment: str  #: Of a comment: positive, neutral, negative, unknown; empty where there was no comment.
    number: int  #: How many there are.
    value: float  #: Sum.
    values: int  #: How many had one.
    reward: float  #: Sum.
    rewards: int  #: How many had one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Feedback added up; a mean or a share of nothing is None."""

    count: int = 0
    explicit: int = 0
    implicit: int = 0
    signals: Mapping[str, int] = field(default_factory=dict)
    mean_rating: float | None = None  #: 1 to 5.
    thumbs_up_share: float | None = None  #: Of thumbs.
    mean_reward: float | None = None  #: Of those that teach something.
    sentiments: Mapping[str, int] = field(default_factory=dict)  #: Comments, by positive, neutral, negative, unknown.
    sentiment_ratio: Mapping[str, float] = field(default_factory=dict)  #: Shares of those that are known.


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day's feedback."""

    day: str  #: As 2026-11-21, UTC.
    model_version: str = ""  #: Empty also where all are taken together.
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was said and done within a time."""

    since: float  #: Seconds since 1970.
    until: float
    total: Tally
    models: Mapping[str, Tally]  #: By model version.
    days: tuple[Day, ...]  #: Whatever the model version; days without feedback are left out.
    days_by_model: tuple[Day, ...]
    queue_depth: int  #: Rewards that routers have yet to learn from.


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prediction and what was said of it, to train the next model with."""

    feedback_id: str
    prediction_id: str
    trace_id: str
    tenant: str
    workspace: str
    type: str
    model_version: str
    features: Mapping[str, object]
    score: float | None
    decision: str
    kind: str
    signal: str
    value: float | None
    reward: float | None  #: The verdict, 0 to 1.
    label: str  #: What the answer should have been called.
    sentiment: str
    source: str
    observed_at: float  #: When it was judged, seconds since 1970.
    predicted_at: float
    entity: str = ""  #: Personal data, as the two below: left out unless asked for.
    user: str = ""
    comment: str = ""
