"""Section 6 of the API page as a table: which endpoint answers where, and to which family of roles it belongs."""

from __future__ import annotations

from collections.abc import Sequence

from mig_kustomer.sandbox import entities, knowledge, searching
from mig_kustomer.sandbox.answers import Paging, Refusal
from mig_kustomer.sandbox.lists import (
    by_id,
    by_ids,
    by_key,
    children,
    fixed,
    flagged,
    listing,
    message_listing,
    nothing,
    refuse,
    since,
    sorted_listing,
)
from mig_kustomer.sandbox.mail import mail_html
from mig_kustomer.sandbox.routing import Call, Route
from mig_kustomer.sandbox.rows import decode, digits

_CUSTOMERS = Paging(default=30, totals=True)


def _mail(call: Call) -> object:
    wanted = call.organisation.switches.mail_html
    if wanted != "on":
        raise Refusal(int(wanted), "Forbidden" if wanted == "403" else "Not found")
    message = decode(call.found("messages", "Message").body)
    attributes = message["attributes"]
    if (attributes.get("channel"), attributes.get("app")) != ("email", "postmark"):
        raise Refusal(404, "Message not found", parameter="id")
    shown = {"subject": attributes.get("subject"), "htmlBody": mail_html(message)}
    self = f"/v1/postmark/messages/{message['id']}"
    return {"type": "message", "id": message["id"], "attributes": shown, "links": {"self": self}}


def routes(disturbance: searching.Disturbance) -> Sequence[Route]:
    """Every endpoint."""
    return [*_people(), *_conversations(), *_searches(disturbance), *_objects(), *_settings(), *_knowledge()]


def _people() -> Sequence[Route]:
    return [
        Route("/v1/customers", "customers", listing("customers", _CUSTOMERS)),
        Route("/v1/customers/{id}", "customers", by_id("customers", "Customer")),
        Route("/v1/customers/email={value}", "customers", by_key("customers", "Customer", "email", str.lower)),
        Route("/v1/customers/phone={value}", "customers", by_key("customers", "Customer", "phone", digits)),
        Route("/v1/customers/externalId={value}", "customers", by_key("customers", "Customer", "externalId")),
        Route(
            "/v1/customers/{id}/conversations",
            "conversations",
            children("conversations", "customers", "customer", since),
        ),
        Route("/v1/customers/{id}/messages", "messages", message_listing("customers", "customer")),
        Route("/v1/customers/{id}/notes", "notes", children("notes", "customers", "customer")),
        Route("/v1/customers/{id}/drafts", "drafts", children("drafts", "customers", "customer")),
        Route("/v1/customers/{id}/klasses/{name}", "customers", entities.objects_of("customers", "customer")),
        Route("/v1/customers/{id}/merges", "merges", entities.merges_of_customer),
        Route("/v1/customers/{id}/sessions", "events", nothing("customers", "Customer")),
        Route("/v1/customers/{id}/sessions/{sid}/events", "events", nothing("customers", "Customer")),
        Route("/v1/customers/{id}/events", "events", refuse("Not found")),
        Route("/v1/customers/merges/{id}", "merges", by_id("merges", "Merge")),
        Route("/v1/companies", "companies", listing("companies", choose=entities.choose_companies)),
        Route("/v1/companies/{id}", "companies", by_id("companies", "Company")),
        Route("/v1/companies/{id}/klasses/{name}", "companies", entities.objects_of("companies", "company")),
        Route("/v1/users", "users", listing("users", entities.USERS, entities.choose_users)),
        Route("/v1/users/current", "users", entities.current_user),
        Route("/v1/users/{id}", "users", by_ids("users", "User")),
        Route("/v1/users/{id}/teams", "teams", entities.teams_of_user),
        Route("/v1/teams", "teams", listing("teams", entities.USERS)),
        Route("/v1/teams/{id}", "teams", by_id("teams", "Team")),
        Route("/v1/teams/{id}/members", "teams", entities.members_of_team),
        Route("/v1/role-groups", "role_groups", listing("role_groups")),
        Route("/v1/auth/roles", "role_groups", listing("roles")),
        Route("/v1/auth/tokens/current", "auth", fixed(entities.current_token)),
        Route("/v1/orgs/current", "orgs", fixed(entities.current_organisation)),
    ]


