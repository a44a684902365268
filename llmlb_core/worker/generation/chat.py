"""A chat request as a plan: one prompt, ``n`` answers."""

from __future__ import annotations

from attrs import evolve

from llmlb_core.contracts.engine import TextEngine, TextRequest
from llmlb_core.domain.chat import ChatRequest
from llmlb_core.domain.models import LocalModel
from llmlb_core.worker.chat_format.prompt import render_chat
from llmlb_core.worker.chat_format.stops import Stops
from llmlb_core.worker.generation.plan import Plan, Sequence
from llmlb_core.worker.generation.room import room_after


def plan_chat(engine: TextEngine, model: LocalModel, request: ChatRequest) -> Plan:
    """Return what *request* means; renders and counts tokens, so it belongs in a thread.

    Raises:
        ContextLengthExceeded: The conversation does not fit.
        InvalidRequest: The template refuses it.
    """
    prompt = render_chat(engine, model, request)
    prompt_tokens = engine.count_tokens(prompt.text)
    sampling = evolve(request.sampling, max_tokens=room_after(engine, prompt_tokens, request.sampling))
    schema = request.response_format.schema_json
    if request.response_format.type == "json_object":
        schema = '{"type":"object"}'
    sequences = tuple(
        Sequence(
            choice=index,
            prompt_index=0,
            request=TextRequest(
                prompt=prompt.text,
                add_special=prompt.add_special,
                sampling=sampling,
                top_logprobs=request.top_logprobs if request.logprobs else None,
                json_schema=schema,
                sequence=index,
            ),
            parsers=lambda: (Stops((*request.stop, *prompt.stop)),),
        )
        for index in range(request.n)
    )
    return Plan(sequences, (prompt_tokens,))
