"""What stays on this machine or goes beside OTLP: store, trace file, rows, /metrics."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stagelight.config.paths import state_folder
from stagelight.doctor.finding import Finding, failure, good, unchecked, warning
from stagelight.egress import Client
from stagelight.errors import ConfigurationError, MissingExtraError, StoreError, StoreUnavailableError, UnreachableError

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.store import Store

NEARLY: Final = 0.9  #: Share of a cap at which a warning is due.
ROOM_BYTES: Final = 256 * 2**20  #: Less than this on the disk is little.


def check(settings: Settings) -> list[Finding]:
    """Look at what the settings name; what they do not name needs no look."""
    found = [_store(settings)]
    if settings.trace_log_file:
        found.append(_trace_file(Path(settings.trace_log_file)))
    if settings.url:
        found += [_rows(settings), *_spool(settings)]
    if settings.prometheus_port or "prometheus" in settings.metrics_exporter:
        found.append(_prometheus(settings))
    return found


def _store(settings: Settings) -> Finding:
    from stagelight.store import open_store

    try:
        with open_store(settings.store, max_bytes=settings.store_max_bytes, create=False) as store:
            return _held(store)
    except MissingExtraError as error:
        return unchecked("store", str(error)) if settings.store else good("store", "none on this machine")
    except StoreUnavailableError as error:
        if not settings.store and not (state_folder() / "stagelight.db").exists():
            return good("store", "none yet; `stagelight serve` makes one")
        return failure("store", str(error), "Is the path right, and the file yours?")
    except (StoreError, ConfigurationError) as error:
        return failure("store", str(error), "See STAGELIGHT_STORE.")


def _held(store: Store) -> Finding:
    held = store.admin.size()
    said = f"{store.path or store.url}: {held.bytes:,} of {held.max_bytes:,} bytes, {held.traces:,} traces"
    if held.bytes > NEARLY * held.max_bytes:
        return warning("store", said, "The oldest traces go first; STAGELIGHT_STORE_MAX_BYTES raises the cap.")
    if store.path is not None and shutil.disk_usage(store.path.parent).free < ROOM_BYTES:
        return warning("store", f"{said}; the disk is nearly full", "Free some space.")
    return good("store", said)


def _trace_file(path: Path) -> Finding:
    existing = next(p for p in (path, *path.absolute().parents) if p.exists())
    if path.is_dir() or not os.access(existing, os.W_OK):
        return failure(
            "trace file", f"{path} cannot be written", "TRACE_LOG_FILE must name a file in a folder of yours."
        )
    size = path.stat().st_size if path.exists() else 0
    return good("trace file", f"{path}, {size:,} bytes")


def _rows(settings: Settings) -> Finding:
    """Whether predictions, feedback and truth reach STAGELIGHT_URL."""
    try:
        answer = Client(settings.url).get("/health")
    except ConfigurationError as error:
        return failure("rows", str(error), "STAGELIGHT_URL is the address that `stagelight serve` prints.")
    except UnreachableError as error:
        return failure(
            "rows",
            str(error),
            f"Start `stagelight serve`; rows wait in the spool until then. STAGELIGHT_URL={settings.url}",
        )
    if not isinstance(answer.data, dict) or "version" not in answer.data:
        return failure(
            "rows", f"{settings.url} is no `stagelight serve`", "STAGELIGHT_URL is the address that it prints."
        )
    return good("rows", f"predictions, feedback and truth go to {settings.url}")


def _spool(settings: Settings) -> list[Finding]:
    folder = Path(settings.spool) if settings.spool else state_folder() / "spool"
    if not folder.is_dir() or not settings.spool_max_bytes:
        return []
    waiting = sum(path.stat().st_size for path in folder.rglob("*.jsonl"))
    said = f"{folder}: {waiting:,} of {settings.spool_max_bytes:,} bytes"
    if waiting > NEARLY * settings.spool_max_bytes:
        advice = "It is nearly full; when it is, rows are refused. Is the store locked or full, or STAGELIGHT_URL down?"
        return [warning("spool", said, advice)]
    return [good("spool", said)]


def _prometheus(settings: Settings) -> Finding:
    where = f"http://{settings.prometheus_host}:{settings.prometheus_port or 9464}"
    try:
        answer = Client(where).get("/metrics")
    except ConfigurationError as error:
        return failure("/metrics", str(error), "PROMETHEUS_HOST is an address of this machine.")
    except UnreachableError:
        return good("/metrics", f"{where}/metrics is free; the program serves it while it runs")
    if answer.status == 200 and b"# HELP" in answer.body:  # noqa: PLR2004  HTTP's OK
        return good("/metrics", f"{where}/metrics answers")
    return warning("/metrics", f"{where} is taken by something else", "Choose another PROMETHEUS_PORT.")
