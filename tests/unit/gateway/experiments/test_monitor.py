"""Experiments end by their evidence in every process, once, and stay ended; database and restarts included."""

from __future__ import annotations

import logging

import pytest

from gateway.experiments.monitor import Monitor
from gateway.records.ledger import STOPPED
from tests.unit.gateway.experiments.build import VERSION, database, grade, ledger, outcome, policy


class Watch:
    """A monitor with what it has said last."""

    def __init__(self, store, current=None, version=VERSION):
        self.current, self.version = current or policy(), version
        self.ended = None
        self.monitor = Monitor(ledger(store), lambda: (self.version, self.current), self.end, lambda: 7.0)

    def end(self, ended):
        self.ended = ended

    def run(self, numbers, arm, **kind):
        for number in numbers:
            self.monitor.note(outcome(number, arm, **kind))


def failing(watch, start=0, each=60):
    """As many requests of both arms, of which those of the treatment fail."""
    watch.run(range(start, start + each), "control")
    watch.run(range(start + each, start + 2 * each), "treatment", failed=True)


async def test_a_treatment_that_fails_is_stopped_everywhere(tmp_path, caplog):
    """One process sees the requests; both stop, and one event with the evidence and one log line are left."""
    async with database(tmp_path) as store:
        one, other = Watch(store), Watch(store)
        failing(one)
        with caplog.at_level(logging.WARNING):
            for watch in (one, other, one, other):
                await watch.monitor.tick()
        assert one.ended == other.ended == {"try"}
        stops = [event for event in await ledger(store).events() if event.kind == STOPPED]
        assert [event.experiment for event in stops] == ["try"]
        assert stops[0].evidence["requests"] == {"control": 60, "treatment": 60}
        assert stops[0].policy_version == VERSION
        assert "errors are more by over 0.02" in stops[0].reason
        assert caplog.text.count("experiment `try` is stopped") == 1


async def test_evidence_of_several_processes_adds_up(tmp_path):
    """Neither has seen enough alone."""
    async with database(tmp_path) as store:
        watches = [Watch(store) for _ in range(4)]
        for number, watch in enumerate(watches):
            failing(watch, start=100 * number, each=4)
            await watch.monitor.tick()
        assert watches[0].ended == frozenset()
        for watch in watches:
            await watch.monitor.tick()
        assert [watch.ended for watch in watches] == [{"try"}] * 4


async def test_a_restart_goes_on_where_it_was(tmp_path):
    """Half of the evidence before, half after; then a stop that a third start knows without any request."""
    async with database(tmp_path) as store:
        first = Watch(store)
        failing(first, each=3)
        await first.monitor.tick()
        assert first.ended == frozenset()
    async with database(tmp_path) as store:
        second = Watch(store)
        failing(second, start=100, each=10)
        await second.monitor.tick()
        assert second.ended == {"try"}
    async with database(tmp_path) as store:
        third = Watch(store)
        await third.monitor.tick()
        assert third.ended == {"try"}


async def test_a_changed_definition_starts_anew_and_a_changed_share_does_not(tmp_path):
    """Raising the share of what was stopped does not bring it back; another margin is another experiment."""
    async with database(tmp_path) as store:
        watch = Watch(store)
        failing(watch)
        await watch.monitor.tick()
        watch.version, watch.current = "bbbbbbbbbbbb", policy(share=0.9)
        await watch.monitor.tick()
        assert watch.ended == {"try"}
        watch.version, watch.current = "cccccccccccc", policy(stop_if={"inferior_by": 0.9})
        await watch.monitor.tick()
        assert watch.ended == frozenset()


async def test_bad_grades_stop_it(tmp_path):
    """No request fails; people say that the treatment's answers are worse."""
    async with database(tmp_path) as store:
        watch = Watch(store)
        watch.run(range(80), "control")
        watch.run(range(80, 160), "treatment")
        await watch.monitor.tick()
        for number in range(160):
            await grade(store, number, 0.9 if number < 80 else 0.2, at=5.0 + number % 7)
        await watch.monitor.tick()
        assert watch.ended == {"try"}
        reason = (await ledger(store).events())[0].reason
        assert "quality is lower by more than 0.02" in reason


