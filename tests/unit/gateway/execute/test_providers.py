"""What reaches litellm: only what a provider may be asked, never what directs the call."""

from __future__ import annotations

import pytest

from gateway.errors import UpstreamRateLimited, UpstreamRejected, UpstreamTimeout
from gateway.execute.catalogue import Endpoint
from gateway.execute.failures import may_climb
from gateway.execute.providers import _arguments, _failure
from policies.decision import Step
from tests.unit.gateway.build import call

ENDPOINT = Endpoint("litellm", "anthropic", "anthropic/claude", "http://real", "real-key")
STEP = Step("claude", "upstream", "anthropic/claude", timeout_s=9)
HOSTILE = {
    "api_base": "http://evil", "base_url": "http://evil", "api_key": "stolen", "mock_response": "fake",
    "custom_llm_provider": "openai", "extra_headers": {"x": "y"}, "headers": {"x": "y"}, "timeout": 9999,
    "num_retries": 50, "max_retries": 50, "fallbacks": ["gpt-4"], "model_list": [], "api_version": "x",
    "aws_access_key_id": "x", "vertex_credentials": "x", "mock_tool_calls": [], "extra_body": {"a": 1},
    "organization": "o", "client": None, "litellm_params": {}, "stream_timeout": 1, "cache": {"no-cache": True},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_body_cannot_direct_the_call(name):
    """Address, key, mock answers, retries and the like are the gateway's; a body's go nowhere but to the provider."""
    arguments = _arguments(call({name: HOSTILE[name]}), STEP, ENDPOINT)
    plain = _arguments(call(), STEP, ENDPOINT)
    arguments.pop("extra_body")
    assert arguments == plain


def test_the_gateways_own_arguments():
    """Endpoint, deadline, and retries off: the gateway has one retry loop."""
    arguments = _arguments(call(), STEP, ENDPOINT)
    assert arguments == {
        "messages": [{"role": "user", "content": "hello"}],
        "model": "anthropic/claude",
        "stream": False,
        "timeout": 9,
        "num_retries": 0,
        "max_retries": 0,
        "api_key": "real-key",
        "api_base": "http://real",
    }


def test_request_parameters_are_passed_on():
    """As JSON values; null means not given; usage is asked for on every stream."""
    fields = {"stream": True, "temperature": 0.5, "seed": None, "tools": [{"type": "function"}], "top_k": 3}
    arguments = _arguments(call(fields), STEP, ENDPOINT)
    assert arguments["temperature"] == 0.5
    assert arguments["tools"] == [{"type": "function"}]
    assert arguments["stream_options"] == {"include_usage": True}
    assert arguments["extra_body"] == {"top_k": 3}
    assert "seed" not in arguments and "metadata" not in arguments


class ProviderError(Exception):
    """Shaped like litellm's exceptions."""

    def __init__(self, status_code: int, message: str = "no") -> None:
        super().__init__(message)
        self.status_code = status_code
        self.message = message
        self.response = None


class ContextWindowExceededError(ProviderError):
    """Named as litellm names it."""


def test_failures_keep_their_status_and_meaning():
    """Rate limits, overflows and timeouts are what they are on the other lane."""
    assert type(_failure("x", ProviderError(429))) is UpstreamRateLimited
    assert type(_failure("x", TimeoutError())) is UpstreamTimeout
    assert not may_climb(_failure("x", ProviderError(400)))
    overflow = _failure("x", ContextWindowExceededError(400))
    assert isinstance(overflow, UpstreamRejected) and may_climb(overflow)
