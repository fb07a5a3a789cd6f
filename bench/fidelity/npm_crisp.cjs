// The official npm client, as its package ships it, against the Crisp sandbox; only the host is ours.
"use strict";

const { createHash } = require("node:crypto");

const { assert, client, count, env, has, names, notes, refused, site, step, tell, wrong } = require("./npm_judge.cjs");
const api = client.website;
const BYTES = Buffer.from("seventeen letters");
const FILE = { name: "letter.txt", type: "text/plain" };
const MISSING = "Got response error: data should have required property '.person'";
const HEARD = ["message:send", "message:received", "session:set_state", "people:profile:created"];
const UPLOAD = "bucket:url:upload:generated";

async function workspace() {
  await step("getWebsite", () => api.getWebsite(site), has({ website_id: site }));
  const people = await step("listWebsiteOperators", () => api.listWebsiteOperators(site), (answer) => {
    assert.equal(answer[0].type, "operator");
    assert.equal(answer[0].details.role, "owner");
  });
  await step("updateWebsiteSettings", () => api.updateWebsiteSettings(site, { emails: { transcript: true } }));
  await step("getWebsiteSettings", () => api.getWebsiteSettings(site), (answer) => {
    assert.equal(answer.emails.transcript, true);
  });
  const plan = () => client.plan.getPlanSubscriptionForWebsite(site);
  await step("getPlanSubscriptionForWebsite", plan, has({ active: true }));
  await step("listInboxes", () => api.listInboxes(site, 1), names("name", []));
  await step("listTeams", () => api.listTeams(site, 1), names("name", []));
  if (env.CRISP_TIER === "plugin") {
    const list = () => client.plugin.listAllConnectWebsites(1, false, true);
    await step("listAllConnectWebsites", list, names("website_id", [site]));
    await step("getConnectEndpoints (plugin)", () => client.plugin.getConnectEndpoints(), endpoint);
  } else {
    await step("getConnectEndpoints (website)", () => api.getConnectEndpoints(site), endpoint);
  }
  return people[0].details.user_id;
}

