"""Records against the decisions of an edited policy, and what the difference is worth."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace as changed

from gateway.records.effects import MIN_CHANGED, MIN_EFFECTIVE, effects
from gateway.records.replay import NOBODY, UNLIKE_OLD, Deciders, replay
from gateway.records.unknown import unknowns
from gateway.redecide import CACHE_HIT, NO_FACTS, NOT_DECIDED
from routers.signals import Signals
from tests.unit.gateway.build import call, live
from tests.unit.gateway.stored import stored, view

TARGETS = """
version: 1
targets:
  small: {kind: local, model: s}
  mid: {kind: upstream, model: openai/gpt-4o-mini, ability: gpt-4o-mini-2024-07-18}
  large: {kind: upstream, model: openai/gpt-4o}
"""
OLD = live(TARGETS + "default: {steps: [small]}\n")
NEW = live(
    TARGETS + "rules:\n  - {id: hard, when: {difficulty: {at_least: 0.5}}, then: {steps: [mid]}}\n"
    "default: {steps: [small]}\n"
)


def signals(difficulty):
    return Signals("chat", 0.9, "law", 0.9, difficulty, {"gpt-4o-mini-2024-07-18": 0.8}, 0.0, 0.0, "en", 20)


def traffic(count, policy=OLD, **changes):
    """Records of a policy: every second request is hard; costs and times vary a little, by a seeded draw."""
    rng = random.Random(1)  # noqa: S311
    for number in range(count):
        record, _ = stored(
            policy, call(), signals(0.9 if number % 2 else 0.1), total_ms=100 + 10 * rng.random()
        )
        yield changed(record, request_id=f"req_{number}", **changes)


def deciders(new=NEW, old=None):
    return Deciders(view(new).decide, view(old).decide if old else None, {})


def price(target, row):
    return {"mid": 0.002}.get(target)


def by_metric(replayed):
    return {effect.metric: effect for effect in effects(replayed.rows, price)}


def test_who_moves_where_is_counted():
    """By rule and by target, with what is known of the outcome."""
    found = replay(traffic(100), deciders())
    assert (len(found.rows), found.rerouted, found.refused) == (100, 50, 0)
    assert found.by_rule() == [("default", "hard", 50)]
    assert found.by_target() == [("small", "mid", 50, 0)]


def test_a_route_never_taken_gets_no_number():
    """Neither cost nor time is invented; the gap is listed with what would tell."""
    found = replay(traffic(100), deciders())
    cost, time = by_metric(found)["cost_usd"], by_metric(found)["total_ms"]
    assert (cost.change, cost.unknown, time.change, time.unknown) == (None, 50, None, 50)
    assert "None of the changed requests has a number for its new route." in cost.refusals
    gaps = unknowns(found, frozenset({"small"}), frozenset({"large"}), price)
    assert any("answered nothing in these records" in gap.what and gap.requests == 50 for gap in gaps)


def test_a_route_taken_by_others_is_predicted_from_them():
    """Cost at list price and the tokens used, time by the mean of like requests, quality by the classifier."""
    elsewhere = live(TARGETS + "default: {steps: [mid]}\n")
    more = (changed(r, request_id=f"mid_{n}", total_ms=300.0) for n, r in enumerate(traffic(60, elsewhere)))
    back = live(TARGETS + "default: {steps: [mid]}\n")
    found = replay([*traffic(100), *more], deciders(back))
    cost, time, success = (by_metric(found)[name] for name in ("cost_usd", "total_ms", "success"))
    assert cost.change.value == pytest.approx(100 / 160 * (0.002 - 0.001))
    assert 100 / 160 * 190 < time.change.value < 100 / 160 * 200
    assert time.change.low < time.change.value < time.change.high
    assert success.change.value == pytest.approx(100 / 160 * (0.8 - (0.1 + 0.9) / 2))
    assert cost.modelled == 100


def drawn(count, share=0.5):
    """Records of an experiment that sent a share to `mid`, graded: `mid` is right in 9 of 10, `small` in 5 of 10."""
    rng = random.Random(3)  # noqa: S311
    other = live(TARGETS + "default: {steps: [mid]}\n")
    for number, record in enumerate(traffic(count)):
        there = rng.random() < share
        some = next(traffic(1, other)) if there else record
        yield changed(
            some,
            request_id=f"req_{number}",
            rule="default",
            propensity=share if there else 1 - share,
            facts={**some.facts, "experiment": "try", "arm": "treatment" if there else "control"},
            score=float(rng.random() < (0.9 if there else 0.5)),
        )


def test_a_route_that_was_drawn_is_measured():
    """Sending all to the target on trial: every estimator finds what half of the traffic has shown."""
    found = replay(drawn(2000), deciders(live(TARGETS + "default: {steps: [mid]}\n")))
    score = by_metric(found)["score"]
    assert score.effective > MIN_EFFECTIVE
    assert score.modelled == 0
    for estimate in (score.change, score.ips, score.snips):
        assert estimate.low < 0.2 < estimate.high
        assert estimate.high - estimate.low < 0.2
    assert score.overlap.low < 1 < score.overlap.high


def test_tokens_that_were_used_do_not_predict_a_route_that_was_drawn():
    """They depend on the draw; so whatever list prices say, the cost of drawn routes is what was measured."""
    rows = replay(drawn(400), deciders(live(TARGETS + "default: {steps: [mid]}\n"))).rows
    cost = effects(rows, lambda target, row: 99.0)[0]
    assert cost.change.value == pytest.approx(0.0, abs=1e-9)


def test_too_few_draws_give_no_figure():
    """The sentence says how much they are worth and how much it takes."""
    found = replay(drawn(60), deciders(live(TARGETS + "default: {steps: [mid]}\n")))
    score = by_metric(found)["score"]
    assert score.ips is score.snips is None
    assert any(f"fewer than {MIN_EFFECTIVE}" in sentence for sentence in score.refusals)


def test_too_few_changes_give_no_interval():
    """A handful of requests is named and not extrapolated."""
    other = live(TARGETS + "default: {steps: [mid]}\n")
    few = (changed(r, request_id=f"few_{n}") for n, r in enumerate(traffic(10)))
    found = replay([*few, *traffic(100, other)], deciders(other))
    cost = by_metric(found)["cost_usd"]
    assert cost.change is None
    assert any(f"fewer than {MIN_CHANGED}" in sentence for sentence in cost.refusals)


def test_a_draw_that_the_edit_repeats_is_no_evidence():
    """Under the same experiment the same requests are drawn: nothing is independent of what was recorded."""
    rows = replay(drawn(50), Deciders(_with_experiment, None, {})).rows
    assert not any(row.drawn for row in rows)
    assert all(row.weight in (0.0, 1.0) for row in rows)


def _with_experiment(record):
    from dataclasses import replace

    decided = view(live(TARGETS + "default: {steps: [mid]}\n")).decide(record)
    return decided._replace(decision=replace(decided.decision, experiment="try", propensity=0.5))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cache": "hit", "facts": None, "signals": None}, CACHE_HIT),
        ({"facts": None, "signals": None}, NOT_DECIDED),
        ({"facts": None}, NO_FACTS),
    ],
)
def test_what_cannot_be_decided_is_counted_with_its_reason(changes, reason):
    """A record that says too little is not guessed."""
    found = replay(traffic(3, **changes), deciders())
    assert (found.rows, found.undecided) == ([], {reason: 3})
    assert [gap.requests for gap in unknowns(found, frozenset(), frozenset(), price)] == [3]


def test_against_another_policy_than_the_recorded_one_says_so():
    """Outcomes of one policy are not taken for those of another."""
    found = replay(traffic(4), deciders(NEW, old=live(TARGETS + "default: {steps: [large]}\n")))
    assert found.undecided == {UNLIKE_OLD: 4}
    assert len(replay(traffic(4), deciders(NEW, old=OLD)).rows) == 4


def test_a_request_that_would_get_no_answer_is_loud():
    """It is counted apart, and no saving is made of it."""
    closed = live(
        TARGETS + "rules:\n  - {id: a, when: {pii: {at_most: 0.5}}, then: {steps: [mid]}}\n"
        "  - {id: b, when: {pii: {below: 1}}, then: {steps: [small], forbid: [upstream]}}\n"
        "default: {steps: [small]}\n"
    )
    found = replay(traffic(40), deciders(closed))
    assert (found.refused, found.rows[0].after) == (40, NOBODY)
    assert all(effect.rows == 0 for effect in effects(found.rows, price))


def test_an_unknown_classifier_leaves_success_unknown():
    """Embeddings of another version mean nothing to this one."""
    best = live(TARGETS + "default: {choose: best, among: [mid, large]}\n")
    strange = (
        changed(r, classifier_version="other", facts={k: v for k, v in r.facts.items() if k != "success"})
        for r in traffic(2)
    )
    assert list(replay(strange, deciders(best)).undecided) == [
        "the policy reads `success.mid`, which was not recorded"
    ]


def test_nothing_at_all_is_no_crash():
    """An empty span of time has no figures."""
    assert all(effect.change is None and effect.rows == 0 for effect in effects([], price))
