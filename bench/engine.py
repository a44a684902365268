"""Tokens per second of a local model: through the server, against the same llama.cpp called directly.

Usage: ``python bench/engine.py [--rounds 7] [--streams 1,4] [--tokens 128] [--threads N] [--json]``.

Both sides load the same GGUF file with the same threads, context and slots, each in a process of its own: ``llmlb serve`` with a
worker, asked over HTTP (``POST /v1/chat/completions``, streamed), and a process that calls ``xllamacpp`` (this file with
``--direct``), in turns. Requests are equal: the same message, greedy, the end tokens forbidden, so that every stream reaches
``max_tokens``. A round whose token counts differ is no measurement and fails the bench. Ratios are per round.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

GOAL, FLOOR = 0.97, 0.90
PARALLEL, CONTEXT = 4, 1024
MESSAGES = [{"role": "user", "content": "Tell me a long story about a lighthouse keeper and the sea."}]
END_TOKENS = {"0": -100, "2": -100}  # SmolLM2's <|endoftext|> and <|im_end|>
CALL_TIMEOUT_S = 300.0

Side = Callable[[int, int], dict[str, Any]]


def request_body(tokens: int, model: str = "bench") -> dict[str, Any]:
    """Return the body that both sides are asked with."""
    return {
        "model": model,
        "messages": MESSAGES,
        "temperature": 0,
        "max_tokens": tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "logit_bias": END_TOKENS,
    }


def together(count: int, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Make *count* calls at a time; return tokens read and written, the seconds all took, and the latest first token."""
    results: list[dict[str, Any]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    began_at = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CALL_TIMEOUT_S)
    seconds = time.perf_counter() - began_at
    if errors or len(results) != count:
        raise RuntimeError(f"{count - len(results)} of {count} calls failed: {errors[:1]}")
    return {
        "prompt_tokens": sum(result["prompt_tokens"] for result in results),
        "completion_tokens": sum(result["completion_tokens"] for result in results),
        "first_token_ms": max(result["first_at"] - began_at for result in results) * 1000,
        "seconds": seconds,
    }


def look_at(seen: dict[str, Any], event: bytes) -> None:
    """Note when the first text came, and the usage."""
    if "first_at" not in seen and b'"content":"' in event and b'"content":""' not in event:
        seen["first_at"] = time.perf_counter()
    if b'"usage":{' in event:
        seen.update(json.loads(event.removeprefix(b"data: "))["usage"])


# --- directly ---------------------------------------------------------------------------------------------------


def serve_direct(model: Path, threads: int) -> int:
    """Load *model* in this process and make the calls that lines on stdin ask for; one line of JSON answers each."""
    import xllamacpp
    from llmlb_engine_llamacpp.plan import CPU_BATCH_TOKENS

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_parallel, params.n_ctx, params.kv_unified = PARALLEL, PARALLEL * CONTEXT, False
    params.n_batch = params.n_ubatch = CPU_BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers, params.warmup, params.verbosity = 0, False, 1
    params.fit_params, params.cache_ram_mib, params.cache_idle_slots = False, 0, False
    params.port, params.api_keys = 0, [os.urandom(16).hex()]
    server = xllamacpp.Server(params)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        body = json.dumps(request_body(asked["tokens"])).encode()

        def call(body: bytes = body) -> dict[str, Any]:
            seen: dict[str, Any] = {}

            def on_event(event: bytes) -> bool:
                look_at(seen, event)
                return False

            server.handle_chat_completions(body, on_event)
            return seen

        print(json.dumps(together(asked["streams"], call)), flush=True)
    return 0


