"""Several gateway processes end at the same policy, by the file they share or by the database."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.contract.admin import admin, etag, policy, publish, ready, wait_for
from tests.loopback import wait_until
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Two = tuple[Pointsman, Pointsman]


def start_two(first: Pointsman, second: Pointsman) -> Iterator[Two]:
    with first, second:
        yield first, second


@pytest.fixture
def by_file(tmp_path: Path) -> Iterator[Two]:
    """Two processes of one host: one policy file, one data directory."""
    path = tmp_path / "policies" / "policy.yaml"
    path.parent.mkdir()
    path.write_text(policy(20))
    yield from start_two(
        *(
            Pointsman(tmp_path / f"log{number}", arguments=("--policy", str(path)),
                      environ={"POINTSMAN_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/records.db"})
            for number in (1, 2)
        )
    )  # fmt: skip


def host(tmp_path: Path, number: int, **environ: str) -> Pointsman:
    """A process as on a host of its own: only the database, and what `environ` names, is shared."""
    folder = tmp_path / f"host{number}"
    folder.mkdir(exist_ok=True)
    (folder / "policy.yaml").write_text(policy(20))
    shared = {
        "POINTSMAN_POLICY_SOURCE": "database",
        "POINTSMAN_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/shared.db",
    }
    return Pointsman(folder, arguments=("--policy", str(folder / "policy.yaml")), environ=shared | environ)


@pytest.fixture
def by_database(tmp_path: Path, own_redis: tuple[str, int]) -> Iterator[Two]:
    """Two hosts with a file each that share a database and a Redis."""
    redis = {"POINTSMAN_REDIS_URL": own_redis[0]}
    yield from start_two(host(tmp_path, 1, **redis), host(tmp_path, 2, **redis))


def published_on_both(two: Two, timeout_s: float) -> None:
    """A publication on either serves on the other within `timeout_s`; both say so, and a race has one winner."""
    first, second = two
    for number, (here, there) in enumerate(((first, second), (second, first))):
        version = publish(here, policy(30 + number)).json()["version"]
        wait_for(there, lambda state, v=version: state["policy"] == v, timeout_s)
    assert etag(first) == etag(second)
    base = etag(first)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one, t: publish(one, policy(t), base), two, (40, 41)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    winner = next(answer.json()["version"] for answer in answers if answer.status_code == 200)
    for one in two:
        wait_for(one, lambda state: state["policy"] == winner, timeout_s)
        state = wait_for(one, lambda state: state["policies"]["converged"], timeout_s, full=True)
        assert set(state["policies"]["processes"].values()) == {winner}
        assert len(state["policies"]["processes"]) == 2


def test_processes_of_a_host_agree_by_the_file(by_file: Two) -> None:
    """Within two seconds, and each publication is in the history once, under its author."""
    published_on_both(by_file, 2.0)
    history = admin(by_file[1], "GET", "/versions").json()["versions"]
    assert [one["author"] for one in history] == ["anna", "anna", "anna", "file"]


def test_hosts_agree_by_the_database_and_redis(by_database: Two, own_redis: tuple[str, int]) -> None:
    """Within two seconds by Redis; by looking into the database when Redis is gone; no host's file is touched."""
    published_on_both(by_database, 2.0)
    os.kill(own_redis[1], signal.SIGKILL)
    version = publish(by_database[0], policy(50)).json()["version"]
    wait_for(by_database[1], lambda state: state["policy"] == version, 8.0)
    for one in by_database:
        assert (one.data_dir / "policy.yaml").read_text() == policy(20)


def test_a_host_that_joins_serves_what_is_in_force(tmp_path: Path) -> None:
    """The file only begins an empty history: a newcomer with an old file takes the newest version and says so."""
    with host(tmp_path, 1) as first:
        version = publish(first, policy(31)).json()["version"]
        with host(tmp_path, 2) as second:
            assert ready(second)["policy"] == version
            assert "says something else" in second.log and "pointsman policy publish" in second.log
            second.stop(signal.SIGKILL)
        state = wait_for(first, lambda s: len(s["policies"]["processes"]) == 2, full=True)
        assert state["policies"]["converged"], (
            "a killed process is shown until it has been silent for a while"
        )


def test_killing_the_gateway_while_it_publishes_leaves_a_whole_policy(tmp_path: Path) -> None:
    """kill -9 at any moment: the file is one that was published, it starts again, and the history ends with it."""
    path = tmp_path / "policy.yaml"
    path.write_text(policy(20))
    gateway = Pointsman(tmp_path / "data", arguments=("--policy", str(path)))
    with gateway, ThreadPoolExecutor(1) as pool:
        pool.submit(publish_forever, gateway)
        assert wait_until(lambda: path.read_text() != policy(20), 30)
        time.sleep(0.1)
        gateway.stop(signal.SIGKILL)
    assert path.read_text() in {policy(seconds) for seconds in range(21, 620)}
    with gateway:
        now = admin(gateway, "GET").json()
        assert now["text"] == path.read_text() and now["published"]["version"] == now["version"]
        assert publish(gateway, policy(7)).status_code == 200


def publish_forever(gateway: Pointsman) -> None:
    for seconds in range(21, 620):
        publish(gateway, policy(seconds), "*")
