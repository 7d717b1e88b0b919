import type { Progress, Upload } from "../api/client";
import { t, tOr } from "../i18n/i18n";

/** How an upload stands, in a sentence in the page's language; a failure in the service's own words. */
export function sentenceOf(upload: Upload): string {
  if (upload.stage) return tOr(`now.${upload.stage}`, upload.message);
  if (upload.status === "undone" && upload.undone) return t("end.undone", { removed: upload.undone.removed });
  if (upload.failure) return upload.message;
  const counts = countsOf(upload);
  if (upload.status !== "cancelled") return counts || upload.message;
  return [t("end.cancelled"), counts].filter(Boolean).join(" ");
}

/** Whether that sentence is the service's, which speaks English. */
export function isServiceWords(upload: Upload): boolean {
  return !upload.stage && upload.status !== "undone" && upload.failure !== null;
}

function countsOf(upload: Upload): string {
  const totals = upload.totals;
  if (!totals) return "";
  const { records, imported, duplicates, refused, unprocessed } = totals;
  const parts = [t(upload.dryRun ? "end.dryRun" : "end.imported", { imported, records })];
  if (duplicates) parts.push(t("end.duplicates", { count: duplicates }));
  if (refused) parts.push(t("end.refused", { count: refused }));
  if (unprocessed) parts.push(t("end.unprocessed", { count: unprocessed }));
  return `${parts.join(", ")}.`;
}

/** Whether anything is known of the file's records. */
export function hasCounts(progress: Progress): boolean {
  return progress.totalRecords > 0;
}

export function statusWords(upload: Upload): string {
  return upload.stage === "reviewing" ? t("status.reviewing") : t(`status.${upload.status}`);
}
