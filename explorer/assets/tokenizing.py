"""Between text and token ids, without torch: what pages and texts use."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path

import tokenizers
from tokenizers.pre_tokenizers import ByteLevel

from explorer.assets.model_config import read_object, read_vocabulary
from explorer.base.errors import BadInputError, ModelError
from explorer.base.language import tr

MARGIN = 1000
"""Characters before a cut whose tokens may depend on what follows it (`encode_prefix`)."""

_ONE_RUN = re.compile(r"\s+|\d+")
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def _byte_alphabet() -> dict[str, int]:
    """Return the byte that each character of GPT-2's printable alphabet stands for.

    Printable Latin-1 stands for itself, the rest follows from U+0100 on, in order.
    """
    alphabet = set(ByteLevel.alphabet())
    itself = {chr(byte): byte for byte in range(256) if chr(byte) in alphabet}
    others = (byte for byte in range(256) if chr(byte) not in alphabet)
    return itself | dict(zip(sorted(alphabet - set(itself)), others, strict=True))


_BYTES = _byte_alphabet()


@dataclass(frozen=True)
class Group:
    """Consecutive tokens that show as one: usually one token, more where a character is split.

    Attributes:
        start: index of the first token.
        stop: index after the last token.
        text: what these tokens say.
    """

    start: int
    stop: int
    text: str


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """The tokenizer of one model folder.

    Attributes:
        backend: the `tokenizers` object; it takes special tokens in a text for plain text.
        bos_id: id of the beginning-of-sequence token, None if the model has none.
        embedded: how many tokens the model has embeddings for, None if that is not known.
    """

    backend: tokenizers.Tokenizer
    bos_id: int | None
    embedded: int | None = None

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """Load tokenizer.json from a model folder.

        Raises:
            ModelError: if it is missing or cannot be read.
        """
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError(
                tr(
                    "The model folder {folder} has no tokenizer.json. Save the model's fast "
                    "tokenizer into it (`tokenizer.save_pretrained`).",
                    folder=folder,
                )
            )
        try:
            backend = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises nothing more specific
            raise ModelError(
                tr(
                    "{file} cannot be read as a tokenizer ({error}). {advice}",
                    file=file,
                    error=error,
                    advice=_what_helps(file),
                )
            ) from error
        backend.encode_special_tokens = True
        backend.no_truncation()
        backend.no_padding()
        embedded = read_vocabulary(folder)
        bos = _bos_id(folder, backend)
        return cls(backend, None if bos is None or bos >= (embedded or inf) else bos, embedded)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`, never a special token's, whatever the text looks like.

        Raises:
            BadInputError: if the text holds half a character (a lone surrogate), or a token that
                the model has no embedding for.
        """
        return list(self._encode(text).ids)

    def encode_prefix(self, text: str, max_tokens: int) -> tuple[list[int], bool]:
        """Return the first `max_tokens` ids of `encode(text)`, and whether there are more.

        Reads only as much of a long text as it needs. Tokens that end within `MARGIN` characters
        of a cut may change with what follows and are not used. Two things reach further than any
        margin, how a run of spaces is split before a word and how some tokenizers group digits:
        if the margin is one such run, the cut moves on.

        Raises:
            BadInputError: as `encode`.
        """
        cut = 2 * MARGIN + 8 * max_tokens
        while cut < len(text):
            if not _ONE_RUN.fullmatch(text, cut - MARGIN, cut):
                encoding = self._encode(text[:cut])
                settled = sum(stop <= cut - MARGIN for _, stop in encoding.offsets)
                if settled >= max_tokens:
                    return list(encoding.ids[:max_tokens]), True
            cut *= 4
        ids = self.encode(text)
        return ids[:max_tokens], len(ids) > max_tokens

    def end(self, text: str, count: int) -> int:
        """Return how many characters of `text` its first `count` tokens are made of."""
        offsets = self._encode(text[: 2 * MARGIN + 8 * count]).offsets
        return max((stop for _, stop in offsets[:count]), default=0)

    def decode(self, ids: list[int]) -> str:
        """Return the text of `ids`, special tokens included; stray bytes become U+FFFD."""
        return str(self.backend.decode(ids, skip_special_tokens=False))

    def pieces(self, ids: list[int]) -> list[str]:
        """Return what each token shows as on its own."""
        return [self._bytes_of(token).decode("utf-8", "replace") for token in ids]

    def groups(self, ids: list[int]) -> list[Group]:
        """Return the tokens in groups that can be shown: no character is split over two groups.

        Every token is in exactly one group. If the tokens' bytes are valid UTF-8, the groups'
        texts joined are `decode(ids)`; bytes that belong to no character show as U+FFFD and stay
        with their own token.
        """
        chunks = [self._bytes_of(token) for token in ids]
        if ids and chunks[0].startswith(b" ") and not self.decode(ids[:1]).startswith(" "):
            chunks[0] = chunks[0][1:]  # SentencePiece: the first word's space is not of the text
        split = _split_characters(b"".join(chunks))

        groups: list[Group] = []
        start, position, said = 0, 0, b""
        for stop, chunk in enumerate(chunks, start=1):
            position += len(chunk)
            said += chunk
            if position not in split:
                groups.append(Group(start, stop, said.decode("utf-8", "replace")))
                start, said = stop, b""
        return groups

    @cached_property
    def _byte_level(self) -> bool:
        decoder = self.backend.decoder
        return decoder is not None and b'"ByteLevel"' in decoder.__getstate__()

    @cached_property
    def _added(self) -> frozenset[int]:
        return frozenset(self.backend.get_added_tokens_decoder())

    def _bytes_of(self, token: int) -> bytes:
        """Return the bytes that a token stands for; an id without a token gives no valid UTF-8."""
        name = self.backend.id_to_token(token)
        if name is None:
            return b"\xff"
        if token in self._added:  # stored as it is written, whatever the others go through
            return bytes(name, "utf-8")
        if self._byte_level:
            if all(character in _BYTES for character in name):
                return bytes(_BYTES[character] for character in name)
            return bytes(name, "utf-8")
        if byte := _BYTE_TOKEN.fullmatch(name):
            return bytes.fromhex(byte[1])
        return bytes(name.replace("▁", " "), "utf-8")

    def _encode(self, text: str) -> tokenizers.Encoding:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise BadInputError(
                tr(
                    "Character {number} of the text is half a character (a lone surrogate). Remove "
                    "it, or save the text as UTF-8 again.",
                    number=error.start + 1,
                )
            ) from error
        encoding = self.backend.encode(text, add_special_tokens=False)
        if self.embedded is not None and max(encoding.ids, default=0) >= self.embedded:
            at = next(i for i, token in enumerate(encoding.ids) if token >= self.embedded)
            raise BadInputError(
                tr(
                    "The text holds “{token}”, token {number} of the tokenizer, and this model has "
                    "embeddings for {count} tokens only. Take it out of the text, or choose a "
                    "model that goes with the tokenizer.",
                    token=encoding.tokens[at],
                    number=encoding.ids[at],
                    count=f"{self.embedded:,}",
                )
            )
        return encoding


