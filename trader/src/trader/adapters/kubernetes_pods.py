"""The pods of the session: which image each runs, as the kubelet tells it. Two pods are read, by name, and nothing else."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from kubernetes.client import ApiClient, ApiException, CoreV1Api
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from trader.adapters.pod_images import PodImage, PodsAway

ANSWER_SECONDS: Final = 2.0
CONTAINER: Final = "trader"
NOT_FOUND: Final = 404


def peers_of(pod: str, replicas: int) -> tuple[str, ...]:
    """The names of a StatefulSet's pods, this one's included."""
    base, _, _ = pod.rpartition("-")
    return tuple(f"{base}-{ordinal}" for ordinal in range(replicas))


class KubernetesPods:
    """Reads these pods."""

    def __init__(self, new_client: Callable[[], ApiClient], namespace: str, names: Sequence[str]) -> None:
        # Any: the client's annotations do not know the time-out.
        self._api: Any = CoreV1Api(new_client())
        self._namespace = namespace
        self._names = tuple(names)

    async def images(self) -> Mapping[str, PodImage]:
        """The image of each pod that exists.

        Raises:
            PodsAway: it cannot be known now.
        """
        found = await asyncio.gather(*(asyncio.to_thread(self._image, name) for name in self._names))
        return {name: image for name, image in zip(self._names, found, strict=True) if image is not None}

    def _image(self, name: str) -> PodImage | None:
        try:
            pod = self._api.read_namespaced_pod(name, self._namespace, _request_timeout=ANSWER_SECONDS)
        except ApiException as failure:
            if failure.status == NOT_FOUND:
                return None
            raise PodsAway(f"pod {name}: {failure.status} {failure.reason}") from failure
        except (HTTPError, OSError, ConfigException, ValueError) as failure:
            raise PodsAway(f"pod {name}: {type(failure).__name__}") from failure
        statuses = (pod.status.container_statuses if pod.status is not None else None) or ()
        image_id = next((str(each.image_id or "") for each in statuses if each.name == CONTAINER), "")
        return PodImage(str(pod.metadata.uid), image_id.rpartition("@")[2])
