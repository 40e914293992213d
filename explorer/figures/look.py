"""What to look at in each chart, a line each: in one place, to be read and translated."""

from explorer.base.language import later, tr

LOOK_AT: dict[str, str] = {
    "accuracy": later(
        "Each line is one restart. Look at how soon it reaches the top: there it is exact."
    ),
    "loss": later("Each line is one restart. Look at which falls steadily and which stays flat."),
    "positions": later("Each row is a position. Look at the order in which the rows turn blue."),
    "position-accuracy": later("Look for short bars: positions that few restarts get right."),
    "compared-": later("Each line is one restart. Look at which needs fewer steps."),
    "path-accuracy": later(
        "Look at the middle: the straight line falls, and the curve should not."
    ),
    "path-loss": later(
        "Look at the height in the middle: the lower, the surer the model is of the text."
    ),
    "path-positions": later(
        "Each row is a position. Look at which rows turn orange first on the way."
    ),
    "path-convergence": later("Look at the step from which the lowest accuracy stays at the top."),
    "all-pairs": later(
        "Thin lines are pairs, thick ones means. Look at how far they fall halfway."
    ),
    "length-ratios": later(
        "Each mark is a pair. Look at how long the curves are that keep the text."
    ),
    "landscape-accuracy": later("Blue keeps the text. Look at the curve, which stays in the blue."),
    "landscape-loss": later(
        "Look at the valley that the curve follows, and the ridge on the line."
    ),
    "radius": later("Look at how far one can go before the accuracy falls."),
    "map-": later("Each mark is a solution. Look at whether marks of one color lie together."),
    "depth-": later("Each line compares solutions, layer by layer. Look at where the lines part."),
    "distances-": later("Look at whether the hill of the same text lies left of the others."),
    "texts-": later("Look at whether the marks rise to the right: far texts, far solutions."),
    "inside-lens": later("Each column is a position. Look at the layer from which it is blue."),
    "inside-by-layer": later("Look at the layer at which the share of correct tokens rises."),
    "inside-attention": later("Look at how much attention goes to e, and in which layers."),
    "inside-heads": later("Look for bright cells: heads that attend to e most of the time."),
    "inside-map-": later(
        "Look at the columns of e, then at which positions read the ones before them."
    ),
    "inside-cuts": later("Look at the layers where the line falls: there, e is needed."),
    "inside-noise": later("Look at how much noise it takes until the text breaks."),
    "inside-scales": later("Look at how far from 1 the factor can go until the text breaks."),
    "roles-probes": later("Look at which marks lie right of the dotted line, which is chance."),
    "roles-": later("Look at the layer from which a line leaves the dotted one, which is chance."),
    "roles-noise": later("Look at which line falls first: that vector withstands less noise."),
    "arrangements": later("Look at which line stays at the top as the texts get longer."),
    "arrangements-positions": later("Each row is an arrangement. Look at which positions fail."),
    "sharing": later("Look at how much accuracy is lost when more texts share a vector."),
    "capacity-": later(
        "Look at which texts are held longest, and at which marks are lower bounds."
    ),
    "capacity-ladders": later(
        "Each line is a text. Look at the length at which it falls below the dots."
    ),
    "capacity-one-pass-against-many": later(
        "Marks above the dashed line: token by token holds more."
    ),
    "capacity-best": later("Compare ours with the paper's."),
    "throughput": later("Look at how the gap between the two lines grows with the text."),
    "throughput-ratio": later("Look at how many times as fast one pass is, at each length."),
    "training-time-": later("Look at how the time grows as the texts get longer."),
    "training-time-exact": later(
        "Look at the share of texts that became exact: only their times count."
    ),
    "readout": later("Look at whether any mark comes near those of the context."),
    "paper-table1": later("Compare ours with the paper's, arrangement by arrangement."),
    "paper-table3-": later(
        "Filled marks are ours, hollow ones the paper's. Look at where both stand."
    ),
}
"""By a chart's key, or by its beginning; the longest that fits counts."""

OVER_TRAINING = later(
    "Look at whether the line rises or falls as the model's own training goes on."
)


def look_at(key: str) -> str:
    """Return what to look at in the chart of that key.

    Raises:
        KeyError: if nobody has written a line for it.
    """
    if key.endswith("-over-training"):
        return tr(OVER_TRAINING)
    begin = [start for start in LOOK_AT if start.endswith("-") and key.startswith(start)]
    return tr(LOOK_AT[key if key in LOOK_AT else max(begin, key=len, default=key)])
