"""``llmlb models``: add, show and remove models on this machine."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from llmlb_core.cli.context import CliContext, pass_cli
from llmlb_core.cli.first_call import first_call
from llmlb_core.cli.models_table import table_lines, with_running
from llmlb_core.cli.progress import Progress, size_text
from llmlb_core.cli.running import ask_running
from llmlb_core.errors import DownloadFailed, LLMLBError, ModelUnknown

if TYPE_CHECKING:
    from llmlb_core.contracts.modelstore import BundleMember
    from llmlb_core.models.adding import Added
    from llmlb_core.models.catalogue import Catalogue

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(invoke_without_command=True)
@_as_json
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """Add, show and remove models on this machine. Without a command: list."""
    if ctx.invoked_subcommand is None:
        _list(ctx.ensure_object(CliContext), as_json)


@models.command()
@click.argument("reference")
@click.option("--name", metavar="ID", help="Install it under this id; absent: what its store says.")
@click.option("--alias", "aliases", metavar="NAME", multiple=True, help="A further name for it; may be given more than once.")
@pass_cli
def add(cli: CliContext, reference: str, name: str | None, aliases: tuple[str, ...]) -> None:
    """Fetch the model REFERENCE (`scheme:name`), or the models of a bundle such as `starter`.

    What is there already and whole is left alone; a download that was cut short goes on where it stopped.
    """
    from llmlb_core.models.adding import Adding, Wish
    from llmlb_core.security.data_dir import prepare_data_dir

    prepare_data_dir(cli.settings.data_dir)
    catalogue = _catalogue(cli)
    progress = Progress(reference)
    adding = Adding(installed=catalogue.installed, stores=catalogue.stores, report=progress, say=progress.say)
    members = adding.members(reference)
    if len(members) > 1 and (name or aliases):
        references = ", ".join(member.reference for member in members)
        raise click.UsageError(f"{reference} is {len(members)} models; --name and --alias take one: {references}")
    runnable = members if ":" in reference else _of_bundle(cli, catalogue, reference, members)
    failed: list[str] = []
    for each in (member.reference for member in runnable):
        progress.label = each
        try:
            added = asyncio.run(adding.add(Wish(reference=each, name=name, aliases=aliases)))
        except KeyboardInterrupt:
            progress.say("stopped; the same command goes on from here")
            raise
        except LLMLBError as error:
            if len(runnable) == 1:
                raise
            progress.say(f"{each}: {error}")  # the others of a bundle do not wait for one that cannot be had
            failed.append(each)
            continue
        finally:
            progress.close()
        catalogue.refresh()
        for line in _added_lines(cli, catalogue, added):
            print(line)
    if failed:
        raise DownloadFailed(f"{', '.join(failed)} could not be added, for the reasons above; the same command tries again")


def _of_bundle(cli: CliContext, catalogue: Catalogue, name: str, members: Sequence[BundleMember]) -> Sequence[BundleMember]:
    """Say what a bundle has and how large it is; return what of it can be run here."""
    from llmlb_core.models.bundle import plan_bundle

    plan = plan_bundle(members, cli.host.registry.engines, catalogue.installed)
    to_fetch = f"{size_text(plan.size_bytes)} to fetch" if plan.size_bytes else "nothing to fetch"
    print(f"{name}: {len(plan.wanted)} of {len(members)} models, {to_fetch}")
    width = max(len(member.what) for member in members)
    for member in plan.wanted:
        state = (
            "installed" if member.reference in plan.present else size_text(member.size_bytes) if member.size_bytes else "is here"
        )
        print(f"  {member.what:<{width}}  {state:>9}  {member.reference}")
    for member in plan.passed_over:
        print(
            f"  {member.what:<{width}}    skipped  no engine for it is installed: pip install {member.plugin or 'one'}", flush=True
        )
    return plan.wanted


@models.command("list")
@_as_json
@pass_cli
def list_models(cli: CliContext, as_json: bool) -> None:
    """List all models: what each does, how large it is, where it lies, which engine runs it, or why none does.

    What is loaded, and how much memory that takes, the server says that runs here (at LLMLB_URL, else where the settings have it),
    to whoever has a key of it in LLMLB_API_KEY.
    """
    _list(cli, as_json)


@models.command()
@click.argument("model")
@_as_json
@pass_cli
def show(cli: CliContext, model: str, as_json: bool) -> None:
    """Show everything that is known of MODEL (id or alias): facts, files, and what each engine says of it."""
    from llmlb_core.models.devices import machine_devices
    from llmlb_core.models.report import show_document

    catalogue = _catalogue(cli)
    document = show_document(catalogue, model, cli.host.registry.engines, machine_devices())
    if document is None:
        raise _unknown(catalogue, model)
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for line in _show_lines(document):
        print(line)


@models.command()
@click.argument("model")
@pass_cli
def remove(cli: CliContext, model: str) -> None:
    """Forget MODEL (id or alias) and delete what llmlb downloaded for it. Files used in place stay where they are."""
    from llmlb_core.models.lock import hold

    catalogue = _catalogue(cli)
    found = catalogue.local(model)
    model_id = found.id if found is not None else model.lower()
    installed = catalogue.installed
    if found is not None and catalogue.installation(model_id) is None:
        raise ModelUnknown(f'{model_id!r} has no files here: it stands in the settings; remove its table [models."{model_id}"]')
    if found is None and catalogue.problem(model_id) is None:
        raise _unknown(catalogue, model)

    async def locked() -> Any:
        async with hold(installed.lock_path(model_id), wait_s=5, purpose=f"is adding {model_id}"):
            return installed.remove(model_id)

    removed = asyncio.run(locked())
    print(f"removed {model_id} ({size_text(removed.freed_bytes)} freed)")
    for path in removed.kept:
        print(f"kept {path}: llmlb did not download it")


def _catalogue(cli: CliContext) -> Catalogue:
    from llmlb_core.models.catalogue import Catalogue

    registry = cli.host.registry
    return Catalogue(cli.settings, registry.stores, registry.formats)


def _unknown(catalogue: Catalogue, name: str) -> ModelUnknown:
    from llmlb_core.models.resolution import not_served

    return ModelUnknown(not_served(name, catalogue.names(), len(catalogue.all())))


def _added_lines(cli: CliContext, catalogue: Catalogue, added: Added) -> Iterable[str]:
    """Yield how the model is called, what runs it, and a command to try it."""
    from llmlb_core.models.choice import EngineChoice
    from llmlb_core.models.devices import machine_devices

    manifest = added.installation.manifest
    done = {"added": "added", "present": "already there:", "renamed": "already there, with a new alias:"}[added.outcome]
    size_bytes = sum(file.size_bytes or 0 for file in manifest.files)
    place = f", used in place from {added.installation.in_place}" if added.installation.in_place is not None else ""
    yield f"{done} {manifest.id} ({size_text(size_bytes)}{place})"
    model = catalogue.local(manifest.id)
    if model is None:
        problem = catalogue.problem(manifest.id)
        yield f"it cannot be run: {problem.reason if problem is not None else 'it vanished meanwhile'}"
        return
    aliases = [alias for alias in model.aliases if catalogue.local(alias) is model]
    if aliases:
        yield f"also called: {', '.join(aliases)}"
    if manifest.license is not None:
        yield f"license: {manifest.license}"
    choice = catalogue.choose_engine(model, cli.host.registry.engines, machine_devices())
    if not isinstance(choice, EngineChoice):
        yield f"nothing runs it yet: {choice.reason}"
        return
    server = cli.settings.server
    yield f"engine: {choice.engine} ({choice.fit.reason})"
    command = first_call(f"http://{server.host}:{server.port}", model, aliases[0] if aliases else model.id)
    if command is not None:
        yield "try it while `llmlb serve` runs, with a key in $LLMLB_API_KEY:"
        yield f"  {command}"


def _list(cli: CliContext, as_json: bool) -> None:
    from llmlb_core.models.devices import machine_devices
    from llmlb_core.models.report import list_document

    catalogue = _catalogue(cli)
    running = ask_running(cli.settings, cli.environ)
    rows = with_running(list_document(catalogue, cli.host.registry.engines, machine_devices()), running)
    if running.note is not None:
        print(running.note, file=sys.stderr)
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        print("No model is installed; llmlb models add starter fetches a small one.", file=sys.stderr)
        return
    for line in table_lines(rows):
        print(line)


def _show_lines(document: dict[str, Any]) -> Iterable[str]:
    for key, value in document.items():
        if key == "facts":
            shown = {name: fact for name, fact in value.items() if fact not in (None, "", 0)}
            yield from _section("facts", shown)
        elif key == "manifest" and value is not None:
            files = value["manifest"]["files"]
            yield from _section("files", {file["name"]: f"{file['size_bytes']} bytes, sha256 {file['sha256']}" for file in files})
            yield from _section("origin", {name: value["manifest"][name] for name in ("reference", "revision", "license")})
        elif key == "considered":
            scores = {each["engine"]: each["score_0_1"] for each in value}
            reasons = {each["engine"]: each["reason"] for each in value}
            yield from _section("engines", {name: f"{_score_text(scores[name])}: {reasons[name]}" for name in scores})
        elif key == "devices":
            yield from _section("devices", {each["id"]: f"{each['name']}, {size_text(each['memory_bytes'])}" for each in value})
        elif value not in (None, "", [], 0):
            yield f"{key:<15} {', '.join(value) if isinstance(value, list) else value}"


def _section(title: str, values: dict[str, Any]) -> Iterable[str]:
    yield f"{title}:"
    for name, value in values.items():
        shown = ", ".join(str(one) for one in value) if isinstance(value, list | tuple) else value
        yield f"  {name:<24} {shown}"


def _score_text(score: float | None) -> str:
    return "does not run it" if score is None else f"score {score:.2f}"
