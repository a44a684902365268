from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest

from llmlb_core import TextDelta
from llmlb_core.errors import InvalidRequest

pytestmark = pytest.mark.model

Ask = Callable[..., Awaitable[list[TextDelta]]]
Chat = Callable[[str], str]
TextOf = Callable[[Sequence[TextDelta]], str]

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_answer_fits_its_schema(ask: Ask, chat: Chat, text_of: TextOf, seed: int) -> None:
    """Types, ranges, lengths, enumerations and required members hold, however hot the sampling is."""
    deltas = await ask(chat("Invent a person."), json_schema=json.dumps(PERSON), max_tokens=120, temperature=1.5, seed=seed)

    person = json.loads(text_of(deltas))
    assert "stop" == deltas[-1].finish
    assert ["name", "age", "tags"] == list(person)
    assert len(person["name"]) <= 12
    assert 0 <= person["age"] <= 120
    assert set(person["tags"]) <= {"a", "b"}


async def test_schema_of_a_tool_call_is_enforced(ask: Ask, chat: Chat, text_of: TextOf) -> None:
    """References and a choice of shapes work: what forced tool calls are made of."""
    call = {
        "anyOf": [
            {
                "type": "object",
                "properties": {"name": {"const": "weather"}, "arguments": {"$ref": "#/$defs/where"}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        ],
        "$defs": {
            "where": {
                "type": "object",
                "properties": {"city": {"enum": ["Paris", "Rome"]}},
                "required": ["city"],
                "additionalProperties": False,
            }
        },
    }

    deltas = await ask(chat("What is the weather in Paris?"), json_schema=json.dumps(call), max_tokens=60)

    answer = json.loads(text_of(deltas))
    assert "weather" == answer["name"]
    assert answer["arguments"]["city"] in {"Paris", "Rome"}


async def test_keywords_that_cannot_be_enforced_are_left_out(ask: Ask, chat: Chat, text_of: TextOf) -> None:
    """``uniqueItems`` and an unknown format do not make a schema unusable; the rest of it holds."""
    schema = {
        "type": "array",
        "uniqueItems": True,
        "items": {"type": "string", "format": "whatever", "maxLength": 5},
        "maxItems": 2,
    }

    answer = json.loads(text_of(await ask(chat("Name colors."), json_schema=json.dumps(schema), max_tokens=40)))

    assert isinstance(answer, list)
    assert all(isinstance(item, str) for item in answer)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ('{"type": "wat"}', "cannot be enforced"),
        ('{"$ref": "https://example.org/schema"}', "cannot be enforced"),
        ('{"type": "string", "pattern": "(?=a)b"}', "cannot be enforced"),
        ('{"enum": []}', "cannot be enforced"),
        ("{", "is not JSON"),
        ("[1]", r"is '\[1\]', expected an object"),
        ("[" * 100_000, "is not JSON"),
    ],
)
async def test_schema_that_does_not_compile_is_refused(ask: Ask, chat: Chat, schema: str, reason: str) -> None:
    """A schema that llama.cpp would ignore is an error of the request, not an answer without constraint."""
    with pytest.raises(InvalidRequest, match=reason) as caught:
        await ask(chat("Hi"), json_schema=schema)

    assert "invalid_json_schema" == caught.value.code


async def test_schemas_and_free_text_run_side_by_side(ask: Ask, chat: Chat, text_of: TextOf) -> None:
    """A constraint belongs to its own call."""
    shaped, free, numbered = await asyncio.gather(
        ask(chat("Invent a person."), json_schema=json.dumps(PERSON), max_tokens=120),
        ask(chat("What is 2+2?")),
        ask(chat("What is 2+2?"), json_schema='{"type": "integer", "minimum": 0, "maximum": 9}'),
    )

    assert set(json.loads(text_of(shaped))) == {"name", "age", "tags"}
    assert "The answer is: 4" == text_of(free)
    assert 0 <= json.loads(text_of(numbered)) <= 9
