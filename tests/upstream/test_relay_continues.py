"""Rule 7, *continue*: a server that declares it goes on with the text of a stream that broke, where no replay says the same."""

from __future__ import annotations

import asyncio
import json

import pytest
from llmlb_testing.upstream import END_MARK, chunk, delta, finish, plain, sse_head

from llmlb_core import Report, Usage

from .conftest import CHAT, chat, measured, records_of

WORDS = ["The", " cat", " sat", " on", " the", " mat."]
OTHERS = ["A", " dog", " ran."]
OUT = WORDS[:3]
TEXT = "".join(WORDS)
ROLE = (
    b'data: {"id":"second","created":2,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
)
ASKED = {"role": "user", "content": "hi"}
COMPLETIONS = "/v1/completions"
STREAM = chat(stream=True)


def text(word, finish_reason=None, **members):
    """Return a chunk of a completion."""
    choice = {"index": 0, "text": word, "finish_reason": finish_reason}
    return b"data: " + json.dumps({**members, "choices": [choice]}).encode() + b"\n\n"


def events_of(body):
    """Return the chunks of a stream."""
    return [json.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]


def text_of(body):
    """Return all text of a stream of either route."""
    choices = [choice for each in events_of(body) for choice in each.get("choices", ())]
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)


class Server:
    """Answers something else, unless it breaks, and goes on with what it is told to go on with.

    Attributes:
        at: Words after which it breaks, once, of an answer from its beginning; ``again``: of one that it goes on with.
        may_break: Set when the client has them.
        asked: Calls to answer from the beginning; ``continued``: those to go on.
    """

    def __init__(self, at=0, *, again=0, other=OTHERS, reason="stop", usage=None) -> None:
        self.at, self.again, self.other, self.reason, self.usage = at, again, other, reason, usage
        self.may_break = asyncio.Event()
        self.asked, self.continued = [], []

    async def __call__(self, visit):
        body, is_chat = visit.json, visit.path == CHAT
        have = (body["messages"][-1]["content"] if is_chat else body["prompt"]).removeprefix("hi")
        (self.continued if have else self.asked).append(body)
        at = self.again if have else self.at
        words = WORDS if have or at else self.other
        left = [word for number, word in enumerate(words) if len("".join(words[:number])) >= len(have)]
        assert not have or TEXT == have + "".join(left)
        chunk_of, name = (delta if is_chat else text), "second" if have else "first"
        if at:
            self.at, self.again = (self.at, 0) if have else (0, self.again)
            out = left[: at - len(words) + len(left)]
            visit.send(sse_head(), *(chunk(chunk_of(word, id=name, created=1)) for word in out))
            async with asyncio.timeout(10):
                await self.may_break.wait()
            visit.reset()
            return
        visit.send(sse_head(), chunk(ROLE if is_chat else text("", id=name)))
        for word in left:
            visit.send(chunk(chunk_of(word, id=name, created=2)))
        visit.send(chunk(finish(self.reason, id=name) if is_chat else text("", self.reason, id=name)))
        if self.usage:
            visit.send(chunk(b'data: {"id":"second","choices":[],"usage":%s}\n\n' % json.dumps(self.usage).encode()))
        visit.send(chunk(END_MARK), chunk(b""))


@pytest.fixture
def opened(relay):
    """Opens endpoints of the kind ``vllm``, whose version is known."""

    async def start(*servers, version="0.11.0", kind="vllm", settings="", **options):
        extra = f'kind = "{kind}"\ntimeouts = {{ idle_s = 0.5 }}'
        tail = f"[dispatch]\nback_off_s = 0.001\n{settings}"
        front, *_ = await relay(*servers, extra=extra, tail=tail, plugin="endpoint_servers", **options)
        for each in front.servers:
            each.report = Report(version=version)
        return front

    return start


async def broken(front, *breaks, body=STREAM, path=CHAT, headers=None):
    """Call; let each server break as soon as the client has so many words; return the answer."""
    call = await front.open(body, path, headers)
    for server, count in breaks:
        await call.until(lambda count=count: text_of(call.body) == "".join(WORDS[:count]))
        server.may_break.set()
    return await call.ended()


