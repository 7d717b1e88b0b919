import { useMemo, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import type { Problem, RefusedRow, Upload } from "../api/client";
import { correctionFile, type Corrections } from "../corrections";
import { number, problemTitle, t } from "../i18n/i18n";
import { go } from "../router";
import { Empty, ErrorNotice } from "../ui/Notice";
import { Field } from "../ui/Field";
import { download } from "../ui/save";
import { usePages } from "../ui/usePages";
import type { TabProps } from "./Detail";

const EMPTY: Corrections = {};

/** The refused rows by their reasons; cells are put right here, and the changed rows sent again. */
export function Refused({ app, one }: TabProps) {
  const { upload, progress } = one;
  const columns = useRef<string[]>([]);
  const pages = usePages(
    async (cursor) => {
      const page = await app.client.refusedRows(upload.uploadId, cursor);
      columns.current = page.columns;
      return page;
    },
    [app, upload.uploadId, upload.endedAt, upload.correctedRecords],
  );
  const [reason, setReason] = useState("");
  const [search, setSearch] = useState("");
  const [corrections, setCorrections] = useState<Corrections>(EMPTY);
  const reasons = useMemo(() => reasonsOf(pages.items), [pages.items]);
  const shown = useMemo(
    () => pages.items.filter((row) => hasReason(row, reason) && hasText(row, search)),
    [pages.items, reason, search],
  );
  if (pages.error != null && pages.items.length === 0) return <ErrorNotice error={pages.error} again={pages.reload} />;
  if (pages.items.length === 0) {
    if (pages.loading) return <p class="quiet">{t("app.loading")}</p>;
    return <Empty title={upload.stage ? t("refused.later") : t("refused.none")} />;
  }
  const mayFix = app.session.permissions.includes("data:import") && upload.stage === null && !upload.dryRun;

  function set(row: RefusedRow, column: string, text: string): void {
    const { [column]: _, ...others } = corrections[row.row] ?? {};
    const cells = text === cellOf(row, column) ? others : { ...others, [column]: text };
    const { [row.row]: __, ...rest } = corrections;
    setCorrections(Object.keys(cells).length ? { ...rest, [row.row]: cells } : rest);
  }

  return (
    <>
      {mayFix && <p>{t("refused.lead")}</p>}
      <div class="refused-tools">
        <Field label={t("refused.reasons")}>
          {(ids) => (
            <select {...ids} value={reason} onChange={(event) => setReason(event.currentTarget.value)}>
              <option value="">{t("refused.all")}</option>
              {reasons.map(([code, rows]) => (
                <option key={code} value={code}>
                  {problemTitle(code)} ({t("refused.rows", { count: rows })})
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t("refused.search")}>
          {(ids) => (
            <input {...ids} type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
          )}
        </Field>
        <Downloads app={app} upload={upload} />
      </div>
      <p class="quiet" role="status">
        {t("refused.shown", { shown: shown.length, all: Math.max(progress.failedRecords, pages.items.length) })}
      </p>
      {shown.length === 0 ? (
        <Empty title={t("refused.nothingFound")} />
      ) : (
        <Table
          columns={columns.current}
          rows={shown}
          upload={upload}
          corrections={corrections}
          onChange={mayFix ? set : null}
        />
      )}
      {pages.more && (
        <button type="button" disabled={pages.loading} onClick={pages.next}>
          {t("refused.more")}
        </button>
      )}
      <SendBar
        app={app}
        upload={upload}
        columns={columns.current}
        rows={pages.items}
        corrections={corrections}
        onDiscard={() => setCorrections(EMPTY)}
      />
    </>
  );
}

function Downloads({ app, upload }: { app: App; upload: Upload }) {
  const [error, setError] = useState<unknown>(null);
  if (upload.stage !== null) return null;
  async function get(format: "csv" | "xlsx"): Promise<void> {
    setError(null);
    try {
      download(await app.client.refusedRowsFile(upload.uploadId, format));
    } catch (problem) {
      setError(problem);
    }
  }
  return (
    <div class="downloads">
      <button type="button" onClick={() => void get("xlsx")}>
        {t("refused.xlsx")}
      </button>
      <button type="button" onClick={() => void get("csv")}>
        {t("refused.csv")}
      </button>
      {error != null && <ErrorNotice error={error} />}
    </div>
  );
}

type Change = (row: RefusedRow, column: string, text: string) => void;

interface TableProps {
  columns: string[];
  rows: RefusedRow[];
  upload: Upload;
  corrections: Corrections;
  onChange: Change | null;
}

function Table({ columns, rows, upload, corrections, onChange }: TableProps) {
  const columnOf = useMemo(() => {
    const known = new Map(Object.entries(upload.columns).map(([column, field]) => [field, column]));
    return (field: string): string => known.get(field) ?? field;
  }, [upload.columns]);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("tab.refused")}>
      <table class="refused">
        <thead>
          <tr>
            <th scope="col">{t("refused.row")}</th>
            <th scope="col">{t("refused.column")}</th>
            <th scope="col">{t("refused.value")}</th>
            <th scope="col">{t("refused.reason")}</th>
          </tr>
        </thead>
        {rows.map((row) => (
          <RowProblems
            key={row.row}
            row={row}
            columns={columns}
            columnOf={columnOf}
            corrections={corrections}
            onChange={onChange && canBeEdited(row) ? onChange : null}
          />
        ))}
      </table>
    </div>
  );
}

interface RowProps {
  row: RefusedRow;
  columns: string[];
  columnOf: (field: string) => string;
  corrections: Corrections;
  /** Null where the row cannot be put right here. */
  onChange: Change | null;
}

/** All that is wrong with a row, and on demand every cell of it: what does not fit may be the other one's fault. */
function RowProblems(props: RowProps) {
  const { row, corrections, onChange } = props;
  const [open, setOpen] = useState(false);
  const problems = errorsOf(row);
  return (
    <tbody class={corrections[row.row] ? "changed" : undefined}>
      {problems.map((problem, index) => (
        <tr key={index}>
          {index === 0 && (
            <th scope="rowgroup" rowSpan={problems.length}>
              {number(row.row)} {row.correctedBy && <span class="badge good">{t("refused.corrected")}</span>}
              {onChange && (
                <button type="button" class="plain small" aria-expanded={open} onClick={() => setOpen(!open)}>
                  {t("refused.whole")}
                </button>
              )}
            </th>
          )}
          <ProblemCells {...props} problem={problem} />
        </tr>
      ))}
      {open && onChange && (
        <tr>
          <td colSpan={4}>
            <WholeRow {...props} onChange={onChange} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function ProblemCells({ row, problem, columnOf, corrections, onChange }: RowProps & { problem: Problem }) {
  const column = problem.field === null ? null : columnOf(problem.field);
  return (
    <>
      <td>{column ?? t("refused.wholeRow")}</td>
      <td class="value">
        {onChange && column !== null ? (
          <input
            aria-label={t("refused.edit", { row: number(row.row), column })}
            value={corrections[row.row]?.[column] ?? cellOf(row, column)}
            onInput={(event) => onChange(row, column, event.currentTarget.value)}
          />
        ) : (
          <span class="asis">{problem.value || t("refused.emptyCell")}</span>
        )}
      </td>
      <td>
        <strong>{problemTitle(problem.code)}</strong>
        {problem.error !== problemTitle(problem.code) && (
          <span class="help" lang="en">
            {problem.error}
          </span>
        )}
        {typeof row.record === "string" && <span class="help">{t("refused.unreadable")}</span>}
      </td>
    </>
  );
}

function WholeRow({ row, columns, corrections, onChange }: RowProps & { onChange: Change }) {
  return (
    <div class="whole-row">
      {columns.map((column) => (
        <Field key={column} label={column}>
          {(ids) => (
            <input
              {...ids}
              value={corrections[row.row]?.[column] ?? cellOf(row, column)}
              onInput={(event) => onChange(row, column, event.currentTarget.value)}
            />
          )}
        </Field>
      ))}
    </div>
  );
}

interface SendBarProps {
  app: App;
  upload: Upload;
  columns: string[];
  rows: RefusedRow[];
  corrections: Corrections;
  onDiscard: () => void;
}

/** Sends the changed rows as an upload of their own, which corrects this one. */
function SendBar({ app, upload, columns, rows, corrections, onDiscard }: SendBarProps) {
  const [error, setError] = useState<unknown>(null);
  const count = Object.keys(corrections).length;
  if (count === 0) return null;
  async function send(): Promise<void> {
    setError(null);
    try {
      const uploadId = await app.sender.sendMade(correctionFile(upload, columns, rows, corrections), {
        // Rows that a correction could not bring in have their numbers of the upload that it corrects.
        corrects: upload.corrects ?? upload.uploadId,
      });
      onDiscard();
      go({ name: "detail", uploadId, tab: null });
    } catch (problem) {
      setError(problem);
    }
  }
  return (
    <div class="send-bar" role="region" aria-label={t("refused.changed", { count })}>
      <p>{t("refused.changed", { count })}</p>
      {error != null && <ErrorNotice error={error} />}
      <button type="button" class="plain" onClick={onDiscard}>
        {t("refused.discard")}
      </button>
      <button type="button" class="primary" onClick={() => void send()}>
        {t("refused.sendAgain", { count })}
      </button>
    </div>
  );
}

/** Unless it has no cells or more than the file has columns, is not whole here, or has been put right since. */
function canBeEdited(row: RefusedRow): boolean {
  const overfull = row.errors.some((problem) => problem.code === "row_too_many_cells");
  return typeof row.record !== "string" && !overfull && !row.truncated && row.correctedBy === null;
}

function cellOf(row: RefusedRow, column: string): string {
  return typeof row.record === "string" ? "" : (row.record[column] ?? "");
}

/** How many of the rows each reason has, the most frequent first. */
function reasonsOf(rows: RefusedRow[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    for (const code of new Set(errorsOf(row).map((problem) => problem.code)))
      counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one);
}

function errorsOf(row: RefusedRow): Problem[] {
  return row.errors.filter((problem) => problem.severity === "error");
}

function hasReason(row: RefusedRow, code: string): boolean {
  return !code || errorsOf(row).some((problem) => problem.code === code);
}

function hasText(row: RefusedRow, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  if (!wanted) return true;
  const cells = typeof row.record === "string" ? [row.record] : Object.values(row.record);
  return [String(row.row), ...cells, ...row.errors.map((problem) => problem.error)].some((text) =>
    text.toLowerCase().includes(wanted),
  );
}
