"""What to run of an experiment: model, size, every setting to see and change, and Start."""

from typing import Any, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from explorer.assets import allowed_folders, catalog
from explorer.assets.catalog import ModelCard
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.estimates import run_time
from explorer.estimates.outlook import about
from explorer.experiments import over_training
from explorer.experiments.definition import CHANGED, PRESETS, Experiment
from explorer.runtime import step_times
from explorer.specs.arrangements import ARRANGEMENTS
from explorer.specs.experiments import Settings
from explorer.specs.jobs import ExperimentSpec
from explorer.specs.texts import SOURCES
from explorer.texts.alterations import find_alterations
from widgets import arrangement, cached, linked, models, recipes, server, slow_start
from widgets.markdown import escaped

NOT_ASKED = {"experiment", "model", "recipe"}


def choose(experiment: Experiment) -> None:
    """Show model, preset and settings; start the run when asked."""
    card = models.choose()
    if card is None:
        return
    more = _checkpoints(card) if experiment.name == "capacity" else []
    cards = [card, *more]
    if missing := [each for each in cards if each.folder is None]:
        models.download(missing[0])
        return
    assert card.folder is not None
    preset = st.radio(
        tr("Size"),
        list(PRESETS),
        format_func=lambda name: tr(PRESETS[name]),
        key=f"size-{experiment.name}",
    )
    usual = experiment.preset(preset, card)
    settings = _advanced(experiment, usual, preset, arrangement.why(card))
    tokenizer = cached.tokenizer(card.folder)
    if altered := find_alterations((), settings.drawn_from, tokenizer, settings.longest):
        st.warning(escaped(altered), icon=":material/spellcheck:")
    step = run_time.step(settings)
    known = step_times.find(card.name, step[-1].precision)
    st.caption(escaped(run_time.before(experiment, settings, card.parameters, known)))
    slow_start.offer_timing(card.name, *step, f"time-{experiment.name}")
    once = run_time.expected(experiment, settings, card.parameters, known)
    if more:
        st.caption(
            tr(
                "The same for each of {count} checkpoints, one after the other: usually about "
                "{time} in all. The chart “Capacity over training” appears below a run as soon as "
                "two are measured.",
                count=len(cards),
                time=about((once * len(cards)).usual),
            )
        )
    name = preset if settings == usual else CHANGED.format(name=preset)
    if slow_start.button(
        once * len(cards),
        f"start-{experiment.name}",
        quicker=tr("Fewer or shorter texts are quicker."),
        help=tr("If you start it again with the same settings, it goes on where it stopped."),
    ):
        asked = [settings.model_copy(update={"model": each.name}) for each in cards]
        linked.start(ExperimentSpec(settings=asked[0], preset=name))
        for one in asked[1:]:
            server.submit(ExperimentSpec(settings=one, preset=name))


def _checkpoints(card: ModelCard) -> list[ModelCard]:
    """Show further checkpoints of the model's training, if there are any; return the chosen ones.

    Raises:
        BadInputError: if one that was typed is no checkpoint of this training.
    """
    at = over_training.checkpoint(card.name)
    if at is None:
        return []
    labels = st.multiselect(
        tr("More checkpoints"),
        [label for label in over_training.labels(at) if label != at.label],
        accept_new_options=True,
        key="checkpoints",
        placeholder=tr("Choose, or type a name such as step1000"),
        help=tr(
            "Revisions of the model on the hub, or folders beside this one. Each gets a run of "
            "its own; together they show capacity over training."
        ),
    )
    names = [over_training.named(at, label) for label in labels]
    server.require(*map(allowed_folders.in_model, names))
    return [catalog.find(name) for name in names]


def _advanced(experiment: Experiment, usual: Settings, preset: str, why: str) -> Settings:
    """Show every setting; return the settings as they stand.

    Raises:
        BadInputError: if they cannot be used.
    """
    fields: dict[str, Any] = usual.model_dump()
    with st.expander(tr("Advanced"), icon=":material/tune:", key=f"advanced-{experiment.name}"):
        for name, info in type(usual).model_fields.items():
            if name not in NOT_ASKED:
                key = f"{experiment.name}-{preset}-{name}"
                fields[name] = _field(name, info, getattr(usual, name), key)
        if "arrangement" in fields:
            st.caption(why)
        if "recipe" in fields:
            recipe = usual.recipe  # type: ignore[union-attr]
            st.caption(
                tr(
                    "Recipe {name}: at most {steps} steps.",
                    name=escaped(recipe.name),
                    steps=recipe.max_steps,
                )
            )
            if st.toggle(tr("Use another recipe"), key=f"{experiment.name}-{preset}-recipe"):
                chosen = recipes.choose("independent")
                if chosen is None:
                    raise BadInputError(tr("Fix the recipe first."))
                fields["recipe"] = chosen
    return experiment.make(fields)


def _field(name: str, info: FieldInfo, value: Any, key: str) -> Any:
    label, text = tr(name.replace("_", " ")), tr(info.description or "") or None
    if isinstance(value, int):
        return st.number_input(label, min_value=0, value=value, step=1, key=key, help=text)
    if isinstance(value, tuple) and all(isinstance(part, int) for part in value):
        typed = st.text_input(label, ", ".join(map(str, value)), key=key, help=text)
        return _whole_numbers(label, typed)
    options = _options(info.annotation)
    if isinstance(value, tuple):
        return tuple(
            st.multiselect(label, options, list(value), format_func=_words, key=key, help=text)
        )
    return st.selectbox(
        label, options, options.index(value), format_func=_words, key=key, help=text
    )


def _whole_numbers(label: str, typed: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in typed.replace(",", " ").split())
    except ValueError as error:
        raise BadInputError(
            tr(
                "Give whole numbers for “{setting}”, with commas between them, such as 4, 8, 16.",
                setting=label,
            )
        ) from error


def _options(annotation: Any) -> list[str]:
    """Return the strings a setting may take, however deep its type names them."""
    if get_origin(annotation) is None:
        return []
    inner = get_args(annotation)
    if all(isinstance(part, str) for part in inner):
        options = [part for part in inner if isinstance(part, str)]
        return [part for part in options if part not in ("own", "corpus")]
    return next((found for part in inner if (found := _options(part))), [])


def _words(option: str) -> str:
    if option in ARRANGEMENTS:
        known = ARRANGEMENTS[option]
        return f"{known.checklist_id} {known.formula}"
    words = {str(key): said for key, said in SOURCES.items()} | arrangement.WORDS
    return tr(words.get(option, option))
