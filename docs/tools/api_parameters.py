"""What each inference route makes of each parameter, found by sending it through the dialect's own decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from attrs import field, frozen
from llmlb_dialect_openai.decode.parameters import _HINTS as HINTS
from llmlb_dialect_openai.dialect import OpenAIDialect

from llmlb_core import Decoded, Engine
from llmlb_core.errors import CallError, InvalidRequest, UnsupportedParameter
from llmlb_core.worker.generation.features import check_features

Json = dict[str, Any]
TOOL: Json = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
FLAT_TOOL: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}}
ANSWER = frozenset({"model", "stream", "stream_options", "encoding_format", "metadata"})
"""Read by routing or by the answer's writer, so they change nothing in the decoded request."""


@frozen
class Parameter:
    """One parameter with a value that asks for something.

    Attributes:
        beside: Further members that this one needs.
        bounds: Least and greatest value; both are tried, and one step outside of each.
        about: Remark for the reader.
    """

    name: str
    sample: Any
    beside: Json = field(factory=dict)
    bounds: tuple[float, float] | None = None
    about: str = ""


@frozen
class Verdict:
    """What a route does with a parameter: ``supported``, ``no effect``, ``no effect, named`` or ``refused``; and what it needs."""

    status: str
    needs: str = ""


def hints() -> tuple[Parameter, ...]:
    """Return the parameters that name a user or a cache."""
    return tuple(Parameter(name, "u-1", about=f"string, at most {length} characters") for name, length in HINTS.items())


