#!/usr/bin/env python3
"""What the model cache costs through the front door, and what its timing tells another team.

    scripts/cache/front_door.py target/release/tollgate [--entries 10000]

Starts the binary with simulated models and two subscriptions, fills one team's cache, and prints two Markdown tables: CPU time
of the whole process (user and system, from /proc) per request, and latencies of another team's probes for prompts that the first
team has cached, beside prompts that nobody has. The two must not be told apart: the last line gives the largest distance of
their distributions (Kolmogorov-Smirnov) and the distance that chance alone exceeds once in a hundred times. Linux only; no
packages. Loopback only; everything is written to a temporary folder.
"""

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import tempfile
import time

CONFIG = """version: 1
server:
  gateway: {{ listen: 127.0.0.1:{gateway} }}
  console: {{ listen: 127.0.0.1:{console} }}
  data_dir: {folder}/data
  access_log: {{ path: {folder}/access.log }}
backends: [{{ id: sim, kind: sim }}]
models:
  - {{ name: m, backend: sim, upstream_model: sim-echo }}
  - {{ name: bare, backend: sim, upstream_model: sim-echo, cache: {{ enabled: false }} }}
subscriptions:
  - {{ id: team-a, scope: all, key: key-of-team-a-0123456789abcdef }}
  - {{ id: team-b, scope: all, key: key-of-team-b-0123456789abcdef }}
cache: {{ max_size: 512MiB, semantic: {{ mode: strict }} }}
"""
TICKS = os.sysconf("SC_CLK_TCK")
VERBS = "reset cancel renew change export print delete share sign archive".split()
THINGS = "password order licence address invoice ticket contract report calendar photo".split()
PLACES = "phone portal counter office app kitchen garden station library museum".split()


def prompt(number):
    """One of many questions that no word of another answers."""
    verb, thing = VERBS[number % 10], THINGS[number // 10 % 10]
    return f"How do I {verb} a {thing} in the {PLACES[number // 100 % 10]} number {number // 1000}?"


class Caller:
    """One connection with one key."""

    def __init__(self, port, team):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = {"authorization": f"Bearer key-of-{team}-0123456789abcdef", "content-type": "application/json"}

    def ask(self, text, model="m"):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]})
        begin = time.perf_counter_ns()
        self.connection.request("POST", "/v1/chat/completions", body, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        taken = time.perf_counter_ns() - begin
        assert answer.status == 200, answer.status
        return answer.getheader("x-tollgate-cache", "none").split(";")[0], taken / 1000


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def ready(port, process):
    for _ in range(400):
        assert process.poll() is None, "the gateway ended"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("the gateway does not become ready")


def costs(pid, caller, texts, wanted, model="m"):
    """CPU microseconds per request; every answer must be as wanted."""
    before = cpu(pid)
    for text in texts:
        found = caller.ask(text, model)[0]
        assert found == wanted, (found, wanted, text)
    return (cpu(pid) - before) / len(texts) * 1e6


def distance(one, other):
    """Kolmogorov-Smirnov: the largest difference of the two cumulative distributions."""
    one, other = sorted(one), sorted(other)
    at, most = [0, 0], 0.0
    while at[0] < len(one) and at[1] < len(other):
        least = min(one[at[0]], other[at[1]])
        while at[0] < len(one) and one[at[0]] <= least:
            at[0] += 1
        while at[1] < len(other) and other[at[1]] <= least:
            at[1] += 1
        most = max(most, abs(at[0] / len(one) - at[1] / len(other)))
    return most


def quantiles(values):
    values = sorted(values)
    return " | ".join(f"{values[int(len(values) * share)]:.0f}" for share in (0.1, 0.5, 0.9, 0.99))


def measure(pid, port, entries):
    first, second = Caller(port, "team-a"), Caller(port, "team-b")
    print("| what | CPU, us a request |\n| --- | --- |", flush=True)
    print(f"| model, no cache | {costs(pid, first, [prompt(n) for n in range(3000)], 'none', 'bare'):.0f} |", flush=True)
    fill = costs(pid, first, [prompt(number) for number in range(entries)], "miss")
    print(f"| model, a miss that is kept, on the way to {entries} entries | {fill:.0f} |", flush=True)
    hits = [prompt(random.randrange(entries)) for _ in range(5000)]
    print(f"| the same request (tier 0) | {costs(pid, first, hits, 'hit'):.0f} |")
    words = ["  " + text.upper() for text in hits[:3000]]
    print(f"| the same words (tier 1) | {costs(pid, first, words, 'hit'):.0f} |")
    meant = [text.replace("How do I", "What is the best way to") for text in hits[:2000]]
    print(f"| the same meaning (tier 2) among {entries} | {costs(pid, first, meant, 'semantic'):.0f} |")
    print("\n| another team's probes | p10 | p50 | p90 | p99, us |\n| --- | --- | --- | --- | --- |")
    known, unknown = [], []
    order = [(number, is_known) for number in range(2000) for is_known in (True, False)]
    random.shuffle(order)
    for number, is_known in order:
        # Both are as long, and neither was asked by this team before.
        text = prompt(number) if is_known else prompt(number).replace("number", "shelve")
        found, taken = second.ask(text)
        assert found == "miss", (found, text)
        (known if is_known else unknown).append(taken)
    print(f"| cached by the first team | {quantiles(known)} |\n| cached by nobody | {quantiles(unknown)} |")
    chance = 1.63 * ((len(known) + len(unknown)) / (len(known) * len(unknown))) ** 0.5
    print(f"\nlargest distance {distance(known, unknown):.3f}; by chance more than {chance:.3f} once in a hundred times")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary")
    arguments.add_argument("--entries", type=int, default=10_000)
    arguments.add_argument("--port", type=int, default=24000, help="and the next one for the console")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tollgate.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(gateway=given.port, console=given.port + 1, folder=folder))
        log = open(os.path.join(folder, "log"), "wb")
        process = subprocess.Popen([given.binary, "serve", "--config", path], stdout=log, stderr=log)
        try:
            ready(given.port, process)
            measure(process.pid, given.port, given.entries)
        finally:
            process.terminate()
            process.wait(30)
            log.close()


if __name__ == "__main__":
    main()
