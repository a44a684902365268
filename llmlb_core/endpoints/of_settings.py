"""The servers of ``[[endpoints]]``: read once at start, read-only from then on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from attrs import frozen

from llmlb_core.domain.models import Capability
from llmlb_core.domain.registration import Registration
from llmlb_core.endpoints.secrets import read_secret
from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import EndpointSettings, Settings
from llmlb_core.upstream.address import Address, parse_url


@frozen
class FileServer:
    """What a server's settings come to: its address with the certificates read, and what was said of it, with its key."""

    registration: Registration
    address: Address
    settings: EndpointSettings


def find_servers(settings: Settings, environ: Mapping[str, str]) -> list[FileServer]:
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
            servers.append(FileServer(_registration(each, key), address, each))
    problems.stop()
    return servers


def _registration(each: EndpointSettings, key: str | None) -> Registration:
    return Registration(
        # The name is what stays the same from start to start; some names do not fit into a path.
        id=str(uuid5(NAMESPACE_URL, f"llmlb:endpoint:{each.name}")),
        name=each.name,
        url=each.url,
        origin="file",
        key=key,
        kind=each.kind,
        is_kind_fixed=each.kind is not None,
        max_in_flight=each.max_in_flight,
        check_interval_s=each.check_interval_s,
        capabilities=None if each.capabilities is None else tuple(Capability(name) for name in each.capabilities),
        models=tuple(dict.fromkeys(each.models)) or None,
    )
