"""A real worker process asked through the official client: whole, streamed, and wrong in every way."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.integration.worker.conftest import ENCODER, LANGUAGE, SPECIALIST

if TYPE_CHECKING:
    from tests.integration.worker.conftest import Worker

CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
COUNT = [{"role": "user", "content": "Count from 1 to 10, separated by commas."}]
LONG = [{"role": "user", "content": "Write a very long story about a railway in the mountains."}]
REVIEW = [
    {
        "role": "user",
        "content": "Is this review positive or negative? 'The plot drags and the jokes are stale.' "
        "Answer with one word.",
    }
]


def chat(worker: Worker, **fields: Any) -> Any:
    """One chat completion through the official client."""
    with worker.openai() as client:
        return client.chat.completions.create(**{"model": LANGUAGE, "messages": CAPITAL, **fields})


def streamed(worker: Worker, **fields: Any) -> list[Any]:
    """All chunks of a streamed chat completion through the official client."""
    with worker.openai() as client:
        asked = {"model": LANGUAGE, "messages": CAPITAL, "stream": True, **fields}
        return list(client.chat.completions.create(**asked))


def test_language_model_answers_whole(worker: Worker) -> None:
    """An easy question gets its answer, a reason why it ended, and usage."""
    answer = chat(worker)
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == LANGUAGE
    assert answer.usage.prompt_tokens > 5
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_language_model_answers_streamed_the_same(worker: Worker) -> None:
    """The joined stream equals the whole answer, and its last chunk has the same usage."""
    whole = chat(worker)
    chunks = streamed(worker, stream_options={"include_usage": True})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == (
        whole.choices[0].message.content
    )
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_stream_arrives_as_it_is_written(worker: Worker) -> None:
    """The first text is there well before the last."""
    with worker.openai() as client:
        begun = time.perf_counter()
        times = [
            time.perf_counter() - begun
            for _ in client.chat.completions.create(model=LANGUAGE, messages=LONG, stream=True, max_tokens=60)
        ]
    assert times[1] < times[-1] / 2


def test_max_tokens_cuts_the_answer(worker: Worker) -> None:
    """Neither spelling of the limit is exceeded, and the reason is `length`."""
    for field in ("max_tokens", "max_completion_tokens"):
        answer = chat(worker, messages=LONG, **{field: 5})
        assert answer.usage.completion_tokens == 5
        assert answer.choices[0].finish_reason == "length"


def test_stop_text_ends_the_answer(worker: Worker) -> None:
    """The answer ends before the stop text and says `stop`."""
    answer = chat(worker, messages=COUNT, stop=["5"])
    assert "4" in answer.choices[0].message.content
    assert "5" not in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


def test_seeded_samples_repeat(worker: Worker) -> None:
    """The same seed at a high temperature gives the same text."""
    first, again = (
        chat(worker, messages=LONG, temperature=1.5, seed=11, max_tokens=12).choices[0].message.content
        for _ in range(2)
    )
    assert first == again


def test_answer_follows_a_json_schema(worker: Worker) -> None:
    """A response format with a schema gives JSON of that shape."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "large": {"type": "boolean"}},
        "required": ["city", "large"],
        "additionalProperties": False,
    }
    answer = chat(
        worker, response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    )
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "large"}


def test_concurrent_answers_do_not_mix(worker: Worker) -> None:
    """Eight callers at once each get the answer they would get alone."""
    alone = chat(worker, max_tokens=12).choices[0].message.content
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(chat, worker, max_tokens=12) for _ in range(8)]
        assert {job.result().choices[0].message.content for job in jobs} == {alone}


@pytest.mark.parametrize("stream", [False, True])
def test_specialist_answers_in_the_words_asked_for(worker: Worker, stream: bool) -> None:
    """The specialist classifies the quoted text and reports confidence and times in headers."""
    with worker.openai() as client:
        raw = client.chat.completions.with_raw_response.create(
            model=SPECIALIST, messages=REVIEW, stream=stream
        )
        parsed = raw.parse()
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in parsed)
        else:
            text = parsed.choices[0].message.content
            assert parsed.usage.total_tokens > 5
    assert text == "negative"
    assert 0.5 < float(raw.headers["x-pointsman-confidence"]) <= 1
    assert float(raw.headers["x-pointsman-compute-ms"]) > 0
    assert float(raw.headers["x-pointsman-queue-ms"]) >= 0


