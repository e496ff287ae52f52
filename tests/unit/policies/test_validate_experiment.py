"""Experiments that cannot be, or that nobody would ever take part in."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from policies.model import Experiment, Policy
from policies.validate_experiment import experiment_problems
from tests.unit.policies.test_validate_plan import TARGETS

CANARY = {"id": "c", "kind": "canary", "from": "small", "to": "mid", "share": 0.1}


def _policy(*experiments: dict, **rest) -> Policy:
    default = {"choose": "best", "among": ["small"]}
    return Policy.model_validate(
        {"version": 1, "targets": TARGETS, "default": default, "experiments": list(experiments), **rest}
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"to": None}, "`canary` needs `from` and `to`"),
        ({"to": "small"}, "`from` and `to` are the same target"),
        (
            {"kind": "explore"},
            "`explore` draws among the plan's own targets and takes neither `from` nor `to`",
        ),
        (
            {"kind": "shadow", "stop_if": {"inferior_by": 0.1}},
            "`stop_if` belongs to `canary` and `ab`",
        ),
        (
            {"kind": "shadow", "sticky": "key"},
            "`shadow` draws each request; `sticky` belongs to `canary` and `ab`",
        ),
    ],
)
def test_kinds_take_their_own_keys(changed, message):
    """A key that the kind has no use for is an error, and so is one that it lacks."""
    with pytest.raises(ValidationError, match=message):
        Experiment.model_validate(CANARY | changed)


@pytest.mark.parametrize(
    ("experiments", "loc", "message"),
    [
        ([CANARY | {"to": "larg"}], ("to",), "unknown target `larg`; did you mean `large`"),
        ([CANARY | {"from": "large"}], ("from",), "never drawn: no plan names `large`"),
        ([CANARY | {"share": 0}], ("share",), "a share of 0 draws nothing"),
        (
            [CANARY, CANARY | {"from": "small", "kind": "ab", "id": "d"}],
            (),
            "never drawn: experiment `c` takes all requests of `small`",
        ),
        (
            [{"id": "c", "kind": "explore", "share": 0.1}, CANARY],
            ("id",),
            "experiment id `c` is already that of experiment 1",
        ),
    ],
)
def test_experiments_nobody_takes_part_in(experiments, loc, message):
    """Each is one finding at the place that has to change."""
    at = ("experiments", len(experiments) - 1, *loc)
    assert [(p.loc, p.message) for p in experiment_problems(_policy(*experiments))] == [(at, message)]


def test_limits_need_a_plan_that_heeds_them():
    """Limits bend `choose: best` only."""
    limits = {"usd_per_day": 5}
    assert list(experiment_problems(_policy(limits=limits))) == []
    found = list(experiment_problems(_policy(limits=limits, default={"steps": ["small"]})))
    assert [p.message for p in found] == [
        "`limits` has no effect: no plan says `choose: best`, which weighs success against them"
    ]
