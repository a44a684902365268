"""What can be set of clouds: providers behind a prefix of the model's name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen

from llmlb_core.settings.declare import setting
from llmlb_core.settings.endpoint_sections import SecretReference


@frozen
class CloudTimeoutSettings:
    """``[clouds.<name>.timeouts]``: how long one provider may take."""

    connect_s: float = setting(10.0, "To connect.", minimum=0.01)
    head_s: float = setting(60.0, "To begin the answer of a stream, where a fallback model could serve it.", minimum=0.01)
    first_token_s: float = setting(120.0, "To the first content of a stream; comments are none.", minimum=0.01)
    switch_s: float = setting(20.0, "The same where a fallback model could serve the call.", minimum=0.01)
    idle_s: float = setting(120.0, "Between two pieces of a stream; comments count.", minimum=0.01)
    plain_s: float = setting(600.0, "To answer a call that is no stream.", minimum=0.01)


@frozen
class PriceSettings:
    """``[clouds.<name>.prices."<model>"]``: what tokens cost, in US dollars for a million."""

    input: float = setting(0.0, "Of a prompt.", minimum=0)
    output: float = setting(0.0, "Of an answer, thinking included.", minimum=0)
    cached: float | None = setting(None, "Of a prompt's tokens that came from a cache; absent = as `input`.", minimum=0)
    cache_write: float | None = setting(None, "Of a prompt's tokens that went into a cache; absent = as `input`.", minimum=0)


@frozen
class CloudSettings:
    """``[clouds.<name>]``: one provider; ``<name>:`` before a model's name sends a call there."""

    enabled: bool = setting(True, "Whether calls are sent there at all.")
    dialect: str | None = setting(None, "What it speaks: `openai`, `anthropic`, …; absent = what its plugin says.")
    aliases: tuple[str, ...] | None = setting(None, "Further prefixes; absent = those of its plugin.")
    base_url: str | None = setting(None, "Where its API is; absent = what its plugin says.")
    api_key: SecretReference | None = setting(
        None, 'Its API key: `{ env = "VARIABLE" }` or `{ file = "path" }`; keys set by `llmlb clouds set-key` are stronger.'
    )
    api_keys: tuple[SecretReference, ...] = setting((), "Several, used in turn; one that is refused or limited is passed over.")
    ca_file: Path | None = setting(None, "Certificates in PEM that sign its own; absent = the system's.")
    max_in_flight: int = setting(256, "Calls at a time, with each key.", minimum=1, maximum=100_000)
    unsupported: Literal["refuse", "drop"] = setting(
        "refuse",
        "What becomes of a parameter that the provider does not know: 400, or left out and named in `x-llmlb-ignored-parameters`.",
    )
    timeouts: CloudTimeoutSettings = setting(CloudTimeoutSettings(), "How long it may take.")
    prices: dict[str, PriceSettings] = setting(dict, "By model, or by what its name begins with; added to those of its plugin.")