def _split_characters(data: bytes) -> set[int]:
    """Return the byte positions that lie inside a valid UTF-8 character."""
    inside: set[int] = set()
    position = 0
    for character in data.decode("utf-8", "surrogateescape"):
        # An escaped byte is a lone surrogate: one byte, of no character.
        length = 1 if "\udc80" <= character <= "\udcff" else len(character.encode())
        inside.update(range(position + 1, position + length))
        position += length
    return inside


def _what_helps(file: Path) -> str:
    """Return what to do about a tokenizer file that cannot be read."""
    try:
        sound = isinstance(json.loads(file.read_text(encoding="utf-8")).get("model"), dict)
    except (OSError, ValueError, AttributeError, RecursionError):
        sound = False
    if not sound:
        return tr("Fetch the model again.")
    return tr(
        "The file is whole, so it was probably written for a newer version of the package "
        "“tokenizers” than the {version} here: upgrade that, or choose another model.",
        version=tokenizers.__version__,
    )


def _bos_id(folder: Path, backend: tokenizers.Tokenizer) -> int | None:
    """Return the BOS id by the first file that says something about it; null says that none is.

    Where config.json names several, it is the first of them.
    """
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        settings = read_object(folder / name)
        if "bos_token" in settings:
            token = settings["bos_token"]
            content = token.get("content") if isinstance(token, dict) else token
            return backend.token_to_id(content) if isinstance(content, str) else None
    named = read_object(folder / "config.json").get("bos_token_id")
    bos = named[0] if isinstance(named, list) and named else named
    if not isinstance(bos, int) or isinstance(bos, bool) or not 0 <= bos < 2**32:
        return None
    return bos if backend.id_to_token(bos) is not None else None
