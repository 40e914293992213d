"""A class that logs in: with an OpenID provider on this machine, by the code flow, for real."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, Page, expect

from explorer.people import owners
from explorer.people.person import recognised
from tests.browser.conftest import TOUR_SEEN, free_port, started
from tests.browser.test_push import Run, right_tokens

pytestmark = pytest.mark.browser
SECRETS = """
[auth]
redirect_uri = "{app}/oauth2callback"
cookie_secret = "{cookie}"
client_id = "explorer"
client_secret = "{client}"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A school's accounts."""
    people = [User(sub=name.lower(), claims={"name": f"{name} L."}) for name in ("Ada", "Ben")]
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def school(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app for a network, with that login; its address and its cache."""
    cache, port = tmp_path_factory.mktemp("login-cache"), free_port()
    app = f"http://127.0.0.1:{port}"
    (cache / "secrets.toml").write_text(
        SECRETS.format(
            app=app, provider=provider, cookie=secrets.token_hex(), client=secrets.token_hex()
        )
    )
    options = "--server.address", "0.0.0.0", "--secrets.files", f"{cache}/secrets.toml"
    with started(cache, *options, port=port, EXPLORER_NO_WORKER="1") as url:
        assert url == app
        yield url, cache


def logged_in(browser: Browser, url: str, name: str) -> Page:
    """A browser of somebody's own, after a login."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(TOUR_SEEN)
    context.route(lambda at: "127.0.0.1" not in at, lambda route: route.abort())  # its style
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(url)
    page.get_by_role("button", name="Your name").click()
    page.get_by_role("button", name="Log in").click()
    page.get_by_placeholder("sub").fill(name.lower())
    page.get_by_role("button", name="Authorize", exact=True).click()
    expect(page.get_by_role("button", name=f"{name} L.")).to_be_visible()
    return page


def test_who_logs_in_is_the_same_person_in_every_browser(
    browser: Browser,
    school: tuple[str, Path],
    provider: str,
    tiny_model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, cache = school
    monkeypatch.setenv("EXPLORER_CACHE", str(cache))
    run = Run(tiny_model)
    owners.note(recognised(f"login:{provider} ada"), run.job)
    run.step(1)
    for name, may_stop in (("Ada", 1), ("Ada", 1), ("Ben", 0)):
        page = logged_in(browser, url, name)
        page.goto(f"{url}/?job={run.job}")
        expect(right_tokens(page)).to_have_count(1)
        expect(page.get_by_text("By Ada L.")).to_have_count(1 - may_stop)
        expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(may_stop)
    page.get_by_role("button", name="Ben L.").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="End session").click()  # the provider's own page
    expect(page.get_by_role("button", name="Your name")).to_be_visible()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
