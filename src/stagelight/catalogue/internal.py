"""The truth about ourselves: what failed inside, what was dropped, what overflowed."""

from stagelight.catalogue.labels import LABEL, METRIC, ROOM
from stagelight.catalogue.rows import Label, Metric

FATE = Label("fate", bound=3, values=("delivered", "dropped", "failed"))

INTERNAL_ERRORS = Metric(
    name="stagelight_internal_errors_total",
    kind="counter",
    labels=(ROOM,),
    help="Errors of stagelight itself that were kept from the program, by room.",
)
LABEL_OVERFLOW = Metric(
    name="stagelight_label_overflow_total",
    kind="counter",
    labels=(METRIC, LABEL),
    help="Label values past their bound, counted under __other__.",
)
SPANS = Metric(
    name="stagelight_spans_total",
    kind="counter",
    labels=(FATE,),
    help="Spans that ended, by what became of them.",
)
UNKNOWN_TRACES = Metric(
    name="stagelight_unknown_traces_total",
    kind="counter",
    help="Stages opened with a trace id that this process does not know.",
)
CANARIES = Metric(
    name="stagelight_canaries_total",
    kind="counter",
    help="Signs of life that `stagelight doctor` has sent.",
)
