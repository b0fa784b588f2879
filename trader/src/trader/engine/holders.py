"""How `spec.holderIdentity` of the account's Lease is written (docs/seams.md §3). Imports nothing: the supervising process,
which must stay small, reads it too.
"""


def holder_of(pod: str, pod_uid: str, nonce: str) -> str:
    """The holder that one start of a process in a pod is."""
    return f"{pod}_{pod_uid}_{nonce}"


def is_of_pod(holder: str, pod_uid: str) -> bool:
    """Whether any process of this very pod is the holder; False for nobody."""
    return holder.split("_")[1:2] == [pod_uid]
