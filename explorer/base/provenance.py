"""What numbers were computed with: device, number formats, versions. Free of torch.

Equal inputs and seeds give equal vectors only where these are equal too, so every record holds them
as they were when it was computed, not as they were when a larger piece of work began.
"""

from functools import cache
from importlib import metadata
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, model_validator

from explorer import __version__
from explorer.base.language import later, tr
from explorer.base.value import Value

PACKAGES = ("torch", "transformers")
"""Packages that decide numbers, besides this one."""
PROGRAM = f"Proto-Token Explorer {__version__}"
"""What a file that is given away names as its maker."""
UNKNOWN = "not noted"
Versions = Annotated[
    dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=1_000)]],
    Field(max_length=20),
]
"""Versions by package, bounded, since a file of somebody else may hold anything."""


class Recorded(Value):
    """A value that notes the versions it is made with; what was read is left as it is.

    So whatever is kept of a computation says its versions without being told to. A file from
    before they were noted has none, which reads as “unknown”.
    """

    versions: Versions = Field({}, description="Of explorer, torch and transformers.")

    @model_validator(mode="before")
    @classmethod
    def _note(cls, fields: Any, info: ValidationInfo) -> Any:
        """Add them to a value that is made here; JSON is that of a file."""
        if info.mode == "json" or not isinstance(fields, dict) or "versions" in fields:
            return fields
        return fields | {"versions": versions()}


COMPUTED = later("{device}, search in {format}")


class Computed(Recorded):
    """What a part of a larger piece of work was computed with."""

    device: str = Field(description="Kind of device; of a GPU its name.")
    searched_in: str = Field(description="Number format of the search, or of what was timed.")
    confirmed_in: str = Field(
        description="Number format of what is reported, and in which the model wrote texts."
    )
    threads: int | None = Field(None, description="Processor threads; None: not on a CPU.")

    @property
    def sentence(self) -> str:
        """Device and number format of the search, in English, as a run's header keeps them."""
        return COMPUTED.format(device=self.device, format=self.searched_in)


def computed_in_words(sentence: str) -> str:
    """Return the `sentence` of something `Computed` in the language of who looks."""
    device, said, searched_in = sentence.partition(COMPUTED.format(device="", format=""))
    return tr(COMPUTED, device=device, format=searched_in) if said else sentence


def versions() -> dict[str, str]:
    """Return the versions of explorer, torch and transformers that are installed here."""
    return dict(_installed())


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    return ("explorer", __version__), *((name, metadata.version(name)) for name in PACKAGES)


def in_words(found: dict[str, str]) -> str:
    """Return versions as one text; “unknown” where none were noted."""
    return ", ".join(f"{name} {version}" for name, version in found.items()) or "unknown"


def then(before: str, now: str) -> str:
    """Join a field's values before and after work went on: the same if it did not change.

    Else both in their order: “bfloat16, then float32”.
    """
    if not before or before.rpartition(", then ")[2] == now:
        return before or now
    return f"{before}, then {now}"


def computed_apart(whole: Any, part: Any, *names: str) -> dict[str, Any]:
    """Return the fields of a record that change when a part comes back that was computed elsewhere.

    Args:
        whole: has `versions`, and the other fields.
        part: the same of the part.
        *names: of the other fields, such as `device`.
    """

    def both(one: str, other: str) -> str:
        said = [*one.split(", then "), *other.split(", then ")]
        return ", then ".join(dict.fromkeys(filter(None, said)))

    changed = {name: both(whole.versions.get(name, ""), v) for name, v in part.versions.items()}
    return {name: both(getattr(whole, name), getattr(part, name)) for name in names} | {
        "versions": changed
    }


def gone_on(record: Any, **now: str) -> dict[str, Any]:
    """Return the fields of a record that change when its work goes on here.

    Args:
        record: has `versions`, and each of the fields in `now`.
        **now: what they are here, such as `device`.
    """
    noted = record.versions or dict.fromkeys(versions(), UNKNOWN)
    changed = {name: then(noted.get(name, UNKNOWN), here) for name, here in versions().items()}
    return {name: then(getattr(record, name), here) for name, here in now.items()} | {
        "versions": changed
    }