async def test_rule_7_a_broken_stream_is_continued(opened):
    """Where another answer differs: the whole text comes, with one id; the server is given exactly what was out."""
    first, second = Server(3), Server()
    front = await opened(first, second)

    call = await broken(front, (first, 3))

    assert (TEXT, 1, 0) == (text_of(call.body), call.body.count(b"[DONE]"), call.body.count(b'"error"'))
    assert {"first"} == {each["id"] for each in events_of(call.body)}
    assert {1} == {each["created"] for each in events_of(call.body)}
    assert {
        "model": "m",
        "stream": True,
        "messages": [ASKED, {"role": "assistant", "content": "The cat sat"}],
        "continue_final_message": True,
        "add_generation_prompt": False,
    } == second.continued[0]


async def test_rule_7_what_was_delivered_stays_as_it_is(opened):
    """Byte for byte; the rest is only added, and no role comes twice: official clients would join the two."""
    first, second = Server(3), Server()
    front = await opened(first, second)

    call = await broken(front, (first, 3))

    delivered = b"".join(delta(word, id="first", created=1) for word in OUT)
    assert delivered == call.body[: len(delivered)]
    rest = events_of(call.body[len(delivered) :])
    assert [*WORDS[3:], None] == [each["choices"][0]["delta"].get("content") for each in rest]
    assert not any("role" in each["choices"][0]["delta"] for each in rest)


async def test_rule_7_a_completion_is_continued_from_its_prompt(opened):
    """Of ``/v1/completions`` the text is part of the prompt; what is left of the tokens is surely not too much."""
    first, second = Server(3), Server()
    front = await opened(first, second)
    body = json.dumps({"model": "m", "prompt": "hi", "stream": True, "max_tokens": 100}).encode()

    call = await broken(front, (first, 3), body=body, path=COMPLETIONS)

    assert (TEXT, 1) == (text_of(call.body), call.body.count(b"[DONE]"))
    assert {"model": "m", "prompt": "hiThe cat sat", "stream": True, "max_tokens": 100 - len("The cat sat")} == second.continued[0]


async def test_rule_7_a_continued_stream_may_break_again(opened):
    """Whoever goes on then is given all that is out by then."""
    first, second = Server(3), Server(again=5)
    front = await opened(first, second)

    call = await broken(front, (first, 3), (second, 5))

    assert (TEXT, 1) == (text_of(call.body), call.body.count(b"[DONE]"))
    given = [body["messages"][-1]["content"] for body in (*first.continued, *second.continued)]
    assert {"The cat sat", "The cat sat on the"} == set(given)
    assert len(first.asked) + len(first.continued) <= 3


async def test_rule_7_the_only_server_may_continue(opened):
    """After a pause: it is asked anew first, says something else, and then goes on."""
    only = Server(3)
    front = await opened(only)

    call = await broken(front, (only, 3))

    assert (TEXT, 2, 1) == (text_of(call.body), len(only.asked), len(only.continued))


async def test_rule_7_a_replay_that_is_the_same_comes_first(opened):
    """Nobody is asked to go on where the same answer can be had."""
    first, second = Server(3), Server(other=WORDS)
    front = await opened(first, second)

    call = await broken(front, (first, 3))

    assert (TEXT, []) == (text_of(call.body), second.continued)


async def test_rule_7_a_stream_is_continued_rather_than_begun_anew(opened):
    """Also where the client allows the other."""
    first, second = Server(3), Server()
    front = await opened(first, second)

    call = await broken(front, (first, 3), headers={"x-llmlb-restart": "on"})

    assert (TEXT, 0) == (text_of(call.body), call.body.count(b"restart"))


