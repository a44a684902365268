"""Clouds: providers that are reached by a prefix of the model's name. Data only."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen


@frozen
class Price:
    """What tokens cost, in US dollars for a million of them; None = not known.

    Attributes:
        cached: Of prompt tokens that came from a cache; None = as ``input``.
        cache_write: Of prompt tokens that were put into one; None = as ``input``.
    """

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None


@frozen(kw_only=True)
class Cloud:
    """A provider. ``[clouds.<name>]`` in settings overrides every field, or makes a cloud that no plugin brings.

    Attributes:
        name: What the prefix is without its colon, and what headers, logs and metrics call it.
        aliases: Further prefixes.
        dialect: Name of the ``ServerDialect``.
        base_url: Where its API is; with or without the version at its end, as ``ServerDialect.root`` says.
        key_env: Environment variables that may hold its key, or several with commas between them; the first that is set counts.
        base_url_env: The same for ``base_url``.
        timeout_env: The same for the seconds that a plain answer may take.
        prices: By model; the longest name that the model's begins with counts.
        signup_url: Where people get a key, for messages.
    """

    name: str
    dialect: str
    base_url: str
    aliases: tuple[str, ...] = ()
    key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    timeout_env: tuple[str, ...] = ()
    prices: Mapping[str, Price] = field(factory=dict, repr=False)
    signup_url: str = ""
