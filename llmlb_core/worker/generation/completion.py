"""A completion request as a plan: raw prompts, each continued ``n`` times."""

from __future__ import annotations

from attrs import evolve

from llmlb_core.contracts.engine import TextEngine, TextRequest
from llmlb_core.domain.chat import CompletionRequest
from llmlb_core.worker.chat_format.stops import Stops
from llmlb_core.worker.generation.plan import Plan, Sequence
from llmlb_core.worker.generation.room import room_after


def plan_completion(engine: TextEngine, request: CompletionRequest) -> Plan:
    """Return what *request* means; counts tokens, so it belongs in a thread.

    Raises:
        ContextLengthExceeded: A prompt does not fit.
    """
    sequences: list[Sequence] = []
    counts = [engine.count_tokens(prompt) if isinstance(prompt, str) else len(prompt) for prompt in request.prompts]
    for prompt_index, (prompt, prompt_tokens) in enumerate(zip(request.prompts, counts, strict=True)):
        sampling = evolve(request.sampling, max_tokens=room_after(engine, prompt_tokens, request.sampling, param="prompt"))
        for answer_index in range(request.n):
            text_request = TextRequest(
                prompt=prompt,
                suffix=request.suffix or None,
                sampling=sampling,
                stop=request.stop,
                top_logprobs=request.top_logprobs if request.logprobs else None,
                sequence=answer_index,
            )
            sequences.append(
                Sequence(
                    choice=prompt_index * request.n + answer_index,
                    prompt_index=prompt_index,
                    request=text_request,
                    echo=prompt if request.echo and isinstance(prompt, str) else "",
                    parsers=lambda: (Stops(request.stop),),
                )
            )
    return Plan(tuple(sequences), tuple(counts))