def _conversations() -> Sequence[Route]:
    parent = "conversations", "conversation"
    of_message = entities.attachment_of_message
    return [
        Route("/v1/conversations", "conversations", sorted_listing("conversations")),
        Route("/v1/conversations/{id}", "conversations", by_ids("conversations", "Conversation")),
        Route(
            "/v1/conversations/externalId={value}",
            "conversations",
            by_key("conversations", "Conversation", "externalId"),
        ),
        Route("/v1/conversations/{id}/messages", "messages", message_listing(*parent)),
        Route("/v1/conversations/{id}/notes", "notes", children("notes", *parent)),
        Route("/v1/conversations/{id}/attachments", "attachments", entities.attachments_of_conversation),
        Route("/v1/conversations/{id}/forwards", "drafts", children("forwards", *parent)),
        Route("/v1/conversations/{id}/events", "events", children("events", *parent)),
        Route("/v1/forwards/{id}", "drafts", by_id("forwards", "Forward")),
        Route("/v1/messages", "messages", message_listing()),
        Route("/v1/messages/{id}", "messages", by_id("messages", "Message")),
        Route("/v1/messages/externalid={value}", "messages", by_key("messages", "Message", "externalId")),
        Route("/v1/messages/{id}/attachments", "attachments", entities.attachments_of_message),
        Route("/v1/messages/{mid}/attachments/{id}", "attachments", of_message),
        Route("/v1/postmark/messages/{id}", "mail", fixed(_mail)),
        Route(
            "/v1/attachments/{id}",
            "attachments",
            by_ids("attachments", "Attachment", entities.outbound_attachment),
        ),
        Route("/v1/notes", "notes", sorted_listing("notes")),
        Route("/v1/notes/{id}", "notes", by_id("notes", "Note")),
        Route("/v1/drafts/{id}/attachments", "drafts", nothing("drafts", "Draft")),
        Route("/v1/drafts/{id}/attachments/{aid}", "drafts", refuse("Attachment not found")),
        Route("/v1/sub-statuses", "sub_statuses", listing("sub_statuses")),
        Route("/v1/sub-statuses/{id}", "sub_statuses", by_ids("sub_statuses", "Sub-status")),
        Route("/v1/tags", "tags", listing("tags", choose=flagged("deleted"))),
        Route("/v1/tags/{id}", "tags", by_id("tags", "Tag")),
    ]


def _searches(disturbance: searching.Disturbance) -> Sequence[Route]:
    find = searching.search(disturbance, archive=False)
    dig = searching.search(disturbance, archive=True)
    run = searching.execution(disturbance)
    return [
        Route("/v1/customers/search", "search", find, method="POST", search=True),
        Route("/v1/customers/archive/search", "search", dig, method="POST", search=True),
        Route("/v1/customers/searches", "searches", listing("searches")),
        Route("/v1/customers/searches/positions", "searches", nothing()),
        Route("/v1/customers/searches/pinned", "searches", nothing()),
        Route("/v1/customers/searches/{id}", "searches", by_id("searches", "Search")),
        Route("/v1/customers/searches/{id}/execution", "search", run, method="POST", search=True),
    ]


def _objects() -> Sequence[Route]:
    return [
        Route("/v1/klasses", "klasses", listing("klasses", choose=entities.choose_klasses)),
        Route("/v1/klasses/{name}", "klasses", entities.klass_or_objects),
        Route("/v1/klasses/{name}/{id}", "kobjects", entities.one_object),
        Route("/v1/klasses/{name}/externalId={value}", "kobjects", entities.object_by_external_id),
        Route("/v1/metadata/{id}", "metadata", by_id("metadata", "Metadata")),
    ]


