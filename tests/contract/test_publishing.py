"""The admin API: what publishes a policy, what refuses to, and what each answer says."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.contract.admin import admin, error, etag, policy, publish, ready, wait_for
from tests.contract.test_chat import ask
from tests.contract.test_telemetry import records
from tests.fake_collector import FakeCollector
from tests.fake_upstream import FakeUpstream, Slow, Stream, Whole
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[FakeUpstream, FakeCollector]]:
    """What the gateway of this file talks to."""
    with FakeUpstream() as upstream, FakeCollector() as collector:
        yield upstream, collector


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, behind: tuple[FakeUpstream, FakeCollector]
) -> Iterator[Pointsman]:
    """One gateway with a policy file of its own; each test takes it as it finds it."""
    folder = tmp_path_factory.mktemp("publishing")
    (folder / "policies").mkdir()
    (folder / "real").mkdir()
    real = folder / "real" / "policy.yaml"
    real.write_text(policy(20))
    real.chmod(0o640)
    (folder / "policies" / "policy.yaml").symlink_to(real)
    upstream, collector = behind
    environ = {
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_API_KEY": "x",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    path = str(folder / "policies" / "policy.yaml")
    with Pointsman(folder / "data", arguments=("--policy", path), environ=environ) as process:
        yield process


def file_of(gateway: Pointsman) -> Path:
    return gateway.data_dir.parent / "real" / "policy.yaml"


def test_a_publication_is_served_written_and_signed(gateway: Pointsman) -> None:
    """The file is replaced behind its link with its permissions, and the history says who, why and what changed."""
    before = admin(gateway, "GET").json()
    done = publish(gateway, policy(31, "# why\n"), author="Zoë", reason="schneller, bitte")
    assert done.status_code == 200, done.text
    body = done.json()
    assert body["previous"] == before["version"] and not body["unchanged"] and body["recorded"]
    assert body["etag"] == done.headers["etag"] == etag(gateway)
    assert ready(gateway)["policy"] == body["version"] != before["version"]
    assert file_of(gateway).read_text() == policy(31, "# why\n")
    assert file_of(gateway).stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in file_of(gateway).parent.iterdir()) == ["policy.yaml"]
    newest = admin(gateway, "GET", "/versions?limit=1").json()["versions"][0]
    assert (newest["author"], newest["reason"], newest["origin"]) == ("Zoë", "schneller, bitte", "api")
    assert "timeout_s: 31" in newest["changes"]["text"]
    assert any("31" in change["message"] for change in newest["changes"]["meaning"])
    assert body["changes"] == newest["changes"]
    assert admin(gateway, "GET", f"/versions/{body['version']}").json()["text"] == policy(31, "# why\n")


def test_yaml_can_be_put_and_got_as_it_is(gateway: Pointsman) -> None:
    """For curl: the file as the body, author and reason in headers, the text back by `Accept`."""
    headers = {
        "content-type": "application/yaml", "if-match": etag(gateway),
        "x-pointsman-author": "Zo%C3%AB", "x-pointsman-reason": "by curl",
    }  # fmt: skip
    assert admin(gateway, "PUT", content=policy(32).encode(), headers=headers).status_code == 200
    assert admin(gateway, "GET", headers={"accept": "application/yaml"}).text == policy(32)
    assert admin(gateway, "GET").json()["published"]["author"] == "Zoë"


def test_an_edit_upon_an_old_version_is_refused_with_what_came_between(gateway: Pointsman) -> None:
    """412 names who published and shows the changes; nothing is replaced, and the ETag in it works."""
    old = etag(gateway)
    first = publish(gateway, policy(33), author="bob").json()
    found = error(publish(gateway, policy(34), old), 412, "policy_changed")
    assert "`bob`" in found["message"] and "timeout_s: 33" in found["changes"]["text"]
    assert ready(gateway)["policy"] == first["version"]
    assert publish(gateway, policy(34), found["current"]).status_code == 200


def test_comments_count_for_the_tag_and_not_for_the_version(gateway: Pointsman) -> None:
    """Nobody's comment is overwritten unseen, and requests keep their policy version."""
    first = publish(gateway, policy(35)).json()
    second = publish(gateway, policy(35, "# a note\n")).json()
    assert first["version"] == second["version"] and first["etag"] != second["etag"]
    error(publish(gateway, policy(36), first["etag"]), 412, "policy_changed")


