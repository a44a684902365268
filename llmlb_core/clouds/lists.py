"""What models providers list: asked on demand, kept for a day; the old list is shown where a new one cannot be had (82491000)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from attrs import define

from llmlb_core.clouds.clouds import Clouds
from llmlb_core.contracts.plugin import ModelInfo, ModelListing
from llmlb_core.domain.calls import Operation
from llmlb_core.domain.models import Capability
from llmlb_core.domain.remote import RemoteModel
from llmlb_core.endpoints.asking import Asker
from llmlb_core.endpoints.model_names import capabilities_by_name
from llmlb_core.errors import ServerError
from llmlb_core.telemetry.log import get_logger

FETCH_S = 10.0
KEPT_S = 24 * 3600.0
AGAIN_S = 60.0
"""A provider that could not be asked is left alone for so long."""
MOST_MODELS = 10_000

_APIS = {
    Operation.CHAT: ("chat_completions", "messages"),
    Operation.RESPONSE: ("responses",),
    Operation.COMPLETION: ("completions",),
}
_log = get_logger("clouds")


@define
class _Entry:
    """One provider's list; ``models`` is None before the first one came."""

    models: tuple[ModelInfo, ...] | None = None
    fetched_at: float = 0.0
    failed_at: float | None = None
    task: asyncio.Task[None] | None = None


class CloudLists:
    """One entry a provider: what one of them does is nothing to the others, and half a list is none."""

    def __init__(self, clouds: Clouds, asker: Asker, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask the providers of *clouds* by *asker*."""
        self._clouds = clouds
        self._asker = asker
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        clouds.on_keys.append(self._forget)

    async def all(self) -> ModelListing:
        """Return every model of every provider that has a key, asking those whose list is not there or too old.

        HIT where nobody had to be asked, STALE where somebody could not be and an old list is shown, else MISS.
        """
        now = self._clock()
        names = [name for name in self._clouds.all if self._clouds.keys(name)]
        due = [name for name in names if self._is_due(self._entry(name), now)]
        if due:
            await asyncio.gather(*(asyncio.shield(self._fetching(name)) for name in due))
        entries = [self._entries[name] for name in names if name in self._entries]
        known = [entry for entry in entries if entry.models is not None]
        now = self._clock()
        is_stale = any(now - entry.fetched_at > KEPT_S for entry in known)
        status = "" if not names else "STALE" if is_stale else "MISS" if due else "HIT"
        models = tuple(model for entry in known for model in entry.models or ())
        return ModelListing(models, status, max((now - entry.fetched_at for entry in known), default=0.0))

    def known(self, name: str) -> ModelInfo | None:
        """Return the model of this name, prefix included, as far as lists are there; asks nobody."""
        prefix = name.partition(":")[0].lower()
        cloud = next((each for each in self._clouds.all.values() if prefix in each.prefixes), None)
        entry = self._entries.get(cloud.name) if cloud is not None else None
        if cloud is None or entry is None or entry.models is None:
            return None
        wanted = f"{cloud.name}:{name.partition(':')[2]}"
        return next((model for model in entry.models if model.id == wanted), None)

    async def stop(self) -> None:
        """Ask nobody any more."""
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, name: str) -> None:
        """Other keys may see other models."""
        entry = self._entries.pop(name, None)
        if entry is not None and entry.task is not None:
            entry.task.cancel()

    def _entry(self, name: str) -> _Entry:
        return self._entries.setdefault(name, _Entry())

    def _is_due(self, entry: _Entry, now: float) -> bool:
        if entry.failed_at is not None and now - entry.failed_at < AGAIN_S:
            return False
        return entry.models is None or now - entry.fetched_at > KEPT_S

    def _fetching(self, name: str) -> asyncio.Task[None]:
        """Return the one task that fetches the list of *name*."""
        entry = self._entry(name)
        if entry.task is None or entry.task.done():
            entry.task = asyncio.create_task(self._fetch(name, entry), name=f"list {name}")
        return entry.task

    async def _fetch(self, name: str, entry: _Entry) -> None:
        cloud, key = self._clouds.all[name], self._clouds.keys(name)[0]
        headers = dict((*cloud.dialect.headers, *cloud.dialect.credential(key)))
        server = self._asker.server(f"cloud:{name}", cloud.address, key, headers=headers, deadline_s=FETCH_S)
        try:
            async with asyncio.timeout(FETCH_S):
                listed = await cloud.dialect.list_models(server)
        except TimeoutError:
            entry.failed_at = self._clock()
            _log.warning("cloud_list_timed_out", cloud=name, seconds=FETCH_S)
        except ServerError as error:
            entry.failed_at = self._clock()
            _log.error("cloud_list_failed", cloud=name, reason=error.message)
        except Exception:  # noqa: BLE001  # a plugin's code: its models are missing, everything else goes on
            entry.failed_at = self._clock()
            _log.exception("cloud_list_raised", cloud=name)
        else:
            apis = tuple(api for operation, names in _APIS.items() if operation in cloud.dialect.operations for api in names)
            entry.models = tuple(_info(name, model, apis) for model in listed[:MOST_MODELS])
            entry.fetched_at, entry.failed_at = self._clock(), None


def _info(cloud: str, model: RemoteModel, apis: Sequence[str]) -> ModelInfo:
    capabilities = model.capabilities or capabilities_by_name(model.id)
    shown: Mapping[bool, Sequence[str]] = {True: apis, False: ("embeddings",) if Capability.EMBEDDING in capabilities else ()}
    return ModelInfo(
        id=f"{cloud}:{model.id}",
        created_at=0,
        owned_by=cloud,
        capabilities=capabilities,
        is_ready=True,
        state="ready",
        context_tokens=model.context_tokens,
        apis=tuple(model.apis or shown[Capability.TEXT_GENERATION in capabilities]),
    )
