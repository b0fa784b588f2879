"""red-team: what an attacker, a mistake or a curious neighbour would try: refused, without effect, on record."""

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from ops.drills.framework import Drill, Findings, Variant
from ops.drills.processes import program, seconds_until
from ops.drills.stand import PROTECT_SECONDS, Stand, wait
from ops.drills.traders import API_TOKEN, Trader
from ops.drills.venue import ACCOUNT
from trader.domain.values import Leg

FLAT_SECONDS: Final = 2.0
LOST_EXIT: Final = 75
STRANGER: Final = "stranger-bearer-5e0c1f"
VIEWER: Final = "viewer-bearer-91ab77"
OURS: Final = {"Authorization": f"Bearer {API_TOKEN}", "Content-Type": "application/json"}
CHANGES: Final = frozenset(
    {"order_accepted", "order_modified", "order_cancelled", "order_rejected", "modification_rejected"}
)


def stolen_lease(stand: Stand, findings: Findings) -> None:
    """A foreign holder writes itself into the Lease: the leader cuts itself off and touches nothing, not even to cancel."""
    (leader,) = stand.traders
    stand.break_out()
    stand.await_protected(leader)
    stand.plane.steal("somebody-else_uid-9_00000000", 60)
    took = seconds_until(lambda: leader.program.exit_code is not None, 10)
    findings.at_most("the leader ends by itself", 5, took)
    findings.expect("with the exit code for lost leadership", LOST_EXIT, leader.program.exit_code)
    stolen_at = stand.plane.leases[-1].at_ns
    # One request may have been under way when the Lease was written over: the longest send is a second.
    later = [
        each for each in stand.exchange.log() if each["kind"] in CHANGES and each["machine_time_ns"] > stolen_at + 10**9
    ]
    findings.expect("nothing was touched at the broker since", [], [each["kind"] for each in later])
    findings.expect(
        "the stranger's name stands, it was not written over", True, stand.plane.holder().startswith("somebody-else")
    )


def forged_postback(stand: Stand, findings: Findings) -> None:
    """Somebody posts a fill with a false checksum to every likely door; the book and the state stay as they are."""
    (leader,) = stand.traders
    stand.break_out()
    stand.await_protected(leader)
    stop = leader.state()["brackets"][0]["stop"]
    before = _position(leader)
    forged = {
        "order_id": stop["orderId"],
        "tag": stop["tag"],
        "status": "COMPLETE",
        "filled_quantity": stop["quantity"],
        "pending_quantity": 0,
        "user_id": ACCOUNT,
        "order_timestamp": "2026-11-23 10:00:00",
        "checksum": "0" * 64,
    }
    doors = ("/", "/postback", "/v1/postback", "/postbacks", "/kite/postback", "/v1/state", "/healthz", "/metrics")
    answers = {door: leader.ask(door, body=json.dumps(forged).encode(), headers=OURS)[0] for door in doors}
    findings.expect("no door takes it", {404, 405}, set(answers.values()), held=set(answers.values()) <= {404, 405})
    wait(1)
    findings.expect("the position is what it was", before, _position(leader))
    findings.expect("the stop still works", True, stand.has_stop(leader))


def foreign_token(stand: Stand, findings: Findings) -> None:
    """No token, a wrong one, one of another pod, one that may look but not act: 401 and 403, each attempt to act on record."""
    (leader,) = stand.traders
    stand.plane.users[VIEWER] = {"username": "system:serviceaccount:elsewhere:viewer", "uid": "u1", "groups": []}
    stand.plane.allowed.add(("system:serviceaccount:elsewhere:viewer", "get", "state"))
    kill = json.dumps({"reason": "not mine to give"}).encode()

    def asked(token: str | None, path: str, body: bytes | None = None) -> int:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return leader.ask(path, body=body, headers=headers)[0]

    findings.expect("without a token nobody looks", 401, asked(None, "/v1/state"))
    findings.expect("without a token nobody kills", 401, asked(None, "/v1/kill", kill))
    findings.expect("a token that nobody knows is refused", 401, asked(STRANGER, "/v1/kill", kill))
    findings.expect(
        "another way of saying it helps nobody",
        401,
        leader.ask("/v1/state", headers={"Authorization": f"Basic {API_TOKEN}"})[0],
    )
    findings.expect("who may look, looks", 200, asked(VIEWER, "/v1/state"))
    findings.expect("and may not kill", 403, asked(VIEWER, "/v1/kill", kill))
    findings.expect("and may not release", 403, asked(VIEWER, "/v1/release", b'{"id": "kill-1"}'))
    findings.expect("the break-glass token releases nothing", 403, asked(API_TOKEN, "/v1/release", b'{"id": "kill-1"}'))
    findings.expect("no kill stands", None, leader.state().get("kill"))
    took = seconds_until(lambda: _audited(stand, "viewer") >= 2, 5)
    findings.at_most("both refused attempts are on record, with who", 5, took)
    stand.break_out()
    findings.at_most(
        "it trades on", PROTECT_SECONDS, seconds_until(lambda: stand.is_protected(leader), PROTECT_SECONDS)
    )


