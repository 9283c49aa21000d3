// The two history parsers against calls recorded from a real FreeSWITCH, and against small made-up ones for what recordings do not show.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { callIdInB, GenA, GenB } from "./rocketchat-history.mjs";

const recordings = fileURLToPath(new URL("../../../shared/oracle/calls/", import.meta.url));
const absent = existsSync(recordings) ? false : `no recordings of FreeSWITCH at ${recordings}`;

/** What each recording says, A-leg first. `seconds` is how long it was answered. */
const calls = [
  { file: "plain_basic_caller_hangup", caller: "1015", callee: "1016", answered: true, seconds: 2, cause: "NORMAL_CLEARING" },
  { file: "plain_basic_callee_hangup", caller: "1015", callee: "1016", answered: true, seconds: 2, cause: "NORMAL_CLEARING" },
  { file: "plain_hold_resume", caller: "1015", callee: "1016", answered: true, seconds: 3.8, cause: "NORMAL_CLEARING" },
  { file: "plain_busy_486", caller: "1015", callee: "1016", answered: false, seconds: 0, cause: "USER_BUSY" },
  { file: "plain_reject_603", caller: "1015", callee: "1016", answered: false, seconds: 0, cause: "CALL_REJECTED" },
  { file: "plain_caller_cancel", caller: "1015", callee: "1016", answered: false, seconds: 0, cause: "ORIGINATOR_CANCEL" },
  { file: "plain_not_registered", caller: "1015", callee: "1017", answered: false, seconds: 0, cause: "USER_NOT_REGISTERED" },
  { file: "basic_answer_caller_hangup", caller: "1000", callee: "1001", answered: true, seconds: 3.1, cause: "NORMAL_CLEARING" },
  { file: "browser_basic", caller: "1000", callee: "1001", answered: true, seconds: 6.8, cause: "NORMAL_CLEARING" },
  { file: "no_answer_timeout", caller: "1000", callee: "1001", answered: false, seconds: 0, cause: "NORMAL_CLEARING", calleeCause: "NO_ANSWER" },
];

function parse(events) {
  const a = new GenA();
  const b = new GenB();
  for (const event of events) {
    a.add(event);
    b.add(event);
  }
  return { a, b };
}

for (const call of calls) {
  test(`recorded ${call.file}`, { skip: absent }, () => {
    const { a, b } = parse(readFileSync(`${recordings}${call.file}.jsonl`, "utf8").trim().split("\n").map((line) => JSON.parse(line)));

    const aLeg = b.channels.find((channel) => channel.direction === "inbound");
    const record = a.calls.get(aLeg.channel);
    assert.deepEqual(record.from, [call.caller]);
    assert.deepEqual(record.to, [call.callee]);
    assert.equal(record.direction, "internal");
    assert.equal(record.answered, call.answered);
    assert.equal(record.hangupCause, call.cause);
    assert.ok(Math.abs(record.duration - call.seconds * 1000) < 100, `duration ${record.duration}`);

    for (const channel of b.channels) {
      assert.deepEqual(channel.callIds, [aLeg.channel]);
      assert.deepEqual(channel.callers, [call.caller]);
      assert.deepEqual(channel.callees, [call.callee]);
      assert.equal(channel.kind, "internal");
      assert.equal(channel.answered, call.answered);
      assert.equal(channel.bridged, call.answered);
      assert.ok(Math.abs(channel.durations.bridged - call.seconds * 1000) < 150, `bridged for ${channel.durations.bridged}`);
    }
    assert.equal(aLeg.user, call.caller);
    assert.equal(aLeg.hangupCause, call.cause);
    const bLeg = b.channels.find((channel) => channel.direction === "outbound");
    if (call.calleeCause) assert.equal(bLeg.hangupCause, call.calleeCause);
    if (call.answered) {
      assert.deepEqual(aLeg.bridgedTo, [bLeg.channel]);
      assert.deepEqual(bLeg.bridgedTo, [aLeg.channel]);
    }
  });
}

