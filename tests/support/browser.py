"""Headless Chromium for tests, spoken to over its DevTools pipe: no driver, no extra package.

Clicks and keys are the browser's own events, as a hand makes them, and no scripts that pretend.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe",
)  # fmt: skip


def chromium_or_skip() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium on this machine; apt-get install chromium")


class BrowserError(AssertionError):
    """Chromium refused a command, or a script of ours threw."""


class Browser:
    """One page. `requests` are the URLs it asked for, `complaints` its console errors and exceptions.

    `dialogs` are the texts of its dialogs; each is answered with "OK".
    """

    def __init__(self, write: int, read: int) -> None:
        self.write, self.read = write, read
        self.buffer = b""
        self.number = 0
        self.session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[str] = []
        self.loaded = False

    def start(self) -> None:
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def open(self, url: str) -> None:
        self.loaded = False
        self.command("Page.navigate", url=url)
        end = time.monotonic() + 60
        while not self.loaded:
            self._receive(end)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait_for(self, expression: str, timeout_s: float = 10.0) -> Any:
        """The first true value of an expression, over a change of page too; of an element that it is there."""
        end, said = time.monotonic() + timeout_s, None
        plain = f"(async () => {{ const v = await ({expression}); return v instanceof Node ? true : v; }})()"
        while time.monotonic() < end:
            try:
                if said := self.run(plain):
                    return said
            except BrowserError as error:  # the page is just being changed
                said = error
            time.sleep(0.02)
        raise BrowserError(f"not within {timeout_s} s: {expression} (last: {said!r}; {self.complaints[-3:]})")

    # hands

    def click(self, selector: str, modifiers: str = "") -> None:
        """Click the middle of an element, once that lies in sight and nothing else lies over it."""
        place = self.wait_for(
            f"""(() => {{
                const element = document.querySelector({json.dumps(selector)});
                if (!element) return null;
                element.scrollIntoView({{block: "center", behavior: "instant"}});
                const box = element.getBoundingClientRect();
                const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
                const top = document.elementFromPoint(x, y);
                return top && (element.contains(top) || top.contains(element)) ? {{x, y}} : null;
            }})()"""
        )
        self.click_at(place["x"], place["y"], modifiers)

    def click_at(self, x: float, y: float, modifiers: str = "") -> None:
        """Click a place of what is in sight."""
        held = _held(modifiers.split("+"))
        for kind, count in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 1)):
            button = "left" if count else "none"
            self.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=count, modifiers=held
            )

    def press(self, keys: str, *, composing: bool = False) -> None:
        """Press and release a key, with others held: "J", "Shift+J", "Control+Enter", "F8", "?", "/".

        `composing`: as the browser tells of a key that an input method takes.
        """
        *others, name = keys.split("+") if keys != "+" else ["+"]
        key, code, number, text, shifted = _key(name)
        held = _held(others) | (8 if shifted else 0)
        if held & 8 and len(key) == 1:
            key = text = key.upper()
        if held & ~8 or composing:
            text = ""
        if composing:
            key, number = "Process", 229
        down = {"type": "keyDown" if text else "rawKeyDown", "text": text}
        for event in (down, {"type": "keyUp"}):
            self.command(
                "Input.dispatchKeyEvent", key=key, code=code, windowsVirtualKeyCode=number, modifiers=held, **event
            )

    def type(self, text: str) -> None:
        """Put a text where the cursor stands, as an input method or pasting does."""
        self.command("Input.insertText", text=text)

    def compose(self, text: str) -> None:
        """Begin to compose a text where the cursor stands; `type` ends it."""
        self.command("Input.imeSetComposition", text=text, selectionStart=len(text), selectionEnd=len(text))

    # eyes

    def viewport(self, width: int, height: int, mobile: bool = False) -> None:
        """The size of what is in sight."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        self.command("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def emulate(self, *, dark: bool = False, reduced_motion: bool = False, printed: bool = False) -> None:
        """What somebody has set in their system."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"},
        ]
        self.command("Emulation.setEmulatedMedia", media="print" if printed else "", features=features)

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """A PNG of the whole page, or of what is in sight."""
        shot: dict[str, Any] = {"captureBeyondViewport": whole}
        if whole:
            size = self.command("Page.getLayoutMetrics")["cssContentSize"]
            shot["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", **shot)["data"]))

    # memory

    def set_cookie(self, address: str, name: str, value: str) -> None:
        """Give the browser a cookie of an address."""
        self.command("Network.setCookie", url=address, name=name, value=value, httpOnly=True, sameSite="Lax")

    def clear_cookies(self) -> None:
        """Take all cookies from it."""
        self.command("Network.clearBrowserCookies")

    # the pipe

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        number = self._send(method, params)
        end = time.monotonic() + 60
        while True:
            message = self._receive(end)
            if message.get("id") == number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result

    def _send(self, method: str, params: dict[str, Any]) -> int:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data) :]
        return self.number

    def _receive(self, end: float) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select([self.read], [], [], max(0.0, end - time.monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self.read, 1 << 20)
            assert data, "Chromium has gone"
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            self._send("Page.handleJavaScriptDialog", {"accept": True})
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str(params["args"]))


_MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}
_NAMED_KEYS = {
    "Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, ""), "Escape": ("Escape", 27, ""), "Space": ("Space", 32, " "),
    "Backspace": ("Backspace", 8, ""), "Delete": ("Delete", 46, ""), "Home": ("Home", 36, ""), "End": ("End", 35, ""),
    "PageUp": ("PageUp", 33, ""), "PageDown": ("PageDown", 34, ""), "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowUp": ("ArrowUp", 38, ""), "ArrowRight": ("ArrowRight", 39, ""), "ArrowDown": ("ArrowDown", 40, ""),
    "MediaPlayPause": ("MediaPlayPause", 179, ""),
}  # fmt: skip
_SIGNS = {
    "/": ("Slash", 191, False), "?": ("Slash", 191, True), ",": ("Comma", 188, False), "<": ("Comma", 188, True),
    ".": ("Period", 190, False), ">": ("Period", 190, True), "-": ("Minus", 189, False), "+": ("Equal", 187, True),
}  # fmt: skip


def _held(names: Sequence[str]) -> int:
    return sum(_MODIFIERS[name] for name in names if name)


def _key(name: str) -> tuple[str, str, int, str, bool]:
    """Of a key's name: what it says, its place on the keyboard, its number, its text, whether Shift makes it."""
    if name in _NAMED_KEYS:
        code, number, text = _NAMED_KEYS[name]
        return (" " if name == "Space" else name), code, number, text, False
    if name in _SIGNS:
        code, number, shifted = _SIGNS[name]
        return name, code, number, name, shifted
    if name[0] == "F" and name[1:].isdigit():
        return name, name, 111 + int(name[1:]), "", False
    assert len(name) == 1, name
    kind = "Digit" if name.isdigit() else "Key"
    return name.lower(), f"{kind}{name.upper()}", ord(name.upper()), name.lower(), False


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A fresh Chromium with an empty profile."""
    executable = chromium_or_skip()
    child_reads, we_write = os.pipe()
    we_read, child_writes = os.pipe()

    # Chromium expects the pipe's ends as descriptors 3 and 4; the shell moves them there
    command = f'exec "$0" "$@" 3<&{child_reads} 4>&{child_writes}'
    process = subprocess.Popen(
        ["bash", "-c", command, executable, *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(child_reads, child_writes),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(child_reads)
    os.close(child_writes)
    try:
        page = Browser(we_write, we_read)
        page.start()
        yield page
        page.session = None
        page.command("Browser.close")
    finally:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(we_write)
        os.close(we_read)
