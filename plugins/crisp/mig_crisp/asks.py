"""What could mail or answer a customer and no API shows (docs/api/crisp.md, section 2.1); and the letter to support."""

from __future__ import annotations

from collections.abc import Mapping

from mig_crisp.settings import CrispSettings

ASKS: Mapping[str, str] = {
    "ai-agent-off": "no AI agent takes new conversations (it answers customers)",
    "workflows-off": "no chatbot scenario or workflow is active",
    "triggers-off": "no trigger is active",
    "campaigns-off": "no automated campaign is active (new contacts and segments start them)",
    "operator-mails-known": "operators know that their own mail switches may send them transcripts of what is moved",
}
DAY = 86_400.0


def address(settings: CrispSettings, session: str) -> str:
    """A conversation in the app."""
    return f"https://app.crisp.chat/website/{settings.website_id}/inbox/{session}/"


def letter(settings: CrispSettings, cost: Mapping[str, int], seconds: Mapping[str, float]) -> str:
    """A letter to Crisp's support: outgoing mail blocked, and the quota raised for the time of the migration."""
    requests = cost.get("crisp.requests", 0)
    conversations = cost.get("crisp.conversations", 0)
    days = seconds.get("crisp.requests", 0.0) / DAY
    amount = f"{settings.daily_quota:,} requests a day"
    if not settings.daily_quota:
        quota = "Please tell us whether a daily quota applies to our token."
    elif requests <= settings.daily_quota:
        quota = f"Our token's {amount} are enough for it."
    else:
        quota = (
            f"At our token's {amount} this takes {days:.1f} days. Please raise the daily\n"
            f"quota of the token to {max(requests, 2 * settings.daily_quota):,} requests for that time."
        )
    return (
        "Subject: import of our support history, please block outgoing e-mail\n\n"
        "Hello,\n\n"
        f"we import our history into the workspace {settings.website_id} over the REST API:\n"
        f"about {conversations:,} conversations in {requests:,} requests.\n\n"
        "Please block outgoing e-mail of this workspace while it lasts, as you ask importers to, so that no customer\n"
        "or operator gets mail about old conversations. All messages are sent with their own past timestamp, those of\n"
        "operators with `stealth`.\n\n"
        f"{quota}\n\n"
        "We tell you when it begins and when it has ended.\n"
    )
