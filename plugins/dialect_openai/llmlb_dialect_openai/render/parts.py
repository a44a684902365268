"""What several forms of answers share: usage, log probabilities, frames, and the check that an answer is whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llmlb_core import Call, ChatRequest, CompletionRequest, Delta, Identity, Result, TokenLogprob, Usage
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.text import dumps, finite

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"
DONE = b"data: [DONE]\n\n"

Json = dict[str, object]


def usage_object(usage: Usage) -> Json:
    """Return ``usage`` of chat and completions, details included."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def logprob_objects(logprobs: Sequence[TokenLogprob]) -> list[Json]:
    """Return one object a token: ``token``, ``logprob``, ``bytes``, ``top_logprobs``."""
    return [
        {
            "token": entry.token,
            "logprob": finite(entry.logprob),
            "bytes": list(entry.bytes),
            "top_logprobs": [{"token": top.token, "logprob": finite(top.logprob), "bytes": list(top.bytes)} for top in entry.top],
        }
        for entry in logprobs
    ]


def as_delta(result: Result) -> Delta:
    """Return *result*, which must be text."""
    if isinstance(result, Delta):
        return result
    raise EngineFailed("The model answered with vectors where text was asked for; see the plugin that serves it.")


def choice_count(call: Call) -> int:
    """Return how many choices the answer of *call* must have."""
    request = call.request
    if isinstance(request, ChatRequest):
        return request.n
    if isinstance(request, CompletionRequest):
        return request.n * len(request.prompts)
    return 1


def check_whole(finished: Collection[int], count: int) -> None:
    """Raise ``EngineFailed`` where the answer ended before all its choices did: a cut one is never presented as success."""
    open_choices = [str(index) for index in range(count) if index not in finished]
    if open_choices:
        raise EngineFailed(
            f"The answer ended before it was finished (choice {', '.join(open_choices)} has no finish reason); try the call again."
        )


def chunk_head(kind: str, identity: Identity, model: str) -> bytes:
    """Return what every chunk of a stream begins with, up to its choices."""
    head = dumps({"id": identity.id, "object": kind, "created": identity.created, "model": model})
    return b"data: " + head[:-1] + b',"system_fingerprint":null,"choices":['


def usage_chunk(head: bytes, usage: Usage | None) -> bytes:
    """Return the last chunk of a stream that usage was asked for, begun with *head*: it has no choices.

    Raises:
        EngineFailed: The model never said how many tokens it was.
    """
    if usage is None:
        raise EngineFailed("The answer ended without the usage that was asked for; try the call again.")
    return head + b'],"usage":' + dumps(usage_object(usage)) + b"}\n\n"


def error_frame(error: CallError) -> bytes:
    """Return an in-band error of chat and completions; the SDK raises it."""
    return b"data: " + error_document(error) + b"\n\n"
