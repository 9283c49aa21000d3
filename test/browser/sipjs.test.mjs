// Rocket.Chat 7.x's browser client, SIP.js 0.20.1 with its options, in real Chromium: everything that its users do in a call, judged by what each
// hears, by what the clients show, and by the events.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { explain, launchBrowser, until } from "./browser.mjs";
import { Exchange, noBinary } from "./exchange.mjs";
import { EventConnection, runCommands, userDetails } from "./rocketchat-client.mjs";
import { GenB } from "./rocketchat-history.mjs";
import { headers, Network, RocketChatUser, Site, transportOf } from "./rocketchat-user.mjs";

const tones = { A: 440, B: 1000, C: 1700, D: 2300 };
const music = 2900;

describe("Rocket.Chat's browser client", { skip: noBinary, timeout: 300_000 }, () => {
  let exchange, browser, site, address;
  let tabs = [];
  let networks = [];
  let watching;

  before(async () => {
    // Music can be made in G.711, not in Opus; and this music is a tone that can be told from the microphones.
    exchange = await Exchange.start({ global_codec_prefs: "PCMU,PCMA", hold_music: `tone_stream://%(10000,0,${music});loops=-1` });
    address = { ...exchange.eslAddress, password: exchange.info.esl_password };
    [browser, site] = await Promise.all([launchBrowser(), Site.open()]);
  });
  after(async () => {
    await browser?.close();
    site?.close();
    const code = await exchange?.stop();
    if (exchange) assert.equal(code, 0, `the exchange did not end well\n${exchange.log()}`);
  });
  afterEach(async () => {
    const errors = tabs.flatMap((tab) => tab.pageErrors);
    await Promise.all(tabs.map((tab) => tab.close()));
    for (const network of networks) network.close();
    watching?.close();
    [tabs, networks, watching] = [[], [], undefined];
    assert.deepEqual(errors, []);
  });

  /** A tab of `user`; the letter of its name says its tone. */
  const open = async (name, user, server = exchange.info.wss) => {
    const tab = await RocketChatUser.open(browser, site, server, { name, user, password: exchange.info.password, tone: tones[name[0]] });
    tabs.push(tab);
    return tab;
  };
  const three = () => Promise.all([open("A", "1000"), open("B", "1001"), open("C", "1002")]);
  const network = async () => {
    networks.push(await Network.open(exchange.info.wss));
    return networks.at(-1);
  };
  const watch = async () => {
    watching = await EventConnection.open("B", address, "DTMF");
    return watching.events;
  };
  const count = (events, name, check = () => true) => events.filter((event) => event["Event-Name"] === name && check(event)).length;
  const happens = (events, name, check = () => true, times = 1) =>
    until(`${times} ${name}`, () => count(events, name, check) >= times || events.map((event) => event["Event-Name"]).join(" "));
  const nothingIsLeft = () => until("no channel is left", async () => {
    const [text] = await runCommands("B", address, "show channels count");
    return /^\s*0 total\./m.test(text) || text;
  });
  const talk = async (a, b) => {
    await a.do("call", b.user);
    await b.rings();
    await b.do("answer");
    await Promise.all([a.talks(), b.talks()]);
  };
  const tone = (tab) => tones[tab.name[0]];
  const hearEachOther = async (a, b) => {
    await a.hears(tone(b), tone(a));
    await b.hears(tone(a), tone(b));
  };
  const noErrors = async (...users) => {
    for (const user of users) assert.deepEqual((await user.state()).errors, [], `${user.name} was shown no error`);
  };
  const check = (name, body) => test(name, { timeout: 60_000 }, () => explain(exchange, () => tabs, body));

  check("a call: who calls is shown, few candidates suffice; mute, hold with music and resume by both sides keep ICE and keys", async () => {
    const [a, b] = await Promise.all([open("A", "1000"), open("B", "1001")]);
    const events = await watch();
    await talk(a, b);
    await hearEachOther(a, b);
    const { contact } = (await b.state()).call;
    assert.equal(contact.id, "1000");
    assert.match(contact.name, /1000/);

    for (const [one, other, leg] of [[a, b, "inbound"], [b, a, "outbound"]]) {
      const from = one.messages.length;
      const before = count(events, "CHANNEL_HOLD");
      assert.equal(await one.do("mute", true), 200);
      await other.hearsNothingOf(tone(one));
      assert.equal(count(events, "CHANNEL_HOLD"), before, "muted is not held");
      assert.equal(await one.do("mute", false), 200);
      await hearEachOther(a, b);

      assert.equal(await one.do("hold", true), 200);
      await other.hears(music, tone(one));
      await happens(events, "CHANNEL_HOLD", (event) => event["Call-Direction"] === leg);
      await happens(events, "CHANNEL_CALLSTATE", (event) => event["Call-Direction"] === leg && event["Channel-Call-State"] === "HELD");
      assert.equal(await one.do("hold", false), 200);
      await happens(events, "CHANNEL_UNHOLD", (event) => event["Call-Direction"] === leg);
      await hearEachOther(a, b);
      assert.equal(other.found(false, /^INVITE /, from === a.messages.length ? from : 0).length, other === b ? 1 : 0, "the other side is spared re-INVITEs");

      const offers = [...one.found(true, /^INVITE /)].filter((offer) => headers(offer, "To")[0].includes(";tag="));
      assert.equal(offers.length, 4);
      const answers = one.found(false, /^SIP\/2\.0 200 /).filter((answer) => /INVITE$/.test(headers(answer, "CSeq")[0]));
      const first = one === a ? answers[0] : b.found(false, /^INVITE /)[0];
      for (const answer of answers) assert.deepEqual(transportOf(answer), transportOf(first));
      assert.equal(answers.length, one === a ? 5 : 4);
      const roles = answers.map((answer) => /a=setup:(\w+)/.exec(answer)[1]);
      assert.equal(new Set(roles).size, 1, `one DTLS role for ever: ${roles}`);
    }
    await noErrors(a, b);
    await a.do("end");
    await b.free();
    await nothingIsLeft();
  });

  check("keys arrive as tones and as events, from both sides", async () => {
    const [a, b] = await Promise.all([open("A", "1000"), open("B", "1001")]);
    const events = await watch();
    await a.do("call", "+1001"); // dialled as *+1001
    await b.rings();
    await b.do("answer");
    await hearEachOther(a, b);
    for (const [one, other, keys] of [[a, b, "5#"], [b, a, "9*"]]) {
      await one.do("mute", true);
      await other.hearsNothingOf(tone(one));
      const pairs = { 5: [[770, 1336], [697, 1477]], "#": [[941, 1477], [697, 1209]], 9: [[852, 1477], [770, 1209]], "*": [[941, 1209], [697, 1336]] };
      for (const key of keys) await other.hearsKey(async () => assert.equal(await one.do("press", key), 200), ...pairs[key]);
      await one.do("mute", false);
      await hearEachOther(a, b);
    }
    const digits = () => events.filter((event) => event["Event-Name"] === "DTMF").map((event) => event["DTMF-Digit"]).join("");
    await until("the events of all keys", () => digits() === "5#9*" || digits());
    await b.do("end");
    await a.free();
    await nothingIsLeft();
  });

  for (const who of ["caller", "callee"]) {
    check(`blind transfer by the ${who}: the other goes on with the target and is told who that is`, async () => {
      const [a, b, c] = await three();
      const events = await watch();
      const [leaves, stays] = who === "caller" ? [a, b] : [b, a];
      await talk(a, b);
      await hearEachOther(a, b);
      assert.equal(await leaves.do("transfer", "1002"), 202);
      await c.rings();
      await leaves.free();
      assert.match(await leaves.saw("NOTIFY", false, /^NOTIFY /), /SIP\/2\.0 200 OK/);
      assert.deepEqual(headers(leaves.found(false, /^BYE /)[0], "Reason"), ['Q.850;cause=16;text="NORMAL_CLEARING"']);
      assert.equal((await c.state()).call.referredBy.id, leaves.user);
      assert.equal((await c.state()).call.contact.id, stays.user);
      await stays.sees("who the target is", ({ call }) => call.contact.id === "1002");
      await c.do("answer");
      await c.talks();
      await hearEachOther(stays, c);
      await happens(events, "CHANNEL_BRIDGE", (event) => event["Caller-Profile-Index"] === "2");
      await c.do("end");
      await stays.free();
      await noErrors(a, b, c);
      await nothingIsLeft();

      // What Rocket.Chat's server makes of it.
      await happens(events, "CHANNEL_DESTROY", () => true, 3);
      const history = new GenB();
      for (const event of events) history.add(event);
      const { channels } = history;
      const moved = channels.find((leg) => leg.profiles === 2);
      const target = channels.find((leg) => leg.callees.includes("1002") && leg !== moved);
      assert.deepEqual([channels.length, moved?.direction], [3, who === "caller" ? "outbound" : "inbound"]);
      assert.deepEqual(target.callIds.at(-1), moved.channel, "the target belongs to the call of the one that went on");
      assert.deepEqual(moved.bridgedTo.toSorted(), channels.filter((leg) => leg !== moved).map((leg) => leg.channel).toSorted());
      for (const leg of channels) assert.deepEqual([leg.answered, leg.bridged, leg.hangupCause], [true, true, "NORMAL_CLEARING"]);
    });
  }

  check("attended transfer: the held party and the one that was asked are connected", async () => {
    const [a, b, c] = await three();
    await talk(a, b);
    await hearEachOther(a, b);
    await a.do("hold", true);
    await b.hears(music, tones.A);
    await a.do("consult", "1002");
    await c.rings();
    await c.do("answer");
    await a.sees("talks to both", ({ consultation }) => consultation === "Established");
    assert.equal(await a.do("join"), 202);
    await a.sees("both calls ended", ({ call, ended }) => call === null && ended.includes("consultation"));
    await hearEachOther(b, c);
    await b.do("end");
    await c.free();
    await noErrors(a, b, c);
    await nothingIsLeft();
  });

  check("three tabs: all that are free ring, the first to answer wins, the others stop without a word", async () => {
    const [a, first, second, busy] = await Promise.all([open("A", "1000"), open("B 1", "1001"), open("C 2", "1001"), open("D 3", "1001")]);
    await busy.do("call", "9196");
    await busy.talks();
    await a.do("call", "1001");
    await Promise.all([first.rings(), second.rings()]);
    await busy.saw("refused the call", true, /^SIP\/2\.0 480 /);
    await second.do("answer");
    await a.talks();
    await first.free();
    assert.deepEqual(headers(first.found(false, /^CANCEL /)[0], "Reason"), []);
    await hearEachOther(a, second);
    await second.do("end");
    await a.free();

    await a.do("call", "1001");
    await Promise.all([first.rings(), second.rings()]);
    await a.do("end");
    await Promise.all([first.free(), second.free()]);
    assert.match(headers(first.found(false, /^CANCEL /)[1], "Reason")[0], /text="ORIGINATOR_CANCEL"/);
    await noErrors(a, first, second, busy);

    // One tab declines: the other still rings, and only the last word is shown to the caller.
    await a.do("call", "1001");
    await Promise.all([first.rings(), second.rings()]);
    await first.do("reject");
    await first.free();
    await second.rings();
    await noErrors(a);
    await second.do("reject");
    await a.free();
    assert.deepEqual((await a.state()).errors, ["480 Temporarily Unavailable"]);

    // A tab that switches voice calls off takes only itself away.
    await first.do("unregister");
    await first.sees("is off", ({ registered }) => !registered);
    await a.do("call", "1001");
    await second.rings();
    await second.do("answer");
    await hearEachOther(a, second);
    await second.do("end");
    await a.free();
    await noErrors(first, second);
    assert.equal((await first.state()).call, null);
    await busy.do("end");
    await nothingIsLeft();
  });

  for (const who of ["caller", "callee"]) {
    check(`the ${who}'s socket is cut and comes back: the sound goes on, and hold, keys, transfer and hang-up work afterwards`, async () => {
      const line = await network();
      const [a, b, c] = await Promise.all([
        open("A", "1000", who === "caller" ? line.wss : undefined), open("B", "1001", who === "callee" ? line.wss : undefined), open("C", "1002"),
      ]);
      const [cut, other] = who === "caller" ? [a, b] : [b, a];
      const loseAndReturn = async () => {
        line.cut();
        await cut.sees("is cut off", ({ connected }) => !connected);
        await hearEachOther(a, b);
        line.up();
        await cut.registered();
      };
      await talk(a, b);
      await hearEachOther(a, b);
      await loseAndReturn();
      for (const one of [other, cut]) { // the other first: nothing has come from the one that was cut
        assert.equal(await one.do("hold", true), 200);
        await (one === a ? b : a).hears(music, tone(one));
        assert.equal(await one.do("hold", false), 200);
        await hearEachOther(a, b);
        assert.equal(await one.do("press", "1"), 200);
      }
      await other.do("end");
      await cut.free();

      await talk(a, b);
      await hearEachOther(a, b);
      await loseAndReturn();
      assert.equal(await cut.do("transfer", "1002"), 202);
      await c.rings();
      await cut.free();
      await c.do("answer");
      await hearEachOther(other, c);
      await other.do("end");
      await c.free();

      // Hung up by the other while it was away: it learns that when it is back.
      await talk(a, b);
      line.cut();
      await cut.sees("is cut off", ({ connected }) => !connected);
      await other.do("end");
      line.up();
      await cut.registered();
      await cut.free();
      await noErrors(a, b, c);
      await nothingIsLeft();
    });
  }

  check("a page that is loaded again, or dies, leaves no ghost", async () => {
    const line = await network();
    const [a, b] = await Promise.all([open("A", "1000"), open("B", "1001", line.wss)]);
    const contacts = async () => (await userDetails("B", address, "1001")).contact.split(",").filter((contact) => contact.startsWith("sofia/"));
    assert.equal((await contacts()).length, 1);
    const events = await watch();
    await talk(a, b);
    await hearEachOther(a, b);
    await b.page.reload();
    await a.free(); // the page had no time to say BYE
    await b.registered();
    assert.equal((await contacts()).length, 1);
    const before = count(events, "CHANNEL_ORIGINATE");
    await talk(a, b);
    await hearEachOther(a, b);
    assert.equal(count(events, "CHANNEL_ORIGINATE"), before + 1, "nobody else was called");
    await a.do("end");
    await b.free();

    line.cut(); // and it never says goodbye
    await until("nobody is registered", async () => (await contacts()).length === 0 || (await contacts()));
    await a.do("call", "1001");
    await a.free();
    const [error] = (await a.state()).errors;
    assert.match(error, /^480 ./);
    await nothingIsLeft();
  });
});
