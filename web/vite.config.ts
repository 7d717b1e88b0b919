import { readFileSync } from "node:fs";
import { defineConfig, type ProxyOptions } from "vite";

/** The page. Its files have hashes in their names, so that a browser may keep them for ever. */
export default defineConfig(({ command }) => ({
  base: "./",
  build: { outDir: "dist", target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  // `npm run dev`: the sources, with the running local stack behind them, at an origin that its buckets let in.
  server: command === "serve" ? { port: 3000, strictPort: true, proxy: localStack() } : undefined,
}));

function localStack(): Record<string, ProxyOptions> {
  const { pageUrl } = JSON.parse(readFileSync("../.local/stack.json", "utf8")) as { pageUrl: string };
  const behind: ProxyOptions = { target: pageUrl, changeOrigin: true };
  return { "/api": behind, "/config.json": behind };
}
