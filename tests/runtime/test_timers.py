"""Timers of others are few, and do not delay the end of a process."""

from __future__ import annotations

import threading
import time

from lth_core.runtime.timers import cancel_timers, one_timer


def test_timers_are_cancelled_and_other_threads_are_not() -> None:
    fired, released = threading.Event(), threading.Event()
    timer = threading.Timer(60, fired.set)
    other = threading.Thread(target=released.wait)
    for thread in (timer, other):
        thread.start()
    began = time.monotonic()
    cancel_timers()
    timer.join(10)
    assert time.monotonic() - began < 5 and not timer.is_alive() and not fired.is_set()
    assert other.is_alive()
    released.set()
    other.join()


def test_a_timer_is_not_set_while_the_one_before_is_still_to_go_off() -> None:
    delays: list[float] = []
    schedule = one_timer(delays.append)
    schedule(60)
    schedule(60)
    assert delays == [60]
    schedule = one_timer(delays.append)
    schedule(0)
    schedule(0)
    assert delays == [60, 0, 0]
