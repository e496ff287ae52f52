"""The wide lane: every provider without an OpenAI-compatible API, through litellm's SDK.

The only file that imports litellm. The import costs seconds and some 165 MB, so it waits for the first call.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gateway.errors import AttemptError, UpstreamTimeout
from gateway.execute import failures
from gateway.execute.streams import read_event
from gateway.types import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence
    from types import ModuleType

    from gateway.execute.catalogue import Endpoint
    from gateway.types import Call, Delta
    from policies.decision import Step

# Only these request fields become arguments: a body must not be able to set `api_base`, `api_key` or a mock answer.
_PARAMETERS = frozenset(
    {"messages", "temperature", "top_p", "n", "stop", "max_tokens", "max_completion_tokens", "presence_penalty",
     "frequency_penalty", "logit_bias", "user", "response_format", "seed", "tools", "tool_choice",
     "parallel_tool_calls", "functions", "function_call", "logprobs", "top_logprobs", "reasoning_effort",
     "modalities", "audio", "prediction", "service_tier", "verbosity"}
)  # fmt: skip
_GATEWAY_FIELDS = frozenset({"model", "stream", "stream_options", "metadata", "store"})
_CODES = {
    "ContextWindowExceededError": "context_length_exceeded",
    "ContentPolicyViolationError": "content_filter",
}


class _Model(Protocol):
    """Litellm's answers and chunks are pydantic models."""

    def model_dump(self, *, mode: str, exclude_none: bool) -> dict[str, Any]: ...


class LiteLLMExecutor:
    """Calls `litellm.acompletion` with its own retries off: the gateway has one retry loop."""

    def __init__(self) -> None:
        self._litellm: ModuleType | None = None
        self._loading = asyncio.Lock()

    async def open(self, call: Call, step: Step, endpoint: Endpoint, trace: str | None) -> Answer:
        litellm = await self._load()
        try:
            async with asyncio.timeout(step.timeout_s):
                result = await litellm.acompletion(**_arguments(call, step, endpoint))
        except TimeoutError:
            raise UpstreamTimeout(f"`{endpoint.provider}` did not answer in {step.timeout_s:g} s.") from None
        except Exception as error:  # litellm raises a class per provider
            raise _failure(endpoint.provider, error) from error
        read = _read_stream(endpoint.provider, result, call, step) if call.stream else _read_whole(result)
        return Answer(model=endpoint.model, provider=endpoint.provider, deltas=read)

    async def close(self) -> None:
        """Litellm keeps clients of its own and closes them at exit."""

    async def _load(self) -> ModuleType:
        async with self._loading:
            if self._litellm is None:
                self._litellm = await asyncio.to_thread(_import_litellm)
            return self._litellm


def _import_litellm() -> ModuleType:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it fetches a price list
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = False
    module: ModuleType = litellm
    return module


def _arguments(call: Call, step: Step, endpoint: Endpoint) -> dict[str, Any]:
    fields = {name: msgspec.json.decode(raw) for name, raw in call.fields.items()}
    arguments = {name: value for name, value in fields.items() if name in _PARAMETERS and value is not None}
    extra = {k: v for k, v in fields.items() if k not in _PARAMETERS and k not in _GATEWAY_FIELDS}
    arguments.update(
        model=endpoint.model, stream=call.stream, timeout=step.timeout_s, num_retries=0, max_retries=0
    )
    if extra:
        arguments["extra_body"] = extra
    if call.stream:
        arguments["stream_options"] = {"include_usage": True}
    if endpoint.key:
        arguments["api_key"] = endpoint.key
    if endpoint.url:
        arguments["api_base"] = endpoint.url
    return arguments


async def _read_whole(result: _Model) -> AsyncGenerator[Sequence[Delta], None]:
    yield (read_event(_encode(result), whole=True),)


async def _read_stream(
    provider: str, result: AsyncIterator[_Model], call: Call, step: Step
) -> AsyncGenerator[Sequence[Delta], None]:
    """Deltas to the end; each has to follow the one before within the step's limit."""
    try:
        while True:
            async with asyncio.timeout(step.timeout_s):
                chunk = await anext(result, None)
            if chunk is None:
                return
            yield (read_event(_encode(chunk), hide_usage=not call.include_usage),)
    except AttemptError:
        raise
    except TimeoutError:
        raise UpstreamTimeout(f"`{provider}` stopped sending for {step.timeout_s:g} s.") from None
    except Exception as error:  # its stream raises what its provider's client raises
        raise _failure(provider, error) from error
    finally:
        close = getattr(result, "aclose", None)
        if close is not None:
            await close()


def _encode(result: _Model) -> bytes:
    return msgspec.json.encode(result.model_dump(mode="json", exclude_none=True))


def _failure(provider: str, error: Exception) -> AttemptError:
    """Litellm's exceptions carry a status; the rest are broken connections."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return failures.from_exception(provider, error)
    response = getattr(error, "response", None)
    message = str(getattr(error, "message", error))
    body = msgspec.json.encode(
        {"error": {"message": message, "type": "invalid_request_error", "param": None,
                   "code": _CODES.get(type(error).__name__)}}
    )  # fmt: skip
    return failures.from_status(provider, status, dict(getattr(response, "headers", None) or {}), body)
