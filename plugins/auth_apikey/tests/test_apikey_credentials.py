"""Which headers hold an API key, and which are somebody else's business."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_auth_apikey.authenticator import ApiKeyAuthenticator
from llmlb_auth_apikey.keys import is_key, new_key
from llmlb_auth_apikey.ring import KeyRing
from llmlb_auth_apikey.settings import ApiKeySettings

from llmlb_core.errors import Unauthorized

HEADER = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()).decode().rstrip("=")


@pytest.fixture
def authenticator() -> ApiKeyAuthenticator:
    ring = KeyRing(ApiKeySettings())
    ring.replace([])
    return ApiKeyAuthenticator(ring)


def found(authenticator, **headers: str) -> str | None:
    credential = authenticator.credential({name.replace("_", "-"): value for name, value in headers.items()})
    return None if credential is None else credential.secret


def test_x_api_key_wins_over_bearer(authenticator):
    """7c0a37e0: where both headers are there, ``X-API-Key`` is the credential."""
    assert "sk_one" == found(authenticator, x_api_key="sk_one", authorization="Bearer sk_two")


@pytest.mark.parametrize("value", ["Bearer sk_two", "bearer sk_two", "BEARER   sk_two "])
def test_bearer_is_found_however_it_is_written(authenticator, value):
    """The scheme's name has no case, as HTTP says."""
    assert "sk_two" == found(authenticator, authorization=value)


@pytest.mark.parametrize("value", ["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer ", f"Bearer {HEADER}.e30.c2ln"])
def test_other_credentials_are_not_mine(authenticator, value):
    """No bearer, another scheme, and a signed token with a readable header are left to others (7c0a37e0)."""
    assert found(authenticator, authorization=value) is None


@pytest.mark.parametrize("value", ["a.b.c", "..", f"{HEADER}.x", f"{HEADER}.a.b.c", "W10.a.b", "sk_a.b.c"])
async def test_what_only_looks_like_a_token_is_mine_to_refuse(authenticator, value):
    """Three parts without a JWT header are no token; the answer is 401, not silence."""
    credential = authenticator.credential({"authorization": f"Bearer {value}"})

    with pytest.raises(Unauthorized) as caught:
        await authenticator.verify(credential)

    assert (401, "invalid_api_key") == (caught.value.status, caught.value.code)
    assert "llmlb keys create" in caught.value.message


@given(st.text(max_size=200))
def test_any_bearer_is_judged_without_an_accident(text):
    """Whatever bytes a client sends, the answer is a credential or None, and its secret is never in ``repr``."""
    authenticator = ApiKeyAuthenticator(KeyRing(ApiKeySettings()))

    credential = authenticator.credential({"authorization": "Bearer " + text})

    if credential is not None and len(credential.secret) > 12:
        assert credential.secret not in repr(credential)


@given(st.text(max_size=60))
def test_only_the_exact_form_is_a_key(text):
    """d4eb8796: ``sk_`` and 32 letters or digits of ASCII; nothing around it."""
    key = new_key()

    assert is_key(key)
    assert not is_key(text + key + text) or not text
    assert not is_key(key[:-1] + "é")
