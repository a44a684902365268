from __future__ import annotations

import json

import pytest
from attrs import evolve

from llmlb_core import (
    CountRequest,
    LocalModel,
    ModelFacts,
    ResponseFormat,
    Sampling,
    TextDelta,
    TokenLogprob,
    Tool,
    ToolChoice,
)
from llmlb_core.errors import EngineFailed, InvalidRequest

WEATHER = Tool("get_weather", "Weather.", '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}')
TOOLS = (WEATHER, Tool("get_time"))
CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}'


def characters(text: str):
    return lambda _request: text


async def test_free_choice_finds_calls_in_text(ask, engine_class, chat):
    """Two calls in tags become two calls with their own index, and the reason says so."""
    raw = f'Look:\n<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{{"name": "get_time", "arguments": {{}}}}\n</tool_call>'

    answers = await ask(engine_class(characters(raw)), chat(tools=TOOLS))

    assert {0: [(0, "get_weather", '{"city": "Paris"}'), (1, "get_time", "{}")]} == answers.calls
    assert ({0: "Look:"}, {0: "tool_calls"}) == (answers.texts, answers.finishes)


async def test_tools_are_described_and_nothing_is_enforced_by_free_choice(ask, engine_class, chat):
    """A model without tools in its template reads of them in the system message."""
    engine = engine_class(characters("No."))

    answers = await ask(engine, chat(tools=TOOLS))

    assert '"get_weather"' in engine.requests[0].prompt
    assert engine.requests[0].json_schema is None
    assert ({0: "No."}, {0: "stop"}) == (answers.texts, answers.finishes)


async def test_choice_none_offers_no_tools(ask, engine_class, chat):
    """The model does not hear of them, and what looks like a call is text."""
    engine = engine_class(characters(CALL))

    answers = await ask(engine, chat(tools=TOOLS, tool_choice=ToolChoice("none")))

    assert "get_weather" not in engine.requests[0].prompt
    assert ({0: CALL}, {0: "stop"}) == (answers.texts, answers.finishes)


async def test_required_call_is_enforced_and_streamed(ask, engine_class, chat):
    """The engine gets a schema, the client the arguments piece by piece, and the end of the JSON ends the answer."""
    engine = engine_class(lambda _request: [*CALL, *" " * 1000])

    answers = await ask(engine, chat(tools=TOOLS, tool_choice=ToolChoice("required"), stop=("Paris",)))

    names = [variant["properties"]["name"]["const"] for variant in json.loads(engine.requests[0].json_schema)["anyOf"]]
    assert ["get_weather", "get_time"] == names
    assert {0: [(0, "get_weather", '{"city": "Paris"}')]} == answers.calls
    assert ({0: ""}, {0: "tool_calls"}) == (answers.texts, answers.finishes)
    assert len('{"city": "Paris"}') + 1 == sum(bool(delta.tool_calls) for delta in answers.deltas)
    assert len(CALL) == answers.usage.completion_tokens


async def test_named_tool_is_the_only_one_the_schema_allows(ask, engine_class, chat):
    """`tool_choice` with a function leaves the model no choice."""
    engine = engine_class(characters('{"name": "get_time", "arguments": {}}'))

    answers = await ask(engine, chat(tools=TOOLS, tool_choice=ToolChoice("required", ("get_time",))))

    assert "get_weather" not in engine.requests[0].json_schema + engine.requests[0].prompt
    assert {0: [(0, "get_time", "{}")]} == answers.calls


async def test_required_call_cut_at_max_tokens_says_length(ask, engine_class, chat):
    """The arguments so far are delivered, and nobody takes them for complete."""
    engine = engine_class(lambda _request: [CALL[:45], TextDelta("", finish="length")])

    answers = await ask(engine, chat(tools=TOOLS, tool_choice=ToolChoice("required")))

    assert {0: [(0, "get_weather", '{"city": "Pari'[: len(answers.calls[0][0][2])])]} == answers.calls
    assert {0: "length"} == answers.finishes


