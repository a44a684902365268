"""The environment variables that ``llmlb --help`` lists."""

from __future__ import annotations

import attrs

from llmlb_core.settings.sections import Settings


def environment_rows() -> list[tuple[str, str]]:
    """Return name and meaning of each variable, with its default.

    Read from the metadata of the settings classes, so a setting with a variable is listed without anybody remembering to.
    """
    rows = [
        ("LLMLB_CONFIG", "Settings file. [llmlb.toml in the data directory]"),
        ("LLMLB_DATA_DIR", "Data directory. [~/.llmlb]"),
    ]
    for section in attrs.fields(Settings):
        cls = type(section.default)
        if not attrs.has(cls):
            continue
        for setting in attrs.fields(cls):
            names = setting.metadata.get("env", ())
            if names:
                rows.append((names[0], f"{setting.metadata['help']} [{_shown(setting.default)}]"))
    return rows


def _shown(default: object) -> str:
    """Return a default as a person writes it."""
    if default is None:
        return "unset"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
