"""The pair of traders: image, times of the Lease by which it elects a leader, what each pod reserves."""

from pydantic import Field

from session_operator.rules import Part, Rule


def _with_times(message: str) -> str:
    # `format` and not `+`: the API server estimates the cost of joining strings of unknown length as too high.
    found = "durationSeconds %d, renewDeadlineSeconds %d, retryPeriodSeconds %d"
    values = "[self.durationSeconds, self.renewDeadlineSeconds, self.retryPeriodSeconds]"
    return f'"{message}; found {found}".format({values})'


LONG_ENOUGH = (
    "lease.durationSeconds must be greater than renewDeadlineSeconds + retryPeriodSeconds + 2 "
    "(a retry, one second for the longest send, one for clock skew), or two leaders could send at once"
)
OFTEN_ENOUGH = (
    "lease.renewDeadlineSeconds must be greater than 1.2 times retryPeriodSeconds, "
    "or one lost renewal would end the leadership"
)


class LeaseTimes(Part):
    """Times of the leader's Lease."""

    rules = (
        Rule(
            "self.durationSeconds > self.renewDeadlineSeconds + self.retryPeriodSeconds + 2",
            LONG_ENOUGH,
            lambda it: it.duration_seconds > it.renew_deadline_seconds + it.retry_period_seconds + 2,
            _with_times(LONG_ENOUGH),
            ".durationSeconds",
        ),
        Rule(
            "self.renewDeadlineSeconds * 5 > self.retryPeriodSeconds * 6",
            OFTEN_ENOUGH,
            lambda it: it.renew_deadline_seconds * 5 > it.retry_period_seconds * 6,
            _with_times(OFTEN_ENOUGH),
            ".renewDeadlineSeconds",
        ),
    )

    duration_seconds: int = Field(
        default=15, ge=5, le=300, description="How long a standby waits on a silent leader before it takes the Lease."
    )
    renew_deadline_seconds: int = Field(
        default=8, ge=2, le=240, description="How long a leader goes on sending after its last successful renewal."
    )
    retry_period_seconds: int = Field(
        default=2, ge=1, le=60, description="How often the leader renews; also the longest single request."
    )


class Amounts(Part):
    """CPU and memory."""

    cpu: str | None = Field(default=None, pattern=r"^[0-9]+m?$", description="CPU, such as 100m or 1.")
    memory: str | None = Field(default=None, pattern=r"^[0-9]+(Ki|Mi|Gi)$", description="Memory, such as 128Mi.")


class Resources(Part):
    """What a trader pod reserves and may use."""

    requests: Amounts | None = Field(default=None, description="What the scheduler reserves for each trader.")
    limits: Amounts | None = Field(default=None, description="What each trader may use at most. Mind CPU throttling.")


class Trader(Part):
    """The pair of trader pods: a leader that trades and a hot standby."""

    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        pattern=r"^\S+$",
        description="Image of the traders. Left out: the operator's default, which fits the operator.",
    )
    lease: LeaseTimes = Field(default=LeaseTimes(), description="Times of the Lease by which the pair elects a leader.")
    resources: Resources | None = Field(
        default=None, description="CPU and memory of each trader. Left out: requests of 100m and 128Mi, no limits."
    )
