from __future__ import annotations

import pytest

from llmlb_core.worker.chat_format.template import GENERIC_TEMPLATE, TemplateBroken, TemplateRefused, compile_template
from llmlb_core.worker.chat_format.template_traits import CallForm, traits_of

HI = [{"role": "user", "content": "<hi> & é"}]


def test_template_renders_as_hugging_face_does():
    """Blocks are trimmed, loops can break, JSON has no HTML escapes, `generation` is only a mark."""
    template = compile_template(
        "{% for m in messages %}\n"
        "    {% if loop.index > 1 %}\n{% break %}\n    {% endif %}\n"
        "{% generation %}{{ m | tojson }}{% endgeneration %}\n"
        "{% endfor %}\n"
        "{{ bos_token }}{{ strftime_now('%Y') | length }}{{ tools is none }}{{ documents is defined }}{{ add_generation_prompt }}"
    )

    text = template.render(HI * 2, variables={"bos_token": "<s>"})

    assert '{"role": "user", "content": "<hi> & é"}<s>4TrueFalseTrue' == text.replace("\n", "")


def test_generic_template_is_chatml():
    """A model without a template gets a form that most know."""
    text = compile_template(GENERIC_TEMPLATE).render(HI)

    assert "<|im_start|>user\n<hi> & é<|im_end|>\n<|im_start|>assistant\n" == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ raise_exception('Conversation roles must alternate') }}", "Conversation roles must alternate"),
        ("{{ messages[0].content + 1 }}", "TypeError: "),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ ''.__class__.__mro__ }}", "__class__"),
        ("{{ nothing.at_all }}", "'nothing' is undefined"),
    ],
)
def test_template_that_raises_says_why(source, message):
    """Its own exception, a type error, or what the sandbox forbids: one kind of refusal."""
    with pytest.raises(TemplateRefused) as caught:
        compile_template(source).render(HI)

    assert message in str(caught.value)


def test_source_that_is_no_template_names_the_line():
    """The person who set it can find the place."""
    with pytest.raises(TemplateBroken, match="line 2"):
        compile_template("{{ 1 }}\n{% for %}")


def test_compiled_templates_are_remembered():
    """Compiling happens once for a model, not once for a call."""
    assert compile_template("{{ 1 }}") is compile_template("{{ 1 }}")


@pytest.mark.parametrize(
    ("name", "takes_system", "takes_tools", "form"),
    [
        ("smol", True, False, None),
        ("hermes", True, True, CallForm()),
        ("llama3", True, True, CallForm(is_single=True)),
        ("mistral", False, True, CallForm(has_short_ids=True)),
        ("thinker", False, False, CallForm(has_null_content=True, has_text_arguments=True)),
    ],
)
def test_traits_are_found_by_probing(template, name, takes_system, takes_tools, form):
    """No list of model names: a template is asked."""
    traits = traits_of(template(name))

    assert (takes_system, takes_tools, form, False) == (
        traits.takes_system,
        traits.takes_tools,
        traits.call_form,
        traits.takes_parts,
    )


def test_template_of_parts_gets_parts():
    """A template that shows content only as a list of parts is recognised."""
    template = compile_template("{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}")

    assert traits_of(template).takes_parts
