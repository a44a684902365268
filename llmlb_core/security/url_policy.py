"""Which addresses this server may be sent to by a URL that a client wrote.

A client could otherwise read, through this server, what only this server can reach: the machine itself, its neighbours, the
metadata service of a cloud (server-side request forgery, CWE-918). What counts is the address that is connected to, not the name.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from attrs import frozen

from llmlb_core.errors import InvalidRequest

if TYPE_CHECKING:
    from yarl import URL

_NAT64 = IPv6Network("64:ff9b::/96")
MAX_URL_CHARACTERS = 2048
SCHEMES = ("https", "http")


@frozen
class UrlPolicy:
    """Public addresses only, but for what an operator allows.

    Attributes:
        allowed_hosts: ``host`` or ``host:port`` as URLs write them, lower case; what they resolve to is not looked at.
    """

    allowed_hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, allowed_hosts: Iterable[str]) -> UrlPolicy:
        """Allow these besides."""
        return cls(frozenset(host.lower() for host in allowed_hosts))

    def check(self, text: str) -> URL:
        """Return *text* as a URL that may be asked, as far as it can be told without a look at its address.

        Raises:
            InvalidRequest: No URL, not HTTP, with a password in it, or with a private address.
        """
        from yarl import URL  # the library that connects, so that both see the same host; late, for few servers ever need it

        shown = text if len(text) <= 80 else f"{text[:80]}…"
        try:
            url = URL(text) if len(text) <= MAX_URL_CHARACTERS else None
        except ValueError:
            url = None
        if url is None or url.scheme not in SCHEMES or not url.host:
            raise _refused(f"{shown!r} is no http or https URL of at most {MAX_URL_CHARACTERS} characters.")
        if url.user is not None or url.password is not None:
            raise _refused("A URL with a user name or password in it is not fetched.")
        try:
            address = ip_address(url.host)
        except ValueError:
            pass
        else:
            if not self.allows(url) and not is_public(address):
                raise _private(url)
        return url

    def allows(self, url: URL) -> bool:
        """Whether an operator allowed the host of *url*, whatever address it has."""
        host = (url.host or "").lower()
        return host in self.allowed_hosts or f"{host}:{url.port}" in self.allowed_hosts

    def check_address(self, url: URL, address: str) -> None:
        """Refuse to connect to *address*, which the host of *url* resolved to.

        Raises:
            InvalidRequest: It is not public.
        """
        if not self.allows(url) and not is_public(ip_address(address.partition("%")[0])):
            raise _private(url)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether everybody can reach *address*: it is not private, loopback, link-local, reserved or multicast.

    An IPv6 address that carries an IPv4 one is what that one is.
    """
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _private(url: URL) -> InvalidRequest:
    return _refused(
        f"The host {url.host!r} has a private address, which is not fetched for clients. Send the image as a data URL, or have "
        "the operator allow the host: [images] allowed_hosts."
    )


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="fetch_failed")
