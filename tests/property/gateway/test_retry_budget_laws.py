"""The law of the retry budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.execute.retry_budget import RetryBudget


@given(
    share=st.floats(0.01, 1),
    events=st.lists(st.tuples(st.booleans(), st.floats(0, 2)), max_size=300),
)
def test_retries_never_exceed_their_share(share: float, events: list[tuple[bool, float]]) -> None:
    """At any moment: at most a share of the first calls, what was saved up, and a tenth of a retry a second."""
    now = 0.0
    budget = RetryBudget(share, lambda: now)
    first = retries = 0
    for is_retry, pause_s in events:
        now += pause_s
        if is_retry:
            retries += budget.withdraw()
        else:
            budget.deposit()
            first += 1
        assert retries <= 10 + share * first + 0.1 * now + 1e-6


def test_without_a_share_nothing_is_asked_again() -> None:
    """`retry_share: 0` means none, not few."""
    assert not RetryBudget(0.0).withdraw()


def test_calls_pay_in_what_retries_take_out() -> None:
    """Emptied, five calls at a fifth each are worth one retry."""
    budget = RetryBudget(0.2, lambda: 0.0)
    while budget.withdraw():
        pass
    for _ in range(5):
        assert not budget.withdraw()
        budget.deposit()
    assert budget.withdraw()
