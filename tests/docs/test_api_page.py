"""``docs/reference/api.md``: its commands are run, its claims are asked of a server."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

import pytest

EXAMPLES = {
    "chat": lambda answer: answer["choices"][0]["message"]["content"] == "Hello there",
    "completion": lambda answer: answer["choices"][0]["text"].strip() == "Hello there",
    "response": lambda answer: answer["output"][0]["content"][0]["text"] == "Hello there",
    "embedding": lambda answer: len(answer["data"][0]["embedding"]) == 8,
    "models": lambda answer: answer["data"][0]["id"] == "echo",
    "error": lambda answer: answer["error"]["param"] == "temperature",
    "status": lambda answer: {"version", "uptime_s", "calls_running_count", "queue", "instances", "cloud_providers"} == set(answer),
    "key": lambda answer: answer["key"].startswith("sk_") and answer["models"] == ["echo"],
}


@pytest.fixture
def page(root):
    return (root / "docs" / "reference" / "api.md").read_text(encoding="utf-8")


def request(server, method, path, body=None, headers=None):
    """Return status, headers and body of one request."""
    data = None if body is None else json.dumps(body).encode()
    given = {"authorization": f"Bearer {server.key}", "content-type": "application/json"} if headers is None else headers
    asked = urllib.request.Request(server.url + path, data=data, method=method, headers=given)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_every_example_is_known_here(page):
    """A command without a test is a promise nobody checks."""
    assert list(EXAMPLES) == re.findall(r"^<!-- example: (\w+) -->$", page, re.MULTILINE)
    assert len(EXAMPLES) == page.count("```bash\n")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_answers_what_the_page_says(page, shell, echo_server, name):
    """Run as printed, with the server's address and key in the two variables."""
    command = re.search(rf"<!-- example: {name} -->\n```bash\n(.*?)```", page, re.DOTALL)[1]

    answer = json.loads(shell(command, {"LLMLB_URL": echo_server.url, "LLMLB_API_KEY": echo_server.key}))

    assert EXAMPLES[name](answer), answer
    shown = re.search(rf"<!-- answer: {name} -->\n```json\n(.*?)```", page, re.DOTALL)
    assert shown is None or json.loads(shown[1]) == answer


CHAT = {"model": "echo", "messages": [{"role": "user", "content": "Hi"}]}
REFUSED = {
    "hosted tools": ("/v1/responses", {"model": "echo", "input": "Hi", "tools": [{"type": "web_search"}]}),
    "audio": ("/v1/chat/completions", {**CHAT, "modalities": ["text", "audio"]}),
    "item references": ("/v1/responses", {"model": "echo", "input": [{"type": "item_reference", "id": "msg_1"}]}),
    "best_of above n": ("/v1/completions", {"model": "echo", "prompt": "Hi", "best_of": 2}),
    "echo with logprobs": ("/v1/completions", {"model": "echo", "prompt": "Hi", "echo": True, "logprobs": 1}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_page_calls_refused_is_refused(echo_server, what):
    """400 with a code, not an answer that leaves it out."""
    path, body = REFUSED[what]

    status, _, answer = request(echo_server, "POST", path, body)

    assert (400, "unsupported_parameter") == (status, json.loads(answer)["error"]["code"])


def test_headers_of_an_answer_are_those_of_the_page(echo_server, page):
    """Also for parameters that nothing reads, by their names in order."""
    _, headers, _ = request(echo_server, "POST", "/v1/chat/completions", {**CHAT, "store": True, "colour": "red"})

    assert "echo" == headers["x-llmlb-endpoint"]
    assert "1" == headers["x-llmlb-attempts"]
    assert "store, colour" == headers["x-llmlb-ignored-parameters"]
    own = {name.lower() for name in headers if name.lower().startswith("x-")}
    assert own <= set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))


def test_headers_of_errors_are_those_of_the_page(echo_server):
    """401 says how to come in, 405 what is taken."""
    status, headers, _ = request(echo_server, "POST", "/v1/chat/completions", CHAT, headers={})
    assert (401, 'Bearer realm="llmlb"') == (status, headers["www-authenticate"])

    status, headers, _ = request(echo_server, "GET", "/v1/chat/completions")
    assert (405, "POST") == (status, headers["allow"])


@pytest.mark.parametrize("path", ["/v0/status", "/v0/queue/stats", "/v0/plugins", "/v0/plugins/engine_echo", "/v0/api-keys"])
def test_administration_is_also_under_api(echo_server, path):
    """The same members under ``/v0`` and ``/api``, and nothing without a key."""
    status, _, answer = request(echo_server, "GET", path)
    old_status, _, old_answer = request(echo_server, "GET", path.replace("/v0", "/api"))
    closed, _, _ = request(echo_server, "GET", path, headers={})

    assert (200, 200, 401) == (status, old_status, closed)
    assert set(json.loads(answer)) == set(json.loads(old_answer))


def test_health_is_public(echo_server):
    """A probe has no key."""
    status, _, answer = request(echo_server, "GET", "/health", headers={})

    assert (200, {"status": "ok"}) == (status, json.loads(answer))


def test_members_of_a_model_and_of_an_instance_are_those_of_the_page(echo_server, page):
    """Every member is explained, and every explained member is there."""
    request(echo_server, "POST", "/v1/chat/completions", CHAT)
    model = json.loads(request(echo_server, "GET", "/v1/models/echo")[2])
    instance = json.loads(request(echo_server, "GET", "/v0/status")[2])["instances"][0]

    assert set(model) - {"id", "object", "created", "owned_by"} == explained(page, "A model in the list has")
    assert set(instance) == explained(page, "An instance in `/v0/status`")


def test_members_of_a_key_are_those_that_the_page_names(echo_server, page):
    """Each is taken, and anything else is refused by name."""
    body = {"name": "all", "scopes": ["api"], "expires_in_days": 1, "models": ["echo"]}
    body |= {"requests_per_minute": 60, "tokens_per_minute": 20_000}

    status, _, _ = request(echo_server, "POST", "/v0/api-keys", body)
    _, _, refused = request(echo_server, "POST", "/v0/api-keys", {"name": "one", "colour": "red"})

    assert 201 == status
    assert {*body, "expires_at"} == explained(page, '-d \'{"name": "ci"')
    assert "colour" == json.loads(refused)["error"]["param"]


def explained(page, start):
    """Return the names in the first column of the table after *start*."""
    table = re.search(r"(?:^\|.*\n)+", page[page.index(start) :], re.MULTILINE)[0]
    return {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_names_of_models_are_not_case_sensitive(echo_server):
    """The answer has the id."""
    status, _, answer = request(echo_server, "POST", "/v1/chat/completions", {**CHAT, "model": "ECHO"})

    assert (200, "echo") == (status, json.loads(answer)["model"])
