import type { ComponentType } from "preact";
import { useRef } from "preact/hooks";
import type { App } from "../app";
import type { OneUpload, Upload } from "../api/client";
import { bytes, dateTime, t } from "../i18n/i18n";
import { addressOf, go } from "../router";
import { ErrorNotice } from "../ui/Notice";
import { useAsync } from "../ui/useAsync";
import { Badge, UploadStatus } from "../ui/UploadStatus";
import { useUpload } from "../ui/useUpload";
import { Audit } from "./Audit";
import { Decisions } from "./Decisions";
import { Moves } from "./Moves";
import { Preview } from "./Preview";
import { Refused } from "./Refused";
import { Report } from "./Report";

export interface TabProps {
  app: App;
  one: OneUpload;
}

const TABS: Record<TabName, ComponentType<TabProps>> = {
  preview: Preview,
  refused: Refused,
  report: Report,
  decisions: Decisions,
  audit: Audit,
};

type TabName = "preview" | "refused" | "report" | "decisions" | "audit";

/** One upload: how it stands, what can be done with it, and everything that is known of it. */
export function Detail({ app, uploadId, tab }: { app: App; uploadId: string; tab: string | null }) {
  const first = useAsync(() => app.client.upload(uploadId), [app, uploadId]);
  const one = useUpload(app, uploadId) ?? first.value;
  if (!one) {
    return first.error == null ? (
      <p class="quiet">{t("app.loading")}</p>
    ) : (
      <ErrorNotice error={first.error} again={first.reload} />
    );
  }
  const { upload } = one;
  return (
    <>
      <p>
        <a href={addressOf({ name: "history" })}>← {t("detail.back")}</a>
      </p>
      <header class="detail-head">
        <h1>{upload.fileName}</h1>
        <Badge upload={upload} />
        <Moves app={app} one={one} />
      </header>
      <p class="quiet">
        {[
          t("detail.sentBy", { user: upload.createdBy, time: dateTime(upload.createdAt) }),
          t("detail.workUnit", { name: upload.workUnitId }),
          bytes(upload.fileSize),
          ...(upload.dryRun ? [t("detail.dryRun")] : []),
        ].join(" · ")}
      </p>
      <section class="card">
        <UploadStatus one={one} />
        <Corrections upload={upload} />
      </section>
      <Tabs app={app} one={one} chosen={tab} />
    </>
  );
}

/** What this upload corrects, and what corrects it. */
function Corrections({ upload }: { upload: Upload }) {
  const { corrects, corrections, correctedRecords } = upload;
  return (
    <>
      {corrects && (
        <p>
          {t("detail.corrects")}{" "}
          <a href={addressOf({ name: "detail", uploadId: corrects, tab: null })}>{t("detail.corrects.link")}</a>.
        </p>
      )}
      {corrections.length > 0 && (
        <>
          {!!correctedRecords && <p>{t("end.correction", { count: correctedRecords })}</p>}
          <h2>{t("detail.corrections")}</h2>
          <ul>
            {corrections.map(({ uploadId, createdAt, createdBy, status }) => (
              <li key={uploadId}>
                <a href={addressOf({ name: "detail", uploadId, tab: null })}>{dateTime(createdAt)}</a> · {createdBy}
                {status && ` · ${t(`status.${status}`)}`}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Tabs({ app, one, chosen }: TabProps & { chosen: string | null }) {
  const reviewing = one.upload.stage === "reviewing";
  const names = (Object.keys(TABS) as TabName[]).filter((name) => name !== "preview" || reviewing);
  const shown = names.find((name) => name === chosen) ?? (reviewing ? "preview" : "refused");
  const list = useRef<HTMLDivElement>(null);
  const Shown = TABS[shown];
  const open = (name: TabName): void => go({ name: "detail", uploadId: one.upload.uploadId, tab: name });

  /** Arrow keys, as the tabs pattern has them (WAI-ARIA Authoring Practices). */
  function onKeyDown(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (names.indexOf(shown) + step + names.length) % names.length;
    open(names[next]!);
    (list.current?.children[next] as HTMLElement | undefined)?.focus();
  }

  return (
    <section class="tabs">
      <div role="tablist" aria-label={t("tabs")} ref={list} onKeyDown={onKeyDown}>
        {names.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === shown}
            aria-controls="tab-panel"
            tabIndex={name === shown ? 0 : -1}
            onClick={() => open(name)}
          >
            {t(`tab.${name}`)}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${shown}`} tabIndex={0}>
        <Shown app={app} one={one} />
      </div>
    </section>
  );
}
