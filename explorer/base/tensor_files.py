"""Files of tensors: safetensors with one header of a known type, made by us or by anybody.

Every kind of file that the explorer writes is a `TensorFormat`. What a file claims is checked
before as much memory is taken: the length of its header, the header's fields, then names, number
formats and shapes of the tensors; what they hold is checked last.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from explorer.base.errors import CorruptFileError
from explorer.base.files import write_atomically
from explorer.base.language import later, tr

MAX_HEADER = 16_000_000
"""Bytes of a header; the longest of ours, what each of 128,000 token ids says, takes a third."""

H = TypeVar("H", bound=BaseModel)
Tensors = Mapping[str, NDArray[Any]]
Layout = Mapping[str, tuple[DTypeLike, tuple[int | str, ...]]]
"""Number format and shape of each tensor by name. A length that the header does not tell is a
letter: it is the same wherever it stands, and at least 1."""


@dataclass(frozen=True)
class TensorFormat(Generic[H]):
    """One kind of file: a header of type H as JSON in the metadata, and tensors.

    Attributes:
        noun: what such a file is, with its article.
        key: where its header stands in the metadata. None there counts as an empty one.
        header: the header's type; of several, an annotated union.
        layout: the tensors that a file with this header must have.
        may_be_empty: the letter of a length that may be 0.
        check: says what is wrong with the tensors of a right layout, as the end of the sentence
            “FILE holds …”; empty: nothing.
        advice: what to do with one that is damaged.
        schema: the version of the header that is read.
    """

    noun: str
    key: str
    header: Any
    layout: Callable[[H], Layout]
    may_be_empty: str = ""
    check: Callable[[H, Tensors], str] = lambda *_: ""
    advice: str = later("make it again")
    schema: int = 1

    def pack(self, header: H, tensors: Tensors) -> bytes:
        """Return the content of a file: the layout's tensors in its formats, any others behind."""
        wanted = self.layout(header)
        arrays = {
            name: np.ascontiguousarray(array, wanted[name][0] if name in wanted else None)
            for name, array in tensors.items()
        }
        data: bytes = save(arrays, {self.key: header.model_dump_json()})
        return data

    def save(self, path: Path, header: H, tensors: Tensors) -> Path:
        """Write a file.

        Raises:
            StorageError: if the disk refuses.
        """
        return write_atomically(path, self.pack(header, tensors))

    def load(self, path: Path, *, beside: str | None = None) -> tuple[H, dict[str, NDArray[Any]]]:
        """Read the header and the tensors of the layout, in its order.

        Args:
            path: the file.
            beside: also read further tensors, unchecked, whose names begin so.

        Raises:
            CorruptFileError: if it is missing, damaged, or of another kind.
        """
        with self._opened(path) as (file, header, _):
            names = list(self.layout(header))
            if beside is not None:
                names += [n for n in file.keys() if n.startswith(beside) and n not in names]  # noqa: SIM118
            tensors = {name: file.get_tensor(name) for name in names}
            if wrong := self.check(header, tensors):
                raise CorruptFileError(tr("{name} holds {wrong}.", name=path.name, wrong=tr(wrong)))
        return header, tensors

    def read_header(self, path: Path) -> H:
        """Read the header of a file whose tensors have the right layout, and none of them.

        Raises:
            CorruptFileError: as `load`.
        """
        return self.measure(path)[0]

    def measure(self, path: Path) -> tuple[H, dict[str, int]]:
        """Read the header, and the lengths that the layout gives letters to.

        Raises:
            CorruptFileError: as `load`.
        """
        with self._opened(path) as (_, header, lengths):
            return header, lengths

    @cached_property
    def _adapter(self) -> TypeAdapter[H]:
        return TypeAdapter(self.header)

    @contextlib.contextmanager
    def _opened(self, path: Path) -> Iterator[tuple[Any, H, dict[str, int]]]:
        """Open a file whose header and layout are as they should be; tensors are numpy arrays.

        The length of the header is looked at first, so that a file cannot take gigabytes of memory.
        """
        try:
            with path.open("rb") as start:
                length = int.from_bytes(start.read(8), "little")
            if length > MAX_HEADER:  # it is parsed whole; a tensor takes no more than the file is
                raise SafetensorError(f"a header of {length:,} bytes")
            with safe_open(path, framework="numpy") as file:
                text = (file.metadata() or {}).get(self.key, "{}")
                header = self._adapter.validate_json(text)
                yield file, header, self._lengths(path, file, self.layout(header))
        except FileNotFoundError as error:
            raise CorruptFileError(tr("There is no file {name}.", name=path.name)) from error
        except IsADirectoryError as error:
            raise CorruptFileError(
                tr(
                    "{name} is a folder; name the file of {noun} in it.",
                    name=path.name,
                    noun=tr(self.noun),
                )
            ) from error
        except (SafetensorError, OSError) as error:
            raise CorruptFileError(
                tr(
                    "{name} is damaged or not a safetensors file; {advice}.",
                    name=path.name,
                    advice=tr(self.advice),
                )
            ) from error
        except ValidationError as error:
            raise CorruptFileError(
                tr(
                    "{name} is a safetensors file, but not {noun} of this version (schema "
                    "{schema}).",
                    name=path.name,
                    noun=tr(self.noun),
                    schema=self.schema,
                )
            ) from error

    def _lengths(self, path: Path, file: Any, layout: Layout) -> dict[str, int]:
        """Compare names, number formats and shapes with the layout; return what its letters are."""
        if lacking := layout.keys() - set(file.keys()):
            raise CorruptFileError(
                tr(
                    "{name} holds no tensor {names}.",
                    name=path.name,
                    names=", ".join(sorted(lacking)),
                )
            )
        lengths: dict[str, int] = {}
        for name, (dtype, shape) in layout.items():
            found = file.get_slice(name)
            if found.get_dtype() != _written(np.dtype(dtype)):
                raise CorruptFileError(
                    tr("{name} holds tensors of unexpected number formats.", name=path.name)
                )
            sizes = list(found.get_shape())
            wanted = [
                lengths.setdefault(length, size) if isinstance(length, str) else length
                for length, size in zip(shape, sizes, strict=False)
            ]
            empty = any(n == 0 for letter, n in lengths.items() if letter != self.may_be_empty)
            if len(sizes) != len(shape) or wanted != sizes or empty:
                raise CorruptFileError(
                    tr("{name} holds tensors of unexpected shapes.", name=path.name)
                )
        return lengths


