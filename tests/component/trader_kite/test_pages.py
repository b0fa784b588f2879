"""A person with a phone logs the session in at the broker, and kills it: a real browser, kitesim's own login page."""

import sqlite3
from pathlib import Path

import pytest

from kitesim.config import SimulatorConfig
from kitesim.server import start
from tests.component.trader_kite.browser import phone
from tests.component.trader_kite.test_run_by_hand import state, trader, until
from tests.component.trader_kite.test_run_in_a_pod import free_port

pytestmark = [pytest.mark.component, pytest.mark.timeout(240)]

FITS = "document.documentElement.scrollWidth <= window.innerWidth"


async def test_a_phone_logs_in_and_kills(tmp_path: Path) -> None:
    """No token at first: nothing trades; after the login it is stored, taken into use, and LIVE; the kill makes it flat.

    Who did it stands in the audit trail, and the tokens stand nowhere but in their files.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    user = {
        "user_id": "AB1234",
        "api_key": "desk-key",
        "api_secret": "desk-secret",
        "redirect_url": f"{address}/login/done",
    }
    config = SimulatorConfig.model_validate({"port": 0, "seed": 3, "speed": 8, "start": "09:28:20", "users": [user]})
    simulator = await start(config)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "api_key").write_text("desk-key")
    (credentials / "api_secret").write_text("desk-secret")
    arguments = ("--broker", simulator.url, "--account", "AB1234", "--http", f"127.0.0.1:{port}")
    try:
        async with trader(tmp_path, *arguments), phone(tmp_path) as browser:
            shown = await until(tmp_path, lambda shown: any(not line["passed"] for line in shown["preflight"]))
            red = {line["name"]: line["detail"] for line in shown["preflight"] if not line["passed"]}
            assert "access_token" in red["broker token"]
            assert shown["tradingState"] != "LIVE"
            bearer = (credentials / "api_token").read_text().strip()

            await browser.open(f"{address}/login#{bearer}")
            await browser.until("!!document.querySelector('button')")
            assert await browser.run(FITS)
            assert await browser.run("location.href") == f"{address}/login", "the bearer left the address bar"
            await browser.run("document.querySelector('button').click()")
            await browser.until(f"location.href.startsWith('{simulator.url}/connect/login')")
            await browser.until("!!document.querySelector('button')")
            await browser.run("document.querySelector('button').click()")
            await browser.until(f"location.href == '{address}/login?outcome=stored'")
            assert "is stored" in await browser.until("document.getElementById('said').textContent")
            await until(tmp_path, lambda shown: shown["tradingState"] == "LIVE")
            token_file = credentials / "access_token"
            assert token_file.stat().st_mode & 0o077 == 0

            await browser.open(f"{address}/kill")
            await browser.until("/LIVE/.test(document.getElementById('who').textContent)")
            assert await browser.run(FITS)
            assert await browser.run("document.getElementById('kill').getBoundingClientRect().height") > 60
            await browser.run("document.getElementById('kill').click()")
            assert await browser.run("document.getElementById('sure').hidden"), "not without a reason"
            await browser.run("document.getElementById('reason').value = 'from the train'")
            await browser.run("document.getElementById('kill').click()")
            await browser.until("!document.getElementById('sure').hidden")
            assert (await state(tmp_path))["kill"] is None, "not before it is confirmed"
            await browser.run("document.getElementById('sure').click()")
            assert "killed: kill-" in await browser.until("document.getElementById('said').textContent")
            await browser.until("document.getElementById('flat').textContent == 'FLAT'")
            shown = await until(tmp_path, lambda shown: shown["tradingState"] == "HALTED")
            assert (shown["kill"]["note"], shown["kill"]["by"]) == ("from the train", "api token file")
    finally:
        await simulator.stop()

    with sqlite3.connect(tmp_path / "journal.db") as connection:
        rows = connection.execute("select who, action, outcome, detail from audit order by number").fetchall()
    connection.close()
    assert [row[:3] for row in rows if row[1] != "live"] == [
        ("token file", "login", "begun"),
        ("token file", "login", "stored"),
        ("token file", "kill", "taken"),
    ]
    assert "from the train (open risk" in rows[-1][3]
    said = (tmp_path / "trader.log").read_text() + (tmp_path / "journal.db").read_bytes().decode(errors="replace")
    for secret in (bearer, token_file.read_text(), "desk-secret"):
        assert secret not in said
