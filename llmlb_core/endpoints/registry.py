"""Every registered server, and which of them has which model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmlb_core.domain.models import Capability
from llmlb_core.endpoints.server import ServerEndpoint
from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.sections import EndpointSettings
from llmlb_core.upstream.sweep import Sweep


class EndpointRegistry:
    """The servers of ``[[endpoints]]``. An immutable snapshot: reading it never waits.

    Attributes:
        servers: In the order of settings.
        by_model: Servers by model name.
        capabilities: What a model can do, by its name: what any of its servers says.
    """

    def __init__(self, settings: Sequence[EndpointSettings], sweep: Sweep) -> None:
        """Describe the servers of *settings*.

        Raises:
            SettingsInvalid: A name is missing or there twice, a URL or capability is unusable.
        """
        by_model: dict[str, list[ServerEndpoint]] = {}
        capabilities: dict[str, tuple[Capability, ...]] = {}
        names: set[str] = set()
        servers = []
        for number, each in enumerate(settings):
            if not each.name or each.name in names:
                raise SettingsInvalid(f"endpoints[{number}].name is {each.name!r}; expected a name that no other endpoint has")
            names.add(each.name)
            server = ServerEndpoint(each, sweep)
            servers.append(server)
            able = _capabilities(each)
            for model in each.models:
                by_model.setdefault(model, []).append(server)
                capabilities[model] = tuple(dict.fromkeys((*capabilities.get(model, ()), *able)))
        self.servers = tuple(servers)
        self.by_model: Mapping[str, tuple[ServerEndpoint, ...]] = {model: tuple(found) for model, found in by_model.items()}
        self.capabilities: Mapping[str, tuple[Capability, ...]] = capabilities

    def close(self) -> None:
        """Close every connection."""
        for server in self.servers:
            server.close()


def _capabilities(settings: EndpointSettings) -> tuple[Capability, ...]:
    try:
        return tuple(Capability(each) for each in settings.capabilities)
    except ValueError as error:
        known = ", ".join(each.value for each in Capability)
        raise SettingsInvalid(f"endpoint {settings.name!r}: {error}; known capabilities are {known}") from error
