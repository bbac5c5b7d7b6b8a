"""Work handed over from where nothing else is safe."""

from __future__ import annotations

import gc
import os
import signal
import threading

from stagelight.telemetry import handover


def test_work_is_done_on_our_own_thread_in_order():
    """What is handed over is done elsewhere, in order, and `settle` waits for it."""
    done = []
    for n in range(100):
        handover.later(lambda n=n: done.append((n, threading.current_thread().name)))

    assert handover.settle(5.0)
    assert [n for n, _ in done] == list(range(100))
    assert {name for _, name in done} == {"stagelight-handover"}


def test_work_that_raises_does_not_end_the_thread(caplog):
    """An error in the work is reported, and the next work is done."""
    done = threading.Event()
    handover.later(lambda: 1 / 0)
    handover.later(done.set)

    assert handover.settle(5.0)
    assert done.is_set()


def test_delayed_work_waits_for_its_time_and_does_not_hold_up_the_rest():
    """What is due later comes later; what is due now does not wait for it."""
    order = []
    both = threading.Event()
    handover.later(lambda: (order.append("late"), both.set()), delay_s=0.05)
    handover.later(lambda: order.append("now"))

    assert both.wait(5.0)
    assert order == ["now", "late"]


def test_settle_says_when_it_was_not_enough_time():
    """Work that takes longer than the time given makes `settle` say so."""
    gate = threading.Event()
    handover.later(lambda: gate.wait(5.0))

    assert handover.settle(0.01) is False
    gate.set()
    assert handover.settle(5.0) is True


def test_finalisers_and_signal_handlers_may_hand_over():
    """Work handed over by ten thousand finalisers and by a signal handler is all done."""
    done = []

    class Dropped:
        def __del__(self):
            handover.later(lambda: done.append(1))

    before = signal.signal(signal.SIGUSR1, lambda *_: handover.later(lambda: done.append(1)))
    try:
        for n in range(10_000):
            ring = [Dropped()]
            ring.append(ring)
            del ring
            if n % 1000 == 0:
                os.kill(os.getpid(), signal.SIGUSR1)
        gc.collect()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert handover.settle(10.0)
    assert len(done) == 10_010


def test_run_works_here_and_now_unless_this_may_be_a_finaliser():
    """Outside a finaliser work is done at once by the caller; inside it is handed over."""
    threads = []

    def work():
        threads.append(threading.current_thread().name)

    handover.run(work)
    with handover.finalising():
        handover.run(work)
    handover.settle(5.0)

    assert threads == [threading.current_thread().name, "stagelight-handover"]


def test_a_forked_child_has_a_working_thread_of_its_own():
    """After a fork the child hands over to its own thread."""
    handover.later(lambda: None)
    handover.settle(5.0)
    pid = os.fork()
    if pid == 0:  # pragma: no cover  the child
        done = threading.Event()
        handover.later(done.set)
        os._exit(0 if handover.settle(5.0) and done.is_set() else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
