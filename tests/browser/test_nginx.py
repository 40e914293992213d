"""The app behind Debian's nginx, as `deploy/nginx.conf` sets it up, and behind one that buffers."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explorer.base import folders
from tests.browser.conftest import free_port, started, until_it_answers
from tests.browser.test_push import SLOWLY, Run, right_tokens

pytestmark = pytest.mark.browser
SITE = folders.PROJECT / "deploy" / "nginx.conf"
AROUND = """
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    include /etc/nginx/mime.types;
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@pytest.fixture(scope="module")
def nginx() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx)")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app as the unit starts it, without a worker."""
    cache = tmp_path_factory.mktemp("nginx-cache")
    with started(cache, "--server.baseUrlPath", "explorer", EXPLORER_NO_WORKER="1") as url:
        yield url, cache


@pytest.fixture
def run(server: tuple[str, Path], tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("EXPLORER_CACHE", str(server[1]))
    return Run(tiny_model)


@contextmanager
def proxied(nginx: str, server: str, folder: Path, *changes: tuple[str, str]) -> Iterator[str]:
    """The site of `deploy/`, before this server; gives its address."""
    port = free_port()
    site = SITE.read_text()
    for old, new in (
        *changes,
        ("127.0.0.1:8501", server.removeprefix("http://")),
        ("listen 80", f"listen 127.0.0.1:{port}"),
        ("/var/cache/nginx/proto-tokens", f"{folder}/kept"),
    ):
        assert old in site
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
    process = subprocess.Popen(
        [nginx, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf",
         "-g", "daemon off;"]
    )  # fmt: skip
    try:
        until_it_answers(port, process, folder / "error.log")
        yield f"http{'s' * (f':{port} ssl;' in site)}://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def with_tls(folder: Path) -> list[tuple[str, str]]:
    """The changes that the site names for TLS, with a certificate made here."""
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1",
            "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]  # fmt: skip
    subprocess.run(made, check=True, capture_output=True)
    return [
        ("    listen 80;\n", ""),
        ("# listen 443 ssl;", "listen 80 ssl;"),
        ("# ssl_certificate ", "ssl_certificate "),
        ("# ssl_certificate_key ", "ssl_certificate_key "),
        ("/etc/letsencrypt/live/NAME", str(folder)),
    ]


@pytest.mark.parametrize("tls", [False, True])
def test_page_websocket_and_stream_pass_nginx(
    nginx: str, server: tuple[str, Path], run: Run, page: Page, tmp_path: Path, *, tls: bool
) -> None:
    with proxied(nginx, server[0], tmp_path, *(with_tls(tmp_path) if tls else ())) as url:
        run.step(1)
        page.goto(f"{url}/explorer/?job={run.job}")
        expect(right_tokens(page)).to_have_count(1, timeout=60_000)
        for right in (2, 3):
            run.step(right)
            expect(right_tokens(page)).to_have_count(right, timeout=3000)
        expect(page.locator(".live .note").last).not_to_contain_text("every two seconds")
        page.get_by_role("radio", name="seed 4").click()
        expect(right_tokens(page)).to_have_count(0)
        assert "/explorer/live/news" not in (tmp_path / "access.log").read_text()
        page.goto(f"{url}/explorer")
        expect(page).to_have_url(f"{url}/explorer/")
        (own,) = (c for c in page.context.cookies() if c["name"] == "explorer-browser")
        assert own["secure"] == tls
        kept = [file for file in (tmp_path / "kept").rglob("*") if file.is_file()]
    asked = (tmp_path / "access.log").read_text()
    assert '/explorer/_stcore/stream HTTP/1.1" 101' in asked
    assert "/explorer/live/events?" in asked
    assert len(kept) > 20  # scripts and styles come from nginx the next time


def test_behind_a_proxy_that_holds_the_stream_back_the_page_asks(
    nginx: str, server: tuple[str, Path], run: Run, page: Page, tmp_path: Path
) -> None:
    """One that compresses everything, and does not hear what the answer says of buffering."""
    packs = "gzip on; gzip_min_length 0; gzip_types *; proxy_ignore_headers X-Accel-Buffering;"
    changes = ("gzip off;", packs), ("proxy_buffering off;", "proxy_buffering on;")
    with proxied(nginx, server[0], tmp_path, *changes) as url:
        run.step(1)
        page.goto(f"{url}/explorer/?job={run.job}")
        expect(right_tokens(page)).to_have_count(1, timeout=60_000)
        expect(page.locator(".live .note").last).to_contain_text("every two seconds")
        run.step(2)
        expect(right_tokens(page)).to_have_count(2, timeout=SLOWLY)
    assert "/explorer/live/news?" in (tmp_path / "access.log").read_text()
