"""Where a setting comes from, and what is said when it cannot be used."""

from __future__ import annotations

import pytest

from stagelight.config import load, table
from stagelight.errors import ConfigurationError


@pytest.fixture
def project(tmp_path):
    """A project with settings of its own, and a folder deep inside it."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.stagelight]\nport = 5000\nhost = "0.0.0.0"\nredact_keys = ["mood"]\n'
    )
    deep = tmp_path / "src" / "app"
    deep.mkdir(parents=True)
    return deep


def test_an_argument_beats_the_environment_which_beats_pyproject_which_beats_the_default(project):
    """Each source counts only where none before it speaks."""
    assert load(environ={}, start=project.parent.parent.parent).port == 4318
    assert load(environ={}, start=project).port == 5000
    assert load(environ={"STAGELIGHT_PORT": "6000"}, start=project).port == 6000
    assert load(environ={"STAGELIGHT_PORT": "6000"}, start=project, port=7000).port == 7000
    assert load(environ={"STAGELIGHT_PORT": " "}, start=project).port == 5000
    assert load(environ={}, start=project).redact_keys == ("mood",)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"STAGELIGHT_PORT": "http"}, "STAGELIGHT_PORT: found 'http', expected a whole number, 0 or more"),
        ({"STAGELIGHT_PORT": "-1"}, "found '-1', expected a whole number"),
        ({"TRACE_CLEANUP_HOURS": "nan"}, "TRACE_CLEANUP_HOURS: found 'nan', expected a number"),
        ({"OTEL_SDK_DISABLED": "perhaps"}, "found 'perhaps', expected one of 1/true/yes/on or 0/false/no/off"),
    ],
)
def test_a_variable_that_does_not_parse_is_told_with_what_was_expected(environ, said):
    """The sentence names the variable, what was found and what was expected."""
    with pytest.raises(ConfigurationError, match=said):
        load(environ=environ)


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path):
    """A misspelt argument or key of pyproject.toml is not ignored."""
    with pytest.raises(ConfigurationError, match=r"configure\(\): no setting 'potr'. Did you mean 'port'"):
        load(environ={}, potr=1)
    (tmp_path / "pyproject.toml").write_text("[tool.stagelight]\nprot = 1\n")
    with pytest.raises(ConfigurationError, match=r"\[tool.stagelight\]: no setting 'prot'"):
        load(environ={}, start=tmp_path)


def test_an_argument_of_the_wrong_type_is_refused():
    """A list where a number is wanted is told so."""
    with pytest.raises(ConfigurationError, match=r"port: found \[1\], expected a whole number"):
        load(environ={}, port=[1])


def test_a_broken_pyproject_is_another_tools_to_report(tmp_path):
    """We do not stop a program because its pyproject.toml does not parse."""
    (tmp_path / "pyproject.toml").write_text("[tool.stagelight\n")
    assert load(environ={}, start=tmp_path).port == 4318


@pytest.mark.parametrize("word", ["1", "true", "YES", "On"])
def test_flags_are_read_as_people_write_them(word):
    """1, true, yes and on are on, in any case."""
    assert load(environ={"OTEL_SDK_DISABLED": word}).disabled is True


def test_every_setting_has_a_variable_of_its_own_and_a_sentence():
    """The table is complete: no two rows share a variable, every row says what it does."""
    rows = table()
    assert len({row.variable for row in rows}) == len(rows)
    assert all(row.help.endswith(".") for row in rows)


def test_secrets_are_not_printed():
    """The settings' text shows neither tokens nor keys, nor addresses with a password in them."""
    secrets = {
        "token",
        "user_id_key",
        "feedback_key",
        "alertmanager_token",
        "notify_urls",
        "redis_url",
        "slack_url",
        "email_url",
    }
    assert {row.name for row in table() if row.secret} == secrets
    settings = load(environ={row.variable: "hush" for row in table() if row.secret})
    assert "hush" not in repr(settings)
