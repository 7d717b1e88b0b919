import type { ComponentChildren } from "preact";
import { ApiError } from "../api/client";
import { t } from "../i18n/i18n";

/** What went wrong, in the service's own words, and how to go on. */
export function ErrorNotice({ error, again }: { error: unknown; again?: () => void }) {
  const refusal = error instanceof ApiError ? error : null;
  const message =
    refusal?.code === "unreachable" ? t("error.unreachable") : error instanceof Error ? error.message : String(error);
  return (
    <div class="notice bad" role="alert">
      <p lang={refusal && refusal.code !== "unreachable" ? "en" : undefined}>{message}</p>
      {refusal?.retryAfter != null && (
        <p>{t("error.retryAfter", { minutes: Math.max(1, Math.ceil(refusal.retryAfter / 60)) })}</p>
      )}
      {refusal?.supportId && <p class="quiet">{t("error.supportId", { id: refusal.supportId })}</p>}
      {again && (
        <button type="button" onClick={again}>
          {t("error.again")}
        </button>
      )}
    </div>
  );
}

/** A place with nothing in it yet, and what to do about that. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}
