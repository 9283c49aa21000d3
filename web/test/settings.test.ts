import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultServer, fromFragment, parseServer, recallUser, rememberUser, withoutPassword } from "../src/settings.js";

test("signalling goes where the page came from", () => {
  assert.equal(defaultServer({ protocol: "https:", host: "pbx.example.com:7443" }), "wss://pbx.example.com:7443/");
  assert.equal(defaultServer({ protocol: "http:", host: "localhost:5173" }), "ws://localhost:5173/");
});

test("the fragment gives user and password, and nothing else", () => {
  assert.deepEqual(fromFragment("#user=1000&password=a%26b&server=wss://evil"), { user: "1000", password: "a&b" });
  assert.deepEqual(fromFragment(""), { user: "", password: "" });
});

test("the password does not stay in the address", () => {
  assert.equal(withoutPassword("#user=1000&password=secret"), "#user=1000");
  assert.equal(withoutPassword("#password=secret"), "");
});

test("parseServer", () => {
  for (const [typed, href] of [
    ["wss://pbx.example.com:7443/ws", "wss://pbx.example.com:7443/ws"],
    ["pbx.example.com:7443", "wss://pbx.example.com:7443/"],
    ["https://pbx.example.com", "wss://pbx.example.com/"],
    [" ws://127.0.0.1:5066 ", "ws://127.0.0.1:5066/"],
    ["wss://[::1]:7443", "wss://[::1]:7443/"],
    ["ftp://x", undefined],
    ["", undefined],
    ["wss://", undefined],
  ] as const) {
    assert.equal(parseServer(typed)?.href, href, typed);
  }
});

test("only the user is remembered, and a browser that forbids storage is no error", () => {
  const stored = new Map<string, string>();
  const storage = { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => void stored.set(key, value) };
  rememberUser(storage, "1000");
  assert.equal(recallUser(storage), "1000");
  assert.deepEqual([...stored.values()], ["1000"]);
  const forbidden = () => {
    throw new Error("SecurityError");
  };
  rememberUser({ setItem: forbidden }, "1000");
  assert.equal(recallUser({ getItem: forbidden }), "");
  assert.equal(recallUser(undefined), "");
});
