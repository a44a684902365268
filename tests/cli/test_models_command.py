"""``llmlb models``, as somebody at a terminal or a script sees it. The models are files of a few bytes, used in place."""

from __future__ import annotations

import json
import re
import struct

import pytest

from llmlb_core.cli import main


def gguf_string(text: str) -> bytes:
    """A string as the GGUF format writes it."""
    return struct.pack("<Q", len(text)) + text.encode()


TINY = (
    b"GGUF"
    + struct.pack("<IQQ", 3, 0, 2)
    + gguf_string("general.architecture")
    + struct.pack("<I", 8)
    + gguf_string("llama")
    + gguf_string("llama.context_length")
    + struct.pack("<II", 4, 256)
)


@pytest.fixture
def llmlb(tmp_path, monkeypatch, capsys):
    """Run one command on a data directory of its own; returns exit code, stdout and stderr."""
    for name in ("LLMLB_CONFIG", "LLMLB_PORT", "LLMLB_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("LLMLB_API_KEY", raising=False)
    monkeypatch.setenv("LLMLB_URL", "http://127.0.0.1:9")  # where no server is, whatever runs on this machine
    monkeypatch.setenv("LLMLB_DATA_DIR", str(tmp_path / "data"))

    def run(*args):
        code = main(list(args))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def tiny(tmp_path):
    """A model file that has a header and nothing else."""
    path = tmp_path / "Tiny-Llama.Q4_0.gguf"
    path.write_bytes(TINY)
    return path


@pytest.fixture
def settings(tmp_path):
    """Write the settings file."""

    def write(text):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "llmlb.toml").write_text(text)

    return write


def test_an_empty_machine_says_what_to_do_first(llmlb):
    """Nothing on stdout for scripts, the next command on stderr for people."""
    assert (0, "", "No model is installed; llmlb models add starter fetches a small one.\n") == llmlb("models", "list")
    assert (0, "[]\n", "") == llmlb("models", "list", "--json")


def test_adding_says_what_the_model_is_called(llmlb, tiny):
    """Id from the file name, aliases, and where its files lie."""
    code, out, _ = llmlb("models", "add", f"file:{tiny}", "--alias", "Tiny")

    assert 0 == code
    assert out.startswith(f"added tiny-llama ({len(TINY)} B, used in place from {tiny.parent})\nalso called: tiny\n")


def test_adding_again_is_no_error(llmlb, tiny):
    """The command can stand in a script that runs on every start."""
    llmlb("models", "add", f"file:{tiny}")

    code, out, _ = llmlb("models", "add", f"file:{tiny}")

    assert 0 == code
    assert out.startswith("already there: tiny-llama")


def test_a_relative_path_is_resolved_where_the_command_runs(llmlb, tiny, monkeypatch):
    """The manifest keeps the absolute path."""
    monkeypatch.chdir(tiny.parent)

    code, _, _ = llmlb("models", "add", f"file:{tiny.name}", "--name", "Mine")

    assert 0 == code
    assert f"file:{tiny}" == json.loads(llmlb("models", "show", "mine", "--json")[1])["reference"]


def test_list_shows_every_model_with_its_state(llmlb, tiny, settings):
    """Those that cannot be run are listed with the reason and the command that mends it."""
    settings('[models.fake]\nengine = "echo"\nserves = ["gpt-fake"]\n[models.absent]\nsource = "file:/no/such.gguf"\n')
    llmlb("models", "add", f"file:{tiny}")

    code, out, _ = llmlb("models", "list", "--json")

    rows = {row["id"]: row for row in json.loads(out)}
    assert 0 == code
    assert ["absent", "fake", "tiny-llama"] == list(rows)
    assert ("missing", "'absent' is not installed; fetch it with: llmlb models add file:/no/such.gguf --name absent") == (
        rows["absent"]["state"],
        rows["absent"]["reason"],
    )
    assert ("available", "echo", ["gpt-fake"]) == (rows["fake"]["state"], rows["fake"]["engine"], rows["fake"]["aliases"])
    assert ("gguf", f"file:{tiny}") == (rows["tiny-llama"]["format"], rows["tiny-llama"]["reference"])
    table = llmlb("models")[1]
    assert re.search(r"^absent .* missing +-$", table, re.MULTILINE)
    assert "    'absent' is not installed; fetch it" in table


