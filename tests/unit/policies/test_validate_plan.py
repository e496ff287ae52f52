"""Plans that cannot do what they say: chains, hedges and shadows."""

from __future__ import annotations

import pytest

from policies.model import Policy
from policies.validate_plan import plan_problems

TARGETS = {
    "small": {"kind": "local", "model": "s"},
    "mid": {"kind": "upstream", "model": "openai/m"},
    "large": {"kind": "upstream", "model": "openai/l"},
}
SECOND = {"target": "small", "instruction": "Shorten: {answer}"}


@pytest.mark.parametrize(
    ("plan", "loc", "message"),
    [
        (
            {"chain": [{"target": "larg"}, SECOND]},
            ("chain", 0, "target"),
            "unknown target `larg`; did you mean `large`",
        ),
        (
            {"chain": [{"target": "large"}, {"target": "small", "instruction": "Shorten it."}]},
            ("chain", 1),
            "this stage would not see the answer before it: name `{answer}` in `instruction`",
        ),
        (
            {"chain": [{"target": "large", "instruction": "{answer}"}, SECOND]},
            ("chain", 0, "instruction"),
            "there is no answer before the first stage; `{request}` is what the client asks",
        ),
        (
            {"chain": [{"target": "large"}, SECOND], "forbid": ["upstream"]},
            ("chain", 0, "target"),
            "the chain can never run: `forbid` rules out `large`",
        ),
        (
            {"steps": ["small"], "shadow": {"targets": ["larg"]}},
            ("shadow", "targets", 0),
            "unknown target `larg`; did you mean `large`",
        ),
        (
            {"steps": ["small"], "shadow": {"targets": ["large"]}, "forbid": ["upstream"]},
            ("shadow", "targets", 0),
            "`large` never gets the request: `forbid` rules it out",
        ),
        (
            {"steps": ["large"], "hedge": {}},
            ("hedge",),
            "`hedge` has no effect: there is no second step to start",
        ),
    ],
)
def test_plans_that_cannot_do_what_they_say(plan, loc, message):
    """Each is one finding at the place that has to change."""
    policy = Policy.model_validate({"version": 1, "targets": TARGETS, "default": plan})
    assert [(p.loc, p.message) for p in plan_problems(policy.default, policy, ())] == [(loc, message)]


def test_sound_plans_have_no_findings():
    """A chain with a fallback, a hedge over two steps and a shadow are fine together."""
    plan = {
        "chain": [{"target": "large"}, SECOND],
        "steps": ["mid", "small"],
        "hedge": {"after_s": 0.5},
        "shadow": {"targets": ["large"], "share": 0.1},
        "budget": 0.01,
    }
    policy = Policy.model_validate({"version": 1, "targets": TARGETS, "default": plan})
    assert list(plan_problems(policy.default, policy, ())) == []
