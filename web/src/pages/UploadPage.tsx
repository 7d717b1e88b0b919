import type { App } from "../app";
import { t, tOr } from "../i18n/i18n";
import { addressOf } from "../router";
import { SendForm } from "../ui/SendForm";
import { Badge, UploadStatus } from "../ui/UploadStatus";
import { useUpload } from "../ui/useUpload";

/** Choose files, say what they are of, send them, and watch what was sent from here. */
export function UploadPage({ app }: { app: App }) {
  const mayImport = app.session.permissions.includes("data:import");
  return (
    <>
      <h1>{t("upload.title")}</h1>
      <p class="lead">{t("upload.lead")}</p>
      {!mayImport && <ReadOnly app={app} />}
      <div class="send-page">
        {mayImport && <SendForm client={app.client} limits={app.config} sender={app.sender} />}
        <Recent app={app} />
      </div>
    </>
  );
}

function ReadOnly({ app }: { app: App }) {
  const { role } = app.session;
  return <p class="notice">{t("upload.readOnly", { role: tOr(`role.${role}`, role) })}</p>;
}

/** What was sent from this tab. */
function Recent({ app }: { app: App }) {
  const ids = app.sent.ids.value;
  if (ids.length === 0) return null;
  return (
    <section class="sent" aria-labelledby="recent">
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
