"""`stagelight run`: the program as it would have been, and its traces on the page."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from stagelight.cli.admission import admitted
from stagelight.cli.problem import Problem
from stagelight.cli.program import _without_our_frames
from stagelight.cli.run import _Child, command_line, program_variables
from stagelight.config import load
from stagelight.store import TraceQuery, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Process
    from stagelight.store import Trace

    Start = Callable[..., Process]


def traces(store: Path) -> list[Trace]:
    """What the store holds, oldest first."""
    with open_store(store, create=False) as opened:
        rows = opened.traces.search(TraceQuery()).rows
        found = [opened.traces.get(row.trace_id) for row in reversed(rows)]
    return [trace for trace in found if trace is not None]


def ran(start: Start, store: Path, *arguments: object, **variables: str) -> tuple[int, Process]:
    """Run to the end, and return the exit code."""
    process = start("run", "--once", "--port", 0, "--store", store, *arguments, **variables)
    return process.ended(), process


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where the page keeps what it gets."""
    return tmp_path / "run.db"


def test_a_program_leaves_its_trace_in_the_store(start: Start, program: Path, store: Path) -> None:
    """Both stages arrive as one trace, under the script's name, with the stage metrics beside them.

    The program finds its own sys.argv and sys.path[0], and stdout holds what it prints and nothing of ours.
    """
    code, process = ran(start, store, program, "--once", "-m", "x")

    assert code == 0, process.err
    assert process.out == f"arguments ['--once', '-m', 'x'] {program.parent}\n"
    (trace,) = traces(store)
    assert [span.name for span in trace.spans] == ["answer", "load"]
    assert trace.root.resource["service.name"] == "app"
    with open_store(store, create=False) as opened:
        calls = {r.labels["stage"]: r.value for r in opened.metrics.latest("stagelight_stage_calls_total") if r.value}
    assert calls == {"answer": 1, "load": 1}


def test_a_traceback_begins_with_the_program_s_own_line(start: Start, program: Path, store: Path) -> None:
    """An exception shows as under plain Python, exit code 1, and the trace is there all the same."""
    code, process = ran(start, store, program.name, "fail")

    assert code == 1
    traceback = process.err[process.err.index("Traceback") :]
    assert traceback.splitlines()[1] == '  File "app.py", line 16, in <module>'
    assert "ValueError: boom" in traceback
    assert len(traces(store)) == 1


