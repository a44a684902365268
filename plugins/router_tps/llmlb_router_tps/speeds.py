"""Tokens a second, by model and modality and endpoint, learned from the calls that ended."""

from __future__ import annotations

from collections import OrderedDict
from math import sqrt

from attrs import define, field

from llmlb_core import Feedback, Record

LEAST_TOKENS = 8
"""Shorter answers say more of the first token than of the speed."""

KEPT = 0.95
"""Of what was learned, with each call: about the latest twenty count."""

STALE_S = 60.0
"""An endpoint that served nothing for so long is tried again, one call at a time."""

CURIOSITY = 0.5
"""How much faster than measured an endpoint is taken to be after one call; less with each further one, a ninth in the end."""

MAX_CELLS = 50_000


@define
class Speed:
    """One endpoint.

    Attributes:
        tokens: Of the latest calls, older ones counting less; likewise its ``seconds`` and ``weight``.
        token_s: Seconds for a token, as optimistic as so few calls allow.
        measured_at: End of the latest call.
    """

    tokens: float = 0.0
    seconds: float = 0.0
    weight: float = 0.0
    token_s: float = 0.0
    measured_at: float = 0.0


@define
class Table:
    """One model and modality: speeds by endpoint."""

    speeds: dict[str, Speed] = field(factory=dict)


class Speeds(Feedback):
    """Learns from every call that ended well and tells its tokens.

    Attributes:
        tables: By model, as the client named it, and operation.
    """

    name = "speeds"

    def __init__(self) -> None:
        """Know nothing."""
        self.tables: OrderedDict[tuple[str, str], Table] = OrderedDict()
        self._cell_count = 0

    def on_end(self, record: Record) -> None:
        """Learn from *record*."""
        usage = record.usage
        if record.ending != "finished" or usage is None or not record.served_by:
            return
        tokens, seconds = usage.completion_tokens, record.duration_s - record.queue_wait_s
        if tokens and record.stream and record.first_token_s is not None:
            tokens, seconds = tokens - 1, record.duration_s - record.first_token_s
        elif not tokens:  # embeddings generate nothing: what they read counts
            tokens = usage.prompt_tokens
        if tokens >= LEAST_TOKENS and seconds > 0:
            self._learn((record.model, record.operation), record.served_by, tokens, seconds, record.started_at + record.duration_s)

    def _learn(self, key: tuple[str, str], endpoint: str, tokens: int, seconds: float, now: float) -> None:
        table = self.tables.get(key)
        if table is None:
            table = self.tables[key] = Table()
        else:
            self.tables.move_to_end(key)
        speed = table.speeds.get(endpoint)
        if speed is None:
            speed = table.speeds[endpoint] = Speed(measured_at=now)
            self._cell_count += 1
            if self._cell_count > MAX_CELLS:
                self._forget()
        speed.tokens = KEPT * speed.tokens + tokens
        speed.seconds = KEPT * speed.seconds + seconds
        speed.weight = KEPT * speed.weight + 1
        speed.token_s = speed.seconds / speed.tokens / (1.0 + CURIOSITY / sqrt(speed.weight))
        speed.measured_at = now

    def _forget(self) -> None:
        """Forget what was learned of the model that was called longest ago; of the only one, of the endpoint."""
        if len(self.tables) > 1:
            self._cell_count -= len(self.tables.popitem(last=False)[1].speeds)
        else:
            (table,) = self.tables.values()
            del table.speeds[min(table.speeds, key=lambda name: table.speeds[name].measured_at)]
            self._cell_count -= 1
