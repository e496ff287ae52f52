"""The fingerprint: equal for equal requests, different for everything that may change the answer."""

from __future__ import annotations

import json
import random
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.cache.keys import RoutingInputs, fingerprint, routing_inputs
from gateway.errors import InvalidRequest
from gateway.types import Caller
from tests.property.gateway.strategies import json_value, law, unknown
from tests.unit.gateway.build import call, call_of, loaded

NONE = RoutingInputs()
TRANSPORT = {
    "stream": True,
    "stream_options": {"include_usage": True},
    "user": "u-1",
    "metadata": {"a": "b"},
    "store": True,
    "safety_identifier": "x",
    "prompt_cache_key": "y",
    "service_tier": "flex",
}


def key(fields: object = None, **options: object) -> str:
    return fingerprint(call(fields, **options), "policy-1", NONE)


def shuffled(value: object, seed: int) -> object:
    """The same JSON value with the keys of every object in another order."""
    if isinstance(value, dict):
        names = sorted(value)
        random.Random(seed).shuffle(names)  # noqa: S311 order for a test
        return {name: shuffled(value[name], seed) for name in names}
    return [shuffled(item, seed) for item in value] if isinstance(value, list) else value


@law
@given(unknown, st.integers(0, 9), st.sampled_from([None, 0, 3]))
def test_key_order_and_spacing_do_not_matter(fields, seed, indent):
    """Two clients that write the same request differently share an answer."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "é"}], **fields}
    one = json.dumps(body, ensure_ascii=False).encode()
    two = json.dumps(shuffled(body, seed), indent=indent).encode()
    assert fingerprint(call_of(one), "p", NONE) == fingerprint(call_of(two), "p", NONE)


@law
@given(json_value, json_value)
def test_different_values_of_a_field_give_different_keys(one, two):
    """Known or not, a field whose value differs is another request; true is not 1 and null is not absent."""
    assume(json.dumps(one, sort_keys=True) != json.dumps(two, sort_keys=True))
    assert key({"x": one}) != key({"x": two})
    assert key({"x": one}) != key()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("123456789012345678901", "123456789012345678902"),
        ("0.12345678901234567890", "0.12345678901234567891"),
        ("1e400", "1e401"),
        ("1e99999999999999999999", "1e99999999999999999998"),
        ("1", "true"),
        ("1", '"1"'),
        ("0", "null"),
        ("[]", "{}"),
        ("1e400", '"1e400"'),
    ],
)
def test_numbers_keep_every_digit(one, two):
    """Numbers that are equal as floats are still different requests, and none is too large to compare."""
    body = '{"model":"auto","messages":[{"role":"user","content":"x"}],"seed":null,"x":%s}'
    keys = {fingerprint(call_of((body % number).encode()), "p", NONE) for number in (one, two)}
    assert len(keys) == 2


@law
@given(st.sets(st.sampled_from(sorted(TRANSPORT))))
def test_transport_fields_do_not_matter(names):
    """How an answer is delivered and accounted for does not make it another answer."""
    assert key({name: TRANSPORT[name] for name in names}) == key()


@law
@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_tenants_and_policies_share_nothing(tenant, policy, other_tenant, other_policy):
    """Only the same tenant under the same policy gets the key, and no two parts run into each other."""
    assume((tenant, policy) != (other_tenant, other_policy))
    one = fingerprint(call(caller=Caller(tenant=tenant)), policy, NONE)
    two = fingerprint(call(caller=Caller(tenant=other_tenant)), other_policy, NONE)
    assert one != two


def test_order_of_messages_matters():
    """A conversation is a sequence."""
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    assert key({"messages": messages}) != key({"messages": messages[::-1]})


@pytest.mark.parametrize(
    ("inputs", "one", "two"),
    [
        (RoutingInputs(headers=("x-app",)), {"headers": {"x-app": "a"}}, {"headers": {"x-app": "b"}}),
        (RoutingInputs(metadata=("team",)), {"fields": {"metadata": {"team": "a"}}}, {}),
        (RoutingInputs(key=True), {"caller": Caller(key="a")}, {"caller": Caller(key="b")}),
        (RoutingInputs(stream=True), {"fields": {"stream": True}}, {}),
    ],
)
def test_what_the_policy_reads_counts_and_only_then(inputs, one, two):
    """Requests that may be routed differently do not share an answer; where the policy does not look, they do."""
    assert fingerprint(call(**one), "p", inputs) != fingerprint(call(**two), "p", inputs)
    assert fingerprint(call(**one), "p", NONE) == fingerprint(call(**two), "p", NONE)


def test_routing_inputs_are_found_at_any_depth():
    """Headers, metadata, key and stream under `all`, `any` and `not` all count; header names in lower case."""
    policy = loaded(
        """
version: 1
targets: {a: {kind: local, model: a}}
rules:
  - {id: r1, when: {any: [{not: {header: {X-App: web}}}, {all: [{metadata: {team: a}}]}]}, then: {steps: [a]}}
  - {id: r2, when: {not: {key: app}}, then: {steps: [a]}}
  - {id: r3, when: {stream: true, header: {x-b: b}}, then: {steps: [a]}}
default: {steps: [a]}
"""
    ).policy
    assert routing_inputs(policy) == RoutingInputs(("x-app", "x-b"), ("team",), key=True, stream=True)
    assert routing_inputs(loaded().policy) == NONE


def test_a_body_too_deep_to_compare_is_the_callers_mistake():
    """Reading bounds the depth less tightly than comparing does; neither may end in a 500."""

    def deeper(frames: int, found: object) -> str:
        return fingerprint(found, "p", NONE) if frames == 0 else deeper(frames - 1, found)  # type: ignore[arg-type]

    depth = sys.getrecursionlimit() - 120
    body = (
        b'{"model":"auto","messages":[{"role":"user","content":"x"}],"x":'
        + b"[" * depth
        + b"]" * depth
        + b"}"
    )
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        deeper(300, call_of(body))
