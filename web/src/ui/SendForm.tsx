import { useState } from "preact/hooks";
import type { LinefeedClient } from "../api/client";
import type { Limits } from "../config";
import { bytes, t } from "../i18n/i18n";
import type { FileSender } from "../upload/sender";
import { DropZone } from "./DropZone";
import { ErrorNotice } from "./Notice";
import { asRequest, OptionsForm, remember, rememberedOptions, type ChosenOptions } from "./Options";
import { Refusals, SendingList } from "./SendingList";
import { TemplateLink } from "./TemplateLink";

interface SendFormProps {
  client: LinefeedClient;
  limits: Limits;
  sender: FileSender;
  /** What is chosen already and not asked for. */
  fixed?: Partial<ChosenOptions>;
}

/** Choose files, say what they are of, send them. */
export function SendForm({ client, limits, sender, fixed = {} }: SendFormProps) {
  const [chosen, setChosen] = useState(rememberedOptions);
  const [complain, setComplain] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const files = sender.files.value;
  const ready = files.filter((file) => file.phase === "chosen");
  const options = { ...chosen, ...fixed };

  function send(event: Event): void {
    event.preventDefault();
    setComplain(true);
    const workUnitId = options.workUnitId.trim();
    if (!workUnitId) {
      (event.currentTarget as HTMLFormElement).querySelector<HTMLInputElement>("[name=workUnitId]")?.focus();
      return;
    }
    remember(chosen);
    setError(null);
    sender.send(asRequest({ ...options, workUnitId })).catch(setError);
  }

  return (
    <form class="send" noValidate onSubmit={send}>
      <div class="send-files">
        <DropZone sender={sender} most={limits.maxFileSize} />
        <Refusals refusals={sender.refusals.value} limits={limits} onDismiss={() => sender.dismissRefusals()} />
        <SendingList files={files} sender={sender} />
        {error != null && <ErrorNotice error={error} />}
        <p class="send-end">
          {ready.length > 0 && (
            <button type="submit" class="primary">
              {t("upload.send", { count: ready.length })} ({bytes(ready.reduce((sum, file) => sum + file.size, 0))})
            </button>
          )}
          <TemplateLink client={client} />
        </p>
      </div>
      <OptionsForm value={options} fixed={fixed} onChange={setChosen} complain={complain} />
    </form>
  );
}
