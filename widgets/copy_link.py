"""A button that copies a link to what is on the page."""

import streamlit as st

from explorer.base.language import tr

_HTML = '<button type="button" class="copy"></button>'
_CSS = """
.copy {
  font: inherit; cursor: pointer; padding: 0.35rem 0.75rem; border-radius: var(--st-button-radius);
  color: var(--st-text-color); background: transparent; white-space: nowrap;
  border: 1px solid var(--st-border-color); min-height: 2.5rem;
}
.copy:hover, .copy:focus-visible {
  border-color: var(--st-primary-color); color: var(--st-primary-color);
}
"""
_JS = """
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.appendChild(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector(".copy");
  const link = window.location.origin + window.location.pathname + data.query;
  button.title = link;
  button.textContent = data.label;
  button.onclick = async () => {
    await copy(link);
    button.textContent = data.copied;
    setTimeout(() => (button.textContent = data.label), 1500);
  };
}
"""


def copy_link(key: str, query: str) -> None:
    """Show “Copy link” for this page with a query such as `?job=…`."""
    component = st.components.v2.component("copy_link", html=_HTML, css=_CSS, js=_JS)
    said = {"label": tr("Copy link"), "copied": tr("Copied")}
    component(key=key, data={"query": query} | said)
