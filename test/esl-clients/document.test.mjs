// The JavaScript of docs/event-socket.md, run as a newcomer would. Its Go is run by test/e2e.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Exchange, noBinary } from "../browser/exchange.mjs";
import { freePort, libraries } from "./clients.mjs";

const here = import.meta.dirname;
const programs = (await readFile(path.join(here, "../../docs/event-socket.md"), "utf8")).split("```js\n").slice(1).map((text) => text.split("```")[0]);

/** Runs the program that holds a text; printed(text) waits for a line with it. */
async function start(t, text, argument, password) {
  const program = programs.find((candidate) => candidate.includes(text));
  assert.ok(program, `a program with ${text}`);
  const file = path.join(here, `document-${process.pid}-${text}.mjs`); // here, where the libraries are
  await writeFile(file, program);
  const child = spawn(process.execPath, [file, argument], { env: { ...process.env, ESL_PASSWORD: password }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  t.after(async () => {
    if (child.exitCode === null && child.kill()) await once(child, "exit");
    await rm(file);
  });
  return {
    printed: async (wanted, meanwhile = async () => {}) => {
      for (const deadline = Date.now() + 15_000; !output.includes(wanted); await sleep(20)) {
        if (Date.now() > deadline) assert.fail(`no ${wanted} in\n${output}`);
        await meanwhile();
      }
    },
  };
}

describe("docs/event-socket.md", { skip: noBinary, timeout: 120_000 }, () => {
  let exchange, control;
  before(async () => {
    exchange = await Exchange.start();
    control = await libraries[0].connect({ ...exchange.eslAddress, password: exchange.info.esl_password });
  });
  after(async () => {
    await control?.end();
    await exchange?.stop();
  });

  test("the call monitor", async (t) => {
    const monitor = await start(t, "FreeSwitchClient", exchange.info.esl, exchange.info.esl_password);
    const call = () => control.api("originate loopback/9196/default &hangup(USER_BUSY)");
    await monitor.printed("9196 USER_BUSY", call); // it may take a while to subscribe
  });

  test("outbound mode", async (t) => {
    const port = await freePort();
    const program = await start(t, "FreeSwitchServer", `127.0.0.1:${port}`, "");
    let listens = false;
    await program.printed("call from", async () => {
      if (listens || !(listens = await accepts(port))) return;
      await control.bgapi(`originate loopback/9196/default '&socket(127.0.0.1:${port} async full)'`);
    });
    await program.printed("FILE PLAYED");
  });
});

/** Whether somebody listens on a port. */
async function accepts(port) {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
