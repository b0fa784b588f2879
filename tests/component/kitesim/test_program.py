"""The console script starts, says where it listens, and stops when told."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from kiteconnect import KiteConnect

pytestmark = pytest.mark.component
KITESIM = Path(sys.executable).with_name("kitesim")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([KITESIM, *arguments], capture_output=True, text=True, timeout=15, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_two_seconds(number: signal.Signals) -> None:
    """It prints one line when it listens, serves, and ends with code 0 soon after the signal."""
    command = [str(KITESIM), "serve", "--port", "0", "--seed", "3", "--date", "2026-11-23"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("kitesim listening on http://127.0.0.1:")
        assert requests.get(f"{line.split()[-1]}/healthz", timeout=15).json()["status"] == "ok"
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - started < 2


def test_an_open_stream_does_not_delay_the_stop() -> None:
    """A client that never says goodbye is left behind."""
    command = [str(KITESIM), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        login = requests.post(f"{url}/sim/login", json={"user_id": "AB1234"}, timeout=15).json()
        kite = KiteConnect(login["api_key"], root=url)
        token = kite.generate_session(login["request_token"], login["api_secret"])["access_token"]
        kite.reqsession.close()
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=5) as stream:
            stream.sendall(
                f"GET /?api_key={kite.api_key}&access_token={token} HTTP/1.1\r\nHost: kitesim\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert b"101" in stream.recv(64)
            started = time.monotonic()
            process.terminate()
            assert process.wait(5) == 0
            assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--speed", "-1"], ["speed", "-1", "greater than or equal to 0"]),
        (["--market", "bse"], ["market", "'bse'"]),
        (["--date", "yesterday"], ["date", "'yesterday'"]),
        (["--control-token", "/no/such/file"], ["control_token_file", "/no/such/file"]),
        (["--host", "256.0.0.1"], ["cannot listen on 256.0.0.1"]),
        (["--config", "/no/such/file"], ["/no/such/file"]),
    ],
)
def test_a_bad_option_is_one_message_and_code_2(arguments: list[str], words: list[str]) -> None:
    """The message names the field and the value; there is no traceback."""
    result = run("serve", "--port", "0", *arguments)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    for word in words:
        assert word in line


def test_a_configuration_is_checked_without_serving(tmp_path: Path) -> None:
    """Good files are good, bad ones end with code 2 and the reason; the fields are listed with their meaning."""
    file = tmp_path / "kitesim.yaml"
    file.write_text("speed: 10\nusers: [{user_id: AB1234, funds: 500000}]\n")
    assert run("config", "check", file).returncode == 0
    file.write_text("speeed: 10\n")
    result = run("config", "check", file)
    assert (result.returncode, "speeed: no such field" in result.stderr) == (2, True)
    assert "limits.orders_per_second = 10" in run("config", "fields").stdout


def test_config_check_reads_what_the_file_names(tmp_path: Path) -> None:
    """A recording with a bad row, a calendar and a scenario that are none are refused here, not in the middle of a day."""
    (tmp_path / "ticks.csv").write_text(
        "time,instrument,last_price\n1795405503,NSE:INFY,1500\n1795405504,NSE:INFY,cheap\n"
    )
    (tmp_path / "calendar.yaml").write_text(
        "holidays: []\nsessions: {NSE: [{effective: 2026-01-01, open: '15:30', close: '09:15'}]}"
    )
    (tmp_path / "faults.yaml").write_text("faults: [{kind: earthquake}]")
    (tmp_path / "charges.yaml").write_text("rows: [{charge: tip}]")
    for line, words in (
        (f"replay: {tmp_path}/ticks.csv", ("ticks.csv, line 3: last_price", "cheap")),
        (f"calendar_file: {tmp_path}/calendar.yaml", ("calendar.yaml", "ascend")),
        (f"faults_file: {tmp_path}/faults.yaml", ("faults.yaml", "earthquake")),
        (f"charges: {{file: {tmp_path}/charges.yaml}}", ("charges.yaml", "tip")),
    ):
        file = tmp_path / "kitesim.yaml"
        file.write_text(line)
        done = run("config", "check", file)
        assert done.returncode == 2, (line, done.stderr)
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        for word in words:
            assert word in done.stderr, (word, done.stderr)
