"""Arbitrary facts and policies. Policies come as models, so that laws hold beyond what a file can say."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from policies.facts import Facts
from policies.model import Policy

law = settings(deadline=None, max_examples=60)
"""Machines that run tests are shared: an example may take long without anything being wrong."""

TARGETS = {
    "judge": {"kind": "specialist", "model": "sentiment"},
    "small": {"kind": "local", "model": "s", "context_tokens": 100},
    "able": {"kind": "local", "model": "a", "supports": ["tools", "json_schema", "vision"]},
    "mid": {"kind": "upstream", "model": "o/m"},
    "large": {"kind": "upstream", "model": "o/l", "max_cost_usd": 0.5, "supports": ["tools"]},
}
NAMES = sorted(TARGETS)
KINDS = ["specialist", "local", "upstream"]
TASKS = ["chat", "sentiment", "code"]
MODELS = ["auto", "gpt-4o", "claude", "nonsense", "task/sentiment", "task/none", "", *NAMES]

probability = st.floats(0, 1)
number = st.one_of(probability, st.just(float("nan")), st.just(float("inf")))


def some(values):
    """A few of `values`, as a mapping from target names."""
    return st.dictionaries(st.sampled_from(NAMES), values, max_size=5)


facts = st.builds(
    Facts,
    model=st.one_of(st.sampled_from(MODELS), st.text(max_size=5)),
    tenant=st.sampled_from(["default", "acme", "acme-eu"]),
    key=st.sampled_from(["", "k1", "\ud800"]),
    request_id=st.sampled_from(["", *(f"r{n}" for n in range(40))]),
    session=st.sampled_from(["", "s1", "s2"]),
    metadata=st.dictionaries(st.sampled_from(["team", "x"]), st.text(max_size=4), max_size=2),
    headers=st.dictionaries(st.sampled_from(["x-app"]), st.text(max_size=4), max_size=1),
    stream=st.booleans(),
    tools=st.booleans(),
    json_schema=st.booleans(),
    modalities=st.frozensets(st.sampled_from(["text", "image", "audio", "video"])),
    tokens=st.integers(0, 200),
    max_output_tokens=st.none() | st.integers(0, 200),
    hour_utc=st.floats(0, 24, exclude_max=True),
    task=st.sampled_from(TASKS),
    task_confidence=number,
    difficulty=number,
    pii=number,
    success=some(number),
    cost_usd=some(number),
    unavailable=some(st.just("set `KEY`")),
    latency_p95_ms=some(number),
    shadow_usd=st.sampled_from([0.0, 1.0, float("inf")]),
    shadow_s=st.sampled_from([0.0, 0.1]),
    settled=st.dictionaries(
        st.sampled_from(["session default", *(f"session r{n}" for n in range(6))]), st.sampled_from(NAMES)
    ),
    ended=st.frozensets(st.sampled_from(["e0", "e1"])),
)

ranges = st.dictionaries(
    st.sampled_from(["at_least", "above", "at_most", "below"]), probability, min_size=1, max_size=2
)
_leaves = st.fixed_dictionaries(
    {},
    optional={
        "task": st.sampled_from(TASKS) | st.lists(st.sampled_from(TASKS), min_size=1, max_size=2),
        "difficulty": ranges,
        "pii": ranges,
        "success": st.dictionaries(st.sampled_from(NAMES), ranges, max_size=2),
        "max_output_tokens": ranges,
        "tools": st.booleans(),
        "model": st.sampled_from(["gpt-*", "*", "claude", "?", "[a-c]*", {"pattern": "gpt-[0-9]o?|c.*"}]),
        "tenant": st.sampled_from(["acme*", "default"]),
        "metadata": st.dictionaries(st.just("team"), st.sampled_from(["*", "a?"]), max_size=1),
        "time": st.just({"from": "22:00", "to": "06:00"}),
        "modalities": st.just(["image"]),
    },
)
conditions = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=4,
)

_targets = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4)
_limits = {
    "forbid": st.lists(st.sampled_from(KINDS + NAMES), max_size=2),
    "accept": st.fixed_dictionaries({"confidence": probability})
    | st.fixed_dictionaries({"risk": st.just(0.1)}),
    "on_missing_upstream": st.sampled_from(["fail", "degrade"]),
    "budget": probability,
    "hedge": st.fixed_dictionaries({}, optional={"after_s": st.just(0.5)}),
    "shadow": st.fixed_dictionaries(
        {"targets": _targets}, optional={"share": probability, "keep_answers": st.booleans()}
    ),
}
_stages = st.lists(
    st.fixed_dictionaries({"target": st.sampled_from(NAMES), "instruction": st.just("{request} {answer}")}),
    min_size=2,
    max_size=3,
)
_sticky = {"sticky": st.fixed_dictionaries({}, optional={"for_s": st.just(60.0)})}
plans = st.one_of(
    st.fixed_dictionaries({"steps": _targets}, optional=_limits | _sticky),
    st.fixed_dictionaries({"chain": _stages}, optional={"steps": _targets, **_limits}),
    st.fixed_dictionaries(
        {"choose": st.sampled_from(["cheapest", "fastest"]), "success": probability, "among": _targets},
        optional=_limits,
    ),
    st.fixed_dictionaries({"choose": st.just("best"), "among": _targets}, optional=_limits | _sticky),
)
_pairs = st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True)


@st.composite
def experiments(draw) -> dict:
    """An experiment over `TARGETS`, without its id."""
    kind = draw(st.sampled_from(["canary", "ab", "shadow", "explore"]))
    found = {"kind": kind, "share": draw(probability)}
    if kind != "explore":
        found["from"], found["to"] = draw(_pairs)
    if kind in ("canary", "ab"):
        found["sticky"] = draw(st.sampled_from(["key", "session", "tenant", "request"]))
    return found


@st.composite
def policies(draw) -> Policy:
    """A policy of up to six rules and three experiments over `TARGETS`."""
    rules = draw(st.lists(st.fixed_dictionaries({"when": conditions, "then": plans}), max_size=6))
    aliases = st.dictionaries(
        st.sampled_from(["gpt-*", "claude", "*"]), st.sampled_from(["auto", *NAMES]), max_size=2
    )
    return Policy.model_validate(
        {
            "version": 1,
            "on_missing_upstream": draw(st.sampled_from(["fail", "degrade"])),
            "aliases": draw(aliases),
            "targets": TARGETS,
            "rules": [{"id": f"r{index}", **rule} for index, rule in enumerate(rules)],
            "default": draw(plans),
            "experiments": [
                {"id": f"e{index}", **some}
                for index, some in enumerate(draw(st.lists(experiments(), max_size=3)))
            ],
        }
    )
