"""Copies of repository files that the chart must carry inside itself: the CRD, the profiles that sessions name, the alerts.

Helm reads nothing outside the chart's folder and packs no links, so these are copies; a test fails when one differs.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "charts" / "trading-session-operator"
_FILES = CHART / "files"
# Of the files in configs/ these are profiles; the others are tables (freeze quantities, charges) that the images carry.
PROFILES = ("paper.yaml", "canary_live.yaml", "full_live.yaml")


def copies() -> dict[Path, Path]:
    """Return the source of each copy, by the copy."""
    crds = {_FILES / "crds" / path.name: path for path in sorted((REPOSITORY / "crds").glob("*.yaml"))}
    written = [path for path in (REPOSITORY / "configs" / name for name in PROFILES) if path.exists()]
    profiles = {_FILES / "profiles" / path.name: path for path in written}
    alerts = {_FILES / "monitoring" / "slo_alerts.yml": REPOSITORY / "ops" / "slo_alerts.yml"}
    return crds | profiles | alerts


def differing() -> list[Path]:
    """List the copies that are missing, differ from their source, or have no source any more."""
    wanted = copies()
    wrong = [copy for copy, source in wanted.items() if not copy.exists() or copy.read_bytes() != source.read_bytes()]
    there = [path for folder in ("crds", "profiles", "monitoring") for path in sorted((_FILES / folder).glob("*"))]
    return wrong + [path for path in there if path not in wanted]


def copy() -> list[Path]:
    """Make all copies equal to their sources; return those that were changed or removed."""
    changed = differing()
    wanted = copies()
    for path in changed:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[path].read_bytes())
        else:
            path.unlink()
    return changed
