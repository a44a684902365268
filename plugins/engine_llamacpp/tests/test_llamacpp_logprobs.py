from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

import pytest

from llmlb_core import TextDelta, TokenLogprob

pytestmark = pytest.mark.model

Ask = Callable[..., Awaitable[list[TextDelta]]]
Chat = Callable[[str], str]


async def test_logprobs_are_those_of_the_model(ask: Ask, chat: Chat) -> None:
    """Every value is at most 0, the greedy token leads its alternatives, and they fall in order (24157000-F8)."""
    entries = _entries(await ask(chat("What is 2+2?"), top_logprobs=5))

    assert "The answer is: 4" == "".join(entry.token for entry in entries)
    for entry in entries:
        values = [top.logprob for top in entry.top]
        assert 5 == len(values)
        assert sorted(values, reverse=True) == values
        assert values[0] == entry.logprob <= 0
        assert (entry.token, entry.bytes) == (entry.top[0].token, entry.top[0].bytes)
        assert math.fsum(map(math.exp, values)) <= 1 + 1e-6


async def test_logprobs_do_not_depend_on_temperature_or_bias(ask: Ask, chat: Chat) -> None:
    """They are the model's own, before sampling: a hot temperature and a bias change the choice, not the values."""
    cold = _entries(await ask(chat("What is 2+2?"), max_tokens=1, top_logprobs=20))[0]
    hot = _entries(await ask(chat("What is 2+2?"), max_tokens=1, top_logprobs=20, temperature=2.0, seed=3, top_p=0.5))[0]

    assert [top.token for top in cold.top] == [top.token for top in hot.top]
    assert [top.logprob for top in cold.top] == pytest.approx([top.logprob for top in hot.top], abs=1e-3)


async def test_token_that_was_unlikely_says_so(ask: Ask, chat: Chat) -> None:
    """A token forced by a bias has its true, low probability."""
    (entry,) = _entries(await ask(chat("What is 2+2?"), max_tokens=1, top_logprobs=1, logit_bias=((28120, 100.0),)))

    assert "hello" == entry.token
    assert entry.logprob < -5
    assert entry.top[0].logprob > entry.logprob


async def test_logprobs_without_alternatives(ask: Ask, chat: Chat) -> None:
    """Zero alternatives still gives each token its value."""
    entries = _entries(await ask(chat("What is 2+2?"), top_logprobs=0))

    assert "The answer is: 4" == "".join(entry.token for entry in entries)
    assert {()} == {entry.top for entry in entries}


async def test_bytes_of_logprobs_join_to_the_text(ask: Ask, chat: Chat) -> None:
    """A character of several tokens is one entry with all its bytes, so that entries and text agree."""
    deltas = await ask(chat("Say hello with an emoji 🙂"), max_tokens=8, top_logprobs=1)

    assert "🌌🌉".encode() == b"".join(bytes(entry.bytes) for entry in _entries(deltas))


async def test_answers_without_logprobs_have_none(ask: Ask, chat: Chat) -> None:
    """Nobody who did not ask pays for them."""
    assert [] == _entries(await ask(chat("What is 2+2?")))


def _entries(deltas: Sequence[TextDelta]) -> list[TokenLogprob]:
    return [entry for delta in deltas for entry in delta.logprobs]
