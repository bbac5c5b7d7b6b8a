"""What the programs around us export, as far as our rules and panels read it.

The collector's names are those of its Prometheus reader with `without_type_suffix: false`, as the files in collector/ have
it: counters end in `_total`. (That a unit is appended all the same, `without_units: true` or not, was seen in its text.)
"""

from stagelight.catalogue.rows import Foreign

SIGNALS = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}  #: data_type -> how items are called.

UP = Foreign(
    name="up",
    kind="gauge",
    by="prometheus",
    labels=("job", "instance"),
    help="Whether the last scrape of a target succeeded.",
)
ALERTS_FIRING = Foreign(
    name="ALERTS",
    kind="gauge",
    by="prometheus",
    labels=("alertname", "alertstate", "severity", "tenant", "workspace", "stage"),
    help="Alerts that are pending or firing.",
)
RULE_FAILURES = Foreign(
    name="prometheus_rule_evaluation_failures_total",
    kind="counter",
    by="prometheus",
    labels=("rule_group",),
    help="Rules that could not be evaluated.",
)
NOTIFICATIONS_DROPPED = Foreign(
    name="prometheus_notifications_dropped_total",
    kind="counter",
    by="prometheus",
    help="Alerts that Prometheus could not hand to Alertmanager.",
)
NOTIFICATIONS_FAILED = Foreign(
    name="alertmanager_notifications_failed_total",
    kind="counter",
    by="alertmanager",
    labels=("integration",),
    help="Messages that Alertmanager could not deliver.",
)
QUEUE_SIZE = Foreign(
    name="otelcol_exporter_queue_size",
    kind="gauge",
    by="collector",
    labels=("instance", "exporter", "data_type"),
    help="What waits in an exporter's queue, in the queue's own measure.",
)
QUEUE_CAPACITY = Foreign(
    name="otelcol_exporter_queue_capacity",
    kind="gauge",
    by="collector",
    labels=("instance", "exporter", "data_type"),
    help="What an exporter's queue can hold.",
)
MEMORY = Foreign(
    name="otelcol_process_memory_rss_bytes",
    kind="gauge",
    by="collector",
    labels=("instance",),
    help="Memory of the collector.",
)


def _items(form: str, by: str, help_text: str) -> dict[str, Foreign]:
    """A counter for each signal, by its data type."""
    return {
        signal: Foreign(
            name=form.format(items),
            kind="counter",
            by="collector",
            labels=("instance", by),
            help=help_text.format(items),
        )
        for signal, items in SIGNALS.items()
    }


SENT = _items("otelcol_exporter_sent_{}_total", "exporter", "Delivered {}.")
SEND_FAILED = _items("otelcol_exporter_send_failed_{}_total", "exporter", "Given up: {} that were refused for good.")
ENQUEUE_FAILED = _items("otelcol_exporter_enqueue_failed_{}_total", "exporter", "Did not fit into the queue: {}.")
ACCEPTED = _items("otelcol_receiver_accepted_{}_total", "receiver", "Taken in: {}.")
REFUSED = _items("otelcol_receiver_refused_{}_total", "receiver", "Sent back to whoever sent them: {}.")
