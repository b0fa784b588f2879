"""Distinctive secrets go through a real trader and its errors; then all that it wrote, said or told is searched for them."""

import asyncio
import contextlib
import json
import secrets
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from click.testing import CliRunner
from redis import Redis
from sqlalchemy import MetaData, select

from kitesim.config import SimulatorConfig
from kitesim.server import RunningSimulator, start
from ops.postclose.cli import main as post_close
from tests.component.trader.api_server import LEASE, SESSIONS, ApiServer
from tests.component.trader.redis_server import running_redis
from tests.component.trader_kite.test_run_in_a_pod import KUBECONFIG, SESSION, free_port, pod, readiness
from trader.adapters.kite.credentials import exchange_request_token
from trader.adapters.kubernetes_reviews import AUDIENCE
from trader.adapters.sql.connecting import make_engine

pytestmark = [pytest.mark.component, pytest.mark.timeout(180)]

POD = "index-intraday-trader-0"
LEASE_PATH = f"{LEASE}/account-ab1234"


@dataclass
class Secrets:
    """Values that occur nowhere else, by what they are."""

    values: dict[str, str] = field(default_factory=dict)

    def new(self, what: str) -> str:
        """Make one; letters and digits, so that nothing writes it in another way."""
        self.values[what] = f"s3cr3t{secrets.token_hex(10)}"
        return self.values[what]

    def leaks(self, name: str, content: str | bytes) -> list[str]:
        """Which of them stand in a content, by what they are and where."""
        text = content.encode() if isinstance(content, str) else content
        return [f"{what} in {name}" for what, value in self.values.items() if value.encode() in text]


@dataclass
class Desk:
    """Everything around one trader."""

    folder: Path
    known: Secrets
    simulator: RunningSimulator
    api: ApiServer
    database_url: str
    port: int
    hooked: list[bytes]

    @property
    def http(self) -> httpx.AsyncClient:
        """A client of the trader's HTTP."""
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=10)

    def bearer(self, what: str = "the API's bearer") -> dict[str, str]:
        """A header with a token that is to be found nowhere."""
        return {"Authorization": f"Bearer {self.known.values[what]}"}

    def give(self, name: str, value: str) -> None:
        """Put a key of a Secret where the kubelet would."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(value)

    async def token(self) -> str:
        """A real access token, by way of kitesim's login page and the official client."""
        user = self.simulator_user()
        async with httpx.AsyncClient(base_url=self.simulator.url, trust_env=False) as http:
            reply = await http.post("/sim/login", json={"user_id": "AB1234"})
        request_token = reply.json()["request_token"]
        self.known.values["a request token"] = request_token
        return await asyncio.to_thread(
            exchange_request_token, user["api_key"], user["api_secret"], request_token, self.simulator.url
        )

    def simulator_user(self) -> dict[str, str]:
        """The app's key and secret."""
        return {"api_key": self.known.values["the api_key"], "api_secret": self.known.values["the api_secret"]}


@contextlib.asynccontextmanager
async def deaf_hook() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A webhook that refuses what it is told, and keeps it."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        heard.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.fixture
def guarded_redis(tmp_path: Path) -> Iterator[tuple[str, Callable[[str], None]]]:
    """A Redis, its socket, and how to give it a password."""
    with running_redis(tmp_path) as (_, url):

        def guard(password: str) -> None:
            with Redis.from_url(url) as client:
                client.config_set("requirepass", password)

        yield url.removeprefix("unix://"), guard


@pytest.fixture
async def desk(
    tmp_path: Path, new_database: Callable[[], str], guarded_redis: tuple[str, Callable[[str], None]]
) -> AsyncIterator[Desk]:
    """A trader's world, with a secret in every place that takes one."""
    known = Secrets()
    user = {"user_id": "AB1234", "api_key": known.new("the api_key"), "api_secret": known.new("the api_secret")}
    user["redirect_url"] = "http://127.0.0.1:1/login/done"
    simulator = await start(
        SimulatorConfig.model_validate({"port": 0, "seed": 3, "speed": 8, "start": "09:28:20", "users": [user]})
    )
    address = new_database().removeprefix("postgresql://postgres@")
    database_url = f"postgresql://postgres:{known.new('the password of the database')}@{address}"
    socket, guard = guarded_redis
    guard(known.new("the password of Redis"))
    api = ApiServer()
    api.put(LEASE_PATH, {"metadata": {"name": "account-ab1234", "namespace": "desk", "uid": "u"}, "spec": {}})
    wanted = {"metadata": {"name": "index-intraday", "uid": "6f1c", "generation": 1}, "spec": {"mode": "Live"}}
    api.put(f"{SESSIONS}/index-intraday", wanted)
    api.users[(known.new("the bearer of a person"), AUDIENCE)] = {"username": "meera"}
    api.allowed.add(("meera", "create", "login"))
    async with deaf_hook() as (hook, hooked):
        made = Desk(tmp_path, known, simulator, api, database_url, free_port(), hooked)
        made.give("credentials/api_key", user["api_key"])
        made.give("credentials/api_secret", user["api_secret"])
        made.give("credentials/access_token", known.new("an access token that is not accepted"))
        made.give("credentials/control_token", known.new("the control token of kitesim"))
        made.give("credentials/api_token", known.new("the API's bearer"))
        made.give("redis/url", f"unix://:{known.values['the password of Redis']}@{socket}")
        urls = f"json://desk:{known.new('the password of a webhook')}@127.0.0.1:{hook}/hooks/{known.new('a hook')}\n"
        made.give("notifications/urls", urls)
        yield made
    api.close()
    await simulator.stop()


