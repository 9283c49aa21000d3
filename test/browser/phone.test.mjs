// Two people at two browsers: the page that the exchange serves, used by its labels and keys, judged by what each side hears.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { explain, launchBrowser, until, WebPhone } from "./browser.mjs";
import { Exchange, noBinary } from "./exchange.mjs";
import { EventConnection, runCommands } from "./rocketchat-client.mjs";

const toneA = 440;
const toneB = 1000;

describe("web phone", { skip: noBinary, timeout: 300_000 }, () => {
  let exchange, browser;
  let phones = [];

  before(async () => {
    exchange = await Exchange.start();
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    const code = await exchange?.stop();
    if (exchange) assert.equal(code, 0, `the exchange did not end well\n${exchange.log()}`);
  });
  afterEach(async () => {
    const errors = phones.flatMap((phone) => phone.pageErrors);
    for (const phone of phones) await phone.close();
    phones = [];
    assert.deepEqual(errors, []);
  });

  const open = async (name, options) => {
    const phone = await WebPhone.open(browser, exchange, { name, ...options });
    phones.push(phone);
    return phone;
  };
  const pair = async (options) => [await open("A", { user: "1000", tone: toneA, ...options }), await open("B", { user: "1001", tone: toneB, ...options })];
  const address = () => ({ ...exchange.eslAddress, password: exchange.info.esl_password });
  const nothingIsLeft = () => until("no channel is left", async () => {
    const [count] = await runCommands("B", address(), "show channels count");
    return /^\s*0 total\./m.test(count) || count;
  });
  const talk = async (a, b) => {
    await a.dial("1001");
    await b.inPhase("incoming");
    await b.press("Answer");
    await a.inPhase("active");
    await b.inPhase("active");
  };
  const check = (name, body) => test(name, { timeout: 120_000 }, () => explain(exchange, () => phones, body));

  check("each side hears the other's tone; hold, mute and hang-up work", async () => {
    const [a, b] = await pair();
    await a.dial("1001");
    await a.inPhase("ringing");
    await b.inPhase("incoming");
    const { call } = await b.state();
    assert.equal(call.number, "1000");
    assert.match(call.name, /1000/, "the caller's name is shown");
    assert.match(await b.page.title(), /is calling/);

    await b.page.keyboard.press("Enter"); // the focus is on Answer
    await a.inPhase("active");
    await b.inPhase("active");
    await a.hears(toneB, toneA);
    await b.hears(toneA, toneB);

    await a.press("Mute");
    await b.hearsNothingOf(toneA);
    await a.hears(toneB, toneA);
    await a.press("Mute");
    await b.hears(toneA, toneB);

    await a.press("Hold");
    await a.sees("held", (state) => state.call.held && !state.call.busy);
    await b.hearsNothingOf(toneA);
    await a.press("Hold");
    await a.sees("resumed", (state) => !state.call.held && !state.call.busy);
    await a.hears(toneB, toneA);
    await b.hears(toneA, toneB);

    await a.page.keyboard.press("Escape");
    await a.inPhase(null);
    await b.inPhase(null);
    assert.equal((await b.state()).lastCall.outcome, "ended");
  });

  check("a pressed key arrives: the far side hears its two tones, and the event socket says which it was", async () => {
    const [a, b] = await pair();
    await talk(a, b);
    const events = await EventConnection.open("B", address(), "DTMF");
    try {
      await a.hears(toneB, toneA);
      await b.hears(toneA, toneB);
      await a.press("Mute");
      await b.hearsNothingOf(toneA);
      await a.press("Keypad");
      await b.hearsKey(() => a.press("5"), [770, 1336], [697, 1477]); // ITU-T Q.23
      await b.hearsKey(() => a.page.keyboard.press("#"), [941, 1477], [697, 1209]);
      assert.equal((await a.state()).call.digits, "5#");
      const digits = () => events.events.filter((event) => event["Event-Name"] === "DTMF").map((event) => event["DTMF-Digit"]).join("");
      await until("the events of both keys", () => digits() === "5#" || digits());
      assert.equal((await a.state()).problem, null);
    } finally {
      events.close();
    }
    await a.press("Hang up");
    await b.inPhase(null);
    await nothingIsLeft();
  });

  check("the callee hangs up", async () => {
    const [a, b] = await pair();
    await talk(a, b);
    await b.press("Hang up");
    await a.sees("ended", (state) => state.call === null && state.lastCall?.outcome === "ended");
  });

  check("a declined call tells the caller why", async () => {
    const [a, b] = await pair();
    await a.dial("1001");
    await b.inPhase("incoming");
    await b.press("Decline");
    await a.sees("declined", (state) => state.lastCall?.outcome === "rejected");
    const { lastCall } = await a.state();
    assert.ok([480, 603].includes(lastCall.code), `code ${lastCall.code}`);
    assert.notEqual(lastCall.reason, "");
    assert.match(await a.page.locator("#result").innerText(), new RegExp(`${lastCall.code} ${lastCall.reason}`));
  });

  check("a caller who gives up stops the ringing without an error", async () => {
    const [a, b] = await pair();
    await a.dial("1001");
    await b.inPhase("incoming");
    await a.press("Cancel");
    await b.sees("missed", (state) => state.call === null && state.lastCall?.outcome === "missed");
    await a.sees("cancelled", (state) => state.lastCall?.outcome === "cancelled");
    assert.equal((await b.state()).problem, null);
  });

  check("a user who is not signed in, and a number that does not exist", async () => {
    const a = await open("A", { user: "1000" });
    await a.dial("1005");
    await a.sees("refused", (state) => state.lastCall?.outcome === "rejected");
    assert.equal((await a.state()).lastCall.code, 480);
    assert.match((await a.state()).lastCall.text, /1005 is not (signed in|available)/);
    await a.dial("7777777");
    await a.sees("refused", (state) => state.lastCall?.number === "7777777");
    assert.equal((await a.state()).lastCall.code, 404);
  });

  check("the echo test returns one's own tone", async () => {
    const a = await open("A", { user: "1000", tone: toneA });
    await a.dial("9196");
    await a.inPhase("active");
    await a.hears(toneA, toneB);
    await a.press("Hang up");
    await a.inPhase(null);
  });

  check("a wrong password is said to be one, and the right one works afterwards", async () => {
    const a = await open("A", { signIn: false });
    await a.signIn("1000", "not the password");
    await a.sees("told", (state) => state.problem?.code === "wrong-password" && state.registration === "offline");
    assert.match(await a.page.getByRole("alert").innerText(), /Wrong password.*(401|403)/s);
    await a.signIn("1000", exchange.info.password);
    await a.registered();
    assert.equal((await a.state()).problem, null);
  });

  check("a blocked microphone is said before the first call, and the call fails with that reason", async () => {
    const a = await open("A", { user: "1000", tone: null });
    await a.sees("told", (state) => state.problem?.code === "microphone-denied");
    assert.match(await a.page.getByRole("alert").innerText(), /microphone is blocked/);
    await a.press("Dismiss");
    await a.dial("9196");
    await a.sees("told again", (state) => state.call === null && state.lastCall?.outcome === "failed" && state.problem?.code === "microphone-denied");
  });

  check("two tabs of one user ring, the first to answer gets the call, the other goes quiet", async () => {
    const [a, b] = await pair();
    const c = await open("B's second tab", { user: "1001", tone: 1700 });
    await a.dial("1001");
    await Promise.all([b.inPhase("incoming"), c.inPhase("incoming")]);
    await c.press("Answer");
    await a.inPhase("active");
    await b.sees("quiet", (state) => state.call === null && state.lastCall !== null);
    const quiet = await b.state();
    assert.equal(quiet.problem, null);
    assert.equal(quiet.lastCall.outcome, "elsewhere");
    await a.hears(1700, toneA);
    await c.hears(toneA, 1700);
    await c.press("Hang up");
    await a.inPhase(null);
  });

  check("a lost connection is said, and the phone signs in again by itself", async () => {
    const a = await open("A", { user: "1000", tone: toneA });
    const b = await open("B", { user: "1001", tone: toneB, cuttable: true });
    await b.cutSignalling();
    await b.sees("lost", (state) => state.registration === "retrying" && state.problem?.code === "connection-lost");
    await b.registered();
    assert.equal((await b.state()).problem, null);
    await talk(a, b);
    await a.hears(toneB, toneA);
    await a.press("Hang up");
    await b.inPhase(null);
  });

  for (const [who, ender] of [["caller", "caller"], ["callee", "caller"], ["callee", "callee"]]) {
    check(`the ${who}'s signalling is cut during a call: the sound goes on, and when the ${ender} hangs up the call ends on both sides`, async () => {
      const [a, b] = await pair({ cuttable: true });
      await talk(a, b);
      await a.hears(toneB, toneA);
      const [cut, last] = [who === "caller" ? a : b, ender === "caller" ? a : b];
      await cut.cutSignalling();
      await cut.sees("lost", (state) => state.registration === "retrying");
      await a.hears(toneB, toneA);
      await b.hears(toneA, toneB);
      await cut.registered();
      await a.inPhase("active");
      await b.inPhase("active");
      await a.hears(toneB, toneA);
      await b.hears(toneA, toneB);
      await last.press("Hang up");
      await a.sees("ended", (state) => state.call === null && state.lastCall?.outcome === "ended");
      await b.sees("ended", (state) => state.call === null && state.lastCall?.outcome === "ended");
      await nothingIsLeft();
    });
  }

  check("a call that is hung up while its signalling is cut ends on the other side once the phone is back", async () => {
    const [a, b] = await pair({ cuttable: true });
    await talk(a, b);
    await b.hears(toneA, toneB);
    await a.cutSignalling();
    await a.sees("lost", (state) => state.registration === "retrying");
    await a.press("Hang up");
    await a.inPhase(null);
    await b.sees("ended", (state) => state.call === null && state.lastCall?.outcome === "ended", { timeout: 30_000 });
    await a.registered();
    await nothingIsLeft();
  });

  check("the server dies during a call: the page says that the sound is interrupted, and ends the call when it does not come back", async () => {
    const other = await Exchange.start();
    try {
      const a = await WebPhone.open(browser, other, { name: "A", user: "1000", tone: toneA });
      phones.push(a);
      await a.dial("9196");
      await a.hears(toneA, toneB);
      await other.die();
      await a.sees("interrupted", (state) => state.call?.mediaLost && state.registration === "retrying", { timeout: 30_000 });
      assert.match(await a.page.locator("#phase").innerText(), /interrupted/);
      await a.sees("given up", (state) => state.call === null && state.lastCall?.outcome === "failed", { timeout: 60_000 });
      assert.match(await a.page.locator("#result").innerText(), /server is not reachable/);
      assert.equal((await a.state()).problem.code, "connection-lost");
      assert.doesNotMatch((await a.state()).problem.advice, /call goes on/);
    } finally {
      await other.stop();
    }
  });

  check("a callee in a call is busy", async () => {
    const [a, b] = await pair();
    await talk(a, b);
    const d = await open("D", { user: "1002" });
    await d.dial("1001");
    await d.sees("busy", (state) => state.lastCall?.outcome === "rejected");
    assert.equal((await d.state()).lastCall.code, 486);
    await a.inPhase("active");
    await a.hears(toneB, toneA);
    await a.press("Hang up");
    await b.inPhase(null);
  });
});
