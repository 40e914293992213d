"""What climbed ladders add up to: capacity by source and scheme, pairs of schemes, the best (E3).

A rung is one length of one ladder; a ladder belongs to a source, a scheme and a text. A rung holds
when the best restart reaches token accuracy 0.99 (Q3). Free of torch.
"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from explorer.assets import first_position
from explorer.base.language import later, tr
from explorer.experiments import aggregate, paper
from explorer.experiments.aggregate import deviation, share_of_starts
from explorer.experiments.definition import in_words, settings_of
from explorer.experiments.runs import Run
from explorer.experiments.verdicts import restarts
from explorer.specs.experiments import CapacitySettings
from explorer.specs.recipes import THRESHOLD

FIRST_IN_LINE = "one mem"
"""The scheme whose only vector stands at the first position, where nothing stands before it."""
ONE_PASS = {"m free": False, "m shared": True}
"""Schemes of one forward pass, and whether m is shared."""
MEMORIES = {"one mem": 1, "two mem": 2}
"""Schemes of the autoregressive baseline, and their number of memory vectors."""
PAIRS = (("m shared", "one mem"), ("m free", "two mem"))
"""What is set side by side (E4): as many vectors for each text on both sides."""
FAILED = later("a length failed")
AT_END = later("the ladder ended")
OPEN = later("still climbing")
"""How a ladder ended."""
ENDS = {"failed": FAILED, "at_end": AT_END, "open": OPEN}
"""The same as columns that count."""
BY = ["source", "scheme"]


def climbing(run: Run, source: str, scheme: str, n: int) -> list[int]:
    """Return the texts that are tried at n.

    A text that failed at as many shorter lengths in a row as the settings say is not tried again.
    Where m is shared, it is shared by all texts at every length, so all of them go on until each
    fails at so many lengths in a row.
    """
    return [text for text, last in _last_rungs(run, source, scheme).items() if last >= n]


def _last_rungs(run: Run, source: str, scheme: str) -> dict[int, float]:
    """Return the length that ended each text's ladder; infinite where none has."""
    settings = settings_of(run, CapacitySettings)
    best: dict[int, dict[int, float]] = {}
    for done in run.done:
        if not done.rows or (done.rows[0]["source"], done.rows[0]["scheme"]) != (source, scheme):
            continue
        for row in done.rows:
            rung = best.setdefault(row["n"], {})
            rung[row["text"]] = max(rung.get(row["text"], 0.0), row["accuracy"])
    texts = range(settings.texts)
    if scheme == "m shared":
        together = {n: max(best[n].values(), default=0.0) for n in sorted(best)}
        return dict.fromkeys(texts, _last_rung(together, settings))
    return {k: _last_rung({n: best[n].get(k, 0.0) for n in sorted(best)}, settings) for k in texts}


def _last_rung(rungs: Mapping[int, float], settings: CapacitySettings) -> float:
    """Return the length at which so many in a row have failed, given the best accuracy at each."""
    row = 0
    for n, accuracy in rungs.items():
        row = 0 if accuracy >= THRESHOLD else row + 1
        if row == settings.failures:
            return n
    return math.inf


def doubt(run: Run) -> str | None:
    """Say why what one memory vector holds is a product of the layout; None where it is not.

    At the first position it has to output the first token. A model whose first position cannot
    output an arbitrary token fails there whatever the vector could hold.
    """
    settings = settings_of(run, CapacitySettings)
    tried = {row["scheme"] for cell in run.done for row in cell.rows}
    if settings.layout == "bos+mem" or FIRST_IN_LINE not in tried:
        return None
    found = first_position.find(run.header.fingerprint)
    if found is None:
        why = tr("This model was never tested for whether its first position can output any token.")
    elif found.can_say:
        return None
    else:
        why = found.sentence
    return tr(
        "“one mem” has the layout [mem] t1 …: the vector stands at the first position and has to "
        "output the first token. {why} What it holds here is an effect of that layout. To decide, "
        "run Capacity again with the layout bos+mem.",
        why=why,
    )


def layout(settings: CapacitySettings, scheme: str) -> str:
    """Return how a scheme is laid out: the arrangement of e and m, or what is before the text."""
    if scheme in ONE_PASS:
        return settings.arrangement
    return f"{'[BOS]' if settings.layout == 'bos+mem' else ''}[mem]×{MEMORIES[scheme]} t1 …"


def measured(run: Run) -> pd.DataFrame:
    """Return every row of a ladder, in the order of the settings, not of the measuring.

    Lengths that a text tried after its ladder had ended, on a device that did not know it yet, are
    left out: what a run says does not depend on how many devices measured it.
    """
    settings, table = settings_of(run, CapacitySettings), run.table
    place = {key: k for k, key in enumerate((*settings.sources, *settings.schemes))}
    last = {
        (source, scheme, text): n
        for source, scheme in table[BY].drop_duplicates().itertuples(index=False)
        for text, n in _last_rungs(run, source, scheme).items()
    }
    tried = table[[*BY, "text", "n"]].itertuples(index=False)
    return table[
        [n <= last[source, scheme, text] for source, scheme, text, n in tried]
    ].sort_values(
        [*BY, "n", "text", "restart"],
        key=lambda column: column.map(place) if column.name in BY else column,
        ignore_index=True,
    )


