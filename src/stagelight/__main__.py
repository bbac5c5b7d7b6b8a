"""`stagelight` and `python -m stagelight`: hands over to the command line, or says in one line what is missing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without the packages of `stagelight[serve]` say so and exit with 2."""
    try:
        from stagelight.cli.main import run  # the bare core has no click; only the command line needs it
    except ModuleNotFoundError as missing:
        if missing.name not in {"click", "rich"}:
            raise
        sys.stderr.write(
            f"stagelight: the command line needs {missing.name}, which is not installed: "
            "pip install 'stagelight[serve]'\n"
        )
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
