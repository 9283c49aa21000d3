// Real Chromium: any page whose handle is window.talkpath, and the web phone as a person uses it, by its labels and buttons. What is heard is judged by the spectrum of the received audio.

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
  "--allow-loopback-in-peer-connection", // media over 127.0.0.1
  "--disable-features=WebRtcHideLocalIpsWithMdns", // there is no mDNS responder in a container
  "--ignore-certificate-errors", // the certificate is made on first start
];

export async function launchBrowser() {
  const executablePath = candidates.find((candidate) => candidate && existsSync(candidate));
  if (!executablePath) throw new Error("no Chromium found: install Debian's package chromium, or set CHROMIUM to its path");
  return await chromium.launch({ executablePath, headless: true, args: flags, timeout: 60_000 });
}

/** Asks again until the answer is true; fails with `what` and the last answer. */
export async function until(what, ask, { timeout = 15_000, every = 100 } = {}) {
  const deadline = Date.now() + timeout;
  let last;
  for (;;) {
    last = await ask();
    if (last === true) return;
    if (Date.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}; last seen: ${JSON.stringify(last)}`);
    await sleep(every);
  }
}

/** Runs in the page before its own code: the microphone becomes a pure tone, so that what arrives elsewhere tells where it came from. */
function toneForMicrophone(frequency) {
  if (frequency === null) {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("Permission denied", "NotAllowedError"));
    return;
  }
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext({ sampleRate: 48000 });
    const oscillator = new OscillatorNode(context, { frequency });
    const gain = new GainNode(context, { gain: 0.4 });
    const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    oscillator.connect(gain).connect(destination);
    oscillator.start();
    await context.resume();
    return destination.stream;
  };
}

/** Runs in the page: listens to the received stream and leaves its analyser where `hear` finds it. */
function listen() {
  const stream = window.talkpath.remoteStream;
  if (!stream?.getAudioTracks().length) return false;
  if (window.ear?.stream === stream) return true;
  const context = new AudioContext({ sampleRate: 48000 });
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(stream).connect(analyser);
  window.ear = { stream, context, analyser };
  return true;
}

/** Runs in the page: the loudest frequency and the level at some frequencies, in dB. */
function spectrum(frequencies) {
  const { analyser, context } = window.ear;
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const width = context.sampleRate / analyser.fftSize;
  const bin = (frequency) => Math.round(frequency / width);
  let peak = bin(100);
  for (let index = peak; index < bin(3800); index++) if (bins[index] > bins[peak]) peak = index;
  const finite = (value) => (Number.isFinite(value) ? Math.round(value) : -200);
  return {
    peak: Math.round(peak * width),
    width,
    level: finite(bins[peak]),
    at: Object.fromEntries(frequencies.map((frequency) => [frequency, finite(Math.max(...bins.slice(bin(frequency) - 2, bin(frequency) + 3)))])),
  };
}

/** Runs in the page: keeps the highest level ever heard of each frequency, for sounds too short to be met by asking. */
function watchFor(frequencies) {
  const { analyser, context } = window.ear;
  const bins = new Float32Array(analyser.frequencyBinCount);
  const width = context.sampleRate / analyser.fftSize;
  const loudest = Object.fromEntries(frequencies.map((frequency) => [frequency, -200]));
  const timer = setInterval(() => {
    analyser.getFloatFrequencyData(bins);
    for (const frequency of frequencies) loudest[frequency] = Math.max(loudest[frequency], ...bins.slice(Math.round(frequency / width) - 1, Math.round(frequency / width) + 2));
  }, 20);
  window.ear.watch = { loudest, end: () => clearInterval(timer) };
}

/** A page in a browser context of its own. `tone` is what its microphone sends, null for a blocked one. */
export class Tab {
  #lines = [];
  #context;
  /** SIP messages in their order: { sent, text } */
  messages = [];
  page;
  name;

  constructor(name) {
    this.name = name;
  }

  /** Opens `address`, after `prepare` has seen the page. */
  async load(browser, address, tone, prepare = () => undefined) {
    this.#context = await browser.newContext({ ignoreHTTPSErrors: true, permissions: ["microphone"] });
    this.page = await this.#context.newPage();
    this.page.setDefaultTimeout(15_000);
    this.page.on("console", (message) => this.#lines.push(`${message.type()}: ${message.text()}`));
    this.page.on("pageerror", (error) => this.#lines.push(`page error: ${error.stack ?? error}`));
    this.page.on("websocket", (socket) => {
      const note = (sent) => ({ payload }) => {
        this.#lines.push(`${sent ? ">" : "<"} ${payload}`);
        if (String(payload).trim() !== "") this.messages.push({ sent, text: String(payload) });
      };
      socket.on("framesent", note(true));
      socket.on("framereceived", note(false));
      socket.on("close", () => this.#lines.push("websocket closed"));
    });
    await prepare(this.page);
    await this.page.addInitScript(toneForMicrophone, tone);
    await this.page.goto(address);
  }

  state() {
    return this.page.evaluate(() => window.talkpath.state);
  }

  /** Waits for what `check` says of the state. */
  async sees(what, check, options) {
    await until(`${this.name}: ${what}`, async () => {
      const state = await this.state();
      return check(state) ? true : state;
    }, options);
  }

  /** Waits until the two tones of a key are heard, whatever `press` has to do for it, while two tones of other keys are not. */
  async hearsKey(press, tones, others) {
    await this.spectrum(); // the ear is there
    await this.page.evaluate(watchFor, [...tones, ...others]);
    await press();
    await until(`${this.name}: hears the key of ${tones} Hz`, async () => {
      const loudest = await this.page.evaluate(() => window.ear.watch.loudest);
      return tones.every((tone) => loudest[tone] > -50 && others.every((other) => loudest[tone] - loudest[other] > 12)) || loudest;
    });
    await this.page.evaluate(() => window.ear.watch.end());
  }

  /** The received audio, now. */
  async spectrum(...frequencies) {
    await until(`${this.name}: receives a stream`, () => this.page.evaluate(listen));
    return await this.page.evaluate(spectrum, frequencies);
  }

  /** Waits until the loudest received frequency is `frequency`, within two bins, loud, and 20 dB above `other`. */
  async hears(frequency, other) {
    await until(`${this.name}: hears ${frequency} Hz`, async () => {
      const heard = await this.spectrum(frequency, other);
      return (Math.abs(heard.peak - frequency) <= 2 * heard.width && heard.level > -60 && heard.at[frequency] - heard.at[other] > 20) || heard;
    }, { timeout: 20_000 });
  }

  /** Waits until `frequency` is no longer in the received audio, and then for half a second more that it stays away. */
  async hearsNothingOf(frequency) {
    const gone = async () => {
      const heard = await this.spectrum(frequency);
      return heard.at[frequency] < -75 || heard;
    };
    await until(`${this.name}: ${frequency} Hz is gone`, gone);
    for (let turn = 0; turn < 5; turn++) {
      await sleep(100);
      const still = await gone();
      if (still !== true) throw new Error(`${this.name}: ${frequency} Hz is back: ${JSON.stringify(still)}`);
    }
  }

  log(lines = 80) {
    return [`--- browser of ${this.name} ---`, ...this.#lines.slice(-lines)].join("\n");
  }

  /** The errors of the page itself; Chromium's complaints about refused connections are not among them. */
  get pageErrors() {
    return this.#lines.filter((line) => line.startsWith("page error:"));
  }

  async close() {
    await this.#context?.close();
  }
}

/** One web phone. `cuttable` makes cutSignalling work. */
export class WebPhone extends Tab {
  #sockets = [];

  static async open(browser, exchange, { name, tone = 440, user, password, signIn = true, cuttable = false }) {
    const phone = new WebPhone(name);
    try {
      await phone.#load(browser, exchange.info.page, tone, cuttable);
      if (signIn) {
        await phone.signIn(user, password ?? exchange.info.password);
        await phone.registered();
      }
    } catch (error) {
      error.message = [error.message, phone.log()].join("\n");
      await phone.close();
      throw error;
    }
    return phone;
  }

  async #load(browser, address, tone, cuttable) {
    await this.load(browser, address, tone, async (page) => {
      if (!cuttable) return;
      // Signalling passes through here unchanged until a test cuts it.
      await page.routeWebSocket(/^wss?:/, (socket) => {
        this.#sockets.push([socket, socket.connectToServer()]);
      });
    });
    if ((await this.page.locator("#connect").count()) === 0) {
      throw new Error(`this binary has no web phone: run \`make web\` and build it again; it serves: ${await this.page.innerText("body")}`);
    }
  }

  async signIn(user, password) {
    await this.page.getByLabel("User", { exact: true }).fill(user);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.page.getByRole("button", { name: "Connect" }).click();
  }

  registered() {
    return this.sees("registered", (state) => state.registration === "registered");
  }

  inPhase(phase, options) {
    return this.sees(phase ?? "no call", (state) => (state.call?.phase ?? null) === phase, options);
  }

  async dial(number) {
    await this.page.getByLabel("Number to call").fill(number);
    await this.page.keyboard.press("Enter");
  }

  async press(label) {
    await this.page.getByRole("button", { name: label, exact: true }).click();
  }

  /** The network takes the signalling connection away, from both its ends. */
  async cutSignalling() {
    await Promise.all(this.#sockets.splice(0).flat().map((side) => side.close({ code: 3001, reason: "cut by the test" })));
  }
}

/** Runs `body` with what it needs, and on failure adds what the browsers and the exchange said. */
export async function explain(exchange, phones, body) {
  try {
    return await body();
  } catch (error) {
    const states = await Promise.all(phones().map(async (phone) => `${phone.name}: ${JSON.stringify(await phone.state().catch((reason) => String(reason)))}`));
    error.message = [error.message, ...states, ...phones().map((phone) => phone.log()), exchange.log()].join("\n");
    throw error;
  }
}
