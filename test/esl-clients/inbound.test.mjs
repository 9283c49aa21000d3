// The same script for each library: subscribe, originate, bridge, transfer, hang up, read variables. test/e2e/clients_test.go runs it in Go.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Exchange, noBinary } from "../browser/exchange.mjs";
import { libraries } from "./clients.mjs";
import { Events } from "./events.mjs";

describe("inbound connections", { skip: noBinary, timeout: 120_000 }, () => {
  let exchange, address;
  before(async () => {
    exchange = await Exchange.start();
    address = { ...exchange.eslAddress, password: exchange.info.esl_password };
  });
  after(async () => {
    const code = await exchange?.stop();
    if (exchange) assert.equal(code, 0, `the exchange did not end well\n${exchange.log()}`);
  });

  for (const library of libraries) {
    test(library.name, { timeout: 30_000 }, async (t) => {
      const connection = await library.connect(address);
      t.after(async () => {
        await connection.api("hupall");
        await connection.end();
      });
      const events = new Events();
      const [a, b] = [randomUUID(), randomUUID()];

      await connection.subscribe(["CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_EXECUTE", "CHANNEL_HANGUP_COMPLETE"], events.heard);
      assert.match(await connection.api("status"), /^UP /);

      const originated = await connection.bgapi(`originate {origination_uuid=${a},colour=blue}loopback/9196/default &park()`);
      assert.equal(originated.trim(), `+OK ${a}`);
      assert.equal((await connection.api(`originate {origination_uuid=${b}}loopback/9196/default &park()`)).trim(), `+OK ${b}`);
      await events.first("CHANNEL_CREATE", (e) => e.value("Unique-ID") === a);
      await events.first("CHANNEL_ANSWER", (e) => e.value("Unique-ID") === a && e.value("variable_colour") === "blue");

      assert.equal(await connection.api(`uuid_getvar ${a} colour`), "blue");
      assert.match(await connection.api(`uuid_setvar ${a} colour dark red`), /^\+OK/);
      assert.equal(JSON.parse(await connection.api(`uuid_dump ${a} json`)).variable_colour, "dark red");
      assert.equal(JSON.parse(await connection.api("show channels as json")).rows.filter((row) => [a, b].includes(row.uuid)).length, 2);

      assert.match(await connection.api(`uuid_bridge ${a} ${b}`), /^\+OK/);
      const bridge = await events.first("CHANNEL_BRIDGE", (e) => e.value("Unique-ID") === a);
      assert.equal(bridge.value("Other-Leg-Unique-ID"), b);

      assert.match(await connection.api(`uuid_transfer ${a} 9196 XML default`), /^\+OK/);
      await events.first("CHANNEL_EXECUTE", (e) => e.value("Unique-ID") === a && e.value("Application") === "echo");

      assert.match(await connection.api(`uuid_kill ${a} USER_BUSY`), /^\+OK/);
      const hangup = await events.first("CHANNEL_HANGUP_COMPLETE", (e) => e.value("Unique-ID") === a);
      assert.equal(hangup.value("Hangup-Cause"), "USER_BUSY");
      assert.match(await connection.api(`uuid_getvar ${a} colour`), /^-ERR No such channel/i);
    });
  }
});
