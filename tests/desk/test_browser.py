"""The desk in a real browser: the way in, and that the browser's hands and eyes work."""

from __future__ import annotations

import pytest

from desk.context import Desk
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.desks import PASSWORD, make_small_desk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_small_desk(tmp_path_factory.mktemp("desk"), 4)[0]


def test_somebody_signs_in_with_keys_alone(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    desk.accounts.make("somebody", "reviewer", PASSWORD)
    there.open(f"{address}/calls")
    assert barriers(there) == []
    there.wait_for("document.activeElement.name === 'name'")
    there.type("somebody")
    there.press("Tab")
    there.type(PASSWORD)
    there.press("Enter")
    there.wait_for("location.pathname === '/calls' && document.querySelector('tbody a')")
    assert barriers(there) == []
    there.click("tbody a")
    there.wait_for("location.pathname.startsWith('/calls/')")


def test_what_a_field_hears_while_an_input_method_composes(page: tuple[Browser, str]) -> None:
    there, address = page
    there.open(f"{address}/sign-in")
    there.run(
        "window.heard = []; addEventListener('keydown', e => heard.push([e.code, e.key, e.isComposing, e.shiftKey]))"
    )
    there.click("[name=name]")
    there.compose("ni")
    there.press("A", composing=True)
    there.type("你")
    there.press("Shift+B")
    assert there.run("heard") == [["KeyA", "Process", True, False], ["KeyB", "B", False, True]]
    assert there.run("document.querySelector('[name=name]').value") == "你B"
    there.viewport(390, 800, mobile=True)
    there.emulate(dark=True)
    assert there.run("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]") == [390, True]
    there.run("alert('anybody?'), true")
    assert there.dialogs == ["anybody?"]
    assert there.complaints == []
    assert [url for url in there.requests if not url.startswith((address, "data:"))] == []
