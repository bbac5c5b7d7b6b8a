"""What a check found, how grave it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["good", "warning", "failure", "unchecked"]

GOOD: Final = 0
WARNING: Final = 1
FAILURE: Final = 2
UNCHECKED: Final = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One hop of the way, and its state."""

    hop: str  #: What was looked at, as `endpoint`.
    verdict: Verdict
    found: str  #: One sentence.
    advice: str = ""  #: What to do next; empty where all is well.
    seconds: float | None = None  #: From the sending of the canary until it was there; None where none was awaited.


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order of the way that telemetry takes."""

    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest: a failure, else what could not be checked, else a warning.

        >>> Report((Finding("a", "good", ""), Finding("b", "warning", ""))).verdict
        'warning'
        """
        found = {finding.verdict for finding in self.findings}
        gravest: tuple[Verdict, ...] = ("failure", "unchecked", "warning")
        return next((verdict for verdict in gravest if verdict in found), "good")

    @property
    def lost_at(self) -> str:
        """The first hop that failed; empty where none did.

        >>> Report((Finding("a", "good", ""), Finding("b", "failure", ""), Finding("c", "failure", ""))).lost_at
        'b'
        """
        return next((finding.hop for finding in self.findings if finding.verdict == "failure"), "")

    @property
    def code(self) -> int:
        """The exit code: 0 good, 1 warning, 2 failure, 3 something could not be checked."""
        return {"good": GOOD, "warning": WARNING, "failure": FAILURE, "unchecked": UNCHECKED}[self.verdict]


def good(hop: str, found: str, *, seconds: float | None = None) -> Finding:
    """All is well; `seconds` as in `Finding`."""
    return Finding(hop, "good", found, seconds=seconds)


def warning(hop: str, found: str, advice: str) -> Finding:
    """It may work, and something wants a look."""
    return Finding(hop, "warning", found, advice)


def failure(hop: str, found: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(hop, "failure", found, advice)


def unchecked(hop: str, found: str, advice: str = "") -> Finding:
    """Nobody can say whether it works."""
    return Finding(hop, "unchecked", found, advice)
