"""A call that is to come."""

from __future__ import annotations

from collections.abc import Hashable

from attrs import define

from llmlb_core.simulate.prefix_cache import Segment


@define
class Planned:
    """One call of a trace. Treat it as frozen.

    Attributes:
        at_s: When it comes, from the start of the trace.
        segments: The prompt, piece by piece; equal keys are equal text.
        output_tokens: How long its answer is, at least 1.
        answer: What a later prompt calls the answer, where one repeats it.
        session: The conversation it belongs to, or nothing.
    """

    at_s: float
    model: str
    principal: str
    segments: tuple[Segment, ...]
    output_tokens: int
    answer: Hashable = None
    session: str = ""

    @property
    def prompt_tokens(self) -> int:
        """Of all segments."""
        return sum([tokens for _, tokens in self.segments])
