"""Ports of loopback for tests, which nobody else takes by chance between their choice and their use."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress


def free_ports(count: int) -> list[int]:
    """So many different ports that were free a moment ago.

    They are below those that the system gives to whoever asks for any port, and to outgoing connections: so nobody
    listens where nobody should, and a server finds its own free again when it is started a second time.
    """
    found: list[int] = []
    with ExitStack() as opened:
        while len(found) < count:
            port = random.SystemRandom().randrange(20_000, 32_000)
            with suppress(OSError):
                opened.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
