import { effect } from "@preact/signals";
import { render } from "preact";
import { reasonOf, start, state } from "./app";
import { loadConfig } from "./config";
import { language } from "./i18n/i18n";
import { Shell } from "./ui/Shell";

effect(() => {
  document.documentElement.lang = language.value;
});
render(<Shell />, document.getElementById("app")!);
loadConfig()
  .then(start)
  .catch((error: unknown) => {
    state.value = { name: "broken", reason: reasonOf(error) };
  });
