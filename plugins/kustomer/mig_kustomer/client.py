"""Reading requests to Kustomer: budgets, limits learnt on the way, retries, and what each status means."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import structlog
from msgspec import Struct

from mig import Access, Bucket, Clock, Paused, Refused, Unclear, Unreadable
from mig.http import Answer, Http, Unreachable, retry_after, shape
from mig_kustomer.courtesy import Courtesy
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.wire import Leaf, split

log = structlog.get_logger()

T = TypeVar("T")

ALL = "kustomer.all"
"""Every request of the organisation, the people in the app included."""
SEARCH = "kustomer.search"
"""Searches by API keys; they count in `ALL` too."""

_SHARE = 0.5
"""A live desk needs the rest."""
_SLACK = 0.02
_MINUTE = 60.0
_FIRST_TRIES = 3
"""A host nobody has reached yet is more likely misspelt than down."""
_REFUSALS = 20
"""429 in a row until the run ends politely."""
_OF_RECORDS = (400, 404, 405, 409, 422)
"""What the API says of one thing asked for; in words of its own a gateway says it, of nothing in particular."""
_LONGEST_WAIT = 120.0
"""A window lasts a minute: a reset further away is a clock that differs from ours."""


class Unserved(Unreadable):
    """An endpoint that answers this key with a status that means no."""

    def __init__(self, message: str, hint: str, status: int, *, sure: bool = True) -> None:
        super().__init__(message, hint)
        self.status = status
        self.sure = sure
        """The API says it itself; not, where only somebody on the way did."""

    @property
    def gone(self) -> bool:
        """What was asked for does not exist (any more)."""
        return self.status == 404 and self.sure


class Part(Struct, frozen=True):
    """One page of a list."""

    leaf: Leaf
    page: int
    more: bool
    """Another page follows, and may be asked for."""
    capped: bool = False
    """Another page follows, and may not."""


class Client:
    """Asks Kustomer. Every request only reads, so every one may be sent again.

    The waits go through the run's own clock, which retry libraries do not know: hence the small loop in `_answer`.
    """

    def __init__(self, settings: KustomerSettings, access: Access) -> None:
        self._settings = settings
        self._access = access
        self._answered = False
        headers = {"Authorization": f"Bearer {settings.api_key.reveal()}", "Accept": "application/json"}
        self._http = Http(settings.url, access, headers=headers, timeout_s=settings.timeout_s)
        self._planned = {ALL: settings.requests_per_minute, SEARCH: settings.searches_per_minute}
        self._known = dict(self._planned)
        access.budgets.declare([_bucket(name, amount) for name, amount in self._planned.items()])
        self._courtesy = {name: Courtesy(name, access.budgets, access.clock) for name in self._planned}

    @property
    def clock(self) -> Clock:
        """The run's own: only how much time passed counts, for the server's may differ."""
        return self._access.clock

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Leaf:
        """Read one page of a list, or one resource.

        Raises:
            Unserved: The endpoint refuses this key or does not exist.
            Unreadable: It gave no whole answer in all attempts.
        """
        return await self._answer("GET", path, query, None, (ALL,), lambda answer: split(answer.body))

    async def find(self, path: str) -> Leaf | None:
        """Read by id; None: it does not exist (any more)."""
        try:
            return await self.get(path)
        except Unserved as error:
            if error.gone:
                return None
            raise

    async def parts(
        self, path: str, query: Mapping[str, str | int] | None = None, *, page: int = 1, absent: bool = False
    ) -> AsyncIterator[Part]:
        """Read the pages of a list one after the other, up to the cap.

        Args:
            path: Which list.
            query: What is asked of it, without page and size.
            page: Where to begin.
            absent: Whether a list that is not there (any more) is one without pages; otherwise it is an error.

        Raises:
            Unserved, Unreadable: As `get`.
        """
        size, more = self._settings.list_page, True
        while more:
            try:
                leaf = await self.get(path, {**(query or {}), "page": page, "pageSize": size})
            except Unserved as error:
                if absent and error.gone:
                    return
                raise
            if leaf.next is not None:
                self.check(leaf.next)
            follows = leaf.next is not None and bool(leaf.rows)
            last = (page + 1) * size > self._settings.list_cap or page >= self._settings.page_cap
            more = follows and not last
            yield Part(leaf, page, more, follows and last)
            page += 1

    async def get_bytes(self, path: str) -> bytes:
        """Read something of unknown form, as it came."""
        return await self._answer("GET", path, None, None, (ALL,), lambda answer: answer.body)

    async def search(self, body: Mapping[str, Any], page: int, size: int, *, archive: bool = False) -> Leaf:
        """Read one page of a search, or of an archive search (docs/api/kustomer.md, section 5)."""
        query = {"page": page, "pageSize": size}
        path = "/v1/customers/archive/search" if archive else "/v1/customers/search"
        return await self._answer("POST", path, query, body, (ALL, SEARCH), lambda answer: split(answer.body))

    def limits(self) -> dict[str, int]:
        """Requests per minute as far as they are known: the plan's, or less where the platform named less."""
        return dict(self._known)

    def check(self, link: str) -> None:
        """Make sure that a link of an answer stays on this host.

        Raises:
            Refused: It does not: the key would travel there.
        """
        self._http.url(link)

    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: object,
        spend: Sequence[str],
        read: Callable[[Answer], T],
    ) -> T:
        failures = refusals = 0
        while True:
            try:
                answer = await self._http.request(method, path, query=query, body=body, spend=spend)
                self._answered = True
                self._learn(answer, self._told_of(answer, spend))
                if answer.status < 300:
                    return read(answer)
                why = f"status {answer.status}"
            except Unreachable as error:
                answer, why = None, "unreachable"
                if not self._answered and failures + 1 >= _FIRST_TRIES:
                    raise Refused(error.message, "Check KUSTOMER_URL and the network; nothing was changed.") from error
            except (Unclear, ValueError, RecursionError):
                answer, why = None, "no whole answer"
            if answer is not None and answer.status == 429:
                refusals += 1
                self._close(answer, spend[-1], refusals)
                continue
            sure = answer is not None and (answer.status not in _OF_RECORDS or _is_the_api(answer))
            failures += 1
            if answer is not None and answer.status < 500 and (sure or failures >= self._settings.attempts):
                _refuse(method, path, answer.status, sure=sure)
            if failures >= self._settings.attempts:
                _give_up(method, path, why, failures)
            log.info("request.retried", path=path.partition("?")[0], why=why, attempt=failures)
            pause = min(self._settings.pause_s * 2 ** (failures - 1), _MINUTE)
            await self._access.clock.sleep(pause * random.uniform(0.75, 1.25))

    def _told_of(self, answer: Answer, spend: Sequence[str]) -> str:
        """The bucket an answer's headers are about: of a search the narrower one, unless they name a wider limit."""
        named = answer.headers.get("x-ratelimit-limit", "")
        wider = named.isdecimal() and len(named) < 10 and int(named) > self._planned[spend[-1]]
        return ALL if wider else spend[-1]

    def _learn(self, answer: Answer, bucket: str) -> None:
        """Take a limit the platform names when it is lower than the plan's; an answer may name none."""
        self._courtesy[bucket].seen(answer.headers, refused=answer.status == 429)
        try:
            named = int(answer.headers.get("x-ratelimit-limit", ""))
        except ValueError:
            return
        amount = min(named, self._planned[bucket])
        if amount > 0 and amount != self._known[bucket]:
            self._known[bucket] = amount
            self._access.budgets.declare([_bucket(bucket, amount)])
            log.info("limit.learnt", bucket=bucket, amount=amount)

    def _close(self, answer: Answer, bucket: str, refusals: int) -> None:
        """Let nothing leave from the bucket until its window is over."""
        wait = retry_after(answer.headers)
        if wait is None:
            try:
                reset = float(answer.headers.get("x-ratelimit-reset", ""))
                wait = reset - self._access.clock.now().timestamp()
            except ValueError:
                wait = 5.0 * 2**refusals
        wait = min(max(wait, min(refusals, 10.0)), _LONGEST_WAIT)
        if refusals > _REFUSALS:
            raise Paused(
                f"Kustomer refused {refusals} requests in a row for being too many ({bucket})",
                "Something else uses up the organisation's limit. Run the same command again later, or lower --share.",
                retry_after_s=wait,
            )
        self._access.budgets.close(bucket, wait + random.uniform(0.0, 1.0))


