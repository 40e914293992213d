"""The recipe: a preset, and on demand every one of its fields to see and change."""

from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from explorer.base.language import later, tr
from explorer.base.value import in_words
from explorer.specs.recipes import PRESETS, SETTINGS, Recipe
from widgets import words
from widgets.choice import one_of
from widgets.markdown import escaped

RECIPES = later(
    "**fast** starts from the model's own embeddings, with a learning rate to match; e and m begin "
    "near vectors that worked for other texts, where such ship for the model, and e leans toward "
    "the text's own tokens. **independent** does the same from starts "
    "that know neither, so that where a solution lies does not depend on where it began. **paper** "
    "uses exactly the paper's settings and takes several times as many steps."
)


LABELS = {
    "init": later("where e and m start"),
    "init_scale": later("spread of the start"),
    "target_in_e": later("lean of e toward the text"),
    "known_m": later("length of a known m"),
    "known_e": later("closeness to a known e"),
    "lr": later("learning rate"),
    "lr_unit": later("unit of the learning rates"),
    "beta1": "beta 1",
    "beta2": "beta 2",
    "eps": "epsilon",
    "weight_decay": later("weight decay"),
    "warmup_steps": later("warm-up steps"),
    "schedule": later("schedule of the learning rate"),
    "ease_below": later("loss below which the rate falls"),
    "max_steps": later("max steps"),
    "halve_at": later("step from which worse restarts pause"),
    "rest_above": later("loss above which restarts pause, times the leader's"),
    "clip": later("largest gradient norm"),
    "flatten": later("flattening of gradients"),
    "precision": later("precision"),
    "finish_lr": later("learning rate of the last steps"),
    "finish_margin": later("least lead of each target token"),
}
"""What the fields of a recipe are called in the form."""


def choose(default: str = "fast", first: Recipe | None = None) -> Recipe | None:
    """Show the preset; return the recipe, or None while a field that was changed is impossible.

    The fields are twenty widgets; they are drawn for those who ask for them.

    Args:
        default: the preset that is chosen before anybody has.
        first: what its fields hold then, if not the preset's own.
    """
    name = one_of(
        tr("Recipe"),
        list(PRESETS),
        default,
        format_func=str,
        key="recipe",
        bind="query-params",
        help=words.help_for(tr("recipe"), tr("warm start"), more=tr(RECIPES)),
    )
    preset = PRESETS[name]
    held = first if first is not None and preset.name == default else preset
    if not st.toggle(
        tr("Change its settings"), held is not preset, key=f"recipe_{preset.name}_settings"
    ):
        return preset
    fields: dict[str, Any] = {}
    left, right = st.columns(2)
    editable = [(key, info) for key, info in Recipe.model_fields.items() if key in SETTINGS]
    for i, (key, info) in enumerate(editable):
        with left if i % 2 == 0 else right:
            fields[key] = _field(key, info, getattr(held, key), f"recipe_{preset.name}_{key}")
    changed = any(fields[key] != getattr(preset, key) for key in fields)
    try:
        return Recipe(name=f"{preset.name}, changed" if changed else preset.name, **fields)
    except ValidationError as error:
        st.error(escaped(in_words(error)), icon=":material/error:")
        return None


def _field(name: str, info: FieldInfo, value: Any, key: str) -> Any:
    label = tr(LABELS[name])
    said = f"{tr(info.description or name)} `{name}`"
    if get_origin(info.annotation) is Literal:
        options = list(get_args(info.annotation))
        return st.selectbox(label, options, options.index(value), key=key, help=said)
    whole = int in (info.annotation, *get_args(info.annotation))
    return st.number_input(
        label,
        value=value,
        step=_step(name, value, whole=whole),
        format="%d" if whole else "%g",
        min_value=0 if whole else 0.0,
        key=key,
        help=said,
        placeholder=tr("none"),
    )


def _step(name: str, value: float | None, *, whole: bool) -> float | None:
    """Return by how much a number changes at a click: by one, or by a tenth of the preset's.

    Where the preset has none, a tenth of another preset's says how large such numbers are.
    """
    if whole:
        return 1
    usual = value or next(filter(None, (getattr(p, name) for p in PRESETS.values())), None)
    return None if usual is None else usual / 10