def malformed_input(stand: Stand, findings: Findings) -> None:
    """Too large, too deep, not JSON, not text, of the wrong kind: a refusal each, no kill, and it trades on."""
    (leader,) = stand.traders
    deep = b'{"reason": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    bodies = {
        "300 kB": json.dumps({"reason": "x" * 300_000}).encode(),
        "a reason of 501 letters": json.dumps({"reason": "x" * 501}).encode(),
        "20,000 brackets deep": deep,
        "not JSON": b"reason=please",
        "not text": bytes(range(256)),
        "a number for a reason": b'{"reason": 1}',
        "an empty reason": b'{"reason": ""}',
        "an unknown field": b'{"reason": "x", "force": true}',
        "a list": b"[]",
        "nothing": b"",
    }
    for what, body in bodies.items():
        status, answer = leader.ask("/v1/kill", body=body, headers=OURS)
        findings.expect(f"{what} is refused", "4xx", status, held=400 <= status < 500)
        findings.expect(f"{what} is answered without a traceback", False, "Traceback" in answer)
    paths = ("/v1/../v1/kill", "/%2e%2e/etc/passwd", "/v1/kill%00", "//v1/state", "/v1/state/" + "a" * 4000)
    for path in paths:
        status = leader.ask(path, headers=OURS)[0]
        findings.expect(f"{path[:24]} leads nowhere", "4xx", status, held=400 <= status < 500)
    shown = leader.state()
    findings.expect("no kill stands, and it is LIVE", (None, "LIVE"), (shown.get("kill"), shown.get("tradingState")))
    stand.break_out()
    findings.at_most(
        "it trades on", PROTECT_SECONDS, seconds_until(lambda: stand.is_protected(leader), PROTECT_SECONDS)
    )


def loosening_manifest(stand: Stand, findings: Findings) -> None:
    """Profiles that would loosen a bound are refused before any pod runs with them, field by field."""
    (leader,) = stand.traders
    profile = yaml.safe_load((stand.folder / "profile.yaml").read_text(encoding="utf-8"))
    rate = {"per_second": 50, "per_minute": 400, "per_day": 5000}
    attempts: dict[str, dict[str, Any]] = {
        "per_trade_risk": {**profile, "per_trade_risk": 0.05, "max_heat": 0.05},
        "max_heat": {**profile, "max_heat": 0.021},
        "max_daily_loss": {**profile, "max_daily_loss": 1.0},
        "order_rate.per_second": {**profile, "order_rate": rate},
        "heartbeats.market_data_seconds": {
            **profile,
            "heartbeats": {"market_data_seconds": 3600, "order_stream_seconds": 5},
        },
        "ignore_kill": {**profile, "ignore_kill": True},
    }
    for field, document in attempts.items():
        file = stand.folder / "loose.yaml"
        file.write_text(json.dumps(document), encoding="utf-8")
        checked = subprocess.run(
            [program("trader"), "config", "check", str(file)], capture_output=True, text=True, timeout=60, check=False
        )
        findings.expect(f"{field}: refused", 2, checked.returncode)
        findings.expect(f"{field}: the message names it", True, field.rpartition(".")[2] in checked.stderr)
    findings.expect("the running trader is LIVE all the while", "LIVE", leader.state().get("tradingState"))
    stand.break_out()
    findings.at_most("and trades", PROTECT_SECONDS, seconds_until(lambda: stand.is_protected(leader), PROTECT_SECONDS))


