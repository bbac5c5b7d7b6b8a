"""Alerts as Hypothesis draws them: all that `Alert` accepts."""

from __future__ import annotations

from hypothesis import strategies as st

from stagelight.alerts import Alert
from stagelight.alerts.alert import RANKS

OWNED = {"alertname", "severity", "tenant", "workspace"}
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True).filter(lambda name: name not in OWNED)
TEXT = st.text(max_size=20)
OWNER = {"tenant": "acme", "workspace": "prod"}
TRACE_IDS = st.lists(st.from_regex(r"[0-9a-f]{32}", fullmatch=True), max_size=3).map(tuple)

ALERTS = st.builds(
    Alert,
    name=st.text(min_size=1).filter(str.strip),
    severity=st.sampled_from([*RANKS]),
    labels=st.dictionaries(NAMES, TEXT, max_size=5).map(lambda found: found | OWNER),
    annotations=st.dictionaries(NAMES, TEXT, max_size=5),
    starts_at=st.floats(0, 2e9),
    trace_ids=TRACE_IDS,
)
