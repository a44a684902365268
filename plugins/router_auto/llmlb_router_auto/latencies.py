"""How long first tokens took of late, in seconds: by endpoint, whatever was asked."""

from __future__ import annotations

from collections import OrderedDict

from llmlb_core import Feedback, Record
from llmlb_router_auto.pace import Usual, last_attempt_s

MAX_ENDPOINTS = 10_000


class Latencies(Feedback):
    """Learns from every call that was answered.

    Attributes:
        by_name: Of endpoints.
    """

    name = "latencies"

    def __init__(self) -> None:
        """Know nothing."""
        self.by_name: OrderedDict[str, Usual] = OrderedDict()

    def on_end(self, record: Record) -> None:
        """Learn from *record*, where an endpoint's answer began."""
        if record.served_by and record.first_token_s is not None:
            latency = self.by_name.get(record.served_by)
            if latency is None:
                latency = self.by_name[record.served_by] = Usual()
                if len(self.by_name) > MAX_ENDPOINTS:
                    self.by_name.popitem(last=False)
            latency.learn(last_attempt_s(record, record.first_token_s))
