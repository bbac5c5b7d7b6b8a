"""A router's policy on a `stagelight serve`, read over HTTP; decisions go there through the sink, with its spool."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from stagelight import sink
from stagelight.egress import Client
from stagelight.errors import PolicyError, UnreachableError
from stagelight.store.loop import PolicyRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.egress import Answer
    from stagelight.routing.arms import ArmChange
    from stagelight.routing.plan import Plan
    from stagelight.sink.rows import Receipt, Row
    from stagelight.wire.records import Tenancy

UNKNOWN = 404
REFUSED = 422
DONE = 200


class ServerHome:
    """A server that other processes may learn on, too."""

    store = None

    def __init__(self, url: str, token: str) -> None:
        """Live on the server at `url`.

        Raises:
            ConfigurationError: The address or the token cannot be used.
        """
        self._client = Client(url, token=token)
        self.key = url

    def policy(self, router: str, owner: Tenancy) -> PolicyRow | None:
        """Ask for the policy.

        Raises:
            UnreachableError: The server is away, or does not answer as it should.
        """
        answer = self._client.get(f"{_path(router)}?{urlencode(owner._asdict())}")
        return None if answer.status == UNKNOWN else _row(answer, self._client.url)

    def establish(self, router: str, owner: Tenancy, plan: Plan) -> PolicyRow | None:
        """Declare the router there.

        Raises:
            UnreachableError: As `policy`.
        """
        if not plan.arms:
            return self.policy(router, owner)
        declared = {"policy": plan.policy, "arms": list(plan.arms), "parameters": dict(plan.parameters)}
        return _row(self._client.post(_path(router), {**owner._asdict(), **declared}), self._client.url)

    def change(self, router: str, owner: Tenancy, plan: Plan, what: ArmChange) -> dict[Tenancy, PolicyRow]:
        """Have the server do it to every policy of the router that the token reaches.

        Raises:
            UnreachableError: As `policy`.
        """
        if plan.declared:
            self.establish(router, owner, plan)
        answer = self._client.post(f"{_path(router)}/arms", {**owner._asdict(), **asdict(what)})
        if answer.status == REFUSED:
            raise PolicyError(_said(answer))
        row = _row(answer, self._client.url)
        return {owner: row} if row else {}

    def depth(self, router: str) -> int:
        """Ask how many rewards wait for a router.

        Raises:
            UnreachableError: As `policy`.
        """
        data = self._client.get(_path(router)).data
        return int(data.get("queue_depth", 0)) if isinstance(data, dict) else 0

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Hand `rows` to the sink."""
        return sink.write_all(rows)


_servers: dict[tuple[str, str], ServerHome] = {}
_lock = threading.Lock()


def server(url: str, token: str) -> ServerHome:
    """Return the home on the server at `url`; the same one for the same address and token."""
    with _lock:
        if (url, token) not in _servers:
            _servers[url, token] = ServerHome(url, token)
        return _servers[url, token]


def _path(router: str) -> str:
    return f"/api/routers/{quote(router, safe='')}"


def _row(answer: Answer, url: str) -> PolicyRow | None:
    data: Any = answer.data
    if answer.status != DONE or not isinstance(data, dict) or not isinstance(data.get("version"), int):
        raise UnreachableError(f"{url} answered {answer.status}: {_said(answer)}")
    return PolicyRow(data["version"], data["state"]) if data["version"] else None


def _said(answer: Answer) -> str:
    data: Any = answer.data
    return str(data.get("message", "no reason given") if isinstance(data, dict) else "something else than JSON")[:300]
