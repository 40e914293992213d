"""Capacity (E3, E4, E10): the longest text that can be held, in one pass and token by token.

A ladder ends after `failures` lengths in a row at which a text fails, so that one stuck start does
not end it.

What counts (`rules.RULES`), text 1 of each source against text 1 of the others and so on, in one
pass with m free: F5, that natural texts get further up the ladder than random words (less than the
paper's step, `AHEAD`, speaks against it), and each natural source within one step of the others;
F6, that more nats are held of the source that carries most a token; F7, that token by token `MORE`
times as many nats are held, of random words as many: two memory vectors against m free. What a
shared m holds is one training of all texts and restarts, so its texts are not units of a test; it
is reported.
F4 takes several models, so no run decides it. A ladder that ended without a failure gives a bound,
which speaks in one direction only. A text that only one way holds speaks for that way as plainly as
a text can, one that neither holds says nothing.

Six texts of a source are the fewest that decide; F5 with three natural sources has seven parts and
takes eight to be refuted. How many decide at the spread seen stands in the verdict
(`verdicts.deciding`), and of how many starts one holds is `verdicts.restarts`.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from explorer.base.formatting import counted, plus_minus
from explorer.base.language import later, tr
from explorer.experiments import ladders, paper
from explorer.experiments.aggregate import deviation
from explorer.experiments.definition import Experiment, best_of, in_words, settings_of
from explorer.experiments.ladders import AT_END
from explorer.experiments.rules import AHEAD, MORE
from explorer.experiments.runs import Cell, Run
from explorer.experiments.verdicts import Finding, Part, judged, part
from explorer.specs.experiments import LADDER, CapacitySettings
from explorer.specs.recipes import INDEPENDENT, THRESHOLD

SHORT = INDEPENDENT.model_copy(update={"name": "independent, 120 steps", "max_steps": 120})
LONG = INDEPENDENT.model_copy(update={"name": "independent, 1000 steps", "max_steps": 1000})
WORDS = {
    "m free": later("e and m of each text and restart"),
    "m shared": later("one m for all texts and restarts of a length, e of each"),
    "one mem": later("one memory vector"),
    "two mem": later("two memory vectors"),
}


def cells(settings: CapacitySettings) -> list[Cell]:
    """Return one cell for each source, scheme and length; texts and restarts are its rows."""
    return [
        Cell(
            key=f"{source}-{scheme.replace(' ', '-')}-{n}",
            title=f"{in_words(source)}, {scheme}, N = {n}",
            at={"source": source, "scheme": scheme, "n": n},
        )
        for n in settings.ladder  # all ladders side by side: a part of the grid can be compared
        for scheme in settings.schemes
        for source in settings.sources
    ]


def skip(run: Run, cell: Cell) -> str | None:
    """Say why a length is left out: every text of its ladder failed at a shorter one."""
    if ladders.climbing(run, cell.at["source"], cell.at["scheme"], cell.at["n"]):
        return None
    row = settings_of(run, CapacitySettings).failures
    return (
        tr(
            "Every text of this ladder failed at {lengths} in a row: no restart reached token "
            "accuracy {threshold}.",
            lengths=counted(row, "shorter length"),
            threshold=THRESHOLD,
        )
        if row > 1
        else tr(
            "Every text of this ladder failed at a shorter length: no restart reached token "
            "accuracy {threshold}.",
            threshold=THRESHOLD,
        )
    )


def protocol(settings: CapacitySettings) -> str:
    """Say what was done."""
    told = {
        "texts": counted(settings.texts, "text"),
        "sources": ", ".join(in_words(source) for source in settings.sources),
        "lengths": ", ".join(map(str, settings.ladder)),
        "threshold": THRESHOLD,
        "best": best_of(settings.restarts),
    }
    row = settings.failures
    said = (
        tr(
            "{texts} of each source ({sources}), tried at N = {lengths} until token accuracy in "
            "float32 is below {threshold} with {best} at {row} lengths in a row",
            row=row,
            **told,
        )
        if row > 1
        else tr(
            "{texts} of each source ({sources}), tried at N = {lengths} until token accuracy in "
            "float32 is below {threshold} with {best}",
            **told,
        )
    )
    trained = ", ".join(f"{tr(WORDS[scheme])} ({scheme})" for scheme in settings.schemes)
    return "; ".join([said, tr("trained: {vectors}", vectors=trained), *_memories(settings)])


def _memories(settings: CapacitySettings) -> Iterator[str]:
    """Say how memory vectors are trained, and what stands first; nothing where none are."""
    if set(settings.schemes) & set(ladders.MEMORIES):
        yield tr("memory vectors are trained with the true tokens and judged by greedy generation")
        if settings.layout == "mem":
            yield tr("they stand first")
        elif settings.layout == "bos+mem":
            yield tr("they stand after [BOS] or the token that replaces it")


def notes(run: Run) -> list[str]:
    """Return what a reader of the whole page has to know."""
    return [doubt] if (doubt := ladders.doubt(run)) else []


def left_out(run: Run) -> pd.DataFrame:
    """Return the lengths that were left out: source, scheme, n, why."""
    cells_left = [(c, skip(run, c)) for c in cells(settings_of(run, CapacitySettings))]
    return pd.DataFrame([{**c.at, "why": why} for c, why in cells_left if why is not None])


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        later("Capacity by source and scheme"): ladders.summary(run),
        later("Longest prefix of each text"): ladders.prefixes(run),
        later("One pass against token by token"): ladders.pair_means(run),
        later("One pass against token by token for each text"): ladders.pairs(run),
        later("Best over sources"): ladders.best(run),
        later("Accuracy over N"): ladders.rungs(run),
        later("Information of the texts"): ladders.density(run),
        later("Lengths left out"): left_out(run),
    }


def findings(run: Run) -> list[Finding]:
    """Return what the run says of F4 to F7; ladders that still climb say nothing."""
    whole = ladders.climbed(run)
    return [_size(run), _sources(run, whole), _information(run, whole), _token_by_token(run)]


def _size(run: Run) -> Finding:
    top = ladders.best(run)
    said = [tr("This run is of one model, {model}.", model=ladders.model_name(run))]
    for row in top[top["whose"] == "here"].to_dict("records"):
        tokens = counted(row["c_tokens"], "token")
        said.append(
            tr("At best it holds {tokens} or more.", tokens=tokens)
            if row["at_least"]
            else tr("At best it holds {tokens}.", tokens=tokens)
        )
    return Finding("F4", None, " ".join(said))


def _one_pass(whole: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return a value of m free: a row a text, by source."""
    found = whole[whole["scheme"] == "m free"]
    wide = found.pivot(index="text", columns="source", values=value)
    return wide[list(dict.fromkeys(found["source"]))]