async def provoke(desk: Desk, http: httpx.AsyncClient) -> dict[str, str]:
    """Ask for what is refused, and for all that may be asked; what was answered, by the question."""
    known, answers = desk.known, {}
    stranger = {"Authorization": f"Bearer {known.new('the bearer of a stranger')}"}
    for method, path, body in (
        ("GET", "/v1/state", None),
        ("POST", "/v1/kill", {"reason": "mine"}),
        ("POST", "/v1/login", None),
    ):
        answers[f"refused {path}"] = (await http.request(method, path, headers=stranger, json=body)).text
    for name, query in (
        ("a login that nobody began", {"request_token": known.new("a request token of nobody"), "state": "forged.00"}),
        ("a login without a state", {"request_token": known.new("another request token")}),
    ):
        answers[name] = str((await http.get("/login/done", params=query)).headers.items())
    return answers


async def looked_at(desk: Desk, http: httpx.AsyncClient) -> dict[str, str]:
    """What the trader shows now, to those who may see it and to those whom nobody asks."""
    paths = ("/v1/state", "/v1/report", "/metrics", "/healthz", "/readyz", "/kill", "/login")
    return {path: (await http.get(path, headers=desk.bearer())).text for path in paths}


async def until_live(http: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, Any]:
    """The state, once new risk is taken."""
    shown: dict[str, Any] = {}
    try:
        async with asyncio.timeout(60):
            while shown.get("tradingState") != "LIVE":
                shown = (await http.get("/v1/state", headers=headers)).json()
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not LIVE: {json.dumps(shown, indent=1)}") from None
    return shown


def rows_of(url: str) -> str:
    """Every row of every table."""
    engine, tables = make_engine(url), MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        found = [str(connection.execute(select(table)).all()) for table in tables.sorted_tables]
    engine.dispose()
    return "\n".join(found)


def redis_of(url: str) -> str:
    """Every key of Redis, and what it holds."""
    with Redis.from_url(url) as client:
        return str({key: client.dump(key) for key in client.scan_iter()})


def unpacked(archive: Path) -> dict[str, bytes]:
    """Every file of a sealed day, and every file that is packed in it."""
    found = {}
    for path in archive.rglob("*"):
        if path.is_file():
            found[f"archive {path.name}"] = path.read_bytes()
        if path.suffix == ".gz":
            with tarfile.open(path) as tar:
                for member in tar.getmembers():
                    content = tar.extractfile(member)
                    found[f"archive {path.name} {member.name}"] = content.read() if content is not None else b""
    return found


