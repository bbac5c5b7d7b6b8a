"""The scheduled tasks: join truth, judge models by it, look for drift, and tell people. Plain functions, safe to repeat.

Celery's beat (`loops.celery_app`) and the embedded scheduler (`loops.scheduler`) run the same ones. A task answers with
what it did; `status` is `ok`, or `skipped` with a `reason` where the store is away or another worker is at it: the next
run does what this one did not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stagelight.alerts import AlertRouter, route_concept_drift_alerts
from stagelight.drift.everything import check_store
from stagelight.drift.severity import MINIMUM
from stagelight.loops import findings
from stagelight.loops.holding import LEASE_SECONDS, alone, on_store, on_store_alone, settings_in_force
from stagelight.truth import rules as truth_rules
from stagelight.truth.assessment import assess, keep
from stagelight.truth.joining import join
from stagelight.truth.metrics import show

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.alerts import Finding
    from stagelight.alerts.finding import Subject
    from stagelight.store import Store
    from stagelight.store.drift_model import Measurement
    from stagelight.truth import Rules

    Done = dict[str, Any]

DRIFT: Final = "drift-check"
#: A run that comes after a killed one waits until that one's lease is over: the next turn may be a week away.
PATIENCE_S: Final = LEASE_SECONDS + 1.0
FULL: Final = "feedback-loop-full"
DAY: Final = 86_400.0


def name_of(window: str) -> str:
    """Return what the task of a window is called in a schedule.

    >>> name_of("short")
    'feedback-loop-short-window'
    """
    return f"feedback-loop-{window}-window"


def run_feedback_loop(prediction_types: Iterable[str] | None = None, *, now: float | None = None) -> Done:
    """Say of predictions what they turned out to be, as far as truth has come; done twice it changes nothing.

    Args:
        prediction_types: Those with a rule; all of them if None.
        now: Seconds since 1970; the clock's if None.

    Returns:
        `status`; `joined`: per type how many predictions were looked at, how many outcomes written and corrected.

    Raises:
        ConfigurationError: The rules cannot be used, or have none for a type.
    """
    return on_store(lambda store: _join(store, _rules(), prediction_types, now))


def run_feedback_loop_short_window(*, now: float | None = None) -> Done:
    """Join the types whose truth comes within hours, then see whether their models got worse; every four hours."""
    return _window("short", now)


def run_feedback_loop_medium_window(*, now: float | None = None) -> Done:
    """Join the types whose truth takes weeks, then see whether their models got worse; every night."""
    return _window("medium", now)


def run_feedback_loop_long_window(*, now: float | None = None) -> Done:
    """Join the types whose truth takes months, then see whether their models got worse; on Sundays."""
    return _window("long", now)


def run_full_feedback_loop(*, now: float | None = None) -> Done:
    """Join every type, then see whether any model got worse."""
    return on_store_alone(FULL, lambda store: _joined_and_judged(store, _rules(), None, now), patience_s=PATIENCE_S)


def analyze_concept_drift_from_truth(
    prediction_types: Iterable[str] | None = None, *, now: float | None = None
) -> Done:
    """Compare each model version with its own past, keep the verdicts, show the figures, and tell who should know.

    Args:
        prediction_types: Those with a rule; all of them if None.
        now: Seconds since 1970; the clock's if None.

    Returns:
        `status`; `drift_results`: a mapping for each model version; `routed`: what became of the alerts.

    Raises:
        ConfigurationError: The rules cannot be used, or have none for a type.
    """
    return on_store(lambda store: _judge(store, _rules(), prediction_types, now))


def check_drift() -> Done:
    """Compare what models see and say now with their references, and tell who should know; needs no labels.

    Returns:
        `status`; `checked`: features looked at; `drifted`: those beyond threshold and noise; `routed`.
    """
    return on_store_alone(DRIFT, _check_drift)


def _window(window: str, now: float | None) -> Done:
    rules = _rules()
    types = rules.scheduled(window)
    return on_store_alone(
        name_of(window), lambda store: _joined_and_judged(store, rules, types, now), patience_s=PATIENCE_S
    )


def _joined_and_judged(store: Store, rules: Rules, types: Iterable[str] | None, now: float | None) -> Done:
    chosen = [rule.type for rule in rules.of(types)]
    return _join(store, rules, chosen, now) | {"analysis": _judge(store, rules, chosen, now)}


def _join(store: Store, rules: Rules, types: Iterable[str] | None, now: float | None) -> Done:
    """Each type by itself, because two schedules may share one; what another worker is joining is left to it."""
    joined: dict[str, Done] = {}
    left: list[str] = []
    for rule in rules.of(types):
        with alone(store, f"join:{rule.type}") as mine:
            if not mine:
                left.append(rule.type)
                continue
            found = join(store, rules, types=[rule.type], now=now).types
            for one in found:
                joined[one.type] = {
                    "predictions": one.predictions,
                    "revisions": one.revisions,
                    "corrected": one.corrected,
                }
    return {"joined": joined} | ({"left_to_another_worker": left} if left else {})


def _judge(store: Store, rules: Rules, types: Iterable[str] | None, now: float | None) -> Done:
    results: list[Done] = []
    alerts: list[Finding] = []
    subjects: list[Subject] = []
    spans = (0, 0)
    for rule in rules.of(types):
        spans = (round(rule.compare.baseline_s / DAY), round(rule.compare.current_s / DAY))
        for assessment in assess(store, rule, now=now):
            keep(store, assessment)
            show(assessment)
            results.append(findings.result_of(assessment))
            subjects += findings.subjects_of(assessment)
            alerts += findings.of_assessment(store, assessment, rule)
    router = AlertRouter(settings_in_force(), store=store)
    routed = route_concept_drift_alerts(results, alerts, *spans, router=router)
    router.resolve(subjects, alerts)
    return {"drift_results": results, "routed": routed}


def _check_drift(store: Store) -> Done:
    measured = check_store(store, threshold=settings_in_force().drift_threshold)
    found = [findings.of_measurement(one) for one in measured if one.verdict == "alert"]
    router = AlertRouter(settings_in_force(), store=store)
    routed = route_concept_drift_alerts([], found, 0, 0, router=router)
    router.resolve([findings.of_measurement(one).subject for one in measured if _is_well(one)], found)
    return {"checked": len(measured), "drifted": len(found), "routed": routed}


def _rules() -> Rules:
    return truth_rules.load(settings_in_force().truth_rules)


def _is_well(found: Measurement) -> bool:
    """Whether a check says that a feature does not drift; with too few rows it says nothing."""
    return found.verdict == "alert" or (found.verdict == "quiet" and found.rows >= MINIMUM)
