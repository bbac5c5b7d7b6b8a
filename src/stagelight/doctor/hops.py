"""Behind the collector: which program has the canary, after how long, and at which hop it was lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stagelight import _clock
from stagelight.doctor import witnesses
from stagelight.doctor.finding import Finding, failure, good, unchecked
from stagelight.doctor.witnesses import TokenNeededError, Witness
from stagelight.egress import Client
from stagelight.errors import ConfigurationError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.config import Settings
    from stagelight.doctor.canary import Sent

#: Prometheus scrapes and evaluates every 15 seconds, a tail sampler decides after 30; and some room.
WAIT_SECONDS: Final = 60.0
TICK_SECONDS: Final = 0.2
COLLECTOR: Final = "collector"


def health(settings: Settings) -> Iterator[Finding]:
    """Ask the collector how it is, where the address for that is known."""
    if not settings.collector_health_url:
        return
    try:
        answer = Client(settings.collector_health_url, read_seconds=witnesses.READ_SECONDS).get("/")
    except (ConfigurationError, UnreachableError) as error:
        yield failure(COLLECTOR, str(error), "Is the collector up, and STAGELIGHT_COLLECTOR_HEALTH_URL its address?")
        return
    if answer.status == witnesses.OK:
        yield good(COLLECTOR, f"{settings.collector_health_url} says that it is well")
    else:
        yield failure(COLLECTOR, f"{settings.collector_health_url} answers {answer.status}: not ready", "See its log.")


def untried(settings: Settings, why: str) -> Iterator[Finding]:
    """Put every program that is configured down as not asked."""
    for witness in witnesses.configured(settings):
        yield unchecked(witness.hop, f"{witness.url} was not asked, as {why}")


def follow(settings: Settings, sent: Sent) -> Iterator[Finding]:
    """Look in all programs at once for what was sent, and yield what was found in the order of the way."""
    search = _Search(witnesses.configured(settings), sent)
    while (pending := search.look()) or search.ready:
        yield from search.told()
        if pending:
            threading.Event().wait(TICK_SECONDS)


@dataclass(slots=True)
class _Search:
    """What is known by now."""

    witnesses: list[Witness]
    sent: Sent
    found: dict[Witness, Finding] = field(default_factory=dict)
    told_count: int = 0

    def look(self) -> bool:
        """Look once wherever nothing is known yet; say whether something is still awaited."""
        for witness in self.witnesses:
            if witness not in self.found and (finding := self._at(witness)) is not None:
                self.found[witness] = finding
        return len(self.found) < len(self.witnesses)

    @property
    def ready(self) -> bool:
        """Whether the next one can be told."""
        return self.told_count < len(self.witnesses) and self.witnesses[self.told_count] in self.found

    def told(self) -> Iterator[Finding]:
        """Yield what follows in the order of the way, as far as it is known."""
        while self.ready:
            yield self.found[self.witnesses[self.told_count]]
            self.told_count += 1

    def _at(self, witness: Witness) -> Finding | None:
        """What is found at `witness`; None while the canary may still come."""
        hop, url = witness.hop, witness.url
        if not witness.sent(self.sent):
            return unchecked(hop, f"{url} was not asked, as no {witness.carrier} was sent over OTLP")
        try:
            seen = witness.seen(self.sent)
        except (ConfigurationError, UnreachableError) as error:
            return failure(hop, str(error), f"Is it up, and {witness.variable} its address?")
        except TokenNeededError:
            return unchecked(hop, f"{url} asks for a token that may read", witness.token_advice)
        seconds = (_clock.monotonic_ns() - self.sent.began_ns) / 1e9
        if seen:
            return good(hop, f"{url} has the {witness.what} after {seconds:.1f} s", seconds=seconds)
        return self._missing(witness, seconds)

    def _missing(self, witness: Witness, seconds: float) -> Finding | None:
        if any(one.verdict == "failure" and other.hop == witness.after for other, one in self.found.items()):
            lost = f"the {witness.what}, as the {witness.carrier} was lost at {witness.after}"
            return unchecked(witness.hop, f"{witness.url} cannot have {lost}")
        if seconds > WAIT_SECONDS:
            said = f"{witness.url} has no {witness.what} after {seconds:.0f} s"
            return failure(witness.hop, said, witness.why_lost())
        return None
