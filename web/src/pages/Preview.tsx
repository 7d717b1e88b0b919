import { useState } from "preact/hooks";
import type { App } from "../app";
import type { ConfirmPreview, Preview as PreviewAnswer } from "../api/client";
import { number, t } from "../i18n/i18n";
import { Empty, ErrorNotice } from "../ui/Notice";
import { Field } from "../ui/Field";
import { useAsync } from "../ui/useAsync";
import { ZONES } from "../ui/zones";
import type { TabProps } from "./Detail";

/** Fields that a file often leaves out because they are the same for all of it. */
const OFTEN_THE_SAME = ["machineName", "siteName", "processName", "shift"];
const CHOICES = {
  decimalMark: { ".": "preview.decimalMark.point", ",": "preview.decimalMark.comma" },
  dateOrder: { YMD: "preview.dateOrder.YMD", DMY: "preview.dateOrder.DMY", MDY: "preview.dateOrder.MDY" },
  ratioScale: { fraction: "preview.ratioScale.fraction", percent: "preview.ratioScale.percent" },
} as const;

type Draft = Omit<ConfirmPreview, "preview">;
type Set = (part: Draft) => void;

/** How the file was read, before anything of it goes in; corrected here, then shown once more or imported. */
export function Preview({ app, one }: TabProps) {
  const { uploadId, stage, attempt } = one.upload;
  const loaded = useAsync(() => app.client.preview(uploadId), [app, uploadId, stage, attempt]);
  if (loaded.error != null) return <ErrorNotice error={loaded.error} again={loaded.reload} />;
  if (loaded.loading || !loaded.value) return <p class="quiet">{t("app.loading")}</p>;
  return <Review key={attempt} app={app} preview={loaded.value} />;
}

function Review({ app, preview }: { app: App; preview: PreviewAnswer }) {
  const [draft, setDraft] = useState<Draft>({});
  const mayImport = app.session.permissions.includes("data:import");
  const set: Set = (part) => setDraft((before) => ({ ...before, ...part }));
  return (
    <>
      {preview.problem ? (
        <div class="notice bad" role="alert">
          <strong>{t("preview.problem")}</strong>
          <p lang="en">{preview.problem.message}</p>
        </div>
      ) : (
        <p>{t("preview.lead")}</p>
      )}
      <fieldset class="review" disabled={!mayImport}>
        <ColumnTable preview={preview} draft={draft} set={set} />
        <div class="review-choices">
          <h2>{t("preview.choices")}</h2>
          <Choices preview={preview} draft={draft} set={set} />
          <Defaults preview={preview} draft={draft} set={set} />
          <Field label={t("preview.saveProfile")} help={t("preview.saveProfile.help")}>
            {(ids) => (
              <input
                {...ids}
                maxLength={100}
                value={draft.saveProfile ?? preview.choices.saveProfile ?? ""}
                onInput={(event) => set({ saveProfile: event.currentTarget.value || null })}
              />
            )}
          </Field>
        </div>
      </fieldset>
      <FirstRows preview={preview} />
      {mayImport && <ReviewEnd app={app} preview={preview} draft={draft} />}
    </>
  );
}

interface PartProps {
  preview: PreviewAnswer;
  draft: Draft;
  set: Set;
}

