// What Rocket.Chat's server does on the event socket, with the library it uses (npm esl 11.1.1): short connections for commands, one long one for
// events, in the two generations it had (7.0–7.7 = "A", 7.8–7.13 = "B").

import { once } from "node:events";
import net from "node:net";
import { FreeSwitchClient, FreeSwitchResponse } from "esl";
import { commandSubscriptions, eventSubscriptions } from "./rocketchat-history.mjs";

const silent = { debug() {}, info() {}, error() {} };

/** Rocket.Chat's setting VoIP_TeamCollab_FreeSwitch_Timeout. */
export const commandTimeout = 3000;

/** Generation A goes through FreeSwitchClient, which subscribes to its two names itself. */
function connectA({ host, port, password }) {
  return new Promise((resolve, reject) => {
    const client = new FreeSwitchClient({ host, port, password, logger: silent });
    const fail = (error) => {
      client.end();
      reject(error);
    };
    client.once("connect", (call) => resolve({ call, end: () => client.end() }));
    client.once("error", fail);
    client.once("warning", fail);
    client.connect();
  });
}

/** Generation B builds the session from the library's parts, on a socket of its own, and waits for the greeting no longer than for a command. */
async function connectB({ host, port, password }) {
  const socket = new net.Socket();
  const call = new FreeSwitchResponse(socket, silent);
  const failed = once(socket, "error").then(([error]) => Promise.reject(error));
  const greeted = call.onceAsync("freeswitch_auth_request", commandTimeout, "greeting");
  socket.connect({ host, port });
  try {
    await Promise.race([greeted, failed]);
    await call.auth(password);
    call.auto_cleanup();
  } catch (error) {
    call.end();
    throw error;
  } finally {
    failed.catch(() => undefined);
  }
  return { call, end: () => call.end() };
}

async function connect(generation, address) {
  return generation === "A" ? await connectA(address) : await connectB(address);
}

/** Runs commands one after the other on a connection of their own, which is half-closed afterwards; the bodies of their jobs. */
export async function runCommands(generation, address, ...commands) {
  const { call, end } = await connect(generation, address);
  try {
    if (generation === "B") await call.event_json(...commandSubscriptions.B);
    const bodies = [];
    for (const command of commands) {
      const job = await call.bgapi(typeof command === "function" ? command(bodies) : command, commandTimeout);
      bodies.push(job.body._body);
    }
    return bodies;
  } finally {
    end();
  }
}

/** The table of list_users, as Rocket.Chat reads it: extensions in order, their groups gathered. */
export function parseUsers(body) {
  if (typeof body !== "string" || body === "") throw new Error("Invalid response from FreeSwitch server");
  const [head, ...lines] = body.split("\n");
  if (head === "") throw new Error("Invalid response from FreeSwitch server");
  const names = head.split("|");
  const users = new Map();
  for (const line of lines) {
    const values = line.split("|");
    if (values[0] === "") continue;
    const row = Object.fromEntries(values.map((value, index) => [names[index] || `column${index}`, value]));
    if (!row.userid || row.userid === "+OK") continue;
    const known = users.get(row.userid);
    if (known) {
      if (!known.groups.includes(row.group)) known.groups.push(row.group);
      continue;
    }
    const status = row.contact === "error/user_not_registered" ? "UNREGISTERED" : row.contact?.startsWith("sofia/") ? "REGISTERED" : "UNKNOWN";
    users.set(row.userid, {
      extension: row.userid, context: row.context, domain: row.domain, groups: [row.group], status, contact: row.contact,
      callGroup: row.callgroup, callerName: row.effective_caller_id_name, callerNumber: row.effective_caller_id_number,
    });
  }
  return [...users.values()];
}

export async function listUsers(generation, address) {
  return parseUsers((await runCommands(generation, address, "list_users"))[0]);
}

export async function userDetails(generation, address, extension, group = "default") {
  const users = parseUsers((await runCommands(generation, address, `list_users group ${group} user ${extension}`))[0]);
  if (users.length === 0) throw new Error("Extension not found.");
  if (users.length > 1) throw new Error("Multiple extensions were found.");
  return users[0];
}

/** What is handed to the browser at a login: nothing is trimmed and no error text is noticed, as in Rocket.Chat. */
export async function domainAndPassword(generation, address, extension) {
  const [domain, password] = await runCommands(generation, address, "eval ${domain}", ([name]) => `user_data ${extension}@${name} param password`);
  return { domain, password };
}

/** The connection that stays: every channel event in the order of arrival; `more` names events that Rocket.Chat does not ask for. */
export class EventConnection {
  events = [];
  closed = false;
  #end;

  static async open(generation, address, ...more) {
    const connection = new EventConnection();
    const { call, end } = await connect(generation, address);
    connection.#end = end;
    call.once("socket.close", () => (connection.closed = true));
    // Generation A listens by name on the connection that already has the command subscriptions; the names arrive in one more line.
    const names = generation === "A" ? [...commandSubscriptions.A, ...eventSubscriptions.A, ...more] : [...eventSubscriptions.B, ...more];
    for (const name of new Set(names)) call.on(name, ({ body }) => connection.events.push(body));
    await call.event_json(...names);
    return connection;
  }

  close() {
    this.#end();
  }
}
