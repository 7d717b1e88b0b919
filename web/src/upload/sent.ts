import { signal } from "@preact/signals";

const MOST = 20;

/** The uploads that were sent from this tab, the newest first; kept until it is closed. */
export class SentUploads {
  readonly ids = signal<string[]>([]);
  private readonly key: string;

  constructor(tenant: string, user: string) {
    this.key = `linefeed:sent:${tenant}:${user}`;
    this.ids.value = JSON.parse(sessionStorage.getItem(this.key) ?? "[]") as string[];
  }

  add(uploadId: string): void {
    if (this.ids.value.includes(uploadId)) return;
    this.ids.value = [uploadId, ...this.ids.value].slice(0, MOST);
    sessionStorage.setItem(this.key, JSON.stringify(this.ids.value));
  }
}
