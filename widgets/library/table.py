"""The table of what is stored, of which rows can be selected."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from explorer.base.formatting import human_bytes
from explorer.base.language import retold, tr
from explorer.library.comparison import scheme
from explorer.library.items import Item
from explorer.library.labels import Kind
from explorer.library.selection import origin_of, size_of
from explorer.people.person import names
from widgets import words
from widgets.markdown import escaped

MOST_PROBLEMS = 3
_config = st.column_config
ROWS_SHOWN = 9


def _columns() -> dict[str, Any]:
    """Return how columns look; at 1280 pixels all fit: what has no width takes the rest."""
    arrangement = words.help_for(tr("arrangement"), tr("memory vectors"))
    exact = words.help_for(tr("exact"), tr("restart"), more=tr("Exact restarts of all."))
    return {
        "accuracy": _config.NumberColumn(
            tr("accuracy"), format="percent", width=72, help=words.help_for(tr("accuracy"))
        ),
        "steps": _config.NumberColumn(tr("steps"), width=56, help=words.help_for(tr("step"))),
        "text": _config.TextColumn(tr("text"), width=355),
        "N": _config.NumberColumn(width=44, help=words.help_for("N")),
        "model": _config.TextColumn(tr("model")),
        "scheme": _config.TextColumn(tr("arrangement"), width=92, help=arrangement),
        "by": _config.TextColumn(tr("by"), width=95, help=tr("Who made it")),
        "tags": _config.TextColumn(tr("tags"), width=105),
        "made": _config.DatetimeColumn(tr("made"), format="D MMM, HH:mm", width=118),
        "from": _config.TextColumn(
            tr("from"), width=76, help=tr("recorded: ships with the project")
        ),
        "exact": _config.TextColumn(tr("exact"), width=60, help=exact),
        "state": _config.TextColumn(tr("state"), width=72),
        "asks": _config.TextColumn(tr("kind"), width=95),
        "size": _config.TextColumn(tr("size"), width=72, help=tr("On the disk")),
        "said": _config.TextColumn(tr("said")),
    }


def show(kind: Kind, items: Sequence[Item]) -> list[Item]:
    """Show items of one kind as a table; return those whose rows are selected.

    Other items make another table; what was selected in the one before is selected in it as well.
    """
    _problems(items)
    ids = tuple(item.id for item in items)
    key = f"table-{kind}-{hashlib.sha256(chr(10).join(ids).encode()).hexdigest()[:12]}"
    last, shown, before = st.session_state.get(selection := f"selected-{kind}", ("", (), ()))
    if last not in ("", key) and last in st.session_state:  # ticked while something came or went
        rows = st.session_state[last]["selection"]["rows"]
        before = [shown[row] for row in rows if row < len(shown)]
    state = st.dataframe(
        frame(kind, items),
        hide_index=True,
        key=key,
        selection_default={
            "selection": {"rows": [row for row, item in enumerate(items) if item.id in before]}
        },
        on_select="rerun",
        selection_mode="multi-row",
        height=38 + 35 * min(len(items), ROWS_SHOWN),
        column_config=_columns(),
        alt=tr(
            "Table of {count} entries; select rows to see, compare, export or delete them",
            count=len(items),
        ),
    )
    selected = [items[row] for row in state["selection"]["rows"] if row < len(items)]
    st.session_state[selection] = (key, ids, [item.id for item in selected])
    return selected


def frame(kind: Kind, items: Sequence[Item]) -> pd.DataFrame:
    """Return the table of items of one kind; what matters most comes first."""
    line: Callable[[Item], dict[str, Any]] = {
        "solution": _solution,
        "run": _run,
        "job": _job,
    }.get(kind, _other)
    table = pd.DataFrame([line(item) for item in items])
    if "made" in table:
        table["made"] = pd.to_datetime(table["made"], errors="coerce", utc=True, format="ISO8601")
    if owners := {item.owner for item in items if item.owner}:
        called = names(owners)
        who = [called[item.owner] if item.owner else "" for item in items]
        table.insert(list(table.columns).index("text") + 1, "by", who)
    if not any(item.label.tags for item in items):
        return table.drop(columns="tags", errors="ignore")
    return table


def _problems(items: Sequence[Item]) -> None:
    found = [item.problem for item in items if item.problem]
    for problem in found[:MOST_PROBLEMS]:
        st.warning(escaped(problem), icon=":material/broken_image:")
    if (more := len(found) - MOST_PROBLEMS) > 0:
        st.warning(
            tr("And {more} more that cannot be read.", more=more), icon=":material/broken_image:"
        )


def _solution(item: Item) -> dict[str, Any]:
    record = item.record
    return {
        "accuracy": record.accuracy if record else None,
        "steps": record.steps if record else None,
        "text": _title(item),
        "N": item.length or None,
        "model": record.model if record else "",
        "scheme": scheme(record)[0] if record else "",
        "from": tr(item.facts["origin"]),
        "tags": ", ".join(item.label.tags),
        "made": item.created,
    }


def _run(item: Item) -> dict[str, Any]:
    restarts = item.facts["restarts"]
    return {
        "accuracy": item.facts["accuracy"],
        "exact": f"{item.facts['exact']} / {restarts}" if restarts else "",
        "text": _title(item),
        "N": item.length or None,
        "model": item.facts["model"],
        "from": tr(origin_of(item)),
        "tags": ", ".join(item.label.tags),
        "made": item.created,
    }


def _other(item: Item) -> dict[str, Any]:
    facts = item.facts
    known: dict[str, Any] = {name: facts[name] for name in ("asks", "model") if facts.get(name)}
    if item.length:
        known["N"] = item.length
    lost = facts.get("missing")
    ships = item.kind in ("paths", "landscape", "experiment")
    return known | {
        "text": tr("⚠ {lost} of its solutions gone: {title}", lost=lost, title=_title(item))
        if lost
        else _title(item),
        "size": human_bytes(size_of(item.path)) if item.path else "",
        **({"from": tr("recorded") if item.ships else tr("own")} if ships else {}),
        "tags": ", ".join(item.label.tags),
        "made": item.created,
    }


def _job(item: Item) -> dict[str, Any]:
    return {
        "state": tr(item.facts["state"]),
        "asks": item.facts["asks"],
        "text": _title(item),
        "tags": ", ".join(item.label.tags),
        "made": item.created,
        "said": retold(item.facts["said"]),
    }


def _title(item: Item) -> str:
    return f"⚠ {item.problem}" if item.problem else " ".join(item.title.split())[:300]
