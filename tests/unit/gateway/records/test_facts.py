"""What a record keeps to decide its request again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gateway.cache.keys import routing_inputs
from gateway.records.facts import LONGEST, embedding, exact_model, logged, success
from policies.facts import Facts
from routers.classifier import RequestClassifier
from routers.signals import RequestText
from tests.unit.gateway.build import call, loaded

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
    found = logged(some, Facts(unavailable={"mid": "set `KEY`"}), INPUTS)
    assert found["headers"] == {"x-app": "web"}
    assert found["metadata"] == {"team": None}
    assert found["unavailable"] == ["mid"]
    assert "y" not in json.dumps(found).split('"')


def test_a_long_value_is_not_kept_at_all():
    """Half a value could match what the whole did not."""
    found = logged(call(headers={"x-app": "w" * (LONGEST + 1)}), Facts(), INPUTS)
    assert found["headers"] == {}


def test_a_model_name_that_was_cut_is_kept_whole_or_given_up():
    """A null says that what a rule on the model would have said is not known."""
    assert exact_model("gpt-4o", "gpt-4o") == {}
    assert exact_model("a" * 300, "a" * 256) == {"model": "a" * 300}
    assert exact_model("a" * 5000, "a" * 256) == {"model": None}


def test_success_is_kept_to_its_last_bit():
    """What a policy's threshold said then it says again, for every ability."""
    classifier = RequestClassifier.load()
    known = classifier.classify(RequestText("What is the capital of France?")).success
    kept = json.loads(json.dumps(success(known)))
    assert dict(classifier.success(embedding(kept))) == dict(known)
    assert success({"gpt-5": 0.1}) == {"success": {"gpt-5": 0.1}}


@pytest.mark.parametrize("kept", [{}, {"embedding": None}, {"embedding": "!"}, {"embedding": "AAA="}])
def test_a_damaged_embedding_is_none(kept):
    """A row that somebody cut is one that cannot be known, and no crash."""
    assert embedding(kept) is None


def test_an_embedding_of_another_classifier_is_refused():
    """Its numbers mean nothing to this one."""
    with pytest.raises(ValueError, match="numbers"):
        RequestClassifier.load().success(np.zeros(3, dtype=np.float32))
