"""What can go wrong on the operator's side.

OperatorError
├── SettingsError      the operator's own environment: it exits with code 2
├── ApiError             the API server answered with an error
│   ├── ApiNotFoundError      404
│   ├── ApiConflictError      409: somebody was faster, or the object is not what we thought
│   └── ApiForbiddenError     401, 403: RBAC lacks a rule
├── ApiUnreachableError       no answer within the deadline
└── LeadershipLostError       another replica works now, or nobody could be asked: this process ends
"""


class OperatorError(Exception):
    """Anything that this distribution raises on purpose."""


class SettingsError(OperatorError):
    """The operator's environment does not say what it must."""


class ApiError(OperatorError):
    """The API server answered with an error."""

    def __init__(self, status: int, request: str, message: str) -> None:
        super().__init__(f"{request}: {status} {message}")
        self.status = status


class ApiNotFoundError(ApiError):
    """The object does not exist."""


class ApiConflictError(ApiError):
    """Somebody was faster, or the object is not what we thought."""


class ApiForbiddenError(ApiError):
    """The operator may not do this: its RBAC lacks a rule."""


class ApiUnreachableError(OperatorError):
    """No answer within the deadline; whether the request was done is unknown, and repeating it is harmless."""


class LeadershipLostError(OperatorError):
    """Another replica works now, or the Lease could not be renewed in time."""


API_ERRORS = {401: ApiForbiddenError, 403: ApiForbiddenError, 404: ApiNotFoundError, 409: ApiConflictError}
