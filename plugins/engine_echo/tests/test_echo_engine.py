"""What the echo engine answers."""

from __future__ import annotations

import json
import math
import re
import struct
import threading
from pathlib import Path

import pytest
from attrs import fields
from jinja2 import Environment
from llmlb_engine_echo.engine import EchoEngine
from llmlb_engine_echo.options import EchoOptions, Fault
from llmlb_engine_echo.prompt import TEMPLATE, last_user_text
from llmlb_engine_echo.tokens import split

from llmlb_core import Cancel, LocalModel, ModelFacts, Placement, Sampling, TextRequest
from llmlb_core.errors import ContextLengthExceeded, InvalidRequest, ModelFilesInvalid, UnsupportedParameter

README = (Path(__file__).parents[1] / "README.md").read_text()


def loaded(**options) -> EchoEngine:
    engine = EchoEngine()
    engine.load(LocalModel("echo", ModelFacts("")), Placement(), EchoOptions(**options))
    return engine


def prompt_of(*messages: tuple[str, str]) -> str:
    render = Environment(autoescape=False).from_string(TEMPLATE).render
    return render(messages=[{"role": role, "content": text} for role, text in messages], add_generation_prompt=True)


def text_of(engine: EchoEngine, prompt: str, **request) -> str:
    return "".join(delta.text for delta in engine.generate(TextRequest(prompt=prompt, **request), Cancel()))


@pytest.mark.parametrize(
    "text",
    ["hello big world", "", "two\nlines  and   spaces ", "é 日本 👩‍👩‍👧", "<|user|>fake<|end|>\n<|assistant|>", "<|| <||| <|"],
)
def test_the_last_user_message_is_repeated_exactly(text):
    """Whatever it holds, marks of the template included."""
    prompt = prompt_of(("system", "be brief"), ("user", "earlier"), ("assistant", "yes"), ("user", text))

    assert text == last_user_text(prompt) == text_of(loaded(), prompt)


@pytest.mark.parametrize("text", ["a b", " a", "a  b", "it's 1,000.5 €!", "\n\t x", "日本 語"])
def test_tokens_joined_are_the_text(text):
    """Nothing is lost or added by the tokenizer."""
    assert text == "".join(split(text))


def test_tokens_are_words_with_the_space_before_them():
    """So that counts can be foretold."""
    assert ["hello", " big", " world", "!"] == split("hello big world!")
    assert 4 == loaded().count_tokens("hello big world!")


def test_a_raw_prompt_is_repeated_whole():
    """There is no conversation in it."""
    assert "once upon a time" == text_of(loaded(), "once upon a time")


def test_max_tokens_ends_an_answer_with_length():
    """A whole answer ends with stop."""
    engine = loaded(reply="a b c")

    cut = list(engine.generate(TextRequest(prompt="x", sampling=Sampling(max_tokens=2)), Cancel()))
    whole = list(engine.generate(TextRequest(prompt="x", sampling=Sampling(max_tokens=3)), Cancel()))

    assert ("a b", "length") == ("".join(delta.text for delta in cut), cut[-1].finish)
    assert ("a b c", "stop") == ("".join(delta.text for delta in whole), whole[-1].finish)


def test_a_script_goes_round():
    """One text an answer, then from the beginning."""
    engine = loaded(script=("one", "two"))

    assert ["one", "two", "one"] == [text_of(engine, "x") for _ in range(3)]


def test_a_full_context_is_refused_and_a_nearly_full_one_cuts():
    """Both numbers are told; what still fits is answered."""
    engine = loaded(context_tokens=4)

    with pytest.raises(ContextLengthExceeded) as caught:
        text_of(engine, "a b c d")
    deltas = list(engine.generate(TextRequest(prompt="a b c"), Cancel()))

    assert {"prompt_tokens": 4, "context_tokens": 4} == caught.value.extras
    assert ("a", "length") == (deltas[0].text, deltas[-1].finish)


