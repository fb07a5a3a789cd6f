"""Where a person sets up on Crisp what has no API, in the order to do it (docs/api/crisp.md, sections 7 and 10)."""

from __future__ import annotations

from collections.abc import Mapping

from mig import (
    AGENT,
    ATTRIBUTE,
    BUSINESS_RULE,
    CHANNEL,
    HELP_ADDRESS,
    HOOK,
    KLASS,
    QUEUE,
    SAVED_SEARCH,
    SHORTCUT,
    SLA,
    TEAM,
    Kind,
)

_NOTHING = ""
_SETTINGS = "in the workspace's settings"
BY_HAND: Mapping[Kind, str] = {
    AGENT: f"Invite each as an operator with this e-mail address, {_SETTINGS}: a token cannot. Best before the first"
    " run, for an agent is found by the address; `mig run --remap` makes them the authors of what was moved before.",
    TEAM: f"Make each team {_SETTINGS}, once its members have accepted; your plan decides whether there are teams.",
    QUEUE: f"Make an inbox of the same name {_SETTINGS}, if your plan has inboxes: a token cannot. Best before the"
    " first run, which puts the conversations of the queue into it.",
    ATTRIBUTE: "Nothing has to be declared: the data of profiles and conversations take any key. Here is what the keys"
    " are made of and what they hold, for filters and reports.",
    KLASS: "Crisp has no tables of one's own: the archive shows their rows beside their customers. If people need them"
    " every day, an integration has to show them.",
    CHANNEL: f"Connect each account {_SETTINGS}. An address customers write to is forwarded on the day you switch, and"
    " not before.",
    Kind("schedule"): f"Enter the hours and the time zone {_SETTINGS}.",
    Kind("shortcut_category"): "No API makes groups: say the category in the shortcut's name, where it helps.",
    SHORTCUT: f"Make each shortcut {_SETTINGS}. Its variables are the old desk's: below it stands what each is.",
    Kind("snippet"): "No API writes texts that shortcuts share: write the text where a shortcut names it.",
    Kind("sub_status"): "Crisp knows three states: use segments for what lies between.",
    SLA: f"Enter the targets {_SETTINGS}, if your plan has them.",
    BUSINESS_RULE: f"Make a workflow or a trigger of each, {_SETTINGS}. Tags are segments there.",
    Kind("workflow"): f"Build each as a workflow, {_SETTINGS}, if your plan has workflows.",
    Kind("routing_rule"): "Enter each as the condition of its inbox, where you make the inbox.",
    SAVED_SEARCH: "Set up each as a view where the desk works. Tags are segments there.",
    HOOK: f"Set up each {_SETTINGS}. What it sends has another shape there, and is not signed: whoever receives it has"
    " to be changed first.",
    Kind("form"): "No API makes forms: rebuild each where your customers find it.",
    Kind("survey"): f"Set up the rating request {_SETTINGS}. Leave it off until the migration is over: it is mailed.",
    Kind("brand"): "No API makes brands: decide whether each needs a workspace of its own.",
    Kind("knowledge_base"): f"Set the domain of the help centre {_SETTINGS}, on the day you switch.",
    Kind("kb_route"): "Enter each redirection where the old domain is served.",
    HELP_ADDRESS: "Redirect each old address to the article's new one, where the old domain is served; `mig ids --csv`"
    " lists both.",
    Kind("kb_tag"): _NOTHING,
    Kind("role_group"): "Crisp's operators are owners or members: decide for each person who was in the group.",
    Kind("draft"): _NOTHING,
}
