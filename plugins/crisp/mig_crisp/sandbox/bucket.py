"""Uploads: a signed URL for each, told by a socket event only, and what was stored behind the URLs."""

from __future__ import annotations

import hashlib
import hmac
import random
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

from msgspec import Struct

from mig_crisp.sandbox.answers import Answer, Json, dispatched, invalid, missing
from mig_crisp.sandbox.bodies import BUCKET_URL
from mig_crisp.sandbox.feed import Event
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.routing import Call, Route

PREFIX = "/_bucket/"
"""On the sandbox's own origin; the real storage is another host, and knows nothing of the API's keys."""
SIGNED, PUBLIC = f"{PREFIX}signed/", f"{PREFIX}public/"
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_PHOTOS = ("image/jpeg", "image/png", "image/webp")


class Upload(Struct):
    """One file for which a URL was generated, and its bytes once they are there."""

    key: str
    """Its name in the storage, part of both of its URLs."""
    name: str
    type: str
    """The media type declared, which the upload must repeat."""
    size_limit: int
    refused: bool
    """Its extension is not on the list; the upload will say so."""
    url: str
    """Where everyone reads it."""
    size: int | None = None
    """None until it is stored."""
    sha256: str = ""
    path: Path | None = None
    puts: int = 0
    """How often its bytes arrived whole."""


class Bucket:
    """Every upload of the workspace, and the rules they are made by.

    Args:
        switches: `signed_life`, `extensions`, `size_limit*`, `event_*` and `refused_extension` are read.
        seed: For the schedule of lost and doubled events, and for the names.
    """

    def __init__(self, switches: Switches, seed: int) -> None:
        self.uploads: dict[str, Upload] = {}
        self.counts: Counter[str] = Counter()
        self._switches = switches
        self._seed = seed
        self._random = random.Random(f"bucket/{seed}")

    def grant(self, name: str, media_type: str, home: str) -> Upload:
        """A place for a file that is about to come.

        Args:
            name: The file's name.
            media_type: Its declared type.
            home: The public address under which files of this resource lie.
        """
        self.counts["generated"] += 1
        key = hashlib.sha256(f"{self._seed}/{self.counts['generated']}".encode()).hexdigest()[:32]
        limit, refused = self._limit(media_type), not self.takes(name)
        # The name is where a real file's name comes from, so only what every URL may hold stays of it.
        upload = Upload(key, name, media_type, limit, refused, f"{home}/{key}/{_NO_NAME.sub('-', name)}")
        self.uploads[key] = upload
        return upload

    def takes(self, name: str) -> bool:
        """Whether files of this name may be uploaded: their extension is on the list."""
        stem, dot, extension = name.rpartition(".")
        listed = self._switches.extensions
        return "*" in listed or bool(stem and dot and extension.lower() in listed)

    def sign(self, upload: Upload, now: int) -> str:
        """The path and query to which the bytes may be sent from now on, for a time."""
        until = now + round(self._switches.signed_life * 1000)
        query = urlencode({"expires": until, "signature": self._signature(upload.key, str(until))})
        return f"{SIGNED}{upload.key}?{query}"

    def signed(self, key: str, until: str, signature: str, now: int) -> bool:
        """Whether a signature is this sandbox's own and not yet over."""
        genuine = hmac.compare_digest(self._signature(key, until).encode(), signature.encode())
        return genuine and now < int(until)

    def copies(self) -> int:
        """How many times an event with URLs goes out: none, one, or two."""
        if self._random.random() < self._switches.event_loss:
            self.counts["events_lost"] += 1
            return 0
        if self._random.random() < self._switches.event_twice:
            self.counts["events_doubled"] += 1
            return 2
        return 1

    def stored(self) -> list[Upload]:
        """The uploads whose bytes are there."""
        return [one for one in self.uploads.values() if one.size is not None]

    def _limit(self, media_type: str) -> int:
        switches = self._switches
        if media_type in _PHOTOS:
            return switches.size_limit_photo
        special = {"text/csv": switches.size_limit_csv, "image/gif": switches.size_limit_gif}
        return special.get(media_type, switches.size_limit)

    def _signature(self, key: str, until: str) -> str:
        return hmac.new(f"bucket/{self._seed}".encode(), f"{key}/{until}".encode(), "sha256").hexdigest()


def generate(call: Call) -> Answer:
    """Promise a URL; it comes by an event, to the sockets that listen at this moment (API page, section 8)."""
    desk, body, file = call.desk, call.body, call.body["file"]
    resource = body.get("resource")
    if resource is not None and resource["id"] != desk.website_id:
        raise missing("website")
    bucket, switches = desk.bucket, desk.switches
    if switches.refused_extension == "generate" and not bucket.takes(file["name"]):
        raise invalid("data.file.name should have an extension that may be uploaded")
    # Without a resource the upload is the key's own, and no room of a website hears of it.
    owner = resource or {"type": switches.tier, "id": desk.identifier}
    upload = bucket.grant(file["name"], file["type"], f"{desk.origin}{PUBLIC}{owner['id']}")
    data: Json = {
        "from": switches.tier,
        "identifier": desk.identifier,
        "id": body["id"],
        "type": file["type"],
        "resource": owner,
        "url": {"resource": upload.url, "signed": desk.origin + bucket.sign(upload, call.now)},
        "policy": {"size_limit": upload.size_limit},
    }
    for _ in range(bucket.copies()):
        desk.feed.publish(Event(f"bucket:url:{body['namespace']}:generated", owner["id"], data), switches.event_delay)
    return dispatched()


def routes() -> list[Route]:
    """The routes of this module."""
    return [Route("POST", "/bucket/url/generate", generate, "bucket:url", BUCKET_URL)]
