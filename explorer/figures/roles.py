"""Charts of what e and m carry: probes of the vectors and by layer, accuracy over noise."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from explorer.base.language import later, tr
from explorer.figures.chart import SHARE, Chart, interval, layout, log_axis
from explorer.figures.palette import DASHES, RESTARTS, STRAIGHT, SYMBOLS
from explorer.geometry.roles import ROLES, TARGETS, OverContexts, RolesReport, Target

RIGHT = later("share of held-out texts predicted correctly")


def probes(made: RolesReport) -> Chart:
    """Draw how well each target is read from e and from m, with 95% intervals over contexts."""
    figure, said = go.Figure(), []
    named = [t for t in reversed(TARGETS) if any(made.probe(vector, t) for vector in ROLES)]
    for k, vector in enumerate(ROLES):
        read = [(t, p) for t in named if (p := made.probe(vector, t))]
        if not read:
            continue
        values = [p for _, p in read]
        figure.add_scatter(
            x=[p.value for p in values],
            mode="markers",
            name=vector,
            y=[named.index(t) + 0.12 - 0.24 * k for t, _ in read],  # e above m
            marker={"symbol": SYMBOLS[k], "size": 11, "color": RESTARTS[k]},
            error_x=_bars(values),
            customdata=[(tr(t), p.p) for t, p in read],
            hovertemplate=tr(
                "%{{customdata[0]}} from {vector}: %{{x:.2f}}, p = %{{customdata[1]:.3f}}",
                vector=vector,
            )
            + "<extra></extra>",
        )
        said += [
            tr(
                "{target} from {vector}: {value} (p = {p})",
                target=tr(t),
                vector=vector,
                value=f"{p.value:.2f}",
                p=f"{p.p:.3f}",
            )
            for t, p in reversed(read)
        ]
    figure.add_vline(0.5, line={"color": STRAIGHT, "dash": "dot", "width": 1})
    x = tr("{share} (0.5: chance)", share=tr(RIGHT))
    layout(figure, tr("What can be read from e and from m"), x, "", height=360)
    words = [tr(target) for target in named]
    figure.update_yaxes(tickvals=list(range(len(named))), ticktext=words, zeroline=False)
    return Chart("roles-probes", figure, ". ".join(said), made.table)


def by_layer(made: RolesReport, target: Target) -> Chart:
    """Draw how well a target is read from the states where e and m stand, over the layers."""
    figure, said = go.Figure(), []
    for k, vector in enumerate(ROLES):
        read = sorted(
            (p for p in made.probes if (p.vector, p.target) == (vector, target)),
            key=lambda p: p.layer,
        )
        if not read:
            continue
        best = max(read, key=lambda p: p.value)
        figure.add_scatter(
            x=[p.layer for p in read],
            y=[p.value for p in read],
            mode="lines+markers",
            name=tr("where {vector} stands", vector=vector),
            error_y=_bars(read),
            customdata=[p.p for p in read],
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            marker={"symbol": SYMBOLS[k], "size": 8},
            hovertemplate=tr("layer %{x}: %{y:.2f}, p = %{customdata:.3f}") + "<extra></extra>",
        )
        said.append(
            tr(
                "Where {vector} stands, highest after layer {layer}: {value}",
                vector=vector,
                layer=best.layer,
                value=f"{best.value:.2f}",
            )
        )
    figure.add_hline(0.5, line={"color": STRAIGHT, "dash": "dot", "width": 1})
    layout(
        figure,
        tr("What can be read from hidden states: {target}", target=tr(target)),
        tr("layer (0: e and m themselves)"),
        tr(RIGHT),
        height=360,
    )
    table = made.table[made.table["target"] == target]
    return Chart(f"roles-{target.replace(' ', '-')}", figure, ". ".join(said), table)


def noise(made: RolesReport) -> Chart:
    """Draw accuracy over the size of noise on e and on m."""
    figure, said = go.Figure(), []
    for k, vector in enumerate(ROLES):
        at = [each for each in made.noise if each.vector == vector]
        figure.add_scatter(
            x=[each.length for each in at],
            y=[each.value for each in at],
            mode="lines+markers",
            name=tr("noise on {vector}", vector=vector),
            error_y=_bars(at),
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            marker={"symbol": SYMBOLS[k], "size": 8},
            hovertemplate=tr("noise of %{{x:.1%}} on {vector}: %{{y:.0%}}", vector=vector)
            + "<extra></extra>",
        )
        share = f"{made.radius(vector).share:.1%}"
        said.append(
            tr("{vector} withstands noise of {share} of its norm", vector=vector, share=share)
        )
    layout(
        figure,
        tr("How much noise e and m withstand"),
        tr("noise, as a share of the norm"),
        tr("accuracy"),
        height=360,
    )
    lengths = [each.length for each in made.noise if each.vector == "e"]
    figure.update_xaxes(**log_axis(lengths), tickformat=".1%")
    figure.update_xaxes(ticktext=[f"{length:.3g}" for length in lengths])
    figure.update_yaxes(**SHARE)
    table = pd.DataFrame([each.model_dump(exclude={"by_context"}) for each in made.noise])
    return Chart("roles-noise", figure, ". ".join(said), table)


def _bars(values: Sequence[OverContexts]) -> dict[str, object]:
    """Return error bars up to the ends of the intervals; none with few contexts."""
    ends = ([getattr(v, end) for v in values] for end in ("value", "low", "high"))
    return interval(*ends, thickness=1.5, width=4)
