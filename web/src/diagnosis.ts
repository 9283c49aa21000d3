// From what the browser and the switch report to what a person can do about it. Pure: every input is a plain value.

export interface Problem {
  code: string;
  title: string;
  advice: string;
  link?: { href: string; text: string };
}

export interface ConnectionFacts {
  server: string; // the WebSocket address
  page: { protocol: string; host: string };
  wasConnected: boolean; // the connection had been up before
  pageReachable: boolean | undefined; // whether the page's own server still answers; undefined: not asked
  online: boolean;
  inCall: boolean;
}

/** Why the WebSocket is not there. Browsers hide the cause (always close code 1006), so it is inferred from what else is known. */
export function connectionProblem(facts: ConnectionFacts): Problem {
  const server = new URL(facts.server);
  const where = server.host;
  if (!facts.online) {
    return { code: "offline", title: "This computer is offline", advice: "The browser reports no network connection. The phone signs in again by itself when it is back." };
  }
  if (server.protocol === "ws:" && facts.page.protocol === "https:") {
    return {
      code: "insecure-websocket",
      title: "The browser does not allow ws:// here",
      advice: "This page came over https, so the server address must start with wss://.",
    };
  }
  const sameHost = server.host === facts.page.host;
  if (facts.wasConnected) {
    return { code: "connection-lost", title: `The connection to ${where} was lost`, advice: `${facts.inCall ? "The call goes on for as long as you hear each other. " : ""}The phone signs in again by itself as soon as the server answers.` };
  }
  if (!sameHost && server.protocol === "wss:") {
    return {
      code: "certificate",
      title: `No secure connection to ${where}`,
      advice: "Most often the browser does not trust the server's certificate yet. Open the address below, accept the certificate there, come back and connect again. If that page does not open either, the server is not running or a firewall is in between.",
      link: { href: `https://${where}/`, text: `Open https://${where}/` },
    };
  }
  if (sameHost && facts.pageReachable === true) {
    return {
      code: "websocket-refused",
      title: `${where} serves this page but refuses the WebSocket`,
      advice: "Something between the browser and Talkpath, such as a reverse proxy, does not pass WebSocket upgrades on; or the server has too many connections.",
    };
  }
  return { code: "unreachable", title: `${where} does not answer`, advice: "Talkpath is not running there, the port is wrong, or a firewall is in between. The phone keeps trying." };
}

/** Why REGISTER was refused. */
export function registrationProblem(status: number, reason: string, user: string): Problem {
  const detail = `The server said: ${status} ${reason}.`;
  switch (status) {
    case 401:
    case 403:
    case 407:
      return { code: "wrong-password", title: `Wrong password for ${user}, or no such user`, advice: `${detail} Talkpath prints its users and their password when it starts.` };
    case 404:
      return { code: "unknown-user", title: `There is no user ${user}`, advice: `${detail} Check the number, and that the server is the right one.` };
    case 408:
      return { code: "no-answer", title: "The server does not answer the sign-in", advice: `${detail} The connection is open, but nothing that speaks SIP replies on it. The phone tries again.` };
    case 423:
    case 503:
      return { code: "server-busy", title: "The server cannot take the sign-in now", advice: `${detail} The phone tries again.` };
    default:
      return { code: "registration-refused", title: "The server refused the sign-in", advice: detail };
  }
}

/** Why there is no microphone, from the name of getUserMedia's error. */
export function microphoneProblem(errorName: string, secureContext: boolean): Problem {
  if (!secureContext) {
    return { code: "microphone-insecure", title: "The browser gives no microphone to an insecure page", advice: "Open this page by its https:// address, or on localhost." };
  }
  switch (errorName) {
    case "NotAllowedError":
    case "SecurityError":
      return {
        code: "microphone-denied",
        title: "The microphone is blocked for this page",
        advice: "Allow it in the browser's site settings (the icon left of the address), and check that the system lets the browser use it. Then try again.",
      };
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return { code: "microphone-missing", title: "No microphone was found", advice: "Plug in a headset or choose an input device in the system's sound settings. Then try again." };
    case "NotReadableError":
    case "AbortError":
      return { code: "microphone-in-use", title: "The microphone could not be opened", advice: "Another program may be using it. Close that, or unplug and plug in the device, and try again." };
    default:
      return { code: "microphone-failed", title: "The microphone does not work", advice: `The browser reports: ${errorName}.` };
  }
}

/** The text="…" of a Reason header (RFC 3326), else empty. */
export function reasonText(header: string | undefined): string {
  return /text="([^"]*)"/.exec(header ?? "")?.[1] ?? "";
}

/** What became of an outgoing call that was refused, for people; the SIP answer stands beside it. */
export function rejectionText(status: number, reason: string, cause: string, number: string): string {
  if (cause === "USER_NOT_REGISTERED" || cause === "SUBSCRIBER_ABSENT") {
    return `${number} is not signed in anywhere`;
  }
  switch (status) {
    case 401:
    case 403:
    case 407:
      return `You may not call ${number}`;
    case 404:
    case 484:
    case 604:
      return `The number ${number} does not exist`;
    case 408:
      return `${number} did not answer in time`;
    case 480:
      return cause === "NO_ANSWER" || cause === "NO_USER_RESPONSE" ? `${number} did not answer` : `${number} is not available`;
    case 486:
    case 600:
      return `${number} is busy`;
    case 487:
      return "Call cancelled";
    case 488:
    case 606:
      return `${number} has no audio format in common with this browser`;
    case 503:
      return "The server has no room for this call";
    case 603:
    case 607:
      return `${number} declined the call`;
    default:
      return reason === "" ? "The call failed" : `The call failed: ${reason}`;
  }
}

/** An incoming call that ended before it was answered: taken on another device of the same user, or missed? */
export function cancelledText(cancelReason: string | undefined, caller: string): { outcome: "elsewhere" | "missed"; text: string } {
  if (cancelReason === undefined) {
    // A switch that says nothing cancels a losing fork so; a caller who gives up mostly comes with a reason.
    return { outcome: "elsewhere", text: `${caller} called; answered on another device, or given up` };
  }
  return /NORMAL_CLEARING|LOSE_RACE|completed elsewhere|cause=200\b/i.test(cancelReason)
    ? { outcome: "elsewhere", text: `${caller} called; answered on another device` }
    : { outcome: "missed", text: `Missed call from ${caller}` };
}

/** Why a call has no sound in either direction. */
export function mediaProblem(hadSound: boolean): Problem {
  return hadSound
    ? { code: "media-failed", title: "The sound of this call broke off", advice: "The server's media port no longer answers: the network is gone, or the server was started anew. Hang up and call again." }
    : {
        code: "media-failed",
        title: "The call is up, but sound cannot get through",
        advice: "The browser could not reach the server's media port (UDP and TCP). A firewall may block it, or the server announces an address that is not reachable from here (ext_rtp_ip).",
      };
}

export const playbackBlocked: Problem = {
  code: "playback-blocked",
  title: "The browser holds back the sound",
  advice: "Click anywhere in this page to hear the call.",
};
