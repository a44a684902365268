"""Reading ``llmlb.toml`` and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.load import load_settings, read_settings
from llmlb_core.settings.sections import Settings


def write(folder: Path, text: str) -> Path:
    file = folder / "llmlb.toml"
    file.write_text(text, encoding="utf-8")
    return file


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    write(folder, text)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environ=environ, data_dir=folder)
    return caught.value.message.splitlines()


def test_without_file_and_environment_everything_has_its_default(tmp_path):
    """An empty data directory is enough to start."""
    settings = load_settings(environ={}, data_dir=tmp_path)

    assert Settings(data_dir=tmp_path) == settings


def test_the_file_in_the_data_directory_is_found_by_itself(tmp_path):
    """``<data_dir>/llmlb.toml`` needs no option."""
    file = write(tmp_path, "[server]\nport = 1234\n")

    settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})

    assert (1234, file, tmp_path) == (settings.server.port, settings.file, settings.data_dir)


def test_an_argument_beats_the_variable_that_names_a_file(tmp_path):
    """Argument, then ``LLMLB_CONFIG``, then the data directory."""
    usual = write(tmp_path, "[server]\nport = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[server]\nport = 2\n")
    third = tmp_path / "third.toml"
    third.write_text("[server]\nport = 3\n")

    by_variable = load_settings(environ={"LLMLB_CONFIG": str(other)}, data_dir=tmp_path)
    by_argument = load_settings(file=third, environ={"LLMLB_CONFIG": str(other)}, data_dir=tmp_path)

    assert usual.exists()
    assert (2, 3) == (by_variable.server.port, by_argument.server.port)


def test_a_named_file_that_is_not_there_stops_the_start(tmp_path):
    """Nobody wants defaults where they named a file."""
    with pytest.raises(SettingsInvalid, match=r"nowhere\.toml, which LLMLB_CONFIG names, does not exist"):
        load_settings(environ={"LLMLB_CONFIG": str(tmp_path / "nowhere.toml")}, data_dir=tmp_path)


def test_the_environment_beats_the_file(tmp_path):
    """What a container sets wins over what an image holds."""
    write(tmp_path, "[server]\nport = 1\nhost = '::1'\n")

    settings = load_settings(environ={"LLMLB_PORT": "2"}, data_dir=tmp_path)

    assert (2, "::1") == (settings.server.port, settings.server.host)


def test_every_problem_is_told_at_once_with_its_line(tmp_path):
    """One run of the program is enough to find all mistakes."""
    text = """[server]
port = 70000
hosst = "x"
drain_timeout_s = true

[models."Org/X:Q4"]
context_tokens = "5"
serves = ["a", 3]
"""

    lines = problems(tmp_path, text)

    file = tmp_path / "llmlb.toml"
    assert "5 problems in the settings:" == lines[0]
    assert {
        f"server.port: expected at most 65535, got 70000 ({file}:2)",
        f"server.hosst: is not a setting; did you mean 'host'? ({file}:3)",
        f"server.drain_timeout_s: expected a number, got true ({file}:4)",
        f"models.\"Org/X:Q4\".context_tokens: expected an integer, got the string '5' ({file}:7)",
        f'models."Org/X:Q4".serves[1]: expected a string, got the integer 3 ({file}:8)',
    } == set(lines[1:])


def test_one_problem_is_one_line(tmp_path):
    """The server's error is one clear line."""
    lines = problems(tmp_path, "[server]\nport = true\n")

    assert [f"server.port: expected an integer, got true ({tmp_path / 'llmlb.toml'}:2)"] == lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nport = 1.0", "server.port: expected an integer, got the float 1.0"),
        ("[server]\nheartbeat_s = '1'", "server.heartbeat_s: expected a number, got the string '1'"),
        ("[server]\nheartbeat_s = nan", "server.heartbeat_s: expected a number, got the float nan"),
        ("[server]\nhost = 1", "server.host: expected a string, got the integer 1"),
        ("[auth]\nis_disabled = 1", "auth.is_disabled: expected true or false, got the integer 1"),
        ("[auth]\nauthenticators = 'apikey'", "auth.authenticators: expected an array of strings, got the string 'apikey'"),
        ("[log]\nlevel = 'loud'", "log.level: expected one of 'debug', 'info', 'warning', 'error', got the string 'loud'"),
        ("server = 1", "server: expected a table, got an integer"),
        ("models = 1", "models: expected a table"),
        ("[[server]]\nport = 1", "server: expected a table, got an array"),
        ("[plugins]\nenabld = ['a']", "plugins.enabld: is not a setting; did you mean 'enabled'?"),
        ("[admission.weights]\na = 0", "admission.weights: 'a': expected at least 0.001, got 0"),
        ("data_dir = '/x'", "data_dir: cannot be set in the file; set LLMLB_DATA_DIR"),
        ("[zoo]", "zoo: is not a setting; known here: admission, audio, auth, circuit_breaker, clouds, dispatch"),
        ("[models.A]\n[models.a]", "models.a: is there twice"),
    ],
)
def test_wrong_values_say_what_was_seen_and_expected(tmp_path, text, expected):
    """Nothing is guessed: no string becomes a number, no number a boolean."""
    lines = problems(tmp_path, text)

    assert lines[-1].startswith(expected)
    assert f"({tmp_path / 'llmlb.toml'}:" in lines[-1]


def test_broken_toml_is_told_with_its_line(tmp_path):
    """The parser's own words, with the file."""
    lines = problems(tmp_path, "[server]\nport = \n")

    assert [f"not valid TOML: Invalid value ({tmp_path / 'llmlb.toml'}:2, column 8)"] == lines


