"""The catalogue: installed models, tables over them, and what is wrong with the others."""

from __future__ import annotations

import os

import pytest
from attrs import evolve

from llmlb_core import Capability
from llmlb_core.errors import SettingsInvalid
from llmlb_core.models.adding import Wish
from llmlb_core.models.catalogue import Catalogue
from llmlb_core.settings.sections import ModelSettings, Settings


@pytest.fixture
def catalogue_of(tmp_path, toys):
    """Make a catalogue with these ``[models]`` tables."""

    def make(**tables):
        settings = Settings(data_dir=tmp_path, models={name.replace("__", "/"): table for name, table in tables.items()})
        return Catalogue(settings, {}, toys.formats)

    return make


async def test_an_installed_model_is_found_by_id_and_alias_in_any_case(adding, catalogue_of):
    """Facts come from the file's own header."""
    await adding.add(Wish(reference="toys:toy", name="org/toy", aliases=("small",)))

    catalogue = catalogue_of()

    model = catalogue.local("Org/Toy")
    assert model is catalogue.local("SMALL")
    assert ("toy", "Q1", 512) == (model.facts.format, model.facts.quantization, model.facts.context_tokens)
    assert (model,) == catalogue.all()
    assert () == catalogue.problems()
    assert model.path.read_bytes().startswith(b"TOY!")
    assert catalogue.local("other") is None


async def test_a_table_overrides_an_installed_model(adding, catalogue_of, tmp_path):
    """Everything that ``[models."<id>"]`` can say arrives in the model."""
    await adding.add(Wish(reference="toys:toy", aliases=("small",)))
    (tmp_path / "t.jinja").write_text("{{ messages }}")
    table = ModelSettings(
        serves=("GPT-4o",),
        engine="echo",
        capabilities=("embedding",),
        preload=True,
        idle_unload_s=0.0,
        context_tokens=128,
        parallel_count=3,
        chat_template=str(tmp_path / "t.jinja"),
        options={"threads": 1},
    )

    model = catalogue_of(toy=table).local("gpt-4o")

    assert ("toy", ("small", "gpt-4o"), "echo", (Capability.EMBEDDING,)) == (
        model.id,
        model.aliases,
        model.engine,
        model.capabilities,
    )
    assert (True, 0.0, 128, 3) == (model.preload, model.idle_unload_s, model.context_tokens, model.parallel_count)
    assert ("{{ messages }}", {"threads": 1}) == (model.chat_template, model.options)


def test_a_table_with_a_source_says_how_to_install_it(catalogue_of):
    """The model is known and missing, and the command is complete."""
    catalogue = catalogue_of(toy=ModelSettings(source="toys:toy==1"))

    problem = catalogue.problem("TOY")

    assert catalogue.local("toy") is None
    assert ("missing", "'toy' is not installed; fetch it with: llmlb models add toys:toy==1 --name toy") == (
        problem.state,
        problem.reason,
    )


def test_a_table_with_an_engine_alone_is_a_model_without_files(catalogue_of):
    """Engines such as a fake need none."""
    model = catalogue_of(fake=ModelSettings(engine="echo", serves=("gpt-fake",))).local("gpt-fake")

    assert ("fake", "echo", None, "") == (model.id, model.engine, model.path, model.facts.format)


def test_a_table_without_source_and_engine_is_missing(catalogue_of):
    """There is nothing to run and nothing to fetch."""
    problem = catalogue_of(ghost=ModelSettings(serves=("x",))).problem("ghost")

    assert "missing" == problem.state
    assert "names neither a source nor an engine" in problem.reason


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json is damaged"),
        (lambda folder: (folder / "toy.bin").unlink(), "toy.bin cannot be read"),
        (lambda folder: (folder / "toy.bin").write_bytes(b"short"), "has 5 bytes, expected 10244"),
        (lambda folder: (folder / "toy.bin").write_bytes(b"LIE!" + b"x" * 10240), "expected b'TOY!'"),
        (lambda folder: (folder / "toy.bin").write_bytes(b"BUG!" + b"x" * 10240), "ZeroDivisionError: a defect of this format"),
    ],
)
async def test_one_damaged_model_is_failed_and_the_others_answer(adding, catalogue_of, installed, damage, told):
    """Damage is that model's state with the reason, never an exception."""
    await adding.add(Wish(reference="toys:toy"))
    await adding.add(Wish(reference="toys:toy", name="other"))
    damage(installed.root / "toy")

    catalogue = catalogue_of()

    (problem,) = catalogue.problems()
    assert ("toy", "failed") == (problem.id, problem.state)
    assert told in problem.reason
    assert ["other"] == [model.id for model in catalogue.all()]


async def test_a_format_that_nobody_reads_still_has_a_size(adding, tmp_path, toys):
    """An engine may run what no plugin reads the header of."""
    await adding.add(Wish(reference="toys:toy"))

    model = Catalogue(Settings(data_dir=tmp_path), {}, {}).local("toy")

    assert ("toy", len(toys.weights)) == (model.facts.format, model.facts.size_bytes)


