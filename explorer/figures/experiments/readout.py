"""Read-out drawn: how near the generated texts come to context and continuation, by start."""

import plotly.graph_objects as go

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
            name=f"similarity to the {words}",
            mode="markers",
            offsetgroup=words,
            marker={"symbol": SYMBOLS[k], "size": 10, "color": RESTARTS[k]},
            error_y=spread(part["sd"]),
            hovertemplate="%{x}: %{y:.2f}<extra>" + words + "</extra>",
        )
    after = found[found["compared_with"] == readout.LIKE["similarity_to_continuation"]]
    proto = after[after["start"] != readout.CONTEXT]
    own = after[after["start"] == readout.CONTEXT]
    title = "How near what the model writes comes to context and continuation"
    if len(proto) and len(own):
        top = proto.sort_values("mean").iloc[-1]
        title = (
            f"Similarity to the second half: {own['mean'].iloc[0]:.2f} from the context, "
            f"at most {top['mean']:.2f} from proto-tokens"
        )
    layout(figure, title, "what the model is fed", "cosine of sentence embeddings", height=440)
    order = list(dict.fromkeys(found["fed"]))
    figure.update_layout(scattermode="group")
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    alt = "Mean similarity to the second half by start: " + "; ".join(
        f"{row['fed']} {row['mean']:.2f} ± {row['sd']:.2f}" for row in after.to_dict("records")
    )
    return [Chart("readout", figure, alt, found)]
