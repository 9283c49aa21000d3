// These tests stand in for Rocket.Chat's server: the same library, the same commands and subscriptions, the same way from events to a call
// history, while real browsers call each other.

import assert from "node:assert/strict";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { explain, launchBrowser, until, WebPhone } from "./browser.mjs";
import { Exchange, noBinary } from "./exchange.mjs";
import { domainAndPassword, EventConnection, listUsers, runCommands, userDetails } from "./rocketchat-client.mjs";
import { GenA, GenB } from "./rocketchat-history.mjs";

/** Seconds the exchange lets a callee ring here, so that the unanswered call is a short test. */
const ringSeconds = 4;

describe("Rocket.Chat", { skip: noBinary, timeout: 400_000 }, () => {
  let exchange, address;
  const allPhones = new Set();

  before(async () => {
    exchange = await Exchange.start({ ring_timeout: String(ringSeconds) });
    address = { ...exchange.eslAddress, password: exchange.info.esl_password };
  });
  after(async () => {
    const code = await exchange?.stop();
    if (exchange) assert.equal(code, 0, `the exchange did not end well\n${exchange.log()}`);
  });
  const check = (name, body) => test(name, { timeout: 120_000 }, () => explain(exchange, () => [...allPhones], body));

  for (const generation of ["A", "B"]) {
    describe(`commands, generation ${generation}`, () => {
      check("all users", async () => {
        const users = await listUsers(generation, address);
        const extensions = users.map((user) => user.extension);
        for (let extension = 1000; extension <= 1019; extension++) assert.ok(extensions.includes(String(extension)), `${extension} in ${extensions}`);
        for (const user of users) {
          assert.ok(user.groups.includes("default"), `${user.extension} is in group default: ${user.groups}`);
          assert.equal(user.status, "UNREGISTERED");
          assert.equal(user.domain, exchange.info.domain);
        }
      });
      check("one user", async () => {
        const user = await userDetails(generation, address, "1003");
        assert.equal(user.extension, "1003");
        assert.equal(user.context, "default");
        assert.equal(user.callerNumber, "1003");
        assert.match(user.callerName, /1003/);
      });
      check("an unknown user, and an unknown group", async () => {
        await assert.rejects(userDetails(generation, address, "4711"), /Extension not found/);
        await assert.rejects(userDetails(generation, address, "1003", "nosuchgroup"), /Extension not found/);
      });
      check("domain and password, without a line end", async () => {
        assert.deepEqual(await domainAndPassword(generation, address, "1000"), { domain: exchange.info.domain, password: exchange.info.password });
      });
      check("the password of an unknown user is empty, not an error text", async () => {
        assert.equal((await domainAndPassword(generation, address, "4711")).password, "");
      });
      check("a wrong password is refused and the connection closed", async () => {
        await assert.rejects(runCommands(generation, { ...address, password: "wrong" }, "eval ${domain}"));
        assert.match(await rawSession(address, "auth wrong\n\n"), /Reply-Text: -ERR invalid\n\n/);
      });
    });
  }

  check("list_users on the wire", async () => {
    const [body] = await runCommands("B", address, "list_users group default user 1000");
    const lines = body.split("\n");
    assert.equal(lines[0], "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number");
    assert.equal(lines[1].split("|").length, 8);
    assert.match(body, /\n\n\+OK\n$/);
  });

  check("a client that half-closes is let go within a second", async () => {
    const socket = net.connect(address);
    socket.resume();
    await new Promise((resolve) => socket.once("data", resolve));
    const started = performance.now();
    socket.end();
    await new Promise((resolve) => socket.once("close", resolve));
    assert.ok(performance.now() - started < 1000);
  });

  check("200 connections at the same moment are all served within a second", async () => {
    await runCommands("B", address, "eval ${domain}"); // the library's first use is slow
    // On a machine that is busy with other things the second grows with what bare connections cost there; idle, that is under 50 ms.
    const limit = 1000 * Math.max(1, (await bareConnections(200)) / 50);
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 200 }, () => greeting(address)));
    const milliseconds = performance.now() - started;
    assert.ok(answers.every((answer) => answer.includes("auth/request")));
    assert.ok(milliseconds < limit, `greetings took ${Math.round(milliseconds)} ms of ${Math.round(limit)}`);

    const begun = performance.now();
    const details = await Promise.all(Array.from({ length: 200 }, (_, index) => rawDetails(address, 1000 + (index % 20))));
    const all = performance.now() - begun;
    details.forEach((body, index) => assert.match(body, new RegExp(`\\n${1000 + (index % 20)}\\|`)));
    assert.ok(all < limit, `200 sessions took ${Math.round(all)} ms of ${Math.round(limit)}`);
  });

  describe("calls", () => {
    let browser, connections, a, b;
    let seen = { A: 0, B: 0 }; // events of earlier calls, by connection

    before(async () => {
      browser = await launchBrowser();
      connections = [await EventConnection.open("A", address), await EventConnection.open("B", address)];
      a = await WebPhone.open(browser, exchange, { name: "A", user: "1000", tone: 440 });
      b = await WebPhone.open(browser, exchange, { name: "B", user: "1001", tone: 1000 });
      allPhones.add(a).add(b);
    });
    after(async () => {
      connections?.forEach((connection) => connection.close());
      allPhones.clear();
      await browser?.close();
    });
    /** Waits until all channels of the calls since `forget` are gone and both connections are quiet; then computes the call that 1000 made. */
    const history = async () => {
      await a.inPhase(null, { timeout: 20_000 });
      await b.inPhase(null, { timeout: 20_000 });
      let before = -1;
      await until("the events of the call are all there", async () => {
        const count = connections[0].events.length + connections[1].events.length;
        const opened = channelsWith("CHANNEL_CREATE").size;
        const closed = channelsWith("CHANNEL_DESTROY").size;
        const quiet = count === before && opened > 0 && opened <= closed;
        before = count;
        return quiet || { count, opened, closed };
      }, { every: 500 });
      const genA = new GenA();
      const genB = new GenB();
      for (const event of connections[0].events.slice(seen.A)) genA.add(event);
      for (const event of connections[1].events.slice(seen.B)) genB.add(event);
      const caller = genB.channels.find((leg) => leg.direction === "inbound" && leg.user === "1000");
      const callees = genB.channels.filter((leg) => leg.direction === "outbound" && leg.callIds.includes(caller?.channel));
      return { genA, record: genA.calls.get(caller?.channel), caller, callees };
    };
    const channelsWith = (name) => new Set(connections[1].events.slice(seen.B).filter((event) => event["Event-Name"] === name).map((event) => event["Unique-ID"]));
    const forget = () => (seen = { A: connections[0].events.length, B: connections[1].events.length });

    /** What holds for every call from 1000 to `callee`, in both generations. */
    const expectCall = ({ genA, record, caller, callees }, { callee = "1001", answered, seconds = 0, cause, calleeCause, legs = 1 }) => {
      assert.ok(caller, "there is a caller's leg");
      assert.ok(record, "generation A has computed the call");
      assert.deepEqual(record.from, ["1000"], "A: caller");
      assert.deepEqual(record.to, [callee], "A: callee");
      assert.equal(record.direction, "internal", "A: direction");
      assert.equal(record.answered, answered, "A: answered");
      assert.ok(Math.abs(record.duration - seconds * 1000) < 1500, `A: duration ${record.duration} ms, expected about ${seconds} s`);
      assert.equal(record.hangupCause, cause, "A: hang-up cause");
      assert.deepEqual(genA.late(caller.channel).map((event) => event["Event-Name"]), [], "A: nothing comes after the caller's DESTROY");

      assert.equal(callees.length, legs, "B: legs to the callee");
      for (const leg of [caller, ...callees]) {
        assert.deepEqual(leg.callIds, [caller.channel], "B: call id");
        assert.deepEqual(leg.callers, ["1000"], "B: caller");
        assert.deepEqual(leg.callees, [callee], "B: callee");
        assert.equal(leg.kind, "internal", "B: kind");
        assert.equal(Boolean(leg.answered), answered, "B: answered");
        assert.equal(leg.bridged, answered, "B: bridged");
        assert.ok(Math.abs(leg.durations.bridged - seconds * 1000) < 1500, `B: duration ${leg.durations.bridged} ms, expected about ${seconds} s`);
      }
      assert.equal(caller.user, "1000", "B: the caller's extension from the channel's name");
      assert.equal(caller.hangupCause, cause, "B: the caller's hang-up cause");
      if (answered) {
        assert.deepEqual(caller.bridgedTo, [callees[0].channel]);
        assert.deepEqual(callees[0].bridgedTo, [caller.channel]);
      }
      for (const leg of callees) assert.equal(leg.hangupCause, calleeCause ?? cause, "B: the callee's hang-up cause");
    };

    check("registered users are shown with their contact", async () => {
      const user = await userDetails("B", address, "1001");
      assert.equal(user.status, "REGISTERED");
      assert.match(user.contact, /^sofia\/internal\/sip:/);
    });

    check("answered, the caller hangs up", async () => {
      forget();
      await a.dial("1001");
      await b.inPhase("incoming");
      await b.press("Answer");
      await a.hears(1000, 440);
      const [count] = await runCommands("A", address, "show channels count");
      assert.match(count, /^\s*2 total\./m);
      const started = Date.now();
      await sleep(3000);
      const { call } = await a.state();
      await a.press("Hang up");
      const seconds = (Date.now() - call.answeredAt) / 1000;
      assert.ok(Date.now() - started >= 3000);
      expectCall(await history(), { answered: true, seconds, cause: "NORMAL_CLEARING" });
    });

    check("answered, held and resumed, the callee hangs up", async () => {
      forget();
      await a.dial("1001");
      await b.inPhase("incoming");
      await b.press("Answer");
      await a.hears(1000, 440);
      await a.press("Hold");
      await a.sees("held", (state) => state.call.held && !state.call.busy);
      await sleep(500);
      await a.press("Hold");
      await a.sees("resumed", (state) => !state.call.held && !state.call.busy);
      const { call } = await a.state();
      await b.press("Hang up");
      const seconds = (Date.now() - call.answeredAt) / 1000;
      const result = await history();
      expectCall(result, { answered: true, seconds, cause: "NORMAL_CLEARING" });
      assert.ok(result.caller.names.includes("CHANNEL_HOLD") && result.caller.names.includes("CHANNEL_UNHOLD"), "hold and resume are seen");
    });

    check("declined", async () => {
      forget();
      await a.dial("1001");
      await b.inPhase("incoming");
      await b.press("Decline");
      await a.inPhase(null);
      expectCall(await history(), { answered: false, cause: "CALL_REJECTED" });
    });

    check("cancelled by the caller", async () => {
      forget();
      await a.dial("1001");
      await b.inPhase("incoming");
      await a.press("Cancel");
      expectCall(await history(), { answered: false, cause: "ORIGINATOR_CANCEL" });
    });

    check("not answered", async () => {
      forget();
      await a.dial("1001");
      await b.inPhase("incoming");
      await a.sees("given up", (state) => state.lastCall?.outcome === "rejected", { timeout: (ringSeconds + 15) * 1000 });
      assert.equal((await a.state()).lastCall.code, 480);
      const result = await history();
      expectCall(result, { answered: false, cause: result.caller.hangupCause, calleeCause: "NO_ANSWER" });
      assert.ok(["NORMAL_CLEARING", "NO_ANSWER"].includes(result.caller.hangupCause), result.caller.hangupCause);
    });

    check("busy: the callee is in another call", async () => {
      const c = await WebPhone.open(browser, exchange, { name: "C", user: "1002", tone: 1700 });
      allPhones.add(c);
      try {
        await c.dial("1001");
        await b.inPhase("incoming");
        await b.press("Answer");
        await c.hears(1000, 1700);
        await sleep(500);
        forget();
        await a.dial("1001");
        await a.sees("busy", (state) => state.lastCall?.outcome === "rejected");
        assert.equal((await a.state()).lastCall.code, 486);
        // The other call runs on until this one's events are there; of it only the end is seen, and it was not made by 1000.
        await until("both legs are gone", () => channelsWith("CHANNEL_DESTROY").size === 2 || [...channelsWith("CHANNEL_DESTROY")]);
        await c.press("Hang up");
        expectCall(await history(), { answered: false, cause: "USER_BUSY" });
      } finally {
        allPhones.delete(c);
        await c.close();
      }
    });

    check("the callee is not registered", async () => {
      forget();
      await a.dial("1005");
      await a.sees("refused", (state) => state.lastCall?.outcome === "rejected");
      expectCall(await history(), { callee: "1005", answered: false, cause: "USER_NOT_REGISTERED", legs: 0 });
    });

    check("sequence numbers have a constant number of digits and rise within each channel", () => {
      for (const connection of connections) {
        assert.equal(new Set(connection.events.map((event) => event["Event-Sequence"].length)).size, 1);
        const last = new Map();
        for (const event of connection.events.filter((each) => each["Unique-ID"])) {
          const sequence = Number(event["Event-Sequence"]);
          const channel = event["Unique-ID"];
          assert.ok(sequence > (last.get(channel) ?? 0), `${event["Event-Name"]} ${sequence} after ${last.get(channel)} on ${channel}`);
          last.set(channel, sequence);
        }
        assert.equal(connection.closed, false, "the event connection stayed open");
      }
    });

    check("nothing is left", async () => {
      const [count, calls] = await runCommands("B", address, "show channels count", "show calls count");
      assert.match(count, /^\s*0 total\./m);
      assert.match(calls, /^\s*0 total\./m);
    });
  });
});

