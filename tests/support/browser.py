"""Chromium without a window, driven through chromedriver's HTTP protocol (W3C WebDriver).

apt-get install chromium chromium-driver
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"),
    *("disable-component-update", "disable-sync", "disable-dev-shm-usage"),
)
MISSING = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
"""The programs that are not here."""
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    """One open browser. `session` is the address of its WebDriver session."""

    def __init__(self, session: str):
        self.session = session

    def command(self, path: str, method: str = "POST", **values: Any) -> Any:
        """Send one command and return its value. Raises urllib's HTTPError where the browser refuses it."""
        body = json.dumps(values).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self.session}{path}", body, method=method)
        with DIRECT.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def devtools(self, name: str, **values: Any) -> Any:
        return self.command("/goog/cdp/execute", cmd=name, params=values)

    def open(self, address: str, width: int = 1400, height: int = 1000, scheme: str = "light") -> None:
        """Open an address in a window of that size, on a system that prefers light or dark."""
        narrow = width < 600
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=narrow
        )
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.command("/url", url=address)

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what the body of a function of JavaScript returns."""
        return self.command("/execute/sync", script=script, args=list(arguments))

    def comes_to(self, script: str, value: Any, seconds: float = 20) -> bool:
        """Tell whether a script returns a value within some seconds: images load and events are sent when they are."""
        deadline = time.monotonic() + seconds
        while self.run(script) != value:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def has(self, selector: str, seconds: float = 20) -> bool:
        """Tell whether the page comes to have an element, without running a script in it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(HTTPError):  # while another document takes the place of this one
                root = self.devtools("DOM.getDocument")["root"]["nodeId"]
                if self.devtools("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]:
                    return True
            time.sleep(0.05)
        return False

    def press(self, *keys: str) -> None:
        """Press and release keys, by WebDriver's names for the special ones."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.command("/actions", actions=[{"type": "key", "id": "keys", "actions": actions}])

    def click(self, selector: str) -> None:
        """Click an element as a mouse does, after scrolling to it. Raises HTTPError where it is covered."""
        (element,) = self.command("/element", using="css selector", value=selector).values()
        self.command(f"/element/{element}/click")

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Return what was logged since the last call: `browser` (the console) or `performance` (DevTools' events)."""
        return self.command("/se/log", type=kind)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.command("/screenshot", "GET")))

    def pdf(self) -> bytes:
        """Print the page."""
        return base64.b64decode(self.command("/print"))


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start a browser whose profile is an empty folder, and stop it."""
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert driver.stdout
        started = next(filter(None, (re.search(r"successfully on port (\d+)", line) for line in driver.stdout)))
        address = f"http://127.0.0.1:{started[1]}"
        options = {"args": [f"--{flag}" for flag in (*FLAGS, f"user-data-dir={profile}")]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        made = Browser(address).command("/session", capabilities={"alwaysMatch": wanted})
        browser = Browser(f"{address}/session/{made['sessionId']}")
        try:
            yield browser
        finally:
            browser.command("", "DELETE")
    finally:
        driver.terminate()
        driver.wait()