def test_publishing_without_a_precondition_is_refused(gateway: Pointsman) -> None:
    """428 says which header is missing and where its value comes from."""
    found = error(publish(gateway, policy(37), None), 428, "if_match_required")
    assert "If-Match" in found["message"] and "/admin/v1/policy" in found["message"]


def test_a_refused_policy_comes_back_with_every_finding(gateway: Pointsman) -> None:
    """422 lists line, column and rule of all that is wrong; the running policy and the file stay."""
    before, text = ready(gateway)["policy"], file_of(gateway).read_text()
    bad = (
        policy(38).replace("default:", "rules:\n  - {id: r, then: {steps: [nope]}}\ndefault:") + "extra: 1\n"
    )
    found = error(publish(gateway, bad), 422, "policy_refused")
    placed = {(one["line"], one["severity"], one["message"]) for one in found["findings"]}
    assert (9, "error", "unknown key `extra`") in placed
    assert ready(gateway)["policy"] == before and file_of(gateway).read_text() == text


def test_a_check_says_the_same_and_changes_nothing(gateway: Pointsman) -> None:
    """The dry run gives the version and changes that publishing would have, or the findings."""
    before = etag(gateway)
    sound = admin(gateway, "POST", "/check", json={"text": policy(39)}).json()
    assert sound["valid"] and "timeout_s: 39" in sound["changes"]["text"]
    bad = admin(gateway, "POST", "/check", json={"text": "nonsense"}).json()
    assert not bad["valid"] and bad["version"] is None and bad["findings"]
    assert etag(gateway) == before
    assert publish(gateway, policy(39)).json()["version"] == sound["version"]


@pytest.mark.parametrize(
    "text", ["version: [1", "\ta: 1", "a: &x 1\nb: *x", "", "version: 1\nversion: 2", "[" * 500]
)
def test_broken_texts_are_findings_and_never_failures(gateway: Pointsman, text: str) -> None:
    """Syntax errors, tabs, anchors, duplicates and depth are answered like any other finding."""
    assert error(publish(gateway, text), 422, "policy_refused")["findings"]


def test_a_policy_beyond_the_bound_is_too_large(gateway: Pointsman) -> None:
    """413 whether the policy or the whole request is over the bound, and it says the bound."""
    for size in (1_000_001, 3_000_000):
        found = error(publish(gateway, "#" * size), 413, "request_too_large")
        assert "1000000" in found["message"]


def test_requests_that_do_not_fit_say_what_to_change(gateway: Pointsman) -> None:
    """A missing reason, an unknown field, a form and a wrong page are 4xx in the usual envelope."""
    found = error(
        admin(gateway, "PUT", json={"text": "x"}, headers={"if-match": "*"}), 400, "invalid_request"
    )
    assert found["param"] == "reason"
    rollback = {"version": "v", "reason": "r", "force": True}
    assert (
        error(admin(gateway, "POST", "/rollback", json=rollback), 400, "invalid_request")["param"] == "force"
    )
    error(admin(gateway, "POST", "/rollback", data={"version": "v"}), 415, "unsupported_media_type")
    assert error(admin(gateway, "GET", "/versions?limit=0"), 400, "invalid_request")["param"] == "limit"
    error(admin(gateway, "GET", "/versions/nope"), 404, "unknown_policy_version")
    error(admin(gateway, "DELETE"), 405, "method_not_allowed")


def test_of_two_publications_at_once_exactly_one_wins(gateway: Pointsman) -> None:
    """Eight writers that all saw the same version: one 200, seven 412, and what serves is the winner's."""
    base = etag(gateway)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: publish(gateway, policy(40 + number), base), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert ready(gateway)["policy"] == winner["version"]


def test_a_rollback_is_one_call(gateway: Pointsman) -> None:
    """The text of the earlier version serves again, signed; `If-Match` is respected when it is sent."""
    first = publish(gateway, policy(50, "# first\n")).json()
    second = publish(gateway, policy(51)).json()
    asked = {"version": first["version"], "author": "night shift", "reason": "errors"}
    stale = admin(gateway, "POST", "/rollback", json=asked, headers={"if-match": first["etag"]})
    error(stale, 412, "policy_changed")
    done = admin(gateway, "POST", "/rollback", json=asked)
    assert done.status_code == 200, done.text
    assert done.json()["previous"] == second["version"]
    assert file_of(gateway).read_text() == policy(50, "# first\n")
    newest = admin(gateway, "GET").json()["published"]
    assert (newest["author"], newest["origin"], newest["version"]) == (
        "night shift",
        "rollback",
        first["version"],
    )
    assert admin(gateway, "POST", "/rollback", json=asked).json()["unchanged"]


