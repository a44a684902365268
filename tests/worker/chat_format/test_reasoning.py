from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.worker.chat_format.harmony import Harmony
from llmlb_core.worker.chat_format.reasoning import TaggedReasoning, open_tags

THINK = ("<think>", "</think>")
lengths_of_pieces = st.lists(st.integers(1, 7), min_size=1)


@pytest.mark.parametrize(
    ("raw", "opened", "reasoning", "text"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", None, "Hm.", "Yes."),
        ("\n<think>Hm.</think>Yes.", None, "Hm.", "Yes."),
        ("Hm.\n</think>\n\nYes.", THINK, "Hm.", "Yes."),
        ("<think>\nHm.</think>Yes.", THINK, "Hm.", "Yes."),
        ("<think>\n\n</think>\n\nYes.", None, "", "Yes."),
        ("Hm. Then it was cut", THINK, "Hm. Then it was cut", ""),
        ("[THINK]Hm.[/THINK]Yes.", None, "Hm.", "Yes."),
        ("Yes. <think>no</think>", None, "", "Yes. <think>no</think>"),
        ("<thin", None, "", "<thin"),
        ("  Yes.", None, "", "  Yes."),
        ("1 < 2", None, "", "1 < 2"),
        ("", THINK, "", ""),
    ],
)
def test_tagged_reasoning_is_kept_apart(read, raw, opened, reasoning, text):
    """Only tags that open the answer, or that the prompt opened, hold reasoning."""
    reading = read(lambda: [TaggedReasoning(opened)], [raw])

    assert (reasoning, text) == (reading.reasoning, reading.text)


def test_prompt_that_opens_the_reasoning_is_recognised():
    """White space after the tag does not matter; a tag earlier in the prompt is somebody's text."""
    prompts = ["<|Assistant|><think>\n", "<think>", "Explain <think> to me."]

    assert [THINK, THINK, None] == [open_tags(prompt) for prompt in prompts]


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<th", "ink>", "a", " ", "\n"]), max_size=9).map("".join),
    st.sampled_from([None, THINK]),
    lengths_of_pieces,
)
def test_tagged_reasoning_is_the_same_wherever_it_is_cut(read, cut, raw, opened, lengths):
    """Token borders change nothing, and every character has its place."""
    whole = read(lambda: [TaggedReasoning(opened)], [raw])

    in_pieces = read(lambda: [TaggedReasoning(opened)], cut(raw, lengths))

    assert (whole.reasoning, whole.text) == (in_pieces.reasoning, in_pieces.text)
    assert raw == whole.raw == in_pieces.raw


HARMONY = (
    "<|channel|>analysis<|message|>Weather it is.<|end|>"
    '<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city":"Paris"}<|call|>'
)


def test_harmony_sorts_channels(read):
    """Analysis is reasoning, final is the answer."""
    raw = "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>Four.<|return|>"

    reading = read(lambda: [Harmony()], [raw])

    assert ("Easy.", "Four.") == (reading.reasoning, reading.text)


def test_harmony_call_of_an_offered_function_is_a_call(read):
    """The name stands in the header, the arguments are the message."""
    reading = read(lambda: [Harmony({"get_weather"})], [HARMONY])

    assert {0: ("get_weather", '{"city":"Paris"}')} == reading.calls
    assert ("Weather it is.", "") == (reading.reasoning, reading.text)


def test_harmony_call_may_go_on_from_the_prompt(read):
    """After `<|start|>assistant` in the prompt, a header can begin with its recipient."""
    raw = ' to=functions.get_weather<|channel|>commentary json<|message|>{"city":"Paris"}<|call|>'

    reading = read(lambda: [Harmony({"get_weather"})], [raw])

    assert {0: ("get_weather", '{"city":"Paris"}')} == reading.calls


def test_harmony_call_of_an_unknown_function_is_text(read):
    """Nothing is lost where the model calls what it was not offered."""
    reading = read(lambda: [Harmony()], [HARMONY])

    assert ({}, '{"city":"Paris"}') == (reading.calls, reading.text)


def test_harmony_without_headers_is_text(read):
    """A model that does not keep to the format still answers."""
    reading = read(lambda: [Harmony()], ["Just ", "text."])

    assert "Just text." == reading.text


@given(
    st.lists(
        st.sampled_from(
            ["<|channel|>", "analysis", "final", "<|message|>", "<|end|>", "<|start|>", "assistant", " to=functions.f", "{}", "<|"]
        ),
        max_size=12,
    ).map("".join),
    lengths_of_pieces,
)
def test_harmony_is_the_same_wherever_it_is_cut(read, cut, raw, lengths):
    """Token borders change nothing, and every character has its place."""
    whole = read(lambda: [Harmony({"f"})], [raw])

    in_pieces = read(lambda: [Harmony({"f"})], cut(raw, lengths))

    assert whole == in_pieces
    assert raw == whole.raw