def became(store: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Become the program without a page around it; its traces go straight into the store."""
    return subprocess.run(
        [sys.executable, "-m", "stagelight.cli.program", *map(str, arguments)],
        env={
            **os.environ,
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
            "STAGELIGHT_STORE": str(store),
        }
        | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_syntax_error_is_shown_without_our_frames(tmp_path: Path, store: Path) -> None:
    """A mistake in the program's text shows its line, not the machinery that read it."""
    path = tmp_path / "wrong.py"
    path.write_text("def (:\n")

    done = became(store, path)

    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    assert "cli/program.py" not in done.stderr


def test_modules_folders_and_scripts_run_too(tmp_path: Path, store: Path) -> None:
    """-m runs a module, a folder its __main__.py, a name on the path the installed script: all with telemetry on."""
    body = "import sys\nfrom stagelight import trace_stage\nwith trace_stage({0!r}):\n    print({0!r}, __name__, sys.argv[1:])\n"
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "part.py").write_text(body.format("module"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text(body.format("folder"))
    script = tmp_path / "bin" / "tool"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\n" + body.format("script"))
    script.chmod(0o755)

    said = [
        became(store, *arguments, PATH=f"{script.parent}:{os.environ['PATH']}").stdout
        for arguments in (("-m", "package.part", "-m"), ("folder", "a"), ("tool", "b"))
    ]

    assert said == ["module __main__ ['-m']\n", "folder __main__ ['a']\n", "script __main__ ['b']\n"]
    found = traces(store)
    assert [trace.root.name for trace in found] == ["module", "folder", "script"]
    assert [trace.root.resource["service.name"] for trace in found] == ["package.part", "folder", "tool"]


def test_the_program_is_main_to_whoever_asks(tmp_path: Path, store: Path) -> None:
    """Pickle, multiprocessing's spawn and functions that run at exit find the program as `__main__`, to the very end.

    Modules that lie beside the program are found from anywhere.
    """
    path = tmp_path / "elsewhere" / "asks.py"
    path.parent.mkdir()
    path.with_name("beside.py").touch()
    path.write_text(
        "import atexit, multiprocessing, pickle, sys, beside\n"
        "class Thing: pass\n"
        "def child(queue): queue.put(__name__)\n"
        "if __name__ == '__main__':\n"
        "    atexit.register(lambda: print(type(pickle.loads(pickle.dumps(Thing()))).__module__))\n"
        "    spawn = multiprocessing.get_context('spawn')\n"
        "    queue = spawn.Queue()\n"
        "    process = spawn.Process(target=child, args=(queue,))\n"
        "    process.start()\n"
        "    print(queue.get(timeout=30), sys.modules['__main__'].__file__)\n"
        "    process.join()\n"
    )

    done = became(store, path)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"__mp_main__ {path}\n__main__\n"


def test_a_wrong_setting_stops_before_the_program(program: Path, store: Path) -> None:
    """What configure() refuses is one line, and the program's first line does not run."""
    done = became(store, program, OTEL_TRACES_SAMPLER="sometimes")

    assert (done.returncode, done.stdout) == (2, "")
    assert "sometimes" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_page_stays_until_ctrl_c(start: Start, program: Path, store: Path) -> None:
    """After the program's end the page still answers; Ctrl-C ends it with the program's exit code."""
    process = start("run", "--port", 0, "--store", store, program, "seven")
    line = process.until("ended with 7. The page stays on")
    url = line.split()[-3]

    assert "answer" in httpx.get(f"{url}/traces", trust_env=False).text

    process.ctrl_c()
    assert process.ended() == 7


def test_ctrl_c_is_the_program_s_first(start: Start, tmp_path: Path, store: Path) -> None:
    """The first Ctrl-C lets the program end in its own way while the page still takes its last spans."""
    path = tmp_path / "patient.py"
    path.write_text(
        "import signal\n"
        "from stagelight import trace_stage\n"
        "with trace_stage('patient'):\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        signal.pause()\n"
        "    except KeyboardInterrupt:\n"
        "        print('goodbye', flush=True)\n"
    )
    process = start("run", "--port", 0, "--store", store, path)
    process.until("ready")

    process.ctrl_c()
    process.until("goodbye")
    process.until("patient.py ended with 0. The page stays")
    process.ctrl_c()

    assert process.ended() == 0
    assert [trace.root.name for trace in traces(store)] == ["patient"]


def test_a_store_with_tokens_lets_the_program_in(start: Start, program: Path, store: Path) -> None:
    """Where the page asks for tokens the program gets one for as long as it runs, and no longer."""
    with open_store(store) as opened:
        opened.tokens.create("first", tenant="default", scopes=("read",), days=1)

    code, process = ran(start, store, program)

    assert code == 0, process.err
    assert len(traces(store)) == 1
    with open_store(store, create=False) as opened:
        assert {t.name: t.revoked for t in opened.tokens.list()} == {"first": False, "stagelight run": True}


def test_the_first_trace_is_on_the_page_within_3_seconds(start: Start, program: Path, store: Path) -> None:
    """From the command to the first trace in the page's list, warm; the best of a few.

    Where other programs keep all cores busy the clock measures them: then it is the processor's time that must fit.
    """
    taken, used = [], []
    while len(taken) < 2 or (min(taken) > 3.0 and len(taken) < 6):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        process = start("run", "--port", 0, "--store", store, program)
        url = process.until("  page ").split()[1]
        with httpx.Client(base_url=url, trust_env=False) as client:
            deadline = began + 60
            while not client.get("/api/traces").json()["traces"] and time.perf_counter() < deadline:
                process.news.wait(0.02)
        taken.append(time.perf_counter() - began)
        process.until("The page stays")
        process.ctrl_c()
        assert process.ended() == 0, process.err
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        store.unlink()
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    print(f"stagelight run app.py to the first trace: {min(taken):.2f} s, processor {min(used):.2f} s, {busy=}")
    assert min(used if busy else taken) <= 3.0


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nosuch.py", "no file 'nosuch.py' here"),
        ("nosuch", "stagelight run -m nosuch"),
        ("no.such.module", "-m no.such"),
    ],
)
def test_a_target_that_is_not_there_is_told_at_once(target: str, words: str, tmp_path: Path) -> None:
    """A missing file or command is told before any server is started, with what may have been meant."""
    with pytest.raises(Problem, match=words):
        command_line(target, (), as_module=False)


