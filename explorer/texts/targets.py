"""From a text to the token ids that two vectors shall learn to say."""

from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError
from explorer.base.language import tr

MAX_TARGET_TOKENS = 2_048
"""Most tokens of a target whose length was not chosen; the paper's longest has 1,448."""


def target_ids(
    text: str,
    tokenizer: Tokenizer,
    length: int | None,
    max_positions: int | None = None,
) -> list[int]:
    """Return the first `length` token ids of `text`, never a special token's.

    Args:
        text: any text; only as much of it is read as is needed.
        tokenizer: the chosen model's.
        length: N, the number of target tokens; None for the whole text, which then may have at
            most `MAX_TARGET_TOKENS`.
        max_positions: longest target that the model has positions for; arrangement A4 needs one
            more position than it has target tokens.

    Raises:
        BadInputError: if the text is empty or has too few tokens, or the length is out of range.
    """
    most = max_positions if max_positions is not None else length or MAX_TARGET_TOKENS
    if length is not None and length < 1:
        raise BadInputError(
            tr("A target of {length} tokens is impossible. Choose a length from 1.", length=length)
        )
    if length is not None and length > most:
        raise BadInputError(
            tr(
                "The model has positions for {most} target tokens and {length} are wanted. Lower "
                "the length to {most} or less.",
                most=f"{most:,}",
                length=f"{length:,}",
            )
        )
    if not text:
        raise BadInputError(tr("The text is empty. Type, paste or choose one."))
    if text.isspace():
        raise BadInputError(tr("The text is nothing but white space. Type, paste or choose one."))
    ids, more = tokenizer.encode_prefix(text, length or min(most, MAX_TARGET_TOKENS))
    if not ids:
        raise BadInputError(tr("The text has no tokens. Type, paste or choose another one."))
    if length is None and more:
        raise BadInputError(
            tr(
                "The whole text has more than {count} tokens. Choose how many of them to use.",
                count=f"{len(ids):,}",
            )
        )
    if length is None or len(ids) == length:
        return ids
    if len(ids) == 1:
        raise BadInputError(
            tr(
                "The text is a single token and {length} are wanted. Use a longer text, or lower "
                "the length to 1.",
                length=f"{length:,}",
            )
        )
    raise BadInputError(
        tr(
            "The text has {count} tokens and {length} are wanted. Use a longer text, or lower the "
            "length to {count}.",
            count=f"{len(ids):,}",
            length=f"{length:,}",
        )
    )
