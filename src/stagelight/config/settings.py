"""Every setting, a row each: its name, its variable, its default and what it does.

`docs/settings.md` is printed from this table. The `OTEL_*` variables that only the official exporters read (headers,
certificates, compression, timeouts) are not repeated here: they work as OpenTelemetry documents them.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_type_hints

from stagelight.config import parse
from stagelight.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def setting(default: T, variable: str, help_text: str, *, secret: bool = False) -> T:
    """One row of the table: its default, its environment variable, its meaning; a secret's value is never printed."""
    row: T = field(
        default=default, repr=not secret, metadata={"variable": variable, "help": help_text, "secret": secret}
    )
    return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What this process was told; build it with `load`."""

    service_name: str = setting(
        "", "OTEL_SERVICE_NAME", "Name of the program in every span; the script's name if empty."
    )
    disabled: bool = setting(
        default=False, variable="OTEL_SDK_DISABLED", help_text="Turn telemetry off; every call becomes a no-op."
    )
    traces_exporter: tuple[str, ...] = setting(
        ("otlp",), "OTEL_TRACES_EXPORTER", "Where spans go: otlp, console, none; several with commas."
    )
    metrics_exporter: tuple[str, ...] = setting(
        ("otlp",), "OTEL_METRICS_EXPORTER", "Where metrics go: otlp, prometheus, console, none; several with commas."
    )
    logs_exporter: tuple[str, ...] = setting(
        ("none",), "OTEL_LOGS_EXPORTER", "Where log records go: otlp, console, none."
    )
    protocol: str = setting(
        "http/protobuf", "OTEL_EXPORTER_OTLP_PROTOCOL", "How OTLP is spoken: http/protobuf or grpc."
    )
    endpoint: str = setting(
        "", "OTEL_EXPORTER_OTLP_ENDPOINT", "Where OTLP is sent; http://localhost:4318, or :4317 for grpc, if empty."
    )
    metrics_interval_ms: int = setting(
        60_000, "OTEL_METRIC_EXPORT_INTERVAL", "Milliseconds between two exports of metrics."
    )
    spans_delay_ms: int = setting(
        5_000, "OTEL_BSP_SCHEDULE_DELAY", "Milliseconds a finished span may wait for its batch."
    )
    prometheus_port: int = setting(0, "PROMETHEUS_PORT", "Serve /metrics on this port; 0 serves none.")
    prometheus_host: str = setting("127.0.0.1", "PROMETHEUS_HOST", "Address /metrics listens on; loopback unless told.")
    tenant: str = setting("default", "STAGELIGHT_TENANT", "Tenant of what carries none.")
    workspace: str = setting("default", "STAGELIGHT_WORKSPACE", "Workspace of what carries none.")
    store: str = setting(
        "",
        "STAGELIGHT_STORE",
        "SQLAlchemy URL or path of the store that predictions, feedback, truth and local traces are written to.",
    )
    url: str = setting(
        "", "STAGELIGHT_URL", "Address of a `stagelight serve` that predictions, feedback and truth are sent to."
    )
    token: str = setting("", "STAGELIGHT_TOKEN", "Bearer token for STAGELIGHT_URL.", secret=True)
    spool: str = setting(
        "",
        "STAGELIGHT_SPOOL",
        "Folder that keeps rows while the store or STAGELIGHT_URL is away; a program's own. In the state folder if empty.",
    )
    spool_max_bytes: int = setting(256 * 2**20, "STAGELIGHT_SPOOL_MAX_BYTES", "Bytes the spool may hold; 0 keeps none.")
    trace_log_file: str = setting("", "TRACE_LOG_FILE", "Append every finished trace to this file, as OTLP JSON lines.")
    trace_cleanup_hours: float = setting(
        24.0, "TRACE_CLEANUP_HOURS", "Hours a trace is kept in the store and in the trace file."
    )
    row_retention_days: float = setting(
        90.0, "STAGELIGHT_RETENTION_DAYS", "Days every other kind of row is kept in the store."
    )
    store_max_bytes: int = setting(2**30, "STAGELIGHT_STORE_MAX_BYTES", "Bytes the store may hold in all.")
    open_trace_seconds: float = setting(
        3600.0, "STAGELIGHT_OPEN_TRACE_SECONDS", "Seconds a started trace may stay open before it ends as abandoned."
    )
    open_traces_max: int = setting(
        10_000, "STAGELIGHT_OPEN_TRACES_MAX", "Started traces kept open at once; the oldest ends as abandoned."
    )
    capture_arguments: bool = setting(
        default=False, variable="STAGELIGHT_CAPTURE_ARGUMENTS", help_text="Record the arguments of stages, redacted."
    )
    capture_result: bool = setting(
        default=False, variable="STAGELIGHT_CAPTURE_RESULT", help_text="Record what stages return, redacted."
    )
    redact_keys: tuple[str, ...] = setting(
        (), "STAGELIGHT_REDACT_KEYS", "More key names whose values are never recorded, with commas."
    )
    user_id_key: str = setting(
        "",
        "STAGELIGHT_USER_ID_KEY",
        "Secret that turns user ids into HMAC-SHA256 before they leave the process.",
        secret=True,
    )
    rewards: tuple[str, ...] = setting(
        (),
        "STAGELIGHT_REWARDS",
        "What feedback teaches, where it is not to be as docs/feedback.md says: requery=0.1, rating:3=none, with commas.",
    )
    feedback_key: str = setting(
        "",
        "STAGELIGHT_FEEDBACK_KEY",
        "Secret that signs the tokens with which users' browsers may judge a trace; without one they may not.",
        secret=True,
    )
    feedback_rate: float = setting(
        60.0,
        "STAGELIGHT_FEEDBACK_RATE",
        "Judgements a minute that POST /feedback/… takes of one user or address; 0 sets no limit.",
    )
    enable_trajectory_evaluation: bool = setting(
        default=False, variable="ENABLE_TRAJECTORY_EVALUATION", help_text="Score finished trajectories, for the router."
    )
    enable_trajectory_feedback_loop: bool = setting(
        default=False,
        variable="ENABLE_TRAJECTORY_FEEDBACK_LOOP",
        help_text="Teach the model router from the rewards that wait in its queue.",
    )
    rl_feedback_batch_size: int = setting(
        25, "RL_FEEDBACK_BATCH_SIZE", "Rewards the feedback loop learns from at once."
    )
    rl_feedback_loop_interval_seconds: float = setting(
        15.0, "RL_FEEDBACK_LOOP_INTERVAL_SECONDS", "Seconds between two turns of the feedback loop."
    )
    trajectory_sample_ratio: float = setting(
        1.0, "STAGELIGHT_TRAJECTORY_SAMPLE_RATIO", "Share of finished trajectories that are scored, 0 to 1."
    )
    trajectory_latency_budget_seconds: float = setting(
        2.0,
        "STAGELIGHT_TRAJECTORY_LATENCY_BUDGET_SECONDS",
        "Seconds a trajectory may take for a full score; at three times that the score of its latency is 0.",
    )
    trajectory_token_budget: float = setting(
        0.0,
        "STAGELIGHT_TRAJECTORY_TOKEN_BUDGET",
        "Tokens a trajectory may take for a full score, as for latency; 0 does not score them.",
    )
    trajectory_cost_budget: float = setting(
        0.0,
        "STAGELIGHT_TRAJECTORY_COST_BUDGET",
        "What a trajectory may cost for a full score, in the spans' currency, as for latency; 0 does not score it.",
    )
    redis_url: str = setting(
        "",
        "STAGELIGHT_REDIS_URL",
        "Redis that hands out the ids of waiting rewards; the store does so if empty.",
        secret=True,
    )
    drift_check_interval: float = setting(60.0, "DRIFT_CHECK_INTERVAL", "Minutes between two checks for drift.")
    drift_threshold: float = setting(
        0.1, "DRIFT_THRESHOLD", "PSI from which drift is low; medium, high and critical are 2.5, 5 and 10 times it."
    )
    watch_interval: float = setting(
        5.0,
        "STAGELIGHT_WATCH_INTERVAL",
        "Minutes between two looks at what routers have learned and how their experiments stand; 0 looks never.",
    )
    truth_rules: str = setting(
        "",
        "STAGELIGHT_TRUTH_RULES",
        "File of the truth rules; outcome_truth_rules.yaml of the working folder if empty.",
    )
    drift_alerts: bool = setting(
        default=True,
        variable="STAGELIGHT_DRIFT_ALERTS",
        help_text="Tell people of models that got worse; off, it is recorded alone.",
    )
    enable_slack: bool = setting(
        default=False, variable="STAGELIGHT_ENABLE_SLACK", help_text="Tell Slack of models that got worse."
    )
    slack_url: str = setting(
        "", "STAGELIGHT_SLACK_URL", "Slack's address as Apprise writes it, slack://token.", secret=True
    )
    enable_email: bool = setting(
        default=False, variable="STAGELIGHT_ENABLE_EMAIL", help_text="Mail people of models that got worse."
    )
    email_url: str = setting(
        "",
        "STAGELIGHT_EMAIL_URL",
        "The mail account as Apprise writes it, mailto://user:password@host?to=address.",
        secret=True,
    )
    host: str = setting("127.0.0.1", "STAGELIGHT_HOST", "Address `stagelight serve` listens on.")
    port: int = setting(4318, "STAGELIGHT_PORT", "Port `stagelight serve` listens on; the next free one if taken.")
    allowed_hosts: tuple[str, ...] = setting(
        (), "STAGELIGHT_ALLOWED_HOSTS", "More host names that `stagelight serve` answers to, with commas."
    )
    collector_health_url: str = setting(
        "", "STAGELIGHT_COLLECTOR_HEALTH_URL", "Address at which `doctor` asks the collector how it is; port 13133."
    )
    tempo_url: str = setting(
        "",
        "STAGELIGHT_TEMPO_URL",
        "Address of Tempo, or of the `stagelight serve` that the collector sends traces to, where `doctor` looks for its span.",
    )
    prometheus_url: str = setting(
        "", "STAGELIGHT_PROMETHEUS_URL", "Address of Prometheus, where `doctor` looks for its metric."
    )
    alertmanager_urls: tuple[str, ...] = setting(
        (),
        "STAGELIGHT_ALERTMANAGER_URLS",
        "Addresses of Alertmanager that `serve` and `relay` post alert events to; every peer of a cluster, with commas.",
    )
    alertmanager_token: str = setting(
        "", "STAGELIGHT_ALERTMANAGER_TOKEN", "Bearer token for STAGELIGHT_ALERTMANAGER_URLS.", secret=True
    )
    alert_resend_seconds: float = setting(
        30.0,
        "STAGELIGHT_ALERT_RESEND_SECONDS",
        "Seconds after which a firing alert is posted again; well under Alertmanager's resolve_timeout of 5 minutes.",
    )
    notify_urls: tuple[str, ...] = setting(
        (),
        "STAGELIGHT_NOTIFY_URLS",
        "Where `serve` and `relay` announce alerts themselves, as Apprise writes it (slack://, mailto://, json://), with commas.",
        secret=True,
    )
    notify_severity: str = setting(
        "warning", "STAGELIGHT_NOTIFY_SEVERITY", "The least severity that STAGELIGHT_NOTIFY_URLS hear of."
    )


class Row(NamedTuple):
    """One setting, for people to read."""

    name: str
    variable: str
    default: object
    help: str
    secret: bool  #: Its value is never printed.


def table() -> list[Row]:
    """Return every setting, in order, for `stagelight doctor` and the reference."""
    return [
        Row(f.name, f.metadata["variable"], f.default, f.metadata["help"], f.metadata["secret"])
        for f in fields(Settings)
    ]


def load(*, environ: Mapping[str, str] | None = None, start: Path | None = None, **arguments: object) -> Settings:
    """Return the settings in force.

    Args:
        environ: Variables to read; the process's own if None. An empty value counts as not set, as OpenTelemetry has it.
        start: Folder from which `pyproject.toml` is looked for, upwards; the working folder if None.
        arguments: Settings by field name, which beat all else; None counts as not given.

    Raises:
        ConfigurationError: A value does not parse, or a name is unknown.

    >>> load(environ={"PROMETHEUS_PORT": "9189"}).prometheus_port
    9189
    """
    environ = os.environ if environ is None else environ
    written = _pyproject(start or Path.cwd())
    _refuse_unknown(arguments, "configure()")
    _refuse_unknown(written, "[tool.stagelight]")
    kinds = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for row in fields(Settings):
        variable = row.metadata["variable"]
        if arguments.get(row.name) is not None:
            values[row.name] = parse.checked(kinds[row.name], arguments[row.name], where=row.name)
        elif environ.get(variable, "").strip():
            values[row.name] = parse.text(kinds[row.name], environ[variable].strip(), where=variable)
        elif row.name in written:
            values[row.name] = parse.checked(kinds[row.name], written[row.name], where=f"[tool.stagelight] {row.name}")
    return Settings(**values)


def _refuse_unknown(given: Mapping[str, object], where: str) -> None:
    known = {row.name for row in fields(Settings)}
    for name in given:
        if name not in known:
            raise ConfigurationError(f"{where}: no setting {name!r}.{did_you_mean(name, known)}")


def _pyproject(start: Path) -> dict[str, Any]:
    """`[tool.stagelight]` of the nearest pyproject.toml, or nothing; an unreadable one is another tool's to report."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            try:
                tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
            except (OSError, ValueError):
                return {}
            return dict(tool.get("stagelight", {}))
    return {}
