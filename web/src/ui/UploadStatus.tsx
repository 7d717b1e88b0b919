import type { OneUpload, Progress, Upload } from "../api/client";
import { duration, number, t } from "../i18n/i18n";
import { hasCounts, isServiceWords, sentenceOf, statusWords } from "./words";

const STAGES = ["awaiting_upload", "scanning", "queued", "planning", "importing", "finishing"] as const;
const WITH_REVIEW = ["awaiting_upload", "scanning", "planning", "reviewing", "importing", "finishing"] as const;
const KINDS = {
  pending: "wait",
  processing: "wait",
  completed: "good",
  completed_with_errors: "mixed",
  failed: "bad",
  cancelled: "quiet",
  undone: "quiet",
} as const;

export function Badge({ upload }: { upload: Upload }) {
  return <span class={`badge ${KINDS[upload.status]}`}>{statusWords(upload)}</span>;
}

/** The steps of an import, with the one that it is at; none once it has ended. */
export function Steps({ upload }: { upload: Upload }) {
  const stages: readonly string[] = upload.preview ? WITH_REVIEW : STAGES;
  const at = stages.indexOf(upload.stage ?? "");
  if (at < 0) return null;
  return (
    <ol class="steps" aria-label={t("stages")}>
      {stages.map((stage, index) => (
        <li
          key={stage}
          class={index < at ? "done" : index === at ? "now" : ""}
          aria-current={index === at ? "step" : undefined}
        >
          {t(`stage.${stage as (typeof STAGES)[number]}`)}
        </li>
      ))}
    </ol>
  );
}

/** What became of the records so far, as a bar and as numbers that add up. */
export function Counts({ progress }: { progress: Progress }) {
  if (!hasCounts(progress)) return null;
  const all = progress.totalRecords;
  const fates = [
    { kind: "good", words: t("count.imported"), count: progress.successfulRecords },
    { kind: "known", words: t("count.duplicates"), count: progress.duplicates },
    { kind: "bad", words: t("count.refused"), count: progress.failedRecords },
    { kind: "left", words: t("count.unprocessed"), count: progress.unprocessedRecords },
  ];
  let start = 0;
  return (
    <div class="counts">
      <svg class="fates" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        {fates.map(({ kind, count }) => {
          const width = (100 * count) / all;
          const x = start;
          start += width;
          return <rect key={kind} class={kind} x={x} width={width} height={4} />;
        })}
      </svg>
      <dl class="tiles">
        {fates
          .filter(({ kind, count }) => count > 0 || kind === "good")
          .map(({ kind, words, count }) => (
            <div key={kind} class={kind}>
              <dt>{words}</dt>
              <dd>{number(count)}</dd>
            </div>
          ))}
      </dl>
    </div>
  );
}

/** An upload as it stands: said, shown, counted. */
export function UploadStatus({ one }: { one: OneUpload }) {
  const { upload, progress } = one;
  const running = upload.stage === "importing";
  return (
    <div class="upload-status">
      <p class="sentence" role="status" lang={isServiceWords(upload) ? "en" : undefined}>
        {sentenceOf(upload)}
      </p>
      <Steps upload={upload} />
      {running && (
        <p class="quiet">
          {t("progress.of", { done: progress.processedRecords, all: progress.totalRecords })}
          {progress.estimatedTimeRemaining
            ? ` · ${t("progress.left", { time: duration(progress.estimatedTimeRemaining) })}`
            : ""}
        </p>
      )}
      <Counts progress={progress} />
      {upload.failure && <p class="quiet">{t("error.supportId", { id: upload.failure.supportId })}</p>}
    </div>
  );
}
