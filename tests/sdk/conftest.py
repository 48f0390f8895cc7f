"""Starts the real binary with the simulated models and a fake vendor behind it; one gateway for the session.

TOLLGATE_BIN names the binary; left out, the newest of target/release and target/debug is used, built when missing.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from fake_vendor import FakeVendor

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "key-of-team-a-0123456789"
OTHER_KEY = "key-of-team-b-0123456789"
SPENT_KEY = "key-of-team-c-0123456789"
BACKEND_KEY = "sk-backend-canary-0123456789"

CONFIG = """
version: 1
server:
  gateway: {{ listen: 127.0.0.1:{gateway} }}
  console: {{ listen: 127.0.0.1:{console} }}
  data_dir: {data}
  access_log: {{ format: json, path: {data}/access.log }}
backends:
  - {{ id: sim, kind: sim }}
  - {{ id: openai, kind: openai-compatible, url: {vendor}/v1, key: {secret}, circuit_breaker: [] }}
  - {{ id: azure, kind: azure-openai, url: {vendor}, key: {secret}, api_version: 2024-10-21, circuit_breaker: [] }}
  - {{ id: anthropic, kind: anthropic, url: {vendor}, key: {secret}, circuit_breaker: [] }}
  - {{ id: gemini, kind: gemini, url: {vendor}, key: {secret}, circuit_breaker: [] }}
pools:
  - {{ id: once, retry: {{ attempts: 1 }}, members: [{{ backend: openai }}] }}
  - {{ id: claude-once, retry: {{ attempts: 1 }}, members: [{{ backend: anthropic }}] }}
models:
  - {{ name: sim-echo, backend: sim }}
  - {{ name: sim-lorem, backend: sim }}
  - {{ name: sim-json, backend: sim }}
  - {{ name: sim-embed, backend: sim }}
  - {{ name: gpt, pool: once, upstream_model: gpt-upstream }}
  - {{ name: azure-gpt, backend: azure, upstream_model: deployment-1 }}
  - {{ name: claude, pool: claude-once, upstream_model: claude-upstream }}
  - {{ name: gemini-pro, backend: gemini, upstream_model: gemini-upstream }}
products:
  - {{ id: all }}
  - {{ id: narrow, models: [sim-echo] }}
  - {{ id: once, limits: {{ requests_per_day: 1 }} }}
subscriptions:
  - {{ id: team-a, product: all, key: {key} }}
  - {{ id: team-b, product: narrow, key: {other} }}
  - {{ id: team-c, product: once, key: {spent} }}
"""


KEPT = []


def free_port():
    """A port that nobody else can be given: it stays bound here, and the gateway alone is told to listen on it."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    KEPT.append(kept)
    return kept.getsockname()[1]


def binary():
    if named := os.environ.get("TOLLGATE_BIN"):
        return pathlib.Path(named)
    built = [ROOT / "target" / profile / "tollgate" for profile in ("release", "debug")]
    built = sorted((path for path in built if path.exists()), key=lambda path: path.stat().st_mtime)
    if not built:
        subprocess.run(["cargo", "build", "--bin", "tollgate"], cwd=ROOT, check=True)
        return ROOT / "target" / "debug" / "tollgate"
    return built[-1]


class Gateway:
    def __init__(self, folder, vendor, more=""):
        self.port, self.vendor, self.folder = free_port(), vendor, folder
        config = CONFIG.format(gateway=self.port, console=free_port(), data=folder, vendor=vendor.url, secret=BACKEND_KEY,
                               key=KEY, other=OTHER_KEY, spent=SPENT_KEY)
        (folder / "tollgate.yaml").write_text(config + more)
        self.output = (folder / "output.txt").open("wb")
        self.process = subprocess.Popen([binary(), "serve", "--config", folder / "tollgate.yaml"], cwd=folder,
                                        stdout=self.output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.wait_ready()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self):
        for _ in range(200):
            assert self.process.poll() is None, (self.folder / "output.txt").read_text()
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=1).close()
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise AssertionError("not ready after 10 s")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=45)
        self.output.close()
        return code


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    vendor = FakeVendor()
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), vendor)
    yield gateway
    assert gateway.stop() == 0, (gateway.folder / "output.txt").read_text()
    for path in gateway.folder.rglob("*"):
        if path.is_file() and path.name != "tollgate.yaml":
            content = path.read_bytes()
            for canary in (KEY, OTHER_KEY, SPENT_KEY, BACKEND_KEY, "prompt-canary"):
                assert canary.encode() not in content, f"{canary} in {path.name}"


@pytest.fixture
def gateway(running):
    running.vendor.reset()
    return running


@pytest.fixture
def vendor(gateway):
    return gateway.vendor


def eventually(holds, within=5.0):
    """Whether `holds()` becomes true; returns the seconds it took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within, f"not within {within} s"
        time.sleep(0.005)
    return time.monotonic() - start


def spend(gateway):
    """Uses up the one request a day of the subscription with SPENT_KEY; more do no harm."""
    body = json.dumps({"model": "sim-echo", "messages": [{"role": "user", "content": "hello"}]}).encode()
    request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", body,
                                     {"authorization": f"Bearer {SPENT_KEY}", "content-type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except urllib.error.HTTPError as refused:
        assert refused.code == 429, refused
