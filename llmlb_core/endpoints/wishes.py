"""What operators ask for, checked: a body of the API or options of a command → what is said of a server."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime

import attrs

from llmlb_core.domain.models import Capability
from llmlb_core.domain.registration import Registration
from llmlb_core.endpoints.model_names import MAX_MODELS, name_problem
from llmlb_core.errors import InvalidRequest, SettingsInvalid
from llmlb_core.settings.endpoints import url_problem
from llmlb_core.upstream.address import Address, parse_url

MAX_NAME_LENGTH = 100
MAX_NOTES_LENGTH = 10_000
MAX_URL_LENGTH = 1000
MAX_KEY_LENGTH = 4096
CHECK_INTERVAL_S = (10, 300)
INFERENCE_TIMEOUT_S = (10, 600)
MAX_IN_FLIGHT = (1, 100_000)

CHANGEABLE = (
    "name",
    "api_key",
    "health_check_interval_secs",
    "inference_timeout_secs",
    "notes",
    "capabilities",
    "kind",
    "max_in_flight",
    "models",
)
"""Members that may be changed later; ``base_url`` may not (66555000-F20)."""

_CAPABILITIES: Mapping[str, Capability] = {
    **{each.value: each for each in Capability},
    # Words of older clients (66555000-D4).
    "chat": Capability.TEXT_GENERATION,
    "chat_completion": Capability.TEXT_GENERATION,
    "embeddings": Capability.EMBEDDING,
    "audio_transcription": Capability.SPEECH_TO_TEXT,
    "audio_speech": Capability.TEXT_TO_SPEECH,
    "image_understanding": Capability.VISION,
    "input_audio": Capability.AUDIO,
}


def new_registration(body: Mapping[str, object], endpoint_id: str, now: datetime, kinds: Collection[str]) -> Registration:
    """Return what *body* says of a new server.

    Args:
        body: Members as in ``POST /v0/endpoints``.
        endpoint_id: Its id from now on.
        now: When.
        kinds: Names of installed kinds.

    Raises:
        InvalidRequest: Names the member, what was seen and what is expected.
    """
    refuse_unknown(body, ("base_url", *CHANGEABLE))
    url = checked_url(body.get("base_url"))
    if "name" not in body:
        raise InvalidRequest("name is missing; expected 1 to 100 characters that no other endpoint is called by.", param="name")
    blank = Registration(id=endpoint_id, name="", url=url, registered_at=now)
    return _said(blank, body, kinds)


def changed_registration(before: Registration, body: Mapping[str, object], kinds: Collection[str]) -> Registration:
    """Return *before* with what *body* changes; what is absent stays, null is the default.

    Raises:
        InvalidRequest: As above; or the address would change.
    """
    refuse_unknown(body, ("base_url", "version", *CHANGEABLE))
    if "base_url" in body:
        url = checked_url(body["base_url"])
        if address_key(parse_url(url)) != address_key(parse_url(before.url)):
            raise InvalidRequest(
                "base_url cannot be changed; remove the endpoint and register it anew.", param="base_url", code="immutable_url"
            )
    if not any(name in body for name in CHANGEABLE):
        raise InvalidRequest(f"The body changes nothing; expected some of {', '.join(CHANGEABLE)}.")
    return _said(before, body, kinds)


def checked_version(body: Mapping[str, object], before: Registration) -> int:
    """Return the version that a change was made for; absent = the one of now."""
    version = body.get("version", before.version)
    if not isinstance(version, int) or isinstance(version, bool):
        raise InvalidRequest("version must be the whole number that GET answered.", param="version")
    return version


def checked_url(value: object) -> str:
    """Return the address without a slash at its end.

    Raises:
        InvalidRequest: It is none; says what is expected.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest("base_url is missing; expected http://HOST[:PORT][/PATH] or https://…", param="base_url")
    url = value.strip().rstrip("/")
    problem = _url_problem(url)
    if problem is not None:
        raise InvalidRequest(f"base_url {problem}.", param="base_url")
    return url


def address_of(url: str) -> Address:
    """Return the address of *url*, which was checked.

    Raises:
        InvalidRequest: The system's certificates cannot be read.
    """
    try:
        return parse_url(url)
    except SettingsInvalid as error:
        raise InvalidRequest(str(error), param="base_url") from error


def address_key(address: Address) -> str:
    """Return an address in one way of writing it: equal for all URLs of one server."""
    scheme = "http" if address.tls is None else "https"
    return f"{scheme}://{address.host.lower()}:{address.port}{address.base_path}"


