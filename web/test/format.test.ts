import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanNumber, dtmfRelay, duration, isDialable, isDigit, sipUser } from "../src/format.js";

test("duration", () => {
  for (const [seconds, text] of [[0, "0:00"], [-3, "0:00"], [59.9, "0:59"], [65, "1:05"], [3600, "1:00:00"], [3725, "1:02:05"]] as const) {
    assert.equal(duration(seconds), text);
  }
});

test("cleanNumber", () => {
  for (const [typed, number] of [
    ["1001", "1001"],
    [" +49 (30) 123-45/6 ", "+4930123456"],
    ["tel:+49-30-1", "+49301"],
    ["sip:1001@pbx.example.com;transport=ws", "1001"],
    ["anna.maria-s", "anna.maria-s"],
    ["*98#", "*98#"],
    ["", ""],
  ] as const) {
    assert.equal(cleanNumber(typed), number);
  }
});

test("isDialable", () => {
  for (const number of ["1001", "+4930", "*98#", "anna.b"]) assert.ok(isDialable(number), number);
  for (const number of ["", "a b", "x@y", "1;2", "<1>", "1".repeat(129), "1\r\n2"]) assert.ok(!isDialable(number), JSON.stringify(number));
});

test("sipUser escapes what a SIP address cannot carry", () => {
  assert.equal(sipUser("+49*98#"), "+49*98%23");
});

test("DTMF", () => {
  for (const key of "0123456789*#AD") assert.ok(isDigit(key), key);
  for (const key of ["E", "a", "", "12", "Enter"]) assert.ok(!isDigit(key), key);
  assert.equal(dtmfRelay("#"), "Signal=#\r\nDuration=250");
});
