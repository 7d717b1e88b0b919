/**
 * `<linefeed-upload>`: the drop zone, for pages of other apps. docs/embedding.md describes it.
 *
 * Attributes: `api` (the API's origin; the page's own where it is not given), `work-unit`, `time-zone`, `priority`,
 * `preview`, `dry-run` (each that is given is not asked for), `lang`. Property `token`: a string, or a function that
 * returns one; without it the session's cookie goes along. Events, which bubble: `linefeed-started`,
 * `linefeed-progress`, `linefeed-ended` (detail `{upload, progress}`) and `linefeed-error` (detail `{error}`).
 */
import { render } from "preact";
import { createClient, type LinefeedClient, type OneUpload } from "./api/client";
import { LiveUploads } from "./api/live";
import type { Limits } from "./config";
import { choose, LANGUAGES, type Language } from "./i18n/i18n";
import parts from "./styles/parts.css?inline";
import tokens from "./styles/tokens.css?inline";
import { ErrorNotice } from "./ui/Notice";
import type { ChosenOptions } from "./ui/Options";
import { SendForm } from "./ui/SendForm";
import { Badge, UploadStatus } from "./ui/UploadStatus";
import { useUpload } from "./ui/useUpload";
import { FileSender } from "./upload/sender";
import { SentUploads } from "./upload/sent";

type Token = string | (() => string | null) | null;

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`${tokens}\n${parts}\n:host { display: block; color: var(--text); font: 16px/1.5 var(--font); }
.panel, .send, .send-files, .sent { display: grid; gap: 0.9rem; grid-template-columns: minmax(0, 1fr); }`);

export class LinefeedUploadElement extends HTMLElement {
  static readonly observedAttributes = ["lang", "work-unit", "time-zone", "priority", "preview", "dry-run"];
  private currentToken: Token = null;
  private readonly root = this.attachShadow({ mode: "open" });
  private parts: Omit<PanelProps, "fixed"> | null = null;
  /** Uploads that were started here, and of which the end has not been told. */
  private readonly underWay = new Set<string>();

  constructor() {
    super();
    this.root.adoptedStyleSheets = [STYLE];
  }

  /** The session's token, or what returns it; asked for at each request. */
  get token(): Token {
    return this.currentToken;
  }

  set token(value: Token) {
    this.currentToken = value;
    if (this.isConnected && !this.parts) this.connectedCallback();
  }

  connectedCallback(): void {
    if (Object.hasOwn(this, "token")) return this.takeEarlyToken();
    this.begin().catch((error: unknown) => {
      this.tell("linefeed-error", { error });
      render(<ErrorNotice error={error} />, this.root);
    });
  }

  /** What was set before the browser knew this element lies over the accessor. */
  private takeEarlyToken(): void {
    const { token } = this;
    Reflect.deleteProperty(this, "token");
    this.token = token;
  }

  disconnectedCallback(): void {
    this.parts?.sender.close();
    this.parts?.live.close();
    this.parts = null;
    render(null, this.root);
  }

  attributeChangedCallback(): void {
    this.show();
  }

  private async begin(): Promise<void> {
    const client = createClient({ baseUrl: this.getAttribute("api") ?? "", token: () => this.givenToken });
    const [session, limits] = await Promise.all([client.session(), loadLimits()]);
    const sent = new SentUploads(session.tenant, session.user);
    const sender = new FileSender(`linefeed-${session.tenant}-${session.user}`, client, limits, (uploadId) => {
      sent.add(uploadId);
      this.underWay.add(uploadId);
      void client.upload(uploadId).then((one) => this.tell("linefeed-started", one));
    });
    this.parts = {
      client,
      limits,
      sender,
      sent,
      live: new LiveUploads(client),
      onChange: (one) => this.progressed(one),
    };
    this.show();
  }

  private show(): void {
    const lang = this.getAttribute("lang")?.split("-")[0];
    if (lang && lang in LANGUAGES) choose(lang as Language);
    if (this.parts) render(<Panel {...this.parts} fixed={this.fixed} />, this.root);
  }

  private get givenToken(): string | null {
    return typeof this.currentToken === "function" ? this.currentToken() : this.currentToken;
  }

  /** What the app has chosen for its people. */
  private get fixed(): Partial<ChosenOptions> {
    const text = (name: string): string | undefined => this.getAttribute(name) ?? undefined;
    return {
      workUnitId: text("work-unit"),
      timeZone: text("time-zone"),
      priority: text("priority") as ChosenOptions["priority"] | undefined,
      preview: this.hasAttribute("preview") || undefined,
      dryRun: this.hasAttribute("dry-run") || undefined,
    };
  }

  private progressed(one: OneUpload): void {
    const { uploadId, stage } = one.upload;
    if (!this.underWay.has(uploadId)) return;
    if (stage === null) this.underWay.delete(uploadId);
    this.tell(stage === null ? "linefeed-ended" : "linefeed-progress", one);
  }

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

interface PanelProps {
  client: LinefeedClient;
  limits: Limits;
  sender: FileSender;
  sent: SentUploads;
  live: LiveUploads;
  fixed: Partial<ChosenOptions>;
  onChange: (one: OneUpload) => void;
}

function Panel({ client, limits, sender, sent, live, fixed, onChange }: PanelProps) {
  return (
    <div class="panel">
      <SendForm client={client} limits={limits} sender={sender} fixed={fixed} />
      <ul class="cards">
        {sent.ids.value.map((uploadId) => (
          <li key={uploadId}>
            <Sent live={live} uploadId={uploadId} onChange={onChange} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Sent({ live, uploadId, onChange }: { live: LiveUploads; uploadId: string; onChange: PanelProps["onChange"] }) {
  const one = useUpload({ live }, uploadId, onChange);
  if (!one) return null;
  return (
    <article class="card">
      <header class="card-head">
        <h3>{one.upload.fileName}</h3>
        <Badge upload={one.upload} />
      </header>
      <UploadStatus one={one} />
    </article>
  );
}

/** It lies beside this module, wherever that was deployed. */
async function loadLimits(): Promise<Limits> {
  const answer = await fetch(new URL(/* @vite-ignore */ "./config.json", import.meta.url));
  if (!answer.ok) throw new Error(`config.json could not be loaded: ${answer.status}`);
  return (await answer.json()) as Limits;
}

customElements.define("linefeed-upload", LinefeedUploadElement);