function ColumnTable({ preview, draft, set }: PartProps) {
  const mapping = draft.mapping ?? preview.choices.mapping ?? {};
  const fieldOf = (header: string, field: string | null): string => (header in mapping ? mapping[header] : field) ?? "";
  const columns = preview.columns.filter(({ how }) => how !== "ignored");
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("preview.columns")}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("preview.column")}</th>
            <th scope="col">{t("preview.field")}</th>
            <th scope="col">{t("preview.format")}</th>
          </tr>
        </thead>
        <tbody>
          {columns.map(({ header, field, format, type }) => {
            const to = fieldOf(header, field);
            return (
              <tr key={header} class={to ? undefined : "unmapped"}>
                <th scope="row">
                  {header} {!to && <span class="badge mixed">{t("preview.unmapped.badge")}</span>}
                </th>
                <td>
                  <select
                    aria-label={`${t("preview.field")}: ${header}`}
                    value={to}
                    onChange={(event) => set({ mapping: { ...mapping, [header]: event.currentTarget.value || null } })}
                  >
                    <option value="">{t("preview.unmapped")}</option>
                    {preview.fields.map(({ name, required }) => (
                      <option key={name} value={name}>
                        {required ? `${name} (${t("preview.required")})` : name}
                      </option>
                    ))}
                  </select>
                </td>
                <td lang="en">{[type, format].filter(Boolean).join(", ")}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Choices({ preview, draft, set }: PartProps) {
  const held = preview.choices;
  return (
    <>
      <Field label={t("preview.timeZone")}>
        {(ids) => (
          <select
            {...ids}
            value={draft.timeZone ?? held.timeZone ?? ""}
            onChange={(event) => set({ timeZone: event.currentTarget.value || null })}
          >
            <option value="">{t("preview.asDecided")}</option>
            {ZONES.map((zone) => (
              <option key={zone}>{zone}</option>
            ))}
          </select>
        )}
      </Field>
      {(Object.keys(CHOICES) as (keyof typeof CHOICES)[]).map((name) => (
        <Field key={name} label={t(`preview.${name}`)}>
          {(ids) => (
            <select
              {...ids}
              name={name}
              value={draft[name] ?? held[name] ?? ""}
              onChange={(event) => set({ [name]: event.currentTarget.value || null })}
            >
              <option value="">{t("preview.asDecided")}</option>
              {Object.entries(CHOICES[name]).map(([value, words]) => (
                <option key={value} value={value}>
                  {t(words)}
                </option>
              ))}
            </select>
          )}
        </Field>
      ))}
    </>
  );
}

/** Values for every row: of fields that no column has, where they are needed or often given so. */
function Defaults({ preview, draft, set }: PartProps) {
  const defaults = draft.defaults ?? preview.choices.defaults ?? {};
  const mapping = draft.mapping ?? preview.choices.mapping ?? {};
  const mapped = new Set(preview.columns.map(({ header, field }) => (header in mapping ? mapping[header] : field)));
  const asked = preview.fields.filter(
    ({ name, required }) => !mapped.has(name) && (required || name in defaults || OFTEN_THE_SAME.includes(name)),
  );
  if (asked.length === 0) return null;
  function give(name: string, text: string): void {
    const { [name]: _, ...others } = defaults;
    set({ defaults: text ? { ...others, [name]: text } : others });
  }
  return (
    <fieldset class="defaults">
      <legend>{t("preview.defaults")}</legend>
      {asked.map(({ name, required }) => (
        <Field key={name} label={required ? `${name} (${t("preview.required")})` : name}>
          {(ids) => (
            <input
              {...ids}
              value={defaults[name] ?? ""}
              placeholder={t("preview.default.empty")}
              onInput={(event) => give(name, event.currentTarget.value)}
            />
          )}
        </Field>
      ))}
    </fieldset>
  );
}

function FirstRows({ preview }: { preview: PreviewAnswer }) {
  if (preview.rows.length === 0) return <Empty title={t("report.nothing")} />;
  return (
    <>
      <h2>{t("preview.rows")}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("preview.rows")}>
        <table class="first-rows">
          <thead>
            <tr>
              <th scope="col">{t("refused.row")}</th>
              {preview.columns.map(({ header }) => (
                <th key={header} scope="col">
                  {header}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {preview.rows.map(({ row, cells }) => (
              <tr key={row}>
                <th scope="row">{number(row)}</th>
                {cells.map((cell, index) => (
                  <td key={index}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Import it, or be shown it once more with what was changed. */
function ReviewEnd({ app, preview, draft }: { app: App; preview: PreviewAnswer; draft: Draft }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const changed = Object.keys(draft).some((name) => name !== "saveProfile");
  async function confirm(again: boolean): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await app.client.confirm(preview.uploadId, { ...draft, preview: again });
      await app.live.refresh(preview.uploadId);
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  }
  const lookAgain = changed || preview.problem !== null;
  return (
    <div class="send-bar">
      <p>{changed ? t("preview.changed") : ""}</p>
      {error != null && <ErrorNotice error={error} />}
      <button
        type="button"
        class={lookAgain ? "primary" : undefined}
        disabled={busy || !changed}
        onClick={() => void confirm(true)}
      >
        {t("preview.again")}
      </button>
      <button
        type="button"
        class={lookAgain ? undefined : "primary"}
        disabled={busy || (preview.problem !== null && !changed)}
        onClick={() => void confirm(false)}
      >
        {t("preview.confirm", { count: preview.records })}
      </button>
    </div>
  );
}