async def test_no_secret_leaves_the_trader_but_for_where_it_belongs(desk: Desk) -> None:
    """Logs, pages, metrics, Lease, events, database, Redis, messages, the sealed day: none of them holds any of it."""
    known, seen = desk.known, dict[str, str | bytes]()
    text = SESSION.replace("http://127.0.0.1:1", desk.simulator.url).replace(
        "ws://127.0.0.1:1", desk.simulator.stream_url
    )
    text = text.replace("{type: Kitesim,", "{type: Kitesim, credentialsSecret: kite-ab1234,")
    kubeconfig = KUBECONFIG.replace("http://127.0.0.1:1", desk.api.new_client().configuration.host)
    mounts = {f"TRADER_{name.upper()}": str(desk.folder / name) for name in ("redis", "notifications")}
    desk.give(
        "database/url", f"postgresql://postgres:{known.new('a password of a database that is away')}@127.0.0.1:1/x"
    )
    async with pod(desk.folder, desk.port, text, kubeconfig, **mounts) as process, desk.http as http:
        seen["while the database is away"] = (await readiness(desk.port, "does not answer")).text
        desk.give("database/url", desk.database_url)
        async with asyncio.timeout(60):  # it leads, and its token is not accepted
            while "not accepted" not in str(await looked_at(desk, http)):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.2)
        seen |= await provoke(desk, http)
        seen |= {f"{path} with a dead token": page for path, page in (await looked_at(desk, http)).items()}

        began = (await http.post("/v1/login", headers=desk.bearer("the bearer of a person"))).json()["url"]
        state = parse_qs(parse_qs(urlsplit(began).query)["redirect_params"][0])["state"][0]
        known.values["the signed state of a login"] = state
        back = {"request_token": await request_token(desk), "state": state}
        seen["a login that cannot be stored"] = str((await http.get("/login/done", params=back)).headers.items())
        access_token = await desk.token()
        known.values["the access token"] = access_token
        desk.give("credentials/access_token", access_token)
        await until_live(http, desk.bearer())
        async with httpx.AsyncClient(base_url=desk.simulator.url, trust_env=False) as sim:
            for fault in ("token-expired", "drop-after"):
                await sim.post("/sim/faults", json={"kind": fault, "path": "/orders", "count": 2})
        kill = await http.post("/v1/kill", headers=desk.bearer(), json={"reason": "the end of the test"})
        assert kill.status_code == 202, kill.text
        async with asyncio.timeout(30):
            while not desk.hooked:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
        seen |= {f"{path} at the end": page for path, page in (await looked_at(desk, http)).items()}
        seen["Redis"] = redis_of((desk.folder / "redis" / "url").read_text())
        process.terminate()
        said, errors = await asyncio.wait_for(process.communicate(), 30)

    log = said.decode() + errors.decode()
    for event in ("not_ready", "token_not_renewed", "audited", "desk_not_told", "kill_engaged"):
        assert event in log, f"{event} was not provoked:\n{log[-4000:]}"
    (desk.folder / "trader.log").write_text(log)
    seen |= {"the log": log, "the API server": json.dumps(desk.api.objects) + "\n".join(desk.api.requests)}
    seen["the database"] = rows_of(desk.database_url)
    for path in (desk.folder / "emergency").rglob("*"):
        seen[f"the emergency journal's {path.name}"] = path.read_bytes()
    seen |= await asyncio.to_thread(sealed, desk)
    seen["the desk's messages"] = b"\n".join(desk.hooked)

    assert "'live'" in str(seen["the database"]), "the audit trail was searched"
    assert Secrets({"the pod": POD}).leaks("the log", log) == ["the pod in the log"], "what is there is found"
    found = [leak for name, content in seen.items() for leak in known.leaks(name, content)]
    assert found == []


async def request_token(desk: Desk) -> str:
    """What kitesim's login page would send back."""
    async with httpx.AsyncClient(base_url=desk.simulator.url, trust_env=False) as http:
        reply = await http.post("/sim/login", json={"user_id": "AB1234"})
    token = str(reply.json()["request_token"])
    desk.known.values["a request token that was exchanged"] = token
    return token


def spilled(desk: Desk) -> list[str]:
    """Lines with each secret that is mounted where the post-close runs, and of the others in the form in which they are used."""
    mounted = ["the api_key", "the api_secret", "the control token of kitesim", "the API's bearer", "the access token"]
    mounted += ["the password of the database", "the password of a webhook", "a hook"]
    values = desk.known.values
    redis = f"redis://:{values['the password of Redis']}@redis:6379/0 does not answer"
    return [*(f"repr('{values[each]}')" for each in mounted), redis, f"Bearer {values['the bearer of a person']}"]


def sealed(desk: Desk) -> dict[str, str | bytes]:
    """The day as post-close seals it, with what it printed, and what it says of a database that is away."""
    folder = desk.folder
    common = [
        "run",
        "--session",
        str(folder / "session.yaml"),
        "--profile",
        "configs/paper.yaml",
        "--date",
        "2026-11-23",
    ]
    # No trader wrote this: it stands for whatever a library might, with every secret that may stand in a pod of ours.
    (folder / "library.log").write_text("\n".join(["it says:", *spilled(desk)]))
    common += ["--logs", str(folder / "trader.log"), "--logs", str(folder / "library.log")]
    common += ["--credentials", str(folder / "credentials"), "--notifications", str(folder / "notifications")]
    common += ["--termination-log", str(folder / "termination")]
    whole = CliRunner().invoke(
        post_close, [*common, "--archive", str(folder / "archive"), "--database", desk.database_url]
    )
    assert whole.exit_code == 0, whole.output
    (manifest,) = (folder / "archive").rglob("manifest.json")
    assert json.loads(manifest.read_text())["redactions"] >= len(spilled(desk)), "what was spilled was found"
    away = desk.database_url.replace(desk.database_url.split("@")[1], "127.0.0.1:1/x")
    refused = CliRunner().invoke(post_close, [*common, "--archive", str(folder / "other"), "--database", away])
    assert refused.exit_code == 2, refused.output
    said = {"post-close": whole.output + whole.stderr, "post-close without a database": refused.output + refused.stderr}
    return said | {"its termination": (folder / "termination").read_bytes()} | unpacked(folder / "archive")
