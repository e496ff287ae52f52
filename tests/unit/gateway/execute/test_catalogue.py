"""Where targets live, and what to set when they live nowhere."""

from __future__ import annotations

from gateway.config import Upstream
from gateway.execute.catalogue import Catalogue, Endpoint
from tests.unit.gateway.build import loaded

WORKER = "unix:///run/worker.sock"


def resolve(model, *, kind="upstream", environ=None, upstreams=None, worker=WORKER):
    """The endpoint of one target, or what is missing."""
    text = f"version: 1\ntargets: {{a: {{kind: {kind}, model: '{model}'}}}}\ndefault: {{steps: [a]}}\n"
    found, missing = Catalogue(upstreams or {}, environ or {}, worker).endpoints(loaded(text).policy)
    assert found.keys() ^ missing.keys() == {"a"}
    return found.get("a") or missing["a"]


def test_a_known_provider_needs_only_its_key():
    """URL and model name follow from the provider."""
    found = resolve("groq/llama-3/70b", environ={"GROQ_API_KEY": "k"})
    assert found == Endpoint("openai", "groq", "llama-3/70b", "https://api.groq.com/openai/v1", "k")


def test_a_missing_variable_is_named():
    """The reason is what to do; an empty variable counts as unset."""
    assert resolve("openai/gpt-5") == "set `OPENAI_API_KEY`"
    assert resolve("openai/gpt-5", environ={"OPENAI_API_KEY": ""}) == "set `OPENAI_API_KEY`"
    assert resolve("anthropic/claude") == "set `ANTHROPIC_API_KEY`"
    assert resolve("bedrock/claude") == "set `AWS_ACCESS_KEY_ID`"


def test_openai_base_url_needs_no_key_and_sends_one_that_is_there():
    """A server of one's own may be open; OpenAI's variables mean what they mean for its client."""
    environ = {"OPENAI_BASE_URL": "http://10.0.0.5:8000/v1/"}
    found = resolve("openai/m", environ=environ)
    assert (found.url, found.key) == ("http://10.0.0.5:8000/v1", None)
    assert resolve("openai/m", environ={**environ, "OPENAI_API_KEY": "k"}).key == "k"
    assert resolve("groq/m", environ=environ) == "set `GROQ_API_KEY`"


def test_any_other_provider_goes_through_litellm():
    """With the whole name, which litellm reads, and no URL, which litellm knows."""
    found = resolve("anthropic/claude-opus-5", environ={"ANTHROPIC_API_KEY": "k"})
    assert found == Endpoint("litellm", "anthropic", "anthropic/claude-opus-5", None, "k")


def test_a_configured_server_needs_no_key_unless_it_names_one():
    """A key for another server is never sent along."""
    vllm = {"vllm": Upstream(url="http://v:8000/v1", headers={"x-team": "a"})}
    found = resolve("vllm/llama", upstreams=vllm, environ={"OPENAI_API_KEY": "other"})
    assert (found.lane, found.model, found.key, found.headers) == ("openai", "llama", None, {"x-team": "a"})
    keyed = {"vllm": Upstream(url="http://v:8000/v1", api_key_env="VLLM_KEY")}
    assert resolve("vllm/llama", upstreams=keyed) == "set `VLLM_KEY`"
    assert resolve("vllm/llama", upstreams=keyed, environ={"VLLM_KEY": "k"}).key == "k"


def test_a_configured_url_of_a_known_provider_does_not_get_its_key():
    """Whoever points `openai` elsewhere says which key to send there."""
    moved = {"openai": Upstream(url="http://proxy/v1")}
    assert resolve("openai/m", upstreams=moved, environ={"OPENAI_API_KEY": "k"}).key is None


def test_a_known_provider_can_have_another_key_variable():
    """Configured without URL, only the variable changes."""
    own = {"groq": Upstream(api_key_env="TEAM_GROQ")}
    assert resolve("groq/m", upstreams=own) == "set `TEAM_GROQ`"
    found = resolve("groq/m", upstreams=own, environ={"TEAM_GROQ": "k"})
    assert (found.url, found.key) == ("https://api.groq.com/openai/v1", "k")


def test_the_litellm_lane_can_be_asked_for():
    """With a URL and a key variable of its own."""
    lane = {"anthropic": Upstream(lane="litellm", url="http://mirror", api_key_env="A_KEY")}
    found = resolve("anthropic/claude", upstreams=lane, environ={"A_KEY": "k"})
    assert found == Endpoint("litellm", "anthropic", "anthropic/claude", "http://mirror", "k")


def test_local_targets_live_in_the_worker():
    """Over a Unix socket or TCP, where `/v1` may be given or not."""
    assert resolve("smollm2", kind="local") == Endpoint("worker", "pointsman", "smollm2", WORKER)
    for url in ("http://w:8090", "http://w:8090/", "http://w:8090/v1", "http://w:8090/v1/"):
        assert resolve("sentiment", kind="specialist", worker=url).url == "http://w:8090/v1"


def test_without_a_worker_local_targets_say_how_to_get_one():
    """The command and the variable are named."""
    reason = resolve("smollm2", kind="local", worker=None)
    assert "pointsman serve" in reason and "POINTSMAN_WORKER_URL" in reason


def test_a_key_is_never_printed():
    """Endpoints turn up in logs and tracebacks."""
    assert "very-secret" not in repr(resolve("groq/m", environ={"GROQ_API_KEY": "very-secret"}))
