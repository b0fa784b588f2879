"""What stands outside a session, in one pod: an HTTP proxy, a webhook, a vault, and a service that tells the caller's address.

It runs alone, with the standard library only. Each request that it sees is one JSON line on its standard output.
"""

import asyncio
import json
import os
import re
import sys
from contextlib import suppress

PROXY_PORT, SERVICE_PORT = 3128, 8000
# Requests in absolute form, each at the beginning of what a client writes (RFC 9112, 3.2.2).
REQUEST = re.compile(rb"(GET|POST|PUT|DELETE) (http://\S+) HTTP/1\.1\r\n")


def note(**fields: str) -> None:
    """Tell what was seen."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_read: bool = False) -> None:
    """Carry over until one side ends; requests to be read along are noted."""
    with suppress(OSError):
        while data := await reader.read(65_536):
            for found in REQUEST.finditer(data) if is_read else ():
                note(at="proxy", method=found[1].decode(), target=found[2].decode())
            writer.write(data)
            await writer.drain()
        writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A tunnel, or requests in absolute form, which every server must take."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
    note(at="proxy", method=method, target=target)
    host, _, port = (target if method == "CONNECT" else target.split("/")[2]).rpartition(":")
    beyond, out = await asyncio.open_connection(host, int(port))
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
    else:
        out.write(head)
    await asyncio.gather(pour(reader, out, is_read=method != "CONNECT"), pour(beyond, writer))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request: /address, /token, or a webhook's message."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:  # the probe only knocks
        writer.close()
        return
    _, path, _ = head.split("\r\n")[0].split(" ")
    length = re.search(r"(?i)^content-length: *(\d+)", head, re.MULTILINE)
    body = (await reader.readexactly(int(length[1]))).decode() if length else ""
    caller = str(writer.get_extra_info("peername")[0])
    path = "/" + path.removeprefix("http://").partition("/")[2] if path.startswith("http") else path
    note(at=path, caller=caller, body=body)
    answer = {"/address": caller, "/token": os.environ["ACCESS_TOKEN"]}.get(path, "taken").encode()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
    await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until the pod is deleted."""
    proxy = await asyncio.start_server(carry, "0.0.0.0", PROXY_PORT)
    services = await asyncio.start_server(serve, "0.0.0.0", SERVICE_PORT)
    await asyncio.gather(proxy.serve_forever(), services.serve_forever())


if __name__ == "__main__":
    asyncio.run(main())
