"""Every language has every sentence of the interface."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from explorer.base import folders, glossary
from explorer.base.language import ENGLISH, FOLDER, NAMES, said_in, words_of
from tools import translations


@pytest.fixture(scope="module")
def english() -> Catalog:
    return translations.english()


@pytest.mark.parametrize("code", [code for code in NAMES if code != ENGLISH])
def test_a_language_is_whole_and_as_the_tool_writes_it(code: str, english: Catalog) -> None:
    file = FOLDER / f"{code}.po"
    kept = {message.id for message in translations.read(file)}
    catalog = translations.renewed(file, english)
    assert translations.faults(catalog) == []
    assert {message.id for message in catalog} == kept


def test_a_link_is_led_on_once_and_english_choices_stay(english: Catalog) -> None:
    """Of any words of any language: another answer to the answer would lead in a circle."""
    sentences = [str(message.id) for message in english if message.id]
    said = {words_of(code).gettext(sentence) for code in NAMES for sentence in sentences}
    assert all(said_in(ENGLISH, sentence) == sentence for sentence in sentences)
    for code in NAMES:
        assert all(said_in(code, here) == here for here in (said_in(code, w) for w in said))


@pytest.mark.parametrize("code", [code for code in NAMES if code != ENGLISH])
def test_a_seed_is_one_word_wherever_it_names_a_restart(code: str, english: Catalog) -> None:
    word = tomllib.loads((FOLDER / f"glossary.{code}.toml").read_text("utf-8"))["seed"]["word"]
    named = [str(m.id) for m in english if m.id and re.search(r"\bseeds? \{", str(m.id))]
    said = {sentence: words_of(code).gettext(sentence) for sentence in named}
    assert len(said) > 5
    assert {sentence: there for sentence, there in said.items() if word not in there} == {}


BRITISH = re.compile(
    r"\b(?:\w*(?:colour|neighbour|behaviour|favour|honour)\w*|\w*cent(?:re|red|ring)s?|greys?|greyed"
    r"|licences?|catalogu\w*|towards|half-way|label(?:led|ling)|model(?:led|ling)|learnt|whilst"
    r"|(?:optim|organ|normal|recogn|quant|initial|summar|visual|parametr|token|memor|minim|maxim)is"
    r"(?:e|ed|es|ing|er|ers|ation|ations))\b",
    re.IGNORECASE,
)
"""Words that American English spells otherwise."""


def _read_by_people(english: Catalog) -> Iterator[str]:
    yield from (str(message.id) for message in english)
    files = [glossary.FILE, *folders.PROJECT.glob("*.md"), *folders.PROJECT.glob("docs/*.md")]
    yield from (file.read_text("utf-8") for file in files)


def test_words_are_spelled_one_way(english: Catalog) -> None:
    """As in American English, in the interface and in the documents; names in code are left out."""
    found = [
        word
        for said in _read_by_people(english)
        for word in BRITISH.findall(re.sub(r"\{\w+\}|`[^`\n]*`", "", said))
    ]
    assert found == []


def test_what_code_and_data_say_is_found(english: Catalog) -> None:
    for found in ("Glossary", "pair", "pairs", "A proverb", "smallest p"):
        assert english.get(found) is not None, found


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("von {all} noch {left}", None),
        ("", "not translated"),
        ("von {all} noch {links}", "fills other places"),
        ("noch {left}", "fills other places"),
    ],
)
def test_a_missing_sentence_and_other_places_are_faults(said: str, wrong: str | None) -> None:
    catalog = Catalog(locale="de")
    catalog.add("{left} of {all} left", said)
    found = translations.faults(catalog)
    assert [line.partition(":")[0] for line in found] == ([wrong] if wrong else [])


def test_what_is_gone_leaves_and_what_is_new_comes(tmp_path: Path) -> None:
    old, template = Catalog(locale="de"), Catalog()
    old.add("Go", "Los")
    old.add("Gone", "Weg")
    for sentence in ("Go", "Come"):
        template.add(sentence, locations=[("pages/a.py", 1)])
    file = tmp_path / "de.po"
    with file.open("wb") as target:
        translations.write_po(target, old)
    now = translations.renewed(file, template)
    assert {message.id: message.string for message in now if message.id} == {
        "Go": "Los",
        "Come": None,
    }
    assert not now.obsolete