async def test_money_ends_it(tmp_path):
    """The cap counts what the treatment spent, over all requests; control may spend what it likes."""
    async with database(tmp_path) as store:
        watch = Watch(store, policy(max_usd=0.5, stop_if=None))
        watch.run(range(10), "control", cost_usd=10.0)
        watch.run(range(10, 14), "treatment", cost_usd=0.1)
        await watch.monitor.tick()
        assert watch.ended == frozenset()
        watch.run(range(14, 15), "treatment", cost_usd=0.1)
        await watch.monitor.tick()
        assert watch.ended == {"try"}
        assert (await ledger(store).events())[0].reason == "it has spent $0.5 of $0.5"


async def test_shadows_count_and_cost_and_are_compared_with_the_answer(tmp_path):
    """A request may be in a canary too; what its shadow cost ends the shadow alone. Pairs outlive the process."""
    shadow = policy(kind="shadow", stop_if=None, max_usd=0.5, sticky=None)
    async with database(tmp_path) as store:
        watch = Watch(store, shadow)
        row = {"policy_version": VERSION, "experiment": "try", "propensity": 0.5, "at": 1.0, "ms": 9.0}
        row |= {"released_usd": 0.3, "released_ms": 11.0, "agrees": True}
        for number in range(6):
            kind = {"status": "ok", "cost_usd": 0.1, "request_id": f"req_{number}"}
            watch.monitor.note_shadow({**row, **kind})
        watch.monitor.note_shadow(
            {**row, "status": "failed", "cost_usd": None, "agrees": None, "request_id": "req_9"}
        )
        watch.monitor.note_shadow({**row, "experiment": None, "request_id": "req_10"})
        await watch.monitor.tick()
        assert watch.ended == {"try"}
        event = (await ledger(store).events())[0]
        assert event.evidence["requests"] == {"shadow": 7}
        assert event.evidence["failures"] == {"shadow": 1}
        kept = ("name", "control_n", "control", "treatment")
        measures = [tuple(measure[name] for name in kept) for measure in event.evidence["measures"]]
        assert measures == [
            ("agreement", 6, 1.0, 1.0),
            ("errors", 7, 0.0, pytest.approx(1 / 7)),
            ("cost", 6, pytest.approx(0.3), pytest.approx(0.1)),
            ("latency", 6, 11.0, 9.0),
        ]


async def test_a_session_counts_once(tmp_path):
    """A hundred failures of one conversation are one draw, so they are one outcome and stop nothing."""
    async with database(tmp_path) as store:
        watch = Watch(store, policy(sticky="session"))
        for number in range(100):
            watch.run([number], "control", session=f"good-{number}")
        watch.run(range(100, 200), "treatment", failed=True, session="one")
        await watch.monitor.tick()
        assert watch.ended == frozenset()


async def test_a_database_that_fails_is_said_once_and_loses_nothing(tmp_path, caplog):
    """The experiment goes on as it is; what was noted in between counts afterwards."""
    async with database(tmp_path) as store:
        watch = Watch(store)
        failing(watch)
        async with store.engine.begin() as connection:
            await connection.exec_driver_sql("alter table trials rename to elsewhere")
        with caplog.at_level(logging.ERROR):
            await watch.monitor.safe_tick()
            await watch.monitor.safe_tick()
        assert caplog.text.count("experiments cannot be watched") == 1
        async with store.engine.begin() as connection:
            await connection.exec_driver_sql("alter table elsewhere rename to trials")
        await watch.monitor.safe_tick()
        assert watch.ended == {"try"}


async def test_requests_without_an_experiment_leave_nothing(tmp_path):
    """Neither do those whose experiment the policy of their time did not have."""
    async with database(tmp_path) as store:
        watch = Watch(store)
        watch.run(range(5), "treatment", experiment="another")
        watch.run(range(5), "treatment", version="never-seen")
        await watch.monitor.tick()
        assert await ledger(store).trials(0) == []


async def test_a_request_that_began_under_the_policy_before_still_counts(tmp_path):
    """It ends after the reload, and the experiment is the same."""
    async with database(tmp_path) as store:
        watch = Watch(store)
        await watch.monitor.tick()
        watch.version, watch.current = "bbbbbbbbbbbb", policy(share=0.9)
        await watch.monitor.tick()
        watch.run(range(3), "control")
        await watch.monitor.tick()
        assert [trial.propensity for trial in await ledger(store).trials(0)] == [0.5] * 3
