"""Rows to a `stagelight serve`, over its API."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from stagelight.egress import Client
from stagelight.errors import UnreachableError
from stagelight.sink.codec import Kind, id_of, kind_of, to_json
from stagelight.sink.rows import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.egress import Answer
    from stagelight.sink.rows import Row

PATHS: Final[dict[Kind, str]] = {
    "prediction": "/api/predictions",
    "feedback": "/api/feedback",
    "decision": "/api/decisions",
    "truth": "/api/truth",
}
MAX_ROWS = 500  #: In one request.
#: What no second try changes: the rows themselves are at fault.
TOO_LARGE = 413
FINAL: Final = (400, TOO_LARGE, 422)
ADVICE: Final = {
    401: "is STAGELIGHT_TOKEN set, and not yet expired?",
    403: "does the token have the scope `feedback`?",
    404: "is STAGELIGHT_URL the address of `stagelight serve`?",
    507: "the server's store is full; raise STAGELIGHT_STORE_MAX_BYTES there",
}


class HttpSink:
    """Commits rows on a `stagelight serve`; it answers after its own commit, so a receipt `stored` can be relied upon."""

    def __init__(self, url: str, token: str = "") -> None:
        """Send to the server at `url`, with `token` where it asks for one.

        Raises:
            ConfigurationError: The address or the token cannot be used.
        """
        self._client = Client(url, token=token)

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Commit `rows`, those of one kind together and in order, and return a receipt each.

        Raises:
            UnreachableError: The server is away, full, or does not know us; rows may be sent again.
        """
        receipts: list[Receipt] = []
        for kind, run in groupby(rows, kind_of):
            same = list(run)
            for start in range(0, len(same), MAX_ROWS):
                receipts += self._send(kind, same[start : start + MAX_ROWS])
        return receipts

    def _send(self, kind: Kind, rows: list[Row]) -> list[Receipt]:
        answer = self._client.post(PATHS[kind], [to_json(row) for row in rows])
        receipts = _receipts(answer, len(rows))
        if receipts is not None:
            return receipts
        if answer.status == TOO_LARGE and len(rows) > 1:
            half = len(rows) // 2
            return self._send(kind, rows[:half]) + self._send(kind, rows[half:])
        if answer.status in FINAL:
            return [Receipt("refused", id_of(row), _sentence(answer)) for row in rows]
        advice = ADVICE.get(answer.status, "")
        raise UnreachableError(
            f"{self._client.url} answered {answer.status}: {_sentence(answer)}" + (f" ({advice})" if advice else "")
        )


def _receipts(answer: Answer, count: int) -> list[Receipt] | None:
    """The receipts in an answer; None where it holds something else, as another server's page does."""
    data: Any = answer.data
    found = data.get("receipts") if isinstance(data, dict) and answer.status in (200, 422) else None
    if not isinstance(found, list) or len(found) != count:
        return None
    receipts = []
    for item in found:
        if not isinstance(item, dict) or item.get("status") not in ("stored", "spooled", "refused"):
            return None
        receipts.append(Receipt(item["status"], str(item.get("id", "")), str(item.get("reason", ""))[:500]))
    return receipts


def _sentence(answer: Answer) -> str:
    data = answer.data
    message = data.get("message") if isinstance(data, dict) else None
    return str(message)[:300] if message else "no reason given"