async def test_refresh_sees_what_the_command_line_did(adding, catalogue_of, installed):
    """Models come and go while the server runs; those that stay are the same objects."""
    catalogue = catalogue_of()
    assert not catalogue.refresh()
    await adding.add(Wish(reference="toys:toy", name="first"))
    assert catalogue.refresh()
    first = catalogue.local("first")

    await adding.add(Wish(reference="toys:toy", name="second"))
    assert catalogue.refresh()

    assert first is catalogue.local("first")
    assert catalogue.local("second") is not None
    assert not catalogue.refresh()
    installed.remove("first")
    assert catalogue.refresh()
    assert ["second"] == [model.id for model in catalogue.all()]


async def test_refresh_sees_a_changed_main_file(adding, catalogue_of, installed):
    """A model in place may be replaced by its owner."""
    await adding.add(Wish(reference="toys:toy"))
    catalogue = catalogue_of()
    path = installed.root / "toy" / "toy.bin"

    path.write_bytes(b"LIE!" + b"x" * 10240)
    os.utime(path, ns=(1, 1))

    assert catalogue.refresh()
    assert "expected b'TOY!'" in catalogue.problem("toy").reason


async def test_refresh_can_be_made_rare(catalogue_of, adding):
    """Unknown names from clients must not keep the disk busy."""
    catalogue = catalogue_of()
    await adding.add(Wish(reference="toys:toy"))

    assert not catalogue.refresh(min_interval_s=3600)
    assert catalogue.refresh()


async def test_a_damaged_model_says_why_by_every_name(adding, catalogue_of, installed):
    """Who calls it by an alias, of its manifest or of its table, reads the reason too, not that there is no such model."""
    await adding.add(Wish(reference="toys:toy", aliases=("Small",)))
    catalogue = catalogue_of(toy=ModelSettings(serves=("gpt-4o",)))
    main = catalogue.local("small").path

    main.write_bytes(b"TOY!")
    catalogue.refresh()

    assert [None] * 3 == [catalogue.local(name) for name in ("toy", "small", "gpt-4o")]
    assert ["toy"] * 3 == [catalogue.problem(name).id for name in ("toy", "SMALL", "gpt-4o")]
    assert catalogue.problem("other") is None


async def test_an_id_beats_an_alias(adding, catalogue_of):
    """The alias is not served, and its owner is told."""
    await adding.add(Wish(reference="toys:toy", name="one"))
    await adding.add(Wish(reference="toys:toy", name="two", aliases=("one",)))

    catalogue = catalogue_of()

    assert "one" == catalogue.local("one").id
    (problem,) = catalogue.problems()
    assert ("two", "warning", "its alias 'one' is the id of another model, which has it") == (
        problem.id,
        problem.state,
        problem.reason,
    )
    assert catalogue.problem("two") is None


async def test_an_alias_of_two_models_is_served_by_neither(adding, catalogue_of):
    """Both are told, both stay served under their ids."""
    await adding.add(Wish(reference="toys:toy", name="one", aliases=("best",)))
    await adding.add(Wish(reference="toys:toy", name="two", aliases=("BEST",)))

    catalogue = catalogue_of()

    assert catalogue.local("best") is None
    assert ["one", "two"] == [model.id for model in catalogue.all()]
    assert ["one", "two"] == [problem.id for problem in catalogue.problems()]
    assert "claimed by 'one' and 'two'" in catalogue.problems()[0].reason


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (
            {"a": ModelSettings(engine="e", serves=("x",)), "b": ModelSettings(engine="e", serves=("X",))},
            r'models\."a"\.serves and models\."b"',
        ),
        (
            {"a": ModelSettings(engine="e", capabilities=("flying",))},
            r'models\."a"\.capabilities: found \'flying\', expected some of text_gen',
        ),
        ({"a": ModelSettings(engine="e", capabilities=())}, "found none, expected some of"),
        ({"a": ModelSettings(engine="e", chat_template="/no/such.jinja")}, r"chat_template: .*such\.jinja cannot be read"),
        ({"..__x": ModelSettings(source="toys:x")}, r'models\."\.\./x": .* cannot be a model id'),
        ({"a": ModelSettings(engine="e", serves=("a b",))}, r'models\."a"\.serves: .*cannot name a model'),
    ],
)
def test_a_wrong_table_stops_the_start(catalogue_of, tables, told):
    """What settings say wrongly is told with the key path."""
    with pytest.raises(SettingsInvalid, match=told):
        catalogue_of(**tables)


async def test_links_and_files_beside_models_are_not_followed(adding, catalogue_of, installed, tmp_path):
    """The walk stays inside the models directory."""
    await adding.add(Wish(reference="toys:toy"))
    (installed.root / "loop").symlink_to(installed.root, target_is_directory=True)
    (installed.root / "stray.txt").write_text("x")

    assert ["toy"] == [model.id for model in catalogue_of().all()]


async def test_manifest_capabilities_beat_those_of_the_header(adding, store, toys, catalogue_of):
    """A store may know more than a header says."""
    store.manifest = evolve(toys.manifest(), capabilities=(Capability.EMBEDDING,))
    await adding.add(Wish(reference="toys:toy"))

    assert (Capability.EMBEDDING,) == catalogue_of().local("toy").capabilities