def test_language_model_reports_times_and_no_confidence(worker: Worker) -> None:
    """A language model has no calibrated confidence, so it claims none."""
    with worker.openai() as client:
        raw = client.chat.completions.with_raw_response.create(model=LANGUAGE, messages=CAPITAL, max_tokens=2)
    assert "x-pointsman-confidence" not in raw.headers
    assert float(raw.headers["x-pointsman-compute-ms"]) > 0


def test_specialist_declines_another_task(worker: Worker) -> None:
    """What is not its task is 422 `not_capable` with the reason."""
    with pytest.raises(openai.UnprocessableEntityError) as error:
        chat(worker, model=SPECIALIST)
    assert error.value.code == "not_capable"
    assert "declines" in error.value.message


def test_prompt_beyond_the_context_is_the_callers_error(worker: Worker) -> None:
    """Too long a prompt is OpenAI's `context_length_exceeded`, streamed or not, before the first byte."""
    for ask in (chat, streamed):
        with pytest.raises(openai.BadRequestError) as error:
            ask(worker, messages=[{"role": "user", "content": "rail " * 3000}])
        assert error.value.code == "context_length_exceeded"


def test_unknown_and_missing_models_are_told_apart(worker: Worker) -> None:
    """A name that is not served is 404; one whose weights are missing is 503 and says how to get them."""
    with pytest.raises(openai.NotFoundError) as unknown:
        chat(worker, model="gpt-5")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.InternalServerError) as missing:
        chat(worker, model="gone")
    assert (missing.value.status_code, missing.value.code) == (503, "model_unavailable")
    assert "gone=PATH" in missing.value.message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"model": ', "not valid JSON"),
        (b"", "not valid JSON"),
        (b'{"model": "sentiment"}', "`messages` is missing"),
        (b'{"model": "sentiment", "messages": []}', "`messages` is empty"),
        (b'{"model": 3, "messages": []}', "`model` has the wrong type"),
        (
            b'{"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "x"}], "seed": "x"}',
            "seed",
        ),
    ],
)
def test_bad_input_says_what_to_change(worker: Worker, body: bytes, says: str) -> None:
    """Each malformed request is 400 in OpenAI's envelope, with a message about the field at fault."""
    with worker.http() as client:
        response = client.post("/v1/chat/completions", content=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert says in error["message"]


def test_other_paths_and_methods_are_errors_in_the_envelope(worker: Worker) -> None:
    """A wrong path is 404 and a wrong method 405, both in OpenAI's shape."""
    with worker.http() as client:
        assert client.get("/v2/nothing").json()["error"]["code"] == "unknown_url"
        wrong = client.get("/v1/chat/completions")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")


def test_models_and_their_states_are_listed(worker: Worker) -> None:
    """The official client lists the models; `/readyz` says which can answer."""
    with worker.openai() as client:
        assert {model.id for model in client.models.list()} == {LANGUAGE, SPECIALIST, ENCODER, "gone"}
    states = worker.states()
    assert states.pop(ENCODER) in ("idle", "ready")  # it loads at its first request
    assert states == {LANGUAGE: "ready", SPECIALIST: "ready", "gone": "absent"}


@pytest.mark.parametrize("stream", [True, False])
def test_client_that_disconnects_stops_the_model(worker: Worker, stream: bool) -> None:
    """All slots, taken by callers that hang up, are free again long before their answers would have ended."""
    body = json.dumps({"model": LANGUAGE, "messages": LONG, "max_tokens": 1500, "stream": stream}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: w\r\ncontent-length: %d\r\n\r\n" % len(body)
    callers = []
    for _ in range(4):
        caller = socket.socket(socket.AF_UNIX)
        caller.connect(str(worker.socket))
        caller.sendall(head + body)
        callers.append(caller)
    time.sleep(1.0)
    for caller in callers:
        caller.close()
    began = time.perf_counter()
    assert chat(worker, max_tokens=3).usage.completion_tokens == 3
    assert time.perf_counter() - began < 5


def test_health_answers_while_models_compute(worker: Worker) -> None:
    """A long answer does not keep the process from saying that it is alive."""
    thread = threading.Thread(target=chat, args=(worker,), kwargs={"messages": LONG, "max_tokens": 60})
    thread.start()
    with worker.http() as client:
        began = time.perf_counter()
        assert client.get("/healthz").status_code == 200
    assert time.perf_counter() - began < 0.5
    thread.join()