def test_a_file_without_a_sign_is_taken_for_python(tmp_path: Path) -> None:
    """A script without suffix and `#!` is Python's; one with another interpreter's `#!`, or a binary, is run as it is."""
    for name, text in {"plain": "print(1)\n", "shell": "#!/bin/sh\n", "elf": "\x7fELF"}.items():
        (tmp_path / name).write_text(text)

    kinds = {name: command_line(name, (), as_module=False)[0] for name in ("plain", "shell", "elf")}

    assert kinds == {"plain": sys.executable, "shell": "shell", "elf": "elf"}


def test_a_command_that_cannot_be_executed_is_told(tmp_path: Path) -> None:
    """A file that the system will not run is one line, exit code 3."""
    (tmp_path / "data").write_text("#!/bin/sh\n")

    with pytest.raises(Problem, match="Is it executable") as told:
        _Child(["./data"], {})

    assert told.value.exit_code == 3


def test_a_signal_counts_as_a_shell_counts_it() -> None:
    """A program that is killed by signal 9 ends the command with 137."""
    assert _Child([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], {}).ended() == 137


def test_sigterm_means_the_program_and_then_the_page(capfd: pytest.CaptureFixture[str]) -> None:
    """A service manager's SIGTERM reaches the program, whose code becomes ours, and the page does not wait for another.

    Ctrl-C, which the terminal sends to the program too, ends the page only once the program has ended.
    """
    code = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\nprint('ready', flush=True)\nsignal.pause()"
    child = _Child([sys.executable, "-c", code], {})
    said = ""
    while "ready" not in said:
        said += capfd.readouterr().out

    child.told(signal.SIGINT, None)
    assert not child.stop.is_set()
    child.told(signal.SIGTERM, None)

    assert child.ended() == 5
    assert child.stop.is_set()


def test_ctrl_c_after_the_program_ends_the_page() -> None:
    """Once the program is gone Ctrl-C can only mean the page."""
    child = _Child([sys.executable, "-c", ""], {})
    child.ended()

    child.told(signal.SIGINT, None)

    assert child.stop.is_set()


def test_a_token_is_made_only_where_one_is_asked_for(store: Path) -> None:
    """Without tokens none is made; STAGELIGHT_TOKEN, where it is set, is what the program sends with."""
    with admitted(load(environ={}, store=str(store))) as none:
        assert none == ""
    with open_store(store) as opened:
        opened.tokens.create("mine", tenant="acme", scopes=("ingest",), days=1)
        with admitted(load(environ={}, store=str(store), token="sl_1_2")) as given:
            assert given == "sl_1_2"
        assert [t.name for t in opened.tokens.list()] == ["mine"]


def test_the_program_s_variables_lead_to_the_page_alone() -> None:
    """What the user had set for another backend, its keys included, is not sent to the page; a proxy is kept away."""
    from stagelight.web.server import Serving

    found = Serving(host="127.0.0.1", port=4400, wanted_port=4400, store="a.db")
    mine = program_variables(
        {
            "HOME": "/root",
            "OTEL_SDK_DISABLED": "true",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=vendor",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://vendor/v1/traces",
            "OTEL_TRACES_SAMPLER": "always_on",
            "NO_PROXY": "internal",
        },
        found,
    )

    assert "vendor" not in str(mine)
    assert "OTEL_SDK_DISABLED" not in mine
    assert mine["OTEL_EXPORTER_OTLP_ENDPOINT"] == mine["STAGELIGHT_URL"] == "http://127.0.0.1:4400"
    assert mine["NO_PROXY"].split(",")[:2] == ["internal", "127.0.0.1"]
    assert (mine["HOME"], mine["OTEL_TRACES_SAMPLER"]) == ("/root", "always_on")


def test_an_exception_from_nowhere_is_still_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no frame is the program's the exception is shown alone."""
    error: Any = ImportError("No module named nosuch")

    _without_our_frames(ImportError, error, None)

    assert capsys.readouterr().err == "ImportError: No module named nosuch\n"
