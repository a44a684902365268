"""Bad input is answered with what was seen, what was expected and the next step."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("stream", [False, True])
async def test_a_chat_is_answered(client, stream):
    """The echo engine says what it was told, streamed or not."""
    answer = await client.chat("hello there", stream=stream)

    assert 200 == answer.status
    if stream:
        assert "[DONE]" == answer.events[-1]
    else:
        assert "hello there" == answer.json["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{not json", 400, "invalid_json", None),
        (b"[1]", 400, "invalid_json", None),
        (b"", 400, "invalid_json", None),
        ({"messages": []}, 400, None, "model"),
        ({"model": 7, "messages": []}, 400, None, "model"),
        ({"model": "echo", "messages": "hi"}, 400, None, "messages"),
        ({"model": "echo", "messages": [{"role": "user", "content": "hi"}], "temperature": 9}, 400, None, "temperature"),
        ({"model": "echo", "messages": [{"role": "user", "content": "hi"}], "n": 9}, 400, None, "n"),
        ({"model": "no-such", "messages": [{"role": "user", "content": "hi"}]}, 404, "model_not_found", "model"),
        ({"model": "../../etc/passwd", "messages": [{"role": "user", "content": "hi"}]}, 404, "model_not_found", "model"),
        ({"model": "small", "messages": [{"role": "user", "content": "word " * 200}]}, 400, "context_length_exceeded", "messages"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_bad_requests_are_plain_4xx(client, body, status, code, param, stream):
    """Also for streams: never a 200 with an error inside."""
    if isinstance(body, dict) and stream:
        body = {**body, "stream": True}

    answer = await client.post("/v1/chat/completions", body)

    assert status == answer.status, answer.body
    assert "application/json" == answer.headers["content-type"]
    error = answer.json["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    assert "invalid_request_error" == error["type"]
    assert param == error["param"]
    assert code is None or code == error["code"]


IMPOSSIBLE = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(("}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/completions", {"model": "small", "prompt": "word " * 200}, "prompt"),
        ("/v1/responses", {"model": "small", "input": "word " * 200}, "input"),
        ("/v1/embeddings", {"model": "small-vectors", "input": "word " * 200}, "input"),
        (
            "/v1/responses",
            {"model": "echo", "input": "hi", "text": {"format": {"type": "json_schema", "name": "a", "schema": IMPOSSIBLE}}},
            "text.format",
        ),
    ],
)
async def test_what_an_engine_refuses_is_named_as_the_route_names_it(client, path, body, param):
    """Engines know one name for each parameter; every route of the dialect has its own."""
    answer = await client.post(path, body)

    assert (400, param) == (answer.status, answer.json["error"]["param"])


async def test_a_model_that_cannot_do_it_is_refused_before_anything_waits(client):
    """32637000-F2, F6: 400 model_capability_mismatch."""
    answer = await client.post("/v1/embeddings", {"model": "slow", "input": "hi"})

    assert (400, "model_capability_mismatch") == (answer.status, answer.json["error"]["code"])


async def test_a_body_above_the_limit_is_413(client):
    """The limit is [server] max_body_bytes."""
    answer = await client.chat("x" * 200_000)

    assert (413, "body_too_large") == (answer.status, answer.json["error"]["code"])


async def test_unknown_parameters_are_named_in_a_header(client):
    """They are accepted, and the client can see that they did nothing."""
    answer = await client.chat(frobnicate=True)

    assert 200 == answer.status
    assert "frobnicate" in answer.headers["x-llmlb-ignored-parameters"]


async def test_another_method_is_405_and_another_path_404(client):
    """Both with an error document."""
    quart = client.app.test_client()

    got = await quart.get("/v1/chat/completions")
    lost = await quart.post("/v1/nothing")

    assert (405, "method_not_allowed") == (got.status_code, (await got.get_json())["error"]["code"])
    assert (404, "route_not_found") == (lost.status_code, (await lost.get_json())["error"]["code"])


async def test_an_engine_that_raises_fails_its_call_only(client):
    """In the stream an error event and no [DONE]; the next call of another model is fine."""
    failed = await client.chat("one two three four five six", model="raising", stream=True)
    good = await client.chat()

    assert 200 == failed.status
    assert "[DONE]" not in failed.events
    assert "engine_failed" in failed.events[-1]
    assert 200 == good.status


async def test_an_engine_that_raises_makes_a_plain_answer_a_plain_error(client):
    """Nothing went out yet, so the status says it."""
    failed = await client.chat("one two three four five six", model="raising")

    assert (502, "engine_failed") == (failed.status, failed.json["error"]["code"])