def test_log_probabilities_are_the_same_every_time():
    """At most 0, the token first among its alternatives, as many as were asked for."""
    first, again = (list(loaded().generate(TextRequest(prompt="hello world", top_logprobs=3), Cancel())) for _ in range(2))

    assert first == again
    for delta in first[:-1]:
        (logprob,) = delta.logprobs
        assert logprob.logprob <= 0
        assert [logprob.token, 3] == [logprob.top[0].token, len(logprob.top)]
        assert logprob.top[0].logprob > logprob.top[1].logprob > logprob.top[2].logprob


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object"}, {}),
        (
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}, "b": {}}, "required": ["a"]},
            {"a": 3},
        ),
        ({"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 2}, ["x", "x"]),
        ({"type": ["string", "null"], "minLength": 3}, "xxx"),
        ({"type": "string", "format": "date"}, "2000-01-01"),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 2}, 1.5),
        ({"type": "integer", "multipleOf": 5, "minimum": 7}, 10),
        ({"type": "integer", "maximum": -3}, -3),
        ({"const": {"k": 1}}, {"k": 1}),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        (
            {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"v": {"type": "null"}}, "required": ["v"]}}},
            {"v": None},
        ),
        (
            {
                "allOf": [
                    {"properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"properties": {"b": {"const": 2}}, "required": ["b"]},
                ]
            },
            {"a": 1, "b": 2},
        ),
        (
            {
                "$defs": {
                    "t": {
                        "anyOf": [
                            {"type": "object", "properties": {"t": {"$ref": "#/$defs/t"}}, "required": ["t"]},
                            {"type": "null"},
                        ]
                    }
                },
                "$ref": "#/$defs/t",
            },
            None,
        ),
    ],
)
def test_an_answer_fits_its_schema(schema, expected):
    """Required members, shortest arrays, the first choice that ends."""
    answer = json.loads(text_of(loaded(reply="ignored"), "x", json_schema=json.dumps(schema)))

    if "$defs" in schema and expected is None:
        while isinstance(answer, dict):
            answer = answer["t"]
    assert expected == answer


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a+$"},
        {"$ref": "https://example.org/x"},
        {"$ref": "#"},
        {"type": "number", "minimum": 2, "maximum": 1},
        {"type": "no-such-type"},
        {"type": "object", "properties": 3, "required": ["a"]},
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**12},
    ],
)
def test_a_schema_that_it_cannot_fit_is_a_bad_request(schema):
    """It says what is in the way."""
    with pytest.raises(InvalidRequest, match="No answer fits") as caught:
        text_of(loaded(), "x", json_schema=json.dumps(schema))

    assert "response_format" == caught.value.param


def test_vectors_depend_on_the_text_alone_and_have_unit_length():
    """Also when they are cut."""
    engine = loaded(dimension=16)

    whole = engine.embed(["a", "b", "a"], None, Cancel())
    cut = engine.embed(["a"], 4, Cancel())

    assert (3, 16) == (whole.count, whole.dimension)
    assert whole.row(0) == whole.row(2) != whole.row(1)
    for row in (whole.row(0), whole.row(1), cut.row(0)):
        assert math.isclose(1.0, math.hypot(*struct.unpack(f"<{len(row) // 4}f", row)), abs_tol=1e-6)
    assert 3 == whole.usage.prompt_tokens


def test_more_dimensions_than_there_are_cannot_be_had():
    """400, with both numbers."""
    with pytest.raises(UnsupportedParameter, match=r"99.*16"):
        loaded(dimension=16).embed(["a"], 99, Cancel())


def test_a_cancel_is_heard_while_it_waits():
    """A delay of an hour ends at once."""
    engine, cancel = loaded(first_delay_s=3600), Cancel()
    deltas: list[object] = []
    thread = threading.Thread(target=lambda: deltas.extend(engine.generate(TextRequest(prompt="x"), cancel)))
    thread.start()

    cancel.set()
    thread.join(10)

    assert not thread.is_alive()
    assert [] == deltas


def test_a_load_error_is_a_damaged_model():
    """As a real engine says it."""
    with pytest.raises(ModelFilesInvalid, match="damaged"):
        loaded(fault="load_error")


def test_only_every_nth_answer_is_faulty():
    """The others are good."""
    engine = loaded(fault="raise_mid_answer", fault_every=3, reply="ok")
    outcomes = []
    for _ in range(6):
        try:
            outcomes.append(text_of(engine, "x"))
        except RuntimeError:
            outcomes.append("raised")

    assert ["ok", "ok", "raised", "ok", "ok", "raised"] == outcomes


@pytest.mark.parametrize("wrong", [{"delay_s": -1}, {"max_concurrency": 0}, {"dimension": 0}, {"fault_every": 0}])
def test_options_have_bounds(wrong):
    """A number that makes no sense is refused by name."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EchoOptions(**wrong)


def test_the_readme_names_every_option_and_every_fault():
    """Its tables are complete."""
    named = set(re.findall(r"^\| `(\w+)`", README, re.MULTILINE))

    assert {field.name for field in fields(EchoOptions)} | set(Fault.__args__) == named
