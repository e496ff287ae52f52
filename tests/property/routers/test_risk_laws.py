"""Laws of the risk control, for any graded answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routers.risk import STEPS, ConfidenceTable, control, fewest_rows, most_wrong
from tests.property.policies.strategies import law

graded = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=300)
share = st.floats(0.001, 0.999)


@law
@given(graded, share, share, share)
def test_a_larger_risk_never_raises_the_threshold(pairs, one, other, level):
    """Whoever accepts more risk releases at least as much."""
    table = ConfidenceTable.of(pairs)
    strict, lax = control(table, min(one, other), level), control(table, max(one, other), level)
    if strict.threshold is not None:
        assert lax.threshold is not None
        assert lax.threshold <= strict.threshold
    assert lax.released >= strict.released


@law
@given(graded, share, share, share)
def test_a_higher_level_never_lowers_the_threshold(pairs, risk, one, other):
    """Whoever wants to be surer releases at most as much."""
    table = ConfidenceTable.of(pairs)
    lax, strict = control(table, risk, min(one, other)), control(table, risk, max(one, other))
    if strict.threshold is not None:
        assert lax.threshold is not None
        assert lax.threshold <= strict.threshold


@law
@given(graded, share, share)
def test_no_more_is_wrong_than_the_bound_allows(pairs, risk, level):
    """What is released of the graded answers has at most as many wrong ones as may be, and one step lower has more."""
    table = ConfidenceTable.of(pairs)
    found, allowed = control(table, risk, level), most_wrong(len(pairs), risk, level)
    if found.threshold is None:
        return
    assert sum(confidence >= found.threshold and not right for confidence, right in pairs) == found.wrong
    assert found.wrong <= allowed
    if found.threshold > 0:
        lower = (round(found.threshold * STEPS) - 1) / STEPS
        assert sum(confidence >= lower and not right for confidence, right in pairs) > allowed


@law
@given(graded, share, share)
def test_too_few_rows_release_nothing(pairs, risk, level):
    """Below the fewest rows there is no threshold, whatever the answers."""
    if len(pairs) < fewest_rows(risk, level):
        assert control(ConfidenceTable.of(pairs), risk, level).threshold is None
