"""A count of a prompt's tokens, answered by an engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from llmlb_core.contracts.engine import Cancel, TextEngine
from llmlb_core.domain.chat import CountRequest
from llmlb_core.domain.models import LocalModel
from llmlb_core.domain.results import Delta, Usage
from llmlb_core.worker.generation.chat import count_chat
from llmlb_core.worker.generation.features import check_features
from llmlb_core.worker.generation.threads import in_thread


async def count(engine: TextEngine, model: LocalModel, request: CountRequest, cancel: Cancel) -> AsyncGenerator[Delta, None]:
    """Yield one delta that has nothing but usage."""
    check_features(engine, request.chat)
    tokens = await in_thread(lambda: count_chat(engine, model, request.chat), engine, cancel)
    if not cancel.is_set:
        yield Delta(usage=Usage(prompt_tokens=tokens))
