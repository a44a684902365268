"""A principal is remembered for whoever sent the same credential, and for nobody else."""

from __future__ import annotations

import contextlib

import pytest

from llmlb_core import Authenticator, Credential, Principal
from llmlb_core.errors import Unauthorized
from llmlb_core.stages.authenticate import Authenticate


class CookieAuthenticator(Authenticator):
    """Judges a header that the contract's default does not name."""

    name = "cookie"

    def credential(self, headers):
        return Credential("cookie", headers["cookie"]) if "cookie" in headers else None

    async def verify(self, credential):
        return Principal(id=credential.secret)


class DeclaringAuthenticator(CookieAuthenticator):
    """The same, saying so."""

    reads = ("cookie",)


@pytest.mark.parametrize("authenticator", [CookieAuthenticator(), DeclaringAuthenticator()])
async def test_one_callers_principal_is_nobody_elses(authenticator):
    """After a good caller came, one without a credential and one with another are judged by their own headers."""
    authenticate = Authenticate([authenticator])
    with contextlib.suppress(Unauthorized):  # an undeclared header is not shown: closed, not open
        await authenticate({"cookie": "alice"})

    assert authenticate.remembered({}) is None
    with pytest.raises(Unauthorized):
        await authenticate({})


async def test_a_declared_header_is_judged_and_remembered_apart():
    """Two callers with different values of the declared header stay two."""
    authenticate = Authenticate([DeclaringAuthenticator()])

    first, second = await authenticate({"cookie": "alice"}), await authenticate({"cookie": "bob"})

    assert ("alice", "bob") == (first.id, second.id)
    assert first is authenticate.remembered({"cookie": "alice"})


async def test_an_undeclared_header_is_not_shown_to_an_authenticator():
    """What it cannot see cannot be part of a wrong answer that is remembered: it fails closed at the first try."""
    with pytest.raises(Unauthorized):
        await Authenticate([CookieAuthenticator()])({"cookie": "alice"})
