import { signal } from "@preact/signals";

/** Where in the page one is; kept behind the address's `#`, so that any server of files can serve the page. */
export type Place = { name: "upload" } | { name: "history" } | { name: "detail"; uploadId: string; tab: string | null };

export const place = signal<Place>(read());

addEventListener("hashchange", () => {
  place.value = read();
});

export function addressOf(to: Place): string {
  switch (to.name) {
    case "upload":
      return "#/";
    case "history":
      return "#/uploads";
    case "detail":
      return `#/uploads/${encodeURIComponent(to.uploadId)}${to.tab ? `/${to.tab}` : ""}`;
  }
}

export function go(to: Place): void {
  location.hash = addressOf(to);
}

function read(): Place {
  const [section, uploadId, tab] = location.hash.replace(/^#\//, "").split("/");
  if (section !== "uploads") return { name: "upload" };
  return uploadId ? { name: "detail", uploadId: decodeURIComponent(uploadId), tab: tab ?? null } : { name: "history" };
}