function endpoint(answer) {
  assert.match(answer.socket.app, /^ws:\/\/127\.0\.0\.1:\d+\/w\/b2\//);
}

async function conversation(operator) {
  const made = await step("createNewConversation", () => api.createNewConversation(site));
  const id = made.session_id;
  await step("checkConversationExists", () => api.checkConversationExists(site, id));
  const metas = { nickname: "Ada", email: "ada@example.com", subject: "Hello", data: { source_id: "c1", n: 7 } };
  metas.segments = ["mig"];
  await step("updateConversationMetas", () => api.updateConversationMetas(site, id, metas));
  await step("getConversationMetas", () => api.getConversationMetas(site, id), has(metas));
  const text = { type: "text", from: "user", origin: "chat", content: "Is anybody there?", timestamp: 1600000000000 };
  text.fingerprint = 1234567890123;
  text.properties = { source: "desk", source_part: 1 };
  text.original = { type: "text/html", content: "<p>Is anybody there?</p>" };
  await step("sendMessageInConversation (text)", () => api.sendMessageInConversation(site, id, text), (answer) => {
    assert.equal(answer.fingerprint, text.fingerprint);
  });
  const reply = { type: "text", from: "operator", origin: "chat", content: "Yes.", timestamp: 1600000001000 };
  reply.stealth = true;
  reply.user = { type: "website", user_id: operator, nickname: "Olive" };
  await step("sendMessageInConversation (reply)", () => api.sendMessageInConversation(site, id, reply));
  const note = { type: "note", from: "operator", origin: "chat", content: "polite", timestamp: 1600000002000 };
  await step("sendMessageInConversation (note)", () => api.sendMessageInConversation(site, id, note));
  const list = await step("getMessagesInConversation", () => api.getMessagesInConversation(site, id), (answer) => {
    names("content", [text.content, reply.content, note.content])(answer);
    names("timestamp", [text.timestamp, reply.timestamp, note.timestamp])(answer);
  });
  const before = () => api.getMessagesInConversation(site, id, note.timestamp);
  await step("getMessagesInConversation (before)", before, names("content", [text.content, reply.content]));
  const get = () => api.getMessageInConversation(site, id, text.fingerprint);
  const one = await step("getMessageInConversation", get, has({ content: text.content, properties: text.properties }));
  const original = () => api.getOriginalMessageInConversation(site, id, one.original.original_id);
  await step("getOriginalMessageInConversation", original, has({ content: text.original.content }));
  const edit = () => api.updateMessageInConversation(site, id, list[2].fingerprint, "very polite");
  await step("updateMessageInConversation", edit);
  await step("removeMessageInConversation", () => api.removeMessageInConversation(site, id, list[2].fingerprint));
  const gone = () => api.getMessageInConversation(site, id, list[2].fingerprint);
  await refused("getMessageInConversation (removed)", gone, 404, "message_not_found");
  const mark = { from: "user", origin: "chat", fingerprints: [text.fingerprint] };
  await step("markMessagesReadInConversation", () => api.markMessagesReadInConversation(site, id, mark));
  await step("markConversationAsUnread", () => api.markConversationAsUnread(site, id, { from: "user" }));
  const delivered = { from: "operator", origin: "chat", fingerprints: [list[1].fingerprint] };
  await step("markMessagesDeliveredInConversation", () => api.markMessagesDeliveredInConversation(site, id, delivered));
  const assigned = { assigned: { user_id: operator }, silent: true };
  await step("assignConversationRouting", () => api.assignConversationRouting(site, id, assigned));
  const routing = () => api.getConversationRoutingAssign(site, id);
  await step("getConversationRoutingAssign", routing, has({ assigned: { user_id: operator } }));
  await step("updateConversationInbox", () => api.updateConversationInbox(site, id, null));
  await step("updateConversationOpenState", () => api.updateConversationOpenState(site, id, true));
  await step("getConversationParticipants", () => api.getConversationParticipants(site, id), has({ participants: [] }));
  await step("getConversationRelations", () => api.getConversationRelations(site, id));
  await step("changeConversationState", () => api.changeConversationState(site, id, "resolved"));
  await step("getConversationState", () => api.getConversationState(site, id), has({ state: "resolved" }));
  await step("getConversation", () => api.getConversation(site, id), has({ session_id: id, status: 2 }));
  const bySegment = { search_type: "segment", search_query: "mig", per_page: 20, order_date_created: 1 };
  await step("listConversations", () => api.listConversations(site, 1, bySegment), names("session_id", [id]));
  const segments = () => api.listSuggestedConversationSegments(site, 1);
  await step("listSuggestedConversationSegments", segments, (answer) => {
    assert.deepEqual(answer, [{ segment: "mig", count: 1 }]);
  });
  const keys = () => api.listSuggestedConversationDataKeys(site, 1);
  await step("listSuggestedConversationDataKeys", keys, names("key", ["n", "source_id"]));
  return id;
}

async function people() {
  const profile = { email: "Grace+1@example.com", person: { nickname: "Grace", phone: "+4412345" }, segments: ["vip"] };
  const made = await step("addNewPeopleProfile", () => api.addNewPeopleProfile(site, profile));
  const id = made.people_id;
  await refused("addNewPeopleProfile (again)", () => api.addNewPeopleProfile(site, profile), 409, "people_exists");
  const nameless = () => api.addNewPeopleProfile(site, { email: "x@y.z" });
  await refused("addNewPeopleProfile (nameless)", nameless, 400, "invalid_data", MISSING);
  await step("checkPeopleProfileExists", () => api.checkPeopleProfileExists(site, id));
  await step("getPeopleProfile", () => api.getPeopleProfile(site, id), has({ people_id: id, ...profile }));
  const byEmail = () => api.getPeopleProfile(site, encodeURIComponent(profile.email));
  await step("getPeopleProfile (by e-mail)", byEmail, has({ people_id: id }));
  await step("updatePeopleProfile", () => api.updatePeopleProfile(site, id, { notepad: "met in May" }));
  await step("savePeopleProfile", () => api.savePeopleProfile(site, id, { ...profile, notepad: "met in June" }));
  await step("savePeopleData", () => api.savePeopleData(site, id, { data: { source: "desk", old: 1 } }));
  await step("updatePeopleData", () => api.updatePeopleData(site, id, { data: { vip: true } }));
  await step("getPeopleData", () => api.getPeopleData(site, id), has({ data: { source: "desk", old: 1, vip: true } }));
  const filter = JSON.stringify([{ model: "people", criterion: "email", operator: "eq", query: [profile.email] }]);
  const find = () => api.listPeopleProfiles(site, 1, "created_at", "ascending", "and", filter);
  await step("listPeopleProfiles (filter)", find, names("notepad", ["met in June"]));
  await step("listPeopleProfiles", () => api.listPeopleProfiles(site, 1), (answer) => assert.equal(answer.length, 2));
  await step("getPeopleStatistics", () => api.getPeopleStatistics(site), has({ total: 2 }));
  await step("updatePeopleSubscriptionStatus", () => api.updatePeopleSubscriptionStatus(site, id, { email: false }));
  await step("getPeopleSubscriptionStatus", () => api.getPeopleSubscriptionStatus(site, id), has({ email: false }));
  await step("listPeopleConversations", () => api.listPeopleConversations(site, id, 1), (answer) => {
    assert.deepEqual(answer, []);
  });
  const csv = { url: "https://example.com/a.csv", mapping: [] };
  await refused("importPeopleProfiles", () => api.importPeopleProfiles(site, csv), 403, "not_allowed");
  return id;
}

/** Upload a file as the client lets one do it: ask, wait for the event, put the bytes, send the message. */
async function upload(session, heard) {
  let told;
  for (let number = 1; number <= 5 && !told; number += 1) {
    const wish = { namespace: "upload", id: `upload-${number}`, file: FILE, resource: { type: "website", id: site } };
    const event = new Promise((resolve) => {
      heard.waiting.set(wish.id, resolve);
      setTimeout(resolve, 2000).unref();
    });
    await step("generateBucketURL", () => client.bucket.generateBucketURL(wish));
    told = await event;
  }
  if (!told) {
    wrong.push(`${UPLOAD}: never heard`);
    return;
  }
  assert.deepEqual(told.resource, { type: "website", id: site });
  assert.ok(told.policy.size_limit >= BYTES.length);
  const put = await fetch(told.url.signed, { method: "PUT", body: BYTES, headers: { "Content-Type": told.type } });
  assert.equal(put.status, 200, "PUT to the signed URL");
  const message = { type: "file", from: "user", origin: "chat", content: { ...FILE, url: told.url.resource } };
  await step("sendMessageInConversation (file)", () => api.sendMessageInConversation(site, session, message));
  const files = () => api.listConversationFiles(site, session, 1);
  await step("listConversationFiles", files, names("url", [told.url.resource]));
  const got = Buffer.from(await (await fetch(told.url.resource)).arrayBuffer());
  const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
  assert.equal(digest(got), digest(BYTES), "the bytes at the public URL");
  notes.push(`a file of ${BYTES.length} bytes uploaded over the RTM socket and read back`);
}

async function listen() {
  const heard = { waiting: new Map(), names: [] };
  const bound = [client.on(UPLOAD, (data) => heard.waiting.get(data.id)?.(data))];
  for (const name of HEARD) bound.push(client.on(name, (data) => heard.names.push([name, data.website_id])));
  count.calls += bound.length;
  await Promise.all(bound);
  const authenticated = new Promise((resolve, reject) => {
    client._socket.on("authenticated", resolve);
    setTimeout(() => reject(new Error("the socket was not authenticated")), 5000).unref();
  });
  await authenticated;
  return heard;
}

async function main() {
  const heard = await listen();
  const operator = await workspace();
  const session = await conversation(operator);
  const person = await people();
  await upload(session, heard);
  const expected = "message:send 2, message:received 3, session:set_state 1, people:profile:created 2";
  const times = (name) => heard.names.filter(([one, where]) => one === name && where === site).length;
  const told = () => HEARD.map((name) => `${name} ${times(name)}`).join(", ");
  // The socket is another connection than the calls': its last event may come after their last answer.
  for (let waits = 0; waits < 60 && told() !== expected; waits += 1) await new Promise((go) => setTimeout(go, 50));
  const counts = told();
  if (counts !== expected) wrong.push(`events heard: ${counts}; expected ${expected}`);
  notes.push(`events heard: ${counts}`);
  await step("removePeopleProfile", () => api.removePeopleProfile(site, person));
  await refused("getPeopleProfile (removed)", () => api.getPeopleProfile(site, person), 404, "people_not_found");
  await step("removeConversation", () => api.removeConversation(site, session));
  await refused("getConversation (removed)", () => api.getConversation(site, session), 404, "session_not_found");
}

tell(main);
