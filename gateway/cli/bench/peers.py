"""The gateways that can be measured side by side, each configured to do the same work."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY = "sk-bench"  # a made-up key: authentication is part of what is measured

POLICY = """\
version: 1
targets:
  up: {kind: upstream, model: openai/gpt-4o-mini}
rules:
  # It asks for a signal, so that the classifier runs; whatever the signal says, the request goes upstream.
  - id: surely-sentiment
    when: {task: sentiment, task_confidence: {at_least: 0.99}}
    then: {steps: [up]}
default: {steps: [up]}
"""

LITELLM = """\
model_list:
  - model_name: gpt-4o-mini
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{upstream}/v1", api_key: x}}
litellm_settings: {{cache: true, cache_params: {{type: local}}, telemetry: false}}
general_settings: {{master_key: {key}}}
"""

NGINX = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 100000000;
  upstream mock {{ server {authority}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """One gateway: how to start it, when it is ready, and how to call it."""

    name: str
    argv: tuple[str, ...]
    url: str
    """Its chat completions URL."""
    ready_url: str
    """Answers 2xx once requests can be served."""
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "gpt-4o-mini"
    """The model name that makes it forward a request to the mock upstream."""
    caches: bool = True
    """It takes part in the cache scenario."""
    version: str = ""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _said(*argv: str) -> str:
    """What a command prints, on either stream; empty where it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def pointsman(directory: Path, upstream: str) -> Peer:
    """This gateway with everything on: key, classifier, policy, cache, record, and traces that are exported.

    `upstream` is the origin of the mock, which swallows the traces too.
    """
    port = free_port()
    policy = directory / "policy.yaml"
    policy.write_text(POLICY)
    return Peer(
        name="Pointsman",
        argv=(
            *(sys.executable, "-m", "gateway.cli.main", "gateway"),
            *("--host", "127.0.0.1", "--port", str(port), "--policy", str(policy)),
        ),
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        ready_url=f"http://127.0.0.1:{port}/readyz",
        env={
            "OPENAI_BASE_URL": f"{upstream}/v1",
            "OPENAI_API_KEY": "x",
            "POINTSMAN_DATA_DIR": str(directory / "data"),
            "POINTSMAN_API_KEY": KEY,
            "OTEL_EXPORTER_OTLP_ENDPOINT": upstream,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        },
        headers={"authorization": f"Bearer {KEY}"},
        model="auto",
        version=metadata.version("pointsman"),
    )


def litellm(directory: Path, upstream: str, *, environment: Path) -> Peer:
    """LiteLLM's proxy with one worker, a key and its in-process cache; `environment` is where it is installed."""
    port = free_port()
    config = directory / "litellm.yaml"
    config.write_text(LITELLM.format(upstream=upstream, key=KEY))
    return Peer(
        name="LiteLLM",
        argv=(
            *(str(environment / "bin" / "litellm"), "--config", str(config)),
            *("--host", "127.0.0.1", "--port", str(port)),
        ),
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        ready_url=f"http://127.0.0.1:{port}/health/liveliness",
        version=_said(
            *(str(environment / "bin" / "python"), "-c"),
            "from importlib import metadata; print(metadata.version('litellm'))",
        ),
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        headers={"authorization": f"Bearer {KEY}"},
    )


def nginx(directory: Path, upstream: str) -> Peer | None:
    """A plain reverse proxy, the floor for any gateway; None where nginx is not installed."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        return None
    port = free_port()
    config = directory / "nginx.conf"
    authority = upstream.removeprefix("http://")
    config.write_text(NGINX.format(directory=directory, authority=authority, port=port))
    return Peer(
        name="nginx",
        argv=(binary, "-c", str(config), "-e", "stderr"),
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        ready_url=f"http://127.0.0.1:{port}/v1/models",
        caches=False,
        version=_said(binary, "-v").rpartition("/")[2],
    )
