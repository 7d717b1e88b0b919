import { useState } from "preact/hooks";
import type { LinefeedClient } from "../api/client";
import { t } from "../i18n/i18n";
import { Icon } from "./Icon";
import { ErrorNotice } from "./Notice";
import { saveAs } from "./save";

/** The template, which takes a session to get and so is no plain link. */
export function TemplateLink({ client }: { client: LinefeedClient }) {
  const [error, setError] = useState<unknown>(null);
  async function get(): Promise<void> {
    setError(null);
    try {
      saveAs(await client.template(), "linefeed-template.xlsx");
    } catch (problem) {
      setError(problem);
    }
  }
  return (
    <>
      <button type="button" class="plain" onClick={() => void get()}>
        <Icon name="down" /> {t("upload.template")}
      </button>
      {error != null && <ErrorNotice error={error} />}
    </>
  );
}
