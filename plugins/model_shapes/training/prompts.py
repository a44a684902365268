"""How people may ask for a scene: many phrasings, parts left unsaid, filler words, odd casing.

An unsaid place means the centre; an unsaid colour, shape or background may be any.
"""

from __future__ import annotations

import random

from scenes import Scene

UNSAID = "unsaid"
SHAPE_WORDS = {
    "circle": ("circle", "disc", "dot", "ball"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "cross": ("cross", "plus"),
    "ring": ("ring", "donut"),
}
PLACE_WORDS = {
    "center": ("in the center", "in the middle", "in the centre", "at the center"),
    "left": ("on the left", "at the left", "to the left", "on the left side"),
    "right": ("on the right", "at the right", "to the right", "on the right side"),
    "top": ("at the top", "on top", "in the top"),
    "bottom": ("at the bottom", "on the bottom", "in the bottom"),
    "top left": ("in the top left", "top left", "in the upper left corner", "at the top left corner"),
    "top right": ("in the top right", "top right", "in the upper right corner", "at the top right corner"),
    "bottom left": ("in the bottom left", "bottom left", "in the lower left corner", "at the bottom left corner"),
    "bottom right": ("in the bottom right", "bottom right", "in the lower right corner", "at the bottom right corner"),
}
OPENINGS = (
    *(
        "",
        "",
        "",
        "",
        "draw ",
        "draw me ",
        "please draw ",
        "a picture of ",
        "an image of ",
        "paint ",
        "show ",
        "i want ",
        "create ",
    ),
    *("make ", "generate an image with ", "a photo of ", "can you draw ", "please paint me ", "a drawing of ", "an icon of "),
)
FILLERS = (
    "simple",
    "flat",
    "nice",
    "small",
    "big",
    "bright",
    "beautiful",
    "clean",
    "minimalist",
    "cute",
    "vivid",
    "large",
    "solid",
)
ENDINGS = ("", "", "", "", "", ".", "!", ", flat colours", ", high quality", ", vector art", ", please", ", simple", " for my app")
_OTHERS = (
    *("red", "green", "blue", "yellow", "purple", "orange", "white", "black", "violet", "colored", "coloured", "color", "colour"),
    *("a", "an", "the", "one", "there", "is", "it", "and", "on", "in", "of", "with", "against", "over", "behind"),
    *("background", "backdrop", "field", "canvas"),
)
WORDS = tuple(
    sorted(
        {word for text in (*OPENINGS, *ENDINGS, *FILLERS) for part in text.split() if (word := part.strip(".,!"))}
        | {word for texts in (*SHAPE_WORDS.values(), *PLACE_WORDS.values()) for text in texts for word in text.split()}
        | set(_OTHERS)
    )
)
"""Words that the tokenizer knows whole; any other is read letter by letter."""


def ask(scene: Scene, rng: random.Random) -> tuple[str, Scene]:
    """Return a prompt for *scene*, and the scene as the prompt says it: what it leaves out is ``UNSAID``.

    A scene that is not in the centre always has its place said.
    """
    says_background = rng.random() < 0.9
    says_colour = rng.random() < 0.95
    says_shape = rng.random() < 0.97
    says_place = scene.place != "center" or rng.random() < 0.3
    noun = rng.choice(SHAPE_WORDS[scene.shape]) if says_shape else rng.choice(("shape", "thing", "figure"))
    colour = _colour(scene.colour, rng) if says_colour else ""
    filler = rng.choice(FILLERS) if rng.random() < 0.15 else (_gibberish(rng) if rng.random() < 0.05 else "")
    subject = " ".join(word for word in (rng.choice(("a", "a", "a", "the", "one", "")), filler, colour, noun) if word)
    place = rng.choice(PLACE_WORDS[scene.place]) if says_place else ""
    background = _background(_colour(scene.background, rng), rng) if says_background else ""
    text = _arrange(subject, place, background, rng)
    text = f"{rng.choice(OPENINGS)}{text}{rng.choice(ENDINGS)}"
    text = rng.choice((text, text, text.capitalize(), text.upper(), text.title()))
    said = Scene(
        scene.colour if says_colour else UNSAID,
        scene.shape if says_shape else UNSAID,
        scene.background if says_background else UNSAID,
        scene.place if says_place else "center",
    )
    return text, said


def plain(scene: Scene) -> str:
    """Return the one plain phrasing that the evaluation asks with."""
    article = "an" if scene.colour == "orange" else "a"
    return f"{article} {scene.colour} {scene.shape} on a {scene.background} background, {PLACE_WORDS[scene.place][0]}"


def _colour(name: str, rng: random.Random) -> str:
    return "violet" if name == "purple" and rng.random() < 0.2 else name


def _background(colour: str, rng: random.Random) -> str:
    form = rng.choice(("on {}", "on {}", "on a {} background", "on a {} background", ", {} background", "with a {} background",
                       "against {}", "over {}", "on the {} canvas", ", background {}", "on {} background",
                       "in front of {}"))  # fmt: skip
    return form.format(colour)


def _arrange(subject: str, place: str, background: str, rng: random.Random) -> str:
    comma = rng.choice((" ", " ", ", "))
    orders = [(subject, background, place), (subject, place, background)]
    if background.startswith("on "):
        orders.append((f"{background} there is", subject, place))
    if background.startswith(", "):
        background_first = background.removeprefix(", ")
        orders.append((f"{background_first},", subject, place))
    parts = [part for part in rng.choice(orders) if part]
    text = parts[0]
    for part in parts[1:]:
        text += part if part.startswith(",") else (" " if text.endswith((",", "is")) else comma) + part
    return text


def _gibberish(rng: random.Random) -> str:
    return "".join(rng.choice("aeioulnrstbcdfgmpvwkhjxyzq") for _ in range(rng.randint(3, 7)))
