"""The numbers of a look inside as tables: for CSV, and beside the charts."""

from pathlib import Path

import numpy as np
import pandas as pd

from explorer.base.files import csv_of, zip_of
from explorer.inside.reading import SOURCES, appears, shares
from explorer.inside.result import FILE, TOP, Inside


def lens(found: Inside) -> pd.DataFrame:
    """Return one line for each layer and position: the token said, p and rank of the target."""
    header, (S, N) = found.header, found.predicted.shape
    pieces = header.pieces
    table = pd.DataFrame(
        {
            "layer": np.repeat(np.arange(S), N),
            "position": np.tile(np.arange(1, N + 1), S),
            "target": np.tile([pieces.get(i, "") for i in header.text.target_ids], S),
            "says": [pieces.get(i, "") for i in found.predicted.ravel().tolist()],
            "right": found.right.ravel(),
            "p_target": found.p.ravel().astype(np.float32),
            "rank": found.rank.ravel(),
        }
    )
    for k in range(TOP):
        ids = found.top_ids[..., k].ravel().tolist()
        table[f"token_{k + 1}"] = [pieces.get(i, "") for i in ids]
        table[f"p_{k + 1}"] = found.top_p[..., k].ravel().astype(np.float32)
    return table


def layers(found: Inside) -> pd.DataFrame:
    """Return one line for each state: share right, similarity, and where attention went."""
    table = pd.DataFrame(
        {
            "layer": np.arange(found.header.layers + 1),
            "share_right": found.right.mean(1),
            "mean_p_target": found.p.astype(np.float32).mean(1),
            "similarity": found.similarity[:, 0],
            "similarity_least": found.similarity[:, 1],
            "similarity_greatest": found.similarity[:, 2],
        }
    )
    if found.header.heads:
        by_source = shares(found)
        for k, source in enumerate(SOURCES):
            name = source.replace(" ", "_")
            table[f"attention_to_{name}"] = [np.nan, *by_source[..., k].mean(1)]
            table[f"attention_to_{name}_sd"] = [np.nan, *by_source[..., k].std(1)]
        table["plain_text_to_first_position"] = [np.nan, *found.plain.mean(1)]
    return table


def positions(found: Inside) -> pd.DataFrame:
    """Return one line for each position: where its token appears, and where it stays."""
    first, stays = appears(found)
    never = len(found.right)
    return pd.DataFrame(
        {
            "position": np.arange(1, len(first) + 1),
            "target": [found.header.pieces.get(i, "") for i in found.header.text.target_ids],
            "first_right_after_layer": [None if k == never else int(k) for k in first],
            "stays_right_after_layer": [None if k == never else int(k) for k in stays],
        }
    )


def attention(found: Inside) -> pd.DataFrame:
    """Return one line for each layer and head: where attention goes, on average over positions."""
    parts = []
    for head in range(found.header.heads):
        mean = shares(found, head).mean(1)
        part = pd.DataFrame(mean, columns=[f"to_{s.replace(' ', '_')}" for s in SOURCES])
        part.insert(0, "head", head + 1)
        part.insert(0, "layer", np.arange(1, len(mean) + 1))
        part["plain_text_to_first_position"] = found.plain[:, head]
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def trials(found: Inside) -> pd.DataFrame:
    """Return one line for each pass with something changed: accuracy, and what is said instead."""
    pieces = found.header.pieces
    table = pd.DataFrame([t.model_dump() for t in found.header.trials])
    table["accuracy"] = found.trial_accuracy
    table["mean_p_target"] = found.trial_p.astype(np.float32).mean(1)
    said = found.trial_predicted.tolist()
    table["says"] = ["".join(pieces.get(i, "") for i in row) for row in said]
    return table


def swaps(found: Inside) -> pd.DataFrame:
    """Return one line for each swap: how much of this text is said, and of the other one."""
    header, rows = found.header, []
    for k in found.trials("swap"):
        trial = header.trials[k]
        other = header.others[int(trial.at)]
        said = found.trial_predicted[k]
        rows.append(
            {
                "e of": "this" if trial.what == "e" else other.id,
                "m of": other.id if trial.what == "e" else "this",
                "other text": "the same" if other.same_text else other.text.text,
                "same m": other.same_m,
                "share of this text": float(found.trial_accuracy[k]),
                "share of the other text": float(np.mean(said == other.text.target_ids)),
                "says": "".join(header.pieces.get(i, "") for i in said.tolist()),
            }
        )
    return pd.DataFrame(rows)


def writings(found: Inside) -> pd.DataFrame:
    """Return what the model goes on to write, a line each."""
    return pd.DataFrame([w.model_dump() for w in found.header.writings])


TABLES = {
    "lens": lens,
    "layers": layers,
    "positions": positions,
    "attention": attention,
    "trials": trials,
    "swaps": swaps,
    "writings": writings,
}


def all_of(found: Inside) -> dict[str, pd.DataFrame]:
    """Return every table that has a line, by name."""
    made = {name: make(found) for name, make in TABLES.items()}
    return {name: table for name, table in made.items() if not table.empty}


def archive(found: Inside, file: Path) -> bytes:
    """Return a CSV of every table, and the file itself, as one zip."""
    made = ((f"{name}.csv", csv_of(table)) for name, table in all_of(found).items())
    return zip_of([*made, (FILE, file)])
