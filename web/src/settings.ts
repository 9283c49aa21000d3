// Where the phone connects to, and what it remembers. The password is never stored, and the fragment of the address is used instead of
// its query because a fragment is not sent to any server and not written to any log.

export interface Settings {
  user: string;
  password: string;
  server: string;
}

const rememberedUser = "talkpath.user";

/** The page is served from the switch's own WebSocket port, so signalling goes to where the page came from. */
export function defaultServer(location: Pick<Location, "protocol" | "host">): string {
  return `${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/`;
}

/** `#user=1000&password=…` → user and password; anything else is ignored. */
export function fromFragment(hash: string): { user: string; password: string } {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  return { user: values.get("user") ?? "", password: values.get("password") ?? "" };
}

/** The fragment without the password, so that it does not stay in the address bar and the history. */
export function withoutPassword(hash: string): string {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  values.delete("password");
  const rest = values.toString();
  return rest === "" ? "" : `#${rest}`;
}

/** A WebSocket address as typed, completed: "pbx.example.com:7443" → "wss://pbx.example.com:7443/". Undefined when it is none. */
export function parseServer(typed: string): URL | undefined {
  const text = typed.trim().replace(/^http(s?):\/\//i, "ws$1://");
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `wss://${text}`);
    return (url.protocol === "wss:" || url.protocol === "ws:") && url.hostname !== "" ? url : undefined;
  } catch {
    return undefined;
  }
}

export function recallUser(storage: Pick<Storage, "getItem"> | undefined): string {
  try {
    return storage?.getItem(rememberedUser) ?? "";
  } catch {
    return ""; // A browser that blocks storage throws; then nothing is remembered.
  }
}

export function rememberUser(storage: Pick<Storage, "setItem"> | undefined, user: string): void {
  try {
    storage?.setItem(rememberedUser, user);
  } catch {
    // As above.
  }
}
