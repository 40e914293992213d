"""Capacity drawn: the ladders, what they hold, one pass against token by token, the best."""

from collections.abc import Iterator

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.experiments import ladders
from explorer.experiments.definition import in_words, settings_of
from explorer.experiments.runs import Run
from explorer.figures.chart import ACROSS, Chart, broken, layout, log_axis, spread
from explorer.figures.palette import DASHES, RESTARTS, STRAIGHT, SYMBOLS
from explorer.figures.words import AT_LEAST, for_hover
from explorer.specs.experiments import CapacitySettings
from explorer.specs.recipes import THRESHOLD

GUIDES = ((1, "y = x", "solid"), (2, "y = x/2", "dash"), (5, "y = x/5", "dot"))
"""What the token-by-token side is divided by, and how that line is named and drawn."""


def charts(run: Run) -> list[Chart]:
    """Return the charts of a run, the main one first."""
    found = ladders.summary(run)
    return [
        _held(run, found, "c_tokens"),
        _climbed(run),
        _held(run, found, "h_lm"),
        *_one_pass_against_many(run),
        *_best(run),
    ]


def _climbed(run: Run) -> Chart:
    """Draw accuracy over N, a panel for each scheme, a line for each text."""
    rungs = ladders.rungs(run)
    schemes = list(dict.fromkeys(rungs["scheme"]))
    wide = 1 if len(schemes) == 1 else 2
    figure = make_subplots(
        rows=-(-len(schemes) // wide),
        cols=wide,
        subplot_titles=schemes,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.16,
    )
    named: set[str] = set()
    for place, scheme in enumerate(schemes):
        at = {"row": place // wide + 1, "col": place % wide + 1}
        for k, source in enumerate(settings_of(run, CapacitySettings).sources):
            part = rungs[(rungs["scheme"] == scheme) & (rungs["source"] == source)]
            for text, line in part.groupby("text"):
                figure.add_scatter(
                    x=line["n"],
                    y=line["accuracy"],
                    mode="lines+markers",
                    name=in_words(source),
                    legendgroup=source,
                    showlegend=source not in named,
                    line={"color": RESTARTS[k], "dash": DASHES[k % len(DASHES)], "width": 1.5},
                    marker={"symbol": SYMBOLS[k], "size": 7},
                    hovertemplate=tr(
                        "{source}, text {number}, N = %{{x}}: %{{y:.3f}}",
                        source=in_words(source),
                        number=int(str(text)) + 1,
                    )
                    + f"<extra>{scheme}</extra>",
                    **at,
                )
                named.add(source)
        figure.add_hline(y=THRESHOLD, line={"color": STRAIGHT, "dash": "dot", "width": 1}, **at)
    title = tr(
        "How long each text can be before its accuracy falls below {threshold} (dotted)",
        threshold=THRESHOLD,
    )
    layout(figure, title, "", "", height=340 * (-(-len(schemes) // wide)))
    figure.update_layout(margin={"t": 62})
    lengths = log_axis(sorted(set(rungs["n"])))
    figure.update_xaxes(lengths, title=tr("N, target tokens"), matches="x")
    figure.update_yaxes(range=[-0.03, 1.08])
    figure.update_yaxes(title=tr("token accuracy"), col=1)
    over = rungs[rungs["accuracy"] >= THRESHOLD]
    longest = over.groupby("scheme", sort=False)["n"].max().to_dict()
    alt = tr(
        "Token accuracy over N, the best restart of each text; longest length held: {lengths}",
        lengths="; ".join(f"{scheme} {longest.get(scheme, '–')}" for scheme in schemes),
    )
    return Chart("capacity-ladders", figure, alt, rungs)


def _held(run: Run, found: pd.DataFrame, value: str) -> Chart:
    """Draw what is held by source and scheme: a large dot over small ones, one for each text."""
    each = ladders.prefixes(run)
    sources = list(dict.fromkeys(found["source"]))
    schemes = list(dict.fromkeys(found["scheme"]))
    figure = go.Figure()
    for k, scheme in enumerate(schemes):
        shift = 0.16 * (k - (len(schemes) - 1) / 2)
        part, texts = (table[table["scheme"] == scheme] for table in (found, each))
        figure.add_scatter(
            x=[sources.index(s) + shift + 0.04 for s in texts["source"]],
            y=texts[value],
            mode="markers",
            showlegend=False,
            legendgroup=scheme,
            marker={"symbol": f"{SYMBOLS[k]}-open", "size": 6, "color": RESTARTS[k]},
            hovertemplate=tr("one text, {scheme}: %{{y:.4g}}", scheme=scheme) + "<extra></extra>",
        )
        figure.add_scatter(
            x=[sources.index(s) + shift for s in part["source"]],
            y=part[value],
            mode="markers+text",
            name=scheme,
            legendgroup=scheme,
            text=[AT_LEAST if n else "" for n in part["at_end"] + part["open"]],
            textposition="middle left",
            cliponaxis=False,
            marker={"symbol": SYMBOLS[k], "size": 12, "color": RESTARTS[k]},
            error_y=spread(part["h_lm_sd"]) if value == "h_lm" else None,
            hovertemplate=f"{scheme}: %{{y:.4g}}<extra></extra>",
        )
    top = max(found.to_dict("records"), key=lambda row: float(row[value]))
    most = {
        "source": in_words(top["source"]),
        "scheme": top["scheme"],
        "most": f"{AT_LEAST + ' ' if top['at_end'] + top['open'] else ''}{top[value]:.0f}",
        "texts": counted(int(found["texts"].max()), "text"),
    }
    if value == "c_tokens":
        unit = tr("C_tokens, best of the texts")
        title = tr("The most: {most} tokens ({source}, {scheme}; {texts} of each source)", **most)
    else:
        unit = tr("H_LM, nats, mean ± sd over texts")
        title = tr(
            "The most: {most} nats on average ({source}, {scheme}; {texts} of each source)", **most
        )
    layout(
        figure,
        title,
        tr("source of the texts; {mark}: no length failed for at least one of them", mark=AT_LEAST),
        unit,
        height=420,
    )
    figure.update_xaxes(
        tickvals=list(range(len(sources))),
        ticktext=[for_hover(in_words(s)) for s in sources],
        range=[-0.6, len(sources) - 0.4],
    )
    figure.update_yaxes(rangemode="tozero")
    alt = f"{unit}: " + "; ".join(
        f"{in_words(row['source'])}, {row['scheme']} {row[value]:.0f}"
        for row in found.to_dict("records")
    )
    return Chart(f"capacity-{value.replace('_', '-')}", figure, alt, found)


def _one_pass_against_many(run: Run) -> Iterator[Chart]:
    """Draw H_LM in one pass over H_LM token by token (E4), a panel for each pair of schemes."""
    each, means = ladders.pairs(run), ladders.pair_means(run)
    if means.empty:
        return
    names = list(dict.fromkeys(means["pair"]))
    at_first = means["pair"].str.contains(ladders.FIRST_IN_LINE) & (ladders.doubt(run) is not None)
    doubted = set(means["pair"][at_first])
    sources = list(dict.fromkeys(means["source"]))
    most = 1.05 * max(each["autoregressive"].max(), each["one_forward"].max(), 1.0)
    wide = ACROSS // len(names)
    figure = make_subplots(
        rows=1,
        cols=len(names),
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=[
            broken(
                tr("{pair} ([mem] t1 …: due to its layout)", pair=n) if n in doubted else n, wide
            )
            for n in names
        ],
    )
    named: set[str] = set()
    for col, name in enumerate(names, 1):
        for by, words, dash in GUIDES:
            figure.add_scatter(
                x=[0, most], y=[0, most / by], mode="lines", name=words, hoverinfo="skip",
                legendgroup=words, showlegend=col == 1,
                line={"color": STRAIGHT, "dash": dash, "width": 1}, row=1, col=col,
            )  # fmt: skip
        for k, source in enumerate(sources):
            for table, small in ((each, True), (means, False)):
                part = table[(table["pair"] == name) & (table["source"] == source)]
                figure.add_scatter(
                    x=part["autoregressive"], y=part["one_forward"],
                    mode="markers" if small else "markers+text", textposition="middle right",
                    text=None if small else
                    [AT_LEAST if ended else "" for ended in part["autoregressive_at_end"]],
                    name=in_words(source), legendgroup=source,
                    showlegend=not small and len(part) > 0 and source not in named,
                    marker={"symbol": SYMBOLS[k] + ("-open" if small else ""),
                            "size": 6 if small else 14, "color": RESTARTS[k]},
                    hovertemplate=tr(
                        "{source}, {which}: %{{x:.1f}} token by token, %{{y:.1f}} in one pass",
                        source=in_words(source),
                        which=tr("one text") if small else tr("mean"),
                    )
                    + "<extra></extra>",
                    row=1, col=col,
                )  # fmt: skip
            if len(part):
                named.add(source)
    told = means[(means["one_forward_at_end"] == 0) & ~at_first].dropna(subset=["ratio"])
    title = tr("How much more is held token by token is open: no length failed in one pass")
    if len(told):
        order = told.sort_values("ratio").to_dict("records")
        ends = [
            f"{AT_LEAST + ' ' if end['autoregressive_at_end'] else ''}{end['ratio']:.1f}"
            for end in (order[0], order[-1])
        ]
        title = (
            tr("Token by token, {ratio} times the information of one pass is held", ratio=ends[0])
            if len(told) == 1
            else tr(
                "Token by token, {low} to {high} times the information of one pass is held",
                low=ends[0],
                high=ends[1],
            )
        )
    layout(figure, title, "", "", height=500)
    figure.update_layout(margin={"t": 90})
    figure.update_annotations(font_size=13)
    x = tr("H_LM token by token, nats ({mark}: no length failed)", mark=AT_LEAST)
    figure.update_xaxes(title=broken(x, wide), range=[0, most])
    figure.update_yaxes(range=[0, most])
    figure.update_yaxes(title=tr("H_LM in one pass, nats"), col=1)
    each_mean = "; ".join(
        f"{in_words(row['source'])}, {row['pair']}: {row['autoregressive']:.0f} / "
        f"{row['one_forward']:.0f}"
        + (
            " " + tr("(a ladder ended without a failure)")
            if row["autoregressive_at_end"] or row["one_forward_at_end"]
            else ""
        )
        for row in means.to_dict("records")
    )
    alt = tr("Mean H_LM token by token / in one pass, nats: {means}", means=each_mean)
    yield Chart("capacity-one-pass-against-many", figure, alt, each)


def _best(run: Run) -> Iterator[Chart]:
    """Draw the best over sources by model: the paper's hollow, ours filled (E10)."""
    found = ladders.best(run)
    ours = found[found["whose"] == "here"]
    if ours.empty:
        return
    figure = go.Figure()
    for whose, symbol in (("published", "circle-open"), ("here", "circle")):
        part = found[found["whose"] == whose]
        figure.add_scatter(
            x=[for_hover(model) for model in part["model"]],
            y=part["c_tokens"],
            name=tr(whose),
            mode="markers+text",
            text=[AT_LEAST if more else "" for more in part["at_least"]],
            textposition="top center",
            cliponaxis=False,
            marker={"symbol": symbol, "size": 12, "color": RESTARTS[0]},
            hovertemplate=tr("%{x}: %{y} tokens") + f"<extra>{tr(whose)}</extra>",
        )
    mine = ours.iloc[0]
    layout(
        figure,
        tr(
            "{model} holds up to {most} tokens ({source}, m free)",
            model=mine["model"],
            most=f"{AT_LEAST + ' ' if mine['at_least'] else ''}{mine['c_tokens']}",
            source=mine["source"],
        ),
        tr("model"),
        tr("tokens, best over sources"),
        height=380,
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(rangemode="tozero")
    each = "; ".join(
        f"{row['model']} {row['c_tokens']} ({tr(row['whose'])})" for row in found.to_dict("records")
    )
    alt = tr("Best capacity over sources, tokens: {each}", each=each)
    yield Chart("capacity-best", figure, alt, found)
