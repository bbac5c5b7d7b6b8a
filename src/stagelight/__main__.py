"""`stagelight` and `python -m stagelight`: hands over to the command line, or says in one line what is missing."""

from __future__ import annotations

import sys

EXTRA = frozenset({"click", "rich", "fastapi", "starlette", "uvicorn", "jinja2", "nh3"})  #: Of `stagelight[serve]`.


def main() -> None:
    """Run the command line; without the packages of `stagelight[serve]` say so and exit with 2."""
    try:
        from stagelight.cli.main import run

        run()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in EXTRA:
            raise
        sys.stderr.write(
            f"stagelight: the command line needs {package}, which is not installed: pip install 'stagelight[serve]'\n"
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