async def test_engine_that_breaks_a_required_call_has_failed(ask, engine_class, chat):
    """Prose is never passed off as a call."""
    with pytest.raises(EngineFailed, match="did not keep to the JSON schema"):
        await ask(engine_class(characters("Sure!")), chat(tools=TOOLS, tool_choice=ToolChoice("required")))


@pytest.mark.parametrize(
    ("response_format", "schema"),
    [
        (ResponseFormat("json_object"), {"type": "object"}),
        (ResponseFormat("json_schema", schema_json='{"type":"array"}'), {"type": "array"}),
    ],
)
async def test_response_format_is_enforced_by_the_engine(ask, engine_class, chat, response_format, schema):
    """The harness hands the schema on and touches neither prompt nor text."""
    engine = engine_class(characters("[1]"))

    answers = await ask(engine, chat(response_format=response_format))

    assert schema == json.loads(engine.requests[0].json_schema)
    assert {0: "[1]"} == answers.texts


@pytest.mark.parametrize(("raw", "finish"), [('{"answer": "sunny"}', "stop"), (CALL, "tool_calls")])
async def test_response_format_with_tools_lets_the_model_choose(ask, engine_class, chat, raw, finish):
    """The grammar allows a call or the answer, and each is recognised."""
    engine = engine_class(characters(raw))
    answer = ResponseFormat("json_schema", schema_json='{"type":"object","properties":{"answer":{"type":"string"}}}')

    answers = await ask(engine, chat(tools=TOOLS, response_format=answer))

    assert 3 == len(json.loads(engine.requests[0].json_schema)["anyOf"])
    assert {0: finish} == answers.finishes
    assert bool(answers.texts[0]) == (finish == "stop")


async def test_reasoning_is_kept_apart_and_counted(ask, engine_class, chat):
    """Thoughts are not text, stop strings do not act on them, and their tokens are told."""
    engine = engine_class(lambda _request: ["<think>", "So, STOP", " it is.", "</think>", "\n\n", "Four", " STOP", " more"])

    answers = await ask(engine, chat(stop=("STOP",)))

    assert ({0: "So, STOP it is."}, {0: "Four "}) == (answers.reasoning, answers.texts)
    assert 2 <= answers.usage.reasoning_tokens <= 4


async def test_reasoning_that_the_template_opened_is_reasoning(ask, engine_class, chat):
    """Such an answer begins within its thoughts."""
    model = LocalModel(id="m", facts=ModelFacts(format=""), chat_template="{{ messages[0].content }}<think>\n")

    answers = await ask(engine_class(characters("Hm.</think>Four.")), chat(), model=model)

    assert ({0: "Hm."}, {0: "Four."}) == (answers.reasoning, answers.texts)


async def test_harmony_is_read_where_the_template_speaks_it(ask, engine_class, chat):
    """Channels come apart, and a call in one is a call."""
    model = LocalModel(id="m", facts=ModelFacts(format=""), chat_template="<|channel|>{{ messages[0].content }}{{ tools }}")
    raw = (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.get_time<|message|>{}<|call|>"
    )

    answers = await ask(engine_class(characters(raw)), chat(tools=TOOLS), model=model)

    assert ({0: "Hm."}, {0: [(0, "get_time", "{}")]}, {0: "tool_calls"}) == (answers.reasoning, answers.calls, answers.finishes)


async def test_end_of_turn_of_the_generic_template_ends_the_answer(ask, engine_class, chat):
    """A model without a template may write the mark as text."""
    answers = await ask(engine_class(characters("Four.<|im_end|>\n<|im_start|>user")), chat())

    assert ({0: "Four."}, {0: "stop"}) == (answers.texts, answers.finishes)


