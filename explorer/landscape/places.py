"""Where landscapes and walks around solutions lie: in a job's folder, or shipped."""

from pathlib import Path

from explorer.base.collection import Collection
from explorer.base.language import later
from explorer.landscape import result, surroundings
from explorer.landscape.result import LandscapeHeader
from explorer.paths.places import LANDSCAPE, RADIUS


def _header(file: Path) -> LandscapeHeader:
    return result.FORMAT.read_header(file).model_copy(update={"pieces": {}})


LANDSCAPES = Collection(
    noun=later("landscape"),
    place="paths",
    file=LANDSCAPE,
    read=_header,
    advice=later("Measure one around a pair first."),
    ships_in="landscape",
)
WALKS = Collection(
    noun=later("walk around a solution"),
    place="paths",
    file=RADIUS,
    read=surroundings.FORMAT.read_header,
    advice=later("Measure one around a solution first."),
    ships_in="landscape",
)
