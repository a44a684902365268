"""Results of another endpoint, held back until they have said what was delivered; see ``llmlb_core.domain.transcript``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

from attrs import evolve

from llmlb_core.contracts.endpoint import Result
from llmlb_core.domain.results import Delta, ToolCallDelta
from llmlb_core.domain.transcript import Differs, Echo
from llmlb_core.errors import AnswerDiffers


def pieces_of(delta: Delta) -> Iterator[tuple[str, str]]:
    """Yield the pieces of *delta*, each with its channel; those of a relayed stream have the same channels."""
    choice = str(delta.choice)
    if delta.text:
        yield choice, delta.text
    if delta.reasoning:
        yield f"{choice}r", delta.reasoning
    for call in delta.tool_calls:
        channel = f"{choice}t{call.index}"
        if call.name:
            yield channel, call.name
        if call.arguments:
            yield channel, call.arguments


async def echoed(results: AsyncGenerator[Result, None], echo: Echo, name: str) -> AsyncGenerator[Result, None]:
    """Yield what of *results* was not delivered before; closing it closes *results*.

    Raises:
        AnswerDiffers: They do not begin with what was delivered; *name* is the endpoint's.
    """
    try:
        async for result in results:
            delta = _new_of(result, echo) if isinstance(result, Delta) else result
            if delta is not None:
                yield delta
    except Differs:
        raise AnswerDiffers(f"Endpoint '{name}' gave another answer to the same call.") from None
    finally:
        await results.aclose()


def _new_of(delta: Delta, echo: Echo) -> Delta | None:
    """Return *delta* without what was delivered; None where nothing is left.

    Raises:
        Differs: It is not what was delivered, or its log probabilities cannot be parted.
    """
    was_over = echo.is_over
    choice = str(delta.choice)
    text = echo.hear(choice, delta.text) or "" if delta.text else ""
    reasoning = echo.hear(f"{choice}r", delta.reasoning) or "" if delta.reasoning else ""
    calls = tuple([_new_call(call, f"{choice}t{call.index}", echo) for call in delta.tool_calls])
    if was_over:
        return delta
    if not echo.is_over:
        if delta.finish is not None:
            raise Differs  # it is shorter
        return None
    if delta.logprobs and 0 < len(text) < len(delta.text):
        raise Differs
    calls = tuple([call for call in calls if call.name or call.arguments])
    return evolve(delta, text=text, reasoning=reasoning, tool_calls=calls, logprobs=delta.logprobs if text else ())


def _new_call(call: ToolCallDelta, channel: str, echo: Echo) -> ToolCallDelta:
    name = echo.hear(channel, call.name) if call.name else None
    arguments = echo.hear(channel, call.arguments) or "" if call.arguments else ""
    return evolve(call, id=call.id if name else None, name=name, arguments=arguments)
