"""The command that tries a model which was just added."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from llmlb_core.domain.models import Capability

if TYPE_CHECKING:
    from llmlb_core.domain.models import LocalModel

_BODIES: dict[Capability, tuple[str, dict[str, object]]] = {
    Capability.TEXT_GENERATION: ("chat/completions", {"messages": [{"role": "user", "content": "What is 2+2?"}]}),
    Capability.EMBEDDING: ("embeddings", {"input": "What is 2+2?"}),
    Capability.RERANK: ("rerank", {"query": "What is 2+2?", "documents": ["Four.", "A fish."]}),
    Capability.TEXT_TO_SPEECH: ("audio/speech", {"input": "Two and two are four."}),
    Capability.IMAGE_GENERATION: ("images/generations", {"prompt": "a red circle on blue"}),
}


def first_call(base_url: str, model: LocalModel, name: str) -> str | None:
    """Return a shell command that calls *model* by *name* at *base_url*; None for a model that no route is known for."""
    head = f'-H "authorization: Bearer $LLMLB_API_KEY" {base_url}/v1'
    for capability in model.capabilities:
        if capability is Capability.SPEECH_TO_TEXT:
            return f"curl {head}/audio/transcriptions -F file=@speech.wav -F {shlex.quote(f'model={name}')}"
        if capability in _BODIES:
            path, body = _BODIES[capability]
            output = " -o speech.mp3" if capability is Capability.TEXT_TO_SPEECH else ""
            text = shlex.quote(json.dumps({"model": name, **body}))
            return f"curl {head}/{path} -H 'content-type: application/json' -d {text}{output}"
    return None
