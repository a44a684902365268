from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core import Tool, ToolChoice
from llmlb_core.worker.chat_format.tool_parsers import ToolCalls
from llmlb_core.worker.chat_format.tools import offered_tools

PARAMETERS = '{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}'
TOOLS = offered_tools((Tool("get_weather", "Weather.", PARAMETERS), Tool("get_time")), ToolChoice())
PARIS = ("get_weather", {"city": "Paris"})
NOW = ("get_time", {})


def parsers() -> list[ToolCalls]:
    return [ToolCalls(TOOLS)]


def decoded(reading) -> list[tuple[str, dict]]:
    return [(name, json.loads(arguments)) for _, (name, arguments) in sorted(reading.calls.items())]


@pytest.mark.parametrize(
    ("raw", "calls"),
    [
        ('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>', [PARIS]),
        (
            '<tool_call>{"name":"get_weather","arguments":{"city":"Paris"}}</tool_call>\n<tool_call>{"name":"get_time"}</tool_call>',
            [PARIS, NOW],
        ),
        ('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}', [PARIS]),
        ('<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}</tool_call>', [PARIS]),
        ("<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>", [PARIS]),
        ('<function=get_weather>{"city": "Paris"}</function>', [PARIS]),
        (
            "<function=get_weather><parameter=city>12</parameter><parameter=days>3</parameter></function>",
            [("get_weather", {"city": "12", "days": 3})],
        ),
        ('<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}', [PARIS]),
        ('{"name": "get_weather", "parameters": {"city": "Paris"}}', [PARIS]),
        (
            '{"type": "function", "name": "get_weather", "parameters": {"city": "Paris"}}; {"name": "get_time", "parameters": {}}',
            [PARIS, NOW],
        ),
        ('{"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}', [PARIS]),
        ('[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "get_time", "arguments": {}}]', [PARIS, NOW]),
        ('[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris"}, "id": "123456789"}]', [PARIS]),
        ('[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}[TOOL_CALLS]get_time[CALL_ID]123456789[ARGS]{}', [PARIS, NOW]),
        (
            (
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
                '{"city": "Paris"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
            ),
            [PARIS],
        ),
        (
            (
                '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Paris"}<｜tool▁call▁end｜>'
                "<｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
            ),
            [PARIS, NOW],
        ),
        (
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
                '<|tool_call_argument_begin|>{"city": "Paris"}'
                "<|tool_call_end|><|tool_calls_section_end|>"
            ),
            [PARIS],
        ),
        (
            '<tool_call>{"name": "get_weather", "arguments": {"city": "a\nb </tool_call>"}}</tool_call>',
            [("get_weather", {"city": "a\nb </tool_call>"})],
        ),
    ],
)
def test_calls_are_found_in_every_known_format(read, raw, calls):
    """Whatever way a model writes its calls, the client sees calls and no text."""
    reading = read(parsers, [raw])

    assert calls == decoded(reading)
    assert "" == reading.text


@pytest.mark.parametrize(
    "raw",
    [
        "Plain text, with [brackets] and {braces}. ",
        '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Par',
        "<tool_call> is how one writes it.",
        '<tool_call>{"name": get_weather}</tool_call>',
        '{"name": "Bob", "arguments": {}}',
        '{"name": "get_weather"}',
        '{"city": "Paris", "note": "<tool_call>"}',
        "[1, 2, 3]",
        "[TOOL_CALLS] none",
        "<function=unknown>{}</function>",
        "  ",
        '{"name": ["get_weather"], "arguments": {}}',
        '<tool_call>{"name": "get_weather", "arguments": {"days": NaN}}</tool_call>',
    ],
)
def test_what_is_no_call_is_text_and_nothing_is_lost(read, raw):
    """Malformed calls, unknown tools and JSON answers come out character by character."""
    reading = read(parsers, [raw])

    assert (raw, {}) == (reading.text, reading.calls)


def test_text_around_calls_is_kept(read):
    """White space between text and calls is dropped, words are not."""
    raw = 'Let me look.\n\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>\n'

    reading = read(parsers, [raw])

    assert ("Let me look.", [NOW]) == (reading.text, decoded(reading))


def test_bare_json_later_in_an_answer_is_text(read):
    """An example in prose is not a call."""
    raw = 'Write {"name": "get_time", "arguments": {}} yourself.'

    reading = read(parsers, [raw])

    assert (raw, {}) == (reading.text, reading.calls)


def test_json_answer_streams_as_soon_as_its_first_key_is_no_calls(read):
    """Structured answers are not held back until they are complete."""
    parser = ToolCalls(TOOLS)

    given_out = "".join(piece.text for text in ['{"ci', 'ty": "P', "aris"] for piece in parser.feed(text))

    assert '{"city": "Paris' == given_out


def test_without_parallel_calls_the_first_one_ends_the_answer(read):
    """`parallel_tool_calls: false` gives one call, and generation stops there."""
    raw = '<tool_call>{"name":"get_time"}</tool_call><tool_call>{"name":"get_time"}</tool_call>'

    reading = read(lambda: [ToolCalls(TOOLS, is_parallel=False)], [raw])

    assert ([NOW], True) == (decoded(reading), reading.is_done)


def test_lone_surrogate_in_arguments_stays_an_escape(read):
    """Arguments can be sent, whatever the model escaped."""
    raw = '<tool_call>{"name": "get_weather", "arguments": {"city": "\\ud83d"}}</tool_call>'

    reading = read(parsers, [raw])

    assert '{"city": "\\ud83d"}' == reading.calls[0][1]


parts = [
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>',
    '{"name": "get_time", "parameters": {}}',
    '[TOOL_CALLS] [{"name": "get_time", "arguments": {}}]',
    "[TOOL_CALLS]get_time[ARGS]{}",
    '<function=get_weather>{"city": "x"}</function>',
    "<function=none>",
    "<｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
    "<tool_call>",
    "</tool_call>",
    '{"a": 1}',
    "[",
    "{",
    ";",
    "``",
    " ",
    "\n\n",
    "text",
    "<",
    '"',
]


@given(st.lists(st.sampled_from(parts), max_size=6).map("".join), st.lists(st.integers(1, 9), min_size=1))
def test_calls_are_the_same_wherever_the_text_is_cut(read, cut, raw, lengths):
    """Token borders change neither text nor calls, and every character has its place."""
    whole = read(parsers, [raw])

    in_pieces = read(parsers, cut(raw, lengths))

    assert whole == in_pieces
    assert raw == whole.raw
