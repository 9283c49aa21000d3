// The libraries, each behind the same few methods, written with that library's own calls.

import { once } from "node:events";
import { createServer } from "node:net";
import * as esl112 from "esl";
import * as esl111 from "esl-11.1.1";
import modesl from "modesl";

const quiet = { debug() {}, info() {}, error() {} };

/** npm esl, https://www.npmjs.com/package/esl */
class Esl {
  constructor(name, library) {
    this.name = name;
    this.library = library;
  }

  /** An inbound connection: api, bgapi, subscribe, end. */
  async connect({ host, port, password }) {
    const client = new this.library.FreeSwitchClient({ host, port, password, logger: quiet });
    const connected = new Promise((resolve, reject) => {
      client.once("connect", resolve);
      client.on("error", reject);
    });
    client.connect();
    const call = await connected;
    return {
      api: async (command) => {
        try {
          return (await call.api(command)).body;
        } catch (error) {
          if (error instanceof this.library.FreeSwitchError) return error.res.body; // it throws what begins with -ERR
          throw error;
        }
      },
      bgapi: async (command) => {
        const { body } = await call.bgapi(command);
        return typeof body === "string" ? body : (body._body ?? body.response ?? "");
      },
      subscribe: async (names, heard) => {
        for (const name of names) call.on(name, ({ body }) => heard({ name: body["Event-Name"], value: (header) => body[header] }));
        await call.event_json(...names);
      },
      end: async () => {
        await call.exit();
        client.end();
      },
    };
  }

  /** A server for the socket application; answer is called with each call: variable, command, hangup, hungUp. */
  async serve(answer) {
    const server = new this.library.FreeSwitchServer({ logger: quiet });
    server.on("error", () => {});
    server.on("connection", (call, { body, uuid }) => {
      const hungUp = new Promise((resolve) => call.once("CHANNEL_HANGUP_COMPLETE", ({ body }) => resolve(body["Hangup-Cause"])));
      answer({
        uuid: uuid ?? body["Unique-ID"],
        variable: (name) => body[`variable_${name}`],
        command: async (application, argument) => (await call.command(application, argument)).body["Application-Response"],
        hangup: (cause) => call.hangup(cause),
        hungUp,
      });
    });
    const port = await freePort();
    await server.listen({ host: "127.0.0.1", port });
    return { port, close: () => server.close() };
  }
}

/** modesl, https://www.npmjs.com/package/modesl */
class Modesl {
  name = "modesl 1.2.1";

  async connect({ host, port, password }) {
    const connection = new modesl.Connection(host, port, password);
    const call = (method, ...args) => new Promise((resolve) => connection[method](...args, resolve));
    await new Promise((resolve, reject) => {
      connection.once("esl::ready", resolve);
      connection.once("esl::event::auth::fail", () => reject(new Error("authentication failed")));
      connection.once("error", reject);
    });
    return {
      api: async (command) => (await call("api", command)).getBody(),
      bgapi: async (command) => (await call("bgapi", command)).getBody(),
      subscribe: async (names, heard) => {
        connection.on("esl::event::**", (event) => {
          const name = event.getHeader?.("Event-Name");
          if (names.includes(name)) heard({ name, value: (header) => event.getHeader(header) });
        });
        await call("subscribe", names);
      },
      end: async () => {
        const ended = once(connection, "esl::end");
        connection.send("exit");
        await ended;
      },
    };
  }

  async serve(answer) {
    const port = await freePort();
    const server = await new Promise((resolve) => {
      const made = new modesl.Server({ host: "127.0.0.1", port, myevents: true }, () => resolve(made));
    });
    server.on("connection::ready", (connection) => {
      const data = connection.getInfo();
      answer({
        uuid: data.getHeader("Unique-ID"),
        variable: (name) => data.getHeader(`variable_${name}`),
        command: (application, argument) =>
          new Promise((resolve) => connection.execute(application, argument, (event) => resolve(event.getHeader("Application-Response")))),
        hangup: (cause) => connection.sendRecv("sendmsg", { "call-command": "hangup", "hangup-cause": cause }),
        hungUp: new Promise((resolve) => connection.once("esl::event::CHANNEL_HANGUP_COMPLETE::*", (event) => resolve(event.getHeader("Hangup-Cause")))),
      });
    });
    return { port, close: () => new Promise((resolve) => server.close(resolve)) };
  }
}

/** A port that was free a moment ago: these servers take no 0. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const libraries = [new Esl("esl 11.1.1", esl111), new Esl("esl 11.2.1", esl112), new Modesl()];
