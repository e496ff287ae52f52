"""Limits of size: a file that can be read at once, a function that does one thing."""

from __future__ import annotations

import ast

from tests.architecture.tree import functions, name, python_files

SOURCES = ("gateway", "routers", "policies")
MAX_LINES = 300
MAX_BODY = 40
# Each entry says why the thing would read worse in pieces.
ALLOWED_FILES: dict[str, str] = {"gateway/errors.py": "the tree drawn at its top is read and kept as one"}
ALLOWED_FUNCTIONS: dict[str, str] = {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last one."""
    first = function.body[1:] if ast.get_docstring(function) else function.body
    return (first[-1].end_lineno or 0) - first[0].lineno + 1 if first else 0


def bodies() -> dict[str, int]:
    """The length of every function's body, by file and qualified name."""
    return {
        f"{name(path)}:{qualified}": body_lines(function)
        for path in python_files(*SOURCES)
        for qualified, function in functions(path)
    }


def test_no_source_file_is_longer_than_300_lines() -> None:
    """Split what grows; an exception needs a reason in the list above."""
    lengths = {name(path): len(path.read_text().splitlines()) for path in python_files(*SOURCES, "tests")}
    over = {file: lines for file, lines in lengths.items() if lines > MAX_LINES and file not in ALLOWED_FILES}
    assert over == {}


def test_no_function_body_is_longer_than_40_lines() -> None:
    """One level of abstraction in a function; an exception needs a reason in the list above."""
    over = {key: lines for key, lines in bodies().items() if lines > MAX_BODY}
    assert {key: lines for key, lines in over.items() if key not in ALLOWED_FUNCTIONS} == {}


def test_no_exception_outlives_its_reason() -> None:
    """What has been split since is taken off the lists."""
    lengths = {name(path): len(path.read_text().splitlines()) for path in python_files(*SOURCES)}
    assert [file for file in ALLOWED_FILES if lengths.get(file, 0) <= MAX_LINES] == []
    assert [key for key in ALLOWED_FUNCTIONS if bodies().get(key, 0) <= MAX_BODY] == []
