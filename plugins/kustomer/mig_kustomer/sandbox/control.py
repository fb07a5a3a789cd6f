"""What tests may do to a running sandbox over HTTP, under `/_sandbox/`: change the data, read what was counted.

POST put                  {"kind", "resource"}   -> {"id"}
POST delete | touch       {"kind", "id"}
POST merge-customers | merge-conversations       {"source", "target"}
POST advance              {"seconds"}: push the organisation's clock
GET  counters             requests by route and by status, faults by name
GET  dataset              everything that is served, as JSON Lines
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from aiohttp import web

from mig.testing.sandbox import CONTROL
from mig_kustomer.sandbox.answers import json_answer
from mig_kustomer.sandbox.dataset import write_dataset
from mig_kustomer.sandbox.organisation import Organisation
from mig_kustomer.sandbox.rows import Json, decode, encode


class Control:
    """Answers the control paths."""

    def __init__(self, organisation: Organisation, counters: Callable[[], dict[str, Counter[str]]]) -> None:
        self._organisation = organisation
        self._counters = counters

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One control request; 400 says what is wrong with it."""
        wanted = request.path.removeprefix(CONTROL).strip("/")
        if request.method == "GET" and wanted == "counters":
            return json_answer(encode(self._counters()))
        if request.method == "GET" and wanted == "dataset":
            return await self._dataset(request)
        try:
            answer = self._change(wanted, decode(await request.read())) if request.method == "POST" else None
        except (KeyError, TypeError, ValueError) as error:
            return json_answer(encode({"error": f"{type(error).__name__}: {error}"}), 400)
        if answer is None:
            return json_answer(encode({"error": f"there is no {request.method} {request.path}"}), 404)
        return json_answer(encode(answer))

    def _change(self, wanted: str, given: Json) -> Json | None:
        here = self._organisation
        if wanted == "put":
            return {"id": here.put(given["kind"], given["resource"])}
        if wanted == "merge-customers":
            return {"id": here.merge_customers(given["source"], given["target"])}
        if wanted == "delete":
            here.delete(given["kind"], given["id"])
        elif wanted == "touch":
            here.touch(given["kind"], given["id"])
        elif wanted == "merge-conversations":
            here.merge_conversations(given["source"], given["target"])
        elif wanted == "advance":
            here.clock.advance(float(given["seconds"]))
        else:
            return None
        return {}

    async def _dataset(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for line in write_dataset(self._organisation.store.everything()):
            await response.write(line)
        await response.write_eof()
        return response
