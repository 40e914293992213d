import pytest

from explorer.people import host


def test_the_key_is_drawn_and_told_where_the_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(host.VARIABLE, raising=False)
    assert len(host.key()) >= host.SHORTEST and f"?host={host.key()}" in host.notice()
    assert host.is_key(host.key()) and not host.is_key("") and not host.is_key(host.key() + "x")
    assert host.is_token(host.token()) and not host.is_token(host.key())


def test_a_key_of_ones_own_is_used_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    before = host.token()
    monkeypatch.setenv(host.VARIABLE, "schlüssel für Raum 12")
    assert host.is_key("schlüssel für Raum 12") and "Raum" not in host.notice()
    assert not host.is_token(before), "what a browser kept ends with the key"


def test_a_short_key_is_refused_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host.VARIABLE, "short")
    assert not host.is_key("short") and "too short" in host.notice()
    assert f"?host={host.key()}" in host.notice()
