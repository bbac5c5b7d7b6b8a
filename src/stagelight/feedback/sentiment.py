"""Whether a comment is positive, neutral or negative: English alone, by TextBlob's lexicon, where the extra is installed.

What cannot be told stays unknown (empty text) and is never called neutral: no lexicon at hand, or a comment in which not one
word is English.
"""

from __future__ import annotations

import importlib
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from stagelight import _guard

if TYPE_CHECKING:
    from stagelight.sink.rows import Sentiment

NEUTRAL: Final = 0.1  #: Polarity, from -1 to 1, up to which a comment is neutral.
PATIENCE_S: Final = 5.0  #: How long a comment waits for the lexicon.
MAX_CHARS: Final = 2_000  #: Of a comment; what somebody thinks, they say at the beginning.

# The lexicon gives 0 to words it has not heard of, so that every comment in another language would be neutral. Left out
# are words that other languages write the same (at, in, on, so, was, die): they prove nothing.
_ENGLISH_TEXT: Final = (
    "about after all also and any are be because been before but can could did does for from get had has have "
    "here his how if into it its just more most much my not our out she some such than that the their them "
    "then there these they this those to too up very were what when where which who why with would you your"
)
_ENGLISH: Final = frozenset(_ENGLISH_TEXT.split())
_WORD: Final = re.compile(r"[a-z']+")
_SIGNS: Final[dict[str, float]] = {"👍": 1.0, "❤": 1.0, "😀": 1.0, "😊": 1.0, "👎": -1.0, "😡": -1.0, "😞": -1.0}


def of(comment: str) -> Sentiment:
    """Return what `comment` says of its writer's mind, or empty text where that cannot be told; never raises.

    The first call in a process loads the lexicon, which takes about a second, and is not waited for longer than five; after
    that a comment takes 0.1 ms.
    """
    text = comment[:MAX_CHARS]
    if not text.strip():
        return ""
    found = _guard.attempt("feedback", _polarity, text)
    if found is None:
        return ""
    return "positive" if found > NEUTRAL else "negative" if found < -NEUTRAL else "neutral"


def available() -> bool:
    """Whether comments can be judged here: the extra `sentiment` is installed."""
    return _lexicon.wait() is not None


def _polarity(text: str) -> float | None:
    """From -1 to 1, or None where no word and no sign is known."""
    signs = [weight for sign, weight in _SIGNS.items() if sign in text]
    analyzer = _lexicon.wait()
    if analyzer is None:
        return None
    found = analyzer.analyze(text, keep_assessments=True)
    if found.assessments:
        return float(found.polarity)
    if signs:
        return sum(signs) / len(signs)
    return 0.0 if english(text) else None


def english(text: str) -> bool:
    """Whether at least one of five words is a small word that only English has.

    >>> english("The parcel arrived on Tuesday"), english("Das war sehr schlecht")
    (True, False)
    """
    words = _WORD.findall(text.lower())
    return bool(words) and sum(word in _ENGLISH for word in words) * 5 >= len(words)


class _Lexicon:
    """TextBlob's analyzer, loaded on a thread of its own: whoever logs feedback does not wait for a slow disk."""

    def __init__(self, package: str = "textblob") -> None:
        self.analyzer: Any = None
        self._package = package
        self._lock = threading.Lock()
        self._loading: threading.Thread | None = None

    def wait(self) -> Any:
        """Return the analyzer, or None where there is none, or not yet."""
        with self._lock:
            if self._loading is None:
                self._loading = threading.Thread(target=self._load, name="stagelight-lexicon", daemon=True)
                self._loading.start()
        self._loading.join(PATIENCE_S)
        return self.analyzer

    def _load(self) -> None:
        with _guard.guard("feedback"), suppress(ImportError):
            analyzer = importlib.import_module(f"{self._package}.en.sentiments").PatternAnalyzer()
            analyzer.analyze("good")  # the words themselves are read at the first question
            self.analyzer = analyzer


_lexicon = _Lexicon()
