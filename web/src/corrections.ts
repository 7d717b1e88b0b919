import type { RefusedRow, Upload } from "./api/client";

/** Cells that a person has put right: the row of the file → column → text. */
export type Corrections = Record<number, Record<string, string>>;

/** What stands in front of the file's own columns, as in the download of refused rows; the last two may be empty. */
const OURS = "linefeed:";
const IN_FRONT = ["linefeed:row", "linefeed:codes", "linefeed:reasons"];

/** A formula to a spreadsheet, which the service guards with an apostrophe in what it hands out and takes back. */
const FORMULA = /^'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/;
const SIGNED_NUMBER = /^[+-](\d+([.,]\d*)?|[.,]\d+)$/;

/** The rows that were changed, as a CSV file: every column in the file's order, as it stood or was put right. */
export function correctionFile(upload: Upload, columns: string[], rows: RefusedRow[], corrections: Corrections): File {
  const sent = columns.filter((column) => !column.startsWith(OURS));
  const lines = rows
    .filter((row) => corrections[row.row] && typeof row.record !== "string")
    .map((row) => {
      const record = { ...(row.record as Record<string, string>), ...corrections[row.row] };
      return [String(row.row), "", "", ...sent.map((column) => guarded(record[column] ?? ""))];
    });
  const text = [[...IN_FRONT, ...sent], ...lines].map((cells) => cells.map(quoted).join(",")).join("\r\n");
  const name = `${upload.fileName.replace(/(\.[a-z]+)+$/i, "")}-correction.csv`;
  return new File([`${text}\r\n`], name, { type: "text/csv" });
}

function guarded(cell: string): string {
  return FORMULA.test(cell) && !SIGNED_NUMBER.test(cell) ? `'${cell}` : cell;
}

function quoted(cell: string): string {
  return `"${cell.replaceAll('"', '""')}"`;
}
