"""The application: Quart for pages, the door for inference, in one ASGI callable."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from importlib import import_module

from quart import Blueprint, Quart

from llmlb_core.contracts.plugin import Plugin
from llmlb_core.contracts.routes import Routes
from llmlb_core.errors import PluginBroken
from llmlb_core.house import House
from llmlb_core.settings.load import load_settings
from llmlb_core.settings.sections import Settings
from llmlb_core.web import errors
from llmlb_core.web.admin import clouds, endpoints, health, models, node, plugins, queue, route, status
from llmlb_core.web.door import Door
from llmlb_core.web.guard import guard, guard_by_method


def create_app(settings: Settings | None = None, *, house: House | None = None) -> Quart:
    """Return an app that serves everything under any ASGI server and Quart's test client.

    Args:
        settings: What to run; None = ``llmlb.toml`` and the environment.
        house: An open house to serve; without one the app opens and closes its own with its lifespan.
    """
    own = house is None
    home = house or House(settings or load_settings(environ=os.environ))
    app = Quart("llmlb_core")
    app.config["MAX_CONTENT_LENGTH"] = home.settings.server.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it; members stay in their written order
    errors.install(app)
    if own:

        @app.while_serving
        async def live() -> AsyncGenerator[None, None]:
            async with home.open():
                yield

    _mount(app, health.blueprint(home))
    for scoped, prefix in (
        (plugins.blueprint(home), "/v0/plugins"),
        (status.blueprint(home), "/v0"),
        (queue.blueprint(home), "/v0"),
    ):
        guard(scoped, "admin", lambda: home.pipeline.authenticate)
        _mount(app, scoped, prefix)
    explaining = route.blueprint(home)
    guard(explaining, "endpoints", lambda: home.pipeline.authenticate)
    _mount(app, explaining, "/v0/route")
    about_node = node.blueprint(home)
    guard(about_node, "api", lambda: home.pipeline.authenticate)
    _mount(app, about_node, "/v0")
    providers = clouds.blueprint(home)
    guard_by_method(providers, ("endpoints",), "admin", lambda: home.pipeline.authenticate)
    _mount(app, providers, "/v0/clouds")
    servers = endpoints.blueprint(home)
    guard_by_method(servers, ("api", "endpoints"), "endpoints", lambda: home.pipeline.authenticate)
    _mount(app, servers, "/v0/endpoints")
    about_models = models.blueprint(home)
    guard_by_method(about_models, ("api", "endpoints"), "endpoints", lambda: home.pipeline.authenticate)
    _mount(app, about_models, "/v0/models")
    for name, routes in home.host.registry.routes:
        _mount_plugin(app, home, name, routes)
    door = Door(app.asgi_app, lambda: home.pipeline, home.host.registry.dialects)
    app.asgi_app = door  # type: ignore[method-assign]  # how middleware is installed in Quart
    return app


def _mount(app: Quart, pages: Blueprint, prefix: str = "") -> None:
    """Register *pages* at *prefix*; what is under ``/v0`` answers under ``/api`` too."""
    app.register_blueprint(pages, url_prefix=prefix or None)
    if prefix.startswith("/v0"):
        app.register_blueprint(pages, url_prefix="/api" + prefix.removeprefix("/v0"), name=f"{pages.name}-api")


def _mount_plugin(app: Quart, home: House, name: str, routes: Routes) -> None:
    try:
        pages = _pages(home.host.plugin(name), routes)
        guard(pages, routes.scope, lambda: home.pipeline.authenticate, routes.websocket_key)
        _mount(app, pages, routes.prefix)
    except Exception as error:  # noqa: BLE001  # a plugin's pages: its status says why, the others are served
        home.host.record_failure(name, "routes", error)


def _pages(plugin: Plugin, routes: Routes) -> Blueprint:
    module, _, attribute = routes.blueprint.partition(":")
    make: Callable[[Plugin], Blueprint] = getattr(import_module(module), attribute)
    pages = make(plugin)
    if not isinstance(pages, Blueprint):
        raise PluginBroken(f"{routes.blueprint} returned {type(pages).__name__}, expected a quart.Blueprint")
    return pages
