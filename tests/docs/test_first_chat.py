"""``docs/tutorial/first-chat.md``: every command is run, in order, and prints what the page shows."""

from __future__ import annotations

import re

import pytest
from llmlb_testing.server import LiveServer, run_llmlb

from llmlb_core.settings.load import load_settings


def pattern(shown):
    """Return a pattern for what a page shows: ``…`` is anything."""
    return re.compile(".*?".join(re.escape(part) for part in shown.strip().split("…")) + r"\s*\Z", re.DOTALL)


@pytest.fixture
def own_model(starter_model, tmp_path):
    """A home with the model where the page has it."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf").symlink_to(starter_model)
    return tmp_path


@pytest.mark.model
def test_every_command_of_the_tutorial_prints_what_it_shows(root, shell, blocks, starter_model, own_model):
    """From the first call to taking a model away, on a server that is started once."""
    page = root / "docs" / "tutorial" / "first-chat.md"
    data_dir = own_model / ".llmlb"
    added = run_llmlb(data_dir, "models", "add", f"file:{starter_model}", "--name", "smollm2-135m-instruct", "--alias", "smollm2")
    assert 0 == added.returncode, added.stderr
    server = LiveServer.start(data_dir)
    env = {"HOME": str(own_model), "LLMLB_DATA_DIR": str(data_dir), "LLMLB_API_KEY": server.key}

    try:
        for block in blocks(page, "console"):
            command, shown = block.removeprefix("$ ").split("\n", 1)
            command = command.replace(".venv/bin/llmlb", "llmlb").replace("http://127.0.0.1:32768", server.url)

            assert pattern(shown).match(shell(command, env)), command
    finally:
        server.stop()


def test_the_settings_of_the_tutorial_are_valid(root, blocks, tmp_path):
    """What a reader copies works."""
    (table,) = blocks(root / "docs" / "tutorial" / "first-chat.md", "toml")
    (tmp_path / "llmlb.toml").write_text(table)

    model = load_settings(environ={}, data_dir=tmp_path).models["my-model"]

    assert (True, 2048, ("gpt-4o-mini",)) == (model.preload, model.context_tokens, model.serves)
