"""Error documents, and the SDK's classes for them."""

from __future__ import annotations

import json

import openai
import pytest

from llmlb_core import Delta
from llmlb_core.errors import InternalError, ModelNotFound, QueueFull


def test_the_four_members_are_always_there(dialect):
    """``param`` may be null, ``code`` is a string."""
    document = json.loads(dialect.error(InternalError("It broke.")))

    assert {"error": {"message": "It broke.", "type": "server_error", "param": None, "code": "internal_error"}} == document


def test_extras_and_the_time_to_wait_are_added_but_hide_nothing(dialect):
    """Further facts of an error are members of it."""
    error = QueueFull("100 calls wait.", retry_after_s=4.2, extras={"queue_size": 100, "code": "x"})

    assert {
        "message": "100 calls wait.",
        "type": "queue_full",
        "param": None,
        "code": "queue_full",
        "retry_after": 5,
        "queue_size": 100,
    } == (json.loads(dialect.error(error))["error"])


def test_text_that_is_not_utf8_does_not_break_a_document(dialect):
    """A name from a URL may hold anything."""
    document = json.loads(dialect.error(ModelNotFound("no \udcff here", param="model")))

    assert "no ? here" == document["error"]["message"]


def test_sdk_raises_bad_request_with_param_and_code(sdk):
    """What a client sees of a wrong value."""
    with pytest.raises(openai.BadRequestError) as caught:
        sdk([]).chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], temperature=3)

    assert ("temperature", "decimal_above_max_value", "invalid_request_error") == (
        caught.value.param,
        caught.value.code,
        caught.value.type,
    )


def test_sdk_raises_an_in_band_error(sdk):
    """A stream that breaks raises in the client."""
    stream = sdk([Delta(text="a")]).chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True)

    with pytest.raises(openai.APIError, match="before it was finished") as caught:
        list(stream)

    assert "engine_failed" == caught.value.code
