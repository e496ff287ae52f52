"""Shipped policies are found by their names, and files by their paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.by_name import (
    LIBRARY,
    UnknownPolicyError,
    find_policy,
    is_shipped,
    purpose,
    shipped,
    shipped_names,
)


def test_the_library_is_what_is_promised() -> None:
    """The names that documents and commands speak of, the default first."""
    assert shipped_names() == (
        "default", "agentic", "cost-saver", "latency-first", "local-only", "privacy-first", "quality-first",
        "regulated", "task-models",
    )  # fmt: skip


def test_a_name_finds_the_shipped_file() -> None:
    """A bare name that is no file is the shipped policy's."""
    assert find_policy(Path("cost-saver")) == LIBRARY / "cost-saver.yaml"


def test_a_file_wins_over_a_shipped_name(tmp_path, monkeypatch) -> None:
    """Somebody's own file called like a shipped policy is what they mean."""
    monkeypatch.chdir(tmp_path)
    Path("cost-saver").write_text("version: 1")
    assert find_policy(Path("cost-saver")) == Path("cost-saver")


@pytest.mark.parametrize("path", ["missing.yaml", "there/cost-saver", "./cost-saver.yaml"])
def test_a_path_is_never_a_name(path, tmp_path, monkeypatch) -> None:
    """A path with folder or suffix stays what it is; that it is missing is said by whoever reads it."""
    monkeypatch.chdir(tmp_path)
    assert find_policy(Path(path)) == Path(path)


@pytest.mark.parametrize(
    ("given", "hint"),
    [("cost-savr", "did you mean `cost-saver`"), ("zzz", "shipped are `default`, `agentic`")],
)
def test_an_unknown_name_says_what_there_is(given, hint) -> None:
    """A slip is answered with the nearest name, anything else with all of them."""
    with pytest.raises(UnknownPolicyError, match=hint):
        find_policy(Path(given))


def test_what_belongs_to_the_installation_is_known(tmp_path) -> None:
    """A shipped file is recognised by its place, and a copy of it is not one."""
    assert is_shipped(shipped("regulated"))
    assert not is_shipped(tmp_path / "regulated.yaml")


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_policy_says_what_it_is_for(name) -> None:
    """One sentence that fits on a line beside the name."""
    assert 40 < len(purpose(name)) < 115
    assert purpose(name).endswith(".")
