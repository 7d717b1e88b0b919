import type { LinefeedClient, OneUpload } from "./client";

type Listener = (change: OneUpload) => void;

const POLL_MILLIS = 1500;
const SLOW_POLL_MILLIS = 10_000;
const PING_MILLIS = 5 * 60_000;
const FIRST_RETRY_MILLIS = 1000;
const LONGEST_RETRY_MILLIS = 60_000;

/**
 * Tells of uploads as they change: over a WebSocket where there is one, else by asking for them again and again.
 *
 * While the socket is open, uploads are asked for now and then all the same, so that a message that was lost is made
 * up for. Nothing is open or asked for while nobody listens or the page is hidden.
 */
export class LiveUploads {
  private readonly listeners = new Map<string, Set<Listener>>();
  /** Of which nothing more is to be expected; they are told of if it comes otherwise, and not asked for. */
  private readonly ended = new Set<string>();
  private socket: WebSocket | null = null;
  private connecting = false;
  private retryMillis = FIRST_RETRY_MILLIS;
  /** When the next attempt to connect may be made. */
  private notBefore = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: LinefeedClient) {
    document.addEventListener("visibilitychange", () => this.settle());
    addEventListener("online", () => this.settle());
  }

  /** Be told of one upload, first of how it is now. Returns what ends that. */
  follow(uploadId: string, listener: Listener): () => void {
    const listeners = this.listeners.get(uploadId) ?? new Set();
    this.listeners.set(uploadId, listeners.add(listener));
    void this.refresh(uploadId);
    this.settle();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(uploadId);
      this.settle();
    };
  }

  close(): void {
    this.listeners.clear();
    this.settle();
  }

  private get wanted(): boolean {
    return this.listeners.size > 0 && !document.hidden;
  }

  private settle(): void {
    clearTimeout(this.timer);
    if (!this.wanted) {
      this.socket?.close();
      return;
    }
    void this.connect();
    const open = this.socket?.readyState === WebSocket.OPEN;
    this.timer = setTimeout(() => void this.poll(), open ? SLOW_POLL_MILLIS : POLL_MILLIS);
  }

  private async poll(): Promise<void> {
    const moving = [...this.listeners.keys()].filter((uploadId) => !this.ended.has(uploadId));
    await Promise.all(moving.map((uploadId) => this.refresh(uploadId)));
    this.settle();
  }

  /** Ask for an upload now; also for who has just done something to it. */
  async refresh(uploadId: string): Promise<void> {
    try {
      this.tell(await this.client.upload(uploadId));
    } catch {
      // The next time may do better; what matters to a person is said where they act.
    }
  }

  private tell(change: OneUpload): void {
    const { uploadId, stage } = change.upload;
    if (stage === null) this.ended.add(uploadId);
    else this.ended.delete(uploadId);
    for (const listener of this.listeners.get(uploadId) ?? []) listener(change);
  }

  /** Each attempt costs a ticket, of which there are so many an hour: the next one comes no sooner than it may. */
  private async connect(): Promise<void> {
    if (this.connecting || this.socket || performance.now() < this.notBefore) return;
    this.connecting = true;
    this.notBefore = performance.now() + this.retryMillis;
    this.retryMillis = Math.min(2 * this.retryMillis, LONGEST_RETRY_MILLIS);
    try {
      const { url } = await this.client.openLive();
      if (this.wanted) this.open(new WebSocket(url));
    } catch {
      // It is asked for instead.
    } finally {
      this.connecting = false;
    }
  }

  private open(socket: WebSocket): void {
    let ping: ReturnType<typeof setInterval> | undefined;
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.retryMillis = FIRST_RETRY_MILLIS;
      ping = setInterval(() => socket.send(JSON.stringify({ type: "ping" })), PING_MILLIS);
      void this.poll(); // what changed between the last answer and the first message
    });
    socket.addEventListener("message", (event: MessageEvent<string>) => this.hear(JSON.parse(event.data) as Message));
    socket.addEventListener("close", () => {
      clearInterval(ping);
      this.socket = null;
      this.settle();
    });
  }

  /** A message that would be too long comes without a part of the upload, which is asked for then. */
  private hear(message: Message): void {
    if (message.type !== "upload" || !this.listeners.has(message.upload.uploadId)) return;
    if (message.upload.truncated) void this.refresh(message.upload.uploadId);
    else this.tell(message);
  }
}

type Message = OneUpload & { type: string; upload: { truncated?: boolean } };
