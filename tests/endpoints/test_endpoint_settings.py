"""``[[endpoints]]``: what is wrong with it is told before anything starts, with the key's path."""

from __future__ import annotations

import json

import pytest

from llmlb_core.cli import main
from llmlb_core.upstream.address import parse_url

GOOD = '[[endpoints]]\nname = "a"\nurl = "http://h:1"\nmodels = ["m"]\n'


@pytest.fixture(autouse=True)
def _data_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("LLMLB_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("RACK_KEY", raising=False)


def check(tmp_path, capsys, toml: str, command: tuple[str, ...] = ("config", "check")) -> tuple[int, str]:
    (tmp_path / "llmlb.toml").write_text(toml)
    code = main([*command])
    return code, capsys.readouterr().err


def entry(**members: object) -> str:
    """Return one endpoint; None leaves a member out."""
    table = {"name": "b", "url": "http://h:2", "models": ["m"], **members}
    return "[[endpoints]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items() if value is not None)


WRONG = {
    "no name": (entry(name=None), "endpoints[1].name: is missing"),
    "empty name": (entry(name=""), "endpoints[1].name: is missing"),
    "a name with a line break": (entry(name="a\nb"), "endpoints[1].name: "),
    "a name twice": (entry(name="a"), "endpoints[1].name: is 'a', as that of endpoints[0]"),
    "no url": (entry(url=None), "endpoints[1].url: is missing; expected http://HOST"),
    "another scheme": (entry(url="ftp://h"), "endpoints[1].url: is 'ftp://h'; expected http://HOST[:PORT][/PATH]"),
    "no scheme": (entry(url="10.0.0.1:80"), "endpoints[1].url: is '10.0.0.1:80'; expected"),
    "no host": (entry(url="http:///v1"), "endpoints[1].url: is 'http:///v1'"),
    "a port that is none": (entry(url="http://h:x"), "endpoints[1].url: is not usable"),
    "port 0": (entry(url="http://h:0"), "endpoints[1].url: is 'http://h:0'"),
    "a port that is too large": (entry(url="http://h:70000"), "endpoints[1].url: is not usable"),
    "a query": (entry(url="http://h/v1?key=1"), "endpoints[1].url: is"),
    "a fragment": (entry(url="http://h/v1#x"), "endpoints[1].url: is"),
    "a blank": (entry(url="http://h/ v1"), "endpoints[1].url: is"),
    "a line break": (entry(url="http://h/v1\r\nx: y"), "endpoints[1].url: is"),
    "a broken address": (entry(url="http://[::1/v1"), "endpoints[1].url: is not usable"),
    "an empty label": (entry(url="http://a..b/"), "endpoints[1].url: is"),
    "a long label": (entry(url=f"http://{'a' * 64}.example/"), "endpoints[1].url: is"),
    "letters that are not ASCII": (entry(url="http://bücher.example/"), "endpoints[1].url: is"),
    "a password": (entry(url="http://u:hush@h/v1"), "endpoints[1].url: holds a user name or password; set api_key"),
    "an unknown capability": (entry(capabilities=["chat"]), "endpoints[1].capabilities: 'chat' is not known; known are"),
    "an empty model name": (entry(models=[""]), "endpoints[1].models: an empty name"),
    "nothing in flight": (entry(max_in_flight=0), "endpoints[1].max_in_flight: expected at least 1, got 0"),
    "an unknown key": (entry(modells=["m"]), "endpoints[1].modells: is not a setting; did you mean 'models'?"),
    "a secret in the file": (entry(api_key="hush"), "endpoints[1].api_key: expected a table, got a string"),
    "no place of a secret": (entry() + "api_key = {}\n", "endpoints[1].api_key: expected one of env and file"),
    "two places of a secret": (entry() + 'api_key = { env = "A", file = "b" }\n', "[1].api_key: expected one of env and file"),
    "a limit of nothing": (entry() + "timeouts = { idle_s = 0 }\n", "endpoints[1].timeouts.idle_s: expected at least"),
}  # fmt: skip


@pytest.mark.parametrize("command", [("config", "check"), ("serve", "--port", "0")])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_stops_the_start(tmp_path, capsys, name, command):
    """Exit code 2, the key's path and line, what was seen and expected; no secret."""
    toml, expected = WRONG[name]

    code, told = check(tmp_path, capsys, GOOD + toml, command)

    assert 2 == code
    assert expected in told
    assert "llmlb.toml:" in told
    assert "hush" not in told
    assert "Traceback" not in told


def test_all_problems_are_told_at_once(tmp_path, capsys):
    """One run, one list."""
    code, told = check(tmp_path, capsys, GOOD + entry(name="a", url="x", capabilities=["y"]))

    assert 2 == code
    assert "3 problems" in told


MISSING = {
    "a variable": ('api_key = { env = "RACK_KEY" }', "endpoints[1].api_key: is to be found in the environment variable RACK_KEY"),
    "a file": ('api_key = { file = "rack.key" }', "endpoints[1].api_key: cannot be read from the file"),
    "an empty file": ('api_key = { file = "empty.key" }', "which is empty"),
    "a file that is no text": ('api_key = { file = "binary.key" }', "which holds blanks or characters that no key has"),
    "a folder": ('api_key = { file = "." }', "endpoints[1].api_key: cannot be read from the file"),
    "certificates": ('url = "https://h"\nca_file = "no.pem"', "endpoints[1].ca_file: ca_file"),
    "certificates that are none": ('url = "https://h"\nca_file = "binary.key"', "endpoints[1].ca_file: ca_file"),
}  # fmt: skip


@pytest.mark.parametrize("command", [("config", "check"), ("serve", "--port", "0")])
@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_stops_the_start(tmp_path, capsys, name, command):
    """Keys and certificates are looked for before the first call needs them; relative paths start beside the file."""
    line, expected = MISSING[name]
    (tmp_path / "empty.key").write_text("\n")
    (tmp_path / "binary.key").write_bytes(b"\xff\x00hush hush")

    code, told = check(tmp_path, capsys, GOOD + entry(url=None if "url" in line else "http://h") + line + "\n", command)

    assert 2 == code, told
    assert expected in told
    assert str(tmp_path) in told
    assert "hush" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "ä"])
