"""Capacity (E3, E4, E10): the longest text that can be held, in one pass and token by token."""

from typing import Any

import pandas as pd

from explorer.base.formatting import counted
from explorer.experiments import ladders, paper
from explorer.experiments.definition import (
    EVENING,
    MINUTES,
    PAPER,
    Experiment,
    Finding,
    best_of,
    in_words,
    settings_of,
)
from explorer.experiments.runs import Cell, Run
from explorer.specs.experiments import LADDER, CapacitySettings
from explorer.specs.recipes import INDEPENDENT, THRESHOLD

SHORT = INDEPENDENT.model_copy(update={"name": "independent, 120 steps", "max_steps": 120})
LONG = INDEPENDENT.model_copy(update={"name": "independent, 1000 steps", "max_steps": 1000})
MORE = 1.5
"""How many times more H_LM counts as more, and how little as alike (F7)."""
WORDS = {
    "m free": "e and m of each text and restart",
    "m shared": "one m for all texts and restarts of a length, e of each",
    "one mem": "one memory vector",
    "two mem": "two memory vectors",
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
    return (
        f"Every text of this ladder failed at a shorter length: no restart reached token accuracy "
        f"{THRESHOLD}."
    )


def protocol(settings: CapacitySettings) -> str:
    """Say what was done."""
    some = "one text" if settings.texts == 1 else f"{settings.texts} texts"
    return (
        f"{some} of each source ({', '.join(in_words(s) for s in settings.sources)}), each longer "
        f"and longer, N = {', '.join(map(str, settings.ladder))}, until its token accuracy in "
        f"float32 is below {THRESHOLD} with "
        f"{best_of(settings.restarts)}; trained are "
        + ", or ".join(f"{WORDS[s]} ({s})" for s in settings.schemes)
        + "; memory vectors are trained with the true tokens and judged by greedy generation"
        + _first(settings)
    )


def _first(settings: CapacitySettings) -> str:
    """Say what stands first where memory vectors are trained, empty where none are."""
    first = {"mem": ", they stand first", "bos+mem": ", behind [BOS] or what stands in for it"}
    trained = set(settings.schemes) & set(ladders.MEMORIES)
    return first.get(settings.layout, "") if trained else ""


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
        "Capacity by source and scheme": ladders.summary(run),
        "Longest prefix of each text": ladders.prefixes(run),
        "One pass against token by token": ladders.pair_means(run),
        "One pass against token by token for each text": ladders.pairs(run),
        "Best over sources": ladders.best(run),
        "Accuracy over N": ladders.rungs(run),
        "Information of the texts": ladders.density(run),
        "Lengths left out": left_out(run),
    }


def findings(run: Run) -> list[Finding]:
    """Return what the run says of F4 to F7; ladders that still climb say nothing."""
    found = ladders.summary(run)
    whole = found[found["open"] == 0]
    return [
        _size(run),
        _sources(run, whole),
        _information(run, whole),
        _token_by_token(ladders.pair_means(run), ladders.doubt(run)),
    ]


def _size(run: Run) -> Finding:
    top = ladders.best(run)
    words = "".join(
        f" It holds {'at least ' if row['at_least'] else ''}{row['c_tokens']} tokens at best."
        for row in top[top["whose"] == "here"].to_dict("records")
    )
    return Finding("F4", None, f"This run is of one model, {ladders.model_name(run)}.{words}")


