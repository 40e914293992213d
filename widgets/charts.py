"""A chart on a page: the picture, what to look at, its numbers, and files of it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import streamlit as st

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.figures import Chart, files
from widgets import download, projector, words
from widgets.markdown import escaped

_SHOWN = "charts-of-page"
"""Key of the charts with extras that the page shows, by their own keys."""


def begin() -> None:
    """Forget the charts of the page as it was."""
    st.session_state[_SHOWN] = {}


def offer_all() -> None:
    """Offer every chart that the page shows as one ZIP."""
    shown = list(st.session_state[_SHOWN].values())
    if not shown:
        return
    with st.expander(tr("All figures"), icon=":material/photo_library:", key="all-figures"):
        drawn = files.has_browser()
        known = files.FORMATS if drawn else ("html",)
        formats = st.pills(
            tr("Formats"),
            known,
            selection_mode="multi",
            default=known[0],
            format_func=str.upper,
            key=f"figure-formats-{drawn}",
        )
        if not drawn:
            st.caption(tr(files.NO_BROWSER))
        if formats:
            made = partial(files.archive, shown, files.require_formats(formats))
            label = tr("Download {figures} (ZIP)", figures=counted(len(shown), "figure"))
            download.button(label, made, "figures.zip", "figures-zip", mime="application/zip")


def show(
    chart: Chart,
    key: str,
    *,
    extras: bool = True,
    on_select: Callable[[], None] | Literal["ignore", "rerun"] = "ignore",
) -> Any:
    """Show a chart under a key of its own; without extras while it changes every second.

    Args:
        chart: what to show.
        key: with the chart's own key the widget's, under which a selection is found.
        extras: whether to offer its numbers and its file.
        on_select: called when a person clicks a point; "rerun": they may also draw around several.

    Returns:
        What a person has chosen, in Streamlit's form, if that can be.
    """
    image = {"filename": chart.key, "scale": 2}
    with st.container(gap="xsmall"):
        st.markdown(f"**{escaped(chart.title)}**")
        with st.container(key=f"wide-{key}-{chart.key}" if chart.wide else None):
            event = st.plotly_chart(
                projector.fitted(chart.figure),
                key=f"{key}-{chart.key}",
                alt=chart.alt,
                on_select=on_select,
                selection_mode=("points", "box", "lasso") if on_select == "rerun" else ("points",),
                config={"displaylogo": False, "toImageButtonOptions": image},
            )
    st.caption(chart.look, help=words.help_for(chart.look, *chart.words))
    if extras and not projector.on():
        st.session_state.setdefault(_SHOWN, {})[f"{key}-{chart.key}"] = chart
        _extras(chart, key)
    return event


@st.fragment
def _extras(chart: Chart, key: str) -> None:
    """Offer the chart's numbers and a page of its own.

    The numbers are sent once somebody opens them, and the page does not run again for it: of what
    the server does for a class that opens a page, tables that nobody looks at were a tenth.
    """
    with st.container(horizontal=True, gap="small"):
        numbers = st.popover(
            tr("Numbers"),
            icon=":material/table:",
            key=f"{key}-{chart.key}-numbers",
            on_change="rerun",
        )
        if numbers.open:
            numbers.dataframe(
                words.table(chart.table),
                hide_index=True,
                key=f"{key}-{chart.key}-table",
                alt=tr("The numbers of the chart “{title}”", title=chart.title),
            )
        download.button(
            tr("Chart (HTML)"),
            chart.html,
            f"{chart.key}.html",
            f"{key}-{chart.key}-html",
            tr(
                "This chart as one HTML file that works offline. The camera in the chart's own "
                "corner saves a PNG; SVG and PDF of all charts are at the bottom of the page."
            ),
            "text/html",
        )


def show_selectable(chart: Chart, key: str) -> list[Any]:
    """Show a chart whose points can be clicked or lassoed.

    Returns:
        The `customdata` of the chosen points.
    """
    return chosen(show(chart, key, on_select="rerun"))


def chosen(event: Any) -> list[Any]:
    """Return the `customdata` of the points that a person has chosen in a chart.

    Args:
        event: what `show` returned, or what the session keeps under the chart's key.
    """
    points = event["selection"]["points"] if event else []
    named = [data for point in points if (data := point.get("customdata")) is not None]
    # Numbers reach Plotly as typed arrays, and a row of those comes back as {"0": …, "1": …}.
    return [list(data.values()) if isinstance(data, dict) else data for data in named]