def test_a_key_that_no_header_can_hold_is_refused(tmp_path, capsys, monkeypatch, value):
    """Above all none that would add a header."""
    monkeypatch.setenv("RACK_KEY", value)

    code, told = check(tmp_path, capsys, GOOD + entry() + 'api_key = { env = "RACK_KEY" }\n')

    assert 2 == code
    assert "endpoints[1].api_key" in told
    assert value not in told


def test_good_settings_are_found_good(tmp_path, capsys, monkeypatch):
    """Names, IPv4, IPv6, paths; a key in a variable or in a file beside the settings."""
    monkeypatch.setenv("RACK_KEY", " sk-1 \n")
    (tmp_path / "rack.key").write_text("sk-2\n")
    urls = ["https://gpu_1.example.org:8443/base/v1/", "http://[::1]:8000", "http://10.0.0.1", "http://h.", "HTTP://H/v1"]
    keys = ['api_key = { env = "RACK_KEY" }', 'api_key = { file = "rack.key" }', "", "", ""]

    toml = "".join(entry(name=url, url=url) + key + "\n" for url, key in zip(urls, keys, strict=True))

    assert 0 == check(tmp_path, capsys, toml)[0]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", ("h", 80, "h", "")),
        ("https://H:8443/v1", ("h", 8443, "H:8443", "")),
        ("https://h/base/v1/", ("h", 443, "h", "/base")),
        ("http://[::1]:9/", ("::1", 9, "[::1]:9", "")),
        ("http://h:/v1/v1", ("h", 80, "h", "/v1")),
    ],
)
def test_a_url_is_taken_apart(url, expected):
    """Host, port, what Host says, and what stands before /v1."""
    address = parse_url(url)

    assert expected == (address.host, address.port, address.host_header, address.base_path)
    assert url.lower().startswith("https") is (address.tls is not None)


def test_show_lists_one_row_for_each_field(tmp_path, capsys):
    """With the line it came from, and its path as errors write it."""
    (tmp_path / "llmlb.toml").write_text(GOOD + entry() + 'api_key = { env = "RACK_KEY" }\ntimeouts = { idle_s = 5 }\n')

    main(["config", "show", "--json"])

    rows = {row["key"]: (row["value"], row["origin"]) for row in json.loads(capsys.readouterr().out)}
    file = tmp_path / "llmlb.toml"
    assert ("a", f"{file}:2") == rows["endpoints[0].name"]
    assert (None, "default") == rows["endpoints[0].max_in_flight"]
    assert (["m"], f"{file}:8") == rows["endpoints[1].models"]
    assert ("RACK_KEY", f"{file}:9") == rows["endpoints[1].api_key.env"]
    assert (5, f"{file}:10") == rows["endpoints[1].timeouts.idle_s"]
    assert (30, "default") == rows["endpoints[1].timeouts.head_s"]
    assert (None, "default") == rows["endpoints[0].api_key"]
    assert "endpoints" not in rows


def test_show_is_readable_with_endpoints(tmp_path, capsys):
    """One setting a line."""
    (tmp_path / "llmlb.toml").write_text(GOOD)

    main(["config", "show"])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["endpoints[0].url", '"http://h:1"', f"{tmp_path / 'llmlb.toml'}:3"] in lines
