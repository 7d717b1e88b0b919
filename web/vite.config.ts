import { defineConfig } from "vite";

/** The page. Its files have hashes in their names, so that a browser may keep them for ever. */
export default defineConfig({
  base: "./",
  build: { outDir: "dist", target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
});
