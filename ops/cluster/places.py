"""Where things are kept. Nothing outside these places is ever written.

The cache outlives clusters and clones: built binaries, image archives. The
private daemon's folders are the machine's, not a clone's, because there is
one such daemon per machine; the kubeconfig belongs to the clone.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = Path(__file__).resolve().parent
KUBECONFIG = REPOSITORY / "build" / "cluster" / "kubeconfig"

# The private Docker daemon: sockets, pid files and logs here, images and containers there.
RUNTIME = Path("/run/tsn-docker")
DATA = Path("/var/lib/tsn-docker")


def cache() -> Path:
    """Return the folder of the cache, made if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "trading-session"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def binaries() -> Path:
    """Return the folder that holds kubectl, helm and kind as links to what was built last."""
    folder = cache() / "bin"
    folder.mkdir(exist_ok=True)
    return folder
