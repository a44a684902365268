"""A chat request as a plan: one prompt, ``n`` answers."""

from __future__ import annotations

from attrs import evolve

from llmlb_core.contracts.engine import TextEngine, TextRequest
from llmlb_core.domain.chat import ChatRequest, ResponseFormat
from llmlb_core.domain.models import LocalModel
from llmlb_core.worker.chat_format.harmony import Harmony
from llmlb_core.worker.chat_format.images import take_images
from llmlb_core.worker.chat_format.pieces import Parser
from llmlb_core.worker.chat_format.prompt import Form, Prompt, render_chat
from llmlb_core.worker.chat_format.reasoning import TaggedReasoning
from llmlb_core.worker.chat_format.required_call import RequiredCall
from llmlb_core.worker.chat_format.stops import Stops
from llmlb_core.worker.chat_format.tool_parsers import ToolCalls
from llmlb_core.worker.chat_format.tools import OfferedTool, call_schema, offered_tools
from llmlb_core.worker.generation.plan import Plan, Sequence
from llmlb_core.worker.generation.room import room_after


def plan_chat(engine: TextEngine, model: LocalModel, request: ChatRequest) -> Plan:
    """Return what *request* means; renders and counts tokens, so it belongs in a thread.

    Raises:
        ContextLengthExceeded: The conversation does not fit.
        InvalidRequest: The template refuses it, or a tool has no proper schema.
    """
    seen = take_images(request.messages)
    request = evolve(request, messages=seen.messages)
    tools = offered_tools(request.tools, request.tool_choice)
    form, schema = _constraint(request, tools)
    prompt = render_chat(engine, model, request, tools, form)
    prompt_tokens = engine.count_tokens(prompt.text)
    text_request = TextRequest(
        prompt=prompt.text,
        add_special=prompt.add_special,
        sampling=evolve(request.sampling, max_tokens=room_after(engine, prompt_tokens, request.sampling, param="messages")),
        top_logprobs=request.top_logprobs if request.logprobs else None,
        json_schema=schema,
        images=seen.images,
        image_mark=seen.mark,
    )
    sequences = tuple(
        Sequence(
            choice=index,
            prompt_index=0,
            # Stop strings are looked for in the answer only, not in reasoning or tool calls, which an engine cannot tell apart.
            request=evolve(text_request, sequence=index),
            parsers=lambda: _parsers(request, prompt, tools, form),
        )
        for index in range(request.n)
    )
    return Plan(sequences, (prompt_tokens,))


def count_chat(engine: TextEngine, model: LocalModel, request: ChatRequest) -> int:
    """Return how many tokens the prompt of *request* has, however long it is; an image counts as the mark in its place.

    Raises:
        InvalidRequest: As ``plan_chat``.
    """
    request = evolve(request, messages=take_images(request.messages).messages)
    tools = offered_tools(request.tools, request.tool_choice)
    form, _ = _constraint(request, tools)
    return engine.count_tokens(render_chat(engine, model, request, tools, form).text)


def _constraint(request: ChatRequest, tools: tuple[OfferedTool, ...]) -> tuple[Form, str | None]:
    """Return what the model may write, and the schema that enforces it."""
    if tools and request.tool_choice.mode == "required":
        return "call", call_schema(tools)
    schema = _answer_schema(request.response_format)
    if schema is None:
        return "free", None
    return "json", call_schema(tools, otherwise=schema) if tools else schema


def _answer_schema(response_format: ResponseFormat) -> str | None:
    return {"text": None, "json_object": '{"type": "object"}', "json_schema": response_format.schema_json}[response_format.type]


def _parsers(request: ChatRequest, prompt: Prompt, tools: tuple[OfferedTool, ...], form: Form) -> tuple[Parser, ...]:
    """Return what takes one answer apart."""
    if form == "call":
        return (RequiredCall(),)
    parsers: list[Parser] = []
    if prompt.is_harmony:
        parsers.append(Harmony({tool.name for tool in tools}))
    elif form == "free":
        parsers.append(TaggedReasoning(prompt.opened))
    if tools:
        parsers.append(ToolCalls(tools, is_parallel=request.parallel_tool_calls))
    return (*parsers, Stops(request.stop, prompt.stop))
