"""What to connect: two solutions, two that are trained first, or all pairs of some texts."""

from typing import Any

import streamlit as st

from explorer.assets import catalog
from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.base.value import valid
from explorer.estimates import outlook
from explorer.estimates.outlook import Expected
from explorer.paths.pairs import all_pairs, require_pair
from explorer.runtime import step_times
from explorer.specs.curves import PathRecipe, trained_on
from explorer.specs.jobs import PathsSpec, ReconstructSpec
from explorer.specs.recipes import FAST
from explorer.texts.targets import target_ids
from widgets import cached, exact_solutions, length
from widgets.choice import one_of, told_apart
from widgets.markdown import escaped

PICK, TRAIN, ALL = later("Two solutions"), later("Train two first"), later("All pairs")
DEFAULT_TEXT = "The bell rang twice, and the whole valley turned to look."
RESTARTS = 6
"""Restarts of which the first two exact ones are connected."""


def choose() -> PathsSpec | None:
    """Show the choice and return what to do, or None while it is incomplete.

    Raises:
        BadInputError: if what is chosen cannot be connected.
    """
    ways = [PICK, TRAIN, ALL]
    way = st.radio(tr("What to connect"), ways, key="path-way", format_func=tr)
    if way == TRAIN:
        train = _to_train()
        return None if train is None else valid(PathsSpec, {"train": train, **_settings()})
    pairs = _all() if way == ALL else _two()
    return valid(PathsSpec, {"pairs": pairs, **_settings()}) if pairs else None


def expected(spec: PathsSpec | None) -> Expected | None:
    """Return how long that will take; None while there is nothing to do."""
    if spec is None:
        return None
    if spec.train is not None:
        model, n = spec.train.model, spec.train.length
    else:
        first = exact_solutions.open_solution(spec.pairs[0][0])
        model, n = first.record.model, len(first.target_ids)
    step_time = step_times.expected(model, spec.recipe.precision, catalog.find(model).parameters)
    curves = outlook.of_paths(spec.recipe, max(1, len(spec.pairs)), n, step_time)
    trained = outlook.of_text(spec.train, step_time).seconds if spec.train else None
    return curves + (trained or outlook.NOTHING)


def _two() -> tuple[tuple[str, str], ...]:
    known = exact_solutions.records()
    wanted = [st.query_params.get(name) for name in ("a", "b")]
    if not known and not any(wanted):
        raise BadInputError(
            tr(
                "There are no exact solutions yet. Train some on the Reconstruct page, or choose "
                "“{train}”.",
                train=tr(TRAIN),
            )
        )
    groups = exact_solutions.groups(known)
    seeds = {name: {known[i].seed for i in members} for name, members in groups.items()}
    paired_first = sorted(known, key=lambda i: len(seeds[exact_solutions.group(known[i])]) < 2)
    a = exact_solutions.choose(tr("From"), paired_first, "path-a", wanted[0])
    alike = groups[exact_solutions.group(known[a])] if a in known else []
    seed = known[a].seed if a in known else None
    near = [i for i in alike if i != a]
    near.sort(key=lambda i: known[i].seed == seed)  # the same: of another run, with other steps
    if a in known and not near and wanted[1] is None:
        raise BadInputError(
            tr(
                "This is the only exact solution of its text, model, length and arrangement. Train "
                "another restart of it, or choose “{train}”.",
                train=tr(TRAIN),
            )
        )
    others = near + [i for i in known if i not in near and i != a]
    b = exact_solutions.choose(tr("To"), others, f"path-b-{a}", wanted[1])
    if a is None or b is None:
        return ()
    require_pair(exact_solutions.open_solution(a), exact_solutions.open_solution(b))
    return ((a, b),)


