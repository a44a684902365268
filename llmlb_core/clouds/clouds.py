"""All providers of one server: prefix → endpoints, one for each key, and what a name with a prefix resolves to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import define, field

from llmlb_core.clouds.configured import ConfiguredCloud
from llmlb_core.clouds.endpoint import CloudEndpoint
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.models import Capability
from llmlb_core.errors import CloudKeyMissing, UnknownPrefix
from llmlb_core.telemetry.log import get_logger
from llmlb_core.upstream.sweep import Sweep

MOST_TARGETS = 1000
"""Names that are kept resolved, of one provider: clients choose them."""
MOST_KEYS = 32
PROVIDER_DIALECTS = frozenset({"openai", "anthropic", "google"})
"""Prefixes that nobody uses for anything else: without their plugin they are a mistake, not a local model."""
_EVERYTHING = tuple(Capability)
_log = get_logger("clouds")


@define(eq=False)
class _Room:
    """One provider, and what calls of it go through now.

    Attributes:
        keys: In order of use.
        targets: By the provider's own name of a model.
    """

    cloud: ConfiguredCloud
    keys: tuple[str, ...] = field(default=(), repr=False)
    endpoints: tuple[CloudEndpoint, ...] = ()
    targets: dict[str, Target] = field(factory=dict, repr=False)


class Clouds:
    """Knows every provider. Memory only; everything happens on the event loop, without an await.

    Attributes:
        on_keys: Called with the name of a provider whose keys have changed.
        is_used: Whether any provider has, or had, a key.
    """

    def __init__(self, clouds: Iterable[ConfiguredCloud], sweep: Sweep) -> None:
        """Begin with the keys of settings and the environment."""
        self._sweep = sweep
        self._rooms = {cloud.name: _Room(cloud) for cloud in clouds}
        self._by_prefix: dict[str, _Room] = {}
        self._retired: list[CloudEndpoint] = []
        self.on_keys: list[Callable[[str], None]] = []
        self.is_used = False
        for room in self._rooms.values():
            for prefix in room.cloud.prefixes:
                self._by_prefix.setdefault(prefix, room)
            self._open(room, room.cloud.given_keys)

    @property
    def all(self) -> Mapping[str, ConfiguredCloud]:
        """Every provider, by name."""
        return {name: room.cloud for name, room in self._rooms.items()}

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the keys that provider *name* is called with; never to be shown."""
        return self._rooms[name].keys

    def endpoints(self, name: str) -> tuple[CloudEndpoint, ...]:
        """Return what calls of provider *name* go through, one for each key."""
        return self._rooms[name].endpoints

    def set_keys(self, name: str, keys: Sequence[str]) -> None:
        """Call provider *name* with *keys* from now on; none = those of settings and the environment. Calls that run go on."""
        room = self._rooms[name]
        wanted = tuple(dict.fromkeys(keys))[:MOST_KEYS] or room.cloud.given_keys
        if wanted != room.keys:
            self._open(room, wanted)
            _log.info("cloud_keys_changed", cloud=name, count=len(wanted))
            for callback in self.on_keys:
                callback(name)

    def claims(self, name: str) -> bool:
        """Whether *name*, which has a colon, is of a provider's model and never of any other."""
        prefix = name.partition(":")[0].lower()
        return prefix in self._by_prefix or prefix in PROVIDER_DIALECTS

    def has(self, name: str) -> bool:
        """Whether a provider that has a key would be asked for *name*."""
        prefix, _, model = name.partition(":")
        room = self._by_prefix.get(prefix.lower())
        return room is not None and bool(room.endpoints and model)

    def lookup(self, name: str) -> tuple[Target, tuple[Capability, ...]]:
        """Return the target of *name*, which a provider claims, and what it may be able to do: the provider alone knows.

        Raises:
            UnknownPrefix: The provider's plugin is not installed, or nothing is behind the prefix.
            CloudKeyMissing: Nobody has set a key.
        """
        prefix, _, model = name.partition(":")
        room = self._by_prefix.get(prefix.lower())
        if room is None:
            known = ", ".join(f"{each}:" for each in sorted(self._by_prefix)) or "none"
            raise UnknownPrefix(
                f"Unknown cloud provider prefix: {prefix}: (there: {known}). pip install llmlb-cloud-{prefix.lower()} adds it.",
                param="model",
            )
        if not model:
            raise UnknownPrefix(f"Nothing stands behind the prefix {prefix}: in 'model'; expected {prefix}:MODEL.", param="model")
        if not room.endpoints:
            raise CloudKeyMissing(no_key_text(room.cloud), extras={"provider": room.cloud.name})
        target = room.targets.get(model)
        if target is None:
            if len(room.targets) >= MOST_TARGETS:
                room.targets.clear()
            target = room.targets[model] = Target(f"{room.cloud.name}:{model}", room.endpoints)
        return target, _EVERYTHING

    def close(self) -> None:
        """Close every connection."""
        for room in self._rooms.values():
            for endpoint in room.endpoints:
                endpoint.close()
        for endpoint in self._retired:
            endpoint.close()
        self._retired.clear()

    def _open(self, room: _Room, keys: Sequence[str]) -> None:
        for endpoint in [each for each in self._retired if not each.in_flight]:
            self._retired.remove(endpoint)
            endpoint.close()
        self._retired += room.endpoints
        self.is_used = self.is_used or bool(keys)
        room.keys = tuple(keys)
        room.endpoints = tuple([CloudEndpoint(room.cloud, key, number, self._sweep) for number, key in enumerate(keys, 1)])
        room.targets.clear()


def no_key_text(cloud: ConfiguredCloud) -> str:
    """Say which key is missing, and how to set it."""
    variables = " or ".join(cloud.key_sources)
    ways = [f"set {variables}"] if variables else []
    ways += [f"run 'llmlb clouds set-key {cloud.name}'"]
    where = f" ({cloud.signup_url})" if cloud.signup_url else ""
    return f"No API key for the provider '{cloud.name}' is configured{where}: {', or '.join(ways)}."