class TensorFile:
    """A value with a file of its own: `header`, and a tensor for each other field.

    What inherits from it is a dataclass.

    Attributes:
        form: the kind of file.
    """

    form: ClassVar[TensorFormat[Any]]
    header: Any

    def __init__(self, header: Any, /, **tensors: NDArray[Any]) -> None: ...

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the tensors of its file, by name."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {name: tensor for name, tensor in own.items() if name != "header"}

    @classmethod
    def of(cls, header: Any, tensors: Tensors) -> Self:
        """Return the value that a file with this header and these tensors holds."""
        return cls(header, **tensors)

    def packed(self, more: Tensors | None = None) -> bytes:
        """Return the content of its file, with further tensors that `load` ignores."""
        return self.form.pack(self.header, {**self.tensors(), **(more or {})})

    def save(self, path: Path, more: Tensors | None = None) -> Path:
        """Write everything, and maybe more as in `packed`, as one safetensors file.

        Raises:
            StorageError: if the disk refuses.
        """
        return write_atomically(path, self.packed(more))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file written by `save`.

        Raises:
            CorruptFileError: if it is missing, damaged, or of another kind.
        """
        return cls.of(*cls.form.load(path))


def _written(dtype: np.dtype[Any]) -> str:
    """Return how safetensors writes a number format: F32, I64, U8, BOOL."""
    return "BOOL" if dtype.kind == "b" else f"{dtype.kind.upper()}{8 * dtype.itemsize}"


def all_finite(tensors: Tensors, *names: str) -> bool:
    """Whether some tensors hold neither infinities nor what is no number."""
    return all(bool(np.isfinite(tensors[name]).all()) for name in names)
