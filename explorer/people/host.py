"""The host: whoever started the server, known by a key that is printed when it starts."""

import hashlib
import hmac
import os
import secrets

SHORTEST = 12
VARIABLE = "EXPLORER_HOST_KEY"
_made = secrets.token_urlsafe(12)


def key() -> str:
    """Return this server's key: `EXPLORER_HOST_KEY`, or one that was drawn when it started."""
    given = os.environ.get(VARIABLE, "")
    return given if len(given) >= SHORTEST else _made


def notice() -> str:
    """Say, where the server starts, how to become its host; a key of one's own is not repeated."""
    given = os.environ.get(VARIABLE, "")
    used = given == key()
    refused = "" if used or not given else f"{VARIABLE} is too short ({SHORTEST} characters). "
    how = f"?host= and the value of {VARIABLE}" if used else f"?host={key()}"
    return f"{refused}To be the host of a class, open the app's address once with {how} at its end."


def is_key(given: str) -> bool:
    """Return whether this is the key; how long it takes tells nothing of it."""
    return hmac.compare_digest(given.encode(), key().encode())


def token() -> str:
    """Return what the host's browser keeps instead of the key; it ends with the key."""
    return hashlib.sha256(f"host:{key()}".encode()).hexdigest()


def is_token(kept: str) -> bool:
    """Return whether a browser keeps what this server has given its host."""
    return hmac.compare_digest(kept.encode(), token().encode())
