"""YAML that somebody else may have written: plain data comes in, everything else is one clear sentence."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stagelight.config import safe_yaml
from stagelight.errors import ConfigurationError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_data_comes_in_as_it_was_written(data):
    """Whatever a YAML library writes of lists, mappings and scalars is read back the same."""
    assert safe_yaml.load(yaml.safe_dump(data).encode(), "x.yaml") == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "line 1: anchors and aliases are not read here"),
        ("a: *x", "line 1: anchors and aliases"),
        ("a: !!python/object/apply:os.system [id]", "line 1: tags are not read here"),
        ("a: !!str 5", "line 1: tags are not read here"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands here twice"),
        ("x: {b: 1, b: 2}", "line 1: the key 'b' stands here twice"),
        ("<<: {a: 1}", "line 1: merges are not read here"),
        ("[1, 2]: 3", "line 1: a key must be a text"),
        ("{1: 2}: 3", "line 1: a key must be a text"),
        ("a: [" * 10 + "b", "deeper than|expected"),
        ("[" * 21 + "]" * 21, "line 1: deeper than 20 levels"),
        ("a: b: c", "line 1: mapping values are not allowed here"),
        ("--- 1\n--- 2", "expected a single document|another document"),
        ("a: 2026-02-31", "day"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a: \x07", "special characters are not allowed"),
    ],
)
def test_what_is_more_than_data_is_refused(text, message):
    """Aliases that explode, tags that run code, keys that hide each other, figures that take minutes to read."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        safe_yaml.load(text.encode(), "x.yaml")
    assert str(caught.value).startswith("x.yaml: ")
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_refused():
    """A file of bytes is not a traceback."""
    with pytest.raises(ConfigurationError, match=r"x.yaml: .*can't decode"):
        safe_yaml.load(b"a: \xff", "x.yaml")


def test_a_file_that_is_too_long_is_not_parsed():
    """256 KiB hold more rules than a person can read."""
    with pytest.raises(ConfigurationError, match="262145 bytes; expected at most 262144"):
        safe_yaml.load(b" " * (safe_yaml.MAX_BYTES + 1), "x.yaml")
    assert safe_yaml.load(b" " * safe_yaml.MAX_BYTES, "x.yaml") is None


@given(st.text(alphabet="{}[]:,&*!|>-#\n \"'ab1?<%@", max_size=60) | st.text(max_size=60))
def test_no_text_raises_anything_else(text):
    """Data or a ConfigurationError, whatever stands in the file."""
    with suppress(ConfigurationError):
        safe_yaml.load(text.encode("utf-8", "surrogatepass"), "x.yaml")