def _bounded(whole: pd.DataFrame) -> list[str]:
    """Return the sources of which some text's ladder ended without a failure."""
    ended = _one_pass(whole, "ended")
    return [str(source) for source in ended if (ended[source] == AT_END).any()]


def _said(bounded: list[str]) -> str:
    names = ", ".join(map(in_words, bounded))
    said = tr("A longer ladder is needed, since not every text failed: {names}.", names=names)
    return f" {said}" if names else ""


def _sources(run: Run, whole: pd.DataFrame) -> Finding:
    tokens = _one_pass(whole, "c_tokens")
    natural = [source for source in tokens if source != "random"]
    if "random" not in tokens or len(natural) < 2:
        return Finding(
            "F5", None, tr("Needs random words and two other sources with m free, run to the end.")
        )
    ladder = [0, *settings_of(run, CapacitySettings).ladder]
    step, bounded = tokens.map(ladder.index), _bounded(whole)
    more = any(source in bounded for source in natural)
    above = step[natural].mean(axis=1) - step["random"]
    parts = [part(above, expected=AHEAD, at_least=more, at_most="random" in bounded)]
    for source in natural:
        apart = step[source] - step[natural].drop(columns=source).mean(axis=1)
        parts += [part(1 + sign * apart, at_least=more, at_most=more) for sign in (1, -1)]
    words = ", ".join(
        tr(
            "{source} {mean} (best {best})",
            source=in_words(str(source)),
            mean=f"{held.mean():.0f}",
            best=held.max(),
        )
        for source, held in tokens.items()
    )
    figure = tr("C_tokens, means over texts: {each}.", each=words)
    return judged("F5", parts, f"{figure}{_said(bounded)}")


