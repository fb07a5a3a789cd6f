"""Which records a sample holds, and how many of each stratum: anyone with the seed draws the same."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappush, heappushpop
from math import ceil, expm1, floor, log, sqrt

from msgspec import Struct

from mig_verify.statistics import Number, confidence_of_part, exact, sample_size

# However small its part of the whole, no stratum passes while a tenth of it may be wrong.
TOLERATED_OF_ONE = Fraction(1, 10)


def rank(seed: int, source_id: str) -> bytes:
    """Give a record its place in the order of the sample: the smallest ranks are drawn.

    HMAC-SHA256, the seed as a decimal number in ASCII being the key and the id in UTF-8 the message (half a surrogate
    pair as the three bytes it would take, "surrogatepass"). Nobody who does not know the seed can tell who will be
    drawn, and a larger sample holds the smaller one.

    Args:
        seed: As printed by `mig verify`.
        source_id: The record's id at the source.

    Returns:
        32 bytes, to be compared as such.
    """
    return hmac.digest(str(seed).encode("ascii"), source_id.encode("utf-8", "surrogatepass"), "sha256")


class Sample:
    """The records of the smallest ranks, kept while all ids pass by; it remembers no more than it holds."""

    def __init__(self, seed: int, size: int) -> None:
        self._seed = seed
        self._size = size
        self._kept: list[tuple[int, str]] = []  # a heap with the largest rank on top: ranks are negated
        self._ids: set[str] = set()

    def offer(self, source_id: str) -> None:
        """Let one id pass by. An id that comes again (pages overlap) is not drawn twice.

        Args:
            source_id: The record's id at the source.
        """
        if source_id in self._ids:
            return
        entry = (-int.from_bytes(rank(self._seed, source_id)), source_id)
        self._ids.add(source_id)
        if len(self._kept) < self._size:
            heappush(self._kept, entry)
        else:
            self._ids.discard(heappushpop(self._kept, entry)[1])

    def ids(self) -> list[str]:
        """Name what was drawn so far.

        Returns:
            The ids, the smallest rank first.
        """
        return [source_id for _, source_id in sorted(self._kept, reverse=True)]


# ---- how many of each ----------------------------------------------------------------------------------------------


class Stratum(Struct, frozen=True):
    """Records that are sampled on their own."""

    name: str
    population: int
    cost: float = 1.0
    """Of checking one of them, in requests."""
    free: bool = False
    """Its values are read anyway: all of them are checked."""


class Share(Struct, frozen=True):
    """How much of one stratum is checked."""

    name: str
    population: int
    draw: int
    tolerated: int
    """So many of it may be wrong without breaking the claim; none after a census."""

    @property
    def census(self) -> bool:
        """All of it is checked."""
        return self.draw == self.population


class Plan(Struct, frozen=True):
    """How many of each stratum to check, for a claim over all of them."""

    population: int
    tolerated: int
    """Of the whole population. If no checked record is wrong, the claim is "at most so many"."""
    confidence: float
    earlier_looks: int
    shares: tuple[Share, ...]


def plan_sample(strata: Iterable[Stratum], defect_rate: Number, confidence: Number, earlier_looks: int = 0) -> Plan:
    """Decide how many of each stratum to check, so that finding none wrong proves the whole claim.

    The claim is "at most D of N are wrong", D = floor(defect_rate * N). D is split over the strata that are sampled,
    and so is the risk. Which strata get a census instead, and who gets how much of D, is chosen for the least cost by
    an estimate; whether the claim holds does not depend on it.

    Args:
        strata: What there is, each under a name of its own.
        defect_rate: Which part of all may be wrong, from 0 and below 1.
        confidence: Of the whole claim, above 0 and below 1.
        earlier_looks: How many claims were made before of this migration.

    Returns:
        The plan, with a share for each stratum in the order given.

    Raises:
        ValueError: A number is out of range, or two strata bear one name.
    """
    given = list(strata)
    rate = exact(defect_rate)
    if not 0 <= rate < 1:
        raise ValueError(f"defect rate is {defect_rate}: it must be at least 0 and below 1")
    if len({one.name for one in given}) < len(given) or any(one.population < 0 or one.cost <= 0 for one in given):
        raise ValueError("each stratum needs its own name, a population and a cost above 0 (say `free` if it has none)")
    population = sum(one.population for one in given)
    search = _Search(floor(rate * population), max(rate, TOLERATED_OF_ONE), exact(confidence), earlier_looks)
    drawn = search.cheapest([one for one in given if one.population and not one.free])
    shares = tuple(Share(one.name, one.population, *drawn.get(one.name, (one.population, 0))) for one in given)
    return Plan(population, search.tolerated, float(confidence), earlier_looks, shares)


class _Search(Struct, frozen=True):
    """The way to a cheap plan. Floats may guide it; the sizes come from `sample_size`, and the sums are whole."""

    tolerated: int
    of_one: Fraction
    confidence: Fraction
    earlier_looks: int

    def cheapest(self, strata: Sequence[Stratum]) -> dict[str, tuple[int, int]]:
        """How many to draw and to tolerate, by the name of each stratum that gets no census."""
        # The smaller the stratum, the larger the part of it a sample takes, so the first in this order go whole first.
        order = sorted(strata, key=lambda one: one.cost * one.population)
        least, whole, spent = float("inf"), 0, 0.0
        for count in range(len(order) + 1):
            cost = spent + self._estimate(order[count:])
            if cost <= least:
                least, whole = cost, count
            if count < len(order):
                spent += order[count].cost * order[count].population
            if spent > least:
                break
        return self._sizes(order[whole:])

    def _sizes(self, sampled: Sequence[Stratum]) -> dict[str, tuple[int, int]]:
        each = confidence_of_part(self.confidence, self.earlier_looks, len(sampled))
        split = zip(sampled, self._split(sampled), strict=True)
        return {one.name: (sample_size(one.population, tolerated, each), tolerated) for one, tolerated in split}

    def _estimate(self, sampled: Sequence[Stratum]) -> float:
        """What sampling these would cost, from n ~ (N - D / 2) (1 - alpha ^ (1 / (D + 1)))."""
        log_alpha = log(1 - confidence_of_part(self.confidence, self.earlier_looks, len(sampled)))
        cost = 0.0
        for one, tolerated in zip(sampled, self._split(sampled), strict=True):
            cost += one.cost * ceil((one.population - tolerated / 2) * -expm1(log_alpha / (tolerated + 1)))
        return cost

    def _split(self, sampled: Sequence[Stratum]) -> list[int]:
        """Split the tolerated ones: D_h + 1 grows with the root of cost and size, which costs least in all."""
        caps = [floor(self.of_one * one.population) for one in sampled]
        if sum(caps) <= self.tolerated:
            return caps
        weights = [sqrt(one.cost * one.population) for one in sampled]

        def split(scale: float) -> list[int]:
            return [min(cap, max(0, int(scale * weight) - 1)) for cap, weight in zip(caps, weights, strict=True)]

        low, high = 0.0, max((cap + 2) / weight for cap, weight in zip(caps, weights, strict=True))
        for _ in range(48):
            middle = (low + high) / 2
            low, high = (middle, high) if sum(split(middle)) <= self.tolerated else (low, middle)
        shares = split(low)
        left = self.tolerated - sum(shares)
        for at in sorted(range(len(shares)), key=lambda at: -weights[at]):
            extra = min(left, 1, caps[at] - shares[at])
            shares[at], left = shares[at] + extra, left - extra
        return shares