class Direct:
    """The process that calls llama.cpp."""

    def __init__(self, model: Path, threads: int) -> None:
        """Start it and wait until the model is loaded."""
        command = [sys.executable, __file__, "--direct", "--model", str(model), "--threads", str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._read() != "ready":
            raise RuntimeError("llama.cpp did not load the model")

    def __call__(self, streams: int, tokens: int) -> dict[str, Any]:
        """Measure one round."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"streams": streams, "tokens": tokens}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._read())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait(10)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


# --- through the server -----------------------------------------------------------------------------------------


class Served:
    """``llmlb serve`` on a scratch data directory."""

    def __init__(self, data_dir: Path, model: Path, threads: int) -> None:
        """Install the model, start the server and wait until it answers."""
        from llmlb_testing.server import LiveServer, run_llmlb

        added = run_llmlb(data_dir, "models", "add", f"file:{model}", "--name", "bench")
        if added.returncode != 0:
            raise RuntimeError(f"the model could not be added: {added.stdout}{added.stderr}")
        toml = f'[models."bench"]\ncontext_tokens = {CONTEXT}\nparallel_count = {PARALLEL}\n[workers]\nthreads = {threads}\n'
        self._server = LiveServer.start(data_dir, toml)
        self._address = self._server.url.removeprefix("http://")

    def __call__(self, streams: int, tokens: int) -> dict[str, Any]:
        """Measure one round."""
        body = json.dumps(request_body(tokens)).encode()
        return together(streams, lambda: self._call(body))

    def close(self) -> None:
        """Stop the server."""
        self._server.stop()

    def _call(self, body: bytes) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=CALL_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._server.key}", "Content-Type": "application/json"}
        seen: dict[str, Any] = {}
        try:
            connection.request("POST", "/v1/chat/completions", body, headers)
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(f"status {answer.status}: {answer.read()[:500]!r}")
            for line in answer:
                look_at(seen, line)
        finally:
            connection.close()
        return seen


# --- measuring --------------------------------------------------------------------------------------------------


def measure(sides: dict[str, Side], streams: int, tokens: int, rounds: int) -> dict[str, Any]:
    """Run *rounds* rounds of both sides in turns, the order changing from round to round, after one that is not counted."""
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    first_ms: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        order = list(sides) if number % 2 else list(reversed(sides))
        results = {name: sides[name](streams, tokens) for name in order}
        counts = {name: (result["prompt_tokens"], result["completion_tokens"]) for name, result in results.items()}
        if len(set(counts.values())) != 1 or results["server"]["completion_tokens"] != streams * tokens:
            raise RuntimeError(f"the sides did different work, so there is no measurement: (prompt, completion) tokens {counts}")
        if number == 0:
            continue
        for name, result in results.items():
            speeds[name].append(result["completion_tokens"] / result["seconds"])
            first_ms[name].append(result["first_token_ms"])
        said = ", ".join(f"{name} {values[-1]:.1f} tok/s" for name, values in speeds.items())
        print(f"{streams} streams, round {number} of {rounds}: {said}", file=sys.stderr, flush=True)
    ratios = [served / direct for served, direct in zip(speeds["server"], speeds["direct"], strict=True)]
    return {
        "streams": streams,
        "tokens_per_s": {name: statistics.median(values) for name, values in speeds.items()},
        "first_token_ms": {name: statistics.median(values) for name, values in first_ms.items()},
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "rounds": speeds,
    }


def run(model: Path, threads: int, streams: list[int], tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Start both sides and measure every number of *streams*."""
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        direct = Direct(model, threads)
        stack.callback(direct.close)
        served = Served(data_dir, model, threads)
        stack.callback(served.close)
        return [measure({"direct": direct, "server": served}, count, tokens, rounds) for count in streams]


def main() -> int:
    """Measure, print, and return 1 where a ratio is below the floor."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=7, help="counted rounds, at least 5")
    options.add_argument("--streams", default="1,4", help="numbers of streams at a time")
    options.add_argument("--tokens", type=int, default=128, help="tokens of each stream")
    options.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="CPU threads of llama.cpp")
    options.add_argument("--model", type=Path, help="a GGUF file; absent: SmolLM2, fetched once")
    options.add_argument("--json", action="store_true")
    options.add_argument("--direct", action="store_true", help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.rounds < 5:
        options.error("--rounds is below 5: fewer are no measurement")
    if arguments.model is None:
        from llmlb_testing.starter import starter_model_path

        arguments.model = starter_model_path()
    if arguments.direct:
        return serve_direct(arguments.model, arguments.threads)
    streams = [int(count) for count in arguments.streams.split(",")]
    results = run(arguments.model, arguments.threads, streams, arguments.tokens, arguments.rounds)
    if arguments.json:
        report = {
            "model": arguments.model.name,
            "threads": arguments.threads,
            "tokens": arguments.tokens,
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}",
            "measured_on": time.strftime("%Y-%m-%d"),
            "goal": GOAL,
            "floor": FLOOR,
            "results": results,
        }
        print(json.dumps(report, indent=2))
    for result in results:
        speed, first = result["tokens_per_s"], result["first_token_ms"]
        print(
            f"{result['streams']} streams: direct {speed['direct']:.1f} tok/s, through the server {speed['server']:.1f} tok/s, "
            f"ratio {result['ratio']:.3f} (goal {GOAL}, floor {FLOOR}); "
            f"first token {first['direct']:.0f} ms and {first['server']:.0f} ms",
            file=sys.stderr if arguments.json else sys.stdout,
        )
    return 0 if all(result["ratio"] >= FLOOR for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