def _one_pass(whole: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the rows of m free, or of m shared where m was never free, by source."""
    parts = (whole[whole["scheme"] == scheme] for scheme in ladders.ONE_PASS)
    found = next((part for part in parts if len(part)), whole[:0])
    return {
        str(row["source"]): {str(k): v for k, v in row.items()} for row in found.to_dict("records")
    }


def _how_few(by: dict[str, dict[str, Any]]) -> str:
    few = min(row["texts"] for row in by.values())
    scheme = next(iter(by.values()))["scheme"]
    return f"{counted(few, 'text')} of each source, {scheme}"


def _sources(run: Run, whole: pd.DataFrame) -> Finding:
    by = _one_pass(whole)
    held = {source: int(row["c_tokens"]) for source, row in by.items()}
    natural = [tokens for source, tokens in held.items() if source != "random"]
    if "random" not in held or len(natural) < 2:
        return Finding("F5", None, "Needs random words and two other sources, climbed out.")
    ladder = [0, *settings_of(run, CapacitySettings).ladder]
    top, least, random = max(natural), min(natural), held["random"]
    equal = ladder.index(top) - ladder.index(least) <= 1
    shown: bool | None = equal and random < least
    if equal and top == ladder[-1] and (shown or least == top):
        shown = None  # what reached the end may hold more
    words = ", ".join(f"{in_words(source)} {tokens}" for source, tokens in held.items())
    ended = " The ladder ended before the longest failed." if shown is None else ""
    return Finding("F5", shown, f"C_tokens, best of {_how_few(by)}: {words}.{ended}")


def _information(run: Run, whole: pd.DataFrame) -> Finding:
    by = _one_pass(whole)
    carried = {
        str(row["source"]): float(row["nats_per_token"])
        for row in ladders.density(run).to_dict("records")
        if row["source"] in by
    }
    if len(carried) < 2:
        return Finding("F6", None, "Needs two sources whose ladders are climbed out.")
    order = sorted(carried, key=lambda source: carried[source])
    low, high = by[order[0]], by[order[-1]]
    less = bool(low["h_lm"] < high["h_lm"])
    bound = (low if less else high)["at_end"] > 0
    words = ", ".join(
        f"{in_words(source)} {by[source]['h_lm']:.0f} ± {by[source]['h_lm_sd']:.0f} nats held at "
        f"{carried[source]:.1f} nats a token"
        for source in order
    )
    ended = " The ladder ended before the one that decides failed." if bound else ""
    return Finding("F6", None if bound else less, f"{_how_few(by)}: {words}.{ended}")


def _token_by_token(means: pd.DataFrame, doubt: str | None) -> Finding:
    told = means[means["one_forward_at_end"] == 0].dropna() if len(means) else means
    random = told[told["source"] == "random"] if len(told) else told
    natural = told[told["source"] != "random"] if len(told) else told
    if random.empty or natural.empty:
        return Finding(
            "F7",
            None,
            "Needs random words and another source, in one pass (until a length fails) and token "
            "by token.",
        )
    more, alike = (
        [
            _more(ratio, bool(bound))
            for ratio, bound in zip(part["ratio"], part["autoregressive_at_end"], strict=True)
        ]
        for part in (natural, random)
    )
    parts = [*more, *(None if answer is None else not answer for answer in alike)]
    shown = False if False in parts else None if None in parts else True
    words = ", ".join(
        f"{in_words(row['source'])} {'at least ' if row['autoregressive_at_end'] else ''}"
        f"{row['ratio']:.1f} ({row['pair']})"
        for row in told.to_dict("records")
    )
    few = f"means over {told['texts'].min()} or more texts"
    figure = f"Times the H_LM of one pass, {few}: {words}."
    if doubt is not None:
        return Finding("F7", None, f"Not decided. {figure} {doubt}")
    return Finding("F7", shown, figure)


def _more(ratio: float, bound: bool) -> bool | None:
    """Return whether clearly more is held token by token; None if a lower bound cannot say."""
    if ratio >= MORE:
        return True
    return None if bound else False


EXPERIMENT = Experiment(
    name="capacity",
    title="Capacity",
    question=(
        "How long a text can two vectors hold? Texts grow along a ladder of lengths until one "
        "cannot be said any more, in one forward pass and token by token (Kuratov et al.). The "
        "sources are this project's own: Shakespeare is not the paper's PG-19, and the passages "
        "written for this project are not its fan fiction."
    ),
    checklist=("E3", "E4", "E10", "H5", "Q3"),
    settings=CapacitySettings,
    presets={
        MINUTES: {
            "sources": ("unseen",),
            "ladder": (4, 8),
            "texts": 2,
            "restarts": 1,
            "recipe": SHORT,
        },
        EVENING: {"ladder": LADDER[:9], "recipe": LONG},
        PAPER: paper.settings(
            "capacity",
            sources=("random", "pg19", "generated"),  # no unseen passage has 724 tokens
            texts=10,
            restarts=3,
        ),
    },
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
    skip=skip,
    notes=notes,
)
