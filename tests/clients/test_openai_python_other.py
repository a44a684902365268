"""The official ``openai`` client for Python: completions, embeddings, models."""

from __future__ import annotations

import math

import openai
import pytest
from openai.types import Completion, CreateEmbeddingResponse

pytestmark = pytest.mark.model


def test_completions_echo_their_prompts_in_order(client):
    """Two prompts, two answers each."""
    raw = client.completions.with_raw_response.create(model="smollm2", prompt=["Once upon", "Hello"], n=2, echo=True, max_tokens=4)

    answer = Completion.model_validate_json(raw.text, strict=True)
    assert [0, 1, 2, 3] == [choice.index for choice in answer.choices]
    assert [True, True, False, False] == [choice.text.startswith("Once upon") for choice in answer.choices]
    assert all(choice.text.startswith("Hello") for choice in answer.choices[2:])
    assert 16 >= answer.usage.completion_tokens


def test_completions_stream_what_they_say_plainly(client):
    """Greedy, with usage at the end (24157000-F2, 63acef08-F5, N5)."""
    asked = {"model": "smollm2", "prompt": "The sun is", "max_tokens": 8, "temperature": 0}

    plain = client.completions.create(**asked)
    chunks = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))

    assert plain.choices[0].text == "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert plain.usage.completion_tokens == chunks[-1].usage.completion_tokens


def test_completions_have_their_older_logprobs(client):
    """Four lists of one length; offsets point into the text (24157000-F9)."""
    choice = client.completions.create(model="smollm2", prompt="The sun is", max_tokens=4, temperature=0, logprobs=2).choices[0]

    logprobs = choice.logprobs

    assert 1 == len({len(logprobs.tokens), len(logprobs.token_logprobs), len(logprobs.top_logprobs), len(logprobs.text_offset)})
    assert all(value <= 0 for value in logprobs.token_logprobs)
    assert all(choice.text[offset:].startswith(token) for token, offset in zip(logprobs.tokens, logprobs.text_offset, strict=True))


def test_completions_take_token_ids(client):
    """As evaluation harnesses send them."""
    assert client.completions.create(model="smollm2", prompt=[1, 2, 3], max_tokens=2).usage.prompt_tokens >= 3


def test_embeddings_are_the_same_as_numbers_and_as_base64(client):
    """The client asks for base64 unless told otherwise (63acef08-F5, N5)."""
    packed = client.embeddings.create(model="echo", input=["one", "two"])
    raw = client.embeddings.with_raw_response.create(model="echo", input=["one", "two"], encoding_format="float")

    numbers = CreateEmbeddingResponse.model_validate_json(raw.text, strict=True)
    assert [0, 1] == [entry.index for entry in numbers.data]
    assert [pytest.approx(entry.embedding) for entry in numbers.data] == [list(entry.embedding) for entry in packed.data]
    assert pytest.approx(1, abs=1e-3) == math.hypot(*numbers.data[0].embedding)
    assert numbers.usage.prompt_tokens > 0


def test_embeddings_of_a_model_that_has_none_are_refused(client):
    """400 ``model_capability_mismatch``, before anything is loaded (32637000-F2, F6)."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="smollm2", input="one")

    assert "model_capability_mismatch" == caught.value.code


def test_models_are_listed_and_retrieved(client):
    """With what this server knows beyond OpenAI's members (24157000-F18, 32637000-F5, 63acef08-F5)."""
    models = {model.id: model for model in client.models.list()}

    assert {"smollm2", "echo"} <= set(models)
    model = client.models.retrieve("smollm2")
    assert ("model", "smollm2", models["smollm2"].owned_by) == (model.object, model.id, model.owned_by)
    assert "text_generation" in model.capabilities
    assert {"chat_completions", "responses"} <= set(model.supported_apis)


def test_an_unknown_model_cannot_be_retrieved(client):
    """404 ``model_not_found`` with ``param``."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("org/no-such-model")

    assert ("model_not_found", "model") == (caught.value.code, caught.value.param)
