from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from attrs import define, field

from llmlb_core import ChatRequest, LocalModel, Message, ModelFacts, TextPart, ToolCall
from llmlb_core.worker.chat_format.pieces import Call, Chain, Markup, Parser, Reasoning, Text
from llmlb_core.worker.chat_format.template import Template, compile_template


@define
class Reading:
    """What a chain of parsers made of a text; call ids are left out, as they are random."""

    text: str = ""
    reasoning: str = ""
    calls: dict[int, tuple[str, str]] = field(factory=dict)
    raw: str = ""
    is_done: bool = False


Read = Callable[[Callable[[], Sequence[Parser]], Iterable[str]], Reading]


@pytest.fixture(scope="session")
def read() -> Read:
    """Feed pieces of text to new parsers."""

    def feed(make: Callable[[], Sequence[Parser]], texts: Iterable[str]) -> Reading:
        chain, out, pieces = Chain(make()), Reading(), []
        for text in texts:
            pieces += chain.feed(text)
        pieces += chain.finish()
        for piece in pieces:
            if isinstance(piece, Call):
                name, arguments = out.calls.get(piece.delta.index, ("", ""))
                out.calls[piece.delta.index] = (name + (piece.delta.name or ""), arguments + piece.delta.arguments)
                continue
            out.raw += piece.text
            if isinstance(piece, Text):
                out.text += piece.text
            elif isinstance(piece, Reasoning):
                out.reasoning += piece.text
            else:
                assert isinstance(piece, Markup)
        out.is_done = chain.is_done
        return out

    return feed


@pytest.fixture(scope="session")
def cut() -> Callable[[str, Sequence[int]], list[str]]:
    """Cut a text into pieces of the given lengths, over and over."""

    def pieces(text: str, lengths: Sequence[int]) -> list[str]:
        out, at, turn = [], 0, 0
        while at < len(text):
            length = lengths[turn % len(lengths)]
            out.append(text[at : at + length])
            at, turn = at + length, turn + 1
        return out

    return pieces


@pytest.fixture(scope="session")
def template() -> Callable[[str], Template]:
    """Compile a template of this folder."""

    def load(name: str) -> Template:
        return compile_template((Path(__file__).parent / "templates" / f"{name}.jinja").read_text())

    return load


@pytest.fixture(scope="session")
def chat() -> Callable[..., ChatRequest]:
    """Make a chat of (role, text) pairs and messages."""

    def make(*messages: tuple[str, str] | Message, **fields: object) -> ChatRequest:
        made = [Message(m[0], (TextPart(m[1]),)) if isinstance(m, tuple) else m for m in messages]
        return ChatRequest(messages=tuple(made), **fields)

    return make


@pytest.fixture(scope="session")
def called() -> Callable[..., Message]:
    """Make an assistant's message that calls tools, one argument each."""

    def make(**arguments_by_name: str) -> Message:
        calls = (ToolCall(f"call_{name}_12345", name, arguments) for name, arguments in arguments_by_name.items())
        return Message("assistant", tool_calls=tuple(calls))

    return make


@pytest.fixture
def model() -> LocalModel:
    return LocalModel(id="m", facts=ModelFacts(format="", bos_token="<s>", eos_token="</s>"))