def test_the_history_has_pages_and_edits_of_the_file(gateway: Pointsman) -> None:
    """An edit in an editor is kept too, by author `file`; pages do not overlap."""
    file_of(gateway).write_text(policy(60))
    version = admin(gateway, "POST", "/check", json={"text": policy(60)}).json()["version"]
    wait_for(gateway, lambda state: state["policy"] == version)
    newest = admin(gateway, "GET").json()["published"]
    assert (newest["author"], newest["origin"]) == ("file", "file")
    publish(gateway, policy(61))
    first = admin(gateway, "GET", "/versions?limit=2").json()
    then = admin(gateway, "GET", f"/versions?limit=2&before={first['next_before']}").json()
    serials = [one["serial"] for one in first["versions"] + then["versions"]]
    assert serials == sorted(serials, reverse=True) and len(set(serials)) == len(serials)


def test_a_rollback_works_while_a_broken_edit_lies_in_the_file(gateway: Pointsman) -> None:
    """The way back is open at the worst moment, and the broken text is kept beside the file."""
    good = publish(gateway, policy(62)).json()
    publish(gateway, policy(63))
    file_of(gateway).write_text("broken: [")
    wait_for(gateway, lambda state: state["policy_refused"])
    asked = {"version": good["version"], "reason": "it broke"}
    assert admin(gateway, "POST", "/rollback", json=asked).json()["version"] == good["version"]
    assert file_of(gateway).read_text() == policy(62)
    kept = file_of(gateway).with_name("policy.yaml.refused")
    assert kept.read_text() == "broken: ["
    kept.unlink()
    assert ready(gateway)["policy_refused"] == []


def traced_policies(gateway: Pointsman, collector: FakeCollector, traces: set[str]) -> list[object]:
    """The policy versions on the server spans of these traces, once each trace has one."""

    def found() -> list[object]:
        spans = [span for span in collector.spans() if span.trace_id in traces and span.kind == "server"]
        return [span.attributes["pointsman.policy.version"] for span in spans]

    wait_for(gateway, lambda _: len(found()) >= len(traces))
    return found()


def test_a_request_in_flight_ends_under_the_version_it_began_with(
    gateway: Pointsman, behind: tuple[FakeUpstream, FakeCollector]
) -> None:
    """Header, record and span of a slow request carry the old version, those of the next one the new."""
    upstream, collector = behind
    upstream.reset()
    old = publish(gateway, policy(70)).json()["version"]
    done = len(records(gateway, 0))
    upstream.script(Slow(1.5, Whole("slow")), Slow(1.5, Stream(["a", "b"])), Whole("next"))
    slow: list[tuple[str, str]] = []

    def ask_slowly(*, stream: bool) -> None:
        raw = gateway.client().chat.completions.with_raw_response.create(
            **ask(f"slow {stream}", stream=stream)
        )
        slow.append((raw.headers["x-pointsman-policy"], raw.headers["x-pointsman-trace-id"]))
        if stream:
            list(raw.parse())

    threads = [threading.Thread(target=ask_slowly, kwargs={"stream": stream}) for stream in (False, True)]
    for thread in threads:
        thread.start()
    assert upstream.wait_for_requests(2)
    new = publish(gateway, policy(71)).json()["version"]
    after = gateway.client().chat.completions.with_raw_response.create(**ask("after the change"))
    assert after.headers["x-pointsman-policy"] == new
    for thread in threads:
        thread.join()
    assert [version for version, _ in slow] == [old, old]
    versions = sorted(row["policy_version"] for row in records(gateway, done + 3)[done:])
    assert versions == sorted([old, old, new])
    assert traced_policies(gateway, collector, {trace for _, trace in slow}) == [old, old]


def test_every_span_of_a_request_names_its_policy(
    gateway: Pointsman, behind: tuple[FakeUpstream, FakeCollector]
) -> None:
    """The server span carries the version that the response header says."""
    upstream, collector = behind
    upstream.reset()
    upstream.script(Whole("traced"))
    raw = gateway.client().chat.completions.with_raw_response.create(**ask("which policy?"))
    traces = {raw.headers["x-pointsman-trace-id"]}
    assert traced_policies(gateway, collector, traces) == [raw.headers["x-pointsman-policy"]]