def _information(run: Run, whole: pd.DataFrame) -> Finding:
    held, density = _one_pass(whole, "h_lm"), ladders.density(run)
    carried = density[density["source"].isin(held)].sort_values("nats_per_token")
    if len(carried) < 2:
        return Finding(
            "F6", None, tr("Needs two sources whose ladders with m free are run to the end.")
        )
    low, high = (str(carried["source"].iloc[end]) for end in (0, -1))
    bounded = [source for source in _bounded(whole) if source in (low, high)]
    words = "; ".join(
        tr(
            "{source}: {mean} nats held, of texts with {nats} nats per token",
            source=in_words(source),
            mean=plus_minus(held[source].mean(), deviation(held[source]), 0),
            nats=f"{nats:.1f}",
        )
        for source, nats in zip(carried["source"], carried["nats_per_token"], strict=True)
    )
    more = part(held[high] - held[low], at_least=high in bounded, at_most=low in bounded)
    return judged("F6", [more], f"{words[0].upper()}{words[1:]}.{_said(bounded)}")


def _token_by_token(run: Run) -> Finding:
    told = ladders.pairs(run)
    told = told[told["autoregressive"] + told["one_forward"] > 0]  # nothing is no share of nothing
    units = told[told["pair"] == ladders.pair_name("m free", "two mem")]
    parts: list[Part] = []
    for random in (False, True):
        rows = units[(units["source"] == "random") == random]
        if len(rows):
            parts += _times(rows, random=random)
    words = ", ".join(_times_said(rows) for _, rows in told.groupby(["pair", "source"], sort=False))
    figure = tr("Times the H_LM of one pass, means over texts: {each}.", each=words)
    if not {"random"} < set(units["source"]):
        needs = tr(
            "Needs random words and another source, with m free and with two memory vectors, until "
            "a length fails."
        )
        return Finding("F7", None, f"{figure} {needs}" if words else needs)
    return judged("F7", parts, figure)


def _bounds(rows: pd.DataFrame) -> tuple[bool, bool]:
    """Return whether the times are at least, and whether they are at most, what was measured."""
    sides = ("autoregressive_ended", "one_forward_ended")
    larger, smaller = (bool((rows[side] == AT_END).any()) for side in sides)
    return larger, smaller


def _times_said(rows: pd.DataFrame) -> str:
    """Say how many times more of a source is held token by token, by the means over texts."""
    larger, smaller = _bounds(rows)
    many, one = rows["autoregressive"].sum(), rows["one_forward"].sum()
    told = {"source": in_words(rows["source"].iloc[0]), "pair": rows["pair"].iloc[0]}
    if larger and smaller:
        return tr("{source} open ({pair})", **told)
    if not one:
        return tr("{source} only token by token ({pair})", **told)
    told["times"] = f"{many / one:.1f}"
    if larger:
        return tr("{source} at least {times} ({pair})", **told)
    if smaller:
        return tr("{source} at most {times} ({pair})", **told)
    return tr("{source} {times} ({pair})", **told)


def _times(rows: pd.DataFrame, *, random: bool) -> list[Part]:
    """Test how many times more is held token by token: of natural texts more, of random as much.

    A text speaks with how far one way is above `MORE` times the other, as a share of both: -1 to 1,
    as much either way, and all of it where only one of them holds anything.
    """
    many, one = (
        rows[side].to_numpy(dtype=np.float64) for side in ("autoregressive", "one_forward")
    )
    above = (many - MORE * one) / (many + MORE * one)
    below = (one - MORE * many) / (one + MORE * many)
    larger, smaller = _bounds(rows)
    if not random:
        return [part(above, at_least=larger, at_most=smaller)]
    return [
        part(-above, at_least=smaller, at_most=larger),
        part(-below, at_least=larger, at_most=smaller),
    ]


EXPERIMENT = Experiment(
    name="capacity",
    title=later("Capacity"),
    question=later(
        "How long a text can two vectors hold? Texts grow along a ladder of lengths until one can "
        "no longer be output, in one forward pass and token by token (Kuratov et al.). The sources "
        "are this project's own: Shakespeare is not the paper's PG-19, and the passages written "
        "for this project are not its fan fiction."
    ),
    checklist=("E3", "E4", "E10", "H5", "Q3"),
    settings=CapacitySettings,
    minutes={
        "sources": ("unseen",),
        "ladder": (4, 8),
        "texts": 2,
        "restarts": 1,
        "recipe": SHORT,
    },
    evening={"ladder": LADDER[:9], "failures": 2, "recipe": LONG},
    paper=paper.settings(
        "capacity",
        sources=("random", "pg19", "generated"),  # no unseen passage has 724 tokens
        texts=10,
        restarts=3,
    ),
    cells=cells,
    grid=("schemes", "sources"),
    protocol=protocol,
    tables=tables,
    findings=findings,
    skip=skip,
    notes=notes,
)
