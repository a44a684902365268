"""The ``response`` object of the Responses API: what the request asked for, and what came of it."""

from __future__ import annotations

import time

import orjson

from llmlb_core import Call, ChatRequest, Usage
from llmlb_core.errors import CallError
from llmlb_dialect_openai.render.parts import Json
from llmlb_dialect_openai.render.views import ResponseView
from llmlb_dialect_openai.text import unique_id

# The codes that ``response.error`` may have in the SDK's types; the full story is in the ``error`` event before it.
_ERROR_CODES = {429: "rate_limit_exceeded", 400: "invalid_prompt"}


class ResponseDocument:
    """Writes the same response again and again while it grows: created, in progress, ended."""

    def __init__(self, call: Call, model: str) -> None:
        """Gather what does not change."""
        view = ResponseView.of(call.body)
        request = call.request if isinstance(call.request, ChatRequest) else ChatRequest(messages=())
        self.wants_logprobs = request.logprobs
        self.id = unique_id("resp_")
        self._base: Json = {
            "id": self.id,
            "object": "response",
            "created_at": int(time.time()),
            "background": False,
            "instructions": view.instructions,
            "max_output_tokens": request.sampling.max_tokens if view.max_output_tokens is not None else None,
            "max_tool_calls": view.max_tool_calls,
            "metadata": view.metadata or {},
            "model": model,
            "parallel_tool_calls": request.parallel_tool_calls,
            "previous_response_id": None,
            "prompt_cache_key": view.prompt_cache_key,
            "reasoning": {"effort": view.reasoning.effort if view.reasoning is not None else None, "summary": None},
            "safety_identifier": view.safety_identifier,
            "service_tier": "default",
            "store": False,
            "temperature": request.sampling.temperature,
            "text": {"format": _format(request), "verbosity": "medium"},
            "tool_choice": view.tool_choice if view.tool_choice is not None else "auto",
            "tools": _tools(request),
            "top_logprobs": request.top_logprobs,
            "top_p": request.sampling.top_p,
            "truncation": "disabled",
            "user": view.user,
        }

    def in_progress(self) -> Json:
        """Return the response as it begins."""
        return self._document("in_progress", [])

    def ended(self, output: list[Json], usage: Usage | None, incomplete_reason: str | None) -> Json:
        """Return the response as it ended: completed, or incomplete with the reason."""
        return self._document("completed" if incomplete_reason is None else "incomplete", output, usage, incomplete_reason)

    def failed(self, output: list[Json], error: CallError) -> Json:
        """Return the response as it broke."""
        document = self._document("failed", output)
        document["error"] = {"code": _ERROR_CODES.get(error.status, "server_error"), "message": error.message}
        return document

    def _document(self, status: str, output: list[Json], usage: Usage | None = None, incomplete_reason: str | None = None) -> Json:
        """Return the whole object."""
        return {
            **self._base,
            "status": status,
            "completed_at": int(time.time()) if status == "completed" else None,
            "error": None,
            "incomplete_details": {"reason": incomplete_reason} if incomplete_reason is not None else None,
            "output": output,
            "usage": _usage(usage) if usage is not None else None,
        }


def _usage(usage: Usage) -> Json:
    """Return ``usage`` in this API's words."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def _tools(request: ChatRequest) -> list[Json]:
    """Return the tools as they were understood; schemas are not built again."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": orjson.Fragment(tool.parameters_json) if tool.parameters_json is not None else None,
            "strict": tool.strict,
        }
        for tool in request.tools
    ]


def _format(request: ChatRequest) -> Json:
    """Return ``text.format`` as it was understood."""
    given = request.response_format
    if given.type != "json_schema":
        return {"type": given.type}
    return {
        "type": "json_schema",
        "name": given.name or "response",
        "schema": orjson.Fragment(given.schema_json or "{}"),
        "strict": given.strict,
        "description": None,
    }
