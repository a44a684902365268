"""``/v0/clouds``: providers, and their keys, which are set here and never shown."""

from __future__ import annotations

from quart import Blueprint, Response

from llmlb_core.endpoints.wishes import refuse_unknown
from llmlb_core.errors import InvalidRequest
from llmlb_core.house import House
from llmlb_core.house.cloud_office import masked
from llmlb_core.web.admin.body import answer, database, json_body


def blueprint(house: House) -> Blueprint:
    """Return the pages."""
    pages = Blueprint("clouds", __name__)

    def shown(name: str) -> dict[str, object]:
        office = house.cloud_office
        cloud = office.clouds.all[name]
        return {
            "name": name,
            "prefixes": [f"{prefix}:" for prefix in cloud.prefixes],
            "dialect": cloud.dialect.name,
            "base_url": cloud.base_url,
            "configured": bool(office.clouds.keys(name)),
            "keys": [masked(key) for key in office.clouds.keys(name)],
            "key_source": office.source(name),
            "rate_limits": [endpoint.rate_limits.shown() for endpoint in office.clouds.endpoints(name)],
            "in_flight": sum(endpoint.in_flight for endpoint in office.clouds.endpoints(name)),
        }

    @pages.get("")
    async def every() -> Response:
        """List providers; of keys the beginning and the last four characters, and the limits that the last answers told."""
        return answer({"clouds": [shown(name) for name in sorted(house.clouds.all)]})

    @pages.put("/<name>/keys")
    async def put(name: str) -> Response:
        """Keep keys, in order of use: ``{"keys": ["…"]}``. They are used at once, and not tried."""
        body = await json_body()
        refuse_unknown(body, ("keys",))
        keys = body.get("keys")
        if not isinstance(keys, list) or not keys:
            raise InvalidRequest("keys is missing; expected a list of strings. DELETE forgets those that are kept.", param="keys")
        with database("keys of providers"):
            await house.cloud_office.set_keys(name, keys)
        return answer(shown(name))

    @pages.delete("/<name>/keys")
    async def delete(name: str) -> Response:
        """Forget the keys that are kept; those of settings and the environment count again."""
        with database("keys of providers"):
            await house.cloud_office.set_keys(name, [])
        return answer(shown(name))

    return pages
