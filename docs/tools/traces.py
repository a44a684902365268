"""Writes ``docs/reference/traces.md`` from the classes that read traces: ``python docs/tools/traces.py``."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import msgspec
from settings import section

from llmlb_core.simulate.history import Row
from llmlb_core.simulate.scenario import EndpointGroup, Lengths, Prefixes, Scenario, Sessions, Traffic
from llmlb_core.simulate.source import TRACES

PAGE = Path(__file__).resolve().parents[1] / "reference" / "traces.md"

SHOWN = "prefixes"

HEAD = """# Traces

<!-- Written by docs/tools/traces.py from llmlb_core/simulate; a test compares them. -->

What [`llmlb simulate`](../how-to/simulate.md) reads.
A scenario, in TOML, describes calls and endpoints; a history, in JSON lines, lists calls.

A wrong file is refused whole, with every problem and where it stands:

```
llmlb: history.jsonl:7: Expected `str`, got `int` - at `$.model`; got 7
llmlb: my.toml: endpoints[0].slots: expected at least 1, got 0
```

## A scenario

This is the shipped trace `{name}`:

```toml
{text}```

Keys beside those of a table, such as `calls`, stand at the top of the file.
Every key has a default but the tables themselves: at least one `[[traffic]]` and one `[[endpoints]]` must be there.
A file for `--fleet` needs `[[endpoints]]` only.
"""

HISTORY = """
## A history

One JSON object a line, in any order of time, named as `GET /v0/requests` and the history's table name them.
Members that are not listed here are ignored.

| member | type | default | meaning |
|---|---|---|---|
"""

ENDPOINTS = """
Without `--fleet`, endpoints are estimated from the lines that name one and were served (`status` below 400):

- tokens per second of prompts: the median of `prompt_tokens - cached_tokens` over `first_token_ms - queue_ms`;
- tokens per second of one call: the median of `completion_tokens - 1` over `duration_ms - first_token_ms`;
- slots: the most calls that ran there at a time, all of them taken to be as fast as one alone;
- memory for prompts: a hundred times the longest `cached_tokens`; none where there is none.

Lines without token counts, such as those of calls that failed, get the median counts of the others; stderr says of how many.
"""

NAMES = {
    "top of the file": Scenario,
    "[traffic]": Traffic,
    "prompt_tokens, output_tokens": Lengths,
    "traffic.prefixes": Prefixes,
    "traffic.sessions": Sessions,
    "[endpoints]": EndpointGroup,
}


def page() -> str:
    """Return the whole page."""
    text = HEAD.format(name=SHOWN, text=(TRACES / f"{SHOWN}.toml").read_text(encoding="utf-8"))
    for title, cls in NAMES.items():
        text += section(title, cls).replace("## `[", "### `[").replace(" | variables |\n|---", " |\n").replace(" |  |\n", " |\n")
    text = text.replace("| an array of tables | `[]` | When", "| pairs of numbers | `[]` | When")
    text = text.replace("### `[top of the file]`", "### Top of the file").replace(
        "### `[prompt_tokens, output_tokens]`", "### `prompt_tokens` and `output_tokens`"
    )
    return text + HISTORY + "".join(rows()) + ENDPOINTS


def rows() -> list[str]:
    """Return the members of a line, with what the class says of each."""
    told = dict(described())
    lines = []
    for field in msgspec.structs.fields(Row):
        kind = (
            " or ".join(sorted(str(each) for each in field.type.__args__))
            if hasattr(field.type, "__args__")
            else field.type.__name__
        )
        for old, new in (
            ("<class '", ""),
            ("'>", ""),
            ("NoneType", "null"),
            ("str", "string"),
            ("int", "integer"),
            ("float", "number"),
        ):
            kind = kind.replace(old, new)
        default = "needed" if field.required else "–" if field.default is None else f"`{field.default!r}`".replace("'", '"')
        lines.append(f"| `{field.name}` | {kind} | {default} | {told.get(field.name, '')} |\n")
    return lines


def described() -> list[tuple[str, str]]:
    """Return the attributes that the class's docstring describes."""
    _, _, text = (inspect.getdoc(Row) or "").partition("Attributes:\n")
    pairs = [line.strip().partition(": ") for line in text.splitlines() if line.strip()]
    return [(name, meaning.replace("``", "`")) for name, _, meaning in pairs]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
