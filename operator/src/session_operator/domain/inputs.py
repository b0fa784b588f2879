"""Is what the spec refers to there? Secrets with their keys, the account for itself.

Values of Secrets are never looked at, except for the scheme of a URL; no message shows one.
"""

from session_operator.domain.observed import Observed, Problem, Rival
from session_operator.model import Broker, BrokerType, Spec

KITE_KEYS = ("api_key", "api_secret", "access_token")
COMMAND_KEYS = ("api_key",)
DATABASE_SCHEMES = frozenset({"postgresql", "postgres"})
REDIS_SCHEMES = frozenset({"redis", "rediss"})


def account_problem(observed: Observed) -> Problem | None:
    """Say which older session has the account, if one has: one account, one session."""
    session = observed.session
    mine = (session.created, session.uid)
    older = [rival for rival in observed.rivals if rival.seniority < mine]
    if not older:
        return None
    first: Rival = min(older, key=lambda rival: rival.seniority)
    return Problem(
        "AccountTaken",
        f"account.id {session.account} is traded by the older TradingSession {first.namespace}/{first.name}: "
        "one account has one session; add strategies there, or delete that one first",
    )


def secret_problems(observed: Observed, spec: Spec) -> tuple[Problem, ...]:
    """List what is missing or unusable in the Secrets, in the order of the spec."""
    broker = spec.account.broker
    found = [_credentials_problem(observed, broker)]
    found.append(_url_problem(observed, "storage.databaseSecretRef", spec.storage.database_secret_ref.name))
    if spec.storage.redis_secret_ref is not None:
        found.append(_url_problem(observed, "storage.redisSecretRef", spec.storage.redis_secret_ref.name))
    return tuple(problem for problem in found if problem is not None)


def _absent(field: str, name: str, namespace: str, keys: str) -> Problem:
    return Problem(
        "SecretMissing", f"{field}: Secret {name} does not exist in namespace {namespace}; it must have {keys}"
    )


def _credentials_problem(observed: Observed, broker: Broker) -> Problem | None:
    field, name = "account.broker.credentialsSecretRef", broker.credentials_secret_ref.name
    is_command = broker.token_command is not None
    keys = COMMAND_KEYS if is_command else KITE_KEYS
    needs = "key api_key" if is_command else "keys " + ", ".join(keys)
    takes_control_token = broker.type is BrokerType.KITESIM and not is_command
    if takes_control_token:
        needs = f"key control_token, or {needs}"
    facts = observed.secrets.get(name)
    if facts is None:
        return _absent(field, name, observed.session.namespace, needs)
    if takes_control_token and "control_token" in facts.keys:
        return None
    missing = [key for key in keys if key not in facts.keys]
    if not missing:
        return None
    return Problem("SecretMissing", f"{field}: Secret {name} lacks {', '.join(missing)}; it must have {needs}")


def _url_problem(observed: Observed, field: str, name: str) -> Problem | None:
    schemes = DATABASE_SCHEMES if "database" in field else REDIS_SCHEMES
    wanted = "key url, a postgresql:// URL" if "database" in field else "key url, a redis:// URL"
    facts = observed.secrets.get(name)
    if facts is None:
        return _absent(field, name, observed.session.namespace, wanted)
    if "url" not in facts.keys:
        return Problem("SecretMissing", f"{field}: Secret {name} lacks url; it must have {wanted}")
    # `postgresql+psycopg` names a driver and is a PostgreSQL URL all the same.
    if facts.url_scheme.partition("+")[0] not in schemes:
        return Problem("SecretInvalid", f"{field}: Secret {name} must have {wanted}; its value is not shown here")
    return None
