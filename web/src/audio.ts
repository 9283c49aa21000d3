// The phone's ears and mouth: microphone, loudspeaker, level meters, and the tones it makes itself. One AudioContext for all of it.

import type { CallPhase } from "./state.js";

/** What the browser should do to the microphone's sound. */
const microphoneConstraints: MediaStreamConstraints = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: false,
};

/** Opens the microphone. Throws what getUserMedia throws, or a TypeError on an insecure page, where there is no such function. */
export function openMicrophone(): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia(microphoneConstraints);
}

/** How loud a stream is. */
export class Meter {
  private readonly source: MediaStreamAudioSourceNode;
  private readonly analyser: AnalyserNode;
  private readonly samples: Float32Array<ArrayBuffer>;

  constructor(context: AudioContext, stream: MediaStream) {
    this.source = context.createMediaStreamSource(stream);
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.samples = new Float32Array(this.analyser.fftSize);
    this.source.connect(this.analyser);
  }

  /** 0 (silence, below −60 dBFS) to 1 (full scale). */
  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    const decibels = 10 * Math.log10(sum / this.samples.length + 1e-12);
    return Math.min(1, Math.max(0, (decibels + 60) / 60));
  }

  close(): void {
    this.source.disconnect();
  }
}

/** A tone pattern: frequencies together, and seconds on and off by turns, over and over. */
interface Cadence {
  frequencies: number[];
  pattern: number[];
  volume: number;
}

const ringback: Cadence = { frequencies: [425], pattern: [1, 4], volume: 0.08 };
const ring: Cadence = { frequencies: [659.3, 783.99], pattern: [0.35, 0.15, 0.35, 2.15], volume: 0.12 };

/** The two frequencies of a key, ITU-T Q.23. */
export function keyFrequencies(digit: string): [number, number] | undefined {
  const index = "123A456B789C*0#D".indexOf(digit);
  if (index < 0 || digit === "") return undefined;
  const row = [697, 770, 852, 941][Math.floor(index / 4)];
  const column = [1209, 1336, 1477, 1633][index % 4];
  return row !== undefined && column !== undefined ? [row, column] : undefined;
}

/** Everything audible and measurable. The context is made on first use, which is after a click, as browsers want it. */
export class AudioDesk {
  private context: AudioContext | undefined;
  private stopTone: (() => void) | undefined;
  private playing: Cadence | undefined;
  private readonly speaker: HTMLAudioElement;

  constructor(speaker: HTMLAudioElement) {
    this.speaker = speaker;
  }

  /** Wakes the sound system up; harmless when it is awake. */
  async wake(): Promise<void> {
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") {
      // It may stay pending until the page is clicked; nothing waits for that.
      await Promise.race([this.context.resume(), new Promise((resolve) => setTimeout(resolve, 300))]);
    }
    if (this.speaker.srcObject !== null && this.speaker.paused) await this.speaker.play();
  }

  meter(stream: MediaStream): Meter {
    this.context ??= new AudioContext();
    return new Meter(this.context, stream);
  }

  /** Plays what the other side says. Throws NotAllowedError when the browser wants a click first. */
  async listen(stream: MediaStream): Promise<void> {
    this.speaker.srcObject = stream;
    await this.speaker.play();
  }

  silence(): void {
    this.speaker.srcObject = null;
  }

  /** The tone that belongs to a phase of a call; null for none. */
  play(phase: CallPhase | null): void {
    const cadence = phase === "ringing" ? ringback : phase === "incoming" ? ring : undefined;
    if (cadence === this.playing) return;
    this.stopTone?.();
    this.stopTone = undefined;
    this.playing = cadence;
    if (cadence !== undefined) this.stopTone = this.start(cadence);
  }

  /** A short beep for a pressed key. */
  key(digit: string): void {
    const frequencies = keyFrequencies(digit);
    if (frequencies !== undefined) this.burst(frequencies, 0.12, 0.06);
  }

  /** Three short beeps: the call was refused. */
  refused(): void {
    for (const delay of [0, 0.4, 0.8]) this.burst([425], 0.2, 0.07, delay);
  }

  private start(cadence: Cadence): () => void {
    let timer = 0;
    let step = 0;
    const next = () => {
      const seconds = cadence.pattern[step % cadence.pattern.length] ?? 1;
      if (step % 2 === 0) this.burst(cadence.frequencies, seconds, cadence.volume);
      step++;
      timer = window.setTimeout(next, seconds * 1000);
    };
    next();
    return () => {
      window.clearTimeout(timer);
      this.hush();
    };
  }

  private readonly voices = new Set<OscillatorNode>();

  private burst(frequencies: readonly number[], seconds: number, volume: number, delay = 0): void {
    const context = (this.context ??= new AudioContext());
    const start = context.currentTime + delay;
    const gain = context.createGain();
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(volume, start + 0.01); // ramps, or it clicks
    gain.gain.setValueAtTime(volume, start + seconds - 0.02);
    gain.gain.linearRampToValueAtTime(0, start + seconds);
    gain.connect(context.destination);
    for (const frequency of frequencies) {
      const voice = context.createOscillator();
      voice.frequency.value = frequency;
      voice.connect(gain);
      voice.start(start);
      voice.stop(start + seconds);
      this.voices.add(voice);
      voice.onended = () => {
        this.voices.delete(voice);
        voice.disconnect();
        if (this.voices.size === 0) gain.disconnect();
      };
    }
  }

  private hush(): void {
    for (const voice of this.voices) voice.stop();
  }
}
