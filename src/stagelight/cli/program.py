"""`python -m stagelight.cli.program app.py …`: turns telemetry on as the variables say, then becomes the program.

`stagelight run` starts it. The program finds itself as `python app.py` would have it: `sys.argv`, `sys.path[0]`,
`__main__`, its exit code and a traceback that begins with its own first line. Nothing is put on PYTHONPATH, so children
that the program starts are its own affair.
"""

from __future__ import annotations

import importlib.machinery
import runpy
import shutil
import sys
import tokenize
import types
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stagelight.errors import StagelightError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

OURS = frozenset({__file__, runpy.__file__, "<frozen runpy>"})


def main(arguments: list[str]) -> None:
    """Run `[-m] target …` in this process, as `__main__`."""
    as_module = arguments[0] == "-m"
    target, *rest = arguments[as_module:]
    # All of this before configure(), which names the service after the program.
    sys.argv = [target, *rest]
    sys.excepthook = _without_our_frames
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    if as_module:
        module.__spec__ = importlib.machinery.ModuleSpec(target, loader=None)
        run: Callable[[], object] = partial(runpy.run_module, target, run_name="__main__", alter_sys=True)
    else:
        path = _file(target)
        module.__file__ = str(path)
        run = partial(_become, path, module)
    _turn_on()
    run()


def _turn_on() -> None:
    from stagelight import setup  # sys.argv has to be right first

    try:
        setup.configure()
    except StagelightError as error:
        sys.stderr.write(f"stagelight: {error}\n")
        sys.exit(2)


def _become(path: Path, module: types.ModuleType) -> None:
    """Run the file, or the installed script, as the interpreter would."""
    if path.is_dir():
        sys.path[0] = str(path)
        runpy.run_path(str(path), run_name="__main__")
        return
    with tokenize.open(path) as source:  # honours `# -*- coding`
        code = compile(source.read(), str(path), "exec", dont_inherit=True)
    # Not runpy.run_path: it takes `__main__` away again when the last line is done, under the feet of threads, atexit
    # functions and pickles that are still at work.
    module.__loader__ = importlib.machinery.SourceFileLoader("__main__", str(path))
    module.__dict__["__builtins__"] = __builtins__
    sys.path[0] = str(path.resolve().parent)
    exec(code, module.__dict__)  # noqa: S102  running the user's program is the purpose


def _file(target: str) -> Path:
    path = Path(target)
    if path.exists():
        return path
    return Path(shutil.which(target) or target)


def _without_our_frames(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback from the program's own first line on."""
    first = trace
    while first is not None and first.tb_frame.f_code.co_filename in OURS:
        first = first.tb_next
    sys.__excepthook__(kind, error.with_traceback(first), first)


if __name__ == "__main__":
    main(sys.argv[1:])
