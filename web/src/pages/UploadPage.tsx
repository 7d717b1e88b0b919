import { useState } from "preact/hooks";
import type { App } from "../app";
import { bytes, t, tOr } from "../i18n/i18n";
import { addressOf } from "../router";
import { DropZone } from "../ui/DropZone";
import { ErrorNotice } from "../ui/Notice";
import { asRequest, OptionsForm, remember, rememberedOptions } from "../ui/Options";
import { Refusals, SendingList } from "../ui/SendingList";
import { TemplateLink } from "../ui/TemplateLink";
import { Badge, UploadStatus } from "../ui/UploadStatus";
import { useUpload } from "../ui/useUpload";

/** Choose files, say what they are of, send them, and watch what was sent from here. */
export function UploadPage({ app }: { app: App }) {
  const mayImport = app.session.permissions.includes("data:import");
  return (
    <>
      <h1>{t("upload.title")}</h1>
      <p class="lead">{t("upload.lead")}</p>
      {mayImport ? <Send app={app} /> : <ReadOnly app={app} />}
      <Recent app={app} />
    </>
  );
}

function ReadOnly({ app }: { app: App }) {
  const { role } = app.session;
  return <p class="notice">{t("upload.readOnly", { role: tOr(`role.${role}`, role) })}</p>;
}

function Send({ app }: { app: App }) {
  const { sender, config } = app;
  const [options, setOptions] = useState(rememberedOptions);
  const [complain, setComplain] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const files = sender.files.value;
  const chosen = files.filter((file) => file.phase === "chosen");

  function send(event: Event): void {
    event.preventDefault();
    setComplain(true);
    if (!options.workUnitId.trim()) {
      (event.currentTarget as HTMLFormElement).querySelector<HTMLInputElement>("[name=workUnitId]")?.focus();
      return;
    }
    remember(options);
    sender.send(asRequest({ ...options, workUnitId: options.workUnitId.trim() })).catch(setError);
  }

  return (
    <form class="send" noValidate onSubmit={send}>
      <div class="send-files">
        <DropZone sender={sender} most={config.maxFileSize} />
        <Refusals refusals={sender.refusals.value} config={config} onDismiss={() => sender.dismissRefusals()} />
        <SendingList files={files} sender={sender} />
        {error != null && <ErrorNotice error={error} />}
        <p class="send-end">
          {chosen.length > 0 && (
            <button type="submit" class="primary">
              {t("upload.send", { count: chosen.length })} ({bytes(chosen.reduce((sum, file) => sum + file.size, 0))})
            </button>
          )}
          <TemplateLink client={app.client} />
        </p>
      </div>
      <OptionsForm value={options} onChange={setOptions} complain={complain} />
    </form>
  );
}

/** What was sent from this tab. */
function Recent({ app }: { app: App }) {
  const ids = app.sent.ids.value;
  if (ids.length === 0) return null;
  return (
    <section aria-labelledby="recent">
      <h2 id="recent">{t("recent.title")}</h2>
      <ul class="cards">
        {ids.map((uploadId) => (
          <li key={uploadId}>
            <SentCard app={app} uploadId={uploadId} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function SentCard({ app, uploadId }: { app: App; uploadId: string }) {
  const one = useUpload(app, uploadId);
  if (!one) return <div class="card quiet">{t("app.loading")}</div>;
  const { upload } = one;
  const to = addressOf({ name: "detail", uploadId, tab: upload.stage === "reviewing" ? "preview" : null });
  return (
    <article class="card">
      <header class="card-head">
        <h3>
          <a href={to}>{upload.fileName}</a>
        </h3>
        <Badge upload={upload} />
      </header>
      <UploadStatus one={one} />
    </article>
  );
}
