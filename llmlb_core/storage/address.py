"""Where the database is, read from the settings, with a form that may be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from attrs import field, frozen

from llmlb_core.errors import DatabaseUnusable
from llmlb_core.settings.sections import Settings

FILE_NAME = "llmlb.db"
_EXPECTED = (
    "expected sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE in `[storage] database_url` or LLMLB_DATABASE_URL"
)
_POSTGRES_OPTIONS = ("host", "port", "sslmode", "schema", "application_name", "minsize", "maxsize")


@frozen
class DatabaseAddress:
    """One database.

    Attributes:
        engine: What speaks to it.
        shown: For messages: without user name, password and options.
        path: The file, for SQLite.
        options: What the driver is given, for PostgreSQL; never shown.
    """

    engine: Literal["sqlite", "postgres"]
    shown: str
    path: Path | None = None
    options: dict[str, str | int | None] = field(factory=dict, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> DatabaseAddress:
        """Read the address that *settings* name.

        Raises:
            DatabaseUnusable: The URL names no database that llmlb knows; its text is not repeated, it may hold a password.
        """
        url = settings.storage.database_url
        if url is None:
            return cls._file(settings.data_dir / FILE_NAME)
        scheme, separator, rest = url.strip().partition("://")
        if not separator:
            raise DatabaseUnusable(f"The database URL has no scheme; {_EXPECTED}.")
        if scheme == "sqlite":
            path = unquote(rest.partition("?")[0])
            if not path or path == ":memory:":
                raise DatabaseUnusable("A sqlite:// URL needs the path of a file, such as sqlite:///var/lib/llmlb/llmlb.db.")
            return cls._file(Path(path).expanduser())
        if scheme in ("postgres", "postgresql"):
            return cls._server(url.strip())
        # Only a known word is repeated: what stands before "://" could be anything that was pasted.
        seen = scheme if scheme in ("mysql", "mariadb", "mssql", "oracle", "http", "https", "file") else "another scheme"
        raise DatabaseUnusable(f"The database URL uses {seen}; {_EXPECTED}.")

    @classmethod
    def _file(cls, path: Path) -> DatabaseAddress:
        return cls(engine="sqlite", shown=str(path), path=path)

    @classmethod
    def _server(cls, url: str) -> DatabaseAddress:
        try:
            # `from None` below: the error of urlsplit would carry the URL, and with it the password.
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise DatabaseUnusable(
                f"The database URL cannot be read; {_EXPECTED}. Write special characters in the password as %XX."
            ) from None
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = sorted(set(query) - set(_POSTGRES_OPTIONS))
        if unknown:
            raise DatabaseUnusable(
                f"The database URL has {len(unknown)} unknown option(s); those known are {', '.join(_POSTGRES_OPTIONS)}."
            )
        options = _options(parts, port, query)
        host = options["host"] or "local socket"
        return cls(engine="postgres", shown=f"postgres://{host}:{options['port']}/{options['database'] or ''}", options=options)

    def clean(self, text: str) -> str:
        """Return *text*, which a driver wrote, as one line without the password."""
        password = self.options.get("password")
        if isinstance(password, str) and password:
            for form in (password, quote(password), quote(password, safe="")):
                text = text.replace(form, "***")
        return " ".join(text.split())


def _options(parts: SplitResult, port: int | None, query: dict[str, str]) -> dict[str, str | int | None]:
    numbers: dict[str, int] = {}
    for name in ("port", "minsize", "maxsize"):
        if name in query:
            if not query[name].isdecimal():
                raise DatabaseUnusable(f"The database URL's option {name} is not a whole number.")
            numbers[name] = int(query[name])
    options: dict[str, str | int | None] = {
        "host": query.get("host") or parts.hostname,
        "port": numbers.get("port", port or 5432),
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(parts.path.lstrip("/")) or None,
        "application_name": query.get("application_name", "llmlb"),
        "minsize": numbers.get("minsize", 1),
        "maxsize": numbers.get("maxsize", 5),
    }
    if "sslmode" in query:
        options["ssl"] = query["sslmode"]
    if "schema" in query:
        options["schema"] = query["schema"]
    return options
