"""Lets mkdocs build its site from the files as they lie in the repository: a hook of mkdocs.yml.

Files outside of docs/ become pages of their own, and links are turned to where their target is on
the site, so that the same links work on a code host and here.
"""

import posixpath
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from explorer.base import folders

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "notebook.md",
}
"""Where files outside of docs/ are on the site."""
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of files outside of docs/."""
    for source, page in PAGES.items():
        text = (folders.PROJECT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn a page's relative links to where their targets are on the site."""
    uri = page.file.src_uri
    sources = {page: source for source, page in PAGES.items()}
    return turned(markdown, sources.get(uri, f"docs/{uri}"))


def turned(markdown: str, source: str) -> str:
    """Return a file's text with its relative links turned.

    Args:
        markdown: the text.
        source: path of the file in the repository, from which its links start.
    """

    def turn(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        return "](" + PAGES.get(path, path.removeprefix("docs/"))

    return LINK.sub(turn, markdown)
