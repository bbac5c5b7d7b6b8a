"""`Watch`: implicit feedback that an application need not think of: it says what happens, and what that implies is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _clock, _guard
from stagelight.feedback.implicit import Detector
from stagelight.feedback.log import log_feedback
from stagelight.stages import here

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.feedback.implicit import Implied
    from stagelight.sink.rows import Receipt


class Watch:
    """Watches the sessions of one application; one for the process, safe in any thread. No call raises.

    The session is the running stage's (`context(session=…)`) unless given; without one nothing is watched.

    >>> watch = Watch()
    >>> watch.asked("leek soup", session="s1")
    >>> watch.answered("leek soup", trace_id="0af7651916cd43dd8448eb211c80319c", offered=["vichyssoise"], session="s1")
    >>> watch.chose("bread", session="s1")
    """

    def __init__(self, detector: Detector | None = None) -> None:
        """Judge by `detector`, which knows how soon is soon and how alike is alike."""
        self._detector = detector or Detector()

    def asked(self, query: str, *, session: str = "") -> Receipt | None:
        """Say that a user asks; where that is the last question again, soon after its answer, the answer gets a `requery`.

        Returns:
            The receipt of that feedback, or None where there was none to give.
        """
        return _guard.attempt("feedback", self._asked, query, session)

    def answered(self, query: str, *, trace_id: str = "", offered: Iterable[str] = (), session: str = "") -> None:
        """Say that `query` was answered in the trace (the running one if empty), with these recommendations."""
        _guard.attempt("feedback", self._answered, query, trace_id, offered, session)

    def chose(self, item: str, *, session: str = "") -> Receipt | None:
        """Say that a user took `item`; where the last answer had recommended it, that answer gets an `accept`.

        Returns:
            The receipt of that feedback, or None where there was none to give.
        """
        return _guard.attempt("feedback", self._chose, item, session)

    def _asked(self, query: str, session: str) -> Receipt | None:
        key = _key(session)
        return _logged(self._detector.asked(key, query, at=_now())) if key else None

    def _answered(self, query: str, trace_id: str, offered: Iterable[str], session: str) -> None:
        key, about = _key(session), trace_id or here().trace_id
        if key and about:
            self._detector.answered(key, about, query, offered=offered, at=_now())

    def _chose(self, item: str, session: str) -> Receipt | None:
        key = _key(session)
        return _logged(self._detector.chose(key, item)) if key else None


def _key(session: str) -> str:
    """The session, apart from one of the same name of another tenant; empty where there is none."""
    at = here()
    told = session or at.session
    return f"{at.tenant}\0{at.workspace}\0{told}" if told else ""


def _now() -> float:
    return _clock.monotonic_ns() / 1e9


def _logged(found: Implied | None) -> Receipt | None:
    return log_feedback(found.trace_id, signal=found.signal, value=found.value) if found else None
