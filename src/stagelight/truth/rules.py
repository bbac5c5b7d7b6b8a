"""`outcome_truth_rules.yaml`: which events, within which time, make the truth of which predictions.

```yaml
schedules:
  medium: {cron: "0 2 * * *"}
types:
  churn:
    schedule: medium
    truth: exists
    events: [cancelled]
    within: 30d
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from stagelight.config import safe_yaml
from stagelight.errors import ConfigurationError, did_you_mean
from stagelight.store.outcome_model import Kind, Labelling
from stagelight.truth.comparison import DAY, Comparison
from stagelight.truth.place import Place
from stagelight.truth.schedule import Schedule, schedule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE: Final = "outcome_truth_rules.yaml"
KINDS: Final = get_args(Kind)
MAX_NAME = 256  #: Characters, as in a row.
WINDOWS: Final = ("short", "medium", "long")  #: Schedules that tasks run by; one of another name would join nothing.

TOP = frozenset({"version", "schedules", "types"})
RULE = frozenset(
    {
        "schedule", "truth", "events", "within", "after", "corrections", "grace", "threshold", "negative_on_maturity",
        "positive_decisions", "positive_score", "exclude", "compare", "description",
    }
)  # fmt: skip
EXCLUDE = frozenset({"events", "decisions", "versions"})
COMPARE = frozenset({"baseline", "current", "accuracy_drop", "calibration_rise", "false_alarms"})


@dataclass(frozen=True, slots=True)
class Rule:
    """How one type of prediction is judged."""

    labelling: Labelling
    schedule: str = ""  #: Name of the schedule that joins it; empty: only when asked.
    compare: Comparison = field(default_factory=Comparison)
    description: str = ""

    @property
    def type(self) -> str:
        """Of the predictions."""
        return self.labelling.type


@dataclass(frozen=True, slots=True)
class Rules:
    """A file of rules, checked."""

    rules: Mapping[str, Rule]  #: By type.
    schedules: Mapping[str, Schedule]  #: By name.
    path: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """Every type there is a rule for, in the order of the file."""
        return tuple(self.rules)

    def of(self, types: Iterable[str] | None = None) -> list[Rule]:
        """Return the rules of `types`, of all if None.

        Raises:
            ConfigurationError: There is no rule for one of them.
        """
        wanted = self.types if types is None else tuple(types)
        for name in wanted:
            if name not in self.rules:
                raise ConfigurationError(
                    f"{self.path or FILE}: no rule for predictions of type {name!r}.{did_you_mean(name, self.rules)}"
                )
        return [self.rules[name] for name in wanted]

    def scheduled(self, schedule: str) -> tuple[str, ...]:
        """Return the types that a schedule joins."""
        return tuple(name for name, rule in self.rules.items() if rule.schedule == schedule)


def load(path: str | Path = "") -> Rules:
    """Read the rules, so that a mistake in them is found before any truth is judged by it.

    Args:
        path: The file; outcome_truth_rules.yaml of the working folder if empty.

    Raises:
        ConfigurationError: The file is missing, or something in it cannot be used: where, what was found, what was
            expected.
        MissingExtraError: PyYAML is not installed.
    """
    where = Path(path or FILE)
    try:
        content = where.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{where}: {error.strerror}; STAGELIGHT_TRUTH_RULES names the file of the truth rules"
        ) from error
    return parse(content, where.name)


def parse(content: bytes, name: str = FILE) -> Rules:
    """Return the rules that `content` says; `name` is for messages.

    Raises:
        ConfigurationError: As `load`.

    >>> parse(b"types: {churn: {truth: exists, events: cancelled, within: 30d}}").types
    ('churn',)
    """
    data = Place(name).mapping(safe_yaml.load(content, name), TOP)
    place = Place(name)
    if data.get("version", 1) != 1:
        place.under("version").refuse(data["version"], "1")
    listed = place.under("schedules").entries(data.get("schedules", {}))
    schedules = {key: schedule_of(value, place.under("schedules", key)) for key, value in listed.items()}
    types = place.under("types").entries(data.get("types"))
    if not types:
        place.under("types").refuse(data.get("types"), "a rule for each type of prediction")
    rules = {key: _rule(key, value, place.under("types", key), schedules) for key, value in types.items()}
    return Rules(rules, schedules, name)


def _rule(type_: str, found: object, place: Place, schedules: Mapping[str, Schedule]) -> Rule:
    data = place.mapping(found, RULE)
    schedule = data.get("schedule", "")
    if schedule:
        place.under("schedule").one_of(schedule, [name for name in WINDOWS if name in schedules])
    return Rule(
        _labelling(type_, data, place),
        schedule,
        _comparison(data.get("compare"), place.under("compare")),
        place.under("description").text(data["description"]) if "description" in data else "",
    )


def _labelling(type_: str, data: Mapping[str, Any], place: Place) -> Labelling:
    kind: Any = place.under("truth").one_of(data.get("truth"), KINDS)
    events = place.under("events").texts(data.get("events"))
    if not events:
        place.under("events").refuse(data.get("events"), "the events that make the truth")
    within = place.under("within").seconds(data.get("within"), least=0.001)
    after = place.under("after").seconds(data.get("after", "0s"))
    if after > within:
        place.under("after").refuse(data["after"], "less than `within`")
    out = place.under("exclude").mapping(data.get("exclude"), EXCLUDE)
    made = Labelling(
        type=type_,
        kind=kind,
        events=events,
        within_s=within,
        after_s=after,
        corrections_s=place.under("corrections").seconds(data.get("corrections", "0s")),
        grace_s=place.under("grace").seconds(data.get("grace", "0s")),
        threshold=_threshold(kind, data, place.under("threshold")),
        negative_on_maturity=place.under("negative_on_maturity").flag(data.get("negative_on_maturity", kind != "last")),
        positive=place.under("positive_decisions").texts(data.get("positive_decisions")),
        cut=place.under("positive_score").number(data.get("positive_score", 0.5)),
        exclude_events=place.under("exclude", "events").texts(out.get("events")),
        exclude_decisions=place.under("exclude", "decisions").texts(out.get("decisions")),
        exclude_versions=place.under("exclude", "versions").texts(out.get("versions")),
    )
    if made.is_class and made.negative_on_maturity:
        place.under("negative_on_maturity").refuse(True, "false: without an event there is no class")  # noqa: FBT003
    if both := set(made.events) & set(made.exclude_events):
        place.under("exclude", "events").refuse(min(both), "events that are not the truth itself")
    return made


def _threshold(kind: str, data: Mapping[str, Any], place: Place) -> float | None:
    given = data.get("threshold")
    if given is None:
        if kind == "sum":
            place.refuse(None, "the sum from which the prediction came true")
        return 1.0 if kind == "count" else None
    if kind == "exists":
        place.refuse(given, "none with `truth: exists`; `count` has one")
    return place.number(given)


def _comparison(found: object, place: Place) -> Comparison:
    data = place.mapping(found, COMPARE)
    spans = {name: place.under(name).seconds(data[name], least=DAY) for name in ("baseline", "current") if name in data}
    steps = {name: place.under(name).number(data[name], 0.001, 1.0) for name in COMPARE - spans.keys() if name in data}
    return Comparison(**{f"{name}_s": value for name, value in spans.items()}, **steps)
