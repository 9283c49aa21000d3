// The exchange under test: starts the binary on free ports with a state directory of its own, and keeps what it says for the report of a failure.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";

const binary = process.env.TALKPATH_BIN ?? "";

/** A reason to skip, or false. A binary that is named but absent is no reason: that has to fail. */
export const noBinary = binary === "" ? "TALKPATH_BIN does not name a talkpath binary; `make test` sets it" : false;

const ephemeral = ["internal_sip_port", "internal_tls_port", "ws_port", "wss_port", "esl_port", "admin_port", "rtp_mux_port", "rtp_mux_tcp_port"];

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

export class Exchange {
  /** page, wss, ws, sip, esl, domain, password, esl_password: as the binary announces them */
  info = {};
  #process;
  #directory;
  #log = [];

  /** Starts and waits until it is ready, 20 s at most. `set` overrides variables. */
  static async start(set = {}) {
    if (!existsSync(binary)) throw new Error(`TALKPATH_BIN=${binary} does not exist`);
    const exchange = new Exchange();
    exchange.#directory = await mkdtemp(path.join(tmpdir(), "talkpath-test-"));
    const variables = { ...Object.fromEntries(ephemeral.map((name) => [name, "0"])), domain: "127.0.0.1", local_ip_v4: "127.0.0.1", ...set };
    const args = ["-state", exchange.#directory, ...Object.entries(variables).flatMap(([name, value]) => ["-set", `${name}=${value}`])];
    const child = (exchange.#process = spawn(binary, args, { env: { ...process.env, TALKPATH_READY_JSON: "1" }, stdio: ["ignore", "pipe", "pipe"] }));
    process.once("exit", () => child.kill("SIGKILL")); // whatever ends this process early, no exchange outlives it
    try {
      exchange.info = await exchange.#ready();
    } catch (error) {
      await exchange.stop();
      throw new Error(`${error.message}\n${exchange.log()}`);
    }
    return exchange;
  }

  async #ready() {
    const { stdout, stderr } = this.#process;
    readline.createInterface({ input: stderr }).on("line", (line) => this.#note(line));
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the exchange was not ready within 20 s")), 20_000);
      const settle = (act, value) => {
        clearTimeout(timer);
        act(value);
      };
      readline.createInterface({ input: stdout }).on("line", (line) => {
        this.#note(line);
        if (!line.startsWith("{")) return;
        try {
          const info = JSON.parse(line);
          if (info.page && info.wss && info.esl) settle(resolve, info);
        } catch {
          // A line of the human kind.
        }
      });
      this.#process.once("error", (error) => settle(reject, error));
      this.#process.once("exit", (code, signal) => settle(reject, new Error(`the exchange ended before it was ready (${signal ?? `exit code ${code}`})`)));
    });
  }

  #note(line) {
    this.#log.push(line);
    if (this.#log.length > 2000) this.#log.shift();
  }

  /** The last lines it wrote. */
  log(lines = 200) {
    return ["--- log of the exchange ---", ...this.#log.slice(-lines)].join("\n");
  }

  get eslAddress() {
    const [, host, port] = /^(.*):(\d+)$/.exec(this.info.esl);
    return { host, port: Number(port) };
  }

  /** Ends at once, as by a power cut. */
  async die() {
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  /** Drains by SIGTERM; a second one and then SIGKILL when it hangs. Returns the exit code, null when it had to be killed. */
  async stop() {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      const nudge = setTimeout(() => child.kill("SIGTERM"), 3000);
      const kill = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(nudge);
      clearTimeout(kill);
    }
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
    return child?.exitCode ?? null;
  }
}
