"""Requests that make a server go on with an answer of which a part is out; what is not known to be safe is not tried.

vLLM documents ``continue_final_message`` and ``add_generation_prompt`` for ``/v1/chat/completions``: the last message, the
assistant's, is left open, and the model goes on with it. llama.cpp's server reads both members the same way, and continues a last
message of the assistant by default (``--prefill-assistant``). For ``/v1/completions`` the text is simply part of the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from llmlb_core import Continuation

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"

_CAPS = ("max_tokens", "max_completion_tokens")
_ASKING = frozenset(("user", "tool", "system", "developer"))
"""Roles of a last message that an answer follows; one of the assistant would be gone on with in the whole answer, too."""
_FREE = frozenset(
    (
        *("model", "messages", "prompt", "stream", "stream_options", "max_tokens", "max_completion_tokens"),
        *("temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "ignore_eos"),
        *(
            "user",
            "metadata",
            "store",
            "service_tier",
            "safety_identifier",
            "prompt_cache_key",
            "priority",
            "cache_salt",
            "request_id",
        ),
        *("cache_prompt", "id_slot"),
    )
)
"""Members that mean the same for the rest of an answer as for all of it."""
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (False,),
    "stop": ([],),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "min_tokens": (0,),
    "logit_bias": ({},),
}
"""Members that do so only with these values, or null: others count, look for, or force what is in the part that is out."""
_MARKS = re.compile(
    r"</?\s*(?:seed:)?(?:think|thinking|thought|reason|reasoning|reflection|tool_call|function_call)\b|<\|[^|>]{0,60}\|>|\[/?(?:THINK|TOOL_CALLS)\]"
    r"|◁/?think▷",
    re.IGNORECASE,
)
"""Of reasoning and tool calls that nobody took apart, and special tokens, which a server reads in a message as it pleases."""
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def continuation(route: str, body: bytes, delivered: str, *, default_tokens: int | None) -> Continuation | None:
    """Return the request for the rest of the answer to *body*; None where it could be another answer.

    Args:
        route: Of the call.
        body: What the client sent.
        delivered: The text that is out.
        default_tokens: What a completion without ``max_tokens`` is capped at; None = nothing.
    """
    try:
        document, size = _decode(body), len(delivered.encode())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    # Templates trim messages, and a prompt that ends with a space makes models speak differently.
    is_apt = bool(delivered) and not delivered[-1].isspace() and not _MARKS.search(delivered)
    if not is_apt or not all(_is_harmless(name, value) for name, value in document.items()):
        return None
    if route == COMPLETIONS and document.get("max_tokens") is None and default_tokens is not None:
        document["max_tokens"] = default_tokens
    caps = {name: document[name] for name in _CAPS if document.get(name) is not None}
    # How many tokens are out is not known, but each is a byte or more: so the answer never gets longer than was asked for. It may
    # be ended earlier than that, and then that end is not passed on as one.
    if any(type(cap) is not int or cap <= size for cap in caps.values()) or not _add(route, document, delivered):
        return None
    document.update({name: cap - size for name, cap in caps.items()})
    return Continuation(msgspec.json.encode(document), is_capped=bool(caps))


def _add(route: str, document: dict[str, Any], delivered: str) -> bool:
    """Add what is out to the request; say whether that can be done."""
    if route == COMPLETIONS and isinstance(document.get("prompt"), str):
        document["prompt"] += delivered
        return True
    messages = document.get("messages")
    if route != CHAT or delivered[0].isspace() or not isinstance(messages, list) or not messages:
        return False
    last = messages[-1]
    if not isinstance(last, dict) or last.get("role") not in _ASKING:
        return False
    document["messages"] = [*messages, {"role": "assistant", "content": delivered}]
    document["continue_final_message"], document["add_generation_prompt"] = True, False
    return True


def _is_harmless(name: str, value: object) -> bool:
    if value is None or name in _FREE:
        return True
    # By type as well: true is not 1 here.
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in _NEUTRAL.get(name, ()))
