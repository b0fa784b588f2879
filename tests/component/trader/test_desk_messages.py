"""Messages reach a real webhook and a real mail server, through the library that the desk's URLs name."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trader.adapters.desk_messages import AppriseDesk, DeskAway

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]


@asynccontextmanager
async def webhook(status: int = 200) -> AsyncIterator[tuple[int, list[dict[str, str]]]]:
    """A receiver of JSON on loopback: its port, and what it was sent."""
    received: list[dict[str, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
        received.append(json.loads(await reader.readexactly(length)))
        writer.write(f"HTTP/1.1 {status} As wished\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], received


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[int, list[str]]]:
    """A mail server that takes everything (RFC 5321): its port, and the mails."""
    mails: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 sink")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            if verb == "DATA":
                say("354 go on")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 sink")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], mails


async def test_a_webhook_and_a_mailbox_are_told(tmp_path: Path) -> None:
    """Every line of the file, comments aside; read anew each time."""
    async with webhook() as (hook, received), mail_server() as (mail, mails):
        file = tmp_path / "urls"
        desk = AppriseDesk(file)
        await desk.send("nobody", "is told")
        assert desk.services == 0
        mailbox = (
            f"mailto://127.0.0.1:{mail}/?from=trader@desk.example&to=meera@desk.example&smtp=127.0.0.1&mode=insecure"
        )
        file.write_text(f"# the desk\njson://127.0.0.1:{hook}/hooks/secret-path\n{mailbox}\n")
        await desk.send("index: KILL", "kill-1 by api meera")
    assert (desk.services, await desk.unusable()) == (2, ())
    assert [(each["title"], each["message"]) for each in received] == [("index: KILL", "kill-1 by api meera")]
    (text,) = mails
    assert "Subject: index: KILL" in text
    assert "kill-1 by api meera" in text


async def test_a_refusal_is_told_without_its_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Which kind of service did not take it, and nothing of its URL, in the exception and in the logs."""
    caplog.set_level(logging.INFO)
    async with webhook(status=500) as (hook, _):
        (tmp_path / "urls").write_text(f"json://user:hunter2@127.0.0.1:{hook}/hooks/secret-path\nhunter2-is-no-url\n")
        with pytest.raises(DeskAway) as caught:
            await AppriseDesk(tmp_path / "urls").send("a", "b")
    assert str(caught.value) == "not taken by: json, something that is no URL"
    for secret in ("hunter2", "secret-path"):
        assert secret not in caplog.text + str(caught.value)


async def test_what_nobody_can_be_told_by_is_found_without_asking_anybody(tmp_path: Path) -> None:
    """Before the first message is lost: a service that does not exist, and something that is no URL; nothing secret is told."""
    (tmp_path / "urls").write_text("json://127.0.0.1:1/hunter2\npigeon://hunter2\nhunter2\n")
    assert await AppriseDesk(tmp_path / "urls").unusable() == ("pigeon", "something that is no URL")