SAMPLING = (
    Parameter("temperature", 0.5, bounds=(0, 2)),
    Parameter("top_p", 0.5, bounds=(0, 1)),
    Parameter("presence_penalty", 1, bounds=(-2, 2)),
    Parameter("frequency_penalty", 1, bounds=(-2, 2)),
    Parameter("logit_bias", {"5": 10}, about="token ids as strings; biases from -100 to 100, at most 1024 of them"),
    Parameter("seed", 7, about="a 64-bit integer"),
    Parameter("stop", ["a", "b"], about="a string, or up to 4"),
)
BEYOND = (
    Parameter("top_k", 5, about="not OpenAI's; -1 and 0 are no limit"),
    Parameter("min_p", 0.1, bounds=(0, 1), about="not OpenAI's"),
    Parameter("repeat_penalty", 1.5, bounds=(0.01, 10), about="not OpenAI's; `repetition_penalty` is the same"),
)
STORED = (
    Parameter("store", True, about="nothing is stored; `false` is not named"),
    Parameter("service_tier", "flex", about="`auto` and `default` are not named"),
    Parameter("prompt_cache_retention", "24h", about="`in_memory` is not named"),
    Parameter("prompt_cache_options", {"a": 1}),
)
CHAT = (
    Parameter("messages", [{"role": "user", "content": "Hello"}], about="roles system, developer, user, assistant, tool, function"),
    Parameter("model", "other"),
    Parameter("stream", True),
    Parameter("stream_options", {"include_usage": True}, {"stream": True}, about="only with `stream`"),
    Parameter("n", 2, bounds=(1, 8)),
    Parameter("max_completion_tokens", 5, bounds=(1, 2**31 - 1)),
    Parameter("max_tokens", 5, bounds=(1, 2**31 - 1), about="`max_completion_tokens` goes before it"),
    *SAMPLING,
    Parameter("logprobs", True),
    Parameter("top_logprobs", 2, {"logprobs": True}, bounds=(0, 20), about="only with `logprobs`"),
    Parameter("response_format", {"type": "json_object"}, about="`text`, `json_object`, `json_schema`; enforced by grammar"),
    Parameter("tools", [TOOL], about="functions, at most 128"),
    Parameter("tool_choice", "required", {"tools": [TOOL]}, about="`none`, `auto`, `required`, a function, `allowed_tools`"),
    Parameter("parallel_tool_calls", False, {"tools": [TOOL]}),
    Parameter("functions", [TOOL["function"]], about="older form of `tools`; not both"),
    Parameter("function_call", "none", {"functions": [TOOL["function"]]}, about="older form of `tool_choice`"),
    Parameter("reasoning_effort", "low", about="told to the chat template; models that do not know it ignore it"),
    Parameter("modalities", ["text", "audio"], about="`text` alone is supported"),
    Parameter("metadata", {"a": "b"}, about="at most 16 pairs of strings"),
    *hints(),
    *STORED,
    Parameter("prediction", {"type": "content", "content": "x"}),
    Parameter("verbosity", "low", about="`medium` is not named"),
    Parameter("audio", {"voice": "alloy", "format": "wav"}),
    Parameter("web_search_options", {}),
    Parameter("moderation", {"a": 1}),
    *BEYOND,
)
COMPLETION = (
    Parameter("prompt", "Hello", about="a text, texts, token ids, or lists of token ids; at most 128"),
    Parameter("model", "other"),
    Parameter("stream", True),
    Parameter("stream_options", {"include_usage": True}, {"stream": True}, about="only with `stream`"),
    Parameter("n", 2, bounds=(1, 8), about="prompts × n at most 128"),
    Parameter("max_tokens", 5, bounds=(1, 2**31 - 1), about="16 by default, as at OpenAI; 0 with `echo`"),
    *SAMPLING,
    Parameter("logprobs", 2, bounds=(0, 5)),
    Parameter("echo", True, about="texts only, not with `logprobs`"),
    Parameter("suffix", "end"),
    Parameter("best_of", 2, about="only the value of `n`"),
    *hints(),
    STORED[0],
    *BEYOND,
)
EMBEDDING = (
    Parameter("input", "Hello", about="a text, texts, token ids, or lists of token ids; at most 2048, none empty"),
    Parameter("model", "other"),
    Parameter("encoding_format", "base64", about="`float` or `base64`"),
    Parameter("dimensions", 8, bounds=(1, 65_536)),
    *hints(),
)
RESPONSE = (
    Parameter("input", "Hello there", about="a text, or items: message, function_call, function_call_output, reasoning"),
    Parameter("model", "other"),
    Parameter("instructions", "Be brief."),
    Parameter("stream", True),
    Parameter("stream_options", {"include_obfuscation": True}, {"stream": True}, about="only with `stream`"),
    Parameter("max_output_tokens", 5, bounds=(1, 2**31 - 1)),
    *SAMPLING,
    Parameter("text", {"format": {"type": "json_object"}}, about="`format` as in chat; `verbosity` has no effect and is named"),
    Parameter("tools", [FLAT_TOOL], about="functions, at most 128"),
    Parameter("tool_choice", "required", {"tools": [FLAT_TOOL]}, about="as in chat"),
    Parameter("parallel_tool_calls", False, {"tools": [FLAT_TOOL]}),
    Parameter("reasoning", {"effort": "low"}, about="`effort`; `summary` has no effect and is named, mode `pro` is refused"),
    Parameter(
        "include", ["message.output_text.logprobs"], about="log probabilities; other known values have no effect and are named"
    ),
    Parameter("top_logprobs", 2, {"include": ["message.output_text.logprobs"]}, bounds=(0, 20), about="only with that `include`"),
    Parameter("metadata", {"a": "b"}, about="given back in the answer; at most 16 pairs of strings"),
    *hints(),
    *STORED,
    Parameter("truncation", "auto", about="a prompt that is too long is 400; `disabled` is not named"),
    Parameter("max_tool_calls", 2),
    *(Parameter(name, {"a": 1}) for name in ("access_programs", "background_options", "image")),
    *(Parameter(name, "x_1") for name in ("previous_response_id", "conversation")),
    Parameter("background", True, about="`false` is taken"),
    Parameter("prompt", {"id": "p"}),
    Parameter("moderation", {"a": 1}),
    Parameter("context_management", [{"type": "compaction"}]),
    *BEYOND,
)
BASE: Mapping[str, tuple[Json, tuple[Parameter, ...]]] = {
    "/v1/chat/completions": ({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}, CHAT),
    "/v1/completions": ({"model": "m", "prompt": "Hi"}, COMPLETION),
    "/v1/responses": ({"model": "m", "input": "Hi"}, RESPONSE),
    "/v1/embeddings": ({"model": "m", "input": "Hi"}, EMBEDDING),
}
_DIALECT = OpenAIDialect()
_ROUTES = {route.path: route for route in _DIALECT.routes}


