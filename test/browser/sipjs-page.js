// Runs in the browser: what Rocket.Chat 7.x's client does with SIP.js 0.20.1, with its options and its order of things. It is a stand-in for
// tests, not a phone: no buttons, and window.talkpath is how a test drives it. The address of the page says user, password and server.

import { Invitation, Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";

const audioOnly = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } };

/** The texts of a CANCEL's Reason that say nothing went wrong. */
const naturalEnds = ["ORIGINATOR_CANCEL", "NO_ANSWER", "NORMAL_CLEARING", "USER_BUSY", "NO_USER_RESPONSE", "NORMAL_UNSPECIFIED"];

class Client {
  #agent;
  #registerer;
  #host;
  #returning = false;
  #session;
  #consultation; // a second call, which Rocket.Chat's client does not make
  #muted = false;
  #held = false;
  #contact = null;
  #ended = [];
  #errors = []; // what the user would be shown as an error

  constructor({ user, password, server }) {
    this.#host = new URL(server).host;
    this.#agent = new UserAgent({
      authorizationUsername: user,
      authorizationPassword: password,
      uri: UserAgent.makeURI(`sip:${user}@${this.#host}`),
      transportOptions: { server, connectionTimeout: 100, keepAliveInterval: 20 },
      sessionDescriptionHandlerFactoryOptions: {
        iceGatheringTimeout: 10,
        // A server that never answers, so that gathering is cut short as in the field.
        peerConnectionConfiguration: { iceServers: [{ urls: "stun:127.0.0.1:9" }] },
      },
      logConfiguration: false,
      logLevel: "error",
      delegate: { onInvite: (invitation) => this.#called(invitation), onMessage: (message) => this.#told(message) },
    });
    this.#registerer = new Registerer(this.#agent);
    this.#agent.transport.onConnect = () => this.#connected();
    this.#agent.transport.onDisconnect = (error) => this.#disconnected(error);
  }

  async start() {
    await this.#agent.start();
    await this.register();
  }

  register() {
    return this.#registerer.register({ requestDelegate: { onReject: ({ message }) => this.#fails(`${message.statusCode} ${message.reasonPhrase}`) } });
  }

  /** Voice calls are switched off: Contact: * */
  unregister() {
    return this.#registerer.unregister({ all: true });
  }

  get state() {
    const session = this.#session;
    return {
      registered: this.#registerer.state === RegistererState.Registered,
      connected: this.#agent.transport.isConnected(),
      call: session
        ? { state: session.state, incoming: session instanceof Invitation, muted: this.#muted, held: this.#held, contact: this.#contact, referredBy: this.#referredBy() }
        : null,
      consultation: this.#consultation?.state ?? null,
      ended: this.#ended,
      errors: this.#errors,
    };
  }

  get remoteStream() {
    return this.#session?.sessionDescriptionHandler?.remoteMediaStream;
  }

  call(number) {
    const inviter = new Inviter(this.#agent, this.#uri(number), audioOnly);
    this.#begin(inviter);
    return inviter.invite({ requestDelegate: { onReject: (response) => this.#refused(response) } }).then(() => undefined);
  }

  answer() {
    return this.#session.accept(audioOnly);
  }

  reject() {
    return this.#session.reject();
  }

  end() {
    const session = this.#session;
    if (session.state === SessionState.Established) return session.bye().then(() => undefined);
    return session instanceof Inviter ? session.cancel() : session.reject();
  }

  /** A re-INVITE that changes nothing; the tracks are switched when it was accepted. */
  mute(on) {
    return this.#renegotiate((session) => session, () => {
      this.#muted = on;
      this.#enable(!on);
    });
  }

  hold(on) {
    return this.#renegotiate((session) => {
      session.sessionDescriptionHandlerOptionsReInvite = { ...session.sessionDescriptionHandlerOptionsReInvite, hold: on };
    }, () => {
      this.#held = on;
      this.#enable(!on);
    });
  }

  /** Returns the status of the answer. */
  press(key) {
    const body = { contentDisposition: "render", contentType: "application/dtmf-relay", content: `Signal=${key}\r\nDuration=2000` };
    return new Promise((resolve, reject) => {
      const done = ({ message }) => resolve(message.statusCode);
      this.#session.info({ requestOptions: { body }, requestDelegate: { onAccept: done, onReject: done } }).catch(reject);
    });
  }

  /** Blind transfer. Whoever the call goes on with is told by a MESSAGE who the target is. Returns the status of the answer. */
  transfer(number) {
    const target = this.#uri(number);
    const session = this.#session;
    return this.#refer(session, target, () => {
      session.message({
        requestOptions: {
          extraHeaders: ["X-Message-Type: contactUpdate"],
          body: { contentDisposition: "render", contentType: "application/json", content: JSON.stringify({ uri: target.toString() }) },
        },
      });
    });
  }

  /** Another call beside the first one. */
  consult(number) {
    this.#consultation = new Inviter(this.#agent, this.#uri(number), audioOnly);
    this.#consultation.stateChange.addListener((state) => {
      if (state === SessionState.Terminated) this.#ended.push("consultation");
    });
    return this.#consultation.invite().then(() => undefined);
  }

  /** Attended transfer: the other parties of the two calls are connected. */
  join() {
    return this.#refer(this.#session, this.#consultation, () => undefined);
  }

  #refer(session, target, accepted) {
    return new Promise((resolve, reject) => {
      const done = ({ message }) => resolve(message.statusCode);
      const onAccept = (response) => {
        accepted();
        done(response);
      };
      session.refer(target, { requestDelegate: { onAccept, onReject: done } }).catch(reject);
    });
  }

  #renegotiate(prepare, accepted) {
    const session = this.#session;
    prepare(session);
    return new Promise((resolve, reject) => {
      const onReject = ({ message }) => {
        this.#fails(`re-INVITE: ${message.statusCode}`);
        resolve(message.statusCode);
      };
      const onAccept = ({ message }) => {
        accepted();
        resolve(message.statusCode);
      };
      session.invite({ requestDelegate: { onAccept, onReject } }).catch(reject);
    });
  }

  #enable(on) {
    const { peerConnection } = this.#session.sessionDescriptionHandler;
    for (const each of [...peerConnection.getSenders(), ...peerConnection.getReceivers()]) if (each.track) each.track.enabled = on;
  }

  #uri(number) {
    return UserAgent.makeURI(`sip:${number.includes("+") ? "*" : ""}${number}@${this.#host}`);
  }

  #begin(session) {
    this.#session = session;
    const { remoteIdentity } = session;
    this.#contact = { id: remoteIdentity.uri.user ?? "", host: remoteIdentity.uri.host, name: remoteIdentity.displayName };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) this.#play(session.sessionDescriptionHandler.remoteMediaStream);
      if (this.#session !== session || (state !== SessionState.Terminating && state !== SessionState.Terminated)) return;
      this.#session = undefined;
      this.#muted = this.#held = false;
      this.#ended.push("call");
    });
  }

  /** As heard by a person: Chromium decodes only what is played. */
  #play(stream) {
    const audio = document.querySelector("audio");
    audio.srcObject = stream;
    audio.play();
  }

  #called(invitation) {
    if (!this.state.registered || this.#session) {
      invitation.reject();
      return;
    }
    this.#begin(invitation);
    invitation.delegate = { onCancel: (cancel) => this.#cancelled(invitation, cancel) };
  }

  /** What the user would be shown of a CANCEL's Reason. */
  #cancelled(invitation, { request }) {
    const texts = request.getHeaders("Reason").map((reason) => /text="(.+)"/.exec(reason)?.[1] ?? /cause=_?(\d+)/.exec(reason)?.[1] ?? reason);
    if (texts.some((text) => naturalEnds.includes(text))) return;
    const shown = texts.includes("USER_NOT_REGISTERED") ? "USER_NOT_REGISTERED" : invitation.state === SessionState.Initial ? texts[0] : undefined;
    if (shown) this.#fails(shown);
  }

  #refused({ message }) {
    if (message.reasonPhrase && message.statusCode !== 487) this.#fails(`${message.statusCode} ${message.reasonPhrase}`);
  }

  /** Without a word: Rocket.Chat's client answers no contactUpdate. */
  #told(message) {
    if (!message.request.hasHeader("X-Message-Type")) {
      message.reject();
      return;
    }
    const uri = UserAgent.makeURI(JSON.parse(message.request.body).uri);
    this.#contact = { id: uri.user, host: uri.host, name: uri.user };
  }

  #referredBy() {
    const header = this.#session instanceof Invitation ? this.#session.request.getHeader("Referred-By") : undefined;
    const uri = header && UserAgent.makeURI(header.slice(1, -1));
    return uri ? { id: uri.user, host: uri.host } : null;
  }

  #connected() {
    if (!this.#returning) return;
    this.#returning = false;
    this.register();
  }

  #disconnected(error) {
    if (this.state.registered) {
      this.#returning = true;
      this.unregister().catch(() => undefined);
    }
    if (error) this.#reconnect(0);
  }

  #reconnect(attempt) {
    setTimeout(() => this.#agent.reconnect().catch(() => this.#reconnect(attempt + 1)), 1000 * 2 ** (attempt % 4));
  }

  #fails(text) {
    this.#errors.push(text);
  }
}

window.talkpath = new Client(Object.fromEntries(new URLSearchParams(location.search)));
await window.talkpath.start();
