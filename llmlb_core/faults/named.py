"""The faults by name: for cases, for schedules, and for whoever sets a plan through the control plane."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from llmlb_core.faults.fault import FOR_EVER, WORKS, Fault

MIDDLE = 9
"""Before this event a stream breaks "in the middle": the role and eight words are out."""


def refusal(status: int, code: str, message: str = "no", kind: str = "invalid_request_error", **headers: str) -> Fault:
    """Return a refusal in the dialect's shape."""
    document = {"error": {"message": message, "type": kind, "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=status, body=msgspec.json.encode(document).decode(), headers=named)


def error_event(code: str, message: str = "the engine died") -> bytes:
    """Return an error as a stream carries it after its head."""
    return b"data: " + msgspec.json.encode({"error": {"message": message, "type": "server_error", "code": code}}) + b"\n\n"


BAD_JSON = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"lo\n\n'
NOT_UTF8 = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"\xff\xfe\xfa"}}]}\n\n'
GARBAGE = bytes(range(128, 256)) * 2

FAULTS: Mapping[str, Fault] = {
    "works": WORKS,
    # before the head
    "reset_before_head": Fault(break_how="reset"),
    "closed_before_head": Fault(break_how="cut"),
    "silent_before_head": Fault(head_delay_s=FOR_EVER),
    "no_http": Fault(instead=GARBAGE),
    # status
    "500": refusal(500, "server_error"),
    "502": Fault(status=502, body="<html>Bad Gateway</html>", content_type="text/html"),
    "503": refusal(503, "overloaded"),
    "504": Fault(status=504, body=""),
    "408": refusal(408, "request_timeout"),
    "429": refusal(429, "rate_limit_exceeded"),
    "429_retry_after_1": refusal(429, "rate_limit_exceeded", retry_after="1"),
    "429_retry_after_60": refusal(429, "rate_limit_exceeded", retry_after="60"),
    "429_retry_after_6": refusal(429, "rate_limit_exceeded", retry_after="6"),
    "503_retry_after_1": refusal(503, "overloaded", retry_after="1"),
    "400": refusal(400, "invalid_value", "'temperature' must be at most 2."),
    "401": refusal(401, "invalid_api_key"),
    "404": refusal(404, "not_found"),
    "404_model": refusal(404, "model_not_found"),
    "413": refusal(413, "body_too_large"),
    "422": refusal(422, "unprocessable"),
    "context_length": refusal(400, "context_length_exceeded", "This model's maximum context length is 16 tokens."),
    "content_filter": refusal(400, "content_filter", "The prompt was filtered."),
    # a bad answer with a good status
    "empty_200": Fault(body=""),
    "html_200": Fault(body="<html>Log in to the network</html>", content_type="text/html"),
    "length_too_long": Fault(length_delta=64),
    "length_too_short": Fault(length_delta=-12),
    "bad_first_event": Fault(insert=BAD_JSON, insert_at=0),
    "prefill_rejected": Fault(insert=error_event("server_error", "prefill rejected"), insert_at=0, break_how="end", break_at=0),
    "role_then_reset": Fault(break_how="reset", break_at=1),
    "role_then_end": Fault(break_how="end", break_at=1),
    "silent_after_head": Fault(first_delay_s=FOR_EVER),
    "sentinel_only": Fault(insert=b"data: [DONE]\n\n", insert_at=0, break_how="end", break_at=0),
    # in the middle
    "reset": Fault(break_how="reset", break_at=MIDDLE),
    "cut": Fault(break_how="cut", break_at=MIDDLE),
    "cut_in_event": Fault(break_how="cut", break_byte=900),
    "ends_early": Fault(break_how="end", break_at=MIDDLE),
    "stall": Fault(break_how="stall", break_at=MIDDLE),
    "bad_event": Fault(insert=BAD_JSON, insert_at=MIDDLE, break_how="end", break_at=MIDDLE),
    "not_utf8": Fault(insert=NOT_UTF8, insert_at=MIDDLE, break_how="end", break_at=MIDDLE),
    "garbage": Fault(insert=GARBAGE, is_raw=True, insert_at=MIDDLE),
    "error_event": Fault(insert=error_event("server_error"), insert_at=MIDDLE, break_how="end", break_at=MIDDLE),
    "no_finish": Fault(omit=("finish",)),
    "choice_unfinished": Fault(forgets_choice=True),
    "cut_when_large": Fault(word_bytes=100_000, break_how="cut", break_byte=1_500_000),
    # odd, but whole
    "no_sentinel": Fault(omit=("sentinel",)),
    "no_sentinel_open": Fault(omit=("sentinel",), lingers=True),
    "open_after_sentinel": Fault(lingers=True),
    "no_usage": Fault(omit=("usage",)),
    "no_role": Fault(omit=("role",)),
    "huge_event": Fault(word_bytes=100_000),
    "slow": Fault(is_slow=True),
    "filtered_text": Fault(finish="content_filter"),
}
