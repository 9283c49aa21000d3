// What the phone shows, in one plain object: the view draws it and nothing else decides what is on the screen.

import type { Problem } from "./diagnosis.js";

export type Registration = "offline" | "connecting" | "registering" | "registered" | "retrying";

export type CallPhase = "dialing" | "ringing" | "incoming" | "active";

export interface CallState {
  direction: "outgoing" | "incoming";
  phase: CallPhase;
  number: string;
  name: string;
  held: boolean; // by us
  remoteHeld: boolean; // by the other side
  muted: boolean;
  mediaLost: boolean; // nothing comes from the server's media port any more
  busy: boolean; // a hold or resume request is under way
  answeredAt: number; // milliseconds, 0 before
  digits: string; // sent as DTMF in this call
}

/** How the last call ended. `code` is 0 when no SIP response ended it. */
export interface CallResult {
  number: string;
  name: string;
  direction: "outgoing" | "incoming";
  outcome: "ended" | "rejected" | "cancelled" | "missed" | "elsewhere" | "failed";
  code: number;
  reason: string;
  text: string;
  seconds: number;
}

export interface PhoneState {
  registration: Registration;
  user: string;
  server: string;
  retryAt: number; // milliseconds, 0 when no retry is due
  call: CallState | null;
  lastCall: CallResult | null;
  problem: Problem | null;
}

export function initialState(): PhoneState {
  return { registration: "offline", user: "", server: "", retryAt: 0, call: null, lastCall: null, problem: null };
}
