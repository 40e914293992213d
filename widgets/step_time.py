"""How fast this machine trains a model: a button that times a step."""

import streamlit as st

from explorer.base.language import tr
from explorer.runtime import step_times
from explorer.specs.arrangements import ArrangementChoice
from explorer.specs.recipes import Recipe
from widgets import server


def offer(
    model: str, length: int, arrangement: ArrangementChoice, recipe: Recipe, key: str
) -> None:
    """Show a button that lets the worker time a step, as long as none was timed.

    Raises:
        ExplorerError: with the worker's sentence, if it cannot.
    """
    if step_times.find(model, recipe.precision) is None and st.button(
        tr("Time a step first"), key=key
    ):
        asked = {"model": model, "length": length, "arrangement": arrangement}
        server.request("pace", {**asked, "recipe": recipe.model_dump()}, model)
        st.rerun()
