"""The training's data recipe and the evaluation's judge agree on what pictures show."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from judge import NONE, look  # programs beside the package, not a package
from prompts import UNSAID, ask, plain
from scenes import COLOURS, SHAPES, SIDE, Scene, all_scenes, draw, split_scenes


def test_the_judge_reads_every_eighth_rendered_scene_right():
    """On drawings of known truth, with the jitter of training, all four answers are right."""
    jitter = np.random.default_rng(3)
    scenes = split_scenes()[1]

    seen = [look(draw(scene, jitter)) for scene in scenes]

    assert scenes == seen


def test_the_judge_sees_nothing_in_noise_and_flat_pictures():
    """A picture of nothing has no shape."""
    flat = np.full((SIDE, SIDE, 3), COLOURS["red"], np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)

    assert Scene(NONE, NONE, "red", NONE) == look(flat)
    assert NONE == look(noise).shape


def test_held_out_scenes_are_not_trained_on():
    """An eighth of all scenes, the same in every run, none on both sides, every word on both."""
    trained, held = split_scenes()

    assert set() == set(trained) & set(held)
    assert set(all_scenes()) == {*trained, *held}
    assert len(all_scenes()) // 8 == len(held)
    for field, words in (("colour", set(COLOURS)), ("shape", set(SHAPES)), ("background", set(COLOURS))):
        assert words == {getattr(scene, field) for scene in trained} == {getattr(scene, field) for scene in held}


@pytest.mark.parametrize("seed", range(3))
def test_prompts_say_nothing_that_the_picture_does_not_show(seed):
    """What a prompt says is the scene's, an unsaid place the centre, the rest unsaid."""
    rng = random.Random(seed)

    for scene in rng.sample(all_scenes(), 200):
        _, said = ask(scene, rng)
        assert said.colour in (scene.colour, UNSAID)
        assert said.shape in (scene.shape, UNSAID)
        assert said.background in (scene.background, UNSAID)
        assert said.place == scene.place


def test_the_plain_prompt_says_all():
    """The evaluation asks for everything, in ordinary words."""
    scene = Scene("orange", "ring", "blue", "top left")

    assert "an orange ring on a blue background, in the top left" == plain(scene)
