import { t } from "../i18n/i18n";
import { Empty } from "../ui/Notice";
import type { TabProps } from "./Detail";

/** How the file was read: what was decided, and on what evidence; what each column became. */
export function Decisions({ one }: TabProps) {
  const { decisions, columns, unmappedColumns } = one.upload;
  if (decisions.length === 0 && Object.keys(columns).length === 0) return <Empty title={t("decisions.none")} />;
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("tab.decisions")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("decisions.subject")}</th>
              <th scope="col">{t("decisions.choice")}</th>
              <th scope="col">{t("decisions.evidence")}</th>
            </tr>
          </thead>
          <tbody lang="en">
            {decisions.map((decision, index) => (
              <tr key={index}>
                <th scope="row">{decision.subject}</th>
                <td>{decision.choice}</td>
                <td>{decision.evidence}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>{t("decisions.columns")}</h2>
      <ul class="columns">
        {Object.entries(columns).map(([column, field]) => (
          <li key={column}>
            {column} → <code>{field}</code>
          </li>
        ))}
        {unmappedColumns.map((column) => (
          <li key={column}>
            {column} <span class="quiet">({t("decisions.unmapped")})</span>
          </li>
        ))}
      </ul>
    </>
  );
}
