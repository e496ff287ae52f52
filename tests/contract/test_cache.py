"""The exact cache as clients see it: what is answered again, in which form, and what never is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.test_chat import TOOL_CALL, TOOLS, ask
from tests.fake_upstream import Cut, Error, Hang, Stream, Whole

if TYPE_CHECKING:
    import httpx

    from tests.contract.test_chat import Plain
    from tests.processes import Pointsman


def post(gateway: Pointsman, body: dict[str, Any], **headers: str) -> httpx.Response:
    with gateway.http() as client:
        return client.post(
            "/v1/chat/completions", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )


def verdict(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["x-pointsman-cache"]


@pytest.mark.parametrize(("first", "then"), [(False, False), (False, True), (True, False), (True, True)])
def test_a_hit_comes_in_the_form_asked_for(plain: Plain, first: bool, then: bool) -> None:
    """Whole or streamed, an equal request gets the same text and usage without a second upstream call."""
    gateway, upstream = plain
    upstream.always(Stream(["one ", "two ", "three"], usage=(9, 3)))
    text = f"forms {first} {then}"
    answers = []
    for streamed in (first, then):
        options = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
        created = gateway.client().chat.completions.create(**ask(text, **options))
        if streamed:
            events = list(created)
            answers.append(
                ("".join(e.choices[0].delta.content or "" for e in events if e.choices), events[-1].usage)
            )
        else:
            answers.append((created.choices[0].message.content, created.usage))
    assert answers[0][0] == answers[1][0] == "one two three"
    assert answers[0][1].total_tokens == answers[1][1].total_tokens == 12
    assert len(upstream.requests) == 1


def test_a_hit_costs_nothing_and_says_so(plain: Plain) -> None:
    """A hit names the target that once answered, costs zero and saves the whole price."""
    gateway, upstream = plain
    upstream.always(Whole("kept", usage=(1000, 1000)))
    assert verdict(post(gateway, ask("hit me"))) == "miss"
    response = post(gateway, ask("hit me"))
    assert verdict(response) == "hit"
    assert response.headers["x-pointsman-target"] == "up"
    assert float(response.headers["x-pointsman-cost-usd"]) == 0.0
    assert float(response.headers["x-pointsman-saved-usd"]) == pytest.approx(0.00075)


def test_spacing_and_key_order_do_not_matter_but_content_does(plain: Plain) -> None:
    """The fingerprint is canonical JSON of what determines the answer."""
    gateway, _ = plain
    with gateway.http() as client:
        send = lambda raw: verdict(client.post("/v1/chat/completions", content=raw))  # noqa: E731
        assert send(b'{"model":"auto","messages":[{"role":"user","content":"canon"}],"seed":1}') == "miss"
        assert (
            send(
                b'{ "seed":1, "messages":[ {"content":"canon","role":"user"} ], "model":"auto", "user":"me" }'
            )
            == "hit"
        )
        assert send(b'{"model":"auto","messages":[{"role":"user","content":"canon "}],"seed":1}') == "miss"
        assert send(b'{"model":"auto","messages":[{"role":"user","content":"canon"}],"seed":2}') == "miss"
        assert (
            send(b'{"model":"auto","messages":[{"role":"user","content":"canon"}],"seed":1,"x":1}') == "miss"
        )


def test_cache_control_is_honoured(plain: Plain) -> None:
    """`no-cache` asks anew, `no-store` leaves nothing behind."""
    gateway, upstream = plain
    assert verdict(post(gateway, ask("control"), cache_control="no-store")) == "bypass"
    assert verdict(post(gateway, ask("control"))) == "miss"
    assert verdict(post(gateway, ask("control"), cache_control="no-cache")) == "bypass"
    assert verdict(post(gateway, ask("control"))) == "hit"
    assert len(upstream.requests) == 3


def test_answers_drawn_at_random_are_not_kept(plain: Plain) -> None:
    """Whoever asks at temperature 1 wants another answer next time; a seed or temperature 0 does not."""
    gateway, _ = plain
    for options, second in (
        ({"temperature": 1}, "miss"),
        ({"temperature": 0}, "hit"),
        ({"temperature": 1, "seed": 3}, "hit"),
    ):
        post(gateway, ask("random", **options))
        assert verdict(post(gateway, ask("random", **options))) == second, options


@pytest.mark.parametrize(
    ("behaviour", "options"),
    [
        (Whole("cut sho", finish_reason="length"), {}),
        (Whole("", finish_reason="content_filter"), {}),
        (
            Whole("", finish_reason="tool_calls", message={"content": None, "tool_calls": [TOOL_CALL]}),
            {"tools": TOOLS},
        ),
        (Error(500), {}),
        (Cut(after_events=3), {"stream": True}),
        (Stream(["no end"], done=False), {"stream": True}),
    ],
    ids=["length", "content_filter", "tool_calls", "error", "cut", "no [DONE]"],
)
def test_what_is_not_a_whole_good_answer_is_never_kept(
    plain: Plain, behaviour: Any, options: dict[str, Any]
) -> None:
    """Truncated, filtered, failed and broken answers, and tool calls, are asked for again."""
    gateway, upstream = plain
    upstream.script(behaviour, Whole("complete"))
    body = ask(f"never kept {behaviour}", **options)
    post(gateway, body)
    again = post(gateway, body)
    assert verdict(again) == "miss"
    assert len(upstream.requests) == 2


def test_a_stream_that_the_client_leaves_is_not_kept(plain: Plain) -> None:
    """Half an answer is no answer."""
    gateway, upstream = plain
    upstream.script(Hang(after_events=3), Whole("complete"))
    with gateway.client().chat.completions.create(**ask("leaving", stream=True)) as stream:
        next(iter(stream))
    assert upstream.wait_for_requests(1)
    assert verdict(post(gateway, ask("leaving"))) == "miss"
