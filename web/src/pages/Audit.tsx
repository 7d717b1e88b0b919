import { dateTime, t, tOr } from "../i18n/i18n";
import { ErrorNotice } from "../ui/Notice";
import { usePages } from "../ui/usePages";
import type { TabProps } from "./Detail";

const SYSTEM = "system";

/** Every act and decision, the oldest first. */
export function Audit({ app, one }: TabProps) {
  const { uploadId, stage, status } = one.upload;
  const pages = usePages((cursor) => app.client.audit(uploadId, cursor), [app, uploadId, stage, status]);
  return (
    <>
      {pages.error != null && <ErrorNotice error={pages.error} again={pages.reload} />}
      <div class="scroll" tabIndex={0} role="region" aria-label={t("tab.audit")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("audit.time")}</th>
              <th scope="col">{t("audit.event")}</th>
              <th scope="col">{t("audit.actor")}</th>
              <th scope="col">{t("audit.details")}</th>
            </tr>
          </thead>
          <tbody>
            {pages.items.map((event, index) => (
              <tr key={index}>
                <td class="nowrap">{dateTime(event.at)}</td>
                <td>{tOr(`event.${event.event}`, event.event)}</td>
                <td>{event.actor === SYSTEM ? t("audit.system") : event.actor}</td>
                <td class="details">{toldOf(event.details ?? {})}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {pages.more && (
        <button type="button" onClick={pages.next}>
          {t("history.more")}
        </button>
      )}
    </>
  );
}

function toldOf(details: Record<string, unknown>): string {
  const parts = Object.entries(details).map(([name, value]) => {
    const told = typeof value === "object" ? JSON.stringify(value) : String(value);
    return `${name}: ${told.length > 300 ? `${told.slice(0, 300)} …` : told}`;
  });
  return parts.join("; ");
}
