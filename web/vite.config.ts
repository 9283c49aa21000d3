import { defineConfig } from "vite";

// The page is served from the switch's own WebSocket port under a strict content security policy: no inline script, no data: script,
// nothing from another host. Relative addresses let a reverse proxy put it under any path.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: false, // dist/.keep stays; `prebuild` removes the rest
  },
});
