"""The keys in memory: what a request is checked against, without ever waiting for the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from attrs import define, field

from llmlb_auth_apikey.keys import Key, hash_of, is_key
from llmlb_auth_apikey.settings import ApiKeySettings
from llmlb_core import Principal
from llmlb_core.errors import Unauthorized

# The core remembers who a key is until then, so a key's last use is known to the minute.
_REMEMBERED_S = 60.0
_NEW_KEY = "Make a new one with `llmlb keys create`."


@define(eq=False)
class KeyRing:
    """A snapshot of all keys, replaced as a whole; the event loop's own, so nothing here is locked.

    Attributes:
        settings: How long the snapshot stays good.
        generation: Grows whenever an earlier answer may be wrong.
        is_ready: Whether a snapshot was ever loaded; until then every key is refused.
        limits: Requests and tokens per minute of those principals that have a limit, by id.
        clock: Seconds since the epoch.
        monotonic: Seconds that no clock change moves.
    """

    settings: ApiKeySettings
    generation: int = 0
    is_ready: bool = False
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    limits: dict[str, tuple[int | None, int | None]] = field(factory=dict)
    _key_by_hash: dict[str, Key] = field(factory=dict, repr=False)
    _used_at_by_id: dict[str, float] = field(factory=dict, repr=False)
    _fresh_at: float = 0.0
    _was_stale: bool = False

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._key_by_hash)

    def replace(self, keys: Iterable[Key]) -> None:
        """Take *keys* as all there are."""
        snapshot = Snapshot(self)
        snapshot.add(keys)
        snapshot.take_over()

    def take(self, snapshot: Snapshot) -> None:
        """Take what *snapshot* has gathered as all there are."""
        if not self.is_ready or snapshot.is_changed or len(snapshot.key_by_hash) != len(self._key_by_hash):
            self.generation += 1
        self._key_by_hash = snapshot.key_by_hash
        self.limits = snapshot.limits
        self.is_ready = True
        self.confirm()

    def is_as_known(self, key: Key) -> bool:
        """Whether *key* is what the ring has under its hash, but for its last use and its limits."""
        known = self._key_by_hash.get(key.hash)
        # A use is no change: it must not make the core forget every key once a minute.
        return known is not None and _without_use(known) == _without_use(key)

    def confirm(self) -> None:
        """Note that the snapshot is what the database holds now."""
        self._fresh_at = self.monotonic()
        if self._was_stale:
            self._was_stale = False
            self.generation += 1

    def is_stale(self) -> bool:
        """Whether the database has been away for longer than the settings allow; makes the core ask again when it begins."""
        stale = self.is_ready and self.monotonic() - self._fresh_at > self.settings.stale_hours * 3600
        if stale and not self._was_stale:
            self._was_stale = True
            self.generation += 1
        return stale

    def verify(self, secret: str) -> Principal:
        """Return whose key *secret* is.

        Raises:
            Unauthorized: It is nobody's, or ended; or keys cannot be checked any more, for want of a database.
        """
        if not is_key(secret):
            raise Unauthorized(f"The API key is not of the form sk_ and 32 letters and digits. {_NEW_KEY}")
        if not self.is_ready or self.is_stale():
            raise Unauthorized("API keys cannot be checked: the server's key database has been out of reach for too long.")
        key = self._key_by_hash.get(hash_of(secret))
        if key is None:
            # Revoked and never issued look the same: a deleted key leaves nothing behind.
            raise Unauthorized(f"The API key is unknown or was revoked. {_NEW_KEY}")
        now = self.clock()
        expires_at = None if key.expires_at is None else key.expires_at.timestamp()
        if expires_at is not None and expires_at <= now:
            raise Unauthorized(f"The API key expired on {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d}. {_NEW_KEY}")
        self._used_at_by_id[key.id] = now
        remembered_until = now + _REMEMBERED_S
        return Principal(
            id=f"key:{key.id}",
            name=key.name,
            scopes=key.scopes,
            models=key.models,
            valid_until=remembered_until if expires_at is None else min(expires_at, remembered_until),
        )

    def used_at(self, key_id: str) -> float | None:
        """Return when a key was last used, as far as it is not written yet."""
        return self._used_at_by_id.get(key_id)

    def take_uses(self) -> dict[str, float]:
        """Return when which key was last used since the last call, by id; at most one entry a key."""
        uses, self._used_at_by_id = self._used_at_by_id, {}
        return uses

    def give_back_uses(self, uses: dict[str, float]) -> None:
        """Keep *uses* for the next time: they could not be written."""
        known = {key.id for key in self._key_by_hash.values()}
        for key_id, used_at in uses.items():
            if key_id in known:
                self._used_at_by_id.setdefault(key_id, used_at)


@define(eq=False)
class Snapshot:
    """All keys as they are read, a few at a time; the ring goes on with the old ones until it takes these over."""

    _ring: KeyRing
    is_changed: bool = False
    key_by_hash: dict[str, Key] = field(factory=dict, repr=False)
    limits: dict[str, tuple[int | None, int | None]] = field(factory=dict)

    def add(self, keys: Iterable[Key]) -> None:
        """Gather *keys*."""
        for key in keys:
            self.key_by_hash[key.hash] = key
            if key.requests_per_minute is not None or key.tokens_per_minute is not None:
                self.limits[f"key:{key.id}"] = (key.requests_per_minute, key.tokens_per_minute)
            self.is_changed = self.is_changed or not self._ring.is_as_known(key)

    def take_over(self) -> None:
        """Make the ring use these, and no others."""
        self._ring.take(self)


def _without_use(key: Key) -> tuple[object, ...]:
    return (key.id, key.name, key.scopes, key.models, key.expires_at)
