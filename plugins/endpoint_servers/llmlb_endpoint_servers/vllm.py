"""vLLM."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs
import msgspec

from llmlb_core import Continuation, RemoteModel, Report, Server
from llmlb_core.errors import AnswerUnexpected, ServerError
from llmlb_endpoint_servers.continuing import continuation
from llmlb_endpoint_servers.openai_compatible import OpenAICompatible, listed, remote
from llmlb_endpoint_servers.samples import sum_of

CONTINUES_SINCE = (0, 6, 3)
"""The first version that has surely ``continue_final_message``; older ones overlook what they do not know."""
DEFAULT_TOKENS = 16
"""Of a completion that does not say how many."""


class _Version(msgspec.Struct):
    version: str


class VLLM(OpenAICompatible):
    """Batches continuously: many calls at a time are what it is for."""

    name = "vllm"
    probe_order = 30
    default_max_in_flight = 256

    async def detect(self, server: Server) -> bool:
        """``/version`` is not its alone; that its models are owned by ``vllm`` is."""
        if await server.find_json("/version", _Version) is None:
            return False
        try:
            return any(each.owned_by == "vllm" for each in await listed(server))
        except AnswerUnexpected:
            return False

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """One model and its adapters, with ``max_model_len``; they are loaded as long as it runs."""
        return [attrs.evolve(remote(each), is_ready=True) for each in await listed(server)]

    async def check(self, server: Server) -> Report:
        """``/health`` asks its engine; ``/metrics`` says what runs, where it is open."""
        answer = await server.ask("GET", "/health")
        if not answer.is_ok:
            raise AnswerUnexpected(
                f"Endpoint '{server.name}' answered GET /health with {answer.status}; its engine may have died.",
                endpoint=server.name,
                status=answer.status,
            )
        version = await server.get_json("/version", _Version)  # /health is empty: any web server could answer it
        try:
            page = await server.get_text("/metrics")
        except ServerError:
            page = ""
        return Report(
            version=version.version,
            active_count=sum_of(page, "vllm:num_requests_running"),
            waiting_count=sum_of(page, "vllm:num_requests_waiting"),
        )

    def continue_body(self, route: str, body: bytes, delivered: str, version: str | None) -> Continuation | None:
        """By ``continue_final_message``, where its version is known to have it."""
        number = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version or "")
        if number is None or tuple(int(part) for part in number.groups()) < CONTINUES_SINCE:
            return None
        return continuation(route, body, delivered, default_tokens=DEFAULT_TOKENS)