def _settings() -> Sequence[Route]:
    plain = [
        # path, family, kind, title
        ("shortcuts", "shortcuts", "shortcuts", "Shortcut"),
        ("shortcuts/categories", "shortcuts", "shortcut_categories", "Category"),
        ("routing/queue-rules", "queues", "queue_rules", "Queue rule"),
        ("satisfaction", "satisfaction", "satisfaction_forms", "Satisfaction"),
        ("hooks/web", "hooks", "hooks_web", "Hook"),
        ("hooks/email", "hooks", "hooks_email", "Hook"),
        ("hooks/form", "hooks", "hooks_form", "Hook"),
        ("outbound-webhooks", "hooks", "outbound_webhooks", "Webhook"),
        ("brands", "brands", "brands", "Brand"),
        ("schedules", "schedules", "schedules", "Schedule"),
        ("spam/senders", "spam", "spam_senders", "Sender"),
        ("cards", "cards", "cards", "Card"),
        ("kviews", "kviews", "kviews", "KView"),
        ("notifications", "notifications", "notifications", "Notification"),
    ]
    rules = entities.business_rules
    return [
        *(Route(f"/v1/{path}", family, listing(kind)) for path, family, kind, _ in plain),
        *(Route(f"/v1/{path}/{{id}}", family, by_id(kind, title)) for path, family, kind, title in plain),
        Route("/v1/snippets", "snippets", listing("snippets")),
        Route("/v1/snippets/{id}", "snippets", entities.snippet),
        Route("/v1/slas", "slas", entities.slas),
        Route("/v1/slas/{id}", "slas", entities.one_sla),
        Route("/v1/routing/queues", "queues", listing("queues", choose=entities.choose_queues)),
        Route("/v1/routing/queues/{id}", "queues", by_id("queues", "Queue")),
        Route("/v1/routing/settings", "queues", listing("routing_settings")),
        Route(
            "/v1/satisfaction-responses/{id}",
            "satisfaction",
            by_id("satisfaction_responses", "Satisfaction response"),
        ),
        Route("/v1/outboundAccounts", "outbound_accounts", entities.outbound_accounts),
        Route("/v1/chat/settings", "chat", fixed(entities.chat_settings)),
        Route("/v1/workflows", "workflows", listing("workflows", choose=entities.choose_workflows)),
        Route("/v1/workflows/{id}", "workflows", by_id("workflows", "Workflow")),
        Route("/v1/workflows/{id}/variables", "workflows", entities.workflow_variables),
        Route("/v1/business-rules", "business_rules", rules(listing("business_rules"))),
        Route("/v1/business-rules/{id}", "business_rules", rules(by_id("business_rules", "Rule"))),
        Route("/v1/settings/{app}/{category}/{name}", "settings", refuse("Setting not found")),
        Route("/v1/audit-logs", "audit_logs", entities.audit_logs),
    ]


def _knowledge() -> Sequence[Route]:
    plain = [
        ("categories", "kb_categories", "Category"),
        ("tags", "kb_tags", "Tag"),
        ("routes", "kb_routes", "Route"),
        ("forms", "kb_forms", "Form"),
        ("themes", "kb_themes", "Theme"),
        ("templates", "kb_templates", "Template"),
        ("knowledge-bases", "kb_knowledge_bases", "Knowledge base"),
    ]
    return [
        Route("/v1/kb/articles", "kb", knowledge.articles),
        Route("/v1/kb/articles/{id}", "kb", knowledge.article),
        Route("/v1/kb/articles/{id}/versions/{lang}", "kb", knowledge.versions_of_article),
        *(Route(f"/v1/kb/{path}", "kb", listing(kind)) for path, kind, _ in plain),
        *(Route(f"/v1/kb/{path}/{{id}}", "kb", by_id(kind, title)) for path, kind, title in plain),
        Route("/v1/media/{id}", "kb", by_ids("media", "Media")),
    ]
