"""Writes ``docs/reference/plugins-output.md`` and the blocks of ``docs/how-to/write-a-plugin.md``.

``python docs/tools/plugins_output.py`` installs real packages side by side in a throw-away folder, good ones and bad ones, and
prints what ``llmlb plugins`` says of them; nothing on the pages is written by hand.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from llmlb_testing.distributions import install_project, link_core, run_isolated, write_distribution

DOCS = Path(__file__).resolve().parents[1]
PAGE = DOCS / "reference" / "plugins-output.md"
HOW_TO = DOCS / "how-to" / "write-a-plugin.md"
EXAMPLE = DOCS / "examples" / "engine_shout"

ENGINE = """\
from llmlb_core import Engine, Fit, hookimpl

class Twin(Engine):
    name = "twin"

    @classmethod
    def fit(cls, facts, devices):
        return Fit(0.5, 0, "always")

    def load(self, model, placement, options): ...

@hookimpl
def llmlb_engines():
    return [Twin]
"""
HOOK = "from llmlb_core import hookimpl\n\n@hookimpl\n"
SETTINGS = """\
[plugins]
disabled = ["router_idle"]

[plugins.cloud_moon]
budget = 5
"""
PACKAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "engine_crash": ("raises at import", 'raise RuntimeError("no licence file")\n', ()),
    "router_typo": ("is broken at registration", f"{HOOK}def llmlb_router():\n    return []\n", ()),
    "modelstore_wrong": ("returns wrong types", f'{HOOK}def llmlb_models():\n    return [{{"scheme": "wrong"}}]\n', ()),
    "engine_future": ("needs a later core", ENGINE, ("llmlb-core>=99",)),
    "auth_lost": ("depends on what is not installed", f"{HOOK}def llmlb_auth():\n    return []\n", ("acme-licence-client>=2",)),
    "engine_left": ("contributes the engine `twin`", ENGINE, ("llmlb-core>=0.1",)),
    "engine_right": ("contributes the engine `twin` too", ENGINE, ("llmlb-core>=0.1",)),
    "router_idle": ("is disabled by the settings", f"{HOOK}def llmlb_routers():\n    return []\n", ()),
}


def build(folder: Path) -> None:
    """Install all packages side by side in *folder*."""
    install_project(EXAMPLE, folder)
    for name, (_, source, requires) in PACKAGES.items():
        write_distribution(
            folder, f"acme-{name.replace('_', '-')}", {name: f"acme_{name}"}, {f"acme_{name}": source}, requires=requires
        )


def run(command: str, folders: list[Path], home: Path) -> str:
    """Run one command of ``llmlb`` and return it with its output, as a terminal shows them, and the exit code where it is not 0."""
    done = run_isolated(command.split()[1:], path=folders, home=home)
    code = f"$ echo $?\n{done.returncode}\n" if done.returncode else ""
    return f"```console\n$ {command}\n{done.stdout}{done.stderr}{code}```\n"


def page() -> str:
    """Return the whole reference page."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        core, site, home = link_core(root / "core"), root / "site", root / "home"
        build(site)
        home.mkdir()
        (home / "llmlb.toml").write_text(SETTINGS)
        folders = [core, site]
        blocks = {command: run(f"llmlb plugins{command}", folders, home) for command in ("", " check", " show engine_left --json")}
    installed = "".join(f"| `{name}` | {about} |\n" for name, (about, _, _) in sorted(PACKAGES.items()))
    return f"""# What `llmlb plugins` prints

<!-- Written by docs/tools/plugins_output.py, which installs these packages and runs the commands; a test compares them. -->

Here nine packages are installed side by side with `llmlb-core`, and nothing else.
One is good: `engine_shout`, from [how to write a plugin](../how-to/write-a-plugin.md).

| plugin | what it does |
|---|---|
{installed}
The settings disable one plugin and have a table for one that is not installed:

```toml
{SETTINGS}```

Every plugin has one status; whatever one does, the others are active.

{blocks[""]}
`llmlb plugins check` exits with 1 unless every plugin is active or disabled and everything that settings require is there.

{blocks[" check"]}
`show` prints everything about one plugin, and `--json` prints what `GET /v0/plugins` answers.

{blocks[" show engine_left --json"]}
## States

| state | meaning |
|---|---|
| `active` | takes part; the last column says with what |
| `disabled` | left out by `[plugins] disabled` or `enabled`; nothing of it is imported |
| `broken` | raised, or contributed something that its hook does not take |
| `incompatible` | made for another core or Python, or something it depends on is not installed; nothing of it is imported |
| `conflicted` | claims a name that another plugin claims too; `[plugins.prefer]` settles that |
| `missing` | settings speak of it, but it is not installed |
"""


def how_to(text: str) -> str:
    """Return the how-to page with its marked blocks made anew: files included, commands run."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        core, site, home = link_core(root / "core"), root / "site", root / "home"
        install_project(EXAMPLE, site)
        home.mkdir()

        def fill(match: re.Match[str]) -> str:
            kind, what = match["kind"], match["what"]
            if kind == "run":
                block = run(what, [core, site], home)
            else:
                language = "toml" if what.endswith(".toml") else "python"
                block = f"```{language}\n{(EXAMPLE / what).read_text()}```\n"
            return f"<!-- {kind}: {what} -->\n{block}"

        return re.sub(r"<!-- (?P<kind>include|run): (?P<what>.+?) -->\n```.*?\n```\n", fill, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    HOW_TO.write_text(how_to(HOW_TO.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name} and {HOW_TO.name}\n")
