"""What an option is worth: Black's formula of 1976 on the forward, with a smile.

F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976). Index options are European and
priced on the forward of their expiry. Discounting over a few weeks is below a tick and left out.

Written out here because every kept library of it (py_vollib, QuantLib, blackscholes with scipy) brings numpy and scipy
or a C++ build, ten times the size and start-up of kitesim, for four lines over `math.erfc`. Tests hold it against
published values and against put-call parity.
"""

import math

YEAR_NS = 365 * 24 * 3600 * 1_000_000_000
TRADING_DAYS = 252
# The smile: out-of-the-money puts are dearer than calls, both wings dearer than the middle; shape of index options.
_SKEW = -0.04
_WING = 0.015
_MOST_DEVIATIONS = 3.0
# A smile counts distance in deviations; in the last day they would shrink to nothing.
_SHORTEST_NS = 2 * 24 * 3600 * 1_000_000_000
_ROOT_HALF = math.sqrt(0.5)


def black76(forward: float, strike: float, deviation: float, is_call: bool) -> float:
    """Return the undiscounted price; `deviation` is volatility times the root of the time left, 0 at expiry."""
    if deviation <= 0:
        return max(forward - strike, 0.0) if is_call else max(strike - forward, 0.0)
    distance = math.log(forward / strike) / deviation
    upper, lower = distance + deviation / 2, distance - deviation / 2
    if is_call:
        return forward * _normal(upper) - strike * _normal(lower)
    return strike * _normal(-lower) - forward * _normal(-upper)


def _normal(value: float) -> float:
    """Return the standard normal distribution's cumulative probability; erfc keeps its digits in the tail."""
    return 0.5 * math.erfc(-value * _ROOT_HALF)


def black76_delta(forward: float, strike: float, deviation: float, is_call: bool) -> float:
    """Return how much of the forward's move the price takes; below zero for a put."""
    if deviation <= 0:
        return float(forward > strike) if is_call else -float(forward < strike)
    upper = math.log(forward / strike) / deviation + deviation / 2
    return _normal(upper) if is_call else -_normal(-upper)


def smile(forward: float, strike: float, volatility: float, left_ns: int) -> float:
    """Return the yearly volatility at a strike."""
    spread = volatility * math.sqrt(max(left_ns, _SHORTEST_NS) / YEAR_NS)
    # Levels off smoothly: an edge in the smile would be an arbitrage.
    distance = _MOST_DEVIATIONS * math.tanh(math.log(strike / forward) / spread / _MOST_DEVIATIONS)
    return volatility * (1 + _SKEW * distance + _WING * distance * distance)


def option_delta(forward: float, strike: float, volatility: float, left_ns: int, is_call: bool) -> float:
    """Return the share of the forward's move that the option takes, at the smile's volatility."""
    left = max(left_ns, 0)
    deviation = smile(forward, strike, volatility, left) * math.sqrt(left / YEAR_NS)
    return black76_delta(forward, strike, deviation, is_call)


def option_price(forward: float, strike: float, volatility: float, left_ns: int, is_call: bool) -> float:
    """Return the price in the unit of forward and strike; `volatility` is the index's, a year's deviation."""
    if left_ns <= 0:
        return black76(forward, strike, 0.0, is_call)
    deviation = smile(forward, strike, volatility, left_ns) * math.sqrt(left_ns / YEAR_NS)
    return black76(forward, strike, deviation, is_call)
