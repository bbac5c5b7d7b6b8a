"""Values made fit for export, as the official encoder finds them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider

from stagelight.telemetry import clean

hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary()
    | st.builds(object)
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner) | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(codec=None)) | st.integers() | st.none(), hostile))
def test_whatever_is_given_can_be_encoded(given_attributes):
    """Any mapping becomes attributes that the official encoder takes, and raises nothing."""
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("test").start_span("s", attributes=clean.attributes(given_attributes))
    span.end()

    encode_spans([span]).SerializeToString()
