"""TokenReview and SubjectAccessReview over the wire of an API server."""

from collections.abc import Iterator

import pytest

from tests.component.trader.api_server import ApiServer
from trader.adapters import kubernetes_reviews
from trader.adapters.identities import Identity, ReviewsAway
from trader.adapters.kubernetes_reviews import AUDIENCE, KubernetesReviews

pytestmark = pytest.mark.component

OPERATOR = {"username": "system:serviceaccount:trading:operator", "uid": "7", "groups": ["system:authenticated"]}


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server that knows the operator by a token of ours, and a person by one of its own."""
    server = ApiServer()
    server.users[("ours", AUDIENCE)] = OPERATOR | {"extra": {"authentication.kubernetes.io/pod-name": ["operator-0"]}}
    server.users[("plain", "")] = {"username": "meera"}
    server.allowed.add((OPERATOR["username"], "create", "config"))  # type: ignore[arg-type]
    yield server
    server.close()


@pytest.fixture
def reviews(api: ApiServer) -> Iterator[KubernetesReviews]:
    adapter = KubernetesReviews(api.new_client, "desk", "index-intraday")
    yield adapter
    adapter.close()


async def test_a_token_says_who(reviews: KubernetesReviews) -> None:
    """A token for our audience, then one for the API server's own; any other is nobody's."""
    operator = await reviews.identity("ours")
    assert operator is not None
    assert (operator.name, operator.uid, operator.groups) == (OPERATOR["username"], "7", ("system:authenticated",))
    assert operator.extra == (("authentication.kubernetes.io/pod-name", ("operator-0",)),)
    person = await reviews.identity("plain")
    assert person == Identity("meera")
    assert await reviews.identity("forged") is None


async def test_rbac_decides(reviews: KubernetesReviews) -> None:
    """What a Role grants, and nothing else; of this session in this namespace."""
    operator = await reviews.identity("ours")
    assert operator is not None
    assert await reviews.allows(operator, "create", "config")
    assert not await reviews.allows(operator, "create", "kill")


@pytest.mark.parametrize("status", [403, 500, 0])
async def test_no_answer_is_no_yes(
    api: ApiServer, reviews: KubernetesReviews, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal to review, an error and a silence all say that nothing is known, without repeating the token."""
    monkeypatch.setattr(kubernetes_reviews, "ANSWER_SECONDS", 0.3)
    api.statuses.append(status)
    with pytest.raises(ReviewsAway) as caught:
        await reviews.identity("ours")
    assert "ours" not in str(caught.value)
