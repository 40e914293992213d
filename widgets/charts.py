"""A chart on a page: the picture, its numbers one click away, and a file that works offline."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from explorer.figures import Chart


def show(
    chart: Chart, key: str, *, extras: bool = True, on_select: Callable[[], None] | None = None
) -> None:
    """Show a chart under a key of its own; without extras while it changes every second.

    Args:
        chart: what to show.
        key: with the chart's own key the widget's, under which a selection is found.
        extras: whether to offer its numbers and its file.
        on_select: called when a person clicks a point.
    """
    st.plotly_chart(
        chart.figure,
        key=f"{key}-{chart.key}",
        alt=chart.alt,
        on_select=on_select or "ignore",
        selection_mode="points",
        config={"displaylogo": False, "toImageButtonOptions": {"filename": chart.key, "scale": 2}},
    )
    if extras:
        _extras(chart, key)


def _extras(chart: Chart, key: str) -> None:
    """Offer the chart's numbers and a page of its own."""
    with st.container(horizontal=True, gap="small"):
        with st.popover("Numbers", icon=":material/table:", key=f"{key}-{chart.key}-numbers"):
            st.dataframe(chart.table, hide_index=True, key=f"{key}-{chart.key}-table")
        st.download_button(
            "Page",
            chart.html,
            file_name=f"{chart.key}.html",
            mime="text/html",
            icon=":material/download:",
            key=f"{key}-{chart.key}-html",
            on_click="ignore",
            help="This chart as one HTML file that works offline. The camera in the chart's own "
            "corner saves a PNG.",
        )


def show_selectable(chart: Chart, key: str) -> list[Any]:
    """Show a chart whose points can be clicked or lassoed.

    Returns:
        The `customdata` of the chosen points.
    """
    event: Any = st.plotly_chart(
        chart.figure,
        key=f"{key}-{chart.key}",
        alt=chart.alt,
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config={"displaylogo": False, "toImageButtonOptions": {"filename": chart.key, "scale": 2}},
    )
    _extras(chart, key)
    points = event["selection"]["points"] if event else []
    return [point["customdata"] for point in points if point.get("customdata") is not None]
