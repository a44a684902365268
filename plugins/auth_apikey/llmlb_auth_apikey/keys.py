"""What an API key is: its form, its hash, its scopes, and the checks of what people ask for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import get_args

from attrs import field, frozen

from llmlb_core import Scope, new_token
from llmlb_core.errors import InvalidRequest

PREFIX = "sk_"
DEFAULT_EXPIRY_DAYS = 90
MAX_EXPIRY_DAYS = 365
MAX_RATE = 1_000_000_000
_FORM = re.compile(r"sk_[A-Za-z0-9]{32}", re.ASCII)
_SCOPES: tuple[Scope, ...] = get_args(Scope)
# Names that older clients use (7c0a37e0).
_SCOPE_ALIASES: dict[str, Scope] = {"node": "endpoints", "runtime": "endpoints"}


@frozen
class Key:
    """One key, as it is kept: everything but the key.

    Attributes:
        id: Of the row; the principal is ``key:<id>``.
        scopes: Empty = may nothing; older keys without the column may everything (7c0a37e0-F15).
        models: Names it may use; None = all.
        expires_at: None = never.
        requests_per_minute: None = no limit; likewise ``tokens_per_minute``, prompt and answer together.
        last_used_at: At most a minute old while the server runs.
    """

    id: str
    name: str
    hash: str = field(repr=False)
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    created_by: str | None = None
    models: frozenset[str] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    last_used_at: datetime | None = None


def new_key() -> str:
    """Return a fresh key: ``sk_`` and 32 letters and digits."""
    return new_token(PREFIX, 32)


def is_key(text: str) -> bool:
    """Whether *text* has the form of a key."""
    return _FORM.fullmatch(text) is not None


def hash_of(key: str) -> str:
    """Return what is stored of *key*. Plain SHA-256: 190 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def checked_name(name: object) -> str:
    """Return *name*, or raise InvalidRequest."""
    if not isinstance(name, str):
        raise InvalidRequest("name must be a string of 1 to 100 characters.", param="name")
    stripped = name.strip()
    if not 1 <= len(stripped) <= 100:
        raise InvalidRequest(f"name has {len(stripped)} characters, expected 1 to 100.", param="name")
    if not stripped.isprintable():
        raise InvalidRequest("name has characters that cannot be printed.", param="name")
    return stripped


def checked_scopes(scopes: object) -> frozenset[Scope]:
    """Return the scopes without repetitions, or raise InvalidRequest (7c0a37e0-F14)."""
    if not isinstance(scopes, list | tuple) or not scopes:
        raise InvalidRequest(f"scopes is required: a list of at least one of {', '.join(_SCOPES)}.", param="scopes")
    found: set[Scope] = set()
    for scope in scopes:
        known = _scope(scope)
        if known is None:
            seen = f"{scope[:40]!r}" if isinstance(scope, str) else "a value that is not a string"
            raise InvalidRequest(f"scopes has {seen}, expected some of {', '.join(_SCOPES)}.", param="scopes")
        found.add(known)
    return frozenset(found)


def known_scopes(scopes: Iterable[object]) -> frozenset[Scope]:
    """Return those of *scopes* that are known; for rows, where an unknown one grants nothing."""
    return frozenset(scope for scope in map(_scope, scopes) if scope is not None)


def checked_models(models: object) -> frozenset[str] | None:
    """Return the allow-list, None for all models, or raise InvalidRequest."""
    if models is None:
        return None
    if not isinstance(models, list | tuple) or not all(isinstance(model, str) and model.strip() for model in models):
        raise InvalidRequest("models must be a list of model names, or null for all.", param="models")
    if len(models) > 1000:
        raise InvalidRequest(f"models has {len(models)} names, expected at most 1000.", param="models")
    return frozenset(model.strip() for model in models)


def checked_rate(rate: object, param: str) -> int | None:
    """Return what a key may use in a minute, None for no limit, or raise InvalidRequest."""
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int) or not 1 <= rate <= MAX_RATE:
        raise InvalidRequest(f"{param} must be a whole number from 1 to {MAX_RATE}, or null for no limit.", param=param)
    return rate


def expiry_after(days: object, now: datetime, param: str = "expires_in_days") -> datetime | None:
    """Return when a key ends that is made now: after *days*, or never for None; or raise InvalidRequest (7c0a37e0-F13)."""
    if days is None:
        return None
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_EXPIRY_DAYS:
        raise InvalidRequest(f"{param} must be a whole number from 1 to {MAX_EXPIRY_DAYS}, or null for never.", param=param)
    return now + timedelta(days=days)


def checked_expiry(moment: object, now: datetime) -> datetime | None:
    """Return the time that an ISO 8601 text names, None for never, or raise InvalidRequest."""
    if moment is None:
        return None
    example = now.replace(microsecond=0).isoformat()
    if not isinstance(moment, str):
        raise InvalidRequest(f"expires_at must be a time such as {example}, or null for never.", param="expires_at")
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        raise InvalidRequest(f"expires_at is not a time; expected one such as {example}.", param="expires_at") from None
    if parsed.tzinfo is None:
        raise InvalidRequest(f"expires_at has no time zone; expected a time such as {example}.", param="expires_at")
    if parsed <= now:
        raise InvalidRequest("expires_at lies in the past; expected a time to come, or null for never.", param="expires_at")
    try:
        return parsed.astimezone(now.tzinfo)
    except OverflowError:
        raise InvalidRequest("expires_at is out of range.", param="expires_at") from None


def document(key: Key, used_at: float | None = None) -> dict[str, object]:
    """Return what is shown of *key*.

    Args:
        key: As the database has it.
        used_at: When memory saw it last, ``time.time()``; newer than the row's.
    """
    last_used_at = key.last_used_at if used_at is None else datetime.fromtimestamp(int(used_at), UTC)
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "models": None if key.models is None else sorted(key.models),
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "created_by": key.created_by,
        "created_at": key.created_at.isoformat(),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
        # A key without an end is marked, so that lists can warn (d4eb8796-F7c).
        "is_unlimited": key.expires_at is None,
        "last_used_at": None if last_used_at is None else last_used_at.isoformat(),
    }


def _scope(scope: object) -> Scope | None:
    if not isinstance(scope, str):
        return None
    alias = _SCOPE_ALIASES.get(scope, scope)
    return next((known for known in _SCOPES if known == alias), None)
