"""YAML as people would write it: keys in our order, long expressions as blocks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from stagelight.errors import MissingExtraError

if TYPE_CHECKING:
    import yaml

HEAD = "# Written by `stagelight generate`, from the catalogue. What a deployment wants otherwise stands in stagelight.overrides.yaml.\n"


def dump(data: object) -> str:
    """Return `data` as YAML under a line that says where it comes from."""
    dumper = _dumper()
    import yaml

    return HEAD + yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=10_000)


@cache
def _dumper() -> type[yaml.SafeDumper]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("generate", "writing YAML") from error

    class Dumper(yaml.SafeDumper):
        """Repeats what is said twice instead of pointing back to it: Prometheus reads aliases, people do not."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
            return True

    def block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, block)
    return Dumper
