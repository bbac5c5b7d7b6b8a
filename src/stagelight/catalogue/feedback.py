"""What users say of predictions."""

from stagelight.catalogue.labels import MODEL_VERSION
from stagelight.catalogue.rows import Label, Metric

KIND = Label("kind", bound=2, values=("explicit", "implicit"))
SIGNAL = Label(
    "signal",
    bound=10,
    values=("rating", "thumbs", "comment", "label", "score", "requery", "skip", "accept", "click", "share"),
)

FEEDBACK = Metric(
    name="stagelight_feedback_total",
    kind="counter",
    labels=(KIND, SIGNAL, MODEL_VERSION),
    help="Feedback that was accepted, by signal.",
)
