import "./style.css";
import { AudioDesk } from "./audio.js";
import { Phone } from "./phone.js";
import { defaultServer, fromFragment, recallUser, rememberUser, type Settings, withoutPassword } from "./settings.js";
import type { PhoneState } from "./state.js";
import { View } from "./view.js";

declare global {
  interface Window {
    /** Read-only view of the phone for tests and for people with the developer tools open. */
    talkpath: {
      readonly state: PhoneState;
      readonly peerConnection: RTCPeerConnection | undefined;
      readonly localStream: MediaStream | undefined;
      readonly remoteStream: MediaStream | undefined;
    };
  }
}

const speaker = document.getElementById("speaker") as HTMLAudioElement;
const storage = (() => {
  try {
    return window.localStorage;
  } catch {
    return undefined; // Blocked by the browser's settings.
  }
})();

const given = fromFragment(location.hash);
if (given.password !== "") history.replaceState(null, "", location.pathname + location.search + withoutPassword(location.hash));

const audio = new AudioDesk(speaker);
const phone = new Phone(audio, () => view.render());
const signIn = (settings: Settings) => {
  rememberUser(storage, settings.user);
  void phone.signIn(settings);
};
const settings = { user: given.user || recallUser(storage), password: given.password, server: defaultServer(location) };
const view: View = new View(phone, audio, settings, signIn);

window.talkpath = Object.freeze({
  get state() {
    return structuredClone(phone.state);
  },
  get peerConnection() {
    return phone.call?.peerConnection;
  },
  get localStream() {
    return phone.call?.localStream;
  },
  get remoteStream() {
    return phone.call?.remoteStream;
  },
});

view.render();
if (given.user !== "" && given.password !== "") signIn(settings);

// Tell the switch when the page goes, rather than let it find out; the socket's end would do as well, a little later.
window.addEventListener("pagehide", () => void phone.signOut());
