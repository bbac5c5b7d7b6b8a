"""What users do, without being asked: a question asked again soon after its answer, a recommendation that is taken.

`Detector` is pure: an application (or a test) tells it what happens, and it answers with what that implies. `log` turns the
answer into feedback.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from stagelight.sink.rows import ImplicitSignal

SOON_S: Final = 60.0  #: Seconds after an answer within which the same question again means that it did not help.
ALIKE: Final = 0.5  #: Share of words that two questions have in common, from which they are the same question.
SESSIONS: Final = 10_000  #: Remembered; past it the one that was silent longest is forgotten.
_WORD: Final = re.compile(r"\w+")


class Implied(NamedTuple):
    """What somebody did, as feedback: `log_feedback(found.trace_id, signal=found.signal, value=found.value)`."""

    trace_id: str
    signal: ImplicitSignal
    value: float | None = None  #: Seconds after the answer; of a choice its place, the first is 1.


@dataclass(frozen=True, slots=True)
class _Answer:
    trace_id: str
    words: frozenset[str]
    offered: tuple[str, ...]
    at: float


class Detector:
    """Remembers the last answer of each session and says what the next step of the user implies; safe in any thread.

    >>> seen = Detector()
    >>> seen.asked("s1", "what can I cook with leeks", at=0.0)
    >>> seen.answered("s1", "trace-1", "what can I cook with leeks", offered=["soup", "quiche"], at=2.0)
    >>> seen.asked("s1", "what else can I cook with leeks", at=20.0)
    Implied(trace_id='trace-1', signal='requery', value=18.0)
    """

    def __init__(self, *, soon_s: float = SOON_S, alike: float = ALIKE, sessions: int = SESSIONS) -> None:
        """Call a question repeated when it comes within `soon_s` seconds and shares `alike` of its words."""
        self._soon_s = soon_s
        self._alike = alike
        self._sessions = sessions
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def answered(self, session: str, trace_id: str, query: str, *, offered: Iterable[str] = (), at: float) -> None:
        """Note that `query` was answered in the trace, at `at` seconds, with these recommendations, the first one on top."""
        with self._lock:
            self._answers[session] = _Answer(trace_id, words(query), tuple(offered), at)
            self._answers.move_to_end(session)
            while len(self._answers) > self._sessions:
                self._answers.popitem(last=False)

    def asked(self, session: str, query: str, *, at: float) -> Implied | None:
        """Return a `requery` of the last answer, where this question follows soon and is much the same; else None.

        One answer is complained of once: what is asked a third time judges the second answer.
        """
        with self._lock:
            answer = self._answers.get(session)
            if answer is None or not 0 <= at - answer.at <= self._soon_s:
                return None
            if likeness(answer.words, words(query)) < self._alike:
                return None
            del self._answers[session]
        return Implied(answer.trace_id, "requery", at - answer.at)

    def chose(self, session: str, item: str) -> Implied | None:
        """Return an `accept` of the last answer with the item's place, where it had recommended this item; else None."""
        with self._lock:
            answer = self._answers.get(session)
            if answer is None or item not in answer.offered:
                return None
            place = answer.offered.index(item)
            # Taken once; and who found something is not complaining with the next question.
            del self._answers[session]
        return Implied(answer.trace_id, "accept", place + 1.0)


def words(text: str) -> frozenset[str]:
    """Return the words of `text`, in lower case."""
    return frozenset(_WORD.findall(text.lower()[:10_000]))


def likeness(one: Collection[str], other: Collection[str]) -> float:
    """Return the share of words that two questions have in common, 0 to 1.

    >>> likeness(words("vegan soup"), words("Vegan soup!")), likeness(words("soup"), words("the weather"))
    (1.0, 0.0)
    """
    both = set(one) | set(other)
    return len(set(one) & set(other)) / len(both) if both else 0.0
