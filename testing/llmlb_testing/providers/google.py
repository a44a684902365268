"""Google, as far as its public reference tells: https://ai.google.dev/api/generate-content. Needs ``pip install google-genai``.

Bodies are checked by the types of the official SDK, in which nothing further is allowed, and by rules that types do not tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from llmlb_testing.providers.base import Asked, Provider, Scripted, schema_problems

_PATH = re.compile(r"/v1beta/(models/[^/:]+|tunedModels/[^/:]+):(\w+)\Z")
_DATA = frozenset({"text", "inlineData", "fileData", "functionCall", "functionResponse"})
_MODELS = (
    {
        "name": "models/gemini-2.5-flash",
        "inputTokenLimit": 1_048_576,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    },
    {"name": "models/gemini-embedding-001", "inputTokenLimit": 2048, "supportedGenerationMethods": ["embedContent"]},
    {"name": "models/veo-3.1", "inputTokenLimit": 480, "supportedGenerationMethods": ["predictLongRunning"]},
)


def event(document: Any) -> bytes:
    """Return *document* as the API streams it."""
    return f"data: {json.dumps(document)}\r\n\r\n".encode()


def response(*parts: Mapping[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    """Return a ``GenerateContentResponse`` with one candidate; with its end comes usage."""
    candidate: dict[str, Any] = {"index": index}
    if parts:
        candidate["content"] = {"parts": list(parts), "role": "model"}
    document: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r1"}
    if finish is not None:
        candidate["finishReason"] = finish
        document["usageMetadata"] = {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6}
    return {**document, **more}


def error(status: int, message: str, word: str = "INVALID_ARGUMENT", details: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return an error document."""
    return {"error": {"code": status, "message": message, "status": word, **({"details": list(details)} if details else {})}}


