"""``/v0/api-keys``, as an administrator's client uses it."""

import json
from datetime import datetime, timedelta

import pytest
from llmlb_auth_apikey.api import blueprint
from llmlb_auth_apikey.keys import new_key
from quart import Quart

from llmlb_core.stages.authenticate import Authenticate
from llmlb_core.storage.rows import utc_now
from llmlb_core.web import errors
from llmlb_core.web.guard import guard

CREATE = {"name": "ci", "scopes": ["api"]}


class Client:
    """A test client that sends one key."""

    def __init__(self, app, key: str) -> None:
        self._client = app.test_client()
        self.headers = {"x-api-key": key}

    async def __call__(self, method: str, path: str = "", body=None, *, data: bytes | None = None):
        sent = json.dumps(body) if data is None and body is not None else data
        response = await self._client.open(f"/v0/api-keys{path}", method=method, headers=self.headers, data=sent)
        return response.status_code, await response.get_json() if response.is_json else None, response


@pytest.fixture
async def admin(served):
    """A client with an admin key, of an app with nothing but these pages."""
    app = Quart("test")
    errors.install(app)
    pages = blueprint(served.plugin)
    guard(pages, "admin", lambda: Authenticate([served.authenticator]))
    app.register_blueprint(pages, url_prefix="/v0/api-keys")
    _, secret = await served.add(scopes=("admin",), name="root")
    return Client(app, secret)


def days_from_now(text: str) -> float:
    return (datetime.fromisoformat(text) - utc_now()).total_seconds() / 86400


async def test_created_key_is_shown_once_and_works_at_once(served, admin):
    """d4eb8796-F4, F19: 201 with the key, not cacheable; the list never has it; the ring knows it immediately."""
    status, created, response = await admin("POST", body=CREATE)

    _, listed, _ = await admin("GET")
    principal = await served.ask(created["key"])

    assert 201 == status
    assert "no-store" == response.headers["cache-control"]
    assert (f"key:{created['id']}", "ci") == (principal.id, principal.name)
    assert created["key"] not in str(listed)
    assert {"root", "ci"} == {key["name"] for key in listed["api_keys"]}


async def test_default_expiry_is_90_days(admin):
    """7c0a37e0-F13: neither expires_in_days nor expires_at given."""
    _, created, _ = await admin("POST", body=CREATE)

    assert 89.9 < days_from_now(created["expires_at"]) <= 90


@pytest.mark.parametrize("end", [{"expires_in_days": None}, {"expires_at": None}])
async def test_explicit_null_never_expires_and_is_marked(admin, end):
    """d4eb8796-F7b, F7c: null = unlimited, and the list says so."""
    _, created, _ = await admin("POST", body={**CREATE, **end})

    assert (None, True) == (created["expires_at"], created["is_unlimited"])


@pytest.mark.parametrize("days", [1, 3, 7, 21, 70, 365])
async def test_expiry_in_days_is_taken(admin, days):
    """7c0a37e0-F13 and the five choices of d4eb8796-F7b."""
    status, created, _ = await admin("POST", body={**CREATE, "expires_in_days": days})

    assert 201 == status
    assert days - 0.1 < days_from_now(created["expires_at"]) <= days


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (["api", "api"], ["api"]),
        (["node"], ["endpoints"]),
        (["runtime", "endpoints"], ["endpoints"]),
        (["admin", "api"], ["admin", "api"]),
    ],
)
async def test_scopes_are_deduplicated_and_aliases_understood(admin, scopes, expected):
    """7c0a37e0-F2, F14; ``node`` and ``runtime`` are what older clients say."""
    _, created, _ = await admin("POST", body={**CREATE, "scopes": scopes})

    assert expected == created["scopes"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scopes": None}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "api"}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": [1]}, "scopes"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 366}, "expires_in_days"),
        ({"expires_in_days": True}, "expires_in_days"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
        ({"expires_in_days": "7"}, "expires_in_days"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "2001-01-01T00:00:00+00:00"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"expires_at": 5}, "expires_at"),
        ({"expires_in_days": 5, "expires_at": None}, "expires_at"),
        ({"models": "qwen"}, "models"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"requests_per_minute": True}, "requests_per_minute"),
        ({"tokens_per_minute": "60"}, "tokens_per_minute"),
        ({"tokens_per_minute": 10**10}, "tokens_per_minute"),
        ({"models": [1]}, "models"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_bad_input_is_400_with_its_param(admin, change, param):
    """Whatever is wrong is named, and no key is made."""
    status, answer, _ = await admin("POST", body={**CREATE, **change})

    _, listed, _ = await admin("GET")
    assert (400, "invalid_request_error", param) == (status, answer["error"]["type"], answer["error"]["param"])
    assert 1 == len(listed["api_keys"])


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"null"])
async def test_body_that_is_no_json_object_is_400(admin, data):
    """With the error document of every other route."""
    status, answer, _ = await admin("POST", data=data)

    assert 400 == status
    assert {"message", "type", "code", "param"} <= set(answer["error"])


