"""The tables of late truth.

```
predictions ──< outcomes       what a prediction turned out to be; a revision a row, none is ever changed
outcome_rules                  the rule by which each type of prediction was last judged, and when that was
verdicts                       what each comparison of a model version with its own past came to; append-only
```

`predictions.outcome_revision` says which revision holds, and `predictions.actual_outcome` what it says.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table

from stagelight.store.columns import Big, key, key_number, metadata, number, owner, text, whole

KNOWN, OPEN, EXCLUDED = "known", "open", "excluded"

outcomes = Table(
    "outcomes",
    metadata,
    *owner(key=True),
    key("prediction_id"),
    key_number("revision"),  # from 1
    text("type"),
    text("state"),  # known; open: something was heard, but it decides nothing yet; excluded: the rule leaves it out
    text("actual_outcome"),  # 1, 0, or the class that it was
    Column("predicted", Big),  # 1 or 0; NULL where the prediction took no side
    Column("actual", Big),  # 1 or 0, what the score is the probability of
    Column("measure", Float(53)),  # the count, the sum or the last value
    Column("lag_seconds", Float(53)),  # from prediction to truth; NULL where silence was the truth
    whole("joined_ns"),
    sqlite_with_rowid=False,
)

outcome_rules = Table(
    "outcome_rules",
    metadata,
    *owner(key=True),
    key("type"),
    text("digest"),  # of the rule, so that a changed one judges everything anew
    text("rule"),  # JSON
    number("maturity_seconds"),  # after which silence is an answer
    number("keep_seconds"),  # for which a prediction and its truth may still be needed
    number("joined_at"),  # seconds since 1970: what was mature then is what the views show
    whole("joined_ns"),  # our clock, when the last join began
)

verdicts = Table(
    "verdicts",
    metadata,
    *owner(key=True),
    key("type"),
    key("model_version"),
    key_number("judged_ns"),
    text("accuracy_status"),
    text("calibration_status"),
    text("reason"),
    text("figures"),  # JSON, all of them
    whole("baseline_size"),
    whole("current_size"),
    *(
        Column(name, Float(53))
        for name in (
            "baseline_since",
            "baseline_until",
            "current_since",
            "current_until",
            "baseline_accuracy",
            "current_accuracy",
            "accuracy_p",
            "baseline_calibration_error",
            "current_calibration_error",
            "calibration_p",
            "estimated_accuracy",
        )
    ),
    Index("verdicts_judged", "judged_ns"),
)