class GoogleProvider(Provider):
    """Says "Hello." to everything that is allowed."""

    page_size: ClassVar[int] = 2

    def key_of(self, headers: Mapping[str, str], query: str) -> str:
        """Take the header; a key in the address stays in logs."""
        return "" if "key=" in query else headers.get("x-goog-api-key", "")

    def check(self, asked: Asked) -> list[str]:
        """Return what Google would refuse, and what it should never be sent."""
        if asked.method == "GET":
            return [] if asked.path == "/v1beta/models" else [f"GET {asked.path}: unknown"]
        found = _PATH.match(asked.path)
        if found is None:
            return [f"POST {asked.path}: unknown"]
        return list(request_problems(found[1], found[2], asked.query, asked.json))

    def usual(self, asked: Asked) -> Scripted:
        """Greet."""
        if "streamGenerateContent" in asked.path:
            return Scripted(events=[event(response({"text": "Hel"})), event(response({"text": "lo."}, finish="STOP"))])
        return Scripted(document=response({"text": "Hello."}, finish="STOP"))

    def error(self, status: int, message: str) -> Any:
        """Return an error document."""
        return error(status, message)

    def unscripted(self, asked: Asked) -> Scripted | None:
        """Answer lists, counts and embeddings."""
        if asked.method == "GET":
            start = 0 if "pageToken" not in asked.query else self.page_size
            more = {"nextPageToken": "next page"} if start + self.page_size < len(_MODELS) else {}
            return Scripted(document={"models": list(_MODELS[start : start + self.page_size]), **more})
        if asked.path.endswith(":countTokens"):
            return Scripted(document={"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]})
        if asked.path.endswith(":batchEmbedContents"):
            rows = [{"values": [3.0, 4.0]} for _ in asked.json["requests"]]
            return Scripted(document={"embeddings": rows, "usageMetadata": {"promptTokenCount": 5}})
        return None


def request_problems(model: str, method: str, query: str, body: Any) -> Iterator[str]:
    """Yield what Google would not allow of a POST.

    Args:
        model: Resource name, such as ``models/gemini-2.5-flash``.
        method: Behind the colon.
        query: Of the address.
        body: JSON as Python has it.
    """
    if method == "batchEmbedContents":
        yield from _problems("embed", body)
        yield from (f"requests: the model is {each.get('model')}" for each in body["requests"] if each.get("model") != model)
    elif method == "countTokens":
        inner = body.get("generateContentRequest", {})
        yield from _content_problems(model, {name: value for name, value in inner.items() if name != "model"})
        if set(body) - {"generateContentRequest"} or inner.get("model") != model:
            yield f"countTokens: {sorted(body)} of {inner.get('model')}"
    elif method in {"generateContent", "streamGenerateContent"}:
        if query != ("alt=sse" if method.startswith("stream") else ""):
            yield f"{method}: the query is '{query}'"
        yield from _content_problems(model, body)
    else:
        yield f"{method}: unknown"


def _content_problems(model: str, body: Any) -> Iterator[str]:
    yield from _problems("generate", body)
    contents = body.get("contents") or []
    if not contents:
        yield "contents: is not specified"
    for turn in contents:
        if turn.get("role") not in {"user", "model"} or not turn.get("parts"):
            yield f"contents: role {turn.get('role')}, {len(turn.get('parts') or ())} parts"
        yield from (f"parts: {sorted(part)}" for part in turn["parts"] if len(_DATA & set(part)) != 1)
    called = {part["functionCall"]["name"] for turn in contents for part in turn["parts"] if "functionCall" in part}
    for turn in contents:
        for part in turn["parts"]:
            if "functionResponse" in part and part["functionResponse"]["name"] not in called:
                yield f"functionResponse: {part['functionResponse']['name']} was not called"
    yield from _config_problems(body)
    if "gemini-3" in model:
        yield from _seal_problems(contents)


def _config_problems(body: Any) -> Iterator[str]:
    config = body.get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        yield "thinkingConfig: both a budget and a level"
    if len(config.get("stopSequences", ())) > 5:
        yield "stopSequences: more than 5"
    if "responseJsonSchema" in config and config.get("responseMimeType") != "application/json":
        yield "responseJsonSchema: without responseMimeType"
    if "logprobs" in config and not config.get("responseLogprobs"):
        yield "logprobs: without responseLogprobs"
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    names = calling.get("allowedFunctionNames", ())
    declared = {each["name"] for tool in body.get("tools", ()) for each in tool["functionDeclarations"]}
    if names and (calling.get("mode") not in {"ANY", "VALIDATED"} or set(names) - declared):
        yield f"allowedFunctionNames: {names} with {calling.get('mode')}"


def _seal_problems(contents: Sequence[Any]) -> Iterator[str]:
    """The first call of each step since the user spoke last has its signature."""
    asking = [at for at, turn in enumerate(contents) if turn["role"] == "user" and "functionResponse" not in turn["parts"][0]]
    begin = max(asking, default=-1)
    for turn in contents[begin + 1 :]:
        calls = [part for part in turn["parts"] if "functionCall" in part]
        if calls and "thoughtSignature" not in calls[0]:
            yield f"Function call is missing a thought_signature in functionCall parts: {calls[0]['functionCall']['name']}"


def _problems(kind: str, body: Any) -> list[str]:
    return schema_problems(_Json(_schemas()[kind]), body)


class _Json:
    """Validates JSON, in which bytes are base64."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def validate_python(self, document: Any) -> Any:
        return self._adapter.model_validate_json(json.dumps(document))


def _list_of(kind: Any) -> Any:
    return list.__class_getitem__(kind)


@cache
def _schemas() -> Mapping[str, Any]:
    # By name: the SDK's types are 25,000 lines, which type checkers would read.
    pydantic: Any = import_module("pydantic")
    types: Any = import_module("google.genai.types")
    config = pydantic.ConfigDict(extra="forbid")
    embed = pydantic.create_model(
        "EmbedContentRequest",
        __config__=config,
        model=(str, ...),
        content=(types.Content, ...),
        outputDimensionality=(int | None, None),
    )
    return {
        "generate": pydantic.create_model(
            "GenerateContentRequest",
            __config__=config,
            contents=(_list_of(types.Content), ...),
            systemInstruction=(types.Content | None, None),
            tools=(_list_of(types.Tool) | None, None),
            toolConfig=(types.ToolConfig | None, None),
            generationConfig=(types.GenerationConfig | None, None),
        ),
        "embed": pydantic.create_model("BatchEmbedContentsRequest", __config__=config, requests=(_list_of(embed), ...)),
    }
