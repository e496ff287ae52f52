"""Reading the schemas in which outcomes come."""

from __future__ import annotations

import gzip
import json

import pytest

from routers.benchmark.errors import BenchmarkError
from routers.benchmark.files import read_benchmark


def _lines(path, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_outcomes_by_column_without_contaminated_rows(tmp_path) -> None:
    """The two columns are told apart by their means; a leaked row is left out, counted, and kept on request."""
    rows = [
        {"id": "a", "prompt": "one", "big": 1, "small": 0, "contaminated": False},
        {"id": "b", "prompt": "two", "big": 1, "small": 1, "contaminated": True},
        {"id": "c", "prompt": "three", "big": 0.5, "small": 0.5, "contaminated": False},
    ]
    file = _lines(tmp_path / "set.jsonl.gz", rows)
    found = read_benchmark([file])
    assert (found.name, found.weak_name, found.strong_name) == ("set", "small", "big")
    assert found.ids == ("a", "c")
    assert found.weak.tolist() == [0.0, 0.5]
    assert found.strong.tolist() == [1.0, 0.5]
    assert found.left_out == {"contaminated": 1}
    assert found.positions.tolist() == [0, 2]
    assert len(read_benchmark([file], keep_flagged=True).ids) == 3


def test_turns_and_lists_of_scores(tmp_path) -> None:
    """The first turn is what is routed, the mean of the turn scores is the outcome, the category the subject."""
    row = {
        "question_id": 81,
        "category": "math",
        "turns": ["first", "then"],
        "mid": [10.0, 9],
        "top": [10, 10],
    }
    found = read_benchmark([_lines(tmp_path / "m.jsonl", [row])])
    assert found.prompts == ("first",)
    assert found.ids == ("81",)
    assert found.subjects == ("math",)
    assert (found.weak.tolist(), found.strong.tolist()) == ([9.5], [10.0])


def test_routellm_csv_with_a_boolean_column_a_model(tmp_path) -> None:
    """The unnamed index column is no model; several files are a subject each."""
    for name, right in (("mmlu_anatomy", "False"), ("mmlu_law", "True")):
        (tmp_path / f"{name}.csv").write_text(
            f',prompt,mistralai/Mixtral,gpt-4\n0,"a ""quoted"", long\nquestion",{right},True\n'
        )
    found = read_benchmark([tmp_path / "mmlu_anatomy.csv", tmp_path / "mmlu_law.csv"])
    assert found.name == "mmlu, 2 files"
    assert (found.weak_name, found.strong_name) == ("mistralai/Mixtral", "gpt-4")
    assert found.weak.tolist() == [0.0, 1.0]
    assert found.subjects == ("mmlu_anatomy", "mmlu_law")
    assert found.prompts[0] == 'a "quoted", long\nquestion'


def test_pooled_outcomes_of_many_models(tmp_path) -> None:
    """Two models are chosen by name, and a row that lacks one of them is left out."""
    rows = [
        {"id": "1", "prompt": "p", "domain": "law", "outcomes": {"a": 0, "b": 1, "c": 0.5}},
        {"id": "2", "prompt": "q", "domain": None, "outcomes": {"a": 0, "c": 0.5}},
    ]
    file = _lines(tmp_path / "pool.jsonl", rows)
    found = read_benchmark([file], weak="a", strong="b")
    assert found.ids == ("1",)
    assert found.left_out == {"no outcome": 1}
    with pytest.raises(BenchmarkError, match=r"name the two models.*`a`, `b`, `c`"):
        read_benchmark([file])
    with pytest.raises(BenchmarkError, match="no outcomes of `d`"):
        read_benchmark([file], weak="a", strong="d")
    with pytest.raises(BenchmarkError, match="both name `a`"):
        read_benchmark([file], weak="a", strong="a")


def test_naming_one_of_two_models_settles_the_other(tmp_path) -> None:
    """`--weak` alone overrules the order of the means."""
    file = _lines(tmp_path / "x.jsonl", [{"prompt": "p", "a": 0, "b": 1}])
    found = read_benchmark([file], weak="b")
    assert (found.weak_name, found.strong_name) == ("b", "a")


def test_a_line_ends_at_a_line_feed_alone(tmp_path) -> None:
    """The separators that Unicode knows besides may stand inside a prompt."""
    file = tmp_path / "x.jsonl"
    file.write_text('{"prompt": "one\u2028two\u0085three", "a": 0, "b": 1}\n', encoding="utf-8")
    assert read_benchmark([file]).prompts == ("one\u2028two\u0085three",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no rows"),
        ("{]", "line 1 is not JSON"),
        ("[1]", "line 1 is not a JSON object"),
        ('{"a": 1, "b": 0}', "row 1 has neither `prompt` nor `turns`"),
        ('{"prompt": "p", "a": "yes", "b": null}', "the files have: none"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, content, message) -> None:
    """Errors name the line or the row and what is wrong with it."""
    file = tmp_path / "x.jsonl"
    file.write_text(content)
    with pytest.raises(BenchmarkError, match=message):
        read_benchmark([file])


def test_a_missing_or_damaged_file_is_an_error_of_ours(tmp_path) -> None:
    """No traceback for a wrong path or for what is not gzip."""
    with pytest.raises(BenchmarkError, match="cannot read"):
        read_benchmark([tmp_path / "absent.jsonl"])
    (tmp_path / "x.jsonl.gz").write_bytes(b"plain")
    with pytest.raises(BenchmarkError, match="cannot read"):
        read_benchmark([tmp_path / "x.jsonl.gz"])
