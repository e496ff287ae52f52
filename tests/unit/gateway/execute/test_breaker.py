"""The circuit breaker, with a clock that the test moves."""

from __future__ import annotations

import pytest

from gateway.config import BreakerSpec
from gateway.execute.breaker import Breaker

SPEC = BreakerSpec(failure_ratio=0.5, min_calls=4, window_s=10, timeouts=3, open_s=5, max_open_s=15, probes=2)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(SPEC, clock=clock)


def call(breaker: Breaker, result: str) -> None:
    """One call from begin to end."""
    assert breaker.refusal_s() is None
    breaker.end(result, probe=breaker.begin())  # type: ignore[arg-type]


def opened(breaker: Breaker) -> Breaker:
    for _ in range(4):
        call(breaker, "failed")
    assert breaker.state == "open"
    return breaker


def test_half_of_enough_calls_open_it(breaker: Breaker) -> None:
    """Three failures of three prove nothing with `min_calls: 4`; two of four do."""
    for result in ("failed", "ok", "ok"):
        call(breaker, result)
    assert breaker.state == "closed"
    call(breaker, "failed")
    assert breaker.state == "open"


def test_few_failures_among_many_calls_do_not_open_it(breaker: Breaker) -> None:
    """Four of ten are below one half at any moment."""
    for result in ("ok", "ok", "failed", "ok", "failed", "ok", "failed", "ok", "failed", "ok"):
        call(breaker, result)
    assert breaker.state == "closed"


def test_timeouts_in_a_row_open_it_before_there_are_enough_calls(breaker: Breaker) -> None:
    """Each of them has cost somebody the whole limit."""
    for _ in range(3):
        assert breaker.state == "closed"
        call(breaker, "timeout")
    assert breaker.state == "open"


def test_a_good_call_ends_the_row_of_timeouts(clock: Clock) -> None:
    """Two, a good one and two are not three in a row."""
    breaker = Breaker(SPEC.model_copy(update={"min_calls": 100}), clock=clock)
    for result in ("timeout", "timeout", "ok", "timeout", "timeout"):
        call(breaker, result)
    assert breaker.state == "closed"


def test_what_is_older_than_the_window_is_forgotten(breaker: Breaker, clock: Clock) -> None:
    """Three failures eleven seconds ago do not add up with one of now."""
    for _ in range(3):
        call(breaker, "failed")
    clock.now += 11
    call(breaker, "failed")
    assert breaker.state == "closed"


def test_open_it_refuses_and_says_for_how_long(breaker: Breaker, clock: Clock) -> None:
    """About five seconds, less what has passed."""
    opened(breaker)
    left = breaker.refusal_s()
    assert left is not None and 4.5 <= left <= 5.5
    clock.now += 2
    assert breaker.refusal_s() == pytest.approx(left - 2)


def test_one_probe_at_a_time(breaker: Breaker, clock: Clock) -> None:
    """While it is under way all others are refused."""
    opened(breaker)
    clock.now += 6
    assert breaker.refusal_s() is None
    assert breaker.begin() is True
    assert breaker.state == "half-open"
    assert breaker.refusal_s() is not None


def test_good_probes_close_it(breaker: Breaker, clock: Clock) -> None:
    """Two in a row; the failures of before are forgotten."""
    opened(breaker)
    clock.now += 6
    call(breaker, "ok")
    assert breaker.state == "half-open"
    call(breaker, "ok")
    assert breaker.state == "closed"
    call(breaker, "failed")
    assert breaker.state == "closed"


def test_a_bad_probe_opens_it_for_twice_as_long_up_to_the_longest(breaker: Breaker, clock: Clock) -> None:
    """10 s, then 15 s and no more."""
    opened(breaker)
    for least, most in ((9, 11), (13.5, 16.5), (13.5, 16.5)):
        clock.now += 17
        call(breaker, "failed")
        left = breaker.refusal_s()
        assert left is not None and least <= left <= most


def test_a_probe_that_shows_nothing_makes_room_for_another(breaker: Breaker, clock: Clock) -> None:
    """Its client left before the target said anything."""
    opened(breaker)
    clock.now += 6
    breaker.forget(probe=breaker.begin())
    assert breaker.refusal_s() is None


def test_calls_from_before_say_nothing_about_now(breaker: Breaker, clock: Clock) -> None:
    """A call that began before it opened neither closes it nor opens it for longer."""
    before = breaker.begin()
    opened(breaker)
    left = breaker.refusal_s()
    breaker.end("ok", probe=before)
    breaker.end("failed", probe=before)
    assert (breaker.state, breaker.refusal_s()) == ("open", left)
    clock.now += 6
    breaker.begin()
    breaker.end("ok", probe=before)
    assert breaker.state == "half-open"


def test_changes_are_told_with_their_reason(clock: Clock) -> None:
    """Each once."""
    told: list[tuple[str, str]] = []
    breaker = Breaker(SPEC, lambda state, why: told.append((state, why)), clock)
    opened(breaker)
    clock.now += 6
    call(breaker, "ok")
    call(breaker, "ok")
    assert told == [
        ("open", "4 of 4 calls failed within 10 s"),
        ("half-open", "the time is up, a probe is sent"),
        ("closed", "2 probe(s) were answered"),
    ]
