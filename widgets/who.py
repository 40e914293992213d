"""Who somebody is, in the corner of every page: a name if they like, or the login that is set up.

On a server that only its own machine reaches there is nobody to be told from, and nothing is shown.
"""

from collections.abc import Mapping

import streamlit as st

from explorer.base.language import later, tr
from explorer.people.person import MOST_LETTERS, own_name, rename
from widgets import server
from widgets.guard import sentences
from widgets.markdown import escaped

NAME = "own-name"
NAME_HELP = later(
    "Everybody here sees it beside what you train. A cookie remembers this browser; you need no "
    "account."
)


def show() -> None:
    """Show the visitor's name, to be changed, and whether they are the host."""
    if st.query_params.get("host"):  # the right key leads to an address without it
        st.warning(
            tr(
                "This is not this server's host key. The key is printed when the server starts, "
                "and every start makes a new one."
            ),
            icon=":material/key_off:",
        )
    if server.is_private():
        return
    with sentences():
        person = server.person()
        login = server.logged_in()
        name = own_name(person)
        if login and login[1][:MOST_LETTERS] != name:
            name = rename(person, login[1][:MOST_LETTERS])
        icon = ":material/shield_person:" if person.is_host else ":material/person:"
        with st.container(key="who"), st.popover(escaped(name) or tr("Your name"), icon=icon):
            if login:
                st.button(
                    tr("Log out"), icon=":material/logout:", on_click=st.logout, key="log-out"
                )
            else:
                _name(name)
                _log_in()
            if person.is_host:
                st.caption(tr("You are the host: you can stop and delete anybody's work."))


def _name(name: str) -> None:
    def rename_me() -> None:
        with server.said():
            rename(server.person(), st.session_state[NAME])

    st.session_state.setdefault(NAME, name)
    st.text_input(
        tr("Your name"),
        max_chars=MOST_LETTERS,
        key=NAME,
        placeholder=tr("optional"),
        help=tr(NAME_HELP),
        on_change=rename_me,
    )


def _log_in() -> None:
    """Offer the logins that are set up in the server's secrets, if there are any."""
    if "is_logged_in" not in st.user.to_dict():
        return
    providers = [key for key, part in st.secrets["auth"].items() if isinstance(part, Mapping)]
    for provider in providers or [None]:
        st.button(
            tr("Log in with {provider}", provider=escaped(provider)) if provider else tr("Log in"),
            icon=":material/login:",
            on_click=st.login,
            args=(provider,) if provider else (),
            key=f"log-in-{provider}",
        )
