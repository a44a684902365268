"""``llmlb config check`` and ``llmlb config show``."""

from __future__ import annotations

import json

import pytest

from llmlb_core.cli import main


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in ("LLMLB_CONFIG", "LLMLB_HOST", "LLMLB_PORT", "LLMLB_DATABASE_URL", "DATABASE_URL", "RUST_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLMLB_DATA_DIR", str(tmp_path))


def test_check_is_content_with_defaults(capsys):
    """No file is needed."""
    code = main(["config", "check"])

    assert 0 == code
    assert "The settings are right." in capsys.readouterr().out


def test_check_names_all_problems_and_exits_with_2(capsys, tmp_path):
    """The same words as at the start of the server."""
    (tmp_path / "llmlb.toml").write_text("[server]\nport = 'x'\nhots = 1\n")

    code = main(["config", "check"])

    told = capsys.readouterr().err
    assert 2 == code
    assert all(text in told for text in ("2 problems", "server.port: expected an integer", "did you mean 'host'", "llmlb.toml:3"))


def test_check_tells_names_that_nobody_brings(capsys, tmp_path):
    """A table of an unknown plugin, an unknown router, an unknown engine."""
    (tmp_path / "llmlb.toml").write_text(
        "[plugins.router_nowhere]\nx = 1\n[routing]\nrouter = 'nonesuch'\n[models.a]\nengine = 'nonesuch2'\n"
    )

    code = main(["config", "check"])

    told = capsys.readouterr().err
    assert 2 == code
    assert "plugins.router_nowhere" in told
    assert "routing.router: no active plugin brings the router 'nonesuch'" in told
    assert "models.a.engine: no active plugin brings the engine 'nonesuch2'" in told


def test_check_tells_deprecated_variables(capsys, monkeypatch):
    """They still work, so this is no failure."""
    monkeypatch.setenv("QUEUE_MAX", "5")

    code = main(["config", "check"])

    assert 0 == code
    assert "QUEUE_MAX is deprecated; use LLMLB_QUEUE_MAX" in capsys.readouterr().err


def test_show_prints_value_and_origin_and_no_secret(capsys, monkeypatch, tmp_path):
    """Default, file or variable; passwords and keys are masked wherever they stand."""
    plugin_table = "[plugins.cloud_x]\napi_key = 'hush'\nnested = {password = 'hush'}\n"
    (tmp_path / "llmlb.toml").write_text(f"[server]\nport = 7\n{plugin_table}[models.m.options]\nauth_token = 'hush'\n")
    monkeypatch.setenv("LLMLB_DATABASE_URL", "postgres://u:hush@h/d")

    code = main(["config", "show", "--json"])

    out = capsys.readouterr().out
    row_by_key = {row["key"]: (row["value"], row["origin"]) for row in json.loads(out)}
    assert 0 == code
    assert (7, f"{tmp_path / 'llmlb.toml'}:2") == row_by_key["server.port"]
    assert ("127.0.0.1", "default") == row_by_key["server.host"]
    assert ("postgres://u:***@h/d", "env LLMLB_DATABASE_URL") == row_by_key["storage.database_url"]
    assert ("***", f"{tmp_path / 'llmlb.toml'}:4") == row_by_key["plugins.cloud_x.api_key"]
    assert "hush" not in out


def test_show_is_readable(capsys):
    """One setting a line."""
    main(["config", "show"])

    lines = capsys.readouterr().out.splitlines()
    assert ["server.port", "32768", "default"] in [line.split() for line in lines]
