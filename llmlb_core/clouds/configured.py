"""One provider as this server uses it: what its plugin says, settings over that, the environment in between."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from llmlb_core.contracts.cloud import Cloud, Price
from llmlb_core.contracts.server_dialect import ServerDialect
from llmlb_core.endpoints.secrets import read_secret
from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.endpoints import url_problem
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import CloudSettings, CloudTimeoutSettings, SecretReference, Settings
from llmlb_core.telemetry.log import get_logger
from llmlb_core.upstream.address import Address, parse_base_url

LONGEST_TIMEOUT_S = 300
_log = get_logger("clouds")


@frozen(kw_only=True)
class ConfiguredCloud:
    """A provider, ready to be called.

    Attributes:
        name: Its prefix without the colon; *aliases* are further ones.
        base_url: As it was written; no credential is in it.
        address: The same taken apart; its path is the root of the API.
        given_keys: Those of settings and the environment; stored ones are stronger.
        key_sources: What an operator may set so that there is a key, for messages.
    """

    name: str
    aliases: tuple[str, ...]
    dialect: ServerDialect
    base_url: str
    address: Address
    settings: CloudSettings
    prices: Mapping[str, Price] = field(factory=dict, repr=False)
    given_keys: tuple[str, ...] = field(default=(), repr=False)
    key_sources: tuple[str, ...] = ()
    signup_url: str = ""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What a model's name may begin with, before the colon."""
        return (self.name, *self.aliases)


def find_clouds(
    settings: Settings, clouds: Mapping[str, Cloud], dialects: Mapping[str, ServerDialect], environ: Mapping[str, str]
) -> list[ConfiguredCloud]:
    """Return the providers of plugins and of ``[clouds.<name>]``.

    Raises:
        SettingsInvalid: Names everything in settings that cannot be used, each with its path in the file.
    """
    problems = Problems(lambda _: str(settings.file or ""))
    folder = settings.file.parent if settings.file else Path()
    found = []
    for name in sorted({*clouds, *settings.clouds}):
        own = settings.clouds.get(name, CloudSettings())
        brought = clouds.get(name)
        if brought is not None and name not in settings.clouds and brought.dialect not in dialects:
            # Nobody asked for it by name: a dialect that is switched off or broken is no reason not to start.
            _log.warning("cloud_without_dialect", cloud=name, dialect=brought.dialect)
        elif own.enabled:
            each = _configured(name, brought, own, dialects, environ, folder, problems)
            if each is not None:
                found.append(each)
    problems.stop()
    return found


def _configured(  # noqa: PLR0917  # one caller
    name: str,
    brought: Cloud | None,
    own: CloudSettings,
    dialects: Mapping[str, ServerDialect],
    environ: Mapping[str, str],
    folder: Path,
    problems: Problems,
) -> ConfiguredCloud | None:
    path = ("clouds", name)
    cloud = brought or Cloud(name=name, dialect="", base_url="")
    dialect_name = own.dialect or cloud.dialect
    dialect = dialects.get(dialect_name)
    variable = next((each for each in cloud.base_url_env if environ.get(each)), None)
    base_url = own.base_url or (environ[variable].strip() if variable else "") or cloud.base_url
    if dialect is None:
        known = ", ".join(sorted(dialects)) or "none"
        said = f"'{dialect_name}' is spoken by no active plugin (there: {known})" if dialect_name else f"is missing; one of {known}"
        problems.add((*path, "dialect"), said)
    if not base_url:
        problems.add((*path, "base_url"), "is missing; expected the address of its API, such as https://api.example.com/v1")
    elif (told := url_problem(base_url)) is not None:
        problems.add((*path, "base_url"), f"{f'(from {variable}) ' if variable and not own.base_url else ''}{told}")
    elif dialect is not None:
        address = parse_base_url(base_url, dialect.root, folder / own.ca_file if own.ca_file else None)
        keys, sources = _keys(name, cloud, own, environ, folder, problems)
        timeout_s = _timeout_s(cloud, environ, problems)
        if timeout_s is not None and own.timeouts == CloudTimeoutSettings():
            own = evolve(own, timeouts=evolve(own.timeouts, plain_s=timeout_s, first_token_s=timeout_s))
        return ConfiguredCloud(
            name=name,
            aliases=cloud.aliases if own.aliases is None else own.aliases,
            dialect=dialect,
            base_url=_without_query(base_url),
            address=address,
            settings=own,
            prices={
                **cloud.prices,
                **{model: Price(p.input, p.output, p.cached, p.cache_write) for model, p in own.prices.items()},
            },
            given_keys=keys,
            key_sources=sources,
            signup_url=cloud.signup_url,
        )
    return None


def _keys(  # noqa: PLR0917  # one caller
    name: str, cloud: Cloud, own: CloudSettings, environ: Mapping[str, str], folder: Path, problems: Problems
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the keys, and what may be set; those of settings count before those of the environment."""
    references = [*((own.api_key,) if own.api_key else ()), *own.api_keys]
    keys = []
    for number, reference in enumerate(references):
        try:
            key = read_secret(reference, folder, environ)
        except SettingsInvalid as error:
            problems.add(("clouds", name, "api_key" if number == 0 and own.api_key else "api_keys"), str(error))
        else:
            keys.append(key or "")
    sources = tuple(_told(each) for each in references) or cloud.key_env
    if references:
        return tuple(dict.fromkeys(filter(None, keys))), sources
    for variable in cloud.key_env:
        told = environ.get(variable, "").strip()
        if told:
            found = tuple(dict.fromkeys(each.strip() for each in told.split(",") if each.strip()))
            if any(not 33 <= ord(character) <= 126 for each in found for character in each):
                problems.add(("clouds", name, "api_key"), f"{variable} holds blanks or characters that no key has")
                return (), sources
            return found, sources
    return (), sources


def _told(reference: SecretReference) -> str:
    return reference.env or f"the file {reference.file}"


def _timeout_s(cloud: Cloud, environ: Mapping[str, str], problems: Problems) -> float | None:
    for variable in cloud.timeout_env:
        told = environ.get(variable, "").strip()
        if told:
            try:
                seconds = float(told)
            except ValueError:
                seconds = 0
            if not 1 <= seconds <= LONGEST_TIMEOUT_S:
                problems.add(
                    ("clouds", cloud.name, "timeouts"), f"{variable} is {told!r}; expected 1 to {LONGEST_TIMEOUT_S} seconds"
                )
                return None
            return seconds
    return None


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