def test_show_explains_each_engines_answer(llmlb, settings):
    """Scores and reasons, by id or alias."""
    settings('[models.fake]\nengine = "echo"\nserves = ["gpt-fake"]\n')

    document = json.loads(llmlb("models", "show", "GPT-Fake", "--json")[1])

    assert "fake" == document["id"]
    assert ["echo"] == [each["engine"] for each in document["considered"]]
    assert document["considered"][0]["score_0_1"] is not None
    assert "engines:\n  echo " in llmlb("models", "show", "fake")[1]


def test_a_damaged_manifest_is_shown_and_can_be_removed(llmlb, tiny, tmp_path):
    """The model is failed, the commands work."""
    llmlb("models", "add", f"file:{tiny}")
    (tmp_path / "data" / "models" / "tiny-llama" / "manifest.json").write_text("{")

    row = json.loads(llmlb("models", "list", "--json")[1])[0]
    removal = llmlb("models", "remove", "tiny-llama")

    assert "failed" == row["state"]
    assert "manifest.json is damaged" in row["reason"]
    assert (0, "removed tiny-llama (1 B freed)\n") == removal[:2]
    assert (0, "[]\n", "") == llmlb("models", "list", "--json")


def test_removing_a_model_in_place_keeps_its_files(llmlb, tiny):
    """Only what llmlb downloaded is deleted."""
    llmlb("models", "add", f"file:{tiny}", "--alias", "small")

    code, out, _ = llmlb("models", "remove", "SMALL")

    assert 0 == code
    assert f"kept {tiny.parent}: llmlb did not download it\n" in out
    assert tiny.exists()


@pytest.mark.parametrize("command", ["show", "remove"])
def test_an_unknown_model_is_one_clear_line(llmlb, settings, command):
    """With what may have been meant."""
    settings('[models.smollm]\nengine = "echo"\n')

    code, out, err = llmlb("models", command, "smolm")

    assert (1, "") == (code, out)
    assert re.fullmatch(r"llmlb: model 'smolm' is not served here; 1 model is .* Did you mean 'smollm'\?\n", err)


def test_a_model_of_settings_alone_cannot_be_removed_here(llmlb, settings):
    """It stands in the file, and the file is the operator's."""
    settings('[models.fake]\nengine = "echo"\n')

    code, _, err = llmlb("models", "remove", "fake")

    assert 1 == code
    assert 'remove its table [models."fake"]' in err


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["nothub:x"], 1, "no installed plugin fetches 'nothub:' references"),
        (["nobundle"], 1, "'nobundle' is neither a bundle"),
        (["file:/no/such/model.gguf"], 1, "does not exist"),
        (["file:/no/such/model.gguf", "--name", "../evil"], 1, "cannot be a model id"),
        ([], 3, "Missing argument"),
    ],
)
def test_what_cannot_be_added_is_one_clear_line(llmlb, args, code, told):
    """Exit code 1 for a model, 3 for wrong usage; no traceback."""
    result = llmlb("models", "add", *args)

    assert (code, "") == result[:2]
    assert told in result[2]
    assert "Traceback" not in result[2]


def test_a_wrong_model_table_is_exit_code_2(llmlb, settings):
    """Settings that are wrong stop every command in the same way."""
    settings('[models.x]\nengine = "echo"\ncapabilities = ["flying"]\n')

    code, _, err = llmlb("models", "list")

    assert 2 == code
    assert "models.\"x\".capabilities: found 'flying'" in err


def test_an_unusable_data_directory_is_exit_code_2(llmlb, tmp_path, tiny):
    """Told before anything is fetched."""
    (tmp_path / "data").write_text("a file")

    code, _, err = llmlb("models", "add", f"file:{tiny}")

    assert 2 == code
    assert str(tmp_path / "data") in err
