"""What several forms of answers share: usage, log probabilities, frames, and the check that an answer is whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llmlb_core import Call, ChatRequest, CompletionRequest, Delta, Result, TokenLogprob, Usage
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.text import finite

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


def cut_short(finished: Collection[int], count: int) -> EngineFailed | None:
    """Return the error of an answer that ended before all its choices did, or None where it is whole."""
    open_choices = [str(index) for index in range(count) if index not in finished]
    if not open_choices:
        return None
    return EngineFailed(
        f"The answer ended before it was finished (choice {', '.join(open_choices)} has no finish reason); try the call again."
    )


def error_frame(error: CallError) -> bytes:
    """Return an in-band error of chat and completions; the SDK raises it."""
    return b"data: " + error_document(error) + b"\n\n"
