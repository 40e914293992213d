"""Charts of a look inside a pass: the lens, attention, and what is left when something is changed.

Nothing is told by colour alone: cells say their token, right ones in bold; lines differ in dashes
and symbols.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.base.language import tr
from explorer.figures import inside_names as named
from explorer.figures.chart import Chart, band, layout, log_axis
from explorer.figures.palette import BEZIER, DASHES, RESTARTS, RIGHT, STRAIGHT, SYMBOLS
from explorer.figures.words import for_plotly
from explorer.inside import reading, tables
from explorer.inside.header import Part, What
from explorer.inside.result import TOP, Inside
from explorer.specs.recipes import THRESHOLD

FAINT_TO_RIGHT = (
    (0.0, "rgba(213,94,0,0.10)"), (0.5, "rgba(156,154,151,0.30)"), (1.0, "rgba(11,132,198,0.45)"),
)  # fmt: skip
"""The scale of p(target), its wrong end so faint that the tokens of a thousand cells are read."""


def lens(found: Inside) -> Chart:
    """Draw what every layer's hidden state would say at every position, shaded by p(target)."""
    header, (S, N) = found.header, found.predicted.shape
    pieces, targets, names = header.pieces, named.labels(found), named.layer_names(found)
    text, hover = np.empty((S, N), object), np.empty((S, N), object)
    for s in range(S):
        for n in range(N):
            cell = named.in_cell(pieces.get(int(found.predicted[s, n]), "�"))
            text[s, n] = f"<b>{cell}</b>" if found.right[s, n] else cell
            five = (
                f"{p:.2f} {named.shown(pieces.get(int(i), '�'))}"
                for p, i in zip(found.top_p[s, n, :TOP], found.top_ids[s, n, :TOP], strict=True)
            )
            at = tr(
                "{layer}, position {position}, target {target}: p {p}, rank {rank}",
                layer=names[s],
                position=n + 1,
                target=targets[n],
                p=f"{found.p[s, n]:.3f}",
                rank=found.rank[s, n],
            )
            hover[s, n] = "<br>".join((at, *five))
    x, y = np.arange(1, N + 1), np.arange(S)
    figure = go.Figure(
        go.Heatmap(
            x=x, y=y, z=found.p.astype(np.float32), zmin=0, zmax=1, customdata=hover,
            hovertemplate="%{customdata}<extra></extra>", xgap=1, ygap=1,
            colorscale=[list(stop) for stop in FAINT_TO_RIGHT],
            colorbar={"title": "p(target)", "thickness": 10, "tickformat": ".1f"},
        )
    )  # fmt: skip
    columns, rows = np.meshgrid(x, y)
    figure.add_scatter(  # in the colour of the page's text, which cells do not know
        x=columns.ravel(), y=rows.ravel(), text=text.ravel(), mode="text",
        textfont={"size": 9}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    first, stays = reading.appears(found)
    for states, name, symbol, beside in (
        (first, tr("correct for the first time"), "triangle-right-open", -0.38),
        (stays, tr("correct from here on"), "diamond", 0.38),
    ):
        there = states < S
        figure.add_scatter(
            x=x[there] + beside, y=states[there] + 0.3, mode="markers", name=name,
            hoverinfo="skip", marker={"symbol": symbol, "size": 6, "color": BEZIER},
        )  # fmt: skip
    layout(
        figure,
        tr("What the model would output, layer by layer"),
        tr("position in text"),
        tr("layer"),
        height=120 + 21 * S,
    )
    figure.update_xaxes(tickvals=x, ticktext=targets, tickangle=-60, side="top", showgrid=False)
    figure.update_yaxes(
        tickvals=y[:: max(1, S // 16)], ticktext=names[:: max(1, S // 16)],
        showgrid=False, zeroline=False,
    )  # fmt: skip
    figure.update_layout(margin={"t": 106}, dragmode=False)
    said = reading.sentence(found)
    return Chart("inside-lens", figure, said, tables.lens(found), wide=True)


def by_layer(found: Inside) -> Chart:
    """Draw the share of right tokens by layer, beside how alike the positions' states are."""
    x, share = np.arange(found.header.layers + 1), found.right.mean(1)
    mean, low, high = found.similarity.T
    figure, there = go.Figure(), bool(np.isfinite(mean).all())
    if there:
        name = tr("least to most similar pair")
        band(figure, x, low, high, fillcolor="rgba(181,83,156,0.18)", name=name)
        figure.add_scatter(
            x=x, y=mean, mode="lines+markers", name=tr("similarity of two positions (cosine)"),
            line={"color": BEZIER, "dash": "dash", "width": 2},
            marker={"symbol": "square", "size": 5},
            hovertemplate=tr("layer %{x}: cosine %{y:.2f}") + "<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=x, y=share, mode="lines+markers", name=tr("share of correct tokens"),
        line={"color": RIGHT, "width": 3}, marker={"size": 6},
        hovertemplate=tr("layer %{x}: %{y:.0%} correct") + "<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=found.p.astype(np.float32).mean(1), mode="lines", name=tr("mean p(target)"),
        line={"color": STRAIGHT, "dash": "dot", "width": 2},
        hovertemplate=tr("layer %{x}: mean p %{y:.2f}") + "<extra></extra>",
    )  # fmt: skip
    title = tr("How equal inputs become different tokens")
    layout(figure, title, tr("layer (0: the input)"), tr("share, or cosine"), height=380)
    figure.update_yaxes(range=[float(np.nanmin(low, initial=0.0)) - 0.03, 1.04])
    half = np.flatnonzero(share >= 0.5)
    when = (
        tr("half are correct after layer {layer}", layer=half[0])
        if len(half)
        else tr("never half of them")
    )
    alt = tr(
        "Share of correct tokens by layer: {share} after the last, {when}.",
        share=f"{share[-1]:.0%}",
        when=when,
    )
    if there:
        alt += " " + tr(
            "Mean cosine between positions: {first} at the input, lowest {least} after layer "
            "{layer}, {last} after the last.",
            first=f"{mean[0]:.2f}",
            least=f"{mean.min():.2f}",
            layer=int(mean.argmin()),
            last=f"{mean[-1]:.2f}",
        )
    return Chart("inside-by-layer", figure, alt, tables.layers(found))


def attention_by_layer(found: Inside, head: int | None) -> Chart:
    """Draw where attention goes, layer by layer: mean over positions, with standard deviation."""
    by_source = reading.shares(found, head)
    x = np.arange(1, len(by_source) + 1)
    figure, table = go.Figure(), pd.DataFrame({"layer": x})
    for k, source in enumerate(reading.SOURCES):
        values = by_source[..., k]
        if source == "before e" and "token" not in found.header.roles:
            continue
        mean, sd = values.mean(1), values.std(1)
        name = tr(named.SOURCE_NAMES[source])
        table[name], table[tr("{column}, standard deviation", column=name)] = mean, sd
        figure.add_scatter(
            x=x, y=mean, mode="lines+markers", name=name,
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            marker={"symbol": SYMBOLS[k], "size": 6},
            error_y={"type": "data", "array": sd, "thickness": 1, "width": 2},
            hovertemplate=tr("layer %{{x}}: %{{y:.0%}} {where}", where=name) + "<extra></extra>",
        )  # fmt: skip
    plain = found.plain.mean(1) if head is None else found.plain[:, head]
    table[tr("ordinary text, to its first position")] = plain
    figure.add_scatter(
        x=x,
        y=plain,
        mode="lines",
        name=tr("for comparison: ordinary text, to its first position"),
        line={"color": STRAIGHT, "dash": "dot", "width": 2},
        hovertemplate=tr("layer %{x}: %{y:.0%} when the text is read as tokens")
        + "<extra></extra>",
    )
    which = tr("all heads") if head is None else tr("head {number}", number=head + 1)
    title = tr("Where attention goes ({heads})", heads=which)
    layout(figure, title, tr("layer"), tr("share of attention"), height=400)
    figure.update_yaxes(range=[0, 1.04], tickformat=".0%")
    to_e = by_source[..., reading.SOURCES.index("e")].mean(1)
    alt = tr(
        "Share of attention by layer, {heads}. To e {mean} on average, most in layer {layer} "
        "({most}); ordinary text gives its first position {plain}.",
        heads=which,
        mean=f"{to_e.mean():.0%}",
        layer=int(to_e.argmax()) + 1,
        most=f"{to_e.max():.0%}",
        plain=f"{plain.mean():.0%}",
    )
    return Chart("inside-attention", figure, alt, table)


def heads(found: Inside) -> Chart:
    """Draw how much each head of each layer attends to e, on average over positions."""
    by_head = [reading.shares(found, h)[..., 1].mean(1) for h in range(found.header.heads)]
    share = np.stack(by_head, 1)
    layers, count = share.shape
    figure = go.Figure(
        go.Heatmap(
            x=np.arange(1, count + 1), y=np.arange(1, layers + 1), z=share, zmin=0, zmax=1,
            colorscale="Cividis",
            colorbar={"title": tr("to e"), "thickness": 10, "tickformat": ".0%"},
            hovertemplate=tr("layer %{y}, head %{x}: %{z:.0%} to e") + "<extra></extra>",
        )
    )  # fmt: skip
    layout(figure, tr("Which heads attend to e"), tr("head"), tr("layer"), height=400)
    top = np.unravel_index(share.argmax(), share.shape)
    alt = tr(
        "Share of attention to e of each head ({heads} in each of {layers} layers), most in head "
        "{head} of layer {layer}: {share}.",
        heads=count,
        layers=layers,
        head=top[1] + 1,
        layer=top[0] + 1,
        share=f"{share.max():.0%}",
    )
    return Chart("inside-heads", figure, alt, tables.attention(found))


def attention_map(found: Inside, layer: int, head: int | None) -> Chart:
    """Draw from where to where attention goes in one layer (from 0), in one head or on average."""
    header, weights = found.header, found.attention[layer].astype(np.float32)
    square = weights.mean(0) if head is None else weights[head]
    names = named.position_names(found)
    places = np.arange(len(names))
    hover = [
        [tr("{reader} reads {read}", reader=names[i], read=names[j]) for j in places]
        for i in places
    ]
    figure = go.Figure(
        go.Heatmap(
            x=places, y=places, z=np.where(np.tri(len(places), dtype=bool), square, np.nan),
            zmin=0, zmax=1, colorscale="Cividis", customdata=hover,
            colorbar={"title": tr("share"), "thickness": 10, "tickformat": ".0%"},
            hovertemplate="%{customdata}: %{z:.1%}<extra></extra>",
        )
    )  # fmt: skip
    which = tr("mean of all heads") if head is None else tr("head {number}", number=head + 1)
    title = tr("Which position reads which: layer {layer}, {heads}", layer=layer + 1, heads=which)
    layout(figure, title, tr("read position"), tr("reading position"), height=560)
    ticks = {"tickvals": places, "ticktext": names, "tickfont": {"size": 9}, "showgrid": False}
    figure.update_xaxes(**ticks, tickangle=-60)
    figure.update_yaxes(**ticks, autorange="reversed")
    table = pd.DataFrame(square, columns=[f"{k} {name}" for k, name in enumerate(names)])
    table.insert(0, "reads", names)
    alt = tr(
        "Map of the attention between {positions} positions in layer {layer} of {layers}, {heads}.",
        positions=len(names), layer=layer + 1, layers=header.layers, heads=which,
    )  # fmt: skip
    if len(names) > 1:
        alt += " " + tr(
            "The first position gets {share} of the attention of later ones.",
            share=f"{square[1:, :1].mean():.0%}",
        )
    figure.update_layout(dragmode=False)
    return Chart(f"inside-map-{layer + 1}", figure, alt, table, wide=True)


def cuts(found: Inside) -> Chart:
    """Draw accuracy when no position can see another one with e, at some layers."""
    title = tr("What is left when attention to e is cut")
    return _accuracy(found, "cut", named.CUTS, title, tr("layer"), key="inside-cuts")


def scales(found: Inside) -> Chart:
    """Draw accuracy over a factor that e or m is multiplied by; 1 is the solution itself."""
    title, itself = tr("What is left when e or m is scaled"), float(found.right[-1].mean())
    chart = _accuracy(
        found, "scale", {"e": "e", "m": "m"}, title, tr("factor"),
        key="inside-scales", origin=(1.0, itself),
    )  # fmt: skip
    chart.figure.update_xaxes(**log_axis(sorted({*_at(found, "scale"), 1.0})))
    return chart


def noise(found: Inside) -> Chart:
    """Draw accuracy over the length of random noise, with the radius in the legend."""
    names = {
        what: tr(
            "{what}: below 0.99 at {share}",
            what=tr(name),
            share=reading.radius_in_words(found, what),
        )
        for what, name in named.MOVED.items()
    }
    x = tr("length of the noise, as a share of the norm of what it is added to")
    chart = _accuracy(
        found, "noise", names, tr("How much noise a solution withstands"), x, key="inside-noise"
    )
    chart.figure.add_hline(THRESHOLD, line={"color": STRAIGHT, "dash": "dot", "width": 1})
    at = reading.curve(found, "noise", "e").at.tolist()
    chart.figure.update_xaxes(type="log", tickvals=at, ticktext=[f"{length:.1%}" for length in at])
    return chart


def _accuracy(
    found: Inside,
    part: Part,
    names: dict[What, str] | dict[str, str],
    title: str,
    x: str,
    *,
    key: str,
    origin: tuple[float, float] | None = None,
) -> Chart:
    figure, said, parts = go.Figure(), [], []
    for k, (what, called) in enumerate(names.items()):
        name = tr(called)
        drawn = reading.curve(found, part, what)  # type: ignore[arg-type]
        if not len(drawn.at):
            continue
        at, mean = drawn.at, drawn.accuracy.mean(1)
        low, high = drawn.accuracy.min(1, initial=1), drawn.accuracy.max(1, initial=0)
        parts.append(
            pd.DataFrame({"what": name, x: at, "accuracy": mean, "least": low, "most": high})
        )
        if origin is not None:
            at, mean, low, high = _with(at, mean, low, high, origin)
        figure.add_scatter(
            x=at, y=mean, mode="lines+markers", name=name,
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            marker={"symbol": SYMBOLS[k], "size": 7},
            error_y={"type": "data", "symmetric": False, "array": high - mean,
                     "arrayminus": mean - low, "thickness": 1, "width": 3,
                     "visible": bool((high > low).any())},
            hovertemplate=tr("{what}, {x} %{{x:.3g}}: %{{y:.0%}} correct",
                             what=for_plotly(name), x=x.partition(",")[0]) + "<extra></extra>",
        )  # fmt: skip
        low_mean, high_mean = f"{mean.min(initial=1):.0%}", f"{mean.max(initial=0):.0%}"
        said.append(tr("{what}: {low} to {high}", what=name, low=low_mean, high=high_mean))
    layout(figure, title, x, tr("share of correct tokens"), height=360)
    figure.update_yaxes(range=[-0.03, 1.05], tickformat=".0%")
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Chart(key, figure, f"{title}. {'; '.join(said)}.", table)


def _with(
    at: NDArray[np.float64],
    mean: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    origin: tuple[float, float],
) -> Sequence[NDArray[np.float64]]:
    """Put the solution itself among the points of a curve."""
    place = int(np.searchsorted(at, origin[0]))
    values = [np.insert(column, place, origin[1]) for column in (mean, low, high)]
    return [np.insert(at, place, origin[0]), *values]


def _at(found: Inside, part: Part) -> list[float]:
    return [found.header.trials[k].at for k in found.trials(part)]
