"""``GenerateContentResponse``, as far as it is read; whatever else it holds is skipped without being looked at."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from llmlb_core import Usage

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class FunctionCall(msgspec.Struct, gc=False):
    """A whole call; its arguments stay the text that they are."""

    name: str = ""
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class Blob(msgspec.Struct, rename="camel", gc=False):
    """A file in an answer."""

    mime_type: str = ""


class Part(msgspec.Struct, rename="camel", gc=False):
    """One of: text, which may be a thought, a call, a file."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None


class Content(msgspec.Struct, gc=False):
    """What a candidate says."""

    parts: list[Part] | None = None


class Token(msgspec.Struct, rename="camel", gc=False):
    """A token that was, or could have been, drawn."""

    token: str = ""
    log_probability: float = 0.0


class TopTokens(msgspec.Struct, gc=False):
    """What could have been drawn at one position."""

    candidates: list[Token] = []


class Logprobs(msgspec.Struct, rename="camel", gc=False):
    """By position."""

    chosen_candidates: list[Token] = []
    top_candidates: list[TopTokens] = []


class Candidate(msgspec.Struct, rename="camel", gc=False):
    """A step of one choice, or all of it."""

    content: Content | None = None
    index: Annotated[int, msgspec.Meta(ge=0, le=63)] = 0
    finish_reason: str | None = None
    finish_message: str | None = None
    logprobs_result: Logprobs | None = None


class PromptFeedback(msgspec.Struct, rename="camel", gc=False):
    """Why there is no answer."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Response(msgspec.Struct, rename="camel", gc=False):
    """An event of a stream, or a plain answer. Usage is decoded once, at the end."""

    candidates: list[Candidate] | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw(b"null")
    prompt_feedback: PromptFeedback | None = None
    error: Any = None


class UsageMetadata(msgspec.Struct, rename="camel", gc=False):
    """Tokens of the whole call."""

    prompt_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    candidates_token_count: Count | None = None
    thoughts_token_count: Count | None = None


_decode_usage = msgspec.json.Decoder(UsageMetadata | None).decode


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Return what ``usageMetadata`` says; None where it is not there, or not understood."""
    try:
        told = _decode_usage(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if told is None:
        return None
    thoughts = told.thoughts_token_count or 0
    return Usage(
        prompt_tokens=(told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0),
        completion_tokens=(told.candidates_token_count or 0) + thoughts,
        cached_tokens=told.cached_content_token_count or 0,
        reasoning_tokens=thoughts,
    )
