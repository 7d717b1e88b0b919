import { useState } from "preact/hooks";
import type { App } from "../app";
import type { HistoryQuery, Upload } from "../api/client";
import { dateTime, t } from "../i18n/i18n";
import { addressOf } from "../router";
import { Empty, ErrorNotice } from "../ui/Notice";
import { Field } from "../ui/Field";
import { Badge } from "../ui/UploadStatus";
import { isServiceWords, sentenceOf } from "../ui/words";
import { useDebounced } from "../ui/useDebounced";
import { usePages } from "../ui/usePages";

const STATUSES = [
  "pending",
  "processing",
  "completed",
  "completed_with_errors",
  "failed",
  "cancelled",
  "undone",
] as const;

interface Filters {
  search: string;
  status: "" | (typeof STATUSES)[number];
  /** Days, as the date fields have them. */
  from: string;
  to: string;
}

const NONE: Filters = { search: "", status: "", from: "", to: "" };

/** The tenant's uploads, the newest first. */
export function History({ app }: { app: App }) {
  const [filters, setFilters] = useState(NONE);
  const asked = useDebounced(filters, 300);
  const pages = usePages((cursor) => app.client.history(queryOf(asked), cursor), [app, asked]);
  const filtered = Object.values(asked).some(Boolean);
  const empty = !pages.loading && !pages.error && pages.items.length === 0 && !pages.more;
  return (
    <>
      <h1>{t("history.title")}</h1>
      <FilterForm value={filters} onChange={setFilters} onReload={pages.reload} />
      {pages.error != null && <ErrorNotice error={pages.error} again={pages.reload} />}
      {pages.items.length > 0 && <Table uploads={pages.items} />}
      {empty && filtered && (
        <Empty title={t("history.nothingFound")}>
          <button type="button" onClick={() => setFilters(NONE)}>
            {t("history.clear")}
          </button>
        </Empty>
      )}
      {empty && !filtered && (
        <Empty title={t("history.empty")}>
          <p>{t("history.empty.help")}</p>
          <a class="button primary" href={addressOf({ name: "upload" })}>
            {t("nav.upload")}
          </a>
        </Empty>
      )}
      {pages.loading && <p class="quiet">{t("app.loading")}</p>}
      {pages.more && !pages.loading && (
        <button type="button" onClick={pages.next}>
          {t("history.more")}
        </button>
      )}
    </>
  );
}

interface FilterFormProps {
  value: Filters;
  onChange: (value: Filters) => void;
  onReload: () => void;
}

function FilterForm({ value, onChange, onReload }: FilterFormProps) {
  const set = (part: Partial<Filters>): void => onChange({ ...value, ...part });
  return (
    <form
      class="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onReload();
      }}
    >
      <Field label={t("history.search")}>
        {(ids) => (
          <input
            {...ids}
            type="search"
            value={value.search}
            onInput={(event) => set({ search: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={t("history.status")}>
        {(ids) => (
          <select
            {...ids}
            value={value.status}
            onChange={(event) => set({ status: event.currentTarget.value as Filters["status"] })}
          >
            <option value="">{t("history.status.all")}</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {t(`status.${status}`)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={t("history.from")}>
        {(ids) => (
          <input
            {...ids}
            type="date"
            value={value.from}
            onInput={(event) => set({ from: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={t("history.to")}>
        {(ids) => (
          <input {...ids} type="date" value={value.to} onInput={(event) => set({ to: event.currentTarget.value })} />
        )}
      </Field>
      <button type="submit">{t("history.reload")}</button>
    </form>
  );
}

function Table({ uploads }: { uploads: Upload[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("history.title")}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("history.file")}</th>
            <th scope="col">{t("history.status")}</th>
            <th scope="col">{t("history.result")}</th>
            <th scope="col">{t("history.when")}</th>
            <th scope="col">{t("history.who")}</th>
          </tr>
        </thead>
        <tbody>
          {uploads.map((upload) => (
            <tr key={upload.uploadId}>
              <th scope="row">
                <a href={addressOf({ name: "detail", uploadId: upload.uploadId, tab: null })}>{upload.fileName}</a>
                <span class="quiet"> {upload.workUnitId}</span>
              </th>
              <td>
                <Badge upload={upload} />
              </td>
              <td lang={isServiceWords(upload) ? "en" : undefined}>{sentenceOf(upload)}</td>
              <td class="nowrap">{dateTime(upload.createdAt)}</td>
              <td>{upload.createdBy}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The filters as the API has them: days are this place's, from their start to their end. */
function queryOf({ search, status, from, to }: Filters): HistoryQuery {
  return {
    limit: 20,
    ...(search.trim() ? { search: search.trim() } : {}),
    ...(status ? { status: [status] } : {}),
    ...(from ? { from: new Date(`${from}T00:00:00`).toISOString() } : {}),
    ...(to ? { to: new Date(`${to}T23:59:59.999`).toISOString() } : {}),
  };
}
