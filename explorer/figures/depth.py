"""Chart of a set by depth: how well kinds of pairs are told apart."""

import numpy as np
import plotly.graph_objects as go

from explorer.base.language import tr
from explorer.figures.chart import Chart, band, layout
from explorer.figures.palette import DASHES, RESTARTS, STRAIGHT, SYMBOLS
from explorer.geometry.depth import PLACE_NAMES, DepthReport, Place
from explorer.geometry.effects import COMPARISONS


def by_layer(made: DepthReport, place: Place) -> Chart:
    """Draw the AUC of each comparison over the layers, with 95% intervals over contexts."""
    figure, said = go.Figure(), []
    for k, which in enumerate(COMPARISONS):
        points = [
            (row.layer, c)
            for row in made.at(place)
            for c in row.comparisons
            if (c.near, c.far) == which
        ]
        if not points:
            continue
        x, auc = np.array([layer for layer, _ in points]), np.array([c.auc for _, c in points])
        near, far = map(tr, which)
        name = tr("{near} closer than {far}", near=near, far=far)
        if all(c.low is not None for _, c in points):
            low, high = ([getattr(c, end) for _, c in points] for end in ("low", "high"))
            band(figure, x, low, high, fillcolor=RESTARTS[k], opacity=0.18, showlegend=False)
        figure.add_scatter(
            x=x,
            y=auc,
            mode="lines+markers",
            name=name,
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            marker={"symbol": SYMBOLS[k], "size": 6},
            customdata=[c.p for _, c in points],
            hovertemplate=tr("layer %{x}: AUC %{y:.3f}, p = %{customdata:.3f}") + "<extra></extra>",
        )
        best = int(auc.argmax())
        said.append(
            tr(
                "{pairs}: AUC {first} at layer {start}, highest {most} at layer {best}",
                pairs=name,
                first=f"{auc[0]:.2f}",
                start=x[0],
                most=f"{auc[best]:.2f}",
                best=x[best],
            )
        )
    figure.add_hline(0.5, line={"color": STRAIGHT, "dash": "dot", "width": 1})
    layout(
        figure,
        tr("Which pairs are closer, layer by layer: {place}", place=tr(PLACE_NAMES[place])),
        tr("layer (0: the input)"),
        tr("AUC (0.5: no difference)"),
        height=400,
    )
    return Chart(
        f"depth-{place}", figure, ". ".join(said) or tr("No pairs to compare."), made.table
    )
