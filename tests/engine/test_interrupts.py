"""Signals that stop a run: each as Ctrl-C does, once, at a good moment, and none that whoever started the process ignores."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mirbench.engine import interrupts
from mirbench.engine.interrupts import SIGNALS, Stopped, deferred, stoppable, stopped_by

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these signals are of Unix")


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def stopped(work):
    """What ends the function in a stoppable block."""
    with pytest.raises(Stopped) as caught, stoppable():
        work()
    return caught.value


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_each_signal_raises_what_ctrl_c_raises_and_is_told(number):
    before = [signal.getsignal(other) for other in SIGNALS]
    error = stopped(lambda: send(number if stopped_by() is None else 0))
    assert isinstance(error, KeyboardInterrupt)
    assert (error.number, stopped_by()) == (number, number)
    assert [signal.getsignal(other) for other in SIGNALS] == before


def test_signals_that_come_together_are_one(monkeypatch):
    cleaned = []

    def work():
        try:
            send(signal.SIGHUP)
        finally:
            send(signal.SIGTERM)  # amid what is ended in order
            cleaned.append(True)

    assert stopped(work).number == signal.SIGHUP
    assert cleaned == [True]
    monkeypatch.setattr(interrupts, "TOGETHER_SECONDS", 0)
    assert stopped(work).number == signal.SIGTERM


def test_what_is_ignored_or_handled_stays_so():
    seen = []
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR1)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
        with stoppable():
            send(signal.SIGHUP)
            send(signal.SIGUSR1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert seen == [1]


def test_outside_the_main_thread_nothing_is_done():
    done = []

    def work():
        with stoppable():
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.SIG_DFL]


def test_a_signal_waits_for_the_end_of_a_deferred_block_and_a_later_one_does_not(monkeypatch):
    steps = []

    def work():
        with deferred() as asked:
            for step in range(9):
                if step >= 2:
                    send(signal.SIGTERM)
                steps.append(step)
                if asked() and step == 4:
                    break

    assert stopped(work).number == signal.SIGTERM
    assert steps == [0, 1, 2, 3, 4]
    monkeypatch.setattr(interrupts, "TOGETHER_SECONDS", 0)
    assert stopped(work).number == signal.SIGTERM
    assert steps[5:] == [0, 1, 2]


def test_an_exception_of_a_deferred_block_comes_as_it_is():
    def work():
        with stoppable(), deferred():
            send(signal.SIGTERM)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        work()
    with deferred() as asked:  # the next, as of another training by the same process
        assert not asked()


@pytest.mark.slow
def test_a_stop_that_python_could_not_raise_is_raised_again():
    """As amid a destructor, where exceptions are printed and forgotten."""

    class Destroyed:
        def __del__(self):
            send(signal.SIGTERM)

    def work():
        thing = Destroyed()
        del thing
        time.sleep(5)

    assert stopped(work).number == signal.SIGTERM


STARTED = """
import signal, sys, time
from mirbench.engine.interrupts import stoppable
with stoppable():
    print("ready", flush=True)
    time.sleep(float(sys.argv[1]))
print("whole", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_what_nohup_and_a_background_job_ignore_stops_nothing(number):
    command = [sys.executable, "-c", STARTED, "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(number, signal.SIG_IGN)) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "whole\n"
        assert process.wait(20) == 0
