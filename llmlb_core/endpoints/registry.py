"""Every registered server, and which of them has which model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from llmlb_core.domain.models import Capability
from llmlb_core.endpoints.secrets import read_secret
from llmlb_core.endpoints.server import ServerEndpoint
from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import EndpointSettings, Settings
from llmlb_core.upstream.address import Address, parse_url
from llmlb_core.upstream.sweep import Sweep


@frozen
class Server:
    """What a server's settings come to: its address with the certificates read, and its key."""

    settings: EndpointSettings
    address: Address
    key: str | None


def find_servers(settings: Settings, environ: Mapping[str, str]) -> list[Server]:
    """Return the servers of ``[[endpoints]]``, whose addresses and names were checked when the file was read.

    Raises:
        SettingsInvalid: Names every key and every ``ca_file`` that is not there, each with its path in the file.
    """
    problems = Problems(lambda _: str(settings.file or ""))
    folder = settings.file.parent if settings.file else Path()
    servers = []
    for number, each in enumerate(settings.endpoints):
        path = ("endpoints", number)
        address, key = None, None
        try:
            address = parse_url(each.url, folder / each.ca_file if each.ca_file else None)
        except SettingsInvalid as error:
            problems.add((*path, "ca_file" if each.ca_file else "url"), str(error))
        try:
            key = read_secret(each.api_key, folder, environ)
        except SettingsInvalid as error:
            problems.add((*path, "api_key"), str(error))
        if address is not None:
            servers.append(Server(each, address, key))
    problems.stop()
    return servers


class EndpointRegistry:
    """The servers of ``[[endpoints]]``. An immutable snapshot: reading it never waits.

    Attributes:
        servers: In the order of settings.
        by_model: Servers by model name.
        capabilities: What a model can do, by its name: what any of its servers says.
    """

    def __init__(self, settings: Settings, sweep: Sweep) -> None:
        """Describe the servers of *settings*.

        Raises:
            SettingsInvalid: See ``find_servers``.
        """
        by_model: dict[str, list[ServerEndpoint]] = {}
        capabilities: dict[str, tuple[Capability, ...]] = {}
        servers = []
        for found in find_servers(settings, os.environ):
            server = ServerEndpoint(found.settings, found.address, found.key, sweep)
            servers.append(server)
            able = tuple(Capability(each) for each in found.settings.capabilities)
            for model in dict.fromkeys(found.settings.models):
                by_model.setdefault(model, []).append(server)
                capabilities[model] = tuple(dict.fromkeys((*capabilities.get(model, ()), *able)))
        self.servers = tuple(servers)
        self.by_model: Mapping[str, tuple[ServerEndpoint, ...]] = {model: tuple(found) for model, found in by_model.items()}
        self.capabilities: Mapping[str, tuple[Capability, ...]] = capabilities

    def close(self) -> None:
        """Close every connection."""
        for server in self.servers:
            server.close()
