// The libraries' servers steer a call that the dialplan's socket application hands to them. test/e2e/clients_test.go does it in Go.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Exchange, noBinary } from "../browser/exchange.mjs";
import { libraries } from "./clients.mjs";

describe("outbound mode", { skip: noBinary, timeout: 120_000 }, () => {
  let exchange, control;
  before(async () => {
    exchange = await Exchange.start();
    control = await libraries[0].connect({ ...exchange.eslAddress, password: exchange.info.esl_password });
  });
  after(async () => {
    await control?.end();
    const code = await exchange?.stop();
    if (exchange) assert.equal(code, 0, `the exchange did not end well\n${exchange.log()}`);
  });

  for (const library of libraries) {
    test(library.name, { timeout: 30_000 }, async (t) => {
      let finish;
      const finished = new Promise((resolve, reject) => (finish = { resolve, reject }));
      const server = await library.serve(async (call) => {
        try {
          const seen = { uuid: call.uuid, colour: call.variable("colour") };
          await call.command("answer");
          await call.command("set", "colour=red");
          seen.played = await call.command("playback", "tone_stream://%(100,0,440)");
          seen.variable = (await control.api(`uuid_getvar ${call.uuid} colour`)).trim();
          await call.hangup("USER_BUSY");
          seen.cause = await call.hungUp;
          finish.resolve(seen);
        } catch (error) {
          finish.reject(error);
        }
      });
      t.after(() => server.close());
      const uuid = randomUUID();
      await control.bgapi(`originate {origination_uuid=${uuid},colour=blue}loopback/9196/default '&socket(127.0.0.1:${server.port} async full)'`);
      const expected = { uuid, colour: "blue", played: "FILE PLAYED", variable: "red", cause: "USER_BUSY" };
      assert.deepEqual(await finished, expected);
    });
  }
});