/** Sends bytes and returns everything until the exchange closes. */
function rawSession(address, text) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address);
    let received = "";
    socket.setEncoding("utf8").setTimeout(5000, () => socket.destroy(new Error(`the exchange did not close; received ${JSON.stringify(received)}`)));
    socket.on("data", (chunk) => (received += chunk));
    socket.on("end", () => socket.end());
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
    socket.write(text);
  });
}

/** How many milliseconds `count` connections at once take to a server that does nothing but greet. */
async function bareConnections(count) {
  const server = net.createServer((socket) => socket.on("error", () => undefined).end("hello\n"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const started = performance.now();
  await Promise.all(Array.from({ length: count }, () => greeting({ host: "127.0.0.1", port: server.address().port })));
  const milliseconds = performance.now() - started;
  server.close();
  return milliseconds;
}

/** Connects, reads the greeting and leaves. */
function greeting(address) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address);
    socket.setEncoding("utf8").once("data", (text) => {
      socket.end();
      resolve(text);
    });
    socket.on("error", reject);
  });
}

/**
 * A whole short connection as Rocket.Chat's, without the library's own cost: greeting, auth, subscription, one job, half-close. Every
 * connection may get the jobs of all others too, so the own one is found by its Job-UUID.
 */
function rawDetails(address, extension) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address);
    const commands = [`auth ${address.password}`, "event json BACKGROUND_JOB", `bgapi list_users group default user ${extension}`];
    const foreign = new Map(); // jobs that came before the reply that says which one is ours
    let buffer = "";
    let job;
    const frame = (headers, body) => {
      if (/^Content-Type: (auth\/request|command\/reply)$/m.test(headers)) {
        job ??= /^Job-UUID: (.*)$/m.exec(headers)?.[1];
        if (commands.length > 0) socket.write(`${commands.shift()}\n\n`);
      } else {
        const event = /"Job-UUID":\s*"([^"]*)"/.exec(body);
        if (event) foreign.set(event[1], body);
      }
      if (job !== undefined && foreign.has(job)) {
        socket.end();
        resolve(JSON.parse(foreign.get(job))._body);
      }
    };
    socket.setEncoding("latin1").setTimeout(10_000, () => socket.destroy(new Error(`no answer; received ${JSON.stringify(buffer)}`)));
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      buffer += chunk;
      for (;;) {
        const end = buffer.indexOf("\n\n");
        if (end < 0) return;
        const headers = buffer.slice(0, end);
        const length = Number(/^Content-Length: (\d+)$/m.exec(headers)?.[1] ?? 0);
        if (buffer.length < end + 2 + length) return;
        const body = buffer.slice(end + 2, end + 2 + length);
        buffer = buffer.slice(end + 2 + length);
        frame(headers, body);
      }
    });
    socket.on("close", () => reject(new Error(`closed early; received ${JSON.stringify(buffer)}`)));
  });
}
