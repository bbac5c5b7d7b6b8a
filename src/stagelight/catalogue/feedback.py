"""What users say of predictions."""

from stagelight.catalogue.labels import MODEL_VERSION
from stagelight.catalogue.rows import Label, Metric

KIND = Label("kind", bound=2, values=("explicit", "implicit"))
SIGNAL = Label(
    "signal",
    bound=10,
    values=("rating", "thumbs", "comment", "label", "score", "requery", "skip", "accept", "click", "share"),
)
SENTIMENT = Label("sentiment", bound=4, values=("positive", "neutral", "negative", "unknown"))

FEEDBACK = Metric(
    name="stagelight_feedback_total",
    kind="counter",
    labels=(KIND, SIGNAL, MODEL_VERSION),
    help="Feedback that was stored, by signal; a duplicate is not counted.",
)
FEEDBACK_SENTIMENT = Metric(
    name="stagelight_feedback_sentiment_total",
    kind="counter",
    labels=(SENTIMENT, MODEL_VERSION),
    help="Comments that were stored, by what they say of their writer's mind; unknown where that cannot be told.",
)
