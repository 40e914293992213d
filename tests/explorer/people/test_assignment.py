"""An assignment is the same after its link has been opened, and what is wrong in one is said."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.base.errors import BadInputError
from explorer.people import qr
from explorer.people.assignment import MOST_LETTERS, Assignment, read
from explorer.specs.arrangements import KEYS
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST, PAPER, PRESETS


def opened(link: str) -> Assignment | None:
    return read(dict(parse_qsl(link.removeprefix("?"), keep_blank_values=True)))


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MOST_LETTERS),
    n=st.integers(1, 2048),
    restarts=st.integers(1, 64),
    seed=st.integers(0, 2**31 - 65),
    until=st.sampled_from(["first", "all"]),
    arrangement=st.sampled_from(["auto", *KEYS]),
    on=st.sampled_from([None, "EleutherAI/pythia-160m"]),
    recipe=st.sampled_from(list(PRESETS.values())),
)
def test_a_link_holds_everything(**fields: Any) -> None:
    made = Assignment(**fields)
    assert opened(made.query) == made


def test_what_is_as_usual_makes_no_link_longer() -> None:
    assert Assignment(text="The heron").query == "?text=The+heron"


def test_changed_fields_of_a_recipe_are_part_of_it() -> None:
    recipe = PAPER.model_copy(update={"name": "paper, changed", "lr": 0.02, "max_steps": 900})
    made = Assignment(text="a", recipe=recipe)
    assert made.query == "?text=a&recipe=paper&recipe_lr=0.02&recipe_max_steps=900"
    assert opened(made.query) == made
    halved = FAST.model_copy(update={"name": "fast, changed", "halve_at": None})
    assert "recipe_halve_at=none" in Assignment(text="a", recipe=halved).query
    assert opened(Assignment(text="a", recipe=halved).query) == Assignment(text="a", recipe=halved)


def test_an_assignment_asks_what_the_form_does() -> None:
    spec = ReconstructSpec(
        model="smollm2-135m", text="The heron waits for days", length=3, recipe=FAST, restarts=2,
        seed=7, until="first", arrangement="e+mN",
    )  # fmt: skip
    made = Assignment.of(spec, "The heron waits")
    assert made == Assignment(
        text="The heron waits", n=3, restarts=2, seed=7, arrangement="e+mN", recipe=FAST
    )
    with pytest.raises(BadInputError, match="at most 400 characters"):
        Assignment.of(spec, "x" * 401)
    with pytest.raises(BadInputError, match="“seed” must be less than"):
        Assignment.of(spec.model_copy(update={"seed": 2**31 - 1}), "a")
    with pytest.raises(BadInputError, match="“text”"):
        Assignment.of(spec, "")
    folder = spec.model_copy(update={"model": "/srv/models/mine"})
    assert "srv" not in Assignment.of(folder, "a").query, "a path says nothing to others"


def test_other_links_are_none() -> None:
    assert read({"job": "abc", "n": "x", "recipe": "nonsense"}) is None


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("text=", "“text”"),
        ("text=" + "x" * 401, "“text” takes at most 400 characters"),
        ("text=a&n=0", "“n”"),
        ("text=a&n=many", "“n”"),
        ("text=a&restarts=65", "“restarts”"),
        ("text=a&seed=-1", "“seed”"),
        ("text=a&until=never", "“until”"),
        ("text=a&arrangement=A9", "“arrangement”"),
        ("text=a&recipe=slow", "no recipe “slow”"),
        ("text=a&recipe_speed=3", "no field “speed”"),
        ("text=a&recipe_lr=-1", "“lr”"),
        ("text=a&on=/etc/passwd", "not a folder"),
    ],
)
def test_what_cannot_be_used_is_said(query: str, about: str) -> None:
    with pytest.raises(BadInputError) as refused:
        opened(f"?{query}")
    said = str(refused.value)
    assert said.startswith("The assignment in this link cannot be used. ") and about in said
    assert said.endswith("Ask for a new link, or correct this one.") and "http" not in said


def test_a_code_is_drawn_and_one_that_is_too_fine_is_not() -> None:
    drawn = qr.svg("https://school.example/?text=" + "a+heron" * 40)
    assert drawn is not None and drawn.startswith("<svg xmlns=") and "viewBox" in drawn
    assert qr.svg("x" * 1500) is None and qr.svg("x" * 5000) is None
