"""The ``[models."<id>"]`` tables, checked once and laid over what is installed."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve, field, frozen

from llmlb_core.domain.models import Capability, LocalModel, ModelFacts
from llmlb_core.errors import ModelFilesInvalid, SettingsInvalid
from llmlb_core.models.naming import check_alias, check_id
from llmlb_core.settings.sections import ModelSettings, Settings

_MAX_TEMPLATE_BYTES = 1024 * 1024


@frozen
class Table:
    """One checked table.

    Attributes:
        id: Lower case.
        capabilities: As settings give them, or None for what the files say.
        chat_template: The text of the file that settings name.
    """

    id: str
    settings: ModelSettings
    aliases: tuple[str, ...]
    capabilities: tuple[Capability, ...] | None
    chat_template: str | None = field(default=None, repr=False)

    def over(self, model: LocalModel) -> LocalModel:
        """Return *model* with what this table says of it."""
        own = self.settings
        return evolve(
            model,
            aliases=tuple(dict.fromkeys((*model.aliases, *self.aliases))),
            capabilities=self.capabilities or model.capabilities,
            engine=own.engine,
            context_tokens=own.context_tokens,
            parallel_count=own.parallel_count,
            idle_unload_s=own.idle_unload_s,
            preload=own.preload,
            chat_template=self.chat_template or model.chat_template,
            options=dict(own.options),
        )

    def without_files(self, created_at: int) -> LocalModel:
        """Return the model of a table that names an engine and no source."""
        return self.over(LocalModel(id=self.id, facts=ModelFacts(format="", name=self.id), created_at=created_at))

    @property
    def missing_reason(self) -> str | None:
        """Why there is nothing to run while no such model is installed; None = it needs no files."""
        if self.settings.source is not None:
            command = f"llmlb models add {self.settings.source} --name {self.id}"
            return f"{self.id!r} is not installed; fetch it with: {command}"
        if self.settings.engine is None:
            return f"{self.id!r} is not installed, and its table names neither a source nor an engine that needs no files"
        return None


def check_tables(settings: Settings) -> dict[str, Table]:
    """Return the tables of *settings* by id.

    Raises:
        SettingsInvalid: A name, capability or template file is wrong, or two tables serve one name.
    """
    tables: dict[str, Table] = {}
    owner_by_name: dict[str, str] = {}
    for written, own in settings.models.items():
        if own.fallback and evolve(own, fallback=(), router=None) == ModelSettings():
            continue  # only says what stands in for it: registered servers may have it, or nobody
        table = _check(written, own, settings)
        if table.id in tables:
            raise SettingsInvalid(f'models."{written}" is there twice, in upper and lower case')
        tables[table.id] = table
        for alias in table.aliases:
            other = owner_by_name.setdefault(alias, table.id)
            if other != table.id:
                raise SettingsInvalid(
                    f'models."{other}".serves and models."{table.id}".serves both have {alias!r}; one name, one model'
                )
    return tables


def _check(written: str, own: ModelSettings, settings: Settings) -> Table:
    path = f'models."{written}"'
    try:
        model_id = check_id(written) if own.source is not None else check_alias(written)
    except ModelFilesInvalid as error:
        raise SettingsInvalid(f"{path}: {error.message}") from error
    try:
        aliases = tuple(dict.fromkeys(check_alias(alias) for alias in own.serves))
    except ModelFilesInvalid as error:
        raise SettingsInvalid(f"{path}.serves: {error.message}") from error
    capabilities = None
    if own.capabilities is not None:
        known = [capability.value for capability in Capability]
        wrong = [capability for capability in own.capabilities if capability not in known]
        if wrong or not own.capabilities:
            seen = ", ".join(repr(capability) for capability in wrong) or "none"
            raise SettingsInvalid(f"{path}.capabilities: found {seen}, expected some of {', '.join(known)}")
        capabilities = tuple(Capability(capability) for capability in own.capabilities)
    template = None if own.chat_template is None else _read_template(f"{path}.chat_template", own.chat_template, settings)
    return Table(model_id, own, aliases, capabilities, template)


def _read_template(key: str, written: str, settings: Settings) -> str:
    """Read a template; relative paths begin at the settings file."""
    base = settings.file.parent if settings.file is not None else Path.cwd()
    path = base / Path(written).expanduser()
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_TEMPLATE_BYTES + 1).decode()
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{key}: {path} cannot be read as text ({error})") from error
    if len(text) > _MAX_TEMPLATE_BYTES:
        raise SettingsInvalid(f"{key}: {path} is larger than {_MAX_TEMPLATE_BYTES} bytes, which no chat template is")
    return text