def test_a_file_that_is_not_utf8_is_told(tmp_path):
    """A file saved in another encoding does not end in a traceback."""
    (tmp_path / "llmlb.toml").write_bytes(b"[server]\nhost = '\xff'\n")

    with pytest.raises(SettingsInvalid, match="is not UTF-8"):
        load_settings(environ={}, data_dir=tmp_path)


def test_a_byte_order_mark_is_no_problem(tmp_path):
    """Editors on Windows write one."""
    (tmp_path / "llmlb.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nport = 7\r\n")

    assert 7 == load_settings(environ={}, data_dir=tmp_path).server.port


def test_a_wrong_variable_is_told_by_its_name(tmp_path):
    """The line of the file would be the wrong place to look."""
    lines = problems(tmp_path, "[server]\nport = 1\n", LLMLB_PORT="many", LLMLB_QUEUE_MAX="20000")

    assert [
        "2 problems in the settings:",
        "server.port: expected an integer, got the string 'many' (LLMLB_PORT)",
        "admission.queue_size: expected at most 10000, got 20000 (LLMLB_QUEUE_MAX)",
    ] == lines


def test_deprecated_variables_work_and_are_told_once_each(tmp_path):
    """Old installations start, and learn the new names."""
    settings = load_settings(environ={"QUEUE_MAX": "7", "DATABASE_URL": "sqlite://x"}, data_dir=tmp_path)

    assert (7, "sqlite://x") == (settings.admission.queue_size, settings.storage.database_url)
    assert {
        "the variable QUEUE_MAX is deprecated; use LLMLB_QUEUE_MAX",
        "the variable DATABASE_URL is deprecated; use LLMLB_DATABASE_URL",
    } == set(settings.warnings)


def test_a_current_variable_wins_over_a_deprecated_one(tmp_path):
    """The old name is then not even mentioned."""
    settings = load_settings(environ={"QUEUE_MAX": "7", "LLMLB_QUEUE_MAX": "8"}, data_dir=tmp_path)

    assert (8, ()) == (settings.admission.queue_size, settings.warnings)


@pytest.mark.parametrize(
    ("text", "expected"), [("1", True), ("TRUE", True), ("yes", True), ("on", True), ("0", False), ("off", False), ("", False)]
)
def test_auth_disabled_takes_the_usual_words(tmp_path, text, expected):
    """1/true/yes/on, in any case; an empty variable sets nothing."""
    settings = load_settings(environ={"AUTH_DISABLED": text}, data_dir=tmp_path)

    assert expected is settings.auth.is_disabled


def test_a_word_that_is_no_boolean_never_disables_authentication(tmp_path):
    """A typo stops the start instead of opening the server."""
    lines = problems(tmp_path, "", AUTH_DISABLED="ture")

    assert ["auth.is_disabled: expected 1, true, yes, on, 0, false, no or off, got the string 'ture' (AUTH_DISABLED)"] == lines


@pytest.mark.parametrize(("text", "level"), [("warn", "warning"), ("info,hyper=debug", "info"), ("TRACE", "debug")])
def test_the_log_level_of_other_programs_is_understood(tmp_path, text, level):
    """``RUST_LOG`` may be there for another program."""
    assert level == load_settings(environ={"RUST_LOG": text}, data_dir=tmp_path).log.level


def test_the_mode_auto_is_the_default_router(tmp_path):
    """What installations of the original set by habit."""
    settings = load_settings(environ={"LLMLB_LOAD_BALANCER_MODE": "auto"}, data_dir=tmp_path)

    assert Settings(data_dir=tmp_path).routing == settings.routing


def test_model_ids_are_lower_case(tmp_path):
    """Ids are compared in lower case everywhere."""
    write(tmp_path, '[models."Org/Repo"]\npreload = true\n')

    assert ["org/repo"] == list(load_settings(environ={}, data_dir=tmp_path).models)


def test_plugin_tables_are_kept_for_the_host(tmp_path):
    """Only the host knows their classes; ``prefer`` belongs to ``[plugins]`` itself."""
    write(tmp_path, "[plugins]\ndisabled = ['b']\n[plugins.prefer]\nx = 'y'\n[plugins.auth_a]\nkey = 1\n")

    settings = load_settings(environ={}, data_dir=tmp_path)

    assert ({"auth_a": {"key": 1}}, ("b",), {"x": "y"}) == (
        settings.plugin_tables,
        settings.plugins.disabled,
        settings.plugins.prefer,
    )


def test_passwords_are_never_shown(tmp_path):
    """Neither by ``repr`` nor in an error."""
    url = "postgres://user:p@ss/w@host/db?sslpassword=hush"

    settings = load_settings(environ={"LLMLB_DATABASE_URL": url}, data_dir=tmp_path)
    lines = problems(tmp_path, "[models.x.options]\napi_key = 'hush'\n[server]\nport = 'x'\n[plugins.x]\ntoken = 'hush'\n")

    assert url == settings.storage.database_url
    assert "postgres://user:***@host/db?sslpassword=***" in repr(settings)
    assert not [text for text in ("hush", "p@ss") if text in repr(settings) or text in "\n".join(lines)]


def test_origins_say_where_each_value_comes_from(tmp_path):
    """``llmlb config show`` prints them."""
    file = write(tmp_path, "\n[server]\nhost = '::1'\nport = 1\n")

    loaded = read_settings(environ={"LLMLB_PORT": "2"}, data_dir=tmp_path)

    assert f"{file}:3" == loaded.origins["server", "host"]
    assert "env LLMLB_PORT" == loaded.origins["server", "port"]
    assert ("log", "level") not in loaded.origins
