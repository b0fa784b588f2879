"""A real browser: Chromium, driven over its DevTools protocol. The tests of pages use it, and so do the pictures."""

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

QUIETLY = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
"""Without a screen, and without calls of its own."""
LISTENING = re.compile(rb"DevTools listening on ws://([^/]+)/")
LOAD_SECONDS = 30.0


@cache
def chromium() -> str:
    """Its path; on Debian it is installed when that is allowed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True, timeout=120)
        install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"]
        subprocess.run(install, check=True, capture_output=True, timeout=280)
        found = shutil.which("chromium")
    assert found, "a browser is needed: apt-get install chromium, or put one on the PATH"
    return found


class Tab:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def open(self, url: str) -> None:
        """Go there."""
        await self.call("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression in the page; None while the page is on its way."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, userGesture=True)
        return answer.get("result", {}).get("value")

    async def until(self, script: str, seconds: float = LOAD_SECONDS) -> Any:
        """The first true value of an expression."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := await self.run(script)):  # noqa: ASYNC110 - the page tells nobody
                    await asyncio.sleep(0.1)
        except TimeoutError:
            shown = await self.run("location.href + ' ' + document.body.innerText")
            raise AssertionError(f"{script} never held; the page shows: {shown}") from None
        return found

    async def picture(self, url: str, width: int, scale: float) -> bytes:
        """A page from its top to its end, that wide, as WebP."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=400, deviceScaleFactor=0, mobile=False
        )
        await self.open(url)
        await self.until(f"location.href == {json.dumps(url)} && document.readyState == 'complete'")
        height = await self.run("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        taken = await self.call(
            "Page.captureScreenshot", format="webp", quality=80, captureBeyondViewport=True, clip=clip
        )
        return base64.b64decode(taken["data"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and what it answered."""
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == number:
                result: dict[str, Any] = message.get("result", {})
                return result


@asynccontextmanager
async def browser(directory: Path) -> AsyncIterator[Tab]:
    """A browser of its own while the block runs, its files in that directory; its one tab."""
    process = await asyncio.create_subprocess_exec(
        chromium(),
        *QUIETLY,
        "--remote-debugging-port=0",
        f"--user-data-dir={directory / 'browser'}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while not (found := LISTENING.search(await process.stderr.readline())):
                pass
        address = found[1].decode()
        async with httpx.AsyncClient(trust_env=False) as http:
            tabs = (await http.get(f"http://{address}/json")).json()
        (tab,) = [each for each in tabs if each["type"] == "page"]
        async with connect(tab["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
            driven = Tab(socket)
            await driven.call("Page.enable")
            yield driven
    finally:
        process.kill()
        await process.communicate()
