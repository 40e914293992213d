"""Charts of a look inside a pass: the lens, attention, and what is left when something is changed.

Nothing is told by colour alone: cells say their token, right ones in bold; lines differ in dashes
and symbols.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.figures.chart import Chart, layout, log_axis
from explorer.figures.palette import BEZIER, DASHES, RESTARTS, RIGHT, STRAIGHT
from explorer.figures.words import for_plotly
from explorer.inside import reading, tables
from explorer.inside.header import Part, What
from explorer.inside.result import TOP, Inside
from explorer.specs.recipes import THRESHOLD

SYMBOLS = ("circle", "square", "diamond", "triangle-up")
CELL = 5
"""Characters of a token that a cell shows."""
FAINT_TO_RIGHT = (
    (0.0, "rgba(213,94,0,0.10)"), (0.5, "rgba(156,154,151,0.30)"), (1.0, "rgba(11,132,198,0.45)"),
)  # fmt: skip
"""The scale of p(target), its wrong end so faint that the tokens of a thousand cells are read."""
CUTS: dict[What, str] = {
    "one": "at this layer alone",
    "until": "up to this layer",
    "from": "from this layer on",
}
MOVED: dict[What, str] = {"e": "e alone", "m": "m alone", "both": "both"}
SOURCE_NAMES = {"before e": "to what stands before e", "e": "to e", "earlier m": "to earlier m",
                "itself": "to itself"}  # fmt: skip


def shown(piece: str) -> str:
    """Return a token as a label of Plotly shows it, its blanks and line ends visible."""
    return for_plotly(piece.replace("\n", "↵").replace("\t", "⇥")) or "∅"


def labels(found: Inside) -> list[str]:
    """Return what each target token says, N of them."""
    return [shown(found.header.pieces.get(i, "�")) for i in found.header.text.target_ids]


def layer_names(found: Inside) -> list[str]:
    """Return what the S states are called."""
    return ["input", *(str(k) for k in range(1, found.header.layers + 1))]


def lens(found: Inside) -> Chart:
    """Draw what every layer's hidden state would say at every position, shaded by p(target)."""
    header, (S, N) = found.header, found.predicted.shape
    pieces, targets = header.pieces, labels(found)
    text, hover = np.empty((S, N), object), np.empty((S, N), object)
    for s in range(S):
        for n in range(N):
            piece = pieces.get(int(found.predicted[s, n]), "�").strip(" ") or "·"
            cell = shown(piece[:CELL])
            text[s, n] = f"<b>{cell}</b>" if found.right[s, n] else cell
            five = (
                f"{found.top_p[s, n, k]:.2f} {shown(pieces.get(int(found.top_ids[s, n, k]), '�'))}"
                for k in range(TOP)
            )
            hover[s, n] = (
                f"{layer_names(found)[s]}, position {n + 1}, target {targets[n]}: "
                f"p {found.p[s, n]:.3f}, rank {found.rank[s, n]}<br>{'<br>'.join(five)}"
            )
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
        (first, "right for the first time", "triangle-right-open", -0.38),
        (stays, "right from here on", "diamond", 0.38),
    ):
        there = states < S
        figure.add_scatter(
            x=x[there] + beside, y=states[there] + 0.3, mode="markers", name=name,
            hoverinfo="skip", marker={"symbol": symbol, "size": 6, "color": BEZIER},
        )  # fmt: skip
    layout(
        figure,
        "What the model would say, layer by layer",
        "position in text",
        "layer",
        height=120 + 21 * S,
    )
    figure.update_xaxes(tickvals=x, ticktext=targets, tickangle=-60, side="top", showgrid=False)
    figure.update_yaxes(
        tickvals=y[:: max(1, S // 16)], ticktext=layer_names(found)[:: max(1, S // 16)],
        showgrid=False, zeroline=False,
    )  # fmt: skip
    figure.update_layout(margin={"t": 120}, legend={"y": -0.03})
    return Chart("inside-lens", figure, reading.sentence(found), tables.lens(found))


def by_layer(found: Inside) -> Chart:
    """Draw the share of right tokens by layer, beside how alike the positions' states are."""
    x, share = np.arange(found.header.layers + 1), found.right.mean(1)
    mean, low, high = found.similarity.T
    figure = go.Figure()
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself",
        mode="lines", line={"width": 0}, fillcolor="rgba(181,83,156,0.18)", hoverinfo="skip",
        name="least to most alike pair",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=mean, mode="lines+markers", name="similarity of two positions (cosine)",
        line={"color": BEZIER, "dash": "dash", "width": 2}, marker={"symbol": "square", "size": 5},
        hovertemplate="layer %{x}: cosine %{y:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=share, mode="lines+markers", name="share of right tokens",
        line={"color": RIGHT, "width": 3}, marker={"size": 6},
        hovertemplate="layer %{x}: %{y:.0%} right<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=found.p.astype(np.float32).mean(1), mode="lines", name="mean p(target)",
        line={"color": STRAIGHT, "dash": "dot", "width": 2},
        hovertemplate="layer %{x}: mean p %{y:.2f}<extra></extra>",
    )  # fmt: skip
    layout(figure, "How equal inputs become different tokens", "layer (0: the input)",
           "share, or cosine", height=380)  # fmt: skip
    figure.update_yaxes(range=[min(0.0, float(low.min())) - 0.03, 1.04])
    half = np.flatnonzero(share >= 0.5)
    when = f"half are right after layer {half[0]}" if len(half) else "never half are right"
    alt = (
        f"Share of right tokens by layer: {share[-1]:.0%} after the last, {when}. Mean cosine "
        f"between positions: {mean[0]:.2f} at the input, at least {mean.min():.2f} after layer "
        f"{int(mean.argmin())}, {mean[-1]:.2f} after the last."
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
        table[f"{SOURCE_NAMES[source]}"], table[f"{SOURCE_NAMES[source]}, sd"] = mean, sd
        figure.add_scatter(
            x=x, y=mean, mode="lines+markers", name=SOURCE_NAMES[source],
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            marker={"symbol": SYMBOLS[k], "size": 6},
            error_y={"type": "data", "array": sd, "thickness": 1, "width": 2},
            hovertemplate=f"layer %{{x}}: %{{y:.0%}} {SOURCE_NAMES[source]}<extra></extra>",
        )  # fmt: skip
    plain = found.plain.mean(1) if head is None else found.plain[:, head]
    table["ordinary text, to its first position"] = plain
    figure.add_scatter(
        x=x, y=plain, mode="lines", name="for comparison: ordinary text, to its first position",
        line={"color": STRAIGHT, "dash": "dot", "width": 2},
        hovertemplate="layer %{x}: %{y:.0%} when the text is read as tokens<extra></extra>",
    )  # fmt: skip
    which = "all heads" if head is None else f"head {head + 1}"
    layout(figure, f"Where positions look ({which})", "layer", "share of attention", height=400)
    figure.update_yaxes(range=[0, 1.04], tickformat=".0%")
    to_e = by_source[..., reading.SOURCES.index("e")].mean(1)
    alt = (
        f"Share of attention by layer, {which}. To e {to_e.mean():.0%} on average, most in layer "
        f"{int(to_e.argmax()) + 1} ({to_e.max():.0%}); ordinary text gives its first position "
        f"{plain.mean():.0%}."
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
            colorscale="Cividis", colorbar={"title": "to e", "thickness": 10, "tickformat": ".0%"},
            hovertemplate="layer %{y}, head %{x}: %{z:.0%} to e<extra></extra>",
        )
    )  # fmt: skip
    layout(figure, "Which heads look at e", "head", "layer", height=400)
    top = np.unravel_index(share.argmax(), share.shape)
    alt = (
        f"Share of attention to e of {count} heads in {layers} layers, most in head "
        f"{top[1] + 1} of layer {top[0] + 1}: {share.max():.0%}."
    )
    return Chart("inside-heads", figure, alt, tables.attention(found))


def attention_map(found: Inside, layer: int, head: int | None) -> Chart:
    """Draw from where to where attention goes in one layer (from 0), in one head or on average."""
    header, weights = found.header, found.attention[layer].astype(np.float32)
    square = weights.mean(0) if head is None else weights[head]
    names = position_names(found)
    places = np.arange(len(names))
    hover = [[f"{names[i]} reads {names[j]}" for j in places] for i in places]
    figure = go.Figure(
        go.Heatmap(
            x=places, y=places, z=np.where(np.tri(len(places), dtype=bool), square, np.nan),
            zmin=0, zmax=1, colorscale="Cividis", customdata=hover,
            colorbar={"title": "share", "thickness": 10, "tickformat": ".0%"},
            hovertemplate="%{customdata}: %{z:.1%}<extra></extra>",
        )
    )  # fmt: skip
    which = "mean of all heads" if head is None else f"head {head + 1}"
    layout(figure, f"Who reads whom in layer {layer + 1}, {which}", "read position",
           "reading position", height=560)  # fmt: skip
    ticks = {"tickvals": places, "ticktext": names, "tickfont": {"size": 9}, "showgrid": False}
    figure.update_xaxes(**ticks, tickangle=-60)
    figure.update_yaxes(**ticks, autorange="reversed")
    table = pd.DataFrame(square, columns=[f"{k} {name}" for k, name in enumerate(names)])
    table.insert(0, "reads", names)
    alt = (
        f"Map of the attention between {len(names)} positions in layer {layer + 1} of "
        f"{header.layers}, {which}. The first position gets {square[1:, :1].mean():.0%} of the "
        "attention of later ones."
    )
    return Chart(f"inside-map-{layer + 1}", figure, alt, table)


def position_names(found: Inside) -> list[str]:
    """Return what each input position holds, with the token that is read there."""
    header, said = found.header, labels(found)
    names = []
    for place, role in enumerate(header.roles):
        at = place - header.first
        names.append(f"{role} → {said[at]}" if 0 <= at < len(said) else role)
    return names


def cuts(found: Inside) -> Chart:
    """Draw accuracy when m's positions cannot see e at some layers."""
    return _accuracy(
        found, "cut", CUTS, "What is left when attention to e is cut", "layer", key="inside-cuts"
    )


def scales(found: Inside) -> Chart:
    """Draw accuracy over a factor that e or m is multiplied by; 1 is the solution itself."""
    chart = _accuracy(
        found, "scale", {"e": "e", "m": "m"}, "What is left when e or m is scaled",
        "factor", key="inside-scales", origin=(1.0, float(found.right[-1].mean())),
    )  # fmt: skip
    chart.figure.update_xaxes(**log_axis(sorted({*_at(found, "scale"), 1.0})))
    return chart


def noise(found: Inside) -> Chart:
    """Draw accuracy over the length of random noise, with the radius in the legend."""
    names = {
        what: f"{name}: below 0.99 at {reading.radius_in_words(found, what)}"
        for what, name in MOVED.items()
    }
    chart = _accuracy(
        found, "noise", names, "How much noise a solution bears",
        "length of the noise, as a share of the norm of what it is added to", key="inside-noise",
    )  # fmt: skip
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
    for k, (what, name) in enumerate(names.items()):
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
            hovertemplate=f"{for_plotly(name)}, {x.partition(',')[0]} %{{x:.3g}}: %{{y:.0%}} "
            "right<extra></extra>",
        )  # fmt: skip
        said.append(f"{name}: {mean.min(initial=1):.0%} to {mean.max(initial=0):.0%}")
    layout(figure, title, x, "share of right tokens", height=360)
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
