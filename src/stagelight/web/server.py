"""`stagelight serve`: bind, check the door, run until told to stop."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from stagelight import store as stores
from stagelight.errors import ConfigurationError
from stagelight.web import security
from stagelight.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from stagelight.config import Settings
    from stagelight.store import Store

    Maker = Callable[[Store, Settings], FastAPI]

MAX_PORT = 65_535
PORTS_TRIED = 20  #: After the wanted one, before any free port is taken.
STOP_SECONDS = 3  #: What open requests get to finish in, when told to stop.
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Where a started server is found."""

    host: str
    port: int
    wanted_port: int  #: What the settings asked for; 0 asks for any.
    store: str  #: Path or address of the database, without a password.

    @property
    def url(self) -> str:
        """Address to open, or to send OTLP to."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host.strip("[]"), self.host.strip("[]"))  # noqa: S104  compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def moved(self) -> bool:
        """Whether the wanted port was taken, so that people must be told the new one."""
        return self.wanted_port not in (0, self.port)


def serve(settings: Settings, *, on_ready: Callable[[Serving], None] | None = None, make: Maker = create_app) -> None:
    """Receive, keep and show telemetry until SIGINT or SIGTERM; then finish open requests, close the store and return.

    Args:
        settings: Address, store and retention.
        on_ready: Called once, when the first request would be answered.
        make: Makes the application: all of it, or the relay alone.

    Raises:
        ConfigurationError: The address cannot be used, or would be open to others without a token.
        StoreError: The store cannot be opened.
    """
    with _opened(settings) as store:
        _server(settings, store, on_ready, make).run()


@contextmanager
def running(settings: Settings, *, make: Maker = create_app) -> Iterator[Serving]:
    """Serve on a thread of this process inside the block; for programs that bring their own page, and for tests.

    Raises:
        ConfigurationError: As `serve`.
        StoreError: As `serve`.
    """
    ready: list[Serving] = []
    event = threading.Event()

    def on_ready(serving: Serving) -> None:
        ready.append(serving)
        event.set()

    with _opened(settings) as store:
        server = _server(settings, store, on_ready, make)

        def run() -> None:
            try:
                server.run()
            finally:
                event.set()

        thread = threading.Thread(target=run, name="stagelight-serve", daemon=True)
        thread.start()
        event.wait(START_SECONDS)
        try:
            if not ready:
                raise ConfigurationError("the server did not start; its log says why")
            yield ready[0]
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS + 5)


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    with stores.open_configured(settings) as store:
        yield store


def _server(settings: Settings, store: Store, on_ready: Callable[[Serving], None] | None, make: Maker) -> _Server:
    security.refuse_open_door(settings.host, has_token=store.tokens.any())
    app = make(store, settings)
    sock = bind(settings.host, settings.port)
    serving = Serving(
        host=settings.host,
        port=sock.getsockname()[1],
        wanted_port=settings.port,
        store=str(store.path or store.url),
    )
    return _Server(app, sock, lambda: on_ready(serving) if on_ready else None)


class _Server(uvicorn.Server):
    """uvicorn, told when it is ready, ending its live streams when it stops, and giving signals back afterwards."""

    def __init__(self, app: FastAPI, sock: socket.socket, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="on",
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._app = app
        self._sock = sock
        self._on_ready = on_ready

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        with closing(self._sock):
            super().run(sockets or [self._sock])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A live stream never ends by itself, and uvicorn waits for open requests.
        self._app.state.hub.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again when it is done, which kills the process before the store is closed.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket on `port`, or on a free one nearby where it is taken; 0 asks for any.

    Raises:
        ConfigurationError: The address is not one of this machine, or may not be used.
    """
    if not 0 <= port <= MAX_PORT:
        # The system's own resolver would quietly take it modulo 65,536.
        raise ConfigurationError(f"cannot listen on port {port}; expected 0 to {MAX_PORT}")
    wanted = [port, *range(port + 1, min(port + PORTS_TRIED, MAX_PORT) + 1), 0] if port else [0]
    for candidate in wanted:
        try:
            return _listen(host, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ConfigurationError(f"cannot listen on {host}:{candidate}: {error.strerror or error}") from error
    raise ConfigurationError(f"no free port on {host}")


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2048)
    except BaseException:
        sock.close()
        raise
    return sock
