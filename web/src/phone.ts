// The phone: a connection, a registration, and at most one call. It changes its state and says so; it draws nothing.

import { type Invitation, Inviter, Registerer, UserAgent, Web } from "sip.js";
import { type AudioDesk, openMicrophone } from "./audio.js";
import { Call, type CallListener } from "./call.js";
import { type ConnectionFacts, connectionProblem, mediaProblem, microphoneProblem, playbackBlocked, type Problem, registrationProblem } from "./diagnosis.js";
import { cleanNumber, isDialable, sipUser } from "./format.js";
import { parseServer, type Settings } from "./settings.js";
import { initialState, type PhoneState } from "./state.js";

/** Seconds between attempts to connect again; the last one repeats for ever. */
const backoff = [1, 2, 4, 8, 15];

/** Candidates of this machine are known in milliseconds; the switch has a public address, so nothing else is needed. */
const iceGatheringTimeout = 1000;

export class Phone {
  readonly state: PhoneState = initialState();
  call: Call | undefined;

  private agent: UserAgent | undefined;
  private registerer: Registerer | undefined;
  private host = "";
  private wasConnected = false;
  private facts: ConnectionFacts | undefined; // of the last lost connection
  private attempts = 0;
  private retryTimer = 0;
  private readonly audio: AudioDesk;
  private readonly changed: () => void;

  constructor(audio: AudioDesk, changed: () => void) {
    this.audio = audio;
    this.changed = changed;
    window.addEventListener("online", () => this.retryNow());
  }

  async signIn(settings: Settings): Promise<void> {
    await this.signOut();
    const server = parseServer(settings.server);
    const uri = server && UserAgent.makeURI(`sip:${sipUser(settings.user)}@${server.host}`);
    if (server === undefined || uri === undefined) {
      return this.fail({ code: "bad-address", title: "This is no usable address", advice: "The server address looks like wss://pbx.example.com:7443/ and the user like 1000." });
    }
    this.host = server.host;
    Object.assign(this.state, { registration: "connecting", user: settings.user, server: server.href, problem: null, lastCall: null });
    this.changed();
    void this.checkMicrophone();

    const agent = new UserAgent({
      uri,
      authorizationUsername: settings.user,
      authorizationPassword: settings.password,
      transportOptions: { server: server.href, connectionTimeout: 15, keepAliveInterval: 20 },
      userAgentString: "Talkpath web phone",
      noAnswerTimeout: 180, // the switch decides how long it rings
      logConfiguration: false,
      logLevel: "warn",
      sessionDescriptionHandlerFactory: Web.defaultSessionDescriptionHandlerFactory(() => openMicrophone()),
      sessionDescriptionHandlerFactoryOptions: { iceGatheringTimeout, peerConnectionConfiguration: { iceServers: [], bundlePolicy: "max-bundle" } },
      delegate: {
        onDisconnect: (error) => {
          if (error !== undefined && this.agent === agent) void this.connectionLost();
        },
        onInvite: (invitation) => this.onInvite(invitation),
      },
    });
    this.agent = agent;
    this.registerer = new Registerer(agent, { expires: 600 });
    this.wasConnected = false;
    this.attempts = 0;
    await this.connect(() => agent.start());
  }

  async signOut(): Promise<void> {
    window.clearTimeout(this.retryTimer);
    const { agent, registerer } = this;
    this.agent = this.registerer = undefined;
    await this.call?.hangup();
    if (agent !== undefined) {
      if (this.state.registration === "registered") await registerer?.unregister().catch(() => undefined);
      await agent.stop().catch(() => undefined);
    }
    Object.assign(this.state, { registration: "offline", retryAt: 0 });
    this.changed();
  }

  async dial(typed: string): Promise<void> {
    const number = cleanNumber(typed);
    if (this.call !== undefined) return;
    if (this.agent === undefined || this.state.registration !== "registered") {
      return this.fail({ code: "not-registered", title: "Not signed in", advice: "Calls need a connection to the server." });
    }
    const target = isDialable(number) ? UserAgent.makeURI(`sip:${sipUser(number)}@${this.host}`) : undefined;
    if (target === undefined) {
      return this.fail({ code: "bad-number", title: `“${typed.trim()}” cannot be dialled`, advice: "A number has digits, *, # and a leading +." });
    }
    Object.assign(this.state, { lastCall: null, problem: null });
    void this.audio.wake().catch(() => undefined);
    this.begin((listener) => Call.outgoing(new Inviter(this.agent as UserAgent, target), number, listener));
  }

  async answer(): Promise<void> {
    this.audio.play(null);
    void this.audio.wake().catch(() => undefined);
    await this.call?.answer();
  }

  dismissProblem(): void {
    this.state.problem = null;
    this.changed();
  }

  /** Asks again for what the problem on the screen is about: the connection, or the microphone. */
  tryAgain(): void {
    if (this.state.registration === "retrying") this.retryNow();
    else if (this.state.problem?.code.startsWith("microphone")) void this.checkMicrophone();
  }