def _all() -> tuple[tuple[str, str], ...]:
    made = exact_solutions.groups(exact_solutions.records())
    groups = {key: ids for key, ids in made.items() if len(ids) > 1}
    if not groups:
        raise BadInputError(
            tr(
                "No text has two exact solutions yet. Train one with several restarts on the "
                "Reconstruct page."
            )
        )
    keys = list(groups)
    names = [f"{key[0][:60]} · {counted(len(ids), 'solution')}" for key, ids in groups.items()]
    called = told_apart(dict(enumerate(names)), lambda k: groups[keys[k]][:1])
    chosen = st.multiselect(
        tr("Texts"),
        range(len(keys)),
        default=[0],
        format_func=called.__getitem__,
        key="path-texts",
        help=tr("The paper connects 5 texts with 10 solutions each: 225 pairs."),
    )
    ids = [i for k in chosen for i in groups[keys[k]]]
    if not ids:
        return ()
    pairs = all_pairs([exact_solutions.open_solution(i) for i in ids])
    st.caption(f"{counted(len(pairs), 'pair')}.")
    return tuple((a.record.id, b.record.id) for a, b in pairs)


def _to_train() -> ReconstructSpec | None:
    card = catalog.known_models()[0]
    if card.folder is None:
        st.info(
            tr(
                "{model} is not downloaded yet. Download it on the Reconstruct page.",
                model=escaped(card.title),
            )
        )
        return None
    text = st.text_area(tr("Text"), DEFAULT_TEXT, key="path-text", height=90) or ""
    ids = target_ids(text, cached.tokenizer(card.folder), None)
    most = min(64, len(ids))
    chosen = length.choose(most, 12, "path-n")
    seed = st.number_input(tr("First seed"), 0, 2**31 - 1 - RESTARTS, 0, key="path-train-seed")
    st.caption(
        tr("{count} restarts are trained; the first two exact ones are connected.", count=RESTARTS)
    )
    recipe = trained_on(FAST)
    fields = {
        "model": card.name,
        "text": text,
        "length": chosen,
        "arrangement": card.live_arrangement(recipe),
        "recipe": recipe,
        "restarts": RESTARTS,
        "seed": seed,
        "title": "Own text",
    }
    return valid(ReconstructSpec, fields)


def _settings() -> dict[str, object]:
    """Show curve and recipe; return them as fields of a spec."""
    usual = PathRecipe()
    curve = one_of(
        tr("Curve"),
        {"bezier": later("Bezier"), "two-bends": later("Two bends")},
        key="path-curve",
        help=tr(
            "A quadratic Bezier curve has one control point, as in the paper. A path of straight "
            "pieces with two bends reaches further, for pairs that such a curve cannot connect."
        ),
    )
    with st.expander(tr("Advanced"), icon=":material/tune:", key="path-advanced"):
        left, right = st.columns(2)
        fields: dict[str, Any] = {}
        for place, key, name, label, least, most, step in (
            (left, "steps", "max_steps", later("Steps at first"), 0, 100_000, 100),
            (right, "attempts", "attempts", later("Attempts"), 1, 6, 1),
            (left, "finish", "finish_steps", later("Finishing steps"), 0, 1_000, 5),
            (right, "samples", "samples", later("Samples per step"), 1, 64, 1),
            (left, "lr", "lr", later("Learning rate"), 0.0, 10.0, 0.01),
        ):
            fields[name] = place.number_input(
                tr(label), least, most, getattr(usual, name), step, key=f"path-{key}",
                format="%g" if name == "lr" else None, help=_said(name),
            )  # fmt: skip
        fields["points"] = right.number_input(
            tr("Grid points"), 3, 501, usual.points, key="path-points"
        )
        fields["seed"] = left.number_input(tr("Seed"), 0, 2**31 - 1, 0, key="path-seed")
        fields["stop_early"] = st.toggle(
            tr("Stop when connected"),
            usual.stop_early,
            key="path-stop",
            help=_said("stop_early"),
        )
    return {"curve": curve, "recipe": valid(PathRecipe, fields)}


def _said(field: str) -> str:
    return tr(PathRecipe.model_fields[field].description or "")
