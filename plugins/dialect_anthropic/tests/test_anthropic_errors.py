"""Error documents: Anthropic's types by status, and what the SDK makes of them."""

from __future__ import annotations

import json

import anthropic
import pytest
from anthropic.types.shared import ErrorResponse

from llmlb_core import Delta, Usage, errors
from llmlb_core.errors import CallError, InvalidRequest


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.InvalidRequest, "invalid_request_error"),
        (errors.Unauthorized, "authentication_error"),
        (errors.CloudUnpaid, "billing_error"),
        (errors.Forbidden, "permission_error"),
        (errors.ModelNotFound, "not_found_error"),
        (errors.BodyTooLarge, "request_too_large"),
        (errors.RateLimited, "rate_limit_error"),
        (errors.InternalError, "api_error"),
        (errors.EndpointFailed, "api_error"),
        (errors.ModelLoading, "overloaded_error"),
        (errors.DeadlineExceeded, "timeout_error"),
    ],
)
def test_the_type_is_anthropics(dialect, error, expected):
    """By status."""
    document = json.loads(dialect.error(error("It cannot be done.")))

    assert {"type": "error", "error": {"type": expected, "message": "It cannot be done."}} == document


def test_documents_are_valid_by_the_sdks_type(dialect):
    """Of every error that the SDK knows by name; ``request_too_large`` and ``conflict_error`` it takes as they come."""
    for error in (
        errors.InvalidRequest,
        errors.Unauthorized,
        errors.Forbidden,
        errors.RateLimited,
        errors.NoEndpoint,
        errors.QueueTimeout,
    ):
        ErrorResponse.model_validate_json(dialect.error(error("x")), strict=True)


def test_parameters_have_the_references_names(dialect, body):
    """Engines know canonical ones."""
    names = {name: dialect.param(None, name) for name in ("stop", "response_format", "reasoning_effort", "messages", "seed")}

    assert {
        "stop": "stop_sequences",
        "response_format": "output_config.format",
        "reasoning_effort": "output_config.effort",
        "messages": "messages",
        "seed": "seed",
    } == names


def test_the_client_raises_what_was_refused(sdk):
    """With the path of what is wrong."""
    with pytest.raises(anthropic.BadRequestError) as raised:
        sdk(()).messages.create(model="m", max_tokens=1, messages=[])

    assert "messages: at least one message is required" in str(raised.value)


def test_the_client_raises_an_error_within_a_stream(sdk):
    """After what came before it."""
    results = (Delta(text="half"),)

    opened = sdk(results).messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])

    with opened as stream, pytest.raises(anthropic.APIStatusError) as raised:
        stream.get_final_message()

    assert "ended before it was finished" in str(raised.value)


def test_the_client_reads_whole_answers(sdk):
    """Its own accumulator comes to the same as the plain answer."""
    results = (Delta(reasoning="Hm."), Delta(text="Yes."), Delta(finish="stop"), Delta(usage=Usage(3, 4)))
    asked = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}

    plain = sdk(results).messages.create(**asked)
    with sdk(results).messages.stream(**asked) as stream:
        final = stream.get_final_message()

    assert plain.content[1].text == final.content[1].text == "Yes."
    assert plain.content[0].thinking == final.content[0].thinking
    assert (plain.stop_reason, plain.usage.output_tokens, plain.usage.input_tokens) == (
        final.stop_reason,
        final.usage.output_tokens,
        final.usage.input_tokens,
    )


def test_no_error_is_without_a_type(dialect):
    """Whatever its status."""
    for status in (400, 418, 451, 500, 502, 507):
        error: type[CallError] = type("Odd", (InvalidRequest,), {"status": status})

        assert json.loads(dialect.error(error("x")))["error"]["type"] in ("invalid_request_error", "api_error")
