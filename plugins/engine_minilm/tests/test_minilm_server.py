"""The model behind a real server, asked by the official client and by plain HTTP."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import openai
import pytest
from llmlb_testing.server import LiveServer, run_llmlb

from llmlb_core import Cancel

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def server(minilm: Path, tmp_path_factory):
    """A server with the model as ``models add`` installs it from this machine."""
    data_dir = tmp_path_factory.mktemp("minilm") / "data"
    added = run_llmlb(data_dir, "models", "add", f"file:{minilm}", "--alias", "minilm")
    assert 0 == added.returncode, added.stderr
    started = LiveServer.start(data_dir)
    yield started
    started.stop()


@pytest.fixture
def client(server):
    """The official client."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=60) as made:
        yield made


def post(server, path, body):
    """Status and answer of one call."""
    headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    request = urllib.request.Request(f"{server.url}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_vectors_through_the_server_are_the_engines_own(client, engine):
    """Bit for bit: as numbers, as base64, one by one or together."""
    texts = ["The cat sat on the mat.", "Stock prices fell.", "Grüße, 世界"]
    own = np.frombuffer(engine.embed(texts, None, Cancel()).data, "<f4").reshape(3, -1)

    numbers = client.embeddings.create(model="minilm", input=texts, encoding_format="float")
    packed = client.embeddings.with_raw_response.create(model="minilm", input=texts, encoding_format="base64").http_response.json()

    assert [row.tolist() for row in own] == [each.embedding for each in numbers.data]
    assert [row.tobytes() for row in own] == [base64.b64decode(each["embedding"]) for each in packed["data"]]
    assert numbers.usage.prompt_tokens == engine.embed(texts, None, Cancel()).usage.prompt_tokens


def test_2048_inputs_are_one_call(client, server):
    """As many as OpenAI takes; the worker does not grow by them."""
    worker = server.children()
    before = _resident_bytes(worker)

    answer = client.embeddings.create(model="minilm", input=[f"item {number}" for number in range(2048)])

    assert list(range(2048)) == [each.index for each in answer.data]
    assert before is None or _resident_bytes(worker) - before < 60_000_000


def test_documents_are_ranked(server):
    """The shape that Jina's and Cohere's clients read."""
    body = {
        "model": "minilm",
        "query": "Which fruit is red?",
        "documents": ["The train is late.", {"text": "An apple is a red fruit."}],
        "top_n": 1,
        "return_documents": True,
    }
    status, answer = post(server, "/v1/rerank", body)

    (best,) = answer["results"]
    assert (200, 1, {"text": "An apple is a red fruit."}) == (status, best["index"], best["document"])
    assert 0.5 < best["relevance_score"] <= 1
    assert ("all-minilm-l6-v2", answer["usage"]["total_tokens"]) == (answer["model"], answer["usage"]["prompt_tokens"])


@pytest.mark.parametrize(
    ("path", "body", "code", "param"),
    [
        ("embeddings", {"input": "a", "dimensions": 128}, "unsupported_parameter", "dimensions"),
        ("embeddings", {"input": "cat " * 600}, "context_length_exceeded", "input"),
        ("embeddings", {"input": [[1, 2, 99_999]]}, None, "input"),
        ("embeddings", {"input": ""}, None, "input"),
        ("embeddings", {"input": []}, "empty_array", "input"),
        ("embeddings", {"input": ["a"] * 2049}, "array_above_max_length", "input"),
        ("embeddings", {"input": "a", "encoding_format": "hex"}, "invalid_value", "encoding_format"),
        ("rerank", {"query": "q", "documents": ["fits", "cat " * 600]}, "context_length_exceeded", "documents"),
        ("rerank", {"query": "q", "documents": []}, "empty_array", "documents"),
        ("chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, "model_capability_mismatch", "model"),
    ],
)
def test_bad_input_is_told_and_the_worker_survives(server, path, body, code, param):
    """400 with the member's name; the next call is answered."""
    status, answer = post(server, f"/v1/{path}", {"model": "minilm", **body})

    assert (400, param) == (status, answer["error"]["param"]), answer
    assert code in {None, answer["error"]["code"]}, answer
    assert 200 == post(server, "/v1/embeddings", {"model": "minilm", "input": "a"})[0]


def test_the_list_says_what_is_loaded(server, minilm):
    """What it does, which engine runs it, and how much memory it takes."""
    post(server, "/v1/embeddings", {"model": "minilm", "input": "a"})

    env = {"LLMLB_URL": server.url, "LLMLB_API_KEY": server.key}
    (row,) = json.loads(run_llmlb(server.data_dir, "models", "list", "--json", env=env).stdout)

    assert ("all-minilm-l6-v2", "minilm", ["embedding", "rerank"]) == (row["id"], row["engine"], row["capabilities"])
    assert (True, f"file:{minilm}") == (row["is_loaded"], row["reference"])
    assert 50_000_000 < row["memory_bytes"] < 600_000_000


def _resident_bytes(pids):
    """Memory of processes, or None where the system does not tell."""
    try:
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    except OSError:
        return None
    return sum(int(line.split()[1]) * 1024 for text in texts for line in text.splitlines() if line.startswith("VmRSS"))
