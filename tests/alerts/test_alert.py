"""`Alert`: what it is known by, and what is refused before Alertmanager could."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.alerts import Alert
from stagelight.errors import AlertError

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True).filter(
    lambda n: n not in {"alertname", "severity"}
)


def test_the_identity_is_the_full_label_set():
    """Name, severity, tenant and workspace are labels too; annotations and times are not part of who it is."""
    alert = Alert(name="QueueStuck", severity="page", labels={"queue": "q", "tenant": "acme"}, starts_at=1.0)
    said = Alert(
        name="QueueStuck", severity="page", labels={"tenant": "acme", "queue": "q"}, annotations={"summary": "x"}
    )

    assert alert.identity == {
        "alertname": "QueueStuck", "queue": "q", "severity": "page", "tenant": "acme", "workspace": "default",
    }  # fmt: skip
    assert alert.fingerprint == said.fingerprint
    assert alert.fingerprint != Alert(name="QueueStuck", severity="critical", labels=said.labels).fingerprint


def test_an_empty_label_is_none():
    """To Alertmanager a label without a value is not there; here too, or one alert would have two fingerprints."""
    assert Alert(name="A", labels={"queue": ""}).fingerprint == Alert(name="A").fingerprint


@given(st.dictionaries(NAMES, st.text(), max_size=5), st.randoms())
def test_the_order_of_labels_does_not_matter(labels, random):
    """The same labels in any order are the same alert."""
    pairs = [*labels.items()]
    random.shuffle(pairs)

    assert Alert(name="A", labels=labels).fingerprint == Alert(name="A", labels=dict(pairs)).fingerprint


def test_it_fires_until_its_end(stepping):
    """Without an end it fires; with one it fires until then."""
    alert = Alert(name="A", ends_at=stepping.wall_ns() / 1e9 + 60)

    assert alert.firing
    stepping.advance(seconds=61)
    assert not alert.firing
    assert Alert(name="A").firing


def test_ending_keeps_all_else(stepping):
    """`ended` changes the end alone, and never puts it before the start."""
    alert = Alert(name="A", labels={"queue": "q"}, annotations={"summary": "s"}, starts_at=stepping.wall_ns() / 1e9 + 5)

    over = alert.ended()

    assert (over.fingerprint, over.annotations, over.starts_at) == (
        alert.fingerprint,
        alert.annotations,
        alert.starts_at,
    )
    assert over.ends_at == alert.starts_at


def test_text_is_made_fit_to_send():
    """Lone surrogates and over-long values of users neither fail nor travel."""
    alert = Alert(name="A", labels={"question": "\ud800" + "x" * 999}, annotations={"summary": "y" * 9_999})

    assert len(alert.labels["question"]) == 256
    assert len(alert.annotations["summary"]) == 4_096
    assert alert.labels["question"].encode()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": ""}, "needs a name: Alertmanager takes one without"),
        ({"name": " "}, "needs a name"),
        ({"name": 3}, "needs a name"),
        ({"severity": "criticl"}, r"severity 'criticl'; expected critical, page.* Did you mean 'critical'"),
        ({"labels": {"service.name": "x"}}, "label 'service.name' is no name to Alertmanager.* as 'service_name'"),
        ({"labels": {"größe": "x"}}, "label 'größe' is no name"),
        ({"labels": {3: "x"}}, "label '3' is no name"),
        ({"labels": {"retries": 3}}, "label 'retries' is of type int; Alertmanager takes text alone"),
        ({"annotations": {"run.book": "x"}}, "annotation 'run.book' is no name"),
        ({"annotations": {"value": None}}, "annotation 'value' is of type NoneType"),
        ({"labels": {"alertname": "B"}}, "label 'alertname' is what `name` and `severity` say"),
        ({"labels": {f"l{n}": "x" for n in range(33)}}, "33 labels; at most 32"),
        ({"starts_at": math.nan}, "starts_at is nan; expected seconds"),
        ({"starts_at": "now"}, "starts_at is 'now'; expected seconds"),
        ({"starts_at": 1.7e18}, "not milliseconds or nanoseconds"),
        ({"starts_at": -1}, "expected seconds since 1970"),
        ({"starts_at": 9.0, "ends_at": 8.0}, "ends 1 s before it starts"),
        ({"ends_at": True}, "ends_at is True; expected seconds"),
        ({"trace_ids": ("XYZ",)}, "trace id 'XYZ'; expected 32 hex digits"),
    ],
)
def test_what_alertmanager_would_refuse_or_confuse_is_refused_here(given, sentence):
    """One sentence says which alert, what was found and what was expected."""
    with pytest.raises(AlertError, match=sentence):
        Alert(**{"name": "A", **given})
