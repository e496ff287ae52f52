"""Documents that cannot rot, and files that belong to no machine."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from gateway import errors
from gateway.cli.reference import PAGES
from gateway.settings import Settings
from gateway.telemetry import names
from tests.architecture.tree import ROOT, committed, functions, name, parsed, python_files

# Folders that exist on some machines only; a path into one of them works for nobody else.
FOREIGN_PATHS = re.compile(rb"(?<![\w./~-])/(?:work|root|home|Users)/[\w.-]+")


@pytest.mark.parametrize("page", sorted(PAGES))
def test_reference_pages_are_fresh(page: str) -> None:
    """What docs/reference says is what the code says; `python -m gateway.cli.reference` writes it anew."""
    assert (ROOT / "docs/reference" / page).read_text(encoding="utf-8") == PAGES[page]()


def test_every_setting_is_documented() -> None:
    """Each `POINTSMAN_*` variable has a line, and each line a meaning."""
    page = (ROOT / "docs/reference/settings.md").read_text()
    for field, info in Settings.model_fields.items():
        assert f"`POINTSMAN_{field.upper()}`" in page
        assert info.description


def test_every_variable_that_is_mentioned_exists() -> None:
    """No document, message or deployment names a setting that nobody reads."""
    known = {f"POINTSMAN_{field.upper()}" for field in Settings.model_fields}
    suffixes = {".md", ".py", ".yaml", ".yml", ".toml", ".example", ""}
    mentioned = {
        (found, name(path))
        for path in committed()
        if path.suffix in suffixes
        and name(path).split("/")[0] in ("gateway", "deploy", "docs", "README.md", "Makefile")
        for found in re.findall(r"\bPOINTSMAN_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }
    assert {(variable, where) for variable, where in mentioned if variable not in known} == set()


def test_every_response_header_is_documented() -> None:
    """Each `HEADER_*` name is in the reference with a meaning."""
    page = (ROOT / "docs/reference/headers.md").read_text()
    for constant, value in inspect.getmembers(names):
        if constant.startswith("HEADER_"):
            assert re.search(rf"^\| `{value}` \| \S", page, re.MULTILINE), value


def test_every_error_is_in_the_drawn_tree() -> None:
    """The picture at the top of errors.py shows every class, with its status."""
    drawn = inspect.getdoc(errors) or ""
    for _, found in inspect.getmembers(errors, inspect.isclass):
        if not issubclass(found, Exception) or found.__module__ != errors.__name__:
            continue
        assert re.search(rf"\b{found.__name__}\b", drawn), found.__name__
        leaf = issubclass(found, errors.GatewayError) and not found.__subclasses__()
        if leaf and found is not errors.StreamBroken:
            assert re.search(rf"\b{found.__name__}\s+{found.status}\b", drawn), (
                f"{found.__name__} {found.status}"
            )


def test_every_test_has_a_docstring() -> None:
    """A test that does not say what it shows cannot be judged when it fails."""
    silent = [
        f"{name(path)}:{qualified}"
        for path in python_files("tests")
        if path.name.startswith("test_")
        for qualified, function in functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def test_every_module_says_what_it_is() -> None:
    """The first line of a file says what is in it; only packages without code may be silent."""
    silent = [
        name(path)
        for path in python_files("gateway", "routers", "policies", "tests")
        if parsed(path).body and not ast.get_docstring(parsed(path))
    ]
    assert silent == []


def test_no_committed_file_names_a_path_of_one_machine() -> None:
    """Neither code, data nor documents point into somebody's folders."""
    found = [
        f"{name(path)}: {match.group().decode(errors='replace')}"
        for path in committed()
        if path.suffix not in {".safetensors", ".png"}
        for match in [FOREIGN_PATHS.search(path.read_bytes())]
        if match
    ]
    assert found == []


def test_no_file_is_named_after_nothing() -> None:
    """A name says what is inside: `utils`, `helpers`, `common` and `manager` do not."""
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [name(path) for path in committed() if path.stem.lower() in empty] == []
