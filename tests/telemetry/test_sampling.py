"""Sampling is what the variables say; what cannot be is one clear line."""

from __future__ import annotations

import pytest
from opentelemetry.context import Context, set_value
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, Sampler

from stagelight import _guard
from stagelight.errors import ConfigurationError
from stagelight.telemetry.sampling import KeepingSampler, chosen
from stagelight.telemetry.spans import KEEP


def decided(sampler: Sampler, context: Context) -> Decision:
    return sampler.should_sample(context, 1, "work").decision


@pytest.mark.parametrize(
    ("name", "argument", "described"),
    [
        ("", "", "ParentBased{root:AlwaysOnSampler"),
        ("always_off", "", "AlwaysOffSampler"),
        ("ALWAYS_ON", "", "AlwaysOnSampler"),
        ("traceidratio", "0.25", "TraceIdRatioBased{0.25}"),
        ("traceidratio", "", "TraceIdRatioBased{1.0}"),
        ("parentbased_traceidratio", "0.5", "ParentBased{root:TraceIdRatioBased{0.5}"),
    ],
)
def test_opentelemetrys_variables_choose_the_sampler(name, argument, described, monkeypatch):
    """OTEL_TRACES_SAMPLER and its ARG mean what OpenTelemetry documents."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)

    assert chosen().get_description().startswith(described)


def test_a_wrong_name_is_told_with_the_right_one(monkeypatch):
    """An unknown sampler is an error with a suggestion, not a silent 100 %."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "allways_on")

    with pytest.raises(ConfigurationError, match=r"OTEL_TRACES_SAMPLER: found 'allways_on'.*Did you mean 'always_on'"):
        chosen()


@pytest.mark.parametrize("argument", ["half", "1.5", "-0.1", "nan"])
def test_a_share_has_to_be_one(argument, monkeypatch):
    """The share of traces lies between 0 and 1."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)

    with pytest.raises(ConfigurationError, match=f"found '{argument}', expected a share between 0 and 1"):
        chosen()


def test_what_is_kept_is_recorded_but_not_sampled():
    """KEEP turns a drop into a recording; it changes nothing where the span is sampled, and nothing without KEEP."""
    kept = set_value(KEEP, True, Context())

    assert decided(KeepingSampler(ALWAYS_OFF), kept) is Decision.RECORD_ONLY
    assert decided(KeepingSampler(ALWAYS_OFF), Context()) is Decision.DROP
    assert decided(KeepingSampler(ALWAYS_ON), kept) is Decision.RECORD_AND_SAMPLE
    assert KeepingSampler(ALWAYS_ON).get_description() == "Keeping{AlwaysOnSampler}"


def test_a_sampler_that_raises_drops_the_span():
    """A broken sampler costs the span, not the program."""

    class Broken(Sampler):
        def should_sample(self, *_arguments, **_others):
            raise RuntimeError("for a test")

        def get_description(self) -> str:
            return "broken"

    assert decided(KeepingSampler(Broken()), Context()) is Decision.DROP
    assert _guard.errors() == {"telemetry": 1}
