"""Which engine runs a model, and what is said of those that do not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import evolve, frozen

from llmlb_core import Engine, Fit, LocalModel, ModelFacts, Unfit
from llmlb_core.errors import SettingsInvalid
from llmlb_core.models.catalogue import Catalogue
from llmlb_core.models.choice import EngineChoice, NoEngine, choose_engine
from llmlb_core.models.devices import machine_devices
from llmlb_core.settings.sections import ModelSettings, Settings

DEVICES = machine_devices()
MODEL = LocalModel(id="toy", facts=ModelFacts(format="toy"), directory=Path("/models/toy"), main="toy.bin")


@frozen
class Options:
    """Options of an engine."""

    threads: int = 1


def engine(name, answer, formats=("toy",), options_class=None):
    """Make an engine that gives one answer."""

    def fit(cls, facts, devices):
        if isinstance(answer, Exception):
            raise answer
        return answer

    members = {"name": name, "formats": formats, "options_class": options_class, "fit": classmethod(fit), "load": lambda *_: None}
    return SimpleNamespace(engine=type(name, (Engine,), members))


def engines(*entries):
    """Engines by name."""
    return {entry.engine.name: entry for entry in entries}


def test_the_highest_score_wins_and_ties_go_by_name():
    """Every answer is kept for the explanation."""
    some = engines(engine("zeta", Fit(0.9, 1, "z")), engine("beta", Fit(0.9, 2, "b")), engine("alpha", Fit(0.1, 3, "a")))

    choice = choose_engine(MODEL, some, DEVICES)

    assert ("beta", Fit(0.9, 2, "b")) == (choice.engine, choice.fit)
    assert ["alpha", "beta", "zeta"] == [name for name, _ in choice.considered]


def test_settings_force_an_engine():
    """Others are not asked."""
    some = engines(engine("good", Fit(0.9, 1, "")), engine("forced", Fit(0.1, 1, "")))

    choice = choose_engine(evolve(MODEL, engine="forced"), some, DEVICES)

    assert "forced" == choice.engine


def test_a_forced_engine_that_is_not_installed_is_named():
    """With those that are."""
    choice = choose_engine(evolve(MODEL, engine="gone"), engines(engine("here", Fit(1, 1, ""))), DEVICES)

    assert "settings run 'toy' on engine 'gone', which is not installed; installed are: here" == choice.reason


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (engine("e", Unfit("too large")), "e: too large"),
        (engine("e", Fit(1, 1, ""), formats=("gguf",)), "e: it reads gguf, and this is toy"),
        (engine("e", Fit(1, 1, ""), formats=()), "e: it runs models without files"),
        (engine("e", ZeroDivisionError("oops")), "asking engine 'e' failed: ZeroDivisionError: oops"),
        (engine("e", "yes"), "engine 'e' answered str, expected Fit or Unfit"),
    ],
)
def test_no_engine_gives_every_reason(entry, told):
    """An engine that refuses, raises or talks nonsense is a reason, not an error."""
    choice = choose_engine(MODEL, engines(entry), DEVICES)

    assert isinstance(choice, NoEngine)
    assert told in choice.reason


def test_without_any_engine_the_reason_says_so():
    """The next step is the list of plugins."""
    assert "none is installed (llmlb plugins list)" in choose_engine(MODEL, {}, DEVICES).reason


def test_a_model_without_files_needs_an_engine_without_formats():
    """An engine of formats cannot run what has no files."""
    model = LocalModel(id="fake", facts=ModelFacts(format=""))
    some = engines(engine("files", Fit(1, 1, "")), engine("fake", Fit(0.1, 1, ""), formats=()))

    choice = choose_engine(model, some, DEVICES)

    assert "fake" == choice.engine
    assert "none is installed under this id" in dict(choice.considered)["files"].reason


@pytest.mark.parametrize(
    ("options", "options_class", "told"),
    [
        ({"threads": "two"}, Options, r"models.*toy.*options.*threads.*expected an integer"),
        ({"thraeds": 2}, Options, "thraeds"),
        ({"any": 1}, None, "engine 'e' takes no options, found any"),
    ],
)
def test_wrong_options_name_their_key(options, options_class, told, tmp_path):
    """At run time the model is failed with the reason; at start the same reason stops the server."""
    some = engines(engine("e", Fit(1, 1, ""), formats=(), options_class=options_class))
    settings = Settings(data_dir=tmp_path, models={"toy": ModelSettings(engine="e", options=options)})
    catalogue = Catalogue(settings, {}, {})

    choice = catalogue.choose_engine(catalogue.local("toy"), some, DEVICES)

    assert isinstance(choice, NoEngine)
    with pytest.raises(SettingsInvalid, match=told):
        catalogue.check_options(some, DEVICES)


def test_right_options_are_no_obstacle(tmp_path):
    """They are checked and left to the worker."""
    some = engines(engine("e", Fit(1, 1, ""), formats=(), options_class=Options))
    settings = Settings(data_dir=tmp_path, models={"toy": ModelSettings(engine="e", options={"threads": 2})})
    catalogue = Catalogue(settings, {}, {})

    catalogue.check_options(some, DEVICES)

    assert isinstance(catalogue.choose_engine(catalogue.local("toy"), some, DEVICES), EngineChoice)


def test_this_machine_has_a_processor_with_memory():
    """The CPU is always there, with what a container leaves of the memory."""
    (cpu,) = machine_devices()

    assert ("cpu", "cpu") == (cpu.id, cpu.kind)
    assert cpu.name
    assert cpu.memory_bytes > 100_000_000
