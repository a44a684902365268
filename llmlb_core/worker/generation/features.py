"""What a request asks of an engine, checked against what the engine supports."""

from __future__ import annotations

from collections.abc import Iterator

from llmlb_core.contracts.engine import Engine, Feature
from llmlb_core.domain.chat import ChatRequest, CompletionRequest, EmbeddingRequest, ImagePart, Sampling
from llmlb_core.errors import InvalidRequest, UnsupportedParameter

TextualRequest = ChatRequest | CompletionRequest | EmbeddingRequest


def check_features(engine: Engine, request: TextualRequest) -> None:
    """Refuse *request* where it needs a feature that *engine* lacks.

    Raises:
        UnsupportedParameter: Names the parameter and the feature.
    """
    for feature, param, what in _needs(request):
        if feature not in engine.supports:
            raise UnsupportedParameter(
                f"{what} is not possible with this model: its engine {engine.name!r} has no {feature!r}. "
                f"Leave {param!r} out, or choose another model.",
                param=param,
            )
    if isinstance(request, CompletionRequest) and request.echo:
        _check_echo(request)


def _check_echo(request: CompletionRequest) -> None:
    if request.logprobs:
        raise UnsupportedParameter(
            "'echo' together with 'logprobs' needs the log probabilities of the prompt, which are not computed here. "
            "Leave one of the two out.",
            param="echo",
        )
    if not all(isinstance(prompt, str) for prompt in request.prompts):
        raise UnsupportedParameter("'echo' needs prompts as text, not as token ids.", param="echo")


def _needs(request: TextualRequest) -> Iterator[tuple[Feature, str, str]]:
    """Yield feature, parameter and a name for people."""
    if isinstance(request, EmbeddingRequest):
        if not all(isinstance(text, str) for text in request.inputs):
            yield "token_prompts", "input", "An input of token ids"
        if request.dimensions is not None:
            yield "dimensions", "dimensions", "A chosen vector length"
        return
    if request.logprobs:
        yield "logprobs", "logprobs", "An answer with log probabilities"
    yield from _sampling_needs(request.sampling)
    if isinstance(request, CompletionRequest):
        if not all(isinstance(prompt, str) for prompt in request.prompts):
            yield "token_prompts", "prompt", "A prompt of token ids"
        if request.suffix:
            yield "suffix", "suffix", "A suffix"
    else:
        yield from _chat_needs(request)


def _sampling_needs(sampling: Sampling) -> Iterator[tuple[Feature, str, str]]:
    if sampling.logit_bias:
        yield "logit_bias", "logit_bias", "A bias of single tokens"
    if sampling.seed is not None:
        yield "seed", "seed", "A seed"
    for param in ("presence_penalty", "frequency_penalty"):
        if getattr(sampling, param):
            yield "penalties", param, "A penalty"
    if sampling.repeat_penalty not in (None, 1.0):
        yield "penalties", "repeat_penalty", "A penalty"


def _chat_needs(request: ChatRequest) -> Iterator[tuple[Feature, str, str]]:
    if request.response_format.type != "text":
        yield "json_schema", "response_format", "An enforced response format"
        if request.response_format.type == "json_schema" and request.response_format.schema_json is None:
            raise InvalidRequest("response_format of type 'json_schema' has no schema.", param="response_format")
    if request.tools and request.tool_choice.mode == "required":
        yield "json_schema", "tool_choice", "A required tool call"
    if any(isinstance(part, ImagePart) for message in request.messages for part in message.parts):
        yield "images", "messages", "An image in a message"
