"""gateway.yaml: everything that is wrong, with its place."""

from __future__ import annotations

import pytest

from gateway.config import GatewayConfig, load_config

SHA = "a" * 64


def findings(tmp_path, text):
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    found = load_config(path)
    assert isinstance(found, list), found
    return [f"{f.line}:{f.column} {f.message}" for f in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("upstream: {}\n", ["1:1 unknown key `upstream`; did you mean `upstreams`"]),
        ("upstreams:\n  vllm:\n    ulr: http://x\n", ["3:5 unknown key `ulr`; did you mean `url`"]),
        ("keys:\n  - id: app\n", ["2:5 missing key `sha256`"]),
        (
            "upstreams:\n  vllm:\n    breaker: {opens_s: 1}\n",
            ["3:15 unknown key `opens_s`; did you mean `open_s`"],
        ),
        ("models:\n  m: {path: x, pth: y}\n", ["2:16 unknown key `pth`; did you mean `path`"]),
    ],
)
def test_a_mistake_is_located_and_a_near_name_offered(tmp_path, text, expected):
    """Line and column of the key, and the key that was probably meant."""
    assert findings(tmp_path, text) == expected


def test_every_finding_is_shown_at_once(tmp_path):
    """One run, all mistakes."""
    text = "a: 1\nkeys:\n  - {id: '-', sha256: short}\nupstreams: {x: {url: ftp://y, lane: carrier}}\n"
    found = findings(tmp_path, text)
    assert len(found) == 5
    assert {line.partition(":")[0] for line in found} == {"1", "3", "4"}


def test_yaml_that_cannot_be_read_has_a_place_too(tmp_path):
    """Syntax errors are findings like any other."""
    assert findings(tmp_path, "keys: [\n")[0].startswith("2:")


def test_a_missing_file_is_a_finding(tmp_path):
    """Not a traceback."""
    found = load_config(tmp_path / "none.yaml")
    assert isinstance(found, list)
    assert "cannot be read: no such file" in found[0].message


def test_what_is_right_is_read(tmp_path):
    """All three sections, and defaults without a file."""
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "upstreams: {v: {url: 'http://v/v1'}}\nmodels: {m: {path: p}}\n"
        f"keys: [{{id: a, sha256: {SHA}}}]\n"
    )
    found = load_config(path)
    assert isinstance(found, GatewayConfig)
    assert (found.upstreams["v"].lane, found.keys[0].tenant, found.models["m"].path) == (
        "openai",
        "default",
        "p",
    )
    assert load_config(None) == GatewayConfig()
