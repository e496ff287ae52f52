"""Small policies for tests, written as YAML the way users write them."""

from __future__ import annotations

from policies.conditions import compile_when, explain, first_failure, probes_of
from policies.model import When
from policies.store import Loaded, Refused, loads

TARGETS = """
version: 1
targets:
  sentiment: {kind: specialist, model: sentiment}
  small: {kind: local, model: smollm2}
  tiny: {kind: local, model: tiny}
  mid: {kind: upstream, model: openai/gpt-5-mini}
  large: {kind: upstream, model: openai/gpt-5, max_cost_usd: 0.5}
"""
DEFAULT = "default: {steps: [small]}\n"


def loaded(rest: str = DEFAULT, *, targets: str = TARGETS) -> Loaded:
    """A policy of the usual targets and `rest`; fails the test with its findings if it is refused."""
    result = loads(targets + rest)
    assert isinstance(result, Loaded), [str(finding) for finding in result.findings]
    return result


def findings(text: str | bytes) -> list[str]:
    """`line:column message` of every finding about `text`."""
    result = loads(text)
    found = result.findings if isinstance(result, Refused) else result.warnings
    return [f"{finding.line}:{finding.column} {finding.message}" for finding in found]


def checks(when: dict, facts) -> list[tuple[str, str, str, bool]]:
    """The checks of one condition as plain tuples."""
    conditions = compile_when(When.model_validate(when))
    failure = first_failure(probes_of(conditions), facts)
    return [(c.fact, c.expected, c.actual, c.passed) for c in explain(conditions, facts, failure)]


def holds(when: dict, facts) -> bool:
    """Whether a condition holds."""
    return first_failure(probes_of(compile_when(When.model_validate(when))), facts) < 0
