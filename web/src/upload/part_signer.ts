import type { LinefeedClient } from "../api/client";

const AHEAD = 20;
const MOST_AT_ONCE = 100;
const GATHER_MILLIS = 5;
const GOOD_FOR_MILLIS = 10 * 60_000;

interface Signed {
  url: string;
  until: number;
}

interface Waiting {
  resolve: (url: string) => void;
  reject: (error: unknown) => void;
}

/** Gets the URLs of an upload's parts many at a time: those that are asked for together, and some that come next. */
export class PartSigner {
  private readonly signed = new Map<number, Signed>();
  private readonly waiting = new Map<number, Waiting[]>();
  private gathering = false;

  constructor(
    private readonly client: LinefeedClient,
    private readonly uploadId: string,
    private readonly partCount: number,
  ) {}

  /** The URL for a part, counted from 1. Each is given out once: who asks again needs a fresh one. */
  sign(partNumber: number): Promise<string> {
    const known = this.signed.get(partNumber);
    this.signed.delete(partNumber);
    if (known && known.until > Date.now()) return Promise.resolve(known.url);
    return new Promise((resolve, reject) => {
      this.waiting.set(partNumber, [...(this.waiting.get(partNumber) ?? []), { resolve, reject }]);
      if (this.gathering) return;
      this.gathering = true;
      setTimeout(() => void this.fetch(), GATHER_MILLIS);
    });
  }

  private async fetch(): Promise<void> {
    this.gathering = false;
    const waiting = [...this.waiting].slice(0, MOST_AT_ONCE);
    for (const [partNumber] of waiting) this.waiting.delete(partNumber);
    const last = Math.max(...waiting.map(([partNumber]) => partNumber));
    const next = Array.from({ length: AHEAD }, (_, index) => last + 1 + index);
    const ahead = next.filter((number) => number <= this.partCount && !this.signed.has(number));
    const numbers = [...waiting.map(([partNumber]) => partNumber), ...ahead].slice(0, MOST_AT_ONCE);
    try {
      const until = Date.now() + GOOD_FOR_MILLIS;
      for (const { partNumber, url } of await this.client.signParts(this.uploadId, numbers)) {
        this.signed.set(partNumber, { url, until });
      }
      for (const [partNumber, callers] of waiting) {
        const url = this.signed.get(partNumber)?.url;
        this.signed.delete(partNumber);
        for (const { resolve, reject } of callers)
          url ? resolve(url) : reject(new Error(`part ${partNumber} not signed`));
      }
    } catch (error) {
      for (const [, callers] of waiting) for (const { reject } of callers) reject(error);
    }
    if (this.waiting.size > 0 && !this.gathering) await this.fetch();
  }
}
