// How Rocket.Chat 7.2–7.13 turns the event socket's channel events into its call history, rewritten from its behaviour as test code. Two generations:
// GenA computes a call from all events that share a call id, at each CHANNEL_DESTROY; GenB computes each channel from its own events.
// Both are strict on purpose where Rocket.Chat is: what would confuse it must show here.

const channelEvents = [
  "CHANNEL_CALLSTATE", "CHANNEL_STATE", "CHANNEL_CREATE", "CHANNEL_DESTROY", "CHANNEL_ANSWER", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE",
  "CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_OUTGOING", "CHANNEL_PARK", "CHANNEL_UNPARK", "CHANNEL_HOLD", "CHANNEL_UNHOLD",
  "CHANNEL_ORIGINATE", "CHANNEL_UUID",
];

/** What the command connections subscribe to: versions 7.0–7.7, then 7.8–7.13. */
export const commandSubscriptions = { A: ["CHANNEL_EXECUTE_COMPLETE", "BACKGROUND_JOB"], B: ["BACKGROUND_JOB"] };

/** What the event connection subscribes to, word for word. Generation A adds its names to those of its command connections. */
export const eventSubscriptions = {
  A: [...channelEvents],
  B: [...channelEvents, "CHANNEL_APPLICATION", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CALL_UPDATE"],
};

const subscribedInA = new Set([...commandSubscriptions.A, ...eventSubscriptions.A]);
const subscribedInB = new Set(eventSubscriptions.B);

const present = (value) => value !== undefined && value !== null && value !== "" && value !== "0";
const firstPresent = (event, names) => names.map((name) => event[name]).find(present);
const unique = (values) => [...new Set(values)];

/** The default of who has an extension in Rocket.Chat: the users of the built-in configuration. */
const isStockUser = (extension) => /^10[01]\d$/.test(extension);

// ---- Generation A ---------------------------------------------------------------------------------------------------------------------------

/** The type of an event in a generation A call record; equal types in a row count as one. */
function typeInA(event) {
  const name = event["Event-Name"];
  if (name === "CHANNEL_STATE") return (event["Channel-State"] ?? "OTHER_STATE").replace(/^CS_/, "");
  if (name === "CHANNEL_CALLSTATE") return event["Channel-Call-State"] ?? "OTHER_CALL_STATE";
  return name.replace(/^CHANNEL_/, "").replace(/_COMPLETE$/, "");
}

export class GenA {
  calls = new Map(); // by call id, as it was at the latest CHANNEL_DESTROY
  #events = new Map(); // by Unique-ID and sequence: the database's unique index
  #isUser;

  constructor(isUser = isStockUser) {
    this.#isUser = isUser;
  }

  /** Takes events in the order of arrival; others than channel events are ignored. */
  add(event) {
    const channel = event["Unique-ID"];
    if (!channel || !subscribedInA.has(event["Event-Name"])) return;
    const key = `${channel} ${event["Event-Sequence"]}`;
    if (this.#events.has(key)) return;
    const callId = firstPresent(event, ["Channel-Call-UUID", "variable_call_uuid"]);
    this.#events.set(key, { callId, event });
    if (event["Event-Name"] === "CHANNEL_DESTROY" && callId) this.calls.set(callId, this.#compute(callId));
  }

  #compute(callId) {
    const events = [...this.#events.values()]
      .filter((stored) => stored.callId === callId)
      .map((stored) => stored.event)
      .sort((a, b) => {
        const order = (a["Event-Sequence"] ?? "").localeCompare(b["Event-Sequence"] ?? ""); // strings, as Rocket.Chat compares them
        return order !== 0 ? order : Number(a["Event-Date-Timestamp"] ?? 0) - Number(b["Event-Date-Timestamp"] ?? 0);
      });
    const merged = events.filter((event, index) => index === 0 || typeInA(event) !== typeInA(events[index - 1]));
    const milliseconds = (event) => Number(event["Event-Date-Timestamp"]) / 1000;
    const answer = merged.find((event) => event["Event-Name"] === "CHANNEL_ANSWER");
    const complete = merged.find((event) => event["Event-Name"] === "CHANNEL_HANGUP_COMPLETE");
    const from = unique(events.map((event) => firstPresent(event, ["variable_sip_from_user", "Caller-Username", "Caller-Caller-ID-Number", "Caller-ANI"])).filter(present));
    const to = unique(events.map((event) => firstPresent(event, ["variable_dialed_extension", "variable_dialed_user"])).filter(present));
    const fromUsers = from.filter(this.#isUser);
    const toUsers = to.filter(this.#isUser);
    return {
      callId,
      channels: unique(events.map((event) => event["Unique-ID"])),
      startedAt: Math.min(...events.map(milliseconds).filter(Number.isFinite)),
      from: fromUsers,
      to: toUsers,
      direction: fromUsers.length && toUsers.length ? "internal" : fromUsers.length ? "external_outbound" : toUsers.length ? "external_inbound" : undefined,
      voicemail: events.some((event) => (event["Channel-Name"] ?? "").includes("voicemail")),
      types: merged.map(typeInA),
      answered: answer !== undefined,
      // Without an end Rocket.Chat counts until now; NaN here, so that no comparison can pass by luck.
      duration: answer === undefined ? 0 : complete === undefined ? NaN : milliseconds(complete) - milliseconds(answer),
      hangupCause: events.findLast((event) => event["Unique-ID"] === callId && present(event["Hangup-Cause"]))?.["Hangup-Cause"],
    };
  }

  /** Events that arrived after the last computation of their call and are not in it; CS_DESTROY is known to. */
  late(callId) {
    const stored = [...this.#events.values()].filter((entry) => entry.callId === callId).map((entry) => entry.event);
    const last = stored.findLastIndex((event) => event["Event-Name"] === "CHANNEL_DESTROY");
    return stored.slice(last + 1).filter((event) => event["Channel-State"] !== "CS_DESTROY");
  }
}

// ---- Generation B ---------------------------------------------------------------------------------------------------------------------------

/** The extension in a channel name: sofia/<profile>/<digits>@… or sofia/<profile>/<digits>-… */
function userOfChannelName(name = "") {
  if (!name.startsWith("sofia/") || !name.includes("@")) return undefined;
  return /^sofia\/\S+?\/(\d+)[@-]/.exec(name)?.[1];
}

function kindOfChannelName(name = "") {
  if (name.startsWith("sofia/internal/")) return "internal";
  if (name.startsWith("sofia/external/")) return "external";
  return name.startsWith("loopback/voicemail") ? "voicemail" : "unknown";
}

/** A caller or callee candidate as an extension, or undefined when it is none. */
function extensionOf(candidate) {
  if (!present(candidate)) return undefined;
  if (/^\d+$/.test(candidate)) return candidate;
  if (/^sofia\/(internal|external)\//.test(candidate)) return userOfChannelName(candidate);
  return /^(\d+)-/.exec(candidate)?.[1];
}

export function callIdInB(event) {
  const own = event["Unique-ID"];
  const callId = event["Channel-Call-UUID"];
  if (!present(callId)) return own;
  const otherIsOutbound = event["Other-Leg-Direction"] === "outbound" && event["Other-Leg-Logical-Direction"] !== undefined;
  const reportsItself = callId === own && event["Other-Type"] === "originator" && present(event["Other-Leg-Unique-ID"]) && event["Caller-Direction"] === "outbound";
  return reportsItself && !otherIsOutbound ? event["Other-Leg-Unique-ID"] : callId;
}

function legsOf(event) {
  const legs = [];
  for (const [prefix, type] of [["Caller-", "own"], ["Other-Leg-", event["Other-Type"]]]) {
    if (!present(event[`${prefix}Unique-ID`])) continue; // without its id a leg does not exist
    legs.push({
      type,
      uniqueId: event[`${prefix}Unique-ID`],
      username: event[`${prefix}Username`],
      callerNumber: event[`${prefix}Caller-ID-Number`],
      destination: event[`${prefix}Destination-Number`],
      channelName: event[`${prefix}Channel-Name`],
    });
  }
  return legs;
}

function partiesOf(event) {
  const legs = legsOf(event);
  const any = (field) => legs.map((leg) => leg[field]).find(present);
  const originator = legs.find((leg) => leg.type === "originator");
  const dialed = event["variable_dialed_extension"];
  if (event["Call-Direction"] === "outbound" && originator) {
    return { caller: originator.channelName, callee: dialed ?? originator.destination };
  }
  if (event["Call-Direction"] === "inbound") {
    return {
      caller: userOfChannelName(event["Channel-Name"]) ?? event["Caller-Username"] ?? any("username"),
      callee: dialed ?? event["Caller-Destination-Number"] ?? any("destination"),
    };
  }
  return { caller: any("callerNumber"), callee: dialed ?? any("destination") };
}

const profileTimes = [
  "Profile-Created-Time", "Channel-Created-Time", "Channel-Answered-Time", "Channel-Progress-Time", "Channel-Progress-Media-Time",
  "Channel-Hangup-Time", "Channel-Transfer-Time", "Channel-Resurrect-Time", "Channel-Bridged-Time", "Channel-Last-Hold",
];

/** The times of the channel's own leg by profile index, in microseconds. */
function profilesOf(events) {
  const profiles = new Map();
  for (const event of events) {
    if (!present(event["Caller-Unique-ID"])) continue;
    const index = Number(event["Caller-Profile-Index"] ?? "1");
    const profile = profiles.get(index) ?? {};
    for (const name of profileTimes) {
      if (present(event[`Caller-${name}`])) profile[name] = Number(event[`Caller-${name}`]);
    }
    profiles.set(index, profile);
  }
  for (const [index, profile] of profiles) {
    if (index <= 1) continue; // a later profile inherits the times of the one before it
    const created = profile["Profile-Created-Time"] ?? Infinity;
    for (const name of profileTimes) if (profile[name] < created) delete profile[name];
  }
  return [...profiles.entries()].sort(([a], [b]) => a - b).map(([, profile]) => profile);
}

function durationsOf(profiles) {
  const ends = profiles.map((profile, index) => profile["Channel-Hangup-Time"] ?? profiles[index + 1]?.["Profile-Created-Time"]);
  const bridged = profiles.map((profile, index) => (profile["Channel-Bridged-Time"] && ends[index] ? (ends[index] - profile["Channel-Bridged-Time"]) / 1000 : 0));
  const start =
    profiles.map((profile) => profile["Channel-Bridged-Time"]).find(Boolean) ??
    profiles.map((profile) => profile["Profile-Created-Time"]).find(Boolean) ??
    profiles.map((profile) => profile["Channel-Created-Time"]).find(Boolean);
  const end = ends.findLast(Boolean);
  return { bridged: bridged.reduce((sum, value) => sum + value, 0), total: start && end ? (end - start) / 1000 : 0 };
}

export class GenB {
  #events = new Map();

  add(event) {
    const sequence = Number(event["Event-Sequence"]);
    if (!event["Unique-ID"] || !Number.isInteger(sequence) || sequence === 0 || !subscribedInB.has(event["Event-Name"])) return;
    const key = `${event["Unique-ID"]} ${sequence}`;
    if (!this.#events.has(key)) this.#events.set(key, event);
  }

  /** The channels that were destroyed, in the order of their first event. */
  get channels() {
    const byChannel = Map.groupBy ? Map.groupBy(this.#events.values(), (event) => event["Unique-ID"]) : group(this.#events.values());
    return [...byChannel.values()].filter((events) => events.some((event) => event["Event-Name"] === "CHANNEL_DESTROY")).map(channelOf);
  }
}

function group(events) {
  const groups = new Map();
  for (const event of events) groups.set(event["Unique-ID"], [...(groups.get(event["Unique-ID"]) ?? []), event]);
  return groups;
}

function channelOf(unsorted) {
  const events = [...unsorted].sort((a, b) => Number(a["Event-Sequence"]) - Number(b["Event-Sequence"]));
  const own = events[0]["Unique-ID"];
  const profiles = profilesOf(events);
  const parties = events.map(partiesOf);
  const bridgedTo = unique(
    events.flatMap((event) => [event["Bridge-A-Unique-ID"], event["Bridge-B-Unique-ID"], event["Bridged-To"]]).filter((id) => present(id) && id !== own),
  );
  const media = profiles.length > 1 || profiles.some((profile) => profile["Channel-Progress-Media-Time"]);
  return {
    channel: own,
    callIds: unique(events.map(callIdInB)),
    name: events.findLast((event) => present(event["Channel-Name"]))?.["Channel-Name"],
    kind: kindOfChannelName(events[0]["Channel-Name"]),
    user: events.map((event) => userOfChannelName(event["Channel-Name"])).find(present),
    direction: events.findLast((event) => present(event["Call-Direction"]))?.["Call-Direction"],
    callers: unique(parties.map((party) => extensionOf(party.caller)).filter(present)),
    callees: unique(parties.map((party) => extensionOf(party.callee)).filter(present)),
    bridgedTo,
    media,
    answered: media || profiles.some((profile) => profile["Channel-Answered-Time"]),
    bridged: bridgedTo.length > 0 || profiles.some((profile) => profile["Channel-Bridged-Time"]),
    durations: durationsOf(profiles),
    profiles: profiles.length,
    hangupCause: events.findLast((event) => present(event["Hangup-Cause"]))?.["Hangup-Cause"],
    names: events.map((event) => event["Event-Name"]),
  };
}