def checked_capabilities(value: object, param: str = "capabilities") -> tuple[Capability, ...] | None:
    """Return capabilities by their names; None for null.

    Raises:
        InvalidRequest: A name is unknown, or there is none.
    """
    if value is None:
        return None
    known = ", ".join(each.value for each in Capability)
    if not isinstance(value, list | tuple) or not value:
        raise InvalidRequest(f"{param} must be a list with some of {known}, or null.", param=param)
    for each in value:
        if not isinstance(each, str) or each not in _CAPABILITIES:
            raise InvalidRequest(f"{param}: {str(each)[:40]!r} is not known; expected some of {known}.", param=param)
    return tuple(dict.fromkeys(_CAPABILITIES[each] for each in value))


def refuse_unknown(body: Mapping[str, object], known: tuple[str, ...]) -> None:
    """Raise InvalidRequest for the first member of *body* that is not *known*."""
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        raise InvalidRequest(f"{unknown[:40]!r} is not known here; expected some of {', '.join(known)}.", param=unknown[:40])


def _said(before: Registration, body: Mapping[str, object], kinds: Collection[str]) -> Registration:
    said = before
    if "name" in body:
        said = attrs.evolve(said, name=_name(body["name"]))
    if "api_key" in body:
        said = attrs.evolve(said, key=_key(body["api_key"]), key_problem=None)
    if "notes" in body:
        said = attrs.evolve(said, notes=_notes(body["notes"]))
    if "capabilities" in body:
        said = attrs.evolve(said, capabilities=checked_capabilities(body["capabilities"]))
    if "models" in body:
        said = attrs.evolve(said, models=_models(body["models"]))
    if "kind" in body:
        kind = _kind(body["kind"], kinds)
        said = attrs.evolve(said, kind=kind, is_kind_fixed=kind is not None)
    interval_s = _number(body, "health_check_interval_secs", CHECK_INTERVAL_S, said.check_interval_s)
    timeout_s = _number(body, "inference_timeout_secs", INFERENCE_TIMEOUT_S, said.inference_timeout_s)
    limit = _number(body, "max_in_flight", MAX_IN_FLIGHT, said.max_in_flight)
    if limit is not None and limit != int(limit):
        raise InvalidRequest("max_in_flight must be a whole number.", param="max_in_flight")
    return attrs.evolve(
        said, check_interval_s=interval_s, inference_timeout_s=timeout_s, max_in_flight=None if limit is None else int(limit)
    )


def _url_problem(url: str) -> str | None:
    if len(url) > MAX_URL_LENGTH:
        return f"has {len(url)} characters, at most {MAX_URL_LENGTH} are taken"
    if "?" in url or "#" in url:  # not repeated: some people put a key there
        return "has a query or a fragment; give the address alone, and a key as api_key"
    problem = url_problem(url)
    # The hint of settings files is of no use here.
    return problem and problem.replace('set api_key = { env = "VARIABLE" } instead', "give it as api_key instead")


def _name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > MAX_NAME_LENGTH or not text.isprintable() or not text.isascii():
        raise InvalidRequest(
            f"name must be 1 to {MAX_NAME_LENGTH} printable ASCII characters, for it goes into headers and logs.", param="name"
        )
    return text


def _key(value: object) -> str | None:
    if value is None:
        return None
    # What was seen is not repeated: it is, or was meant to be, a secret.
    if not isinstance(value, str) or not value or len(value) > MAX_KEY_LENGTH:
        raise InvalidRequest(f"api_key must be 1 to {MAX_KEY_LENGTH} characters, or null for none.", param="api_key")
    if any(not 33 <= ord(character) <= 126 for character in value):
        raise InvalidRequest("api_key holds blanks or characters that no key has.", param="api_key")
    return value


def _notes(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_NOTES_LENGTH or "\0" in value:
        raise InvalidRequest(f"notes must be text of at most {MAX_NOTES_LENGTH} characters, or null.", param="notes")
    return value or None


def _models(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not value or len(value) > MAX_MODELS:
        raise InvalidRequest(
            f"models must be a list of 1 to {MAX_MODELS:,} names, or null for those that the server lists.", param="models"
        )
    for number, each in enumerate(value):
        problem = name_problem(each) if isinstance(each, str) else "is no text"
        if problem is not None:
            raise InvalidRequest(f"models[{number}] {problem}.", param=f"models[{number}]")
    return tuple(dict.fromkeys(value))


def _kind(value: object, kinds: Collection[str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in kinds:
        known = ", ".join(sorted(kinds)) or "none"
        raise InvalidRequest(f"kind {str(value)[:40]!r} is not installed; there are {known}; null = recognise it.", param="kind")
    return value


def _number(body: Mapping[str, object], name: str, bounds: tuple[int, int], before: float | None) -> float | None:
    if name not in body:
        return before
    value = body[name]
    if value is None:
        return None
    low, high = bounds
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not low <= value <= high:  # type: ignore[operator]  # a number, as the line above says
        raise InvalidRequest(f"{name} must be a number from {low:,} to {high:,}, or null for the default.", param=name)
    return value  # type: ignore[return-value]  # likewise
