"""A server with OpenAI's inference routes and no list of models, such as a model behind a small framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmlb_core import EndpointKind, RemoteModel, Server
from llmlb_core.errors import CallError
from llmlb_endpoint_servers.refusals import read_refusal

_ROUTES = ("/v1/chat/completions", "/v1/embeddings")


class OpenAIUnlisted(EndpointKind):
    """Nothing can be asked about its health or its models: traffic tells the one, the operator the other."""

    name = "openai_unlisted"
    probe_order = 950
    default_max_in_flight = 8
    is_passive = True

    async def detect(self, server: Server) -> bool:
        """An inference route refuses GET with 405, and a path that cannot exist is not answered so."""
        if not any([(await server.ask("GET", route)).status == 405 for route in _ROUTES]):
            return False
        return (await server.ask("GET", "/v1/no-such-page")).status != 405

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """None: the operator names them."""
        del server
        return []

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> CallError | None:
        """As every OpenAI-compatible server."""
        del headers
        return read_refusal(status, body)
