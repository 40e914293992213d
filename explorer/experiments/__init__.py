"""The paper's experiments: what each asks, its grid of cells, and what its numbers add up to.

In: settings and measured cells. Out: runs on the disk, aggregates, findings beside the paper's.
Must not know: how a cell is measured (`explorer.tasks.experiments`), or how its numbers are drawn
(`explorer.figures.experiments`). Free of torch.

Many modules: six experiments, what they have in common, how their findings are judged, and what a
run over checkpoints or over machines needs besides.
"""
