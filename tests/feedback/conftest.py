"""The lexicon takes a second to load: only what is about it waits for it."""

from __future__ import annotations

import pytest

from stagelight.feedback import sentiment


@pytest.fixture(autouse=True)
def _no_lexicon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra `sentiment` is not installed; a test that asks for `lexicon` has it."""
    if "lexicon" not in request.fixturenames:
        monkeypatch.setattr(sentiment, "_lexicon", sentiment._Lexicon(package="not_installed"))


@pytest.fixture(scope="session")
def lexicon() -> None:
    """Loaded, however busy the machine is."""
    while not sentiment.available():
        pass
