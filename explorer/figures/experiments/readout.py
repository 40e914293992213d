"""Read-out drawn: how near the generated texts come to context and continuation, by start."""

import plotly.graph_objects as go

from explorer.base.formatting import plus_minus
from explorer.base.language import tr
from explorer.experiments import readout
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout, spread
from explorer.figures.palette import RESTARTS, SYMBOLS


def charts(run: Run) -> list[Chart]:
    """Return the charts of a run."""
    found = readout.summary(run)
    figure = go.Figure()
    for k, words in enumerate(readout.LIKE.values()):
        part = found[found["compared_with"] == words]
        figure.add_scatter(
            x=part["fed"],
            y=part["mean"],
            name=tr("similarity to: {text}", text=tr(words)),
            mode="markers",
            offsetgroup=words,
            marker={"symbol": SYMBOLS[k], "size": 10, "color": RESTARTS[k]},
            error_y=spread(part["sd"]),
            hovertemplate="%{x}: %{y:.2f}<extra>" + tr(words) + "</extra>",
        )
    after = found[found["compared_with"] == readout.LIKE["similarity_to_continuation"]]
    proto = after[after["start"] != readout.CONTEXT]
    own = after[after["start"] == readout.CONTEXT]
    title = tr("How similar what the model writes is to context and continuation")
    if len(proto) and len(own):
        top = proto.sort_values("mean").iloc[-1]
        title = tr(
            "Similarity to the second half: {context} from the context, at most {most} from "
            "proto-tokens",
            context=f"{own['mean'].iloc[0]:.2f}",
            most=f"{top['mean']:.2f}",
        )
    y = tr("cosine similarity of sentence embeddings")
    layout(figure, title, tr("what the model is fed"), y, height=440)
    order = list(dict.fromkeys(found["fed"]))
    figure.update_layout(scattermode="group")
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    starts = "; ".join(
        f"{row['fed']} {plus_minus(row['mean'], row['sd'])}" for row in after.to_dict("records")
    )
    alt = tr("Mean similarity to the second half, by what the model is fed: {each}", each=starts)
    return [Chart("readout", figure, alt, found)]