async def test_logprobs_are_asked_for_and_passed_on(ask, engine_class, chat):
    """As many alternatives as asked; entries of cut text, thoughts and calls are dropped."""
    texts = ["<think>", "Hm", "</think>", "Fo", "ur", "ST", "OP"]
    engine = engine_class(lambda _request: [TextDelta(text, logprobs=(TokenLogprob(text, -0.5),)) for text in texts])

    answers = await ask(engine, chat(logprobs=True, top_logprobs=3, stop=("STOP",)))
    await ask(engine, chat())

    assert {0: ["Fo", "ur"]} == answers.logprobs
    assert [3, None] == [request.top_logprobs for request in engine.requests]


async def test_sampling_reaches_the_engine_unchanged(ask, engine_class, chat):
    """Only `max_tokens` is decided here; each sequence has its own number to mix into the seed."""
    engine = engine_class(characters("x"))
    sampling = Sampling(temperature=0.5, top_p=0.9, seed=7, logit_bias=((5, 1.0),), max_tokens=9)

    await ask(engine, chat(sampling=sampling, n=3))

    assert [sampling] * 3 == [request.sampling for request in engine.requests]
    assert {0, 1, 2} == {request.sequence for request in engine.requests}


async def test_begin_token_is_left_to_one_of_the_two(ask, engine_class, chat, model):
    """Template or tokenizer, never both."""
    engine = engine_class(characters("x"))
    writes_it = evolve(model, facts=evolve(model.facts, bos_token="<s>"), chat_template="{{ bos_token }}{{ messages[0].content }}")

    await ask(engine, chat(), model=writes_it)
    await ask(engine, chat(), model=model)

    assert ["<s>hi", False, True] == [engine.requests[0].prompt, engine.requests[0].add_special, engine.requests[1].add_special]


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tools": TOOLS, "tool_choice": ToolChoice("required")}, "tools"),
        ({"response_format": ResponseFormat("json_schema", "a", '{"type": "object"}')}, "response_format"),
    ],
)
async def test_a_schema_that_the_engine_refuses_is_named_as_the_client_wrote_it(ask, engine_class, chat, asked, param):
    """Engines call every schema ``response_format``; where it was made of tools, the error names these."""
    engine = engine_class(lambda _request: [InvalidRequest("no such schema", param="response_format")])

    with pytest.raises(InvalidRequest) as caught:
        await ask(engine, chat(**asked))

    assert param == caught.value.param


async def test_the_stop_string_that_ended_an_answer_is_named(ask, engine_class, chat):
    """On the delta that finishes the choice; without one there is none."""
    stopped = await ask(engine_class(characters("one END two")), chat(stop=("END", "never")))
    whole = await ask(engine_class(characters("one")), chat(stop=("END",)))

    assert ["END"] == [delta.stop for delta in stopped.deltas if delta.finish]
    assert [None] == [delta.stop for delta in whole.deltas if delta.finish]


async def test_a_prompt_is_counted_and_nothing_is_generated(ask, engine_class, chat):
    """As long as it is, also beyond what the model reads; tools are a part of it."""
    engine = engine_class(characters("No."))

    short = await ask(engine, CountRequest(chat=chat()))
    offered = await ask(engine, CountRequest(chat=chat(tools=TOOLS)))
    long = await ask(engine, CountRequest(chat=chat("word " * 5000)))

    assert 1 == len(short.deltas)
    assert 0 < short.usage.prompt_tokens < offered.usage.prompt_tokens
    assert long.usage.prompt_tokens >= 5000 > engine.context
    assert [] == engine.requests


async def test_a_count_is_what_the_answer_says_of_its_prompt(ask, engine_class, chat):
    """The same template, the same tokenizer."""
    engine = engine_class(characters("No."))

    counted = await ask(engine, CountRequest(chat=chat(tools=TOOLS)))
    answered = await ask(engine, chat(tools=TOOLS))

    assert counted.usage.prompt_tokens == answered.usage.prompt_tokens
