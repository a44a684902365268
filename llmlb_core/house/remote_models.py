"""Models that registered servers have, as ``GET /v1/models`` shows them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from llmlb_core.contracts.plugin import ModelInfo
from llmlb_core.domain.registration import EndpointStatus
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.models.view import APIS, with_chat_apis


def remote_info(name: str, endpoints: Sequence[RegisteredEndpoint], chat_apis: Sequence[str] = ()) -> ModelInfo:
    """Return what is told of *name*, which *endpoints* have; one that none of them can serve now stays listed (66555000-F23).

    Conversations by the routes of *chat_apis* are translated for servers that have the ordinary one only.
    """
    served = [(endpoint, endpoint.served[name]) for endpoint in endpoints]
    routable = [pair for pair in served if pair[0].takes(name)]
    capabilities = tuple(dict.fromkeys(each for _, model in served for each in model.capabilities))
    told = [api for _, model in routable or served for api in model.apis or ()]
    apis = dict.fromkeys(told or [api for each in capabilities for api in APIS.get(each, ())])
    if all(endpoint.serves_responses(name) is False for endpoint, _ in routable or served):
        apis.pop("responses", None)
    elif "chat_completions" in apis:
        apis["responses"] = None
    windows = [model.context_tokens for _, model in routable or served if model.context_tokens]
    is_loading = any(endpoint.report is not None and endpoint.report.is_loading for endpoint in endpoints)
    is_offline = all(endpoint.condition.status is not EndpointStatus.ONLINE for endpoint in endpoints)
    state = "ready" if routable else "loading" if is_loading and not is_offline else "failed"
    return ModelInfo(
        id=name,
        created_at=0,
        owned_by=next((model.owned_by for _, model in served if model.owned_by), "server"),
        capabilities=capabilities,
        is_ready=bool(routable),
        state=state,
        reason=None if routable else "; ".join(f"{each.name} {each.why_not(name, time.monotonic())}" for each in endpoints[:5]),
        # The least of them: a prompt that fits there fits wherever the call is sent.
        context_tokens=min(windows) if windows else None,
        apis=tuple(with_chat_apis(apis, chat_apis)),
        size_bytes=max((model.size_bytes or 0 for _, model in served), default=0),
    )
