"""The interface's words in another language."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from explorer.base import language
from explorer.base.formatting import counted
from explorer.base.language import later, retold, tr

PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Start"
msgstr "Starten"

msgid "{left} of {all} left"
msgstr "von {all} noch {left}"

msgid "pairs"
msgstr "Paare"
"""

TWICE = """
#, python-brace-format
msgid "{name} cannot be read: the file {name} is {what}."
msgstr "{name} ist {what}."

#, python-brace-format
msgid "Nothing at all came of it: {why}"
msgstr "Daraus wurde nichts: {why}"
"""


@pytest.fixture
def speak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    (tmp_path / "de.po").write_text(PO, encoding="utf-8")
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    monkeypatch.setattr(language, "_current", language._current)
    language.words_of.cache_clear()
    yield lambda code: language.follow(lambda: code)
    language.words_of.cache_clear()


def test_a_sentence_follows_who_looks(speak: Callable[[str], None]) -> None:
    assert tr("Start") == "Start"
    speak("de")
    assert tr("Start") == "Starten"
    assert tr(later("Start")) == "Starten"
    assert tr("{left} of {all} left", left=2, all=5) == "von 5 noch 2"
    speak("en")
    assert tr("{left} of {all} left", left=2, all=5) == "2 of 5 left"


@pytest.mark.parametrize("code", ["de", "xx"])
def test_what_is_not_translated_stays_english(code: str, speak: Callable[[str], None]) -> None:
    speak(code)
    assert tr("Nobody has translated {this}", this="{it}") == "Nobody has translated {it}"
    assert tr("") == ""  # where a .po keeps its header


def test_braces_of_a_sentence_without_values_stay(speak: Callable[[str], None]) -> None:
    speak("de")
    assert tr("{not a place") == "{not a place"


def test_what_is_kept_in_english_is_said_in_the_language_of_who_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error of a job, a reason in a file: written by a process that knows no reader."""
    kept = tr("There is no job “{id}” on this machine.", id="a (b)")
    assert retold(kept) == kept
    monkeypatch.setattr(language, "_current", lambda: "de")
    assert retold(kept) == tr("There is no job “{id}” on this machine.", id="a (b)") != kept
    halted = retold("halted after 1,200 steps, when other restarts were ahead")
    assert halted.startswith("nach 1\u202f200 Schritten angehalten")
    joint = retold("says less than half of its text after 120 steps after 57 joint ones")
    assert "120" in joint and "57" in joint and " after " not in joint and "than" not in joint
    assert retold("Start") == tr("Start")
    assert retold("Nobody has marked this (x). At all.") == "Nobody has marked this (x). At all."


def test_what_another_process_says_is_told_in_every_language_that_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A status line is written by the worker, in English, and sent to all who look."""
    monkeypatch.setattr(language, "_heard", set())
    assert language.elsewhere("Waiting for its turn.") == {}
    language.heard("en")
    language.heard("de")
    steps = tr("{few} to {many}", few=40, many=60)
    usual = tr("A text like this one usually takes {steps} steps.", steps=steps)
    said = tr("Step {step} of at most {most}. {usual}", step=7, most=1200, usual=usual)
    assert language.elsewhere(said) == {
        "de": "Schritt 7 von höchstens 1200. Ein Text dieser Art braucht meist 40 bis 60 Schritte."
    }
    assert language.elsewhere("Waiting for its turn.")["de"].startswith("Wartet")
    assert language.elsewhere("Nobody has marked this.") == language.elsewhere("") == {}
    assert tr("Start") == "Start"  # who looks is asked again


def test_a_value_that_stands_twice_is_the_same_both_times(speak: Callable[[str], None]) -> None:
    file = language.FOLDER / "de.po"
    file.write_text(PO + TWICE, encoding="utf-8")
    language._shapes.cache_clear()
    speak("de")
    inner = "a cannot be read: the file a is empty."
    assert retold(inner) == "a ist empty."
    assert retold(f"Nothing at all came of it: {inner}") == "Daraus wurde nichts: a ist empty."
    other = "a cannot be read: the file b is empty."
    assert retold(other) == other
    language._shapes.cache_clear()


def test_a_count_is_not_read_as_a_decimal(speak: Callable[[str], None]) -> None:
    assert counted(1200, "pair") == "1,200 pairs"
    speak("de")
    assert counted(1200, "pair") == "1\N{NARROW NO-BREAK SPACE}200 Paare"


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("0.99", "0,99"),
        ("1,234.5", "1\u202f234,5"),
        ("42%", "42\u202f%"),
        ("106.6 nats · 154 bits", "106,6 nats · 154 bits"),
        ("1.19 GB", "1,19 GB"),
        ("1.24B", "1,24B"),
        ("28.2k", "28,2k"),
        ("-0.02 ± 0.10", "-0,02 ± 0,10"),
        ("19 / 19", "19 / 19"),
        ("2:15 min", "2:15 min"),
        ("arXiv 2505.21189", "arXiv 2505.21189"),
        ("smollm2-135m", "smollm2-135m"),
        ("5.23.0", "5.23.0"),
        ("192.168.0.1", "192.168.0.1"),
        ("Глава 1.5", "Глава 1.5"),
        ("1.5 × 1.25, 1.0.", "1,5 × 1,25, 1,0."),
        ("", ""),
    ],
)
def test_amounts_are_written_as_in_the_language(
    english: str, german: str, speak: Callable[[str], None]
) -> None:
    assert language.amount(english) == english
    speak("de")
    assert language.amount(english) == german
    assert tr("{left} of {all} left", left=english, all=1).endswith(f"noch {german}")


def test_what_somebody_wrote_is_quoted_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_current", lambda: "de")
    said = tr("it reads “{typed}” as “{learned}”", typed="1,234.5", learned="1.5")
    assert "1,234.5" in said and "1.5" in said