def _bucket(name: str, amount: int) -> Bucket:
    return Bucket(name, amount, _MINUTE, _SHARE, slack=_SLACK, rolling=True)


def _is_the_api(answer: Answer) -> bool:
    """Whether the API itself may have refused: it does so in JSON or without a word (docs/api/kustomer.md, section 3).

    A page of HTML is a gateway's, which knows nothing of what exists.
    """
    try:
        return not answer.body.strip() or isinstance(answer.json(), dict)
    except Unclear:
        return False


def _refuse(method: str, path: str, status: int, *, sure: bool) -> NoReturn:
    where = f"{method} {shape(path)}"
    if status == 401:
        raise Refused(
            f"Kustomer refused the credentials (401 on {where})",
            "The key has expired, was revoked, or belongs to another region.\n"
            "Check KUSTOMER_API_KEY and KUSTOMER_URL: the US answer on https://api.kustomerapp.com, the EU on\n"
            "https://api.prod2.kustomerapp.com, India on https://api.prod4.kustomerapp.com, and each organisation on\n"
            "https://ORG.api.kustomerapp.com; `mig check` tries again.",
        )
    if status == 403:
        raise Unserved(
            f"the key may not read {where} (403)",
            "A key's roles cannot be changed: make one with org.permission.read, or leave this kind out with --only.",
            status,
        )
    if status == 404:
        hint = "It exists only on some plans; the rest goes on."
        raise Unserved(f"Kustomer has no {where} (404)", hint, status, sure=sure)
    hint = "`mig check` shows what it answers."
    raise Unserved(f"Kustomer does not answer {where} (status {status})", hint, status, sure=sure)


def _give_up(method: str, path: str, why: str, failures: int) -> NoReturn:
    where = f"{method} {shape(path)}"
    if why == "unreachable":
        raise Refused(
            f"Kustomer cannot be reached any more ({failures} attempts)", "Run the same command again; it goes on."
        )
    raise Unreadable(
        f"{where} gave {why} {failures} times", "Run the same command again later; it goes on where it stopped."
    )
