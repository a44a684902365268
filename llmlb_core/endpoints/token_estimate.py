"""How many tokens a prompt may have, where the server that would read it cannot be asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from llmlb_core.contracts.endpoint import Result
from llmlb_core.domain.chat import CountRequest, TextPart
from llmlb_core.domain.results import CHARACTERS_PER_TOKEN, Delta, Usage

PER_MESSAGE = 4
"""What templates put around a message, about."""
PER_IMAGE = 765
"""Of a middling picture, as the large providers count."""


async def estimated(request: CountRequest) -> AsyncGenerator[Result, None]:
    """Yield an estimate for *request*: four characters are about a token of English."""
    characters, tokens = 0, 0
    for message in request.chat.messages:
        tokens += PER_MESSAGE
        for part in message.parts:
            if isinstance(part, TextPart):
                characters += len(part.text)
            else:
                tokens += PER_IMAGE
        characters += sum(len(call.name) + len(call.arguments) for call in message.tool_calls) + len(message.reasoning or "")
    for tool in request.chat.tools:
        characters += len(tool.name) + len(tool.description or "") + len(tool.parameters_json or "")
    tokens += -(-characters // CHARACTERS_PER_TOKEN)
    yield Delta(usage=Usage(prompt_tokens=tokens, is_counted=True))
