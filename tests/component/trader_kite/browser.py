"""A real browser as a phone: Chromium, driven over its DevTools protocol."""

import asyncio
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

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--remote-debugging-port=0",
)
LISTENING = re.compile(rb"DevTools listening on ws://([^/]+)/")


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
    assert found, "this test needs a browser: apt-get install chromium, or put one on the PATH"
    return found


class Phone:
    """One tab of the size of a phone's screen."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def open(self, url: str) -> None:
        """Go there."""
        await self._call("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression in the page; None while the page is on its way."""
        answer = await self._call("Runtime.evaluate", expression=script, returnByValue=True, userGesture=True)
        return answer.get("result", {}).get("value")

    async def until(self, script: str, seconds: float = 30) -> Any:
        """The first true value of an expression."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := await self.run(script)):  # noqa: ASYNC110 - the page tells nobody
                    await asyncio.sleep(0.1)
        except TimeoutError:
            shown = await self.run("location.href + ' ' + document.body.innerText")
            raise AssertionError(f"{script} never held; the page shows: {shown}") from None
        return found

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == number:
                result: dict[str, Any] = message.get("result", {})
                return result


@asynccontextmanager
async def phone(directory: Path) -> AsyncIterator[Phone]:
    """A browser of its own while the block runs."""
    process = await asyncio.create_subprocess_exec(
        chromium(),
        *FLAGS,
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
            driven = Phone(socket)
            await driven._call("Page.enable")
            await driven._call(
                "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=3, mobile=True
            )
            yield driven
    finally:
        process.kill()
        await process.communicate()
