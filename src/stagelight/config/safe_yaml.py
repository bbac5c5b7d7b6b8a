"""YAML from a file that somebody else may have written: plain data only, of bounded size and depth."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from stagelight.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20


def load(content: bytes, name: str) -> Any:
    """Return what `content` says: mappings, lists, texts, numbers, booleans, dates and nothing else.

    Args:
        content: The file's bytes, UTF-8.
        name: What the file is called, for messages.

    Raises:
        ConfigurationError: It is not YAML; it is too long or too deep; or it uses an alias, an anchor, a tag, a merge or a
            key twice. The message says in which line.
        MissingExtraError: PyYAML is not installed.
    """
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{name}: {len(content)} bytes; expected at most {MAX_BYTES}")
    parse, yaml_error = _parser()
    try:
        return parse(content.decode("utf-8"))
    except yaml_error as error:
        raise ConfigurationError(f"{name}: {_line(error)}") from error
    except ValueError as error:  # no UTF-8, a number of 5,000 digits, the 31st of February
        raise ConfigurationError(f"{name}: {error}") from error


def _line(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    return where + " ".join(str(getattr(error, "problem", None) or error).split())[:200]


@cache
def _parser() -> tuple[Callable[[str], Any], type[Exception]]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("store", "reading YAML") from error

    class Loader(yaml.SafeLoader):
        """Refuses what makes YAML more than data."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's parser has no types
            self.depth += 1
            if problem := _more_than_data(event, self.depth):
                raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's signature
            seen: set[str] = set()
            for key, _ in node.value:
                if problem := _no_key(key, seen):
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    def parse(text: str) -> Any:
        return yaml.load(text, Loader)  # noqa: S506  a SafeLoader, and stricter

    return parse, yaml.YAMLError


def _more_than_data(event: Any, depth: int) -> str:
    """Why this may not stand here; empty where it may."""
    if getattr(event, "anchor", None):  # an alias has one, too
        return "anchors and aliases are not read here"
    if getattr(event, "tag", None):
        return "tags are not read here"
    return f"deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else ""


def _no_key(node: Any, seen: set[str]) -> str:
    """Why this cannot be a key beside those `seen`; empty where it can."""
    if not isinstance(node.value, str):
        return "a key must be a text"
    if node.tag == "tag:yaml.org,2002:merge":
        return "merges are not read here"
    return f"the key {node.value!r} stands here twice" if node.value in seen else ""
