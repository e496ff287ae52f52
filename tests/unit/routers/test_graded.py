"""Files of graded requests: what is read, and what is said about what cannot be."""

from __future__ import annotations

import gzip
import json

import pytest

from routers.graded import GradedFileError, identity, read_outcomes, read_target
from routers.signals import RequestText


def test_prompts_and_messages_are_read_as_the_gateway_reads_them(tmp_path) -> None:
    """System and developer messages are joined, the last user turn counts, parts are joined by lines."""
    file = tmp_path / "graded.jsonl"
    parts = [{"type": "text", "text": "one"}, {"type": "image_url"}, {"type": "text", "text": "two"}]
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": parts},
    ]
    rows = [
        {"prompt": "hello", "acceptable": True},
        {"messages": messages, "acceptable": 0.25, "task": "chat"},
    ]
    file.write_text("\n\n".join(map(json.dumps, rows)))
    read = read_target(file, "mine").rows
    assert read[0].text == RequestText(user="hello")
    assert read[1].text == RequestText(user="one\ntwo", system="Be brief.", turns=2)
    assert [row.outcomes for row in read] == [{"mine": 1.0}, {"mine": 0.25}]
    assert [row.task for row in read] == [None, "chat"]


def test_gzip_is_read_by_its_ending(tmp_path) -> None:
    """The same rows packed give the same content and the same hash."""
    line = json.dumps({"prompt": "hello\u2028there", "outcomes": {"a": 1, "b": 0.5}})
    plain, packed = tmp_path / "g.jsonl", tmp_path / "g.jsonl.gz"
    plain.write_text(line)
    packed.write_bytes(gzip.compress(line.encode()))
    assert read_outcomes(plain) == read_outcomes(packed)
    assert read_outcomes(packed).rows[0].outcomes == {"a": 1.0, "b": 0.5}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"acceptable": 1}', "needs `prompt`"),
        ('{"prompt": 3, "acceptable": 1}', "needs `prompt`"),
        ('{"prompt": "x"}', "`acceptable` is missing; it must be true, false or a score from 0 to 1"),
        ('{"prompt": "x", "acceptable": 2}', "`acceptable` is 2"),
        ('{"prompt": "x", "acceptable": "yes"}', '`acceptable` is "yes"'),
        ('{"prompt": "x", "acceptable": NaN}', "`acceptable` is NaN"),
        ('{"messages": [], "acceptable": 1}', "has none whose `role` is `user`"),
        ('{"messages": [{"role": "user"}], "acceptable": 1}', "`content`"),
        ('{"prompt": "x", "acceptable": 1, "task": 3}', "`task` is 3"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path, line, said) -> None:
    """The message has file and line, and says what the row should hold."""
    file = tmp_path / "graded.jsonl"
    file.write_text('{"prompt": "x", "acceptable": 1}\n' + line)
    with pytest.raises(GradedFileError) as caught:
        read_target(file, "mine")
    assert f"{file}:2: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("outcomes", ["null", "{}", "[1]", '{"a": 2}', '{"a": null}'])
def test_outcomes_are_grades_by_name(tmp_path, outcomes) -> None:
    """An empty object, another shape or a grade outside 0 to 1 is refused with its line."""
    file = tmp_path / "graded.jsonl"
    file.write_text(f'{{"prompt": "x", "outcomes": {outcomes}}}')
    with pytest.raises(GradedFileError, match=r"graded\.jsonl:1: "):
        read_outcomes(file)


def test_a_file_that_cannot_be_read_is_said_so(tmp_path) -> None:
    """A missing file and broken gzip give a sentence, not a traceback."""
    with pytest.raises(GradedFileError, match="no such file"):
        read_outcomes(tmp_path / "absent.jsonl")
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(b"{}" * 100)[:-9])
    with pytest.raises(GradedFileError, match="gzip"):
        read_outcomes(broken)


def test_requests_that_differ_in_case_and_spaces_are_one() -> None:
    """The identity of a request ignores what a person would not call a difference, and nothing else."""
    assert identity(RequestText(user="What is it?")) == identity(RequestText(user=" what IS it "))
    assert identity(RequestText(user="a")) != identity(RequestText(user="b"))
    assert identity(RequestText(user="?!")) != identity(RequestText(user="..."))
    assert identity(RequestText(user="x", system="y")) != identity(RequestText(user="x"))
