// What the stories of the official npm client have in common: the client, its calls, and what was wrong with them.
"use strict";

const assert = require("node:assert/strict");
const { createRequire } = require("node:module");

const { Crisp } = createRequire(`${process.env.FIDELITY_CLIENT}/`)("crisp-api");
const env = process.env;
const wrong = [];
const notes = [];
const count = { calls: 0 };

const client = new Crisp();
client.setRestHost(env.FIDELITY_ORIGIN);
client.authenticateTier(env.CRISP_TIER, env.CRISP_IDENTIFIER, env.CRISP_KEY);

/** One call, and what must be true of its answer; a difference is noted and the story goes on. */
async function step(name, call, check) {
  count.calls += 1;
  try {
    const answer = await call();
    if (check) check(answer);
    return answer;
  } catch (error) {
    const told = error instanceof Error ? error.message.split("\n")[0] : JSON.stringify(error);
    wrong.push(`${name}: ${told}`);
    return {};
  }
}

/** One call that must be refused, with this status and reason. */
async function refused(name, call, code, reason, why) {
  count.calls += 1;
  try {
    await call();
    wrong.push(`${name}: it was not refused`);
  } catch (error) {
    if (error.code !== code || error.message !== reason) {
      wrong.push(`${name}: ${error.code} ${error.message}, expected ${code} ${reason}`);
    } else if (why && error.data.message !== why) {
      wrong.push(`${name}: the client says ${error.data.message}`);
    }
  }
}

const has = (expected) => (answer) => {
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(answer[name], value, name);
};
const names = (key, expected) => (answer) => assert.deepEqual(answer.map((one) => one[key]), expected);

/** Tell a story to its end; the last line of the output is one JSON object. */
function tell(story) {
  story()
    .catch((error) => wrong.push(String(error.message ?? error).split("\n")[0]))
    .finally(() => {
      client._socket?.close();
      process.stdout.write(`${JSON.stringify({ calls: count.calls, wrong, notes })}\n`);
    });
}

module.exports = { assert, client, count, env, has, names, notes, refused, site: env.CRISP_WEBSITE_ID, step, tell, wrong };
