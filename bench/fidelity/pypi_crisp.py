"""The official Python client, as its package ships it, against the Crisp sandbox; only the host is ours.

It has no socket, so it uploads nothing: it asks for an upload URL and gets the acknowledgement. The last line of the
output is one JSON object: {"calls", "wrong", "notes"}.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from crisp_api import Crisp
from crisp_api.errors.route import RouteError

SITE = os.environ["CRISP_WEBSITE_ID"]
MISSING = "Got response error: data should have required property '.person'"


class Judge:
    """Calls the client, and notes what was not as it must be."""

    def __init__(self) -> None:
        self.client = Crisp()
        self.client.set_rest_host(os.environ["FIDELITY_ORIGIN"])
        self.client.set_tier(os.environ["CRISP_TIER"])
        self.client.authenticate(os.environ["CRISP_IDENTIFIER"], os.environ["CRISP_KEY"])
        self.calls = 0
        self.wrong: list[str] = []

    def step(self, method: str, *words: Any, check: Callable[[Any], bool] | None = None) -> Any:
        """One call under the website."""
        self.calls += 1
        try:
            answer = getattr(self.client.website, method)(SITE, *words)
        except Exception as error:
            self.wrong.append(f"{method}: {error}")
            return {}
        if check is not None and not check(answer):
            self.wrong.append(f"{method}: the answer is not as expected")
        return answer

    def refused(self, code: int, reason: str, method: str, *words: Any, why: str | None = None) -> None:
        """One call that must be refused."""
        self.calls += 1
        try:
            getattr(self.client.website, method)(SITE, *words)
        except RouteError as refusal:
            (told,) = refusal.args
            found = (told["code"], told["message"], why and told["data"]["message"])
            if found != (code, reason, why):
                self.wrong.append(f"{method}: {found}, expected {(code, reason, why)}")
        else:
            self.wrong.append(f"{method}: it was not refused")


def workspace(judge: Judge) -> str:
    """The website, and its owner's id."""
    judge.step("get_website", check=lambda told: told["website_id"] == SITE)
    judge.step("update_website_settings", {"emails": {"rating": True}})
    judge.step("get_website_settings", check=lambda told: told["emails"]["rating"] is True)
    people = judge.step("list_website_operators", check=lambda told: told[0]["details"]["role"] == "owner")
    owner: str = people[0]["details"]["user_id"]
    return owner


def conversation(judge: Judge, owner: str) -> None:
    """A conversation from its birth to its removal."""
    session = judge.step("create_new_conversation")["session_id"]
    judge.step("check_conversation_exists", session)
    metas = {"nickname": "Ada", "email": "ada@example.com", "data": {"source_id": "c1"}, "segments": ["mig"]}
    judge.step("update_conversation_metas", session, metas)
    judge.step("get_conversation_metas", session, check=lambda told: {**told, **metas} == told)
    text = {"type": "text", "from": "user", "origin": "chat", "content": "Anybody?", "timestamp": 1_600_000_000_000}
    number = judge.step("send_message_in_conversation", session, text)["fingerprint"]
    note = {"type": "note", "from": "operator", "origin": "chat", "content": "yes", "timestamp": 1_600_000_000_001}
    judge.step("send_message_in_conversation", session, note)
    file = {"name": "a.txt", "url": "https://example.com/a.txt", "type": "text/plain"}
    sent = {"type": "file", "from": "user", "origin": "chat", "content": file, "timestamp": 1_600_000_000_002}
    judge.step("send_message_in_conversation", session, sent)
    contents = [text["content"], note["content"], file]
    judge.step(
        "get_messages_in_conversation", session, {}, check=lambda told: [one["content"] for one in told] == contents
    )
    before = {"timestamp_before": note["timestamp"]}
    judge.step("get_messages_in_conversation", session, before, check=lambda told: len(told) == 1)
    judge.step("get_message_in_conversation", session, number, check=lambda told: told["content"] == "Anybody?")
    judge.step("update_message_in_conversation", session, number, {"content": "Anybody there?"})
    judge.step("list_conversation_files", session, 1, check=lambda told: [one["url"] for one in told] == [file["url"]])
    judge.step("list_conversation_pages", session, 1, check=lambda told: told == [])
    judge.step("list_conversation_events", session, 1, check=lambda told: told == [])
    judge.step("mark_messages_read_in_conversation", session, {"from": "user", "origin": "chat"})
    marks = {"from": "operator", "origin": "chat", "fingerprints": [number]}
    judge.step("mark_messages_delivered_in_conversation", session, marks)
    judge.step("assign_conversation_routing", session, {"assigned": {"user_id": owner}, "silent": True})
    judge.step("get_conversation_routing_assign", session, check=lambda told: told["assigned"]["user_id"] == owner)
    judge.step("block_incoming_messages_for_conversation", session, {"blocked": False})
    judge.step("change_conversation_state", session, {"state": "resolved"})
    judge.step("get_conversation_state", session, check=lambda told: told == {"state": "resolved"})
    judge.step("get_conversation", session, check=lambda told: told["status"] == 2)
    judge.step("list_conversations", 1, check=lambda told: [one["session_id"] for one in told] == [session])
    judge.step("search_conversations", 1, "mig", "segment", check=lambda told: len(told) == 1)
    judge.refused(400, "invalid_data", "send_message_in_conversation", session, {**text, "type": "letter"})
    judge.step("remove_conversation", session)
    judge.refused(404, "session_not_found", "get_conversation", session)


