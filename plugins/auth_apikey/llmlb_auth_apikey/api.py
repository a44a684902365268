"""``/v0/api-keys``: list, make, change and revoke keys; for principals with the scope ``admin``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import orjson
from attrs import evolve
from quart import Blueprint, Response, g, request

from llmlb_auth_apikey.keys import (
    DEFAULT_EXPIRY_DAYS,
    Key,
    checked_expiry,
    checked_models,
    checked_name,
    checked_rate,
    checked_scopes,
    document,
    expiry_after,
    hash_of,
    new_key,
)
from llmlb_auth_apikey.refresh import Refresher
from llmlb_auth_apikey.store import KeyStore, make_key
from llmlb_core import Plugin, get_logger
from llmlb_core.errors import InvalidJson, InvalidRequest, NoEndpoint, RouteNotFound
from llmlb_core.storage.rows import database_faults, utc_now

_log = get_logger("auth_apikey")
_RATES = ("requests_per_minute", "tokens_per_minute")


def blueprint(plugin: Plugin) -> Blueprint:
    """Return the pages of the keys that *plugin*'s lifespan keeps."""
    pages = Blueprint("auth_apikey", __name__)
    admin = _Admin(plugin)
    pages.get("")(admin.list_keys)
    pages.post("")(admin.create_key)
    pages.put("/<key_id>")(admin.change_key)
    pages.delete("/<key_id>")(admin.delete_key)
    return pages


class _Admin:
    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    async def list_keys(self) -> Response:
        """Show all keys, never the key itself (d4eb8796-F6)."""
        refresher, store = self._open()
        with _database():
            # Written as they are read, a few at a time: ten thousand at once would keep every call waiting.
            parts = [
                orjson.dumps([document(key, refresher.ring.used_at(key.id)) for key in page])[1:-1] async for page in store.pages()
            ]
        return Response(b'{"api_keys":[%b]}' % b",".join(parts), content_type="application/json")

    async def create_key(self) -> Response:
        """Make a key; the answer is the only time that it is shown (d4eb8796-F19)."""
        refresher, store = self._open()
        body = await _body("name", "scopes", "expires_in_days", "expires_at", "models", *_RATES)
        now = utc_now()
        secret = new_key()
        key = make_key(
            hash_of(secret),
            name=checked_name(body.get("name")),
            scopes=checked_scopes(body.get("scopes")),
            expires_at=_expiry(body, now),
            models=checked_models(body.get("models")),
            requests_per_minute=checked_rate(body.get("requests_per_minute"), "requests_per_minute"),
            tokens_per_minute=checked_rate(body.get("tokens_per_minute"), "tokens_per_minute"),
            created_by=_caller(),
            now=now,
        )
        with _database():
            await store.add(key)
            await refresher.refresh()
        _log.info("api_key_created", id=key.id, name=key.name, scopes=sorted(key.scopes), by=key.created_by)
        answer = _json({**document(key), "key": secret}, 201)
        answer.headers["cache-control"] = "no-store"
        return answer

    async def change_key(self, key_id: str) -> Response:
        """Rename a key, move its end or change its limits (d4eb8796-F7a); what is absent stays."""
        refresher, store = self._open()
        body = await _body("name", "expires_at", *_RATES)
        if not body:
            raise InvalidRequest(f"The body changes nothing; expected some of name, expires_at, {', '.join(_RATES)}.")
        with _database():
            key = await store.find(key_id)
            if key is None:
                raise _not_found()
            if not await store.change(_changed(key, body)):
                raise _not_found()
            await refresher.refresh()
            changed = await store.find(key_id)
        if changed is None:
            raise _not_found()
        _log.info("api_key_changed", id=key_id, name=changed.name, by=_caller())
        return _json(document(changed, refresher.ring.used_at(key_id)))

    async def delete_key(self, key_id: str) -> Response:
        """Revoke a key; it is refused from now on (d4eb8796-F7)."""
        refresher, store = self._open()
        with _database():
            if not await store.remove(key_id):
                raise _not_found()
            await refresher.refresh()
        _log.info("api_key_revoked", id=key_id, by=_caller())
        return Response(b"", status=204)

    def _open(self) -> tuple[Refresher, KeyStore]:
        refresher = self._plugin.shared.get("refresher")
        if not isinstance(refresher, Refresher) or refresher.store is None:
            raise NoEndpoint("The API keys are not open; 'llmlb plugins show auth_apikey' says why.", code="keys_unavailable")
        return refresher, refresher.store


def _expiry(body: Mapping[str, object], now: datetime) -> datetime | None:
    if "expires_in_days" in body and "expires_at" in body:
        raise InvalidRequest("expires_in_days and expires_at exclude one another; give one.", param="expires_at")
    if "expires_at" in body:
        return checked_expiry(body["expires_at"], now)
    return expiry_after(body.get("expires_in_days", DEFAULT_EXPIRY_DAYS), now)


def _changed(key: Key, body: Mapping[str, object]) -> Key:
    if "name" in body:
        key = evolve(key, name=checked_name(body["name"]))
    if "expires_at" in body:
        key = evolve(key, expires_at=checked_expiry(body["expires_at"], utc_now()))
    if "requests_per_minute" in body:
        key = evolve(key, requests_per_minute=checked_rate(body["requests_per_minute"], "requests_per_minute"))
    if "tokens_per_minute" in body:
        key = evolve(key, tokens_per_minute=checked_rate(body["tokens_per_minute"], "tokens_per_minute"))
    return key


async def _body(*known: str) -> dict[str, object]:
    try:
        body = orjson.loads(await request.get_data())
    except orjson.JSONDecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest(f"The body must be a JSON object with some of {', '.join(known)}.")
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        raise InvalidRequest(f"{unknown[:40]!r} is not known here; expected some of {', '.join(known)}.", param=unknown[:40])
    return body


@contextmanager
def _database() -> Iterator[None]:
    try:
        yield
    except database_faults() as error:
        _log.error("keys_database_failed", error=type(error).__name__)
        raise NoEndpoint(
            "The key database does not answer; existing keys keep working meanwhile. Try again, or see 'llmlb db check'.",
            code="database_unavailable",
            retry_after_s=5,
        ) from error


def _caller() -> str | None:
    principal = g.get("principal")
    return None if principal is None else str(principal.id)


def _not_found() -> RouteNotFound:
    return RouteNotFound("No API key has this id; 'GET /v0/api-keys' lists them.", code="api_key_not_found")


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status=status, content_type="application/json")