  /** Connects again at once when it is waiting to. */
  private retryNow(): void {
    if (this.state.registration !== "retrying" || this.agent === undefined) return;
    window.clearTimeout(this.retryTimer);
    const agent = this.agent;
    Object.assign(this.state, { registration: "connecting", retryAt: 0 });
    this.changed();
    void this.connect(() => agent.reconnect());
  }

  private async connect(open: () => Promise<void>): Promise<void> {
    const { agent } = this;
    try {
      await open();
    } catch {
      if (this.agent === agent) await this.connectionLost();
      return;
    }
    if (this.agent !== agent) return;
    this.wasConnected = true;
    this.attempts = 0;
    await this.register();
  }

  private async register(): Promise<void> {
    const { registerer } = this;
    this.state.registration = "registering";
    this.changed();
    try {
      await registerer?.register({
        requestDelegate: {
          onAccept: () => {
            if (this.registerer !== registerer) return;
            this.state.registration = "registered";
            if (!this.state.problem?.code.startsWith("microphone")) this.state.problem = null;
            this.changed();
          },
          onReject: ({ message }) => {
            if (this.registerer === registerer) void this.registrationRefused(message.statusCode ?? 0, message.reasonPhrase ?? "");
          },
        },
      });
    } catch {
      // An earlier REGISTER was still in flight when the connection went; SIP.js lets the next one out when that has timed out.
      if (this.registerer === registerer) this.retryLater();
    }
  }

  private async registrationRefused(status: number, reason: string): Promise<void> {
    const problem = registrationProblem(status, reason, this.state.user);
    if (problem.code === "no-answer" || problem.code === "server-busy") {
      this.fail(problem);
      return this.retryLater();
    }
    await this.signOut(); // Asking again with the same words gets the same answer.
    this.fail(problem);
  }

  private async connectionLost(): Promise<void> {
    const { agent } = this;
    const { server } = this.state;
    this.state.registration = "retrying";
    this.changed();
    if (this.call?.peerConnection?.connectionState === "failed") void this.call.abandon();
    const sameHost = new URL(server).host === location.host;
    this.facts = { server, page: location, wasConnected: this.wasConnected, pageReachable: sameHost ? await pageAnswers() : undefined, online: navigator.onLine, inCall: this.state.call?.phase === "active" };
    if (this.agent !== agent || this.state.registration !== "retrying") return;
    this.fail(connectionProblem(this.facts));
    this.retryLater();
  }

  private retryLater(): void {
    window.clearTimeout(this.retryTimer);
    const seconds = backoff[Math.min(this.attempts++, backoff.length - 1)] ?? 15;
    Object.assign(this.state, { registration: "retrying", retryAt: Date.now() + seconds * 1000 });
    this.changed();
    this.retryTimer = window.setTimeout(() => this.retryNow(), seconds * 1000);
  }

  private onInvite(invitation: Invitation): void {
    if (this.call !== undefined) {
      invitation.reject({ statusCode: 486, reasonPhrase: "Busy Here" }).catch(() => undefined);
      return;
    }
    this.state.lastCall = null;
    this.begin((listener) => Call.incoming(invitation, listener));
  }

  private begin(create: (listener: CallListener) => Call): void {
    const call = create({
      onChange: () => this.callChanged(),
      onMedia: (_, remote) => {
        this.audio.listen(remote).catch(() => this.fail(playbackBlocked));
      },
      onMediaFailed: (hadSound) => {
        if (this.state.registration === "registered") this.fail(mediaProblem(hadSound));
        else void this.call?.abandon();
      },
      onProblem: (problem) => this.fail(problem),
      onEnd: (result) => {
        this.call = undefined;
        this.state.call = null;
        this.state.lastCall = result;
        if (this.state.problem?.code === "connection-lost" && this.facts) this.state.problem = connectionProblem({ ...this.facts, inCall: false });
        if (this.state.problem?.code === "media-failed" || this.state.problem?.code === "playback-blocked") this.state.problem = null;
        this.audio.play(null);
        this.audio.silence();
        if (result.outcome === "rejected" || result.outcome === "failed") this.audio.refused();
        this.changed();
      },
    });
    this.call = call;
    this.state.call = call.state;
    this.callChanged();
  }

  private callChanged(): void {
    this.audio.play(this.state.call?.phase ?? null);
    this.changed();
  }

  /** Asks for the microphone before the first call needs it, so that a call never starts with a question. */
  private async checkMicrophone(): Promise<void> {
    try {
      const stream = await openMicrophone();
      stream.getTracks().forEach((track) => track.stop());
      if (this.state.problem?.code.startsWith("microphone")) this.dismissProblem();
    } catch (error) {
      this.fail(microphoneProblem(error instanceof Error ? error.name : String(error), window.isSecureContext));
    }
  }

  private fail(problem: Problem): void {
    this.state.problem = problem;
    this.changed();
  }
}

/** Whether the server that this page came from still answers. */
async function pageAnswers(): Promise<boolean> {
  try {
    await fetch(location.pathname, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(3000) });
    return true;
  } catch {
    return false;
  }
}