/** A made-up event of the caller's leg. */
const event = (name, sequence, more = {}) => ({
  "Event-Name": name,
  "Event-Sequence": String(sequence),
  "Event-Date-Timestamp": String(1_700_000_000_000_000 + sequence * 1_000_000),
  "Unique-ID": "a",
  "Channel-Call-UUID": "a",
  "Caller-Username": "1000",
  ...more,
});

const answeredCall = (first) => [
  event("CHANNEL_CREATE", first),
  event("CHANNEL_ANSWER", first + 1, { variable_dialed_extension: "1001" }),
  event("CHANNEL_HANGUP", first + 4, { "Hangup-Cause": "NORMAL_CLEARING" }),
  event("CHANNEL_STATE", first + 5, { "Channel-State": "CS_REPORTING" }),
  event("CHANNEL_HANGUP_COMPLETE", first + 6),
  event("CHANNEL_DESTROY", first + 7),
];

test("generation A: a call in good order", () => {
  const call = parse(answeredCall(100)).a.calls.get("a");
  assert.deepEqual([call.from, call.to, call.answered, call.duration], [["1000"], ["1001"], true, 5000]);
});

test("generation A: sequence numbers are strings, so a rollover scrambles the call", () => {
  assert.equal(parse(answeredCall(100)).a.calls.get("a").types[0], "CREATE");
  assert.equal(parse(answeredCall(97)).a.calls.get("a").types[0], "HANGUP");
});

test("generation A: HANGUP_COMPLETE right after HANGUP is swallowed, and the call has no end", () => {
  const call = parse(answeredCall(100).filter((each) => each["Event-Name"] !== "CHANNEL_STATE")).a.calls.get("a");
  assert.ok(Number.isNaN(call.duration));
});

test("generation A: the callee in a caller field makes the caller ambiguous", () => {
  const events = answeredCall(100);
  events[2]["Caller-Username"] = "1001";
  assert.deepEqual(parse(events).a.calls.get("a").from, ["1000", "1001"]);
});

test("generation A: what comes after DESTROY is noticed as late", () => {
  const { a } = parse([...answeredCall(100), event("CHANNEL_HANGUP_COMPLETE", 120, { "Unique-ID": "b" })]);
  assert.equal(a.late("a").length, 1);
});

test("the same event twice counts once", () => {
  const { a, b } = parse([...answeredCall(100), ...answeredCall(100)]);
  assert.equal(a.calls.get("a").duration, 5000);
  assert.equal(b.channels[0].names.length, 6);
});

test("generation B: an event without a usable sequence is dropped", () => {
  for (const sequence of ["", "0", "x", "1.5", undefined]) {
    const { b } = parse([{ ...event("CHANNEL_DESTROY", 1), "Event-Sequence": sequence }]);
    assert.equal(b.channels.length, 0, String(sequence));
  }
});

test("generation B: the callee's leg belongs to the caller's call even when it names itself", () => {
  const leg = { "Unique-ID": "b", "Channel-Call-UUID": "b", "Other-Type": "originator", "Other-Leg-Unique-ID": "a", "Caller-Direction": "outbound" };
  assert.equal(callIdInB(leg), "a");
  assert.equal(callIdInB({ ...leg, "Other-Type": "originatee" }), "b");
  assert.equal(callIdInB({ ...leg, "Channel-Call-UUID": "c" }), "c");
  assert.equal(callIdInB({ ...leg, "Other-Leg-Direction": "outbound", "Other-Leg-Logical-Direction": "inbound" }), "b");
});

test("generation B: without Caller-Unique-ID there are no times, so nothing was answered", () => {
  const events = answeredCall(100).map((each) => ({ ...each, "Caller-Channel-Answered-Time": "1700000000000000" }));
  assert.equal(parse(events).b.channels[0].answered, false);
});
