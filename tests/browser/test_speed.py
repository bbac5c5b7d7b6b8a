"""How long people wait; figures are printed."""

from __future__ import annotations

import os
import random
import re
import resource
import subprocess
import sys
import time

from playwright.sync_api import expect

PROGRAM = """
import sys
import stagelight

@stagelight.trace_stage
def load():
    return "7"

@stagelight.trace_stage(sys.argv[1])
def answer():
    return load()

answer()
"""


def test_from_the_command_to_the_first_trace_on_the_page(tmp_path, visit, browser):
    """`stagelight run app.py` shows the program's trace within 3 seconds, files and store being warm.

    Where other programs keep all cores busy the clock measures them: then it is the command's processor time that must fit.
    """
    app = tmp_path / "app.py"
    app.write_text(PROGRAM)
    page = visit("about:blank")
    seconds = _best(lambda turn: _first_trace(app, tmp_path, page, turn), 3.0)

    print(f"\ncommand to first trace visible: {seconds:.2f} s (limit 3 s)")
    assert seconds <= 3.0


def _best(measure, limit, turns=8):
    """The best of a few turns, done once one is within the limit: other programs' load is not ours to measure."""
    best = float("inf")
    for turn in range(turns):
        best = min(best, measure(turn))
        if best <= limit:
            break
    return best


def _first_trace(app, folder, page, turn):
    """Start the command, look at its page until the trace of this turn is there, and say how long that took."""
    command = [
        sys.executable,
        "-m",
        "stagelight",
        "run",
        "--port",
        "0",
        "--store",
        str(folder / "run.db"),
        str(app),
        f"answer {turn}",
    ]
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}) as process:
        try:
            url = next(found[0] for line in process.stderr if (found := re.findall(r"http://127\.0\.0\.1:\d+", line)))
            page.goto(url)
            expect(page.locator("#latest + .brief li .what").first).to_have_text(f"answer {turn}")
            seconds = time.perf_counter() - begin
        finally:
            page.goto("about:blank")
            process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    print(f"\nturn {turn}: {seconds:.2f} s, processor {used:.2f} s, {busy=}", end="")
    return used if busy else seconds


def test_a_trace_of_5000_spans_stays_usable(empty, visit, make):
    """It is on the screen within 3 seconds, a key moves within 100 ms, and everything can be unfolded."""
    draw = random.Random(5)
    spans = [make.span(1, 0, 0, 1000)]
    for number in range(2, 5001):
        start = draw.uniform(0, 900)
        failed = {"status": "error", "status_message": "timeout"} if number % 701 == 0 else {}
        spans.append(make.span(number, draw.randint(max(1, number // 8), number - 1), start, start + 50, **failed))
    for at in range(0, 5000, 1000):
        empty.send(*spans[at : at + 1000])
    page = visit("about:blank")

    def opened(_turn):
        page.goto("about:blank")
        begin = time.perf_counter()
        page.goto(f"{empty.url}/traces/{spans[0].trace_id}")
        expect(page.locator("#tree .row").first).to_be_visible()
        return time.perf_counter() - begin

    def pressed(key):
        return _best(lambda _turn: page.evaluate(KEYS, [key, 9]), 100)

    shown = _best(opened, 3.0)
    first = page.locator("#tree .row:visible").count()
    moves, errors = pressed("j"), pressed("n")
    page.get_by_role("button", name="Unfold all").click()
    expect(page.locator("#tree .row[hidden]")).to_have_count(0)
    unfolded = pressed("j")

    print(
        f"\n5,000 spans: shown in {shown:.2f} s, {first} rows at first; a key takes {moves:.0f} ms, n {errors:.0f} ms, {unfolded:.0f} ms all unfolded"
    )
    assert shown <= 3.0
    assert first <= 400
    assert max(moves, errors, unfolded) <= 100


KEYS = """async ([key, times]) => {
  const begin = performance.now();
  for (let turn = 0; turn < times; turn += 1) {
    document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await new Promise(requestAnimationFrame);
  }
  return (performance.now() - begin) / times;
}"""
