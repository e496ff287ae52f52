"""What a record keeps to decide its request again."""

from __future__ import annotations

import json
import math

import pytest
from msgspec.structs import replace

from gateway.cache.keys import routing_inputs
from gateway.decide import decide
from gateway.record import row
from gateway.records.facts import LONGEST, PackedSuccess, exact_model, logged, pack, unpack
from gateway.types import Outcome
from tests.unit.gateway.build import SIGNALS, call, live, loaded

READS = """
version: 1
targets: {small: {kind: local, model: s}}
rules:
  - {id: a, when: {header: {X-App: "web*"}, metadata: {team: "*"}}, then: {steps: [small]}}
default: {steps: [small]}
"""
INPUTS = routing_inputs(loaded(READS).policy)


def test_only_what_the_policy_reads_is_kept():
    """Other headers and entries stay out; one that is read and absent is null."""
    some = call({"metadata": {"secret": "x"}}, headers={"x-app": "web", "x-else": "y"})
    found = logged(some, INPUTS, ["mid"])
    assert found["headers"] == {"x-app": "web"}
    assert found["metadata"] == {"team": None}
    assert found["unavailable"] == ["mid"]
    assert "y" not in json.dumps(found).split('"')


def test_a_long_value_is_not_kept_at_all():
    """Half a value could match what the whole did not."""
    found = logged(call(headers={"x-app": "w" * (LONGEST + 1)}), INPUTS, [])
    assert found["headers"] == {}


def test_a_model_name_that_was_cut_is_kept_whole_or_given_up():
    """A null says that what a rule on the model would have said is not known."""
    assert exact_model("gpt-4o", "gpt-4o") == {}
    assert exact_model("a" * 300, "a" * 256) == {"model": "a" * 300}
    assert exact_model("a" * 5000, "a" * 256) == {"model": None}


@pytest.mark.parametrize("numbers", [[], [0.5, 0.25], [0.1, 1 / 3], [1e300, -1e-300], [math.inf]])
def test_numbers_are_packed_without_loss(numbers):
    """A threshold decides the same on either side of the database."""
    assert unpack(pack(numbers)) == numbers


@pytest.mark.parametrize("text", ["", "x", "fAAA", "f!", "dAAAAAA=="])
def test_other_text_is_no_packed_numbers(text):
    """A damaged row is a ValueError and nothing else."""
    with pytest.raises(ValueError, match="not packed numbers"):
        unpack(text)


def test_names_are_written_once():
    """Rows refer to the names of their abilities by digest; another set of names is another digest."""
    outcome = Outcome(
        call(),
        "ok",
        "miss",
        signals=SIGNALS,
        decision=decide(call(), SIGNALS, live()),
        logged={"tools": False},
    )
    other = replace(outcome, signals=SIGNALS.__class__(**{**_as_dict(SIGNALS), "success": {"x": 0.5}}))
    rows = [row(outcome, "v"), row(outcome, "v"), row(other, "v")]
    packed = PackedSuccess()
    new = packed.pack(rows)
    assert [entry["names"] for entry in new] == [["gpt-5"], ["x"]]
    assert packed.pack([row(outcome, "v")]) == []
    assert [some["facts"]["abilities"] for some in rows] == [
        new[0]["digest"],
        new[0]["digest"],
        new[1]["digest"],
    ]
    assert unpack(rows[0]["facts"]["success"]) == [SIGNALS.success["gpt-5"]]


def _as_dict(signals):
    return {name: getattr(signals, name) for name in signals.__slots__}
