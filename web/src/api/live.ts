import { ApiError, type LinefeedClient, type OneUpload } from "./client";

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
  private readonly everybody = new Set<Listener>();
  private socket: WebSocket | null = null;
  private connecting = false;
  private retryMillis = FIRST_RETRY_MILLIS;
  private timer: number | undefined;
  private ping: number | undefined;
  private unsupported = false;

  constructor(private readonly client: LinefeedClient) {
    document.addEventListener("visibilitychange", () => this.settle());
    addEventListener("online", () => this.settle());
  }

  /** Be told of one upload, first of how it is now. Returns what ends that. */
  follow(uploadId: string, listener: Listener): () => void {
    const listeners = this.listeners.get(uploadId) ?? new Set();
    this.listeners.set(uploadId, listeners.add(listener));
    void this.ask(uploadId);
    this.settle();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(uploadId);
      this.settle();
    };
  }

  /** Be told of every upload of the tenant that a message comes for. */
  followAll(listener: Listener): () => void {
    this.everybody.add(listener);
    this.settle();
    return () => {
      this.everybody.delete(listener);
      this.settle();
    };
  }

  /** Ask for an upload now, because something was just done to it. */
  async refresh(uploadId: string): Promise<void> {
    await this.ask(uploadId);
  }

  close(): void {
    this.listeners.clear();
    this.everybody.clear();
    this.settle();
  }

  private get wanted(): boolean {
    return (this.listeners.size > 0 || this.everybody.size > 0) && !document.hidden;
  }

  private settle(): void {
    clearTimeout(this.timer);
    if (!this.wanted) {
      this.socket?.close();
      return;
    }
    void this.connect();
    this.timer = setTimeout(() => void this.poll(), this.socket ? SLOW_POLL_MILLIS : POLL_MILLIS);
  }

  private async poll(): Promise<void> {
    await Promise.all([...this.listeners.keys()].map((uploadId) => this.ask(uploadId)));
    this.settle();
  }

  private async ask(uploadId: string): Promise<void> {
    try {
      this.tell(await this.client.upload(uploadId));
    } catch {
      // The next time may do better; what matters to a person is said where they act.
    }
  }

  private tell(change: OneUpload): void {
    for (const listener of this.listeners.get(change.upload.uploadId) ?? []) listener(change);
    for (const listener of this.everybody) listener(change);
  }

  private async connect(): Promise<void> {
    if (this.socket || this.connecting || this.unsupported) return;
    this.connecting = true;
    try {
      const { url } = await this.client.openLive();
      this.open(new WebSocket(url));
    } catch (error) {
      if (error instanceof ApiError && (error.status === 404 || error.status === 501)) this.unsupported = true;
      else this.later();
    } finally {
      this.connecting = false;
    }
  }

  private open(socket: WebSocket): void {
    socket.addEventListener("open", () => {
      this.socket = socket;
      this.retryMillis = FIRST_RETRY_MILLIS;
      this.ping = setInterval(() => socket.send(JSON.stringify({ type: "ping" })), PING_MILLIS);
      void this.poll(); // what changed between the last answer and the first message
    });
    socket.addEventListener("message", (event: MessageEvent<string>) => {
      const message = JSON.parse(event.data) as { type: string } & OneUpload;
      if (message.type === "upload") this.tell(message);
    });
    socket.addEventListener("close", () => {
      clearInterval(this.ping);
      this.socket = null;
      this.later();
    });
  }

  private later(): void {
    if (!this.wanted) return;
    setTimeout(() => this.settle(), this.retryMillis);
    this.retryMillis = Math.min(2 * this.retryMillis, LONGEST_RETRY_MILLIS);
  }
}
