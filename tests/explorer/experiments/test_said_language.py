"""What experiments say is said in the language of who looks, down to the last word."""

import gettext
import re

import pytest

from explorer.base import language
from explorer.experiments import paper_comparison, runs
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.rules import RULES
from explorer.experiments.runs import Run

NAMES = {"free", "shared", "independent", "recorded", "fast", "paper", "smollm", "float", "bfloat"}
"""Words of schemes, recipes, models and number formats, which are called so in every language."""


class Capitals(gettext.NullTranslations):
    """A language that is English in capitals, but for the names of places."""

    def gettext(self, message: str) -> str:
        """Return the sentence in that language."""
        return re.sub(r"\{\w+\}|[^{}]+", lambda part: _capital(part[0]), message)


def _capital(part: str) -> str:
    return part if part.startswith("{") else part.upper()


@pytest.fixture(autouse=True)
def _another_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "words_of", lambda _code: Capitals())


def english(said: str) -> set[str]:
    """Return the words of a text that no sentence in that language holds."""
    return set(re.findall(r"[a-z]{4,}", said)) - NAMES


def shipped() -> list[Run]:
    return [runs.load(file.parent) for file in runs.RUNS.shipped()]


def test_rules_are_translated_whole() -> None:
    assert english(f"{language.tr('{count} of them', count=2)} stay English") == {"stay", "nglish"}
    for rule in RULES.values():
        said = f"{rule.question} {rule.answers}"
        assert not english(said) and "{" not in said, said


@pytest.mark.parametrize("run", shipped(), ids=lambda run: str(run.settings.experiment))
def test_findings_notes_and_protocols_are_translated_whole(run: Run) -> None:
    asked = EXPERIMENTS[run.settings.experiment]
    found = asked.findings(run)
    assert found
    for finding in found:
        said = f"{finding.claim} {finding.figure} {finding.reason}"
        assert not english(said), said
    protocol, differs = asked.protocol(run.settings), paper_comparison.differences(run)
    for said in (*asked.notes(run), protocol, differs, asked.sentence(run)):
        assert not english(said), said
