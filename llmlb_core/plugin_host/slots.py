"""What each hook takes: the base class of its objects, and the attribute that names them."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

from attrs import frozen

from llmlb_core.errors import PluginBroken

_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*")
_PREFIX = re.compile(r"(/[A-Za-z0-9_.\-]+)+")


@frozen
class Slot:
    """One kind of contribution.

    Attributes:
        kind: First half of its key, as in ``engine:llamacpp``.
        module: Where its base class is, below ``llmlb_core.contracts``.
        base: Name of the base class.
        key: Attribute that names an object.
        is_class: The hook wants classes, not instances.
    """

    kind: str
    module: str
    base: str
    key: str = "name"
    is_class: bool = False

    def load_base(self) -> type:
        """Import the base class; only the contracts that a plugin uses are imported."""
        base: type = getattr(import_module(f"llmlb_core.contracts.{self.module}"), self.base)
        return base

    def takes(self, item: object) -> bool:
        """Say whether *item* belongs here."""
        base = self.load_base()
        if self.is_class:
            return inspect.isclass(item) and issubclass(item, base)
        return isinstance(item, base)

    def name_of(self, item: object) -> str:
        """Return the name of an object that belongs here.

        Raises:
            PluginBroken: It has none, or none that can stand in settings.
        """
        cls = item.__name__ if inspect.isclass(item) else type(item).__name__
        owner = cls if cls == self.base else f"{self.base} {cls}"
        name = getattr(item, self.key, None)
        if not isinstance(name, str):
            raise PluginBroken(f"{owner} has no {self.key!r}; expected a string such as {self.key} = {cls.lower()!r}")
        pattern, wanted = (_PREFIX, "'/a/path' without a slash at its end") if self.key == "prefix" else (_NAME, "lower case")
        if pattern.fullmatch(name) is None:
            raise PluginBroken(f"{owner} has {self.key} {name!r}, expected {wanted}")
        return name


def expected_of(slots: tuple[Slot, ...]) -> str:
    """Say what a hook wants, for messages: ``Router, Filter or Picker objects``."""
    *others, last = [slot.base for slot in slots]
    names = f"{', '.join(others)} or {last}" if others else last
    return f"{names} classes" if slots[0].is_class else f"{names} objects"


SLOTS: dict[str, tuple[Slot, ...]] = {
    "llmlb_engines": (Slot("engine", "engine", "Engine", is_class=True),),
    "llmlb_models": (Slot("store", "modelstore", "ModelStore", "scheme"), Slot("format", "modelstore", "ModelFormat")),
    "llmlb_endpoints": (Slot("endpoint_kind", "endpoint_kind", "EndpointKind"),),
    "llmlb_routers": (
        Slot("router", "router", "Router"),
        Slot("filter", "router", "Filter"),
        Slot("scorer", "router", "Scorer"),
        Slot("picker", "router", "Picker"),
        Slot("admission", "admission", "AdmissionPolicy"),
    ),
    "llmlb_auth": (Slot("authenticator", "auth", "Authenticator"), Slot("authorizer", "auth", "Authorizer")),
    "llmlb_storage": (Slot("storage", "storage", "StorageApp", "label"),),
    "llmlb_clouds": (Slot("cloud", "cloud", "Cloud"),),
    "llmlb_dialects": (Slot("dialect", "dialect", "Dialect"), Slot("server_dialect", "server_dialect", "ServerDialect")),
    "llmlb_observers": (
        Slot("observer", "observer", "Observer"),
        Slot("feedback", "observer", "Feedback"),
        Slot("body_sink", "observer", "BodySink"),
    ),
    "llmlb_routes": (Slot("routes", "routes", "Routes", "prefix"),),
}
"""Every hook that returns objects; the others (settings, commands, lifespan) have rules of their own."""
