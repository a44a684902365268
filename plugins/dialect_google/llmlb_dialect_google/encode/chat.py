"""A conversation, as ``generateContent`` takes it.

Instructions, wherever they stand, are ``systemInstruction``; the rest is ``contents``. What Gemini models have no word for is named
by ``lacking`` and left out; what would change the meaning is refused.
"""

from __future__ import annotations

from typing import Any

from llmlb_core import ChatRequest, Message
from llmlb_dialect_google.encode.config import generation_config
from llmlb_dialect_google.encode.contents import contents_of
from llmlb_dialect_google.encode.thinking import obeys
from llmlb_dialect_google.encode.tools import tool_config, tools_of

_INSTRUCTING = ("system", "developer")


def lacking(request: ChatRequest, model: str) -> tuple[str, ...]:
    """Return the canonical names of what *request* has and the API does not know, or *model* cannot do."""
    sampling = request.sampling
    told = {
        "logit_bias": sampling.logit_bias,
        "min_p": sampling.min_p is not None,
        "repeat_penalty": sampling.repeat_penalty is not None,
        "user": request.user is not None,
        "parallel_tool_calls": request.tools and not request.parallel_tool_calls,
        "reasoning_effort": request.reasoning_effort is not None and not obeys(request.reasoning_effort, model),
        "thinking_tokens": request.thinking_tokens == 0 and not obeys("none", model),
    }
    return tuple(name for name, is_there in told.items() if is_there)


def chat_body(request: ChatRequest, model: str) -> dict[str, Any]:
    """Return the body for *request*.

    Raises:
        UnsupportedParameter: Something in it cannot be said to this API, nor left out.
    """
    instructions = [message for message in request.messages if message.role in _INSTRUCTING]
    others = [message for message in request.messages if message.role not in _INSTRUCTING]
    if not others:  # contents must not be empty
        instructions, others = [], [Message("user", message.parts) for message in instructions]
    body: dict[str, Any] = {"contents": contents_of(others, model)}
    texts = [{"text": text} for text in (message.text for message in instructions) if text]
    if texts:
        body["systemInstruction"] = {"parts": texts}
    if request.tools:
        body["tools"] = tools_of(request.tools)
        config = tool_config(request)
        if config is not None:
            body["toolConfig"] = {"functionCallingConfig": config}
    config = generation_config(request, model)
    if config:
        body["generationConfig"] = config
    return body
