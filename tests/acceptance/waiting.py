"""Waiting for what must come to be. The bound is generous and only says when to give up; nothing is measured by it."""
import time

GIVE_UP_S = 60


def eventually(condition, what, within=GIVE_UP_S):
    """Asks again until the answer is true, and returns it. `what` may be a function that says what is missing in the end."""
    until = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, f"not within {within} s: {what() if callable(what) else what}"
        time.sleep(0.05)
