"""Laws of the shipped policies: what each promises holds for every request, however it is worded and asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.policy.reading import Deployment
from gateway.settings import Settings
from policies.by_name import shipped
from policies.engine import decide
from policies.facts import Facts
from policies.model import Message
from policies.store import Loaded, load
from routers.classifier import RequestClassifier
from tests.property.policies.strategies import facts as any_facts
from tests.property.routers.test_identifiers import bodies, with_iban_check, with_luhn_digit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.decision import Decision

law = settings(deadline=None, max_examples=50)

FILLER = "The road was long and the weather was fine, as it had been all week. "
ASKED = (
    "Write a friendly reply.",
    "Prove that the square root of 2 is irrational.",
    "Refactor the billing module.",
    "What is the capital of France?",
    "",
)
cards = bodies.map(with_luhn_digit)
accounts = st.builds(
    with_iban_check, st.sampled_from(["DE", "FR", "NL"]), st.text("0123456789", min_size=14, max_size=20)
)
grouped = st.one_of(cards, accounts).map(
    lambda code: " ".join(code[i : i + 4] for i in range(0, len(code), 4))
)
identifiers = st.one_of(cards, accounts, grouped)


@st.composite
def personal_messages(draw) -> list[Message]:
    """A conversation with an identifier in some turn of the user, short or in the middle of a long text."""
    around = FILLER * draw(st.sampled_from([0, 1, 80]))
    personal = f"{around} It is {draw(identifiers)}, as I said. {around}"
    turns = draw(st.lists(st.sampled_from(ASKED), max_size=3))
    turns.insert(draw(st.integers(0, len(turns))), personal)
    told = [Message(role="user", content=turn) for turn in turns]
    spoken = [part for turn in told for part in (turn, Message(role="assistant", content="I see."))]
    return spoken[:-1]


@st.composite
def ways(draw, policy: str) -> Facts:
    """Everything around the text that a client may choose, the declaration that lets data out among it."""
    return Facts(
        model=draw(
            st.sampled_from(
                ["auto", "gpt-4o", "claude-opus", "task/sentiment", *_loaded(policy).policy.targets]
            )
        ),
        tenant=draw(st.sampled_from(["default", "eu-1", "de-bank-7"])),
        headers=draw(st.sampled_from([{}, {"x-data-class": "public"}, {"x-session-id": "s"}])),
        metadata=draw(st.sampled_from([{}, {"region": "us"}, {"classification": "public"}])),
        tools=draw(st.booleans()),
        json_schema=draw(st.booleans()),
        stream=draw(st.booleans()),
    )


@cache
def _loaded(name: str) -> Loaded:
    loaded = load(shipped(name))
    assert isinstance(loaded, Loaded)
    return loaded


@cache
def _classifier() -> RequestClassifier:
    return RequestClassifier.load()


def _decided(name: str, messages: list[Message], way: Facts) -> Decision:
    loaded = _loaded(name)
    read = Deployment(Settings(), _classifier()).facts_for(loaded)(messages)
    chosen = {
        field: getattr(way, field)
        for field in ("model", "tenant", "headers", "metadata", "tools", "json_schema", "stream")
    }
    return decide(loaded.compiled, replace(read, unavailable={}, **chosen))


def _outside(name: str, decision: Decision) -> Iterable[str]:
    targets = _loaded(name).policy.targets
    return [step.target for step in decision.plan.recipients if targets[step.target].kind == "upstream"]


@law
@given(personal_messages(), ways("privacy-first"))
def test_privacy_first_sends_no_identifier_to_any_upstream(messages, way) -> None:
    """A card or account number in any turn of the user stays on this machine, whatever the client asks for."""
    decision = _decided("privacy-first", messages, way)
    assert not _outside("privacy-first", decision)
    assert (
        not decision.plan.cache.exact
        or not decision.plan.steps
        or decision.rule in ("requested-model", "alias")
    )


@law
@given(personal_messages(), ways("regulated"))
def test_regulated_sends_no_identifier_to_any_upstream(messages, way) -> None:
    """As privacy-first, and a declaration that the data are public changes nothing."""
    assert not _outside("regulated", _decided("regulated", messages, way))


@law
@given(
    any_facts,
    st.sampled_from(["auto", "gpt-4o", "nonsense", "world", "eu-large"]),
    st.sampled_from([{}, {"x-data-class": "Public"}]),
)
def test_regulated_stays_in_the_eu_unless_declared_public(some, model, headers) -> None:
    """Without the exact declaration nothing goes outside, whatever the classifier says."""
    decision = decide(_loaded("regulated").compiled, replace(some, model=model, headers=headers))
    assert "world" not in [step.target for step in decision.plan.recipients]


@law
@given(any_facts, st.sampled_from(["auto", "gpt-4o", "general", "sentiment", "task/sentiment", "nonsense"]))
def test_local_only_never_has_an_upstream(some, model) -> None:
    """No facts at all lead to a step, a stage or a shadow outside of this machine."""
    decision = decide(_loaded("local-only").compiled, replace(some, model=model))
    assert all(step.kind != "upstream" for step in decision.plan.recipients)


@st.composite
def turns(draw) -> Facts:
    """A turn of a session that offers tools: whatever the classifier may say of it, also about these targets."""
    success = {name: draw(st.floats(0, 1)) for name in _loaded("agentic").policy.targets}
    return replace(
        draw(any_facts),
        model="auto",
        metadata={},
        tools=True,
        json_schema=False,
        modalities=frozenset({"text"}),
        max_output_tokens=None,
        success=success,
        cost_usd={},
        unavailable={},
    )


@law
@given(turns(), turns(), st.sampled_from([{}, {"x-agent-role": "explorer"}]))
def test_agentic_keeps_a_session_on_one_target(one, other, role) -> None:
    """Two turns of a session may differ in everything the classifier says, and go to the same target first."""
    headers = {"x-session-id": "s1", **role}
    compiled = _loaded("agentic").compiled
    first = [decide(compiled, replace(turn, headers=headers)).plan.first for turn in (one, other)]
    assert first[0] == first[1] == ("light" if role else "main")