def decode(path: str, body: Json) -> Decoded:
    """Read a body as the server does."""
    raw = orjson.dumps(body)
    _DIALECT.parse(_ROUTES[path], raw)
    return _DIALECT.decode(_ROUTES[path], raw)


class _Bare:
    """An engine without any feature: what it refuses is what a request needs."""

    name = "bare"
    supports: frozenset[str] = frozenset()


def verdict(path: str, parameter: Parameter) -> Verdict:
    """Say what the route does with *parameter*.

    Raises:
        SystemExit: A bound does not hold.
    """
    without = {**BASE[path][0], **parameter.beside}
    with_it = {**without, parameter.name: parameter.sample}
    try:
        read = decode(path, with_it)
    except UnsupportedParameter:
        return Verdict("refused")
    _check_bounds(path, parameter)
    if any(name.split(".")[0].split("[")[0] == parameter.name for name in read.ignored):
        return Verdict("no effect, named")
    before = decode(path, without)
    if parameter.name in HINTS or (parameter.name not in ANSWER and before.request == read.request):
        return Verdict("no effect")
    return Verdict("supported", needed(read))


def needed(read: Decoded) -> str:
    """Return the feature of an engine that a request needs, or nothing."""
    bare: Any = _Bare()
    try:
        check_features(bare, read.request)
    except CallError as error:
        _, _, feature = error.message.partition("has no '")
        return feature.partition("'")[0]
    return ""


def _check_bounds(path: str, parameter: Parameter) -> None:
    if parameter.bounds is None:
        return
    step = 1 if isinstance(parameter.sample, int) and isinstance(parameter.bounds[1], int) else 0.001
    for inside, outside in zip(parameter.bounds, (parameter.bounds[0] - step, parameter.bounds[1] + step), strict=True):
        body = {**BASE[path][0], **parameter.beside}
        decode(path, {**body, parameter.name: inside})
        try:
            decode(path, {**body, parameter.name: outside})
        except InvalidRequest:
            continue
        raise SystemExit(f"{path} takes {parameter.name} = {outside}, beyond what its bounds say")


def rows(path: str) -> str:
    """Return the table of one route."""
    lines = ["| parameter | | remark |", "|---|---|---|"]
    for parameter in BASE[path][1]:
        found = verdict(path, parameter)
        remarks = [] if parameter.bounds is None else [f"{parameter.bounds[0]:g} to {parameter.bounds[1]:,}"]
        remarks += [parameter.about] if parameter.about else []
        remarks += [f"needs the engine's `{found.needs}`"] if found.needs else []
        lines.append(f"| `{parameter.name}` | {found.status} | {'; '.join(remarks)} |")
    return "\n".join(lines) + "\n"


def features(engines: Mapping[str, type[Engine]]) -> str:
    """Return which engine has which feature."""
    every = sorted({feature for engine in engines.values() for feature in engine.supports} - {"echo_logprobs"})
    head = f"| feature | {' | '.join(f'`{name}`' for name in engines)} |\n|---|{'---|' * len(engines)}\n"
    lines = [
        f"| `{feature}` | {' | '.join('yes' if feature in engine.supports else 'no' for engine in engines.values())} |"
        for feature in every
    ]
    return head + "\n".join(lines) + "\n"


def unlisted() -> dict[str, set[str]]:
    """Return what the installed SDK can send and no table lists."""
    from openai.types import completion_create_params, embedding_create_params
    from openai.types.chat import completion_create_params as chat
    from openai.types.responses import response_create_params

    sdk = {
        "/v1/chat/completions": chat.CompletionCreateParamsBase,
        "/v1/completions": completion_create_params.CompletionCreateParamsBase,
        "/v1/responses": response_create_params.ResponseCreateParamsBase,
        "/v1/embeddings": embedding_create_params.EmbeddingCreateParams,
    }
    missing = {path: set(cls.__annotations__) - {each.name for each in BASE[path][1]} for path, cls in sdk.items()}
    return {path: names for path, names in missing.items() if names}
