"""What can be said of ``[[endpoints]]`` by looking at them: names, addresses, capabilities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from llmlb_core.domain.models import Capability
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import EndpointSettings

_EXPECTED = "expected http://HOST[:PORT][/PATH] or https://…"
_HOST = re.compile(r"(?i)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|\[[0-9a-f:.]+\]")
_REST = re.compile(r"[A-Za-z0-9/%:@!$&'()*+,;=._~\[\]-]+")
_NAME = re.compile(r"[ -~]+")


def url_problem(url: str) -> str | None:
    """Say why *url* is no address of a server; None where it is one. Never shows a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"is not usable ({error}); {_EXPECTED}"
    if "@" in parts.netloc:
        return 'holds a user name or password; set api_key = { env = "VARIABLE" } instead'
    host = parts.netloc if port is None else parts.netloc.removesuffix(f":{port}")
    is_address = parts.scheme in ("http", "https") and _HOST.fullmatch(host.removesuffix(":")) and port != 0
    if not is_address or not _REST.fullmatch(url):  # the whole: urlsplit leaves out what it does not like
        return f"is {url!r}; {_EXPECTED}"
    return None


def check_endpoints(endpoints: Sequence[EndpointSettings], problems: Problems) -> None:
    """Note what is wrong in *problems*, each with its key."""
    numbers: dict[str, int] = {}
    for number, each in enumerate(endpoints):
        path = ("endpoints", number)
        first = numbers.setdefault(each.name, number)
        if not _NAME.fullmatch(each.name):
            problems.add((*path, "name"), "is missing; expected a name that no other endpoint has, in ASCII")
        elif first != number:
            problems.add((*path, "name"), f"is {each.name!r}, as that of endpoints[{first}]; expected one that no other has")
        told = "is missing; " + _EXPECTED if not each.url else url_problem(each.url)
        if told is not None:
            problems.add((*path, "url"), told)
        for name in each.capabilities or ():
            if name not in {capability.value for capability in Capability}:
                known = ", ".join(capability.value for capability in Capability)
                problems.add((*path, "capabilities"), f"{name!r} is not known; known are {known}")
        if "" in each.models:
            problems.add((*path, "models"), "an empty name is no model's")
        if each.api_key is not None and (each.api_key.env is None) == (each.api_key.file is None):
            problems.add((*path, "api_key"), 'expected one of env and file, such as { env = "VARIABLE" }')
