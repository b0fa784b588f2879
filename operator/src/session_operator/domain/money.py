"""Money in words: the Lease carries integer paise, people read rupees."""


def as_rupees(paise: int) -> str:
    """Write paise as decimal rupees, exactly: -12345 is "-123.45"."""
    rupees, rest = divmod(abs(paise), 100)
    return f"{'-' if paise < 0 else ''}{rupees}.{rest:02d}"


def grouped(rupees: str) -> str:
    """Group decimal rupees as India does: "1234567.50" is "12,34,567.50"."""
    sign, digits = ("-", rupees[1:]) if rupees.startswith("-") else ("", rupees)
    whole, _, rest = digits.partition(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{sign}{tail}.{rest}" if rest else f"{sign}{tail}"
