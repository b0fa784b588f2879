"""The environment of the peers, apart from every user's: `build/peers-<hash of its lock>`, installed by hash."""

import hashlib
import subprocess
import sys
from pathlib import Path

from ops.bench.figures import ROOT, PeerMissing

LOCK = Path(__file__).with_name("requirements.lock")
_INSTALL_SECONDS = 600


def peer_python() -> Path:
    """The interpreter that has the peers; installs them the first time.

    Raises:
        PeerMissing: they cannot be installed here.
    """
    folder = ROOT / "build" / f"peers-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:10]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK))
        done.touch()
    return python


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise PeerMissing(
            f"NautilusTrader, the peer of the step benchmark, could not be installed from {LOCK.relative_to(ROOT)}: {said.strip()}"
        ) from error
