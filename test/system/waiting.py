"""Waiting for a condition: the only place of these tests that sleeps."""

import time

BOUND_S = 30.0
POLL_S = 0.015


def wait_until(condition, what, timeout=BOUND_S):
    """Polls CONDITION until it is truthy and returns that value.

    The bound is generous, for a loaded machine: it says that something never
    happened, not that it was slow.  WHAT may be a function, so that a failure
    can show what was there instead.
    """
    give_up = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > give_up:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout:g} s: {text}")
        time.sleep(POLL_S)


def hold(seconds, sample, pause=0.1):
    """For SECONDS, calls SAMPLE again and again; returns what it gave.

    For a fault whose length is the point of the test.
    """
    samples = []
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        samples.append(sample())
        time.sleep(pause)
    return samples
