"""The traders' logs come from the API server, by name, and none of them keeps a day from being sealed."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.postclose import pod_logs
from ops.postclose.pod_logs import MISSING, collect
from tests.component.trader.api_server import PODS, ApiServer

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]
PAIR = ("index-trader-0", "index-trader-1")


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server that knows a pair, one of which was started anew."""
    made = ApiServer()
    made.logs = {(PAIR[0], False): b"leads\n", (PAIR[0], True): b"led before\n", (PAIR[1], False): b"waits\n"}
    yield made
    made.close()


def collected(api: ApiServer, folder: Path, patience: float = 10) -> dict[str, str]:
    """What lies in the folder afterwards."""
    collect(api.new_client(), "desk", PAIR, folder, patience)
    return {each.name: each.read_text() for each in folder.iterdir()}


def test_the_logs_of_both_and_of_the_container_before(api: ApiServer, tmp_path: Path) -> None:
    """A container that was never started anew lacks nothing; nobody else's log is asked for."""
    assert collected(api, tmp_path) == {
        "index-trader-0.log": "leads\n",
        "index-trader-0.previous.log": "led before\n",
        "index-trader-1.log": "waits\n",
        MISSING: "",
    }
    assert len(api.requests) == 4
    assert all(each.startswith(tuple(f"GET {PODS}/{pod}/log?" for pod in PAIR)) for each in api.requests)


def test_a_pod_that_is_gone_is_noted_at_once(api: ApiServer, tmp_path: Path) -> None:
    """In the API server's words; what the other wrote is there."""
    del api.logs[PAIR[1], False]
    found = collected(api, tmp_path, patience=0)
    assert found[MISSING] == 'index-trader-1: 404 pods "index-trader-1" not found\n'
    assert "index-trader-1.log" not in found
    assert found["index-trader-0.log"] == "leads\n"


def test_an_api_server_that_falters_is_asked_again(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of a moment, and a permission that is on its way, lose no log."""
    monkeypatch.setattr(pod_logs, "PAUSE_SECONDS", 0.05)
    api.statuses = [500, 403, None, 429]
    assert collected(api, tmp_path)[MISSING] == ""
    assert len(api.requests) == 7


def test_a_log_that_is_still_empty_is_asked_for_again(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trader that was started this moment writes its first line soon."""
    monkeypatch.setattr(pod_logs, "PAUSE_SECONDS", 0.05)
    api.logs[PAIR[1], False] = b""
    speaks = threading.Timer(0.3, lambda: api.logs.update({(PAIR[1], False): b"waits\n"}))
    speaks.start()
    found = collected(api, tmp_path)
    speaks.join()
    assert (found["index-trader-1.log"], found[MISSING]) == ("waits\n", "")


def test_a_log_that_stays_empty_is_noted(api: ApiServer, tmp_path: Path) -> None:
    """An empty file would look like a trader with nothing to say."""
    api.logs[PAIR[1], False] = b""
    found = collected(api, tmp_path, patience=0)
    assert found[MISSING] == "index-trader-1: the log is empty\n"
    assert "index-trader-1.log" not in found


def test_what_is_refused_to_the_end_is_noted_and_no_failure(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is the record: its day is sealed all the same, and says what it lacks."""
    monkeypatch.setattr(pod_logs, "PAUSE_SECONDS", 0.05)
    api.statuses = [403] * 1000
    found = collected(api, tmp_path, patience=0.2)
    assert set(found) == {MISSING}
    assert "index-trader-0: 403 as the test wishes" in found[MISSING].splitlines()


def test_a_log_without_end_is_cut_off_and_says_so(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No archive and no memory is filled by a trader that never stops talking."""
    monkeypatch.setattr(pod_logs, "LONGEST_BYTES", 100_000)
    api.logs[PAIR[0], False] = b"x" * 300_000
    assert collected(api, tmp_path)["index-trader-0.log"] == "x" * 100_000 + "\n[cut off here]\n"
