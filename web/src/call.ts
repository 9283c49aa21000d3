// One call: a SIP.js session, its media, and what the screen shows of it. A Call is used once and then forgotten.

import { type Invitation, Inviter, type Session, SessionState, TransportState, Web } from "sip.js";
import { cancelledText, microphoneProblem, type Problem, reasonText, rejectionText } from "./diagnosis.js";
import { dtmfRelay, isDigit } from "./format.js";
import type { CallResult, CallState } from "./state.js";

/** What a call tells its phone. */
export interface CallListener {
  onChange(): void;
  onMedia(local: MediaStream, remote: MediaStream): void;
  onMediaFailed(hadSound: boolean): void;
  onProblem(problem: Problem): void;
  onEnd(result: CallResult): void;
}

type Outcome = Pick<CallResult, "outcome" | "code" | "reason" | "text">;

export class Call {
  readonly state: CallState;
  private readonly session: Session;
  private readonly listener: CallListener;
  private ended = false;
  private outcome: Outcome | undefined; // set by whatever ends the call first
  private watched: RTCPeerConnection | undefined;
  private hadSound = false;

  private constructor(session: Session, direction: CallState["direction"], number: string, name: string, listener: CallListener) {
    this.session = session;
    this.listener = listener;
    this.state = {
      direction,
      phase: direction === "outgoing" ? "dialing" : "incoming",
      number,
      name,
      held: false,
      remoteHeld: false,
      muted: false,
      mediaLost: false,
      busy: false,
      answeredAt: 0,
      digits: "",
    };
    session.stateChange.addListener((state) => this.onState(state));
    session.delegate = {
      onBye: (bye) => {
        void bye.accept().catch(() => undefined);
        this.settle({ outcome: "ended", code: 0, reason: reasonText(bye.request.getHeader("Reason")), text: "Call ended by the other side" });
      },
      onCancel: (cancel) => {
        const reason = cancel.request.getHeader("Reason");
        this.settle({ code: 0, reason: reasonText(reason), ...cancelledText(reason, this.label) });
      },
      onSessionDescriptionHandler: () => this.watchMedia(),
    };
  }

  /** Calls out. The call exists at once; the microphone and the network come after. */
  static outgoing(inviter: Inviter, number: string, listener: CallListener): Call {
    const call = new Call(inviter, "outgoing", number, "", listener);
    const sent = inviter.invite({
      requestDelegate: {
        onProgress: (response) => {
          if (response.message.statusCode !== 100 && call.state.phase === "dialing") {
            call.state.phase = "ringing";
            listener.onChange();
          }
        },
        onReject: ({ message }) => {
          const status = message.statusCode ?? 0;
          const phrase = message.reasonPhrase ?? "";
          const cause = reasonText(message.getHeader("Reason"));
          call.settle({ outcome: status === 487 ? "cancelled" : "rejected", code: status, reason: phrase, text: rejectionText(status, phrase, cause, number) });
        },
      },
    });
    sent.catch((error: unknown) => call.fail(error));
    return call;
  }

  static incoming(invitation: Invitation, listener: CallListener): Call {
    const from = invitation.remoteIdentity;
    const number = decodeURIComponent(from.uri.user ?? "") || "unknown";
    return new Call(invitation, "incoming", number, from.displayName === number ? "" : from.displayName, listener);
  }

  /** The name or number to show and to say. */
  get label(): string {
    return this.state.name || this.state.number;
  }

  get peerConnection(): RTCPeerConnection | undefined {
    return this.handler?.peerConnection;
  }

  get localStream(): MediaStream | undefined {
    return this.handler?.localMediaStream;
  }

  get remoteStream(): MediaStream | undefined {
    return this.handler?.remoteMediaStream;
  }

