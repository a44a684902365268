"""What the fault server says when nothing is wrong: the same text for the same prompt, so that a second try can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from llmlb_core.faults.fault import Fault

WORDS = 20
SENTINEL = b"data: [DONE]\n\n"
_SYLLABLES = ("ka", "lo", "mi", "ter", "son", "ve", "ru", "an", "dor", "pel", "is", "um", "ga", "fen", "té", "zo")


def words_of(prompt: str, choice: int = 0, salt: int = 0, fill_bytes: int = 0) -> list[str]:
    """Return the words that answer *prompt*; another *salt* makes other words, as another seed would."""
    digest = hashlib.sha256(f"{salt}/{choice}/{prompt}".encode()).digest()
    names = (_SYLLABLES[byte % 16] + _SYLLABLES[byte // 16] for byte in digest)
    return [f"{name.ljust(fill_bytes, '.')} " for name, _ in zip(names, range(WORDS), strict=False)]


class Asked(msgspec.Struct, frozen=True):
    """What a request asks for, as far as it matters here.

    Attributes:
        calls_tool: Whether the answer calls a tool instead of saying something; its arguments are the words.
        route: The last parts of its path, such as ``chat/completions``.
        salt: See ``words_of``.
    """

    route: str
    prompt: str
    model: str
    is_stream: bool
    wants_usage: bool
    choices: int
    calls_tool: bool = False
    salt: int = 0
    number: int = 0

    @property
    def texts(self) -> list[str]:
        """The whole text of each choice."""
        return ["".join(words_of(self.prompt, choice, self.salt)) for choice in range(self.choices)]


def read_asked(route: str, body: bytes) -> Asked:
    """Read a request.

    Raises:
        ValueError: It is none.
    """
    try:
        document = msgspec.json.decode(body)
        options = document.get("stream_options") or {}
        return Asked(
            route=route,
            prompt=_prompt(document),
            model=str(document.get("model", "")),
            is_stream=bool(document.get("stream")),
            wants_usage=bool(options.get("include_usage")),
            choices=int(document.get("n") or 1),
            calls_tool=bool(document.get("tools")),
        )
    except (msgspec.DecodeError, AttributeError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"not a request that is answered here: {error}") from error


def _prompt(document: dict[str, Any]) -> str:
    if "messages" in document:
        return str(document["messages"][-1]["content"])
    asked = document.get("prompt", document.get("input", ""))
    return str(asked[0] if isinstance(asked, list) else asked)


def plain_body(asked: Asked, fault: Fault) -> bytes:
    """Return a whole answer that is no stream."""
    usage = {"prompt_tokens": 7, "completion_tokens": WORDS * asked.choices, "total_tokens": 7 + WORDS * asked.choices}
    if asked.route == "embeddings":
        vector = [byte / 255 for byte in hashlib.sha256(asked.prompt.encode()).digest()]
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        return msgspec.json.encode({"object": "list", "data": data, "model": asked.model, "usage": usage})
    choices = []
    for choice in range(asked.choices):
        text = "".join(words_of(asked.prompt, choice, asked.salt, fault.word_bytes))
        said: dict[str, Any] = {"text": text} if _is_legacy(asked) else {"message": {"role": "assistant", **_said(asked, text, 0)}}
        choices.append({"index": choice, **said, "finish_reason": None if "finish" in fault.omit else finish_of(asked, fault)})
    kind = "text_completion" if _is_legacy(asked) else "chat.completion"
    document = {"id": _id(asked), "object": kind, "created": 1, "model": asked.model, "choices": choices}
    return msgspec.json.encode(document if "usage" in fault.omit else {**document, "usage": usage})


def stream_events(asked: Asked, fault: Fault) -> Sequence[bytes]:
    """Return the events of a stream, each a whole one."""
    return list(_events(asked, fault))


def _events(asked: Asked, fault: Fault) -> Iterator[bytes]:
    choices = range(asked.choices)
    if not _is_legacy(asked) and "role" not in fault.omit:
        yield _chunk(
            asked, [{"index": each, "delta": {"role": "assistant", "content": ""}, "finish_reason": None} for each in choices]
        )
    texts = [words_of(asked.prompt, each, asked.salt, fault.word_bytes) for each in choices]
    for number in range(WORDS):
        for each in choices:
            said: dict[str, Any] = {"text": texts[each][number]}
            said = said if _is_legacy(asked) else {"delta": _said(asked, texts[each][number], number)}
            yield _chunk(asked, [{"index": each, **said, "finish_reason": None}])
    if "finish" not in fault.omit:
        for each in choices[:1] if fault.forgets_choice else choices:
            said = {"text": ""} if _is_legacy(asked) else {"delta": {}}
            yield _chunk(asked, [{"index": each, **said, "finish_reason": finish_of(asked, fault)}])
    if asked.wants_usage and "usage" not in fault.omit:
        count = WORDS * asked.choices
        yield _chunk(asked, [], usage={"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count})
    if "sentinel" not in fault.omit:
        yield SENTINEL


def _chunk(asked: Asked, choices: list[dict[str, Any]], **more: Any) -> bytes:
    kind = "text_completion" if _is_legacy(asked) else "chat.completion.chunk"
    document = {"id": _id(asked), "object": kind, "created": 1, "model": asked.model, "choices": choices, **more}
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def _id(asked: Asked) -> str:
    """Another one for every request, as servers do: a resumed stream must hide that."""
    return f"fault-{asked.number}"


def finish_of(asked: Asked, fault: Fault) -> str:
    """Return the finish reason."""
    return "tool_calls" if asked.calls_tool and fault.finish == "stop" else fault.finish


def _said(asked: Asked, text: str, number: int) -> dict[str, Any]:
    """Return the part of a message that says *text*, the *number*-th of it."""
    if not asked.calls_tool:
        return {"content": text}
    first = {"id": f"call-{asked.number}", "type": "function"} if number == 0 else {}
    named = {"name": "look_up"} if number == 0 else {}
    return {"tool_calls": [{"index": 0, **first, "function": {**named, "arguments": text}}]}


def _is_legacy(asked: Asked) -> bool:
    return asked.route == "completions"
