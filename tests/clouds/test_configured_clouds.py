"""What settings, plugins and the environment make of a provider."""

from __future__ import annotations

import pytest
from llmlb_testing.spoken import PlainDialect

from llmlb_core import Cloud, Price
from llmlb_core.clouds.configured import find_clouds
from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.load import load_settings

ACME = Cloud(
    name="acme",
    aliases=("emca",),
    dialect="plain",
    base_url="https://api.acme.example/v1",
    key_env=("ACME_API_KEY", "ACME_KEY"),
    base_url_env=("ACME_BASE_URL",),
    timeout_env=("ACME_TIMEOUT_SECS",),
    prices={"large": Price(2.0, 8.0)},
)


def found(tmp_path, toml="", environ=None, clouds=(ACME,)):
    (tmp_path / "llmlb.toml").write_text(toml)
    environ = {"LLMLB_DATA_DIR": str(tmp_path), **(environ or {})}
    settings = load_settings(environ=environ)
    return {each.name: each for each in find_clouds(settings, {c.name: c for c in clouds}, {"plain": PlainDialect()}, environ)}


def test_a_plugin_brings_a_provider_without_settings(tmp_path):
    """What a plugin says is enough, but for the key (4b6e9f2a-F2)."""
    cloud = found(tmp_path)["acme"]

    assert ("https://api.acme.example/v1", ("acme", "emca"), ()) == (cloud.base_url, cloud.prefixes, cloud.given_keys)
    assert ("ACME_API_KEY", "ACME_KEY") == cloud.key_sources


def test_the_first_variable_that_is_set_has_the_keys(tmp_path):
    """Several stand in one variable, with commas between them."""
    cloud = found(tmp_path, environ={"ACME_KEY": "k-old", "ACME_API_KEY": " k-1, k-2 ,"})["acme"]

    assert ("k-1", "k-2") == cloud.given_keys


def test_keys_of_settings_are_stronger_than_those_of_the_environment(tmp_path):
    """Only what settings name is used."""
    toml = '[clouds.acme]\napi_key = { env = "MINE" }\napi_keys = [{ file = "second" }]\n'
    (tmp_path / "second").write_text("k-file\n")
    cloud = found(tmp_path, toml, {"ACME_API_KEY": "k-env", "MINE": "k-mine"})["acme"]

    assert ("k-mine", "k-file") == cloud.given_keys


@pytest.mark.parametrize(
    ("variable", "expected"), [(None, "https://api.acme.example/v1"), ("http://127.0.0.1:9/api/", "http://127.0.0.1:9/api")]
)
def test_a_variable_moves_the_base_url(tmp_path, variable, expected):
    """The older names of the environment work."""
    cloud = found(tmp_path, environ={"ACME_BASE_URL": variable} if variable else {})["acme"]

    assert expected == cloud.base_url


def test_settings_alone_make_a_provider(tmp_path):
    """No code is needed for one that speaks a known dialect."""
    toml = '[clouds.mistral]\ndialect = "plain"\nbase_url = "https://api.mistral.example"\n'
    cloud = found(tmp_path, toml + '[clouds.mistral.prices."big"]\ninput = 1\n', clouds=())["mistral"]

    assert ("/v1", 1.0, ("mistral",)) == (cloud.address.base_path, cloud.prices["big"].input, cloud.prefixes)


def test_a_plugin_whose_dialect_is_not_there_is_left_out(tmp_path):
    """A dialect that is switched off is no reason not to start; one that settings ask for by name is."""
    other = Cloud(name="other", dialect="gone", base_url="https://other.example")

    assert ["acme"] == list(found(tmp_path, clouds=(ACME, other)))
    with pytest.raises(SettingsInvalid, match="'gone' is spoken by no active plugin"):
        found(tmp_path, "[clouds.other]\n", clouds=(ACME, other))


def test_one_that_is_not_enabled_is_not_there(tmp_path):
    """Installed, and switched off."""
    assert {} == found(tmp_path, "[clouds.acme]\nenabled = false\n")


def test_a_variable_says_how_long_an_answer_may_take(tmp_path):
    """Between 1 and 300 seconds, as it always was."""
    cloud = found(tmp_path, environ={"ACME_TIMEOUT_SECS": "45"})["acme"]

    assert (45.0, 45.0, 120.0) == (
        cloud.settings.timeouts.plain_s,
        cloud.settings.timeouts.first_token_s,
        cloud.settings.timeouts.idle_s,
    )


@pytest.mark.parametrize(
    ("toml", "environ", "expected"),
    [
        ('[clouds.x]\ndialect = "plain"\n', {}, "clouds.x.base_url: is missing; expected the address of its API"),
        ('[clouds.x]\nbase_url = "https://x.example"\n', {}, "clouds.x.dialect: is missing; one of plain"),
        ('[clouds.x]\nbase_url = "https://x.example"\ndialect = "q"\n', {}, "'q' is spoken by no active plugin (there: plain)"),
        ("", {"ACME_BASE_URL": "https://me:secret@acme.example"}, "(from ACME_BASE_URL) holds a user name or password"),
        ("", {"ACME_TIMEOUT_SECS": "301"}, "ACME_TIMEOUT_SECS is '301'; expected 1 to 300 seconds"),
        ("", {"ACME_API_KEY": "k 1"}, "ACME_API_KEY holds blanks or characters that no key has"),
        ('[clouds.acme]\napi_key = { env = "GONE" }\n', {}, "is to be found in the environment variable GONE, which is not set"),
        ('[clouds."a b"]\n', {}, "'a b' cannot be a prefix"),
        ('[clouds.acme]\naliases = ["other"]\n[clouds.other]\n', {}, "is the prefix of 'acme'"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path, toml, environ, expected):
    """Nothing is guessed, and no secret is shown."""
    with pytest.raises(SettingsInvalid) as raised:
        found(tmp_path, toml, environ)

    assert expected in str(raised.value)
    assert "secret" not in str(raised.value)


def test_keys_are_in_no_repr(tmp_path):
    """What is logged by mistake holds no secret."""
    cloud = found(tmp_path, environ={"ACME_API_KEY": "k-secret"})["acme"]

    assert "k-secret" not in repr(cloud)
