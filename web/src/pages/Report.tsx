import { useState } from "preact/hooks";
import type { QualityReport } from "../api/client";
import { date, number, percent, problemTitle, t, tOr } from "../i18n/i18n";
import { Bars, Columns } from "../ui/Charts";
import { Empty, ErrorNotice } from "../ui/Notice";
import { saveAs } from "../ui/save";
import { useAsync } from "../ui/useAsync";
import type { TabProps } from "./Detail";

const MACHINES_SHOWN = 12;

/** What the file's records look like, in the charts that a plant asks for first. */
export function Report({ app, one }: TabProps) {
  const { uploadId, endedAt } = one.upload;
  const report = useAsync(
    () => (endedAt ? app.client.report(uploadId) : Promise.resolve(null)),
    [app, uploadId, endedAt],
  );
  const [error, setError] = useState<unknown>(null);
  if (report.error != null) return <ErrorNotice error={report.error} again={report.reload} />;
  if (report.loading) return <p class="quiet">{t("app.loading")}</p>;
  if (!report.value) return <Empty title={t("report.none")} />;
  const save = async (): Promise<void> => {
    saveAs(await app.client.reportPage(uploadId), `quality-report-${uploadId}.html`);
  };
  return (
    <>
      <Charts report={report.value} />
      <p>
        <button type="button" onClick={() => save().catch(setError)}>
          {t("report.open")}
        </button>
      </p>
      {error != null && <ErrorNotice error={error} />}
    </>
  );
}

function Charts({ report }: { report: QualityReport }) {
  const { period, counts } = report.time.rows;
  const machines = report.machines.names.slice(0, MACHINES_SHOWN);
  const further = report.machines.names
    .slice(MACHINES_SHOWN)
    .reduce((sum, one) => sum + one.rows, report.machines.otherRows);
  const missing = report.fields.filter((field) => field.missing > 0).sort((one, other) => other.missing - one.missing);
  return (
    <div class="charts">
      <Columns
        title={t("report.days", { period: tOr(`report.${period ?? "day"}`, "") })}
        values={Object.entries(counts ?? {}).map(([day, rows]) => ({
          label: dayOf(day),
          value: rows,
          shown: number(rows),
        }))}
      />
      <Bars
        title={t("report.machines")}
        values={[
          ...machines.map(({ name, rows }) => ({ label: name, value: rows, shown: number(rows) })),
          ...(further > 0 ? [{ label: t("report.others"), value: 0, shown: number(further) }] : []),
        ]}
      />
      <Bars
        title={t("report.reasons")}
        values={report.refusals.map(({ code, rows }) => ({
          label: problemTitle(code),
          value: rows,
          shown: number(rows),
        }))}
        empty={t("refused.none")}
      />
      <Bars
        title={t("report.missing")}
        values={missing.map((field) => ({
          label: field.column ?? field.field,
          value: field.missingShare,
          shown: `${percent(field.missingShare)} (${number(field.missing)})`,
        }))}
        most={1}
        empty={t("report.missing.none")}
      />
    </div>
  );
}

/** `2026-03-01` in the form of the reader's country; months and years stay as they are. */
function dayOf(day: string): string {
  return /^\d{4}-\d\d-\d\d$/.test(day) ? date(day) : day;
}