def kill_outlives_manifests(stand: Stand, findings: Findings) -> None:
    """A kill by manifest makes flat; re-applying a manifest without it, or releasing another, lets nothing trade again."""
    (leader,) = stand.traders
    stand.break_out()
    stand.await_protected(leader)
    stand.plane.patch_session({"killSwitch": {"engaged": True, "reason": "red team"}})

    def halted() -> bool:
        shown = leader.state()
        return shown.get("tradingState") == "HALTED" and bool(shown.get("isFlat"))

    findings.at_most("flat and halted", FLAT_SECONDS, seconds_until(halted, 10))
    kill = str((leader.state().get("kill") or {}).get("id"))
    for what, switch in {
        "the old manifest, applied again": {"engaged": False, "reason": ""},
        "the field left out": {},
        "the release of another kill": {"engaged": False, "release": "kill-00000000"},
    }.items():
        stand.plane.patch_session({"killSwitch": switch})
        wait(1.0)
        findings.expect(f"{what}: the kill stands", kill, (leader.state().get("kill") or {}).get("id"))
    before = len(stand.exchange.accepted())
    stand.break_out("BANKNIFTY")
    wait(2.0)
    findings.expect("a signal is answered with nothing", before, len(stand.exchange.accepted()))
    stand.plane.patch_session({"killSwitch": {"engaged": False, "release": kill}})
    released = seconds_until(lambda: leader.state().get("kill") is None, 10)
    findings.at_most("its own id releases it", 10, released)


def secrets_in_output(stand: Stand, findings: Findings) -> None:
    """Known secrets go through everything that logs, stores or shows; then all of it is searched for them."""
    (leader,) = stand.traders
    login = stand.exchange.login()
    leader.ask("/v1/state", headers={"Authorization": f"Bearer {STRANGER}"})
    leader.ask(f"/v1/state?access_token={STRANGER}&api_key={login['api_key']}", headers=OURS)
    leader.ask("/v1/kill", body=json.dumps({"reason": 1, "token": STRANGER}).encode(), headers=OURS)
    # Errors speak most: a broker that cuts connections, and a token that dies in the middle of a trade.
    stand.exchange.fault("drop-after", method="POST", path="/orders/regular", count=1)
    stand.break_out()
    stand.await_leg(Leg.ENTRY)
    stand.exchange.fault("token-expired", count=2)
    wait(2.0)
    leader.state()
    pages = leader.ask("/metrics")[1] + leader.ask("/v1/state", headers=OURS)[1] + leader.ask("/readyz")[1]
    secrets = {
        "the API's bearer": API_TOKEN,
        "a stranger's bearer": STRANGER,
        "the api_secret": login["api_secret"],
        # The traders' own access token is known to them and to kitesim alone; this is how both write it before they send it.
        "an Authorization of Kite": f"token {login['api_key']}:",
        "an access token in an address": f"api_key={login['api_key']}&access_token=",
    }
    for what, secret in secrets.items():
        places = [
            str(each.relative_to(stand.folder)) for each in _outputs(stand) if secret.encode() in each.read_bytes()
        ]
        findings.expect(f"{what} stands in no log, journal or record", [], places)
        findings.expect(f"{what} is shown by no route", False, secret in pages)
    findings.at_least("files were searched", 3, len(_outputs(stand)))


def _outputs(stand: Stand) -> list[Path]:
    """Everything the traders wrote: logs, journal, emergency journal. Not what they were given."""
    given = {"credentials", "database"}
    files = [each for each in stand.folder.rglob("*") if each.is_file() and each.parent.name not in given]
    return [each for each in files if each.name not in {"kitesim.log", "kitesim.yaml", "exchange.jsonl", "kubeconfig"}]


def _position(leader: Trader) -> list[tuple[str, int]]:
    return [(each["instrument"], each["quantity"]) for each in leader.state().get("positions", [])]


def _audited(stand: Stand, who: str) -> int:
    """Rows of the audit trail about somebody."""
    connection = sqlite3.connect(stand.folder / "journal.db", timeout=2)
    try:
        rows = connection.execute("select * from audit").fetchall()
    finally:
        connection.close()
    return sum(1 for row in rows if any(who in str(value) for value in row))


DRILL = Drill(
    "red-team",
    "what should be refused is refused, changes nothing, and is on record",
    (
        Variant("stolen-lease", "a foreign holder writes itself into the Lease", stolen_lease),
        Variant("forged-postback", "a fill is posted with a false checksum", forged_postback),
        Variant("foreign-token", "no token, a wrong one, one without the right", foreign_token),
        Variant("malformed-input", "oversized, malformed and nonsensical requests", malformed_input),
        Variant("loosening-manifest", "profiles that loosen a bound", loosening_manifest),
        Variant("kill-outlives-manifests", "manifests that would release a kill", kill_outlives_manifests),
        Variant("secrets-in-output", "known secrets are fed through everything and searched for", secrets_in_output),
    ),
)
