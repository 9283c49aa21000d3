// The screen: draws a PhoneState and reports what the person does. It keeps no state of its own beyond what is being typed.

import type { AudioDesk, Meter } from "./audio.js";
import { duration, isDigit } from "./format.js";
import type { Phone } from "./phone.js";
import type { Settings } from "./settings.js";
import type { CallResult, CallState, PhoneState } from "./state.js";

const keys: [digit: string, letters: string][] = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"],
  ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"],
  ["*", ""], ["0", "+"], ["#", ""],
];

const keyNames: Record<string, string> = { "*": "star", "#": "hash" };

/** After this long without any sound, the person is told that the microphone seems dead. */
const silenceSeconds = 5;

function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return found;
}

const button = (id: string) => element(id, HTMLButtonElement);
const input = (id: string) => element(id, HTMLInputElement);
const block = (id: string) => element(id, HTMLElement);

/** Writes only what changes: screen readers announce every write into a live region. */
function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export class View {
  private readonly phone: Phone;
  private readonly audio: AudioDesk;
  private meters: { microphone: Meter; remote: Meter } | undefined;
  private panel = "";
  private lastNumber = "";
  private quietSince = 0;

  constructor(phone: Phone, audio: AudioDesk, settings: Settings, signIn: (settings: Settings) => void) {
    this.phone = phone;
    this.audio = audio;
    input("user").value = settings.user;
    input("password").value = settings.password;
    input("server").value = settings.server;
    this.bindSignIn(signIn);
    this.bindDialer();
    this.bindCall();
    this.buildKeys(block("dial-keys"), (digit) => this.type(digit));
    this.buildKeys(block("call-keys"), (digit) => this.press(digit));
    document.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("pointerdown", () => void this.resumeSound());
    requestAnimationFrame(() => this.tick());
    window.setInterval(() => this.render(), 500); // timer and countdown, also in a tab in the background
  }

  render(): void {
    const { state } = this.phone;
    const { call } = state;
    const signedOut = state.registration === "offline";
    block("phone").dataset["registration"] = state.registration;
    setText(block("status-text"), shownStatus(state));
    setText(block("status-spoken"), statusText(state));
    setText(block("announcer"), announcement(state));
    button("sign-out").hidden = signedOut || call !== null;
    block("sign-in").hidden = !signedOut;
    block("dialer").hidden = signedOut || call !== null;
    block("call").hidden = call === null;
    button("dial").disabled = state.registration !== "registered";
    setText(block("result"), state.lastCall ? resultText(state.lastCall) : "");
    block("result").dataset["outcome"] = state.lastCall?.outcome ?? "";
    this.renderProblem(state);
    if (call !== null) this.renderCall(call);
    this.attachMeters(call);
    document.title = call?.phase === "incoming" ? `☎ ${call.name || call.number} is calling` : "Talkpath";
    this.moveFocus(signedOut ? "sign-in" : call === null ? "dialer" : call.phase);
  }

  private renderProblem({ problem, registration }: PhoneState): void {
    block("problem").hidden = problem === null;
    block("problem").dataset["code"] = problem?.code ?? "";
    setText(block("problem-title"), problem?.title ?? "");
    setText(block("problem-advice"), problem?.advice ?? "");
    const link = element("problem-link", HTMLAnchorElement);
    link.hidden = problem?.link === undefined;
    if (problem?.link !== undefined) {
      link.href = problem.link.href;
      setText(link, problem.link.text);
    }
    button("problem-retry").hidden = registration !== "retrying" && !problem?.code.startsWith("microphone");
  }

  private renderCall(call: CallState): void {
    const active = call.phase === "active";
    block("call").dataset["phase"] = call.phase;
    setText(block("phase"), phaseText(call));
    setText(block("peer"), call.name || call.number);
    setText(block("peer-number"), call.name === "" ? "" : call.number);
    setText(block("timer"), active ? duration((Date.now() - call.answeredAt) / 1000) : "");
    block("meters").hidden = block("tools").hidden = !active;
    button("answer").hidden = call.phase !== "incoming";
    setText(button("hangup"), call.phase === "incoming" ? "Decline" : active ? "Hang up" : "Cancel");
    button("mute").setAttribute("aria-pressed", String(call.muted));
    button("hold").setAttribute("aria-pressed", String(call.held));
    button("hold").disabled = call.busy;
    setText(block("digits"), call.digits);
    if (!active) this.showKeypad(false);
  }

  private bindSignIn(signIn: (settings: Settings) => void): void {
    element("sign-in", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.audio.wake().catch(() => undefined);
      signIn({ user: input("user").value.trim(), password: input("password").value, server: input("server").value });
    });
    button("sign-out").addEventListener("click", () => void this.phone.signOut());
    button("problem-close").addEventListener("click", () => this.phone.dismissProblem());
    button("problem-retry").addEventListener("click", () => this.phone.tryAgain());
  }

  private bindDialer(): void {
    element("dial-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const number = input("number");
      if (number.value.trim() === "") {
        number.value = this.lastNumber; // An empty field recalls the last number, as on a desk phone.
        return;
      }
      this.lastNumber = number.value;
      void this.phone.dial(number.value).then(() => {
        if (this.phone.call !== undefined) number.value = "";
      });
    });
    button("erase").addEventListener("click", () => {
      input("number").value = input("number").value.slice(0, -1);
      input("number").focus();
    });
  }

  private bindCall(): void {
    button("answer").addEventListener("click", () => void this.phone.answer());
    button("hangup").addEventListener("click", () => void this.phone.call?.hangup());
    button("mute").addEventListener("click", () => this.phone.call?.setMuted(!this.phone.call.state.muted));
    button("hold").addEventListener("click", () => void this.phone.call?.setHeld(!this.phone.call.state.held));
    button("keypad-toggle").addEventListener("click", () => this.showKeypad(block("call-keypad").hidden));
  }

  private buildKeys(parent: HTMLElement, press: (digit: string) => void): void {
    for (const [digit, letters] of keys) {
      const key = document.createElement("button");
      key.type = "button";
      key.className = "key";
      key.dataset["digit"] = digit;
      key.setAttribute("aria-label", keyNames[digit] ?? digit);
      key.append(digit);
      const small = document.createElement("small");
      small.textContent = letters;
      key.append(small);
      key.addEventListener("click", () => press(digit));
      parent.append(key);
    }
  }

  private type(digit: string): void {
    this.audio.key(digit);
    input("number").value += digit;
  }

  private press(digit: string): void {
    this.audio.key(digit);
    void this.phone.call?.sendDigit(digit);
  }

  private showKeypad(show: boolean): void {
    block("call-keypad").hidden = !show;
    button("keypad-toggle").setAttribute("aria-expanded", String(show));
  }

  /** Escape hangs up from anywhere; digits go where they belong unless a field has the focus. Enter is left to the focused button. */
  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const { call } = this.phone;
    if (event.key === "Escape" && call !== undefined) {
      event.preventDefault();
      void call.hangup();
      return;
    }
    if (event.target instanceof HTMLInputElement || !isDigit(event.key)) return;
    if (call?.state.phase === "active") this.press(event.key);
    else if (call === undefined && !block("dialer").hidden) {
      this.type(event.key);
      input("number").focus();
    }
  }

  /** When the panel changes, the focus goes to what is wanted next; the button that had it is gone. */
  private moveFocus(panel: string): void {
    if (panel === this.panel) return;
    const first = this.panel === "";
    this.panel = panel;
    if (panel === "sign-in") (input("user").value === "" ? input("user") : input("password")).focus({ preventScroll: first });
    if (panel === "dialer") input("number").focus();
    if (panel === "incoming") button("answer").focus();
    if (panel === "dialing" || panel === "active") button("hangup").focus();
  }

  private attachMeters(call: CallState | null): void {
    const wanted = call?.phase === "active";
    if (!wanted && this.meters !== undefined) {
      this.meters.microphone.close();
      this.meters.remote.close();
      this.meters = undefined;
    }
    const { localStream, remoteStream } = this.phone.call ?? {};
    if (wanted && this.meters === undefined && localStream?.getAudioTracks().length && remoteStream?.getAudioTracks().length) {
      this.meters = { microphone: this.audio.meter(localStream), remote: this.audio.meter(remoteStream) };
      this.quietSince = Date.now();
    }
  }

  private tick(): void {
    const microphone = this.meters?.microphone.level() ?? 0;
    this.drawMeter("mic-meter", microphone);
    this.drawMeter("remote-meter", this.meters?.remote.level() ?? 0);
    const call = this.phone.state.call;
    if (microphone > 0 || call?.muted || call?.held || this.meters === undefined) this.quietSince = Date.now();
    const silent = Date.now() - this.quietSince > silenceSeconds * 1000;
    setText(block("silent"), silent ? "Your microphone gives no sound at all. Is it switched off at the headset, or is another input chosen?" : "");
    requestAnimationFrame(() => this.tick());
  }

  private drawMeter(id: string, level: number): void {
    const meter = block(id);
    const bar = meter.firstElementChild;
    if (bar instanceof HTMLElement) bar.style.transform = `scaleX(${level.toFixed(3)})`;
    meter.setAttribute("aria-valuenow", String(Math.round(level * 10) * 10));
  }

  private async resumeSound(): Promise<void> {
    try {
      await this.audio.wake();
      if (this.phone.state.problem?.code === "playback-blocked") this.phone.dismissProblem();
    } catch {
      // The next click may do.
    }
  }
}