async def test_rule_10_usage_of_a_continued_stream_is_of_all_of_it(opened):
    """A piece that was delivered is a token: out of the second call's prompt, into the answer. The sum is the server's own."""
    first, second = Server(3), Server(usage={"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23})
    front = await opened(first, second)

    call = await broken(front, (first, 3), body=chat(stream=True, stream_options={"include_usage": True}))

    assert TEXT == text_of(call.body)
    assert {"prompt_tokens": 17, "completion_tokens": 6, "total_tokens": 23} == events_of(call.body)[-1]["usage"]


async def test_rule_10_attempts_and_metrics_show_what_continued(opened):
    """In order: what broke, the replay that differed, and what went on. Usage that nobody told is counted over all of it."""
    first, second = Server(3), Server()
    front = await opened(first, second)
    records = records_of(front)

    await broken(front, (first, 3))
    await front.idle()

    shown = [(each.endpoint, each.outcome, each.rule) for each in records[0].all_attempts()]
    assert [("e0", "failed", ""), ("e1", "failed", "replay"), ("e1", "completed", "continue")] == shown
    assert Usage(0, len(WORDS), is_counted=True) == records[0].usage
    assert {("replay", "failed"): 1, ("continue", "completed"): 1} == measured(front, "recoveries")
    assert {("finished_by_continue",): 1} == measured(front, "streams")
    assert {(): 0} == measured(front, "kept_text_bytes")


async def test_rule_7_an_end_for_length_under_a_lowered_limit_is_no_end(opened):
    """The client asked for more: it gets what came, and an error instead of a false finish reason."""
    first, has_it, given = Server(3), asyncio.Event(), []

    async def second(visit):
        if visit.json.get("continue_final_message"):
            given.append(visit.json["max_tokens"])
            visit.send(sse_head(), chunk(delta(WORDS[3])))
            async with asyncio.timeout(10):
                await has_it.wait()
            visit.send(chunk(finish("length")), chunk(END_MARK), chunk(b""))
        else:
            visit.send(sse_head(), chunk(delta("A dog")), chunk(finish()), chunk(END_MARK), chunk(b""))

    front = await opened(first, second)

    call = await front.open(chat(stream=True, max_tokens=1000))
    await call.holds(delta(OUT[-1], id="first", created=1))
    first.may_break.set()
    await call.until(lambda: text_of(call.body) == "".join(WORDS[:4]))
    has_it.set()
    await call.ended()

    assert [1000 - len("The cat sat")] == given
    assert (1, 0, 0) == (call.body.count(b"continue_unfinished"), call.body.count(b"[DONE]"), call.body.count(b'"length"'))


async def test_rule_7_what_one_server_added_before_it_broke_is_not_given_to_the_next(opened):
    """Nothing of it was delivered: the next one goes on with what was."""
    first, third = Server(3), Server()

    async def second(visit):
        if visit.json.get("continue_final_message"):
            visit.send(sse_head(), chunk(delta(" wrong") + b'data: {"error":{"message":"out of memory","code":500}}\n\n'))
        else:
            visit.send(sse_head(), chunk(delta("A dog")), chunk(finish()), chunk(END_MARK), chunk(b""))

    front = await opened(first, second, third)

    call = await broken(front, (first, 3))

    assert (TEXT, 1) == (text_of(call.body), call.body.count(b"[DONE]"))
    assert {"The cat sat"} == {body["messages"][-1]["content"] for body in (*first.continued, *third.continued)}


async def test_rule_7_an_end_for_length_without_a_limit_is_one(opened):
    """The window is full, whoever wrote what is in it."""
    first, second = Server(3), Server(reason="length")
    front = await opened(first, second)

    call = await broken(front, (first, 3))

    assert (TEXT, 1, 1) == (text_of(call.body), call.body.count(b"[DONE]"), call.body.count(b'"length"'))


async def test_rule_7_only_the_same_model_continues(opened):
    """Two models in one answer would be told as one."""
    first, second = Server(3), Server()
    tail = 'continue_streams = true\n[models.m]\nfallback = ["n"]'
    front = await opened(first, second, models=['["m"]', '["n"]'], settings=tail)

    call = await broken(front, (first, 3))

    assert (TEXT, []) == (text_of(call.body), second.continued)
    assert 1 == len(first.continued)


async def test_rule_7_a_server_that_refuses_to_go_on_is_an_error_as_before(opened):
    """Such as llama.cpp's where a model thinks: the client reads why its stream broke."""
    first = Server(3)

    async def refusing(visit):
        if visit.json.get("continue_final_message"):
            visit.send(plain({"error": {"message": "prefill is incompatible", "type": "invalid_request_error"}}, 400))
        else:
            visit.send(sse_head(), chunk(delta("A dog")), chunk(finish()), chunk(END_MARK), chunk(b""))

    front = await opened(first, refusing, settings="max_attempts = 3")

    call = await broken(front, (first, 3))

    assert ("".join(OUT), 1) == (text_of(call.body), call.body.count(b'"error"'))
    assert b"incompatible" not in call.body
