// Text in and out of the phone. Pure.

/** 65 → "1:05", 3725 → "1:02:05". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** What a person types or pastes, as a number to dial: "+49 (30) 123-45" → "+493012345". A name keeps its dots and dashes. */
export function cleanNumber(typed: string): string {
  const text = typed.trim().replace(/^(sips?|tel):/i, "").replace(/[;?].*$/, "");
  const user = text.split("@")[0] ?? "";
  return /^[\d\s()+*#./-]+$/.test(user) ? user.replace(/[\s()./-]/g, "") : user.replace(/\s/g, "");
}

/** Whether a cleaned number can be the user part of a SIP address without surprises. */
export function isDialable(number: string): boolean {
  return /^[\w+*#.!~'-]{1,128}$/.test(number);
}

/** The user part of a SIP URI, RFC 3261 §25.1: `#` must be escaped, `+` and `*` stand for themselves. */
export function sipUser(number: string): string {
  return encodeURIComponent(number).replaceAll("%2B", "+");
}

export function isDigit(key: string): boolean {
  return /^[0-9A-D*#]$/.test(key);
}

/** The INFO body that Rocket.Chat's client sends too, FreeSWITCH's format without a final line end; that one says 2000 ms, which makes a PIN a long wait. */
export function dtmfRelay(digit: string, milliseconds = 250): string {
  return `Signal=${digit}\r\nDuration=${milliseconds}`;
}
