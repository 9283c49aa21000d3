// A user of Rocket.Chat 7.x at a browser: SIP.js 0.20.1 as its client uses it, in a page that only these tests serve.

import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Tab, until } from "./browser.mjs";

/** Serves the page, as Rocket.Chat's own server does. */
export class Site {
  #server;
  address;

  static async open() {
    const site = new Site();
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("sipjs-page.js", import.meta.url))], bundle: true, format: "esm", target: "es2022", write: false, logLevel: "error",
    });
    const page = `<!doctype html><title>SIP.js</title><audio></audio><script type="module" src="/page.js"></script>`;
    site.#server = http.createServer(({ url }, response) => {
      const script = url === "/page.js";
      response.writeHead(url === "/favicon.ico" ? 404 : 200, { "Content-Type": script ? "text/javascript" : "text/html" });
      response.end(script ? outputFiles[0].text : page);
    });
    site.#server.listen(0, "127.0.0.1");
    await once(site.#server, "listening");
    site.address = `http://127.0.0.1:${site.#server.address().port}/`;
    return site;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** The network between a browser and the exchange, which a test can take away: TCP is passed on unchanged. */
export class Network {
  #server;
  #pairs = new Set();
  #down = false;

  static async open(wss) {
    const { hostname, port } = new URL(wss);
    const network = new Network();
    network.#server = net.createServer((near) => {
      if (network.#down) {
        near.destroy();
        return;
      }
      const far = net.connect(Number(port), hostname);
      const pair = [near, far];
      network.#pairs.add(pair);
      for (const [from, to] of [[near, far], [far, near]]) {
        from.on("error", () => undefined);
        from.on("close", () => {
          to.destroy();
          network.#pairs.delete(pair);
        });
        from.pipe(to);
      }
    });
    network.#server.listen(0, "127.0.0.1");
    await once(network.#server, "listening");
    network.wss = `wss://127.0.0.1:${network.#server.address().port}/`;
    return network;
  }

  /** Every connection breaks, as by a reset, and no new one comes about until `up`. */
  cut() {
    this.#down = true;
    for (const pair of this.#pairs) for (const side of pair) side.resetAndDestroy();
  }

  up() {
    this.#down = false;
  }

  close() {
    this.cut();
    this.#server.close();
  }
}

export class RocketChatUser extends Tab {
  user;

  /** Opens the page and waits until it is registered at `server`, a wss URL. */
  static async open(browser, site, server, { name, user, password, tone }) {
    const tab = new RocketChatUser(name);
    tab.user = user;
    try {
      await tab.load(browser, `${site.address}?${new URLSearchParams({ user, password, server })}`, tone);
      await tab.registered();
    } catch (error) {
      error.message = [error.message, tab.log()].join("\n");
      await tab.close();
      throw error;
    }
    return tab;
  }

  /** Calls a method of the page's client. */
  do(method, ...args) {
    return this.page.evaluate(([name, values]) => window.talkpath[name](...values), [method, args]);
  }

  registered() {
    return this.sees("registered", (state) => state.registered && state.connected);
  }

  rings() {
    return this.sees("rings", ({ call }) => call?.incoming && (call.state === "Initial" || call.state === "Establishing"));
  }

  talks() {
    return this.sees("talks", ({ call }) => call?.state === "Established");
  }

  free() {
    return this.sees("has no call", ({ call }) => call === null);
  }

  /** SIP messages from the `from`th on, sent or received, whose first line matches. */
  found(sent, pattern, from = 0) {
    return this.messages.slice(from).filter((message) => message.sent === sent && pattern.test(message.text.slice(0, message.text.indexOf("\r\n")))).map(({ text }) => text);
  }

  /** Waits for such a message and gives the first one. */
  async saw(what, sent, pattern, from = 0) {
    await until(`${this.name}: ${what}`, () => this.found(sent, pattern, from).length > 0 || `${this.messages.length} messages`);
    return this.found(sent, pattern, from)[0];
  }
}

/** The values of a header of a SIP message. */
export function headers(message, name) {
  const lines = message.split("\r\n\r\n")[0].split("\r\n").slice(1);
  return lines.filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`)).map((line) => line.slice(name.length + 1).trim());
}

/** The lines of an SDP that must stay the same as long as a call lasts: ICE, keys and their role, the m-line's name. */
export function transportOf(message) {
  return message.split("\r\n").filter((line) => /^a=(ice-ufrag|ice-pwd|fingerprint|mid|group|rtcp-mux)/.test(line)).sort();
}
