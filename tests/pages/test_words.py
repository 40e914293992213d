"""Words of the field explain themselves where they stand, and every chart says what to look at."""

import ast
import re

import pytest

from explorer.base import folders, glossary, language
from explorer.experiments import ladders, runs
from explorer.figures.look import LOOK_AT, look_at
from tests.pages.driving import open_numbers, open_page, texts_of
from widgets import words
from widgets.markdown import escaped

ASKED = (
    *("e", "m", "restart", "arrangement", "exact", "H_LM", "C_tokens", "AUC", "UMAP", "chord"),
    *("control point", "sink", "lens", "warm start", "token", "vector", "frozen", "proto-token"),
    *("seed", "recipe", "context", "continuation", "PCA", "N", "nats", "p(target)", "rank"),
    *("Bezier curve", "forward pass", "token accuracy", "reconstructed", "BOS", "KV cache"),
    *("memory vectors", "cosine distance", "capacity", "ladder", "t", "length ratio", "radius"),
)
SHOWN = ("reconstruct", "paths", "landscape", "maps", "distances", "inside", "capacity", "paper")


def test_the_glossary_has_every_word_once_in_a_sentence() -> None:
    entries = glossary.entries()
    assert set(ASKED) <= set(entries)
    forms = [form for word, entry in entries.items() for form in (word, *entry.forms)]
    assert len(forms) == len(set(forms))
    for word, entry in entries.items():
        assert entry.means.endswith(".") and entry.source, word
        assert glossary.found_in(word) == [word]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Curve length ÷ chord", ["length ratio"]),
        ("Exact restarts", ["exact", "restart"]),
        ("H_LM of e and m", ["H_LM", "e", "m"]),
        ("some, i.e. e.g. them; don't", []),
        ("at t = 0.5 along the Bezier curve", ["t", "Bezier curve"]),
        ("AUCs and UMAPs", []),
    ],
)
def test_words_are_found_whole_the_longest_first(said: str, found: list[str]) -> None:
    assert glossary.found_in(said) == found


def test_the_glossary_page_shows_all_of_it() -> None:
    app = open_page("glossary")
    assert not app.exception
    said = texts_of(app)
    for word, entry in glossary.entries().items():
        assert f"**{escaped(word)}**" in said and escaped(entry.means) in said, word


@pytest.mark.parametrize("page", SHOWN)
def test_numbers_and_charts_explain_their_words(page: str) -> None:
    app = open_page(page)
    assert not app.exception
    for metric in app.metric:
        for word in glossary.found_in(metric.label):
            assert escaped(glossary.entries()[word].means) in metric.help, metric.label
    captions = [caption.value for caption in app.caption]
    assert app.get("plotly_chart")
    shown = [line for line in {*LOOK_AT.values()} if line in captions]
    assert sum(captions.count(line) for line in shown) >= len(app.get("plotly_chart"))


def _keys(node: ast.expr) -> set[str]:
    """Return the keys that an expression can be, of those with a line; else what it begins with."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        head = str(node.values[0].value)
        return {key for key in LOOK_AT if key.startswith(head)} or {head + "-"}
    return set()


def test_no_chart_is_without_its_line() -> None:
    keys: set[str] = {"accuracy", "loss"}  # `_curves` of a run is given them
    for file in sorted((folders.PROJECT / "explorer" / "figures").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="Chart"), args=[key, *_]):
                    keys |= _keys(key)
                case ast.Assign(targets=[ast.Name(id="key")], value=key) | ast.keyword("key", key):
                    keys |= _keys(key)
    assert len(keys) > 30
    for key in keys | {"arrangements-over-training"}:
        line = look_at(key)
        assert len(line) <= 90 and line.endswith("."), key
    assert set(LOOK_AT) <= keys  # no line without its chart


def test_columns_of_tables_are_words() -> None:
    app = open_page("paths")
    assert not app.dataframe  # a chart's numbers are sent once they are opened
    app = open_numbers(app)
    headings = [str(name) for frame in app.dataframe for name in frame.value.columns]
    assert headings and not [name for name in headings if re.search(r"[a-z]_[a-z]", name)]
    assert words.column("best_sd") == "best restart, standard deviation"


def test_a_token_in_a_heading_stays_as_it_is() -> None:
    assert words.column("3 _name") == "3 _name" and words.column("3 the") == "3 the"
    assert words.column("p_target") == "p(target)" and words.column("share_right") == "share right"


def test_our_own_words_in_a_table_are_in_the_language_of_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what is a name, a number or a text stays as it is."""
    run = next(r for f in runs.shipped() if (r := runs.load(f)).settings.experiment == "capacity")
    found = ladders.prefixes(run).assign(text="the ladder ended")
    plain = words.table(found)
    assert set(plain["source"]) >= {"Random words", "Shakespeare"}
    monkeypatch.setattr(language, "_current", lambda: "de")
    said = words.table(found)
    assert set(said[words.column("ended")]) <= {"eine Länge scheiterte", "die Leiter endete"}
    assert "Zufallswörter" in set(said[words.column("source")])
    assert set(said[words.column("text")]) == {"the ladder ended"}
    assert list(said[words.column("c_tokens")]) == list(found["c_tokens"])


def test_every_table_is_said_to_those_who_cannot_see_it() -> None:
    unsaid = []
    for folder in ("widgets", "pages"):
        for file in (folders.PROJECT / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "dataframe":
                    unsaid += [file.name] * ("alt" not in {k.arg for k in call.keywords})
    assert unsaid == []