function statusText({ registration, user, server }: PhoneState): string {
  switch (registration) {
    case "offline":
      return "Not connected";
    case "connecting":
      return `Connecting to ${new URL(server).host}…`;
    case "registering":
      return `Signing in as ${user}…`;
    case "registered":
      return `Ready as ${user}`;
    case "retrying":
      return "No connection";
  }
}

/** What is on the screen: with the countdown, which would be a chatter to hear. */
function shownStatus(state: PhoneState): string {
  const left = Math.ceil((state.retryAt - Date.now()) / 1000);
  return state.registration === "retrying" && left > 0 ? `Next try in ${left} s` : statusText(state);
}

/** What a screen reader says of calls. It has a region of its own because one inside a panel that appears together with its text stays unheard. */
function announcement({ call, lastCall }: PhoneState): string {
  if (call !== null) return `${phaseText(call)}: ${call.name || call.number}`;
  return lastCall ? resultText(lastCall) : "";
}

function phaseText(call: CallState): string {
  switch (call.phase) {
    case "dialing":
      return "Calling…";
    case "ringing":
      return "Ringing…";
    case "incoming":
      return "Incoming call";
    case "active":
      return call.mediaLost ? "The sound is interrupted" : call.held ? "On hold" : call.remoteHeld ? "The other side put you on hold" : call.muted ? "In call, muted" : "In call";
  }
}

function resultText(result: CallResult): string {
  const answer = result.outcome === "rejected" && result.code > 0 ? ` (${result.code} ${result.reason})` : "";
  const time = result.seconds > 0 ? ` after ${duration(result.seconds)}` : "";
  const detail = result.outcome === "failed" && result.reason !== "" ? `: ${result.reason}` : "";
  return result.text + detail + answer + time;
}
