"""Start, with a question where it takes long on this machine; and a button that times a step."""

import streamlit as st

from explorer.base.language import later, tr
from explorer.estimates import outlook
from explorer.estimates.outlook import Expected
from explorer.runtime import step_times
from explorer.specs.arrangements import ArrangementChoice
from explorer.specs.recipes import Recipe
from widgets import server
from widgets.again import run_again


def button(
    expected: Expected | None,
    key: str = "start",
    *,
    label: str = later("Start"),
    icon: str = ":material/play_arrow:",
    quicker: str = later("A shorter target is quicker."),
    help: str | None = None,  # noqa: A002 (as Streamlit calls it)
) -> bool:
    """Show Start; return whether it was pressed and, where that takes long, confirmed.

    Args:
        expected: how long it will take; None: nothing can be started yet.
        key: of the button.
        label: what it says.
        icon: before that.
        quicker: what takes less time, in a sentence.
        help: shown with the button.
    """
    label = tr(label)
    long = outlook.long_wait(expected) if expected is not None else ""
    if expected is None or not long:
        return st.button(
            label,
            type="primary",
            icon=icon,
            key=key,
            disabled=expected is None,
            width="stretch",
            help=help,
        )
    st.caption(long)
    with st.popover(
        label,
        type="primary",
        icon=":material/hourglass_top:",
        key=f"{key}-ask",
        width="stretch",
        help=help,
    ):
        st.write(
            tr(
                "It usually takes about {time}. {quicker} You can stop at any time and keep what "
                "has been found.",
                time=outlook.about(expected.usual),
                quicker=tr(quicker),
            )
        )
        return st.button(tr("Start anyway"), type="primary", key=key)


def offer_timing(
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
        run_again()
