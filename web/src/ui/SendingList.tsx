import { useRef, useState } from "preact/hooks";
import { bytes, duration, t } from "../i18n/i18n";
import type { FileSender, Refusal, Sending } from "../upload/sender";
import type { Limits } from "../config";
import { Icon } from "./Icon";
import { ErrorNotice } from "./Notice";

/** Files that are on their way to the service. */
export function SendingList({ files, sender }: { files: Sending[]; sender: FileSender }) {
  return (
    <ul class="files">
      {files.map((file) => (
        <li key={file.id} class="file">
          <SendingCard file={file} sender={sender} />
        </li>
      ))}
    </ul>
  );
}

function SendingCard({ file, sender }: { file: Sending; sender: FileSender }) {
  const share = file.size ? file.sent / file.size : 0;
  const moving = file.phase === "sending" || file.phase === "paused" || file.phase === "offline";
  return (
    <>
      <Icon name="file" />
      <div class="file-text">
        <strong>{file.name}</strong>
        <p class="quiet" role="status">
          {phaseWords(file)}
        </p>
        {moving && (
          <progress max={1} value={share} aria-label={t("sending.progress", { name: file.name })}>
            {Math.round(100 * share)} %
          </progress>
        )}
        {file.error && <ErrorNotice error={file.error} />}
      </div>
      <div class="file-acts">
        <Acts file={file} sender={sender} />
      </div>
    </>
  );
}

function phaseWords(file: Sending): string {
  const values = { sent: bytes(file.sent), size: bytes(file.size) };
  switch (file.phase) {
    case "chosen":
      return `${bytes(file.size)} · ${t("sending.chosen")}`;
    case "sending": {
      const parts = [t("sending.sending", values)];
      if (file.rate > 0) {
        parts.push(t("sending.rate", { rate: bytes(file.rate) }));
        parts.push(t("sending.left", { time: duration((file.size - file.sent) / file.rate) }));
      }
      return parts.join(" · ");
    }
    default:
      return t(`sending.${file.phase}`, values);
  }
}

function Acts({ file, sender }: { file: Sending; sender: FileSender }) {
  const named = (label: string): { "aria-label": string } => ({ "aria-label": `${label}: ${file.name}` });
  return (
    <>
      {file.phase === "sending" && (
        <button type="button" onClick={() => sender.pauseOrGoOn(file.id)} {...named(t("sending.pause"))}>
          {t("sending.pause")}
        </button>
      )}
      {file.phase === "paused" && (
        <button type="button" onClick={() => sender.pauseOrGoOn(file.id)} {...named(t("sending.resume"))}>
          {t("sending.resume")}
        </button>
      )}
      {(file.phase === "failed" || file.phase === "interrupted") && (
        <button type="button" class="primary" onClick={() => void sender.again(file.id)}>
          {file.phase === "failed" ? t("sending.again") : t("sending.resume")}
        </button>
      )}
      {file.phase === "lost" && <ChooseAgain file={file} sender={sender} />}
      <button type="button" class="plain" onClick={() => void sender.remove(file.id)} {...named(t("sending.remove"))}>
        {t("sending.remove")}
      </button>
    </>
  );
}

function ChooseAgain({ file, sender }: { file: Sending; sender: FileSender }) {
  const input = useRef<HTMLInputElement>(null);
  const [other, setOther] = useState(false);
  function take(chosen: File | undefined): void {
    if (chosen) setOther(!sender.goOnWith(file.id, chosen));
  }
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        onChange={(event) => {
          take(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
      <button type="button" class="primary" onClick={() => input.current?.click()}>
        {t("sending.choose")}
      </button>
      {other && (
        <p class="help bad" role="alert">
          {t("sending.other", { name: file.name, size: bytes(file.size) })}
        </p>
      )}
    </>
  );
}

/** Files that were not taken, each with what to do about it. */
export function Refusals({
  refusals,
  limits,
  onDismiss,
}: {
  refusals: Refusal[];
  limits: Limits;
  onDismiss: () => void;
}) {
  if (refusals.length === 0) return null;
  const endings = Object.values(limits.fileTypes).flat().join(", ");
  return (
    <div class="notice bad" role="alert">
      <ul>
        {refusals.map(({ name, size, fault }) => (
          <li key={name}>
            {t(`upload.refused.${fault}`, { name, endings, size: bytes(size), most: bytes(limits.maxFileSize) })}
          </li>
        ))}
      </ul>
      <button type="button" class="plain" onClick={onDismiss}>
        {t("error.dismiss")}
      </button>
    </div>
  );
}
