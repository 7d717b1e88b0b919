import { defineConfig } from "vite";

/** What other apps take from here: the web component and the client, each one file under a name that stays. */
export default defineConfig({
  build: {
    outDir: "dist/embed",
    target: "es2022",
    copyPublicDir: false,
    lib: {
      entry: { "linefeed-upload": "src/element.tsx", "linefeed-client": "src/api/client.ts" },
      formats: ["es"],
    },
  },
});
