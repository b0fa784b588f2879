"""Does what is contain what is wanted? Then nothing needs to be applied.

The API server adds defaults and others add fields that they own: both are left alone. A field that the operator no
longer wants is found by the manifest's own hash, which stands in an annotation and is a wanted field like any other.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from session_operator.domain.names import ANNOTATION_MANIFEST
from session_operator.domain.sessions import Manifest

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(r"^([0-9]+)(m|Ki|Mi|Gi)?$")
_SCALE = {None: Decimal(1), "m": Decimal("0.001"), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30)}


def is_covered(wanted: Any, live: Any, path: tuple[str, ...] = ()) -> bool:
    """Say whether each wanted field stands in `live` with the wanted value."""
    match wanted:
        case Mapping():
            return _covers_mapping(wanted, live, path)
        case str():
            return wanted == live or (path[-1:] in (("cpu",), ("memory",)) and _is_same_quantity(wanted, live))
        case Sequence():
            return _covers_sequence(wanted, live, path)
        case _:
            return bool(wanted == live)


def _covers_mapping(wanted: Mapping[str, Any], live: Any, path: tuple[str, ...]) -> bool:
    if not wanted and live is None:
        return True
    if not isinstance(live, Mapping):
        return False
    return all(is_covered(value, live.get(key), (*path, key)) for key, value in wanted.items())


def _covers_sequence(wanted: Sequence[Any], live: Any, path: tuple[str, ...]) -> bool:
    if not wanted and live is None:
        return True
    if not isinstance(live, Sequence) or isinstance(live, str):
        return False
    if path[-1:] == ("ownerReferences",):
        return all(any(is_covered(each, other, path) for other in live) for each in wanted)
    return len(wanted) == len(live) and all(is_covered(*pair, path) for pair in zip(wanted, live, strict=True))


def _is_same_quantity(wanted: str, live: Any) -> bool:
    """Compare amounts: the API server writes `1000m` back as `1`."""
    pair = [_QUANTITY.match(each) for each in (wanted, str(live))]
    if None in pair:
        return False
    first, second = (Decimal(each[1]) * _SCALE[each[2]] for each in pair if each is not None)
    return first == second


def with_hash(manifest: Manifest) -> dict[str, Any]:
    """Annotate a manifest with the hash of itself."""
    content = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    metadata = dict(manifest["metadata"])
    metadata["annotations"] = {**metadata.get("annotations", {}), ANNOTATION_MANIFEST: digest}
    return {**manifest, "metadata": metadata}