def rungs(run: Run) -> pd.DataFrame:
    """Return the best restart of every text and length: source, scheme, n, text, accuracy, h_lm."""
    groups = measured(run).groupby([*BY, "n", "text"], sort=False)
    return groups[["accuracy", "h_lm"]].max().reset_index()


def prefixes(run: Run) -> pd.DataFrame:
    """Return the longest prefix of every text that is held.

    Columns: source, scheme, text, c_tokens, h_lm (nats, of that prefix), gap (a shorter length
    failed), ended (how its ladder did: what ended without a failure is a lower bound).
    """
    table = measured(run)
    found = aggregate.longest_prefixes(table, BY)
    ladder = settings_of(run, CapacitySettings).ladder
    next_of = {
        key: next((n for n in ladder if n not in set(part["n"])), None)
        for key, part in table.groupby(BY, sort=False)
    }
    rows = found.to_dict("records")
    found["ended"] = [_ended(run, row, next_of[row["source"], row["scheme"]]) for row in rows]
    return found


def _ended(run: Run, row: Mapping[Any, Any], following: int | None) -> str:
    if following is None:
        ladder = settings_of(run, CapacitySettings).ladder
        return AT_END if row["c_tokens"] == ladder[-1] else FAILED
    still = climbing(run, str(row["source"]), str(row["scheme"]), following)
    return OPEN if row["text"] in still else FAILED


def summary(run: Run) -> pd.DataFrame:
    """Return capacity by source and scheme (table 3).

    Columns: source, scheme, c_tokens (the best over texts), h_lm and h_lm_sd (nats, mean and
    population deviation over texts), texts, how many of their ladders failed, reached at_end
    without a failure (their values are lower bounds) or are still open, held (share of starts that
    hold a length which another start of their text holds; missing where there is none, or some were
    stopped before they did), restarts_needed (of which one holds in 95% of cases, missing where
    none did or held is), and the layout.

    A start does not show by itself that its text can be held: one of R would count as a share of
    1/R or more, and a single one as all.
    """
    found = prefixes(run)
    ends = {name: found["ended"] == how for name, how in ENDS.items()}
    groups = found.assign(**ends).groupby(BY, sort=False)
    table: pd.DataFrame = groups.agg(
        c_tokens=("c_tokens", "max"),
        h_lm=("h_lm", "mean"),
        h_lm_sd=("h_lm", deviation),
        texts=("text", "count"),
        **{name: (name, "sum") for name in ENDS},
    ).reset_index()
    rows, settings = measured(run), settings_of(run, CapacitySettings)
    holds = rows.assign(holds=rows["accuracy"] >= THRESHOLD)
    others = holds.groupby([*BY, "n", "text"])["holds"].transform("sum") - holds["holds"]
    most = settings.recipe.max_steps
    tried = rows[others > 0].groupby(BY)
    held = {key: share_of_starts(part, THRESHOLD, most) for key, part in tried}
    share = [held.get(key, math.nan) for key in table[BY].itertuples(index=False, name=None)]
    return table.assign(
        held=share,
        restarts_needed=[float(restarts(s) or math.nan) for s in share],
        layout=[layout(settings, scheme) for scheme in table["scheme"]],
    )


def climbed(run: Run) -> pd.DataFrame:
    """Return the `prefixes` of each source and scheme of which no text still climbs.

    Of one that some still climb, those that are over are the ones that failed early.
    """
    found = prefixes(run)
    still = found["ended"] == OPEN
    return found[~still.groupby([found[name] for name in BY]).transform("any")]


def pair_name(one: str, many: str) -> str:
    """Return what two schemes that are set side by side are called: of one pass, token by token."""
    return tr("{many} against {one}", many=many, one=one)


def pairs(run: Run) -> pd.DataFrame:
    """Return H_LM in one pass against token by token, one row a text (E4); of `climbed` alone.

    Columns: pair (in words), source, text, autoregressive and one_forward (nats), ratio (how many
    times more is held token by token; none where one pass holds nothing), autoregressive_ended,
    one_forward_ended.
    """
    found = climbed(run)
    kept = ["source", "text", "h_lm", "ended"]
    parts = []
    for one, many in PAIRS:
        sides = [found[found["scheme"] == scheme][kept] for scheme in (many, one)]
        both = sides[0].merge(sides[1], on=["source", "text"], suffixes=("_many", "_one"))
        parts.append(both.assign(pair=pair_name(one, many)))
    table = pd.concat(parts, ignore_index=True).rename(
        columns={
            "h_lm_many": "autoregressive",
            "h_lm_one": "one_forward",
            "ended_many": "autoregressive_ended",
            "ended_one": "one_forward_ended",
        }
    )
    table["ratio"] = _ratio(table)
    names = ["autoregressive", "one_forward", "ratio", "autoregressive_ended", "one_forward_ended"]
    return table[["pair", "source", "text", *names]]


