"""Where ``llmlb keys`` does its work: on the database itself, not through a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from attrs import frozen

from llmlb_auth_apikey import APP
from llmlb_auth_apikey.keys import (
    Key,
    checked_models,
    checked_name,
    checked_rate,
    checked_scopes,
    expiry_after,
    hash_of,
    is_key,
    new_key,
)
from llmlb_auth_apikey.store import KeyStore, make_key
from llmlb_core import Scope, read_private, write_private
from llmlb_core.cli.context import CliContext
from llmlb_core.errors import LLMLBError
from llmlb_core.storage import open_storage
from llmlb_core.storage.rows import current_database, database_faults, utc_now


class DeskError(LLMLBError):
    """The command cannot do what was asked; the message says why and what to do."""


@frozen
class Wish:
    """A key to be made."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None
    models: frozenset[str] | None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    @classmethod
    def checked(
        cls,
        name: str,
        scopes: list[str],
        expires_in_days: int | None,
        models: list[str] | None,
        *,
        rpm: int | None = None,
        tpm: int | None = None,
    ) -> Wish:
        """Return the wish, or raise InvalidRequest."""
        end = expiry_after(expires_in_days, utc_now())
        return cls(
            checked_name(name),
            checked_scopes(scopes),
            end,
            checked_models(models),
            checked_rate(rpm, "--rpm"),
            checked_rate(tpm, "--tpm"),
        )


@asynccontextmanager
async def open_desk(cli: CliContext) -> AsyncIterator[Desk]:
    """Open the database as ``serve`` does, pending migrations included.

    Raises:
        StartError: The data directory or the database is unusable.
        DeskError: The database failed in the middle.
    """
    async with open_storage(cli.settings, [APP]) as storage:
        for _, reason in storage.broken:
            raise DeskError(reason.message)
        try:
            yield Desk(KeyStore(current_database()))
        except database_faults() as error:
            raise DeskError(f"The key database failed ({type(error).__name__}); see 'llmlb db check'.") from error


@frozen
class Desk:
    """Makes, lists and revokes keys."""

    _store: KeyStore

    async def all(self) -> list[Key]:
        """Return all keys, oldest first."""
        return await self._store.load()

    async def create(self, wish: Wish) -> tuple[Key, str]:
        """Make a key; return it and, this once, its secret."""
        secret = new_key()
        key = make_key(
            hash_of(secret),
            name=wish.name,
            scopes=wish.scopes,
            expires_at=wish.expires_at,
            models=wish.models,
            requests_per_minute=wish.requests_per_minute,
            tokens_per_minute=wish.tokens_per_minute,
            created_by="cli",
            now=utc_now(),
        )
        await self._store.add(key)
        return key, secret

    async def revoke(self, id_or_name: str) -> Key:
        """Delete the key of this id, or the only one of this name.

        Raises:
            DeskError: There is none, or several have the name.
        """
        keys = await self._store.load()
        found = [key for key in keys if key.id == id_or_name] or [key for key in keys if key.name == id_or_name]
        if len(found) > 1:
            ids = ", ".join(key.id for key in found[:10])
            raise DeskError(f"{len(found)} keys are called '{id_or_name}'; name one by its id: {ids}.")
        if not found or not await self._store.remove(found[0].id):
            # What was typed may be a key itself, pasted by mistake: it is not repeated.
            raise DeskError("No key has this id or name; 'llmlb keys list' shows them.")
        return found[0]

    async def ensure(self, wish: Wish, path: Path) -> str:
        """Return the key in *path* where this database knows it and it has not ended; else make one and write it there.

        Raises:
            DeskError: The file cannot be read or written, or holds something that is not a key and would be lost.
        """
        kept = _read(path)
        if kept is not None:
            now = utc_now()
            for key in await self._store.load():
                if key.hash == hash_of(kept) and (key.expires_at is None or key.expires_at > now):
                    return kept
        key, secret = await self.create(wish)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_private(path, secret + "\n")
        except OSError as error:
            await self._store.remove(key.id)
            raise DeskError(f"The file {path} cannot be written ({error.strerror}); no key was made.") from error
        return secret


def _read(path: Path) -> str | None:
    try:
        kept = read_private(path).strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DeskError(f"The file {path} cannot be read ({reason}); name another with --file.") from error
    if kept and not is_key(kept):
        raise DeskError(f"The file {path} holds something that is not an API key; name another with --file.")
    return kept or None
