"""Where a client's URL may send this server."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from llmlb_core.errors import InvalidRequest
from llmlb_core.security.url_policy import UrlPolicy, is_public


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address):
    """Also in the forms in which IPv6 carries IPv4."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_not_everybody_reaches_are_not(address):
    """Private, shared, loopback, link-local, documentation, benchmarking, multicast, reserved; and such ones within IPv6."""
    assert not is_public(ip_address(address))


def test_an_allowed_host_may_have_any_address():
    """By name alone, or with its port."""
    policy = UrlPolicy.of(["Intern", "127.0.0.1:8080"])

    policy.check_address(policy.check("http://intern:99/a"), "10.0.0.1")
    policy.check("http://127.0.0.1:8080/a")
    with pytest.raises(InvalidRequest, match="private address"):
        policy.check("http://127.0.0.1:8081/a")


@pytest.mark.parametrize(
    "url", ["", "a.png", "file:///etc/passwd", "gopher://x/", "https://", "http://a:b@x/", "https://x/" + "a" * 2048]
)
def test_what_is_no_plain_web_address_is_refused(url):
    """With a code, and without what might be a secret."""
    with pytest.raises(InvalidRequest) as caught:
        UrlPolicy().check(url)

    assert caught.value.code == "fetch_failed"
    assert len(caught.value.message) < 200