async def test_name_and_expiry_are_changed(served, admin):
    """d4eb8796-F7a: what is given changes at once, what is absent stays."""
    _, created, _ = await admin("POST", body=CREATE)

    status, renamed, _ = await admin("PUT", f"/{created['id']}", {"name": "new"})
    later = (utc_now() + timedelta(days=5)).isoformat()
    _, moved, _ = await admin("PUT", f"/{created['id']}", {"expires_at": later})

    assert (200, "new", created["expires_at"]) == (status, renamed["name"], renamed["expires_at"])
    assert ("new", later) == (moved["name"], moved["expires_at"])
    assert "new" == (await served.ask(created["key"])).name


async def test_limits_are_shown_changed_and_lifted(served, admin):
    """What is absent stays, null lifts; the server's memory knows at once."""
    _, created, _ = await admin("POST", body={**CREATE, "requests_per_minute": 60, "tokens_per_minute": 1000})

    _, changed, _ = await admin("PUT", f"/{created['id']}", {"requests_per_minute": None, "tokens_per_minute": 5})

    assert (60, 1000) == (created["requests_per_minute"], created["tokens_per_minute"])
    assert (None, 5) == (changed["requests_per_minute"], changed["tokens_per_minute"])
    assert {f"key:{created['id']}": (None, 5)} == served.refresher.ring.limits


@pytest.mark.parametrize("body", [{}, {"scopes": ["admin"]}, {"name": ""}, {"expires_at": "x"}])
async def test_bad_change_is_400(admin, body):
    """7c0a37e0-F14: scopes are not editable, an empty change is a mistake."""
    _, created, _ = await admin("POST", body=CREATE)

    status, _, _ = await admin("PUT", f"/{created['id']}", body)

    assert 400 == status


async def test_deleted_key_is_refused_at_once(served, admin):
    """d4eb8796-F7: 204, then 401 for its owner, then 404 for a second delete."""
    _, created, _ = await admin("POST", body=CREATE)

    first, _, _ = await admin("DELETE", f"/{created['id']}")
    admin.headers, root = {"x-api-key": created["key"]}, admin.headers
    refused, answer, _ = await admin("GET")
    admin.headers = root
    second, _, _ = await admin("DELETE", f"/{created['id']}")

    assert (204, 401, 404) == (first, refused, second)
    assert "invalid_api_key" == answer["error"]["code"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_unknown_id_is_404(admin, method):
    """With a code of its own."""
    status, answer, _ = await admin(method, "/nobody", {"name": "x"})

    assert (404, "api_key_not_found") == (status, answer["error"]["code"])


@pytest.mark.parametrize(("scope", "expected"), [("api", 403), ("endpoints", 403), ("admin", 200)])
async def test_only_admin_keys_may_manage_keys(served, admin, scope, expected):
    """d4eb8796-F8, 7c0a37e0-F9: another scope is 403 insufficient_scope."""
    _, secret = await served.add(scopes=(scope,))
    admin.headers = {"authorization": f"Bearer {secret}"}

    status, _, _ = await admin("GET")

    assert expected == status


async def test_nobody_manages_keys_without_a_good_key(admin):
    """No key and an unknown key are 401."""
    admin.headers = {}
    without, _, _ = await admin("GET")
    admin.headers = {"x-api-key": new_key()}
    unknown, _, _ = await admin("GET")

    assert (401, 401) == (without, unknown)


async def test_lost_database_is_503_and_keys_keep_working(served, admin):
    """Administration says that the database is away; verification goes on."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(served.plugin.data_dir / "llmlb.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE auth_apikey_keys RENAME TO hidden")

    status, answer, response = await admin("GET")

    assert (503, "database_unavailable") == (status, answer["error"]["code"])
    assert "retry-after" in response.headers
