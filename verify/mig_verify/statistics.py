"""What a sample allows us to say: exact sample sizes, exact upper limits, and the claim made of them.

Whole numbers decide everything here. A float never tells on which side of a limit a case falls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import comb

from msgspec import Struct
from msgspec.structs import replace

Number = Fraction | float


def exact(number: Number) -> Fraction:
    """Read a number as the decimal a person wrote.

    0.95 is 19/20 here, not the binary number nearest to it: 0.29 of 100 is 29, not 28.

    Args:
        number: A Fraction, or a float by its shortest decimal form.

    Returns:
        The same number, exact.

    Raises:
        ValueError: It is not finite.
    """
    return Fraction(str(number))


def doubt(confidence: Number) -> Fraction:
    """Tell which risk of a false claim a confidence leaves.

    Args:
        confidence: Above 0 and below 1.

    Returns:
        1 - confidence, called alpha in the formulas.

    Raises:
        ValueError: No sample gives such a confidence.
    """
    alpha = 1 - exact(confidence)
    if not 0 < alpha < 1:
        raise ValueError(f"confidence is {confidence}: it must lie between 0 and 1 (certainty takes a census)")
    return alpha


# ---- one population, one sample ------------------------------------------------------------------------------------


def sample_size(population: int, tolerated: int, confidence: Number) -> int:
    """Tell how many to check so that "at most `tolerated` are wrong" may be said if none is found wrong.

    The smallest n with P(no wrong one among n | tolerated + 1 wrong ones in the population) <= 1 - confidence. More
    wrong ones are only likelier to be seen, so whatever breaks the claim passes the check with no more than that risk.

    Args:
        population: How many there are (N).
        tolerated: How many of them may be wrong (D).
        confidence: Above 0 and below 1.

    Returns:
        How many to check, from 0 (all may be wrong) to the population.

    Raises:
        ValueError: A number is negative, or the confidence out of range.
    """
    alpha = doubt(confidence)
    if population < 0 or tolerated < 0:
        raise ValueError(f"population {population}, tolerated {tolerated}: neither may be negative")
    if tolerated >= population:
        return 0
    # With `population - tolerated` drawn, one of `tolerated + 1` is always among them: the answer is never beyond.
    sizes = range(population - tolerated)
    return bisect_left(sizes, True, key=lambda n: is_rare(population, tolerated + 1, n, 0, alpha))


def upper_limit(population: int, drawn: int, wrong: int, confidence: Number) -> int:
    """Tell how many can be wrong in all, when so many of the sample were.

    The largest D with P(at most `wrong` in the sample | D wrong ones in the population) > 1 - confidence. Whatever the
    true number is, the limit falls below it with a probability of at most 1 - confidence (Clopper and Pearson's limit,
    for a finite population).

    Args:
        population: How many there are (N).
        drawn: How many of them were checked (n).
        wrong: How many of these were wrong (k).
        confidence: Above 0 and below 1.

    Returns:
        The limit: k after a census, N when nothing was checked.

    Raises:
        ValueError: There is no such sample, or the confidence is out of range.
    """
    alpha = doubt(confidence)
    if not 0 <= wrong <= drawn <= population:
        raise ValueError(f"{wrong} wrong of {drawn} drawn of {population}: no such sample")
    # `wrong` is possible in any case (its probability is 1), and the ones that were right are right.
    candidates = range(wrong, population - drawn + wrong + 1)
    beyond = bisect_left(candidates, True, key=lambda total: is_rare(population, total, drawn, wrong, alpha))
    return wrong + beyond - 1


def is_rare(population: int, total: int, drawn: int, found: int, alpha: Fraction) -> bool:
    """Decide whether P(at most `found` of `drawn` are wrong | `total` of `population` are) <= alpha.

    Args:
        population: How many there are.
        total: How many of them are wrong.
        drawn: How many are checked, each set of that size being equally likely.
        found: How many wrong ones are seen at most.
        alpha: The risk to compare with, above 0 and below 1.

    Returns:
        The exact answer, at equality too.
    """
    if found >= min(total, drawn):
        return False  # the probability is 1
    if found < drawn + total - population:
        return True  # the probability is 0
    # Bounds first, with digits enough that hardly anything but equality is left over for the long way.
    one = 1 << (128 + 2 * alpha.denominator.bit_length())
    mode = (drawn + 1) * (total + 1) // (population + 2)
    up_near, up_far = _walk(population, total, drawn, mode, found, one)
    # Downwards is upwards in the mirror: so many right ones among the drawn.
    down_near, down_far = _walk(population, population - total, drawn, drawn - mode, drawn - found - 1, one)
    seen, more = up_near.plus(down_far), up_far.plus(down_near)
    if mode <= found:
        seen = seen.plus(Between(one, one))
    else:
        more = more.plus(Between(one, one))
    risk, rest = alpha.numerator, alpha.denominator - alpha.numerator
    if seen.high * rest <= more.low * risk:
        return True
    if seen.low * rest > more.high * risk:
        return False
    return _is_rare_in_full(population, total, drawn, found, alpha)


class Between(Struct, frozen=True):
    """A sum of weights that lies between two whole numbers."""

    low: int
    high: int

    def plus(self, other: Between) -> Between:
        """Add two sums.

        Args:
            other: The other sum.

        Returns:
            What their sum lies between.
        """
        return Between(self.low + other.low, self.high + other.high)


def _walk(population: int, total: int, drawn: int, start: int, border: int, one: int) -> tuple[Between, Between]:
    """Add up the hypergeometric weights above `start`, where the weight is `one`: up to the border, and beyond it.

    `start` is the mode or beyond, so the ratio of neighbours is at most 1 and falls from step to step: once a weight is
    nothing, all that follow weigh less than a geometric series.
    """
    low = high = one
    near_low = near_high = far_low = far_high = 0
    for at in range(start, min(total, drawn)):
        up, down = (total - at) * (drawn - at), (at + 1) * (population - total - drawn + at + 1)
        low, high = low * up // down, -(-high * up // down)
        if at < border:
            near_low, near_high = near_low + low, near_high + high
        else:
            far_low, far_high = far_low + low, far_high + high
        if low == 0:  # so up < down
            tail = -(-high * up // (down - up))
            near_high, far_high = near_high + (tail if at < border else 0), far_high + tail
            break
    return Between(near_low, near_high), Between(far_low, far_high)


def _is_rare_in_full(population: int, total: int, drawn: int, found: int, alpha: Fraction) -> bool:
    """`is_rare` by counting every sample; slow where the numbers are large, which only equality asks for."""
    few, many = sorted((total, drawn))  # the distribution is the same either way, and the numbers are shorter
    fewest = max(0, total + drawn - population)
    ways = sum(comb(many, i) * comb(population - many, few - i) for i in range(fewest, found + 1))
    return ways * alpha.denominator <= comb(population, few) * alpha.numerator


# ---- many looks, many strata ---------------------------------------------------------------------------------------


def alpha_of_look(look: int, alpha: Number) -> Fraction:
    """Tell how much of the risk the claim of one look may use.

    Look m gets alpha / (m (m + 1)): 1/2, 1/6, 1/12 ... of alpha, which add up to alpha however often somebody looks. So
    with probability 1 - alpha no claim ever made of this migration is false. Each look after a change of what was
    looked at needs a seed of its own: where the found ones were repaired, the old sample proves nothing.

    Args:
        look: Which look it is, from 1.
        alpha: The risk for all looks together.

    Returns:
        The risk for this one.

    Raises:
        ValueError: There is no such look.
    """
    if look < 1:
        raise ValueError(f"look {look}: looks are counted from 1")
    return exact(alpha) / (look * (look + 1))


def confidence_of_part(confidence: Number, earlier_looks: int, sampled: int) -> Fraction:
    """Tell which confidence the limit of one stratum needs, so that all of them hold together, now and at every look.

    The risk of this look is divided by the number of strata that are sampled (Bonferroni). A census and a stratum
    nobody looks at have limits that cannot fail: they take nothing of it.

    Args:
        confidence: Of the whole claim.
        earlier_looks: How many claims were made before.
        sampled: How many strata are sampled.

    Returns:
        The confidence of each.

    Raises:
        ValueError: The confidence is out of range, or the number of looks negative.
    """
    return 1 - alpha_of_look(earlier_looks + 1, doubt(confidence)) / max(1, sampled)


# ---- the claim -----------------------------------------------------------------------------------------------------


class Checked(Struct, frozen=True):
    """What was seen of one stratum."""

    name: str
    population: int
    drawn: int
    """How many were drawn, read or not. Never replace one that could not be read by the next in order."""
    wrong: int
    unread: int = 0
    """Drawn, but could not be read. The limit counts them as wrong."""

    @property
    def possible(self) -> int:
        """How many can be wrong at the very most, whatever luck the sample had."""
        return self.population - self.drawn + self.wrong + self.unread


class Part(Checked, frozen=True, kw_only=True):
    """One stratum of a claim."""

    limit: int
    """So many are wrong at most."""


class Claim(Struct, frozen=True):
    """How many can be wrong at most, with which confidence, and why.

    With probability `confidence` the limits of all parts hold together, and with them every other claim made by the
    looks before and after this one.
    """

    population: int
    drawn: int
    wrong: int
    unread: int
    limit: int
    confidence: float
    looks: int
    """This one and those before it."""
    parts: tuple[Part, ...]
    alpha: Fraction = Fraction(0)
    """The risk by which the limit of each sampled stratum was computed; a census needs none."""
    sampled: int = 0
    """Strata of which a part was drawn: each of them has that risk."""
    first: tuple[Part, ...] = ()
    """What the sample alone showed, with the limits that alpha gives, where its like were looked at since."""

    @property
    def strata(self) -> tuple[Part, ...]:
        """What was drawn of each, and the limit by that alone: what an auditor computes again."""
        return self.first or self.parts

    @property
    def certain(self) -> bool:
        """Nothing depends on the luck of a sample."""
        return all(part.limit >= part.possible for part in self.parts)

    def sentence(self, things: str) -> str:
        """Say it.

        Args:
            things: What was counted, in the plural: "conversations".

        Returns:
            One sentence without a full stop; the share is rounded up, never down.
        """
        if self.population == 0:
            return f"there are no {things} to check"
        if self.drawn == self.unread:
            return f"nothing is known of {self.population:,} {_noun(self.population, things)}: none was checked"
        among, verb = f"of {self.population:,} {_noun(self.population, things)}", _verb(self.limit)
        if self.certain and self.limit == self.wrong:
            return f"exactly {self.limit:,} {among} {verb}"
        said = [f"at most {self.limit:,} {among} {verb} ({_percent(self.limit, self.population)})"]
        if not self.certain:
            # The float was read as a decimal, and is printed as one.
            said[0] += f", with {(Decimal(str(self.confidence)) * 100).normalize():f} % confidence"
        said += [f"{self.wrong:,} found"] if self.wrong else []
        said += [f"{self.unread:,} could not be read, counted as wrong"] if self.unread else []
        if self.looks > 1 and not self.certain:
            said.append(f"earlier looks counted in: {self.looks - 1}")
        return "; ".join(said)


def make_claim(checked: Iterable[Checked], confidence: Number, earlier_looks: int = 0) -> Claim:
    """Make the claim over all strata: the sum of their upper limits.

    How many were drawn of each stratum must have been settled before anything of this sample was seen; a sample that
    grew because of what it showed is another look.

    Args:
        checked: What was seen of each stratum.
        confidence: Of the whole claim.
        earlier_looks: How many claims were made before of this migration.

    Returns:
        The claim.

    Raises:
        ValueError: There is no such sample, or the confidence is out of range.
    """
    seen = list(checked)
    sampled = sum(0 < one.drawn < one.population for one in seen)
    each = confidence_of_part(confidence, earlier_looks, sampled)
    parts = [_part(one, upper_limit(one.population, one.drawn, one.wrong + one.unread, each)) for one in seen]
    claim = _claim(parts, float(confidence), earlier_looks + 1)
    return replace(claim, alpha=1 - each, sampled=sampled) if sampled else claim


def _part(seen: Checked, limit: int) -> Part:
    return Part(seen.name, seen.population, seen.drawn, seen.wrong, seen.unread, limit=limit)


def _claim(parts: Sequence[Part], confidence: float, looks: int) -> Claim:
    population, drawn = sum(part.population for part in parts), sum(part.drawn for part in parts)
    wrong, unread = sum(part.wrong for part in parts), sum(part.unread for part in parts)
    limit = sum(part.limit for part in parts)
    return Claim(population, drawn, wrong, unread, limit, confidence, looks, tuple(parts))


def _noun(count: int, things: str) -> str:
    """Things as they are called where there is one of them."""
    return _ONE.get(things, things) if count == 1 else things


_ONE = {"records in threads": "record in a thread", "profiles and files": "profile or file"}


def _verb(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _percent(part: int, whole: int) -> str:
    share = Context(prec=3, rounding=ROUND_CEILING).divide(Decimal(100 * part), Decimal(whole))
    return f"{share.normalize():f} %"


# ---- a defect is rarely alone --------------------------------------------------------------------------------------


class Recheck(Struct, frozen=True):
    """All records of one stratum that match the signature of a found defect, every one of them checked again.

    A record that matches several signatures belongs to one of them only.
    """

    signature: str
    stratum: str
    population: int
    """How many match."""
    drawn: int
    """How many of them had been in the sample."""
    found: int
    """How many of these the sample had found wrong."""
    wrong: int
    """How many of all that match are wrong. Whatever the sample had found wrong is among them, even if a second reading
    finds it right."""
    sample_unread: int = 0
    """How many of those in the sample could not be read then."""
    unread: int = 0
    """How many of all that match could not be read now."""


def after_recheck(claim: Claim, rechecks: Iterable[Recheck]) -> Claim:
    """Move the records that were checked again out of their strata, into a census of their own.

    The signature was chosen after the sample was seen. So what is left of the sample is no fair sample of what is left
    of the population: it was rid of its defects on purpose, and a fresh limit for it (N - M of which n - m were drawn)
    would be too low. This rule holds for every choice, made for whatever reason:

        rest <= min(U - K, unchecked + wrong and unread ones left)

    where U is the stratum's limit by its whole sample, all defects counted, and K how many of the matching are wrong.

    Proof. Let D be the true number of wrong ones in the stratum. Choosing what to check again changes neither D nor U.
    K of the D were counted by the census, so the rest holds at most D - K; wherever D <= U, that is at most U - K, for
    every set of matching records at once, even one picked by an enemy who knows all. The claim before says that D <= U
    in all strata together with probability `confidence`; so the new one has at least that confidence. The second
    term is plain counting and cannot fail. Should U - K be less than what is known to be wrong in the rest, then
    D > U: the sample misled (a risk of 1 - confidence), and the second term alone is quoted. QED. No risk is spent
    here, so this may be repeated on its own result. For a sharper limit of the rest, look again with another seed.

    Args:
        claim: What the sample allowed to say.
        rechecks: What was checked again, once for each signature and stratum.

    Returns:
        The claim with what is left of each stratum, and one census for each signature.

    Raises:
        ValueError: The numbers contradict the claim.
    """
    checks = list(rechecks)
    unknown = {check.stratum for check in checks} - {part.name for part in claim.parts}
    if unknown:
        raise ValueError(f"checked again in {', '.join(sorted(unknown))}: the claim has no such stratum")
    rest = [_rest(part, [check for check in checks if check.stratum == part.name]) for part in claim.parts]
    parts = rest + [_census(signature, checks) for signature in dict.fromkeys(check.signature for check in checks)]
    after = _claim(parts, claim.confidence, claim.looks)
    return replace(after, alpha=claim.alpha, sampled=claim.sampled, first=claim.strata)


def _rest(part: Part, checks: Sequence[Recheck]) -> Part:
    population, drawn, wrong, unread, limit = part.population, part.drawn, part.wrong, part.unread, part.limit
    for check in checks:
        population, drawn = population - check.population, drawn - check.drawn
        wrong, unread = wrong - check.found, unread - check.sample_unread
        limit -= check.wrong
        if (
            min(check.found, check.sample_unread, check.unread, check.wrong - check.found) < 0
            or not check.found + check.sample_unread <= check.drawn <= check.population
            or check.wrong + check.unread > check.population
        ):
            raise ValueError(f"{check.signature} in {part.name}: its numbers contradict one another")
    if min(wrong, unread, drawn - wrong - unread, population - drawn) < 0:
        raise ValueError(f"{part.name}: more was checked again than the claim has")
    left = Checked(part.name, population, drawn, wrong, unread)
    return _part(left, left.possible if limit < wrong else min(limit, left.possible))


def _census(signature: str, checks: Iterable[Recheck]) -> Part:
    ours = [check for check in checks if check.signature == signature]
    population, wrong = sum(check.population for check in ours), sum(check.wrong for check in ours)
    unread = sum(check.unread for check in ours)
    return Part(signature, population, population, wrong, unread, limit=wrong + unread)
