"""Every error that kitesim raises on purpose.

KitesimError
├── ConfigInvalid        the configuration cannot be used: exit code 2
├── ControlRefused       a /sim/ route was asked for something it cannot do
└── KiteError            goes over the wire as Kite's error envelope
    ├── TokenRefused         403 TokenException
    ├── InputRefused         400 InputException
    ├── MarginRefused        400 MarginException
    ├── HoldingRefused       428 HoldingException
    ├── AddressRefused       403 PermissionException
    ├── OrderUnknown         400 GeneralException
    ├── GttUnknown           404 GeneralException
    ├── RateLimited          429 NetworkException
    └── NotServed            404 or 405 GeneralException

Error types and HTTP codes: https://kite.trade/docs/connect/v3/exceptions/
"""

# ruff: noqa: N818 - named for what happened, as httpx does


class KitesimError(Exception):
    """Root of the tree."""


class ConfigInvalid(KitesimError):
    """The message names the field, the value and what would be right."""


class ControlRefused(KitesimError):
    """A control route cannot do what was asked; `status` is the HTTP code of the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class KiteError(KitesimError):
    """An error as a Kite client sees it: HTTP status, `error_type` and message."""

    status = 500
    error_type = "GeneralException"

    def __init__(self, message: str, status: int | None = None, data: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        if status is not None:
            self.status = status


class TokenRefused(KiteError):
    """No session, a wrong one, or one that ended."""

    status = 403
    error_type = "TokenException"


class InputRefused(KiteError):
    """A missing or bad parameter; nothing was accepted."""

    status = 400
    error_type = "InputException"


class MarginRefused(KiteError):
    """Too little money, told at once instead of by a REJECTED row."""

    # The autoslice body of zerodha/kiteconnect-mocks carries this type with code 400.
    status = 400
    error_type = "MarginException"


class HoldingRefused(KiteError):
    """Shares that need the client's authorisation at the depository before they can be sold."""

    # 428 and the text: https://kite.trade/docs/connect/v3/portfolio/#holdings-authorisation
    status = 428
    error_type = "HoldingException"

    def __init__(self, quantity: int) -> None:
        super().__init__(f"{quantity} quantity needs authorisation at depository.")


class AddressRefused(KiteError):
    """An order route was called from an address that is not registered."""

    # Neither class nor text is documented; PermissionException is what the client has for "not allowed".
    status = 403
    error_type = "PermissionException"

    def __init__(self, address: str) -> None:
        super().__init__(f"Order requests are not allowed from the IP address {address}. Register it as a static IP.")


class OrderUnknown(KiteError):
    """No such order of this user."""

    status = 400

    def __init__(self) -> None:
        super().__init__("Couldn't find that `order_id`.")


class GttUnknown(KiteError):
    """No such trigger of this user."""

    status = 404

    def __init__(self) -> None:
        super().__init__("Trigger not found.")


class RateLimited(KiteError):
    """Over a documented rate; the request did nothing."""

    # https://kite.trade/forum/discussion/comment/39457 shows this body with HTTP 429.
    status = 429
    error_type = "NetworkException"


class NotServed(KiteError):
    """A route or a method that does not exist."""

    status = 404