def pair_means(run: Run) -> pd.DataFrame:
    """Return the means over texts of `pairs`.

    Columns: pair, source, autoregressive, one_forward, ratio (of the means), texts,
    autoregressive_at_end and one_forward_at_end (ladders without a failure).
    """
    found = pairs(run)
    if found.empty:
        return pd.DataFrame()
    for side in ("autoregressive", "one_forward"):
        found[f"{side}_at_end"] = found[f"{side}_ended"] == AT_END
    table = found.groupby(["pair", "source"], sort=False).agg(
        autoregressive=("autoregressive", "mean"),
        one_forward=("one_forward", "mean"),
        texts=("text", "count"),
        autoregressive_at_end=("autoregressive_at_end", "sum"),
        one_forward_at_end=("one_forward_at_end", "sum"),
    )
    table = table.reset_index()
    table.insert(4, "ratio", _ratio(table))
    return table


def _ratio(table: pd.DataFrame) -> list[float]:
    both = zip(table["autoregressive"], table["one_forward"], strict=True)
    return [many / one if one else math.nan for many, one in both]


def density(run: Run) -> pd.DataFrame:
    """Return how much the texts of each source carry: source, nats_per_token, n, texts.

    At the longest length that texts of every source were tried at, mean over texts.
    """
    found = rungs(run).drop_duplicates(["source", "text", "n"])
    tried = found.groupby("n").apply(lambda part: len(part[["source", "text"]].drop_duplicates()))
    everywhere = tried[tried == len(found[["source", "text"]].drop_duplicates())]
    at = found[found["n"] == everywhere.index.max()] if len(everywhere) else found[:0]
    table = at.assign(nats_per_token=at["h_lm"] / at["n"]).groupby("source", sort=False)
    return table.agg(
        nats_per_token=("nats_per_token", "mean"), n=("n", "max"), texts=("text", "count")
    ).reset_index()


def best(run: Run) -> pd.DataFrame:
    """Return the best capacity over sources by model, the paper's and this one's (E10).

    Columns: model, whose (published or here), c_tokens (m not shared), source (of the best; empty
    for the paper's models), at_least (no length failed, or some text still climbs: a lower bound).
    """
    theirs = paper.best_capacity().assign(whose="published", source="", at_least=False)
    labels = {model.key: model.label for model in paper.PAPER_MODELS}
    theirs["model"] = theirs["model"].map(labels)
    found = prefixes(run)
    ours = found[found["scheme"] == "m free"]
    if ours.empty:
        return theirs[["model", "whose", "c_tokens", "source", "at_least"]]
    top = max(ours.to_dict("records"), key=lambda row: int(row["c_tokens"]))
    mine = {
        "model": model_name(run),
        "whose": "here",
        "c_tokens": int(top["c_tokens"]),
        "source": in_words(str(top["source"])),
        "at_least": bool(top["ended"] != FAILED or (ours["ended"] == OPEN).any()),
    }
    table = pd.concat([theirs, pd.DataFrame([mine])], ignore_index=True)
    return table[["model", "whose", "c_tokens", "source", "at_least"]]


def model_name(run: Run) -> str:
    """Return the model's short name."""
    return run.settings.model.rpartition("/")[2]


def paper_rows(run: Run) -> pd.DataFrame:
    """Return our cells of table 3: model, source, m_shared, c_tokens, h_lm, h_lm_sd, at_least.

    At least: the ladder of some text ended before a length failed. As
    `explorer.figures.paper_table.capacity_comparison` takes them: the paper's own models under
    their key. Random words and PG-19 are the paper's sources; every other one is a source of its
    own under its own name (Shakespeare is not PG-19, and its continuations are not PG-19's; the
    passages written for this project are no fan fiction). Ladders that still climb are left out.
    """
    columns = ["model", "source", "m_shared", "c_tokens", "h_lm", "h_lm_sd", "at_least"]
    if not run.done:
        return pd.DataFrame(columns=columns)
    found = summary(run)
    found = found[found["scheme"].isin(ONE_PASS) & (found["open"] == 0)]
    asked = run.settings.model
    keys = [m.key for m in paper.PAPER_MODELS if asked.lower() in (m.hub.lower(), m.key)]
    return found.assign(
        model=keys[0] if keys else model_name(run),
        source=[s if s in ("random", "pg19") else in_words(s) for s in found["source"]],
        m_shared=found["scheme"].map(ONE_PASS).astype(bool),
        at_least=found["at_end"] > 0,
    )[columns].reset_index(drop=True)