def people(judge: Judge) -> None:
    """A profile from its birth to its removal."""
    profile = {"email": "grace@example.com", "person": {"nickname": "Grace"}, "segments": ["vip"]}
    name = judge.step("add_new_people_profile", profile)["people_id"]
    judge.refused(409, "people_exists", "add_new_people_profile", profile)
    judge.refused(400, "invalid_data", "add_new_people_profile", {"email": "x@y.z"}, why=MISSING)
    judge.step("check_people_profile_exists", name)
    judge.step("get_people_profile", name, check=lambda told: {**told, **profile} == told)
    judge.step("get_people_profile", profile["email"], check=lambda told: told["people_id"] == name)
    judge.step("update_people_profile", name, {"notepad": "met in May"})
    judge.step("save_people_profile", name, {**profile, "notepad": "met in June"})
    judge.step("save_people_data", name, {"data": {"source": "desk"}})
    judge.step("update_people_data", name, {"data": {"vip": True}})
    judge.step("get_people_data", name, check=lambda told: told["data"] == {"source": "desk", "vip": True})
    query = [{"model": "people", "criterion": "email", "operator": "eq", "query": [profile["email"]]}]
    judge.step("search_people_profiles", 1, json.dumps(query), check=lambda told: told[0]["notepad"] == "met in June")
    judge.step("list_people_profiles", 1, check=lambda told: len(told) == 2)
    judge.step("get_people_statistics", check=lambda told: told == {"total": 2})
    judge.step("update_people_subscription_status", name, {"email": False})
    judge.step("get_people_subscription_status", name, check=lambda told: told == {"email": False})
    judge.step("add_people_event", name, {"text": "bought", "data": {"price": 5}, "color": "blue"})
    judge.step("list_people_events", name, 1, check=lambda told: told[0]["text"] == "bought")
    judge.step("list_people_conversations", name, 1, check=lambda told: told == [])
    judge.step("remove_people_profile", name)
    judge.refused(404, "people_not_found", "get_people_profile", name)


def bucket(judge: Judge) -> None:
    """Ask for an upload URL: acknowledged, and no URL in the answer."""
    judge.calls += 1
    wish = {"namespace": "upload", "id": "1", "file": {"name": "a.txt", "type": "text/plain"}}
    answer = judge.client.bucket.generate_bucket_url({**wish, "resource": {"type": "website", "id": SITE}})
    if answer != {}:
        judge.wrong.append("generate_bucket_url: the answer is not a bare acknowledgement")


def main() -> None:
    """The whole story."""
    judge = Judge()
    conversation(judge, workspace(judge))
    people(judge)
    bucket(judge)
    print(json.dumps({"calls": judge.calls, "wrong": judge.wrong, "notes": []}))


if __name__ == "__main__":
    main()
