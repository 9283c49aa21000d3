import assert from "node:assert/strict";
import { test } from "node:test";
import { cancelledText, type ConnectionFacts, connectionProblem, mediaProblem, microphoneProblem, reasonText, registrationProblem, rejectionText } from "../src/diagnosis.js";

const here = { protocol: "https:", host: "pbx:7443" };
const facts: ConnectionFacts = { server: "wss://pbx:7443/", page: here, wasConnected: false, pageReachable: false, online: true, inCall: false };

test("why the WebSocket is not there", () => {
  const cases: [string, Partial<ConnectionFacts>, string][] = [
    ["no network", { online: false }, "offline"],
    ["server stopped", {}, "unreachable"],
    ["proxy without upgrade", { pageReachable: true }, "websocket-refused"],
    ["other host, certificate not accepted", { server: "wss://other:7443/", pageReachable: undefined }, "certificate"],
    ["ws from https", { server: "ws://pbx:5066/" }, "insecure-websocket"],
    ["other host, plain", { server: "ws://other:5066/", page: { protocol: "http:", host: "localhost:5173" } }, "unreachable"],
    ["was there before", { wasConnected: true }, "connection-lost"],
  ];
  for (const [name, change, code] of cases) assert.equal(connectionProblem({ ...facts, ...change }).code, code, name);
});

test("a lost connection says what becomes of a call only when there is one", () => {
  const lost = { ...facts, wasConnected: true };
  assert.doesNotMatch(connectionProblem(lost).advice, /call/);
  assert.match(connectionProblem({ ...lost, inCall: true }).advice, /The call goes on/);
});

test("sound that never came and sound that broke off have different causes", () => {
  assert.match(mediaProblem(false).advice, /firewall/);
  assert.match(mediaProblem(true).advice, /call again/);
});

test("an untrusted certificate comes with the page to accept it on", () => {
  assert.equal(connectionProblem({ ...facts, server: "wss://other:7443/path" }).link?.href, "https://other:7443/");
});

test("why the sign-in was refused", () => {
  for (const status of [401, 403, 407]) {
    const problem = registrationProblem(status, "Forbidden", "1000");
    assert.equal(problem.code, "wrong-password");
    assert.match(problem.advice, new RegExp(`${status} Forbidden`));
  }
  assert.equal(registrationProblem(404, "Not Found", "1").code, "unknown-user");
  assert.equal(registrationProblem(408, "Request Timeout", "1").code, "no-answer");
  assert.equal(registrationProblem(503, "Service Unavailable", "1").code, "server-busy");
  assert.equal(registrationProblem(500, "Server Error", "1").code, "registration-refused");
});

test("why there is no microphone", () => {
  assert.equal(microphoneProblem("TypeError", false).code, "microphone-insecure");
  assert.equal(microphoneProblem("NotAllowedError", true).code, "microphone-denied");
  assert.equal(microphoneProblem("NotFoundError", true).code, "microphone-missing");
  assert.equal(microphoneProblem("NotReadableError", true).code, "microphone-in-use");
  assert.match(microphoneProblem("Odd", true).advice, /Odd/);
});

test("why a call was refused", () => {
  assert.equal(reasonText('Q.850;cause=20;text="SUBSCRIBER_ABSENT"'), "SUBSCRIBER_ABSENT");
  assert.equal(reasonText(undefined), "");
  assert.equal(rejectionText(486, "Busy Here", "", "1001"), "1001 is busy");
  assert.equal(rejectionText(480, "Temporarily Unavailable", "USER_NOT_REGISTERED", "1001"), "1001 is not signed in anywhere");
  assert.equal(rejectionText(480, "Temporarily Unavailable", "NO_ANSWER", "1001"), "1001 did not answer");
  assert.equal(rejectionText(603, "Decline", "", "1001"), "1001 declined the call");
  assert.equal(rejectionText(500, "Oops", "", "1001"), "The call failed: Oops");
});

test("answered elsewhere or missed", () => {
  for (const [reason, outcome] of [
    ['Q.850;cause=16;text="NORMAL_CLEARING"', "elsewhere"],
    ['SIP;cause=200;text="Call completed elsewhere"', "elsewhere"],
    [undefined, "elsewhere"],
    ['SIP;cause=487;text="ORIGINATOR_CANCEL"', "missed"],
    ['Q.850;cause=19;text="NO_ANSWER"', "missed"],
  ] as const) {
    assert.equal(cancelledText(reason, "1000").outcome, outcome, reason);
  }
  assert.match(cancelledText(undefined, "1000").text, /^1000 called/);
});
