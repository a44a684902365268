"""The kit for authenticators."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import ClassVar, get_args

import pytest

from llmlb_core import Authenticator, Credential, Principal, Scope
from llmlb_core.errors import Unauthorized
from llmlb_testing.io_guard import no_io
from llmlb_testing.nasty import STRINGS


class AuthenticatorContract:
    """Rules of ``llmlb_core.Authenticator``.

    Needs the fixtures ``authenticator`` and ``good_headers``: request headers, lower-case names, that it accepts.

    Attributes:
        foreign_headers: Requests with no credential of its kind.
    """

    foreign_headers: ClassVar[tuple[Mapping[str, str], ...]] = (
        {},
        {"host": "llmlb.test", "user-agent": "test", "cookie": "theme=dark"},
        {"authorization": ""},
        {"authorization": "Unheard-Of abc"},
    )

    def test_finding_a_credential_is_not_async(self, authenticator: Authenticator) -> None:
        """Every request is looked at before its body is read; only ``verify`` may wait."""
        assert not inspect.iscoroutinefunction(authenticator.credential), "credential is 'async def'; write 'def'"
        assert inspect.iscoroutinefunction(authenticator.verify), "verify is 'def'; write 'async def'"

    def test_it_finds_its_own_credential(self, authenticator: Authenticator, good_headers: Mapping[str, str]) -> None:
        """``scheme`` is the authenticator's name: that is whom the core asks to verify it."""
        credential = authenticator.credential(good_headers)

        assert isinstance(credential, Credential)
        assert credential.scheme == authenticator.name

    def test_foreign_headers_are_not_its_own(self, authenticator: Authenticator) -> None:
        """None means "not mine", so that the next authenticator is asked; a guess would shut it out."""
        for headers in self.foreign_headers:
            assert authenticator.credential(headers) is None, f"it claims {dict(headers)}"

    def test_finding_a_credential_is_pure(self, authenticator: Authenticator, good_headers: Mapping[str, str]) -> None:
        """The same headers give the same credential, which the core uses as a key; nothing waits, nothing is changed."""
        before = dict(good_headers)
        first = authenticator.credential(good_headers)

        with no_io("credential"):
            second = authenticator.credential(good_headers)

        assert first == second
        assert hash(first) == hash(second)
        assert dict(good_headers) == before

    def test_no_header_makes_it_raise(self, authenticator: Authenticator, good_headers: Mapping[str, str]) -> None:
        """Strangers write headers."""
        for name in (*good_headers, "authorization"):
            for value in STRINGS:
                for text in (value, f"Bearer {value}", f"Basic {value}"):
                    found = authenticator.credential({name: text})
                    assert found is None or isinstance(found, Credential)

    def test_the_secret_is_not_shown(self, authenticator: Authenticator, good_headers: Mapping[str, str]) -> None:
        """What is logged is a ``repr``."""
        credential = authenticator.credential(good_headers)

        assert credential is not None
        assert credential.secret
        for shown in (repr(credential), str(credential), repr(authenticator)):
            assert credential.secret not in shown

    @pytest.mark.asyncio
    async def test_a_good_credential_is_somebody(self, authenticator: Authenticator, good_headers: Mapping[str, str]) -> None:
        """A principal with a stable id, known scopes and a share above 0; the same each time."""
        credential = authenticator.credential(good_headers)
        assert credential is not None

        first, second = await authenticator.verify(credential), await authenticator.verify(credential)

        assert isinstance(first, Principal)
        assert first.id == second.id
        assert first.id
        assert first.scopes <= set(get_args(Scope))
        assert first.weight > 0
        assert credential.secret not in repr(first)

    @pytest.mark.asyncio
    async def test_a_bad_credential_is_unauthorized(self, authenticator: Authenticator, good_headers: Mapping[str, str]) -> None:
        """401 with a sentence, whatever was sent, and never anything else; the message does not repeat the secret."""
        good = authenticator.credential(good_headers)
        assert good is not None
        secret = good.secret

        for bad in (secret[:-1], secret + "x", secret[::-1], secret.swapcase(), *STRINGS):
            with pytest.raises(Unauthorized) as caught:
                await authenticator.verify(Credential(authenticator.name, bad))
            assert caught.value.message.strip()
            assert len(bad) < 12 or bad not in caught.value.message, "the message repeats the credential"

    def test_its_generation_is_a_number(self, authenticator: Authenticator) -> None:
        """The core asks again when it grows: so a revoked credential ends."""
        assert isinstance(authenticator.generation, int)