  async answer(): Promise<void> {
    if (this.session instanceof Inviter || this.session.state !== SessionState.Initial) return;
    try {
      await (this.session as Invitation).accept();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Hangs up, cancels or declines: whatever ends the call in the state it is in. */
  async hangup(): Promise<void> {
    const { session } = this;
    try {
      switch (session.state) {
        case SessionState.Initial:
        case SessionState.Establishing:
          if (session instanceof Inviter) {
            this.settle({ outcome: "cancelled", code: 0, reason: "", text: "Call cancelled" });
            await session.cancel();
          } else {
            this.settle({ outcome: "cancelled", code: 603, reason: "Decline", text: `You declined ${this.label}` });
            await (session as Invitation).reject({ statusCode: 603, reasonPhrase: "Decline" });
          }
          break;
        case SessionState.Established:
          this.settle({ outcome: "ended", code: 0, reason: "", text: "Call ended" });
          if (session.userAgent.isConnected()) await session.bye();
          else this.sayByeOnReconnect();
          break;
        default:
          break; // It is ending already.
      }
    } catch {
      // The connection is gone, so nobody can be told; the other side's switch finds out by itself.
    }
    this.finish();
  }

  /** Ends a call whose server is gone, signalling and sound alike. */
  async abandon(): Promise<void> {
    this.settle({ outcome: "failed", code: 0, reason: "", text: "The server is not reachable: the call broke off" });
    await this.hangup();
  }

  /** Without a connection the other side cannot be told yet; it would stay in a silent call. */
  private sayByeOnReconnect(): void {
    const { stateChange } = this.session.userAgent.transport;
    const say = (state: TransportState) => {
      if (state !== TransportState.Connected) return;
      stateChange.removeListener(say);
      this.session.bye().catch(() => undefined);
    };
    stateChange.addListener(say);
  }

  /** Mute is local: the microphone's track is switched off, the other side gets silence. */
  setMuted(muted: boolean): void {
    this.state.muted = muted;
    this.applyTracks();
    this.listener.onChange();
  }

  /** Hold is a re-INVITE with a=sendonly, RFC 3264 §8.4. */
  async setHeld(held: boolean): Promise<void> {
    if (this.session.state !== SessionState.Established || this.state.busy || this.state.held === held) return;
    this.state.busy = true;
    this.listener.onChange();
    // SIP.js also uses these for its answers to re-INVITEs from the other side, so a held call stays held.
    this.session.sessionDescriptionHandlerOptionsReInvite = { hold: held } as object;
    const refused = (detail: string) => {
      this.session.sessionDescriptionHandlerOptionsReInvite = { hold: this.state.held } as object;
      this.listener.onProblem({ code: "hold-refused", title: held ? "The call could not be put on hold" : "The call could not be resumed", advice: detail });
    };
    try {
      await new Promise<void>((resolve, reject) => {
        this.session
          .invite({
            requestDelegate: {
              onAccept: () => {
                this.state.held = held;
                resolve();
              },
              onReject: ({ message }) => {
                refused(`The server said: ${message.statusCode ?? 0} ${message.reasonPhrase ?? ""}.`);
                resolve();
              },
            },
          })
          .catch(reject);
      });
    } catch (error) {
      refused(error instanceof Error ? error.message : String(error));
    }
    this.state.busy = false;
    this.applyTracks();
    this.listener.onChange();
  }

  /** A key press as INFO application/dtmf-relay: the way Rocket.Chat's client sends it. */
  async sendDigit(digit: string): Promise<void> {
    if (!isDigit(digit) || this.session.state !== SessionState.Established) return;
    this.state.digits = (this.state.digits + digit).slice(-32);
    this.listener.onChange();
    const failed = (detail: string) => this.listener.onProblem({ code: "dtmf-refused", title: `The key ${digit} was not delivered`, advice: detail });
    try {
      await this.session.info({
        requestDelegate: { onReject: ({ message }) => failed(`The server said: ${message.statusCode ?? 0} ${message.reasonPhrase ?? ""}.`) },
        requestOptions: { body: { contentDisposition: "render", contentType: "application/dtmf-relay", content: dtmfRelay(digit) } },
      });
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
  }

  private get handler(): Web.SessionDescriptionHandler | undefined {
    const handler = this.session.sessionDescriptionHandler;
    return handler instanceof Web.SessionDescriptionHandler ? handler : undefined;
  }

  private onState(state: SessionState): void {
    if (state === SessionState.Established) {
      this.state.phase = "active";
      this.state.answeredAt = Date.now();
      this.watchMedia();
      this.applyTracks();
      if (this.localStream && this.remoteStream) this.listener.onMedia(this.localStream, this.remoteStream);
      this.listener.onChange();
    }
    // SIP.js changes state first and tells its delegates and rejects its promises afterwards: the reason comes within this turn.
    if (state === SessionState.Terminated) window.setTimeout(() => this.finish());
  }

  private watchMedia(): void {
    const connection = this.peerConnection;
    if (connection === undefined || connection === this.watched) return;
    this.watched = connection;
    connection.addEventListener("connectionstatechange", () => {
      const { connectionState } = connection;
      this.hadSound ||= connectionState === "connected";
      this.state.mediaLost = connectionState === "disconnected" || connectionState === "failed";
      if (connectionState === "failed" && !this.ended) this.listener.onMediaFailed(this.hadSound);
      this.listener.onChange();
    });
    connection.addEventListener("signalingstatechange", () => {
      if (connection.signalingState === "stable") this.readDirection(connection);
    });
  }

  /** The other side holds when it does not want to hear us although we do not hold. */
  private readDirection(connection: RTCPeerConnection): void {
    const direction = connection.getTransceivers()[0]?.currentDirection;
    const remoteHeld = direction === "inactive" || direction === "recvonly";
    if (this.state.phase !== "active" || remoteHeld === this.state.remoteHeld) return;
    this.state.remoteHeld = remoteHeld;
    this.listener.onChange();
  }

  private applyTracks(): void {
    this.handler?.enableSenderTracks(!this.state.muted && !this.state.held);
    this.handler?.enableReceiverTracks(!this.state.held);
  }

  private fail(error: unknown): void {
    const name = error instanceof Error ? error.name : "";
    const ofMicrophone = error instanceof DOMException || error instanceof TypeError;
    if (ofMicrophone && this.session.state !== SessionState.Established) this.listener.onProblem(microphoneProblem(name, window.isSecureContext));
    this.settle({ outcome: "failed", code: 0, reason: error instanceof Error ? error.message : String(error), text: "The call failed" });
    if (this.session.state !== SessionState.Terminated) {
      const leave = this.session instanceof Inviter ? this.session.cancel() : (this.session as Invitation).reject({ statusCode: 480 });
      leave.catch(() => undefined);
    }
    this.finish();
  }

  private settle(outcome: Outcome): void {
    this.outcome ??= outcome;
  }

  private finish(): void {
    if (this.ended) return;
    this.ended = true;
    // SIP.js stops these when it disposes of the session, which waits for the far side; the microphone's lamp should go out now.
    this.localStream?.getTracks().forEach((track) => track.stop());
    const outcome = this.outcome ?? { outcome: "ended" as const, code: 0, reason: "", text: "Call ended" };
    const { number, name, direction, answeredAt } = this.state;
    this.listener.onEnd({ number, name, direction, seconds: answeredAt === 0 ? 0 : Math.round((Date.now() - answeredAt) / 1000), ...outcome });
  }
}
