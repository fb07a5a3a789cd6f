"""The knowledge base: articles are containers, their texts live in versions per language."""

from __future__ import annotations

import re

from aiohttp import web

from mig_kustomer.sandbox.answers import Paging, Refusal, json_answer, list_page, single
from mig_kustomer.sandbox.entities import attributes_of
from mig_kustomer.sandbox.lists import STANDARD, read_flag
from mig_kustomer.sandbox.routing import Call
from mig_kustomer.sandbox.rows import Json, Row, decode, encode

_ARTICLES = Paging(maximum=500)
_MEDIA = re.compile(r'data-media-id="([^"]+)"')
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def articles(call: Call) -> web.Response:
    """`GET /v1/kb/articles?includeLang=&includeBody=`."""
    page = call.page(_ARTICLES)
    table = call.store.table("kb_articles")
    rows = [_with_language(call, table.rows[row_id]) for row_id in page.cut(table.order)]
    return json_answer(list_page(page, rows, None))


def article(call: Call) -> web.Response:
    """`GET /v1/kb/articles/{id}`."""
    return json_answer(single(_with_language(call, call.found("kb_articles", "Article"))))


def _with_language(call: Call, row: Row) -> bytes:
    """The article with one language populated: the version stands under the key `id` of `currentVersion`."""
    language, body = call.query.get("includeLang"), read_flag(call, "includeBody")
    if language is None:
        return row.body
    resource = decode(row.body)
    versions = resource["attributes"].get("langVersions") or {}
    current = (versions.get(language) or {}).get("currentVersion") or {}
    version = call.store.get("kb_versions", current.get("id"))
    if version is None:
        return row.body
    attributes = attributes_of(version)
    shown = ["slug", "title", "status", "scope", "createdAt", "updatedAt", *(["htmlBody"] if body else [])]
    current["id"] = {"_id": version.id} | {name: attributes[name] for name in shown if name in attributes}
    return encode(resource)


def versions_of_article(call: Call) -> web.Response:
    """`GET /v1/kb/articles/{id}/versions/{lang}`: every version, drafts too; an id in its place reads that one."""
    row = call.found("kb_articles", "Article")
    wanted = call.params["lang"]
    rows = call.store.children("kb_versions", "article", row.id)
    if _OBJECT_ID.fullmatch(wanted):
        for one in rows:
            if one.id == wanted:
                return json_answer(single(_with_files(one)))
        raise Refusal(404, "Version not found", parameter="lang")
    page = call.page(STANDARD)
    chosen = page.cut([one for one in rows if attributes_of(one).get("lang") == wanted])
    return json_answer(list_page(page, [_with_files(one) for one in chosen], None))


def _with_files(row: Row) -> bytes:
    if b"data-media-id" not in row.body:
        return row.body
    resource = decode(row.body)
    ids = dict.fromkeys(_MEDIA.findall(str(resource["attributes"].get("htmlBody"))))
    files: Json = {"data": [{"type": "attachment", "id": media_id} for media_id in ids]}
    resource["relationships"] = (resource.get("relationships") or {}) | {"attachments": files}
    return encode(resource)
