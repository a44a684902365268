"""What the echo engine can be told: ``[models."x".options]``."""

from __future__ import annotations

from typing import Any, Literal

from attrs import Attribute, field, frozen

Fault = Literal[
    "none", "load_error", "crash_at_load", "busy_load", "crash_mid_answer", "raise_mid_answer", "hang", "ignore_cancel", "busy_gil"
]


def _at_least(smallest: float, default: Any) -> Any:
    """Declare a number with a lower bound."""

    def check(_instance: object, attribute: Attribute[object], value: object) -> None:
        if isinstance(value, int | float) and value < smallest:
            raise ValueError(f"{attribute.name} is {value}, expected at least {smallest:g}")

    return field(default=default, validator=check, metadata={"minimum": smallest})


@frozen
class EchoOptions:
    """How the echo engine answers, how fast, and what goes wrong.

    Attributes:
        reply: Answers every text request; None = the last user message.
        script: Answers in turn, round and round; goes before ``reply``.
        delay_s: Between tokens.
        first_delay_s: Before the first token.
        load_delay_s: Before the model is loaded.
        max_concurrency: Calls at a time.
        fault: What goes wrong; see the README.
        fault_after_tokens: A fault of an answer comes after so many tokens of it.
        fault_every: Only every so-manieth answer is faulty.
        dimension: Length of embedding vectors.
        context_tokens: Longest prompt and answer together; None = the model's setting, or no limit.
        allocate_bytes: Memory that is really taken, beside the interpreter's own.
    """

    reply: str | None = None
    script: tuple[str, ...] = ()
    delay_s: float = _at_least(0, 0.0)
    first_delay_s: float = _at_least(0, 0.0)
    load_delay_s: float = _at_least(0, 0.0)
    max_concurrency: int = _at_least(1, 64)
    fault: Fault = "none"
    fault_after_tokens: int = _at_least(0, 3)
    fault_every: int = _at_least(1, 1)
    dimension: int = _at_least(1, 32)
    context_tokens: int | None = _at_least(1, None)
    allocate_bytes: int = _at_least(0, 0)
