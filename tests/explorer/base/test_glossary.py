"""Every language's glossary says the same things as the English one."""

import tomllib
from pathlib import Path

import pytest

from explorer.base import glossary, language
from explorer.base.glossary import Entry

TRANSLATED = sorted(language.FOLDER.glob("glossary.*.toml"))


def test_german_has_a_glossary() -> None:
    assert "glossary.de.toml" in [file.name for file in TRANSLATED]


@pytest.mark.parametrize("file", TRANSLATED, ids=lambda file: str(file.name))
def test_a_glossary_has_the_entries_of_the_english_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = tomllib.loads(glossary.FILE.read_text(encoding="utf-8"))
    said = tomllib.loads(file.read_text(encoding="utf-8"))
    assert list(said) == list(english)
    for word, fields in said.items():
        assert Entry.model_validate(fields).means.endswith("."), word
        assert bool(fields.get("note")) == bool(english[word].get("note")), word
    code = file.name.split(".")[1]
    monkeypatch.setattr(language, "_current", lambda: code)
    entries = glossary.entries()
    assert len(entries) == len(english)
    forms = [form for word, entry in entries.items() for form in (word, *entry.forms)]
    assert len(forms) == len(set(forms))
    for word in entries:
        assert glossary.found_in(word) == [word]
